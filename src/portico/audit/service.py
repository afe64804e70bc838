"""Recording what happened, in the transaction in which it happened."""

from collections.abc import Collection
from datetime import datetime

import structlog

from portico.audit import store
from portico.audit.model import Event, EventKind, RecordedEvent
from portico.database.engine import Reader, Transaction
from portico.kernel.chance import Chance
from portico.kernel.tokens import new_id

_log = structlog.get_logger("portico.audit")


class Audit:
    """The trail. Every service that changes something holds one."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    async def append(self, tx: Transaction, now: datetime, event: Event) -> None:
        """Record ``event`` as part of ``tx``: if the change does not happen, neither did the event."""
        event_id = new_id(self._chance, now)
        await store.append(tx, event_id, now, event)
        if event.reason is not None and event.subject_id is not None:
            await store.add_reason(tx, event_id, event.subject_id, event.reason)
        _log.info(
            event.kind.value, subject=event.subject_id, actor=event.actor_id, session=event.session_id, **event.details
        )

    async def list_events(self, reader: Reader, account_id: str, limit: int = 50) -> list[RecordedEvent]:
        """What happened to an account, newest first."""
        return await store.list_events(reader, account_id, limit)

    async def find_first(self, reader: Reader, account_id: str, kind: EventKind) -> RecordedEvent | None:
        """The oldest event of a kind that concerns an account."""
        return await store.find_first(reader, account_id, kind)

    async def list_reasoned(
        self, reader: Reader, account_id: str, organization_id: str, limit: int = 50
    ) -> list[RecordedEvent]:
        """What was done to an account in an organization's name, and why, newest first."""
        return await store.list_reasoned(reader, account_id, organization_id, limit)

    async def erase_reasons(self, tx: Transaction, account_id: str) -> None:
        """Forget why things were done to an account that is being erased."""
        await store.erase_reasons(tx, account_id)

    async def list_history(
        self, reader: Reader, account_id: str, kinds: Collection[EventKind], *, before_id: str = "", limit: int
    ) -> list[RecordedEvent]:
        """The events of these kinds that concern an account, newest first.

        ``before_id`` goes on where the last page ended; an id that is none of this account's gives nothing.
        """
        return await store.list_history(reader, account_id, kinds, before_id, limit)
