"""What the trail knows of people: where they belong, what they were called; and when an event is told to the log."""

import asyncio

import pytest

from portico.accounts import store as accounts
from portico.accounts.model import Profile
from portico.accounts.people import memberships_of, organizations_of
from portico.audit.model import Event, EventKind
from portico.audit.sealing.chain import frame, name_digest
from portico.database.engine import Database, Transaction
from tests.support.dump import dump
from tests.support.racing import race
from tests.support.rows import NOW, add_account
from tests.support.trail import AUDIT, NORTH, SOUTH, change, find, record, seal

NORA, OLGA = "account-nora", "account-olga"


async def rows(database: Database, table: str) -> list[dict[str, object]]:
    """All rows of a table."""
    return [dict(row) for row in (await dump(database))[table]]


async def join(database: Database, account_id: str, *organizations: str) -> None:
    """Become a member."""
    text = ",".join(f'["{organization}","patient","member"]' for organization in organizations)
    await change(database, "UPDATE accounts SET memberships = $1 WHERE id = $2", f"[{text}]", account_id)


async def test_an_event_concerns_those_it_names_and_those_its_subject_belongs_to(database: Database) -> None:
    await add_account(database)
    await record(database, SOUTH, subject_id=NORA)
    await join(database, NORA, NORTH, SOUTH)
    await record(database, SOUTH, SOUTH, subject_id=NORA)
    await record(database, subject_id=NORA)
    await record(database, actor_id=NORA)
    await record(database, subject_id="account-nobody")
    both = sorted([NORTH, SOUTH])
    found = [event.event.organizations for event in await AUDIT.list_events(database, NORA)]
    assert sorted(found) == sorted([(SOUTH,), (SOUTH,), tuple(both)]), "what concerns one is nothing to the other"
    assert sorted(str(row["organizations"]) for row in await rows(database, "audit_events"))[-2:] == ["[]", "[]"]
    await join(database, NORA)
    await record(database, subject_id=NORA)
    assert len(await rows(database, "audit_events")) == 6


async def test_a_name_is_kept_once_for_each_version_of_it(database: Database) -> None:
    nora = await add_account(database)
    for _ in range(3):
        await record(database, subject_id=NORA, actor_id=NORA)
    (name,) = await rows(database, "audit_names")
    assert (name["name"], name["address"]) == ("Nora Lindqvist", "nora@north-clinic.example")
    profile = Profile(first_name="Nora", last_name="Ekström")
    await database.transact(lambda tx: accounts.change_profile(tx, nora.id, profile, nora.version))
    await record(database, subject_id=NORA)
    await database.transact(lambda tx: accounts.set_address(tx, NORA, "n@south.example", "n@south.example", NOW))
    await record(database, subject_id=NORA)
    await record(database, subject_id=NORA)
    names = await rows(database, "audit_names")
    assert sorted((row["name"], row["address"]) for row in names) == [
        ("Nora Ekström", "n@south.example"),
        ("Nora Ekström", "nora@north-clinic.example"),
        ("Nora Lindqvist", "nora@north-clinic.example"),
    ]
    called = {row["digest"]: row["name"] for row in names}
    events = await rows(database, "audit_events")
    assert sorted(str(called[event["subject_digest"]]) for event in events) == [
        *["Nora Ekström"] * 3, *["Nora Lindqvist"] * 3,
    ]  # fmt: skip
    assert all(row["digest"] == name_digest(row["salt"], row["name"], row["address"]) for row in names)  # type: ignore[arg-type]


async def test_somebody_without_a_name_is_called_by_their_portico_id(database: Database) -> None:
    await add_account(database, first_name="", last_name="")
    await record(database, subject_id=NORA)
    assert [name.name for name in await AUDIT.list_names(database, NORA)] == ["nora"]


async def test_who_did_it_is_named_as_well(database: Database) -> None:
    await add_account(database)
    await add_account(database, "olga")
    await record(database, subject_id=NORA, actor_id=OLGA)
    (event,) = await rows(database, "audit_events")
    names = {row["digest"]: row["subject_id"] for row in await rows(database, "audit_names")}
    assert (names[event["subject_digest"]], names[event["actor_digest"]]) == (NORA, OLGA)


