"""Maildir, for development: mails become files that the mailbox page reads (https://cr.yp.to/proto/maildir.html)."""

import asyncio
import email
import email.policy
import mailbox
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from portico.kernel.normalise import address_key
from portico.mail.transports import DeliveryFailed

_STORED = email.policy.default.clone(utf8=True)


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A mail as it lies in the mailbox."""

    id: str
    """The mail's id in the outbox."""
    to: str
    subject: str
    at: datetime
    text: str
    html: str


class MaildirTransport:
    """A folder that takes every mail, whoever it is for. Delivering and listing are done in threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._naming = threading.Lock()
        """The library counts the names of its files up without a lock of its own."""
        self._letters: dict[str, StoredLetter] = {}
        """What was read so far, by the file's key: a mail that lies there never changes."""
        self._keys: dict[str, str | None] = {}
        """The comparison keys of the addresses that were read: each takes as long to make as much else here."""

    async def deliver(self, mail: EmailMessage, recipient: str) -> None:
        """See :class:`~portico.mail.transports.Transport`."""
        try:
            envelope = f"Delivered-To: {recipient}\n".encode()
            await asyncio.to_thread(self._add, envelope + mail.as_bytes(policy=_STORED))
        except (OSError, mailbox.Error) as error:
            raise DeliveryFailed(f"the mail folder cannot be written: {error}", concerns_all=True) from error

    async def check(self) -> None:
        """See :class:`~portico.mail.transports.Transport`."""
        try:
            await asyncio.to_thread(self._open)
        except (OSError, mailbox.Error) as error:
            raise DeliveryFailed(f"the mail folder cannot be used: {error}", concerns_all=True) from error

    async def rest(self) -> None:
        """See :class:`~portico.mail.transports.Transport`. Nothing is kept open."""

    async def list_letters(self, to: str | None = None) -> list[StoredLetter]:
        """The mails in the folder, newest first; only those to one address, if one is given."""
        letters = await asyncio.to_thread(self._read)
        if to is not None:
            wanted = address_key(to)
            letters = [letter for letter in letters if wanted is not None and self._key_of(letter) == wanted]
        return sorted(letters, key=lambda letter: (letter.at, letter.id), reverse=True)

    async def find_letter(self, letter_id: str) -> StoredLetter | None:
        """One mail by its id."""
        return next((letter for letter in await self.list_letters() if letter.id == letter_id), None)

    def _key_of(self, letter: StoredLetter) -> str | None:
        if letter.to not in self._keys:
            self._keys[letter.to] = address_key(letter.to)
        return self._keys[letter.to]

    def _open(self) -> mailbox.Maildir:
        for name in ("tmp", "new", "cur"):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        return mailbox.Maildir(self._folder, create=False)

    def _add(self, data: bytes) -> None:
        with self._naming:
            self._open().add(data)

    def _read(self) -> list[StoredLetter]:
        box, known = self._open(), self._letters
        keys = box.keys()
        self._letters = {key: known.get(key) or _letter(box.get_bytes(key)) for key in keys}
        return list(self._letters.values())


def _letter(data: bytes) -> StoredLetter:
    """A mail we wrote ourselves, so that all its fields are there."""
    mail = email.message_from_string(data.decode(), policy=_STORED)
    parts = {kind: mail.get_body((kind,)) for kind in ("plain", "html")}
    words = {kind: part.get_content() if part else "" for kind, part in parts.items()}
    return StoredLetter(
        id=str(mail["Message-ID"]).strip("<>").partition("@")[0],
        to=str(mail["Delivered-To"]),
        subject=str(mail["Subject"]),
        at=parsedate_to_datetime(mail["Date"]).astimezone(UTC),
        text=words["plain"],
        html=words["html"],
    )
