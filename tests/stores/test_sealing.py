"""Sealing: every event stands in the chains it concerns, once, and whatever is altered afterwards is found by name."""

import asyncio
import json
from datetime import timedelta

import pytest

from portico.audit.model import Event, EventKind
from portico.audit.sealing import store
from portico.audit.sealing.chain import Head
from portico.audit.sealing.sealer import BATCH, seal_batch
from portico.audit.sealing.verifier import Verified, verify_database
from portico.audit.search.model import Filter
from portico.database.engine import Database, Transaction, open_database
from portico.kernel.errors import Busy, Conflict
from portico.kernel.tokens import new_id
from tests.support.dump import dump
from tests.support.racing import race
from tests.support.rows import NOW
from tests.support.trail import (
    AUDIT,
    CHANCE,
    NORTH,
    SOUTH,
    change,
    export,
    fill,
    find,
    list_ids,
    record,
    seal,
    verify_by_the_book,
)


async def heads(database: Database) -> dict[str, int]:
    """How long each chain is."""
    return {head.organization_id: head.number for head in await store.list_heads(database)}


async def test_an_event_stands_in_every_chain_it_concerns(database: Database) -> None:
    await fill(database)
    assert await heads(database) == {NORTH: 8, SOUTH: 6, "": 2}
    told = Verified()
    assert [finding async for finding in verify_database(database, (), told)] == []
    assert (told.events, told.links, told.unsealed) == (12, 16, 0)
    assert {head.organization_id: head.number for head in told.heads} == {NORTH: 8, SOUTH: 6, "": 2}
    assert set(await list_ids(database, NORTH)) & set(await list_ids(database, SOUTH))
    assert await seal(database) == 0
    assert verify_by_the_book(await export(database))


async def test_what_is_sealed_in_many_batches_is_one_chain(database: Database) -> None:
    count = 2 * BATCH + 77
    await record(database, NORTH, count=count)
    assert await seal_batch(database) == BATCH
    assert await seal(database) == count - BATCH
    assert await heads(database) == {NORTH: count}
    assert await find(database) == []
    assert verify_by_the_book(await export(database))


async def test_an_event_that_turns_up_late_is_sealed_late(database: Database) -> None:
    """Its transaction began before others, and was committed after they had been sealed."""
    await record(database, NORTH, count=3, at=NOW + timedelta(minutes=1))
    await seal(database)
    before = (await dump(database))["audit_links"]
    await record(database, NORTH, at=NOW)
    await seal(database)
    assert set(before) < set((await dump(database))["audit_links"])
    ids = await list_ids(database, NORTH)
    assert min(ids) == ids[3]
    assert await find(database) == []


async def test_a_clock_that_was_set_back_between_events_disturbs_nothing(database: Database) -> None:
    for minutes in (9, 3, 7, -5):
        await record(database, NORTH, at=NOW + timedelta(minutes=minutes))
        await seal(database)
    assert await heads(database) == {NORTH: 4}
    assert await find(database) == []
    assert verify_by_the_book(await export(database))


async def test_an_event_under_way_is_not_missed(database_url: str) -> None:
    """On PostgreSQL a transaction holds its event back while later ones are sealed; on SQLite it waits its turn."""
    one, other = await open_database(database_url), await open_database(database_url)
    try:
        async with asyncio.TaskGroup() as tasks:
            for number in range(20):
                tasks.create_task(record(one, NORTH, at=NOW - timedelta(seconds=number)))
                tasks.create_task(patiently(other))
        await seal(other)
        assert await heads(one) == {NORTH: 20}
        assert await find(one) == []
    finally:
        await other.close()
        await one.close()


async def patiently(database: Database) -> None:
    """Seal, unless somebody else is doing it."""
    try:
        await seal_batch(database)
    except (Conflict, Busy):
        await asyncio.sleep(0)


