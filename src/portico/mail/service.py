"""The mail room's counter: queue a mail in the transaction of the change it tells of, and see what became of it.

Nothing here talks to a mail server; :mod:`portico.mail.sender` does, later and elsewhere.
"""

from collections.abc import Collection
from datetime import datetime

import msgspec
import structlog

from portico.database.engine import Reader, Transaction
from portico.kernel.chance import Chance
from portico.kernel.errors import BadInput
from portico.kernel.sealing import SealingKeys
from portico.kernel.tokens import new_id
from portico.mail import outbox, store
from portico.mail.model import (
    ClaimedMail,
    MailFate,
    MailMessage,
    MailRecord,
    MailRequest,
    MailStatus,
    NewMail,
    dead_at,
    kind_of,
    read_message,
    split_secrets,
    wire_address,
)

_PURPOSE = "outbox"
_log = structlog.get_logger("portico.mail")


class Mail:
    """Queues mails and opens them again for the sender. Every service that sends mail holds one."""

    def __init__(self, keys: SealingKeys, chance: Chance) -> None:
        self._keys = keys
        self._chance = chance

    async def add_mail(
        self,
        tx: Transaction,
        now: datetime,
        message: MailMessage,
        *,
        recipient: str,
        language: str,
        account_id: str | None = None,
        useless_at: datetime | None = None,
    ) -> str:
        """Queue a mail as part of ``tx``; its id. Raises BadInput for an address nothing can be delivered to.

        The mail is dropped when it has not been delivered by ``useless_at``, or by when its own link or code ends.
        """
        if wire_address(recipient) is None:
            raise BadInput("not an address mail can be sent to", field="address")
        mail_id = new_id(self._chance, now)
        plain, secret = split_secrets(message)
        mail = NewMail(
            id=mail_id,
            kind=kind_of(message),
            recipient=recipient,
            language=language,
            params=msgspec.json.encode(plain).decode(),
            sealed=self._seal(secret, mail_id) if secret else None,
            account_id=account_id,
            created_at=now,
            useless_at=min(filter(None, (useless_at, dead_at(message))), default=None),
        )
        await outbox.add_mail(tx, mail)
        return mail_id

    async def add_request(
        self,
        tx: Transaction,
        now: datetime,
        kind: str,
        *,
        identifier_key: str,
        language: str,
        subject_id: str | None = None,
    ) -> None:
        """Note that a mail was asked for; :mod:`portico.mail.requests` finds out for whom."""
        request = MailRequest(
            id=new_id(self._chance, now),
            kind=kind,
            identifier_key=identifier_key,
            language=language,
            requested_at=now,
            subject_id=subject_id,
        )
        await store.add_mail_request(tx, request)

    async def drop_mails(
        self, tx: Transaction, now: datetime, account_id: str, kinds: Collection[type[MailMessage]]
    ) -> int:
        """Drop an account's queued mails of these kinds, because their links or codes are dead now; how many.

        To be called where such things are made void: when a link is used, when the security epoch is raised.
        """
        dropped = await outbox.drop_mails(tx, account_id, [str(kind.__struct_config__.tag) for kind in kinds], now)
        if dropped:
            _log.info("mail.dropped", mails=dropped, why="void", account=account_id)
        return dropped

    async def drop_mail(self, tx: Transaction, now: datetime, mail_id: str) -> bool:
        """Drop one queued mail, because its link is dead now; False if it is on its way or settled."""
        dropped = await outbox.drop_mail(tx, mail_id, now)
        if dropped:
            _log.info("mail.dropped", mails=1, why="void", mail=mail_id)
        return dropped

    def open_mail(self, mail: ClaimedMail) -> MailMessage | None:
        """The message of a claimed mail; None if it was sealed with a lost key or is of no kind we know."""
        secret: dict[str, str] = {}
        if mail.sealed is not None:
            unsealed = self._keys.unseal(mail.sealed, purpose=_PURPOSE, context=mail.id)
            if unsealed is None:
                return None
            secret = msgspec.json.decode(unsealed, type=dict[str, str])
        return read_message(mail.kind, msgspec.json.decode(mail.params), secret)

    async def list_mails(
        self,
        reader: Reader,
        *,
        status: MailStatus | None = None,
        fate: MailFate | None = None,
        recipient: str = "",
        before_id: str | None = None,
        limit: int = 50,
    ) -> list[MailRecord]:
        """What was sent and what waits, newest first, without anything that opens something."""
        return await outbox.list_mails(reader, status, before_id, limit, fate=fate, recipient=recipient)

    async def find_mail(self, reader: Reader, mail_id: str) -> MailRecord | None:
        """One mail, without anything that opens something."""
        return await outbox.find_mail(reader, mail_id)

    async def mark_bounced(self, tx: Transaction, now: datetime, mail_id: str, reason: str) -> bool:
        """Note that an accepted mail came back; False if it was not accepted, or has come back before."""
        return await outbox.mark_bounced(tx, mail_id, now, reason)

    async def count_by_fate(self, reader: Reader) -> dict[MailFate, int]:
        """How many mails are queued, accepted, deferred, bounced and dropped."""
        return await outbox.count_by_fate(reader)

    async def list_mails_of(self, reader: Reader, account_id: str, limit: int) -> list[MailRecord]:
        """What was sent to one account and what waits for it, newest first."""
        return await outbox.list_mails_of(reader, account_id, limit)

    async def count_by_status(self, reader: Reader) -> dict[MailStatus, int]:
        """How many mails are queued, delivered, dropped and dead; states without any are missing."""
        return await outbox.count_by_status(reader)

    async def count_by_key(self, reader: Reader) -> dict[str, int]:
        """How many of the queued mails each sealing key seals, by the key's name."""
        return await outbox.count_by_key(reader)

    async def adopt_mails(self, tx: Transaction, account_id: str, recipient: str) -> None:
        """Note that the mails sent to an address before it had an account were this account's."""
        await outbox.adopt(tx, account_id, recipient)

    async def erase(self, tx: Transaction, account_id: str, address: str, keys: Collection[str]) -> None:
        """Delete mails to an account that is being erased, and requests for mail under its identifiers."""
        await outbox.erase(tx, account_id, address)
        for key in keys:
            await store.erase_requests(tx, key)

    async def sweep(self, tx: Transaction, queued_before: datetime, limit: int = 500) -> int:
        """Forget settled mails that were queued before an instant; how many. Less than ``limit``: that was all."""
        return await outbox.sweep(tx, queued_before, limit)

    def _seal(self, secret: dict[str, str], mail_id: str) -> bytes:
        return self._keys.seal(msgspec.json.encode(secret), purpose=_PURPOSE, context=mail_id, chance=self._chance)
