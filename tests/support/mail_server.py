"""A mail server for tests: real SMTP on a port of this machine, which remembers what it takes and has bad days.

It may refuse, hang or vanish at any stage of a mail, and encrypt by STARTTLS, from the first byte or not at all. Its
certificate is made when it is first asked for, by an authority of its own.
"""

import asyncio
import email
import email.policy
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal, TypeAlias

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
Stage: TypeAlias = Literal["greeting", "mail", "rcpt", "data"]
Tls: TypeAlias = Literal["none", "starttls", "implicit"]
Key: TypeAlias = ec.EllipticCurvePrivateKey

_FOREVER = 3600.0
_PATIENCE = 20.0
_VALID_FROM, _VALID_TO = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Received:
    """One mail as it arrived."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    encrypted: bool
    login: str | None

    @property
    def mail(self) -> EmailMessage:
        """The mail, parsed."""
        return email.message_from_string(self.data.decode(), policy=email.policy.default)

    @property
    def text(self) -> str:
        """The plain text."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The HTML document."""
        return self._part("html")

    def _part(self, kind: Literal["plain", "html"]) -> str:
        part = self.mail.get_body((kind,))
        assert part is not None
        return str(part.get_content())


@dataclass
class _Mood:
    """What happens at a stage, and how many more times."""

    answer: str | None
    """None hangs."""
    times: float
    after: int = 0
    """How often all is well before."""


@dataclass
class _Memory:
    """What the server's thread writes and the test reads."""

    received: list[Received] = field(default_factory=list)
    moods: dict[Stage, _Mood] = field(default_factory=dict)
    senders_in_clear: list[str] = field(default_factory=list)
    connections: int = 0
    is_hanging: threading.Event = field(default_factory=threading.Event)

    async def answer(self, stage: Stage) -> str | None:
        """The refusal due at a stage, if any; does not come back when it is to hang."""
        mood = self.moods.get(stage)
        if mood is None or mood.times < 1:
            return None
        if mood.after > 0:
            mood.after -= 1
            return None
        mood.times -= 1
        if mood.answer is None:
            self.is_hanging.set()
            await asyncio.sleep(_FOREVER)
        return mood.answer