async def test_of_many_sealers_at_once_none_doubles_or_loses_a_link(
    database: Database, race_width: int, race_rounds: int
) -> None:
    for _ in range(race_rounds):
        await record(database, NORTH, count=40)
        await record(database, NORTH, SOUTH, count=40)
        await asyncio.gather(*(patiently(database) for _ in range(race_width // 5)))
        await seal(database)
    assert await heads(database) == {NORTH: 80 * race_rounds, SOUTH: 40 * race_rounds}
    assert await find(database) == []


async def test_events_recorded_while_they_are_sealed_are_all_sealed(database: Database, race_width: int) -> None:
    async def body(tx: Transaction, _who: int) -> None:
        event = Event(kind=EventKind.SIGN_IN_FAILED, organizations=(SOUTH,))
        await AUDIT.append(tx, NOW, event)

    await asyncio.gather(race(database, race_width, body), *(patiently(database) for _ in range(5)))
    await seal(database)
    assert await heads(database) == {SOUTH: race_width}
    assert await find(database) == []


async def test_a_sealer_that_stops_in_the_middle_leaves_nothing_half_done(database: Database) -> None:
    await record(database, NORTH, SOUTH, count=5)

    class Stopped(Exception):
        """The process ends here."""

    async def body(tx: Transaction) -> None:
        await store.add_links(tx, NORTH, [(1, "x", b"x" * 32)])
        raise Stopped

    with pytest.raises(Stopped):
        await database.transact(body)
    assert await seal(database) == 5
    assert await heads(database) == {NORTH: 5, SOUTH: 5}
    assert await find(database) == []


ALTERATIONS = {
    "kind": "'account.enabled'",
    "at": "at + 1",
    "subject_id": "'somebody'",
    "actor_id": "'somebody'",
    "session_id": "'other'",
    "details": """'{"reason":"other"}'""",
    "subject_digest": "(SELECT hash FROM audit_links LIMIT 1)",
    "actor_digest": "(SELECT hash FROM audit_links LIMIT 1)",
}


async def test_a_row_altered_by_hand_is_named(database: Database) -> None:
    await fill(database)
    victim = (await list_ids(database, NORTH))[1]
    sentence = f"event {victim}, link 2 of the chain of {NORTH}, is not what was sealed: altered"
    for column, value in ALTERATIONS.items():
        row = await database.find_row("SELECT * FROM audit_events WHERE id = $1", victim)
        assert row is not None
        await change(database, f"UPDATE audit_events SET {column} = {value} WHERE id = $1", victim)  # noqa: S608
        assert await find(database) == [sentence], column
        await change(database, f"UPDATE audit_events SET {column} = $2 WHERE id = $1", victim, row[column])  # noqa: S608
        assert await find(database) == [], column


async def test_a_row_altered_in_two_chains_is_named_in_both(database: Database) -> None:
    await fill(database)
    victim = (await list_ids(database, SOUTH))[-1]
    await change(database, "UPDATE audit_events SET kind = 'x' WHERE id = $1", victim)
    assert len(await find(database)) == 2
    assert all(victim in sentence and "altered" in sentence for sentence in await find(database))


async def test_an_instant_no_calendar_knows_is_told_and_not_stumbled_over(database: Database) -> None:
    for at in (1 << 61, -(1 << 62)):
        await record(database, NORTH)
        await change(database, "UPDATE audit_events SET at = $1 WHERE sealed = 0", at)
        await seal(database)
    assert await find(database) == []
    await change(database, "UPDATE audit_events SET at = at + 1 WHERE id = (SELECT MIN(id) FROM audit_events)")
    (sentence,) = await find(database)
    assert "altered" in sentence


async def test_a_row_that_was_deleted_is_named(database: Database) -> None:
    await fill(database)
    victim = (await list_ids(database, NORTH))[3]
    await change(database, "DELETE FROM audit_events WHERE id = $1", victim)
    (sentence,) = await find(database)
    assert victim in sentence
    assert "deleted" in sentence


async def test_a_row_that_was_deleted_with_its_link_leaves_a_gap(database: Database) -> None:
    await fill(database)
    victim = (await list_ids(database, NORTH))[2]
    await change(database, "DELETE FROM audit_events WHERE id = $1", victim)
    await change(database, "DELETE FROM audit_links WHERE event_id = $1", victim)
    assert await find(database) == [f"link 3 is missing in the chain of {NORTH}"]


async def test_links_cut_off_at_the_end_are_missed(database: Database) -> None:
    await fill(database)
    await change(database, "DELETE FROM audit_links WHERE organization_id = $1 AND number > 6", NORTH)
    found = await find(database)
    assert f"the chain of {NORTH} is cut off at the end: its head says 8, and links 7 to 8 are missing" in found
    await record(database, NORTH)
    await seal(database)
    assert f"links 7 to 8 are missing in the chain of {NORTH}" in await find(database), "and stay so"


async def test_a_chain_cut_off_with_its_head_is_found_by_a_head_noted_earlier(database: Database) -> None:
    await fill(database)
    (noted,) = await store.list_heads(database, SOUTH)
    ids = await list_ids(database, SOUTH)
    assert await find(database, noted) == []
    for event_id in ids[4:]:
        await change(database, "DELETE FROM audit_events WHERE id = $1", event_id)
    await change(database, "DELETE FROM audit_links WHERE organization_id = $1 AND number > 4", SOUTH)
    row = await database.find_row("SELECT hash FROM audit_links WHERE organization_id = $1 AND number = 4", SOUTH)
    assert row is not None
    await change(
        database, "UPDATE audit_heads SET number = 4, hash = $1 WHERE organization_id = $2", row["hash"], SOUTH
    )
    assert f"link 6 of the chain of {SOUTH} was noted and is not there: the chain was cut off" in await find(
        database, noted
    )
    assert not any(f"chain of {SOUTH}" in sentence for sentence in await find(database)), "nothing else shows it"


async def test_a_chain_written_anew_is_found_by_a_head_noted_earlier(database: Database) -> None:
    await record(database, NORTH, count=3)
    await seal(database)
    (noted,) = await store.list_heads(database, NORTH)
    await record(database, NORTH, count=2, at=NOW + timedelta(minutes=1))
    await seal(database)
    assert await find(database, noted) == [], "it has grown, and that is all"
    for sql in (
        "DELETE FROM audit_links",
        "DELETE FROM audit_heads",
        "UPDATE audit_events SET sealed = 0, actor_id = 'x'",
    ):
        await change(database, sql)
    await seal(database)
    assert await find(database) == []
    assert await find(database, noted) == [
        f"link 3 of the chain of {NORTH} is another one than was noted: the chain was written anew"
    ]


async def test_a_head_of_a_chain_that_is_gone_is_missed(database: Database) -> None:
    noted = Head(organization_id=NORTH, number=3, hash=b"x" * 32)
    (sentence,) = await find(database, noted)
    assert "was noted and is not there" in sentence


async def test_a_row_inserted_by_hand_as_if_it_were_sealed_is_named(database: Database) -> None:
    await fill(database)
    forged = new_id(CHANCE, NOW)
    sql = (
        "INSERT INTO audit_events (id, at, kind, details, organizations, sealed) "
        "VALUES ($1, 1, 'account.enabled', '{}', $2, 1)"
    )
    await change(database, sql, forged, json.dumps([NORTH]))
    assert await find(database) == [
        f"event {forged} is marked as sealed and does not stand in the chain of {NORTH}: inserted, or its link removed"
    ]


async def test_a_forged_link_at_the_end_is_beyond_the_head(database: Database) -> None:
    await fill(database)
    forged = (await list_ids(database, ""))[0]
    await change(
        database,
        "INSERT INTO audit_links (organization_id, number, event_id, hash) VALUES ($1, 9, $2, $3)",
        NORTH, forged, b"x" * 32,
    )  # fmt: skip
    found = await find(database)
    assert any("goes on to link 9, though its head says 8" in sentence for sentence in found)
    assert any(forged in sentence and "organizations were altered" in sentence for sentence in found)


async def test_a_link_before_the_first_is_seen(database: Database) -> None:
    await record(database, NORTH)
    await seal(database)
    sql = "INSERT INTO audit_links (organization_id, number, event_id, hash) VALUES ($1, $2, $3, $4)"
    for number, name in ((0, "x"), (-7, "y")):
        await change(database, sql, NORTH, number, name, b"x" * 32)
        assert f"event {name}, link {number}" in (await find(database))[0]


async def test_two_links_that_were_exchanged_are_told_from_two_alterations(database: Database) -> None:
    await fill(database)
    first, second = (await list_ids(database, ""))[:2]
    for sql, event_id in (("x", first), (first, second), (second, "x")):
        await change(
            database, "UPDATE audit_links SET event_id = $1 WHERE organization_id = '' AND event_id = $2", sql, event_id
        )
    found = await find(database)
    assert any("the two were exchanged" in sentence and first in sentence for sentence in found)
    assert all(first in sentence or second in sentence for sentence in found)


async def test_an_altered_link_is_told_from_an_altered_event(database: Database) -> None:
    await fill(database)
    ids = await list_ids(database, NORTH)
    sql = "UPDATE audit_links SET hash = $1 WHERE organization_id = $2 AND number = $3"
    await change(database, sql, b"x" * 32, NORTH, 4)
    assert await find(database) == [
        f"event {ids[3]}, link 4 of the chain of {NORTH}, is as it was sealed, but its link was altered"
    ]
    await change(database, sql, b"y" * 32, NORTH, 8)
    assert (await find(database))[1:] == [
        f"event {ids[7]}, link 8 of the chain of {NORTH}, is as it was sealed, but its link was altered"
    ]


async def test_an_altered_or_missing_head_is_seen(database: Database) -> None:
    await record(database, NORTH)
    await seal(database)
    await change(database, "UPDATE audit_heads SET hash = $1", b"x" * 32)
    assert await find(database) == [f"the chain of {NORTH} ends with another link 1 than its head says"]
    await change(database, "DELETE FROM audit_heads")
    assert await find(database) == [f"the head of the chain of {NORTH} is missing"]
    await record(database, NORTH)
    assert await seal(database) == 1, "and sealing goes on from the last link"
    assert await find(database) == []


async def test_organizations_altered_by_hand_are_seen(database: Database) -> None:
    await fill(database)
    victim = (await list_ids(database, NORTH))[0]
    await change(database, "UPDATE audit_events SET organizations = $1 WHERE id = $2", json.dumps([SOUTH]), victim)
    found = await find(database)
    assert len(found) == 2
    assert all(victim in sentence for sentence in found)
    await change(database, "UPDATE audit_events SET organizations = 'nonsense' WHERE id = $1", victim)
    assert len(await find(database)) == 2


async def test_a_mark_taken_away_by_hand_neither_doubles_the_event_nor_stops_the_sealing(database: Database) -> None:
    await fill(database)
    victim = (await list_ids(database, NORTH))[5]
    before = await heads(database)
    await change(database, "UPDATE audit_events SET sealed = 0 WHERE id = $1", victim)
    (sentence,) = await find(database)
    assert victim in sentence
    await record(database, NORTH, SOUTH)
    assert await seal(database) == 2
    assert await heads(database) == {**before, NORTH: before[NORTH] + 1, SOUTH: before[SOUTH] + 1}
    assert await find(database) == []


async def test_nonsense_in_an_unsealed_row_is_sealed_as_it_is(database: Database) -> None:
    """Whoever can write to the database cannot stop the sealing of what others do."""
    sql = "INSERT INTO audit_events (id, at, kind, details, organizations) VALUES ($1, 1, '', 'no JSON', $2)"
    for text in ("no JSON", "{}", "[1]", '["a","a"]', "[[]]", ""):
        await change(database, sql, new_id(CHANCE, NOW), text)
    await record(database, NORTH)
    assert await seal(database) == 7
    assert (await heads(database))[NORTH] == 1
    assert await find(database) == []
    assert verify_by_the_book(await export(database))


async def test_a_name_altered_by_hand_is_seen(database: Database) -> None:
    digest = b"x" * 32
    sql = (
        "INSERT INTO audit_names (digest, subject_id, salt, name, address, known_at) VALUES ($1, 'n', $2, 'N', 'a', 1)"
    )
    await change(database, sql, digest, b"salt")
    (sentence,) = await find(database)
    assert "account n was called" in sentence


async def test_verifying_beside_a_working_server_finds_nothing(database: Database) -> None:
    await record(database, NORTH, count=400)
    await seal(database)

    async def work() -> None:
        for _ in range(20):
            await record(database, NORTH, count=5)
            await seal(database)

    found, _ = await asyncio.gather(find(database), work())
    assert found == []
    assert verify_by_the_book(await export(database, Filter(organization_id=NORTH)))
