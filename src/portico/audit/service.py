"""Recording what happened, in the transaction in which it happened."""

from collections.abc import Collection
from datetime import datetime
from functools import partial

import structlog
from msgspec import structs

from portico.audit import store
from portico.audit.model import Event, EventKind, KnownName, RecordedEvent
from portico.audit.people import SALT_BYTES, People, Person
from portico.audit.sealing.chain import name_digest
from portico.database.engine import Reader, Transaction
from portico.kernel.chance import Chance
from portico.kernel.tokens import new_id

_log = structlog.get_logger("portico.audit")


class Audit:
    """The trail. Every service that changes something holds one."""

    def __init__(self, chance: Chance, people: People | None = None) -> None:
        """Without ``people`` an event concerns the organizations it names, and nobody's name is kept beside it."""
        self._chance = chance
        self._people = people

    async def append(self, tx: Transaction, now: datetime, event: Event) -> None:
        """Record ``event`` as part of ``tx``: if the change does not happen, neither did the event.

        It concerns the organizations it names; if it names none, those its subject belongs to. What happens between
        somebody and one organization is no business of the others.
        """
        subject_digest, organizations = await self._look_up(tx, now, event.subject_id)
        actor_digest = subject_digest
        if event.actor_id != event.subject_id:
            actor_digest, _ = await self._look_up(tx, now, event.actor_id)
        if organizations and not event.organizations:
            event = structs.replace(event, organizations=organizations)
        event_id = new_id(self._chance, now)
        await store.append(tx, event_id, now, event, subject_digest, actor_digest)
        if event.reason is not None and event.subject_id is not None:
            await store.add_reason(tx, event_id, event.subject_id, event.reason)
        tx.after_commit(partial(_tell, event))

    async def erase(self, tx: Transaction, account_id: str) -> None:
        """Delete what an erased person was called. The events stay, and so does the proof that they are unaltered.

        To be called once the account's row is taken, and after everything else that records an event about them.
        """
        await store.erase_names(tx, account_id)

    async def list_names(self, reader: Reader, account_id: str) -> list[KnownName]:
        """Everything somebody was called when an event about them happened, the newest first."""
        return await store.list_names(reader, account_id)

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

    async def _look_up(
        self, tx: Transaction, now: datetime, subject_id: str | None
    ) -> tuple[bytes | None, tuple[str, ...]]:
        """Under which digest the trail knows somebody, and where they belong. A new name is written down first."""
        if subject_id is None or self._people is None:
            return None, ()
        person = await self._people.find_person(tx, subject_id)
        if person is None:
            return None, ()
        digest = person.digest if person.is_known else await self._write_down(tx, now, subject_id, person)
        return digest, person.organizations

    async def _write_down(self, tx: Transaction, now: datetime, subject_id: str, person: Person) -> bytes | None:
        """Keep what somebody is called now, under a fresh salt; the digest."""
        if self._people is None:
            return None
        salt = self._chance.draw_bytes(SALT_BYTES)
        digest = name_digest(salt, person.name, person.address)
        if await self._people.keep_digest(tx, subject_id, salt, digest, instead_of=person.digest):
            await store.add_name(tx, subject_id, digest, salt, person.name, person.address, now)
            return digest
        meanwhile = await self._people.find_person(
            tx, subject_id
        )  # another transaction has written it, or erased it all
        return meanwhile.digest if meanwhile else None


def _tell(event: Event) -> None:
    """A line in the log."""
    who = {"subject": event.subject_id, "actor": event.actor_id, "session": event.session_id}
    _log.info(event.kind.value, **{**event.details, **who})