async def test_erasing_forgets_the_names_and_the_chain_still_holds(database: Database) -> None:  # D22
    await add_account(database)
    await add_account(database, "olga")
    await record(database, NORTH, subject_id=NORA, actor_id=OLGA)
    await record(database, kind=EventKind.ACCOUNT_ERASED, subject_id=NORA)
    await seal(database)

    async def erase(tx: Transaction) -> None:
        await AUDIT.erase(tx, NORA)
        await accounts.delete_account(tx, NORA)

    await database.transact(erase)
    assert [row["subject_id"] for row in await rows(database, "audit_names")] == [OLGA]
    assert await find(database) == []
    for event in await rows(database, "audit_events"):
        assert event["subject_digest"] is not None, "what is left says nothing without its salt"


async def test_of_fifty_events_at_once_about_somebody_new_one_writes_the_name(
    database: Database, race_width: int
) -> None:
    await add_account(database)

    async def body(tx: Transaction, _who: int) -> None:
        await AUDIT.append(tx, NOW, Event(kind=EventKind.SIGN_IN_FAILED, subject_id=NORA))

    await race(database, race_width, body)
    (name,) = await rows(database, "audit_names")
    events = await rows(database, "audit_events")
    assert len(events) == race_width
    assert {event["subject_digest"] for event in events} == {name["digest"]}


async def test_no_name_is_left_when_an_account_is_erased_while_an_event_is_recorded(
    database: Database, race_rounds: int
) -> None:
    for number in range(4 * race_rounds):
        nora = await add_account(database, f"nora{number}")

        async def erase(tx: Transaction, account_id: str = nora.id) -> None:
            await tx.execute("UPDATE accounts SET address_key = id, handle_key = id WHERE id = $1", account_id)
            await AUDIT.erase(tx, account_id)
            await accounts.delete_account(tx, account_id)

        await asyncio.gather(record(database, subject_id=nora.id), database.transact(erase))
        assert await AUDIT.list_names(database, nora.id) == []
    assert len(await rows(database, "audit_events")) == 4 * race_rounds


async def test_only_what_was_committed_is_told_to_the_log(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []

    async def body(tx: Transaction) -> None:
        runs.append(1)
        event = Event(
            kind=EventKind.PROFILE_CHANGED, subject_id="account-x", details={"reason": "first", "actor": "no"}
        )
        await AUDIT.append(tx, NOW, event)
        assert "profile_changed" not in capsys.readouterr().out, "not before the commit"
        if len(runs) == 1:
            raise KeyError("the change failed")

    with pytest.raises(KeyError):
        await database.transact(body)
    assert "profile_changed" not in capsys.readouterr().out
    await database.transact(body)
    assert capsys.readouterr().out.count("account.profile_changed") == 1


async def test_a_hook_is_called_though_the_caller_goes_away_while_committing(database: Database) -> None:
    called = asyncio.Event()

    async def body(tx: Transaction) -> None:
        await tx.execute("INSERT INTO deployment (name, value) VALUES ('kept', 'yes')")
        tx.after_commit(called.set)

    while not called.is_set():
        task = asyncio.create_task(database.transact(body))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        kept = await database.find_row("SELECT value FROM deployment WHERE name = 'kept'")
        assert called.is_set() == (kept is not None)
        if kept is None:
            await database.transact(body)


def test_memberships_are_read_as_they_are_written() -> None:
    assert memberships_of("") == ()
    assert organizations_of("") == ()
    text = '[["o1","staff","admin"],["o2","patient","member"]]'
    assert memberships_of(text) == (("o1", "staff", "admin"), ("o2", "patient", "member"))
    assert organizations_of(text) == ("o1", "o2")


def test_no_two_names_have_the_same_frame() -> None:
    assert frame("ab") + frame("c") != frame("a") + frame("bc")
    assert frame(None) != frame("") != frame("-")
    assert name_digest(b"s", "a", "b") != name_digest(b"s", "ab", "")
