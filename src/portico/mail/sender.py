"""The sender: takes due mails from the outbox, writes their letters and hands them over.

It runs beside the pages and never in front of one. A mail is handed over at least once: if we die after the server has
taken it and before that is recorded, it goes out again under the same Message-ID. When a failure concerns every mail
(the server is down), the others are spared the try, and the sender rests for a while.
"""

import asyncio
import traceback
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from portico.database.engine import Database, Transaction
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.tokens import new_id
from portico.mail import outbox
from portico.mail.model import (
    ClaimedMail,
    MailMessage,
    TestMessage,
    split_secrets,
    wire_address,
)
from portico.mail.rates import lengthen, next_try_at
from portico.mail.service import Mail
from portico.mail.stationery import Stationery
from portico.mail.transports import DeliveryFailed, Transport

_AT_A_TIME = 100
"""Ids listed at once. A mail is claimed only when its turn comes, so a crash holds up no more than are under way."""
_SHORTEST_REST = timedelta(seconds=15)
_LONGEST_REST = timedelta(minutes=5)
_DOUBLINGS_MAX = 16
_TELLING = 8

_log = structlog.get_logger("portico.mail")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How hard the sender works."""

    lanes: int = 4
    """Mails under way at once, each over its own connection."""
    timeout: timedelta = timedelta(seconds=60)
    """How long one mail may take altogether."""
    lease: timedelta = timedelta(minutes=2)
    """How long a claim holds; longer than ``timeout``, or a slow mail would be sent twice."""

    def __post_init__(self) -> None:
        if self.lanes < 1 or self.lease <= self.timeout:
            raise ValueError("a sender needs a lane, and leases longer than its time-out")


class Sender:
    """Empties the outbox. Any number of them, in any number of processes, may work on the same one."""

    def __init__(
        self,
        *,
        database: Database,
        mail: Mail,
        stationery: Stationery,
        transport: Transport,
        clock: Clock,
        chance: Chance,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._mail = mail
        self._stationery = stationery
        self._transport = transport
        self._clock = clock
        self._chance = chance
        self._pace = pace or Pace()
        self._turn = asyncio.Lock()
        self._rests_until: datetime | None = None
        self._troubles = 0

    async def send_due(self, now: datetime) -> int:
        """Try every mail that is due at ``now`` once; how many were delivered.

        Calls take turns, so when one returns, nothing that was due is still under way here.
        """
        async with self._turn:
            return await self._send_due(now)

    async def _send_due(self, now: datetime) -> int:
        if self._rests_until is not None and now < self._rests_until:
            return 0
        await self._drop_useless(now)
        delivered = 0
        try:
            while ids := await outbox.list_due(self._database, now, _AT_A_TIME):
                batch = _Batch(now, deque(ids))
                await self._work_off(batch)
                delivered += batch.delivered
                if batch.trouble or not batch.claimed:
                    break
        finally:
            await self._transport.rest()
        return delivered

    async def next_due_at(self) -> datetime | None:
        """When :meth:`send_due` has something to do, unless a mail is queued before; None if nothing is queued."""
        due_at = await outbox.find_next_due(self._database)
        if due_at is None or self._rests_until is None:
            return due_at
        return max(due_at, self._rests_until)

    async def send_test_mail(self, recipient: str, language: str) -> None:
        """Hand a test mail over at once, past the outbox; raises DeliveryFailed with what is wrong."""
        now = self._clock.now()
        try:
            async with asyncio.timeout(self._pace.timeout.total_seconds()):
                await self._hand_over(TestMessage(), new_id(self._chance, now), recipient, language)
        except TimeoutError as error:
            raise _too_slow() from error
        finally:
            await self._transport.rest()

    async def _work_off(self, batch: "_Batch") -> None:
        lanes = min(self._pace.lanes, len(batch.ids))
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(self._lane(batch))

    async def _lane(self, batch: "_Batch") -> None:
        """One mail after the other, until there are none or no more would be taken."""
        while batch.ids and not batch.trouble:
            at = self._at(batch)
            mail = await self._claim(batch.ids.popleft(), at)
            if mail is None:
                continue
            batch.claimed = True
            failed = await self._try(mail)
            if failed is None:
                batch.delivered += 1
                self._troubles, self._rests_until = 0, None
                await self._record_delivery(mail, self._at(batch))
            else:
                await self._record_failure(mail, failed, self._at(batch))
                if failed.concerns_all and not batch.trouble:
                    batch.trouble = True
                    self._rest(self._at(batch))

    def _at(self, batch: "_Batch") -> datetime:
        """The present: what the caller says, and later as the batch takes its time."""
        return max(batch.now, self._clock.now())

    async def _claim(self, mail_id: str, at: datetime) -> ClaimedMail | None:
        async def claim(tx: Transaction) -> ClaimedMail | None:
            return await outbox.claim_mail(tx, mail_id, at, at + self._pace.lease)

        return await self._database.transact(claim)

    async def _try(self, mail: ClaimedMail) -> DeliveryFailed | None:
        """Hand one claimed mail over; what went wrong, or None."""
        message = self._mail.open_mail(mail)
        if message is None:
            return DeliveryFailed("it cannot be read: its kind is unknown, or its key is lost", permanent=True)
        try:
            async with asyncio.timeout(self._pace.timeout.total_seconds()):
                await self._hand_over(message, mail.id, mail.recipient, mail.language)
        except DeliveryFailed as failed:
            return _discreet(failed, message)
        except TimeoutError:
            return _too_slow()
        except Exception as fault:  # noqa: BLE001 - one mail that cannot be written must not hold up the others
            return DeliveryFailed(_where(fault))
        return None

    async def _hand_over(self, message: MailMessage, mail_id: str, recipient: str, language: str) -> None:
        address = wire_address(recipient)
        if address is None:
            raise DeliveryFailed("the recipient's address is not one", permanent=True)
        mail = self._stationery.write(
            message, mail_id=mail_id, recipient=address, language=language, now=self._clock.now()
        )
        await self._transport.deliver(mail, address)

    async def _record_delivery(self, mail: ClaimedMail, at: datetime) -> None:
        async def record(tx: Transaction) -> None:
            await outbox.mark_delivered(tx, mail.id, at)

        await self._database.transact(record)
        _log.info("mail.delivered", mail=mail.id, kind=mail.kind, tries=mail.tries)

    async def _record_failure(self, mail: ClaimedMail, failed: DeliveryFailed, at: datetime) -> None:
        again_at = None if failed.permanent else next_try_at(mail, at, self._chance)

        async def record(tx: Transaction) -> None:
            if again_at is None:
                await outbox.mark_dead(tx, mail, at, failed.detail)
            else:
                await outbox.postpone_mail(tx, mail, again_at, failed.detail)

        await self._database.transact(record)
        outcome = "mail.dead" if again_at is None else "mail.postponed"
        _log.warning(outcome, mail=mail.id, kind=mail.kind, tries=mail.tries, detail=failed.detail)

    async def _drop_useless(self, now: datetime) -> None:
        async def drop(tx: Transaction) -> int:
            return await outbox.drop_useless(tx, now)

        if dropped := await self._database.transact(drop):
            _log.warning("mail.dropped", mails=dropped, why="useless")

    def _rest(self, at: datetime) -> None:
        pause = min(_LONGEST_REST, _SHORTEST_REST * 2 ** min(self._troubles, _DOUBLINGS_MAX))
        self._troubles += 1
        self._rests_until = at + lengthen(pause, self._chance)


@dataclass(slots=True)
class _Batch:
    """What the lanes share while they work off one list."""

    now: datetime
    ids: deque[str]
    claimed: bool = False
    delivered: int = 0
    trouble: bool = False


def _too_slow() -> DeliveryFailed:
    return DeliveryFailed("the mail was not taken in time", concerns_all=True)


def _discreet(failed: DeliveryFailed, message: MailMessage) -> DeliveryFailed:
    """A failure without what opens something: servers like to quote what they refuse."""
    secrets = split_secrets(message)[1].values()
    words = ("[left out]" if _tells_any(word, secrets) else word for word in failed.detail.split())
    return DeliveryFailed(" ".join(words), permanent=failed.permanent, concerns_all=failed.concerns_all)


def _tells_any(word: str, secrets: Iterable[str]) -> bool:
    """Whether a word has a telling piece of a secret in it; what is quoted may be cut short."""
    pieces = (secret[at : at + _TELLING] for secret in secrets for at in range(max(1, len(secret) - _TELLING + 1)))
    return any(piece in word for piece in pieces)


def _where(fault: Exception) -> str:
    """Which fault it was and where, without its text, which may hold anything."""
    frames = traceback.extract_tb(fault.__traceback__)
    return f"{type(fault).__name__} in {frames[-1].name}" if frames else type(fault).__name__
