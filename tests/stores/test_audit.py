"""The audit trail: whatever was appended is there, newest first, and only if its transaction was committed."""

from datetime import timedelta

import pytest

from portico.audit import store
from portico.audit.model import Event, EventKind, RecordedEvent
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.kernel.chance import SystemChance
from portico.kernel.errors import Conflict
from portico.kernel.tokens import is_id
from tests.support.racing import race
from tests.support.rows import NOW

EVENT = Event(
    kind=EventKind.SIGN_IN_FAILED,
    subject_id="account-nora",
    actor_id="account-olga",
    session_id="session-one",
    details={"reason": "signin.password.wrong", "count": 3},
)


async def append(database: Database, event_id: str, event: Event = EVENT, seconds: int = 0) -> None:
    at = NOW + timedelta(seconds=seconds)
    await database.transact(lambda tx: store.append(tx, event_id, at, event))


async def test_an_event_comes_back_as_it_was_recorded(database: Database) -> None:
    await append(database, "e1")
    assert await store.list_events(database, "account-nora", 10) == [RecordedEvent(id="e1", at=NOW, event=EVENT)]


@pytest.mark.parametrize("kind", EventKind)
async def test_every_kind_can_be_recorded_with_nothing_but_its_subject(database: Database, kind: EventKind) -> None:
    event = Event(kind=kind, subject_id="account-nora")
    await append(database, "e1", event)
    assert [recorded.event for recorded in await store.list_events(database, "account-nora", 10)] == [event]


async def test_an_event_about_nobody_is_kept_and_shown_to_nobody(database: Database) -> None:
    await append(database, "e1", Event(kind=EventKind.SIGN_IN_FAILED))
    assert await store.list_events(database, "account-nora", 10) == []
    assert len(await database.list_rows("SELECT id FROM audit_events")) == 1


async def test_events_come_newest_first_and_no_more_than_asked_for(database: Database) -> None:
    for number, seconds in enumerate([3, 1, 2, 2]):
        await append(database, f"e{number}", seconds=seconds)
    await append(database, "other", Event(kind=EventKind.PROFILE_CHANGED, subject_id="account-tom"), seconds=9)
    listed = await store.list_events(database, "account-nora", 10)
    assert [recorded.id for recorded in listed] == ["e0", "e3", "e2", "e1"]
    assert await store.list_events(database, "account-nora", 2) == listed[:2]


async def test_an_event_cannot_be_recorded_twice(database: Database) -> None:
    await append(database, "e1")
    with pytest.raises(Conflict):
        await append(database, "e1", seconds=5)
    assert [recorded.at for recorded in await store.list_events(database, "account-nora", 10)] == [NOW]


async def test_an_event_of_a_change_that_did_not_happen_is_not_there(database: Database) -> None:
    audit = Audit(SystemChance())

    async def body(tx: Transaction) -> None:
        await audit.append(tx, NOW, EVENT)
        raise KeyError("the change failed")

    with pytest.raises(KeyError):
        await database.transact(body)
    assert await audit.list_events(database, "account-nora") == []


async def test_of_fifty_at_once_every_event_is_recorded_under_an_id_of_its_own(
    database: Database, race_width: int
) -> None:
    audit = Audit(SystemChance())

    async def body(tx: Transaction, _who: int) -> None:
        await audit.append(tx, NOW, EVENT)

    await race(database, race_width, body)
    listed = await audit.list_events(database, "account-nora", limit=1_000)
    assert len({recorded.id for recorded in listed}) == race_width
    assert all(is_id(recorded.id) for recorded in listed)


def test_the_names_of_events_are_unique_and_speak() -> None:
    assert len({kind.value for kind in EventKind}) == len(EventKind)
    assert all(kind.value.count(".") == 1 and kind.value.islower() for kind in EventKind)
