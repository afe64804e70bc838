"""SMTP submission (RFC 5321, RFC 3207, RFC 4954, RFC 6531): never in the clear beyond this machine.

A connection is kept from one mail to the next until :meth:`SmtpTransport.rest`. What a refusal means:

* 5xx for the recipient or the mail itself is for good; whoever retries it is a nuisance (RFC 5321 section 4.2.1);
* 4xx for the recipient or the mail passes by itself;
* everything else (no connection, no STARTTLS, a certificate that does not hold, credentials or a sender's address that
  the server does not like) is for people to mend: the mails wait.
"""

import asyncio
import email.policy
import ipaddress
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, TypeAlias

import aiosmtplib

from portico.kernel.errors import Misconfigured
from portico.mail.transports import DeliveryFailed

Security: TypeAlias = Literal["starttls", "tls", "none"]

_ASKS_TO_SIGN_IN = {530, 534, 535, 538}
_CLOSING = 421
_PARTING = timedelta(seconds=2)
_TROUBLE = (aiosmtplib.SMTPException, OSError)


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpSettings:
    """Where mail is handed over, and how."""

    host: str
    port: int
    security: Security = "starttls"
    """``starttls``: the server must offer it; ``tls``: from the first byte; ``none``: on this machine only."""
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    client_name: str = "localhost"
    """How we introduce ourselves: the name of the host that sends."""
    timeout: timedelta = timedelta(seconds=20)
    """How long the server may take for any one answer."""


class _ConnectionOver(DeliveryFailed):
    """The server has ended the connection, which it may do for no reason of ours."""


class SmtpTransport:
    """Hands mails to one server."""

    def __init__(self, settings: SmtpSettings, *, from_address: str) -> None:
        """``from_address`` is a wire address. Raises Misconfigured for what can never be sent safely."""
        if settings.security == "none" and not is_loopback(settings.host):
            raise Misconfigured(f"mail to {settings.host} must be encrypted: choose starttls or tls")
        self._settings = settings
        self._from_address = from_address
        self._tls = None if settings.security == "none" else _tls_context(settings.ca_file)
        self._idle: list[aiosmtplib.SMTP] = []

    async def deliver(self, mail: EmailMessage, recipient: str) -> None:
        """See :class:`~portico.mail.transports.Transport`."""
        kept = self._idle.pop() if self._idle else None
        try:
            await self._deliver_over(kept or await self._connect(), mail, recipient)
        except _ConnectionOver:
            if kept is None:
                raise
            # A server may tire of a connection at any time; that says nothing about the next one.
            await self._deliver_over(await self._connect(), mail, recipient)

    async def check(self) -> None:
        """See :class:`~portico.mail.transports.Transport`. Connects, encrypts and signs in."""
        await _part(await self._connect())

    async def rest(self) -> None:
        """See :class:`~portico.mail.transports.Transport`."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_part(connection) for connection in idle))

    async def _connect(self) -> aiosmtplib.SMTP:
        settings = self._settings
        connection = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password or None,
            local_hostname=settings.client_name,
            timeout=settings.timeout.total_seconds(),
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._tls,
        )
        try:
            await connection.connect()
        except (*_TROUBLE, ValueError) as error:  # a host's name that cannot be one is a ValueError
            raise DeliveryFailed(_detail(error), concerns_all=True) from error
        return connection

    async def _deliver_over(self, connection: aiosmtplib.SMTP, mail: EmailMessage, recipient: str) -> None:
        """Deliver, and keep the connection if it is still good."""
        try:
            await self._send(connection, mail, recipient)
        except _TROUBLE as error:
            failed = _failure(error)
            if failed.concerns_all or not connection.is_connected:
                connection.close()
            else:
                self._idle.append(connection)
            raise failed from error
        except BaseException:
            connection.close()  # cut off in mid-sentence: whatever is answered next belongs to this mail
            raise
        self._idle.append(connection)

    async def _send(self, connection: aiosmtplib.SMTP, mail: EmailMessage, recipient: str) -> None:
        if (self._from_address + recipient).isascii():
            policy, options = email.policy.SMTP.clone(cte_type="7bit"), []
        else:
            policy, options = email.policy.SMTPUTF8, ["SMTPUTF8", "BODY=8BITMIME"]
        await connection.sendmail(self._from_address, [recipient], mail.as_bytes(policy=policy), mail_options=options)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or number."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"the certificates in {ca_file} cannot be read: {error}") from error


async def _part(connection: aiosmtplib.SMTP) -> None:
    """Say goodbye; whether it is heard does not matter."""
    try:
        await connection.quit(timeout=_PARTING.total_seconds())
    except _TROUBLE:
        pass
    finally:
        connection.close()


def _failure(error: Exception) -> DeliveryFailed:
    """What an error of the library means for the mail."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=[refused, *_]):
            return _refusal(refused)
        case aiosmtplib.SMTPDataError():
            return _refusal(error)
        case aiosmtplib.SMTPNotSupported():
            return DeliveryFailed("the server does not take addresses with letters beyond ASCII", permanent=True)
        case _ if _is_over(error):
            return _ConnectionOver(_detail(error), concerns_all=True)
        case _:
            return DeliveryFailed(_detail(error), concerns_all=True)


def _refusal(error: aiosmtplib.SMTPResponseException) -> DeliveryFailed:
    """A refusal of this mail, unless the code says that it would have been any mail."""
    if _is_over(error):
        return _ConnectionOver(_detail(error), concerns_all=True)
    if error.code in _ASKS_TO_SIGN_IN:
        return DeliveryFailed(_detail(error), concerns_all=True)
    return DeliveryFailed(_detail(error), permanent=500 <= error.code < 600)


def _is_over(error: Exception) -> bool:
    """Whether the server has ended the connection, or says that it is about to."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code == _CLOSING
    return isinstance(error, aiosmtplib.SMTPServerDisconnected)


def _detail(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    return f"{type(error).__name__}: {error}"