class MailServer:
    """The server; :func:`mail_server` starts one."""

    def __init__(
        self, *, tls: Tls = "none", folder: Path | None = None, login: tuple[str, str] | None = None, utf8: bool = True
    ) -> None:
        """``folder`` is where certificates are put; ``login`` the one user and password that may send."""
        self._memory = _Memory()
        self._login = login
        self._utf8 = utf8
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self.ca_file: Path | None = None
        if tls != "none":
            assert folder is not None, "certificates need a folder"
            self.ca_file, chain = make_certificates(folder)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(chain)
        self._controller: _Controller | None = None
        self._socket = _bound(0)
        self.port: int = self._socket.getsockname()[1]

    @property
    def received(self) -> list[Received]:
        """Everything it took, in order."""
        return self._memory.received

    @property
    def connections(self) -> int:
        """How many connections were opened."""
        return self._memory.connections

    @property
    def senders_in_clear(self) -> list[str]:
        """Senders that were named over a connection that was not encrypted."""
        return self._memory.senders_in_clear

    def refuse(self, stage: Stage, answer: str, *, times: float = float("inf"), after: int = 0) -> None:
        """Answer with this at a stage so many times, after it went well so many times."""
        self._memory.moods[stage] = _Mood(answer, times, after)

    def hang(self, stage: Stage, *, times: float = float("inf")) -> None:
        """Say nothing at a stage so many times."""
        self._memory.is_hanging.clear()
        self._memory.moods[stage] = _Mood(None, times)

    async def wait_until_it_hangs(self) -> None:
        """Come back when somebody has been left without an answer."""
        assert await asyncio.to_thread(self._memory.is_hanging.wait, _PATIENCE)

    def recover(self) -> None:
        """Be well again."""
        self._memory.moods.clear()

    def start(self) -> None:
        """Listen."""
        self._controller = _Controller(
            _Handler(self._memory),
            listener=self._socket,
            memory=self._memory,
            ssl_context=self._context if self._tls == "implicit" else None,
            hostname=HOST,
            port=self.port,
            server_hostname="mail.test",
            tls_context=self._context if self._tls == "starttls" else None,
            enable_SMTPUTF8=self._utf8,
            auth_required=self._login is not None,
            auth_require_tls=self._login is not None,
            authenticator=self._authenticate,
        )
        self._controller.start()
        self._memory.connections = 0  # the controller opens one itself

    def stop(self) -> None:
        """Vanish: connections are refused, while nobody else can have the port."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
            self._socket = _bound(self.port)

    def close(self) -> None:
        """Vanish for good."""
        self.stop()
        self._socket.close()

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        name, password = self._login or ("", "")
        is_right = data == LoginPassword(name.encode(), password.encode())
        return AuthResult(success=is_right, handled=False, auth_data=name)


@contextmanager
def mail_server(
    *, tls: Tls = "none", folder: Path | None = None, login: tuple[str, str] | None = None, utf8: bool = True
) -> Iterator[MailServer]:
    """A running server."""
    server = MailServer(tls=tls, folder=folder, login=login, utf8=utf8)
    try:
        server.start()
        yield server
    finally:
        server.close()


class _Handler:
    """Remembers mails, in the server's thread."""

    def __init__(self, memory: _Memory) -> None:
        self._memory = memory

    async def handle_MAIL(  # noqa: N802 - the library looks for this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if not _is_encrypted(server, session):
            self._memory.senders_in_clear.append(address)
        envelope.mail_from = address
        return await self._memory.answer("mail") or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        refusal = await self._memory.answer("rcpt")
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        refusal = await self._memory.answer("data")
        if refusal is None:
            assert isinstance(envelope.content, bytes)
            received = Received(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                data=envelope.content,
                encrypted=_is_encrypted(server, session),
                login=session.auth_data if session.authenticated else None,
            )
            self._memory.received.append(received)
        return refusal or "250 taken"


class _Server(SMTP):
    """The protocol, with a greeting that may fail too."""

    def __init__(self, *arguments: Any, memory: _Memory, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._memory = memory

    def hang_up(self) -> None:
        """Close the connection, if there is one."""
        if hasattr(self, "_writer"):
            self._writer.close()

    async def _handle_client(self) -> None:
        self._memory.connections += 1
        refusal = await self._memory.answer("greeting")
        if refusal is None:
            await super()._handle_client()
        else:
            await self.push(refusal)
            self._writer.close()


class _Controller(Controller):
    """Runs the server in a thread, on a socket that is bound already."""

    def __init__(self, handler: _Handler, *, listener: socket.socket, memory: _Memory, **options: Any) -> None:
        super().__init__(handler, **options)
        self._listener = listener
        self._memory = memory
        self._servers: list[_Server] = []
        self._winding_up: asyncio.Task[None] | None = None

    def factory(self) -> _Server:
        server = _Server(self.handler, memory=self._memory, loop=self.loop, **self.SMTP_kwargs)
        self._servers.append(server)
        return server

    def cancel_tasks(self, stop_loop: bool = True) -> None:  # noqa: FBT002 - the library's words
        """End in good order: the library itself stops its loop before its tasks have noticed."""
        self._winding_up = self.loop.create_task(self._wind_up())

    async def _wind_up(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._servers:
            server.hang_up()
        await asyncio.sleep(0)
        self.loop.stop()

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listener, ssl=self.ssl_context)


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """An authority, and a certificate of this machine with its key, as two PEM files."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Test authority", authority_key, "Test authority", authority_key, is_authority=True)
    certificate = _certificate("mail.test", key, "Test authority", authority_key, is_authority=False)
    ca_file, chain_file = folder / "authority.pem", folder / "mail.pem"
    ca_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain_file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return ca_file, chain_file


def _certificate(name: str, key: Key, issuer: str, issuer_key: Key, *, is_authority: bool) -> x509.Certificate:
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_TO)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(names, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _is_encrypted(server: SMTP, session: Session) -> bool:
    transport = server.transport
    return session.ssl is not None or (transport is not None and transport.get_extra_info("sslcontext") is not None)


def _bound(port: int) -> socket.socket:
    """A socket that holds a port of this machine and does not listen yet."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    return listener
