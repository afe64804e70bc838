"""``portico audit``: the trail at the terminal, and an export proven on a machine that has nothing but the file."""

import asyncio
import json
from pathlib import Path

import pytest

from portico.audit.model import EventKind
from portico.audit.sealing.sealer import seal_batch
from portico.house import open_house
from portico.settings import read_settings
from tests.core.test_cli import Operator
from tests.support.trail import NORTH, SOUTH, change, changed, record, verify_by_the_book


@pytest.fixture
async def operator(tmp_path: Path) -> Operator:
    """Somebody at a terminal, on whose deployment seven things have happened."""
    typing = Operator(tmp_path)
    house = await open_house(read_settings({**typing.environment, "PORTICO_MAIL_TRANSPORT": "maildir"}))
    try:
        now = house.clock.now()
        account = await house.database.transact(
            lambda tx: house.accounts.add_account(
                tx, now, address="nora@north-clinic.example", first_name="Nora", last_name="Lindqvist"
            )
        )
        await record(house.database, NORTH, subject_id=account.id, at=now, count=4)
        await record(house.database, SOUTH, kind=EventKind.DEVICE_FORGOTTEN, at=now, count=2)
        while await seal_batch(house.database):
            pass
    finally:
        await house.close()
    return typing


async def alter(operator: Operator, sql: str) -> None:
    """What somebody with a hand in the database does."""
    house = await open_house(read_settings({**operator.environment, "PORTICO_MAIL_TRANSPORT": "maildir"}))
    await change(house.database, sql)
    await house.close()


async def test_events_are_searched_for(operator: Operator) -> None:
    told = (await asyncio.to_thread(operator.succeed, "audit", "search")).splitlines()
    assert len(told) == 7
    named = [line for line in told if "(Nora Lindqvist, nora@north-clinic.example)" in line]
    assert len(named) == 5
    for words, count in (
        (("--kind", "device."), 2),
        (("--kind", "account.created"), 1),
        (("--organization", NORTH), 4),
        (("--organization", "deployment"), 1),
        (("--limit", "3"), 3),
        (("--to", "2020-01-01"), 0),
        (("--from", "2020-01-01T00:00:00"), 7),
        (("--actor", NORTH), 0),
    ):
        assert len((await asyncio.to_thread(operator.succeed, "audit", "search", *words)).splitlines()) == count, words


async def test_what_makes_no_sense_is_refused(operator: Operator, tmp_path: Path) -> None:
    for words in (
        ("search", "--kind", "nonsense"),
        ("search", "--subject", "x"),
        ("search", "--from", "yesterday"),
        ("search", "--limit", "0"),
        ("search", "--from", "2026-01-02", "--to", "2026-01-01"),
        ("export", "x.jsonl", "--organization", "x"),
        ("export", "x.xml", "--format", "xml"),
        ("export", "nowhere/x.jsonl"),
        ("verify", "--head", "nonsense"),
        ("verify", "--file", "nowhere.jsonl"),
    ):
        await asyncio.to_thread(operator.fail, "audit", *words)
    (tmp_path / "other.jsonl").write_text("nonsense\n")
    assert "no export" in await asyncio.to_thread(operator.fail, "audit", "verify", "--file", "other.jsonl")


async def test_the_database_is_verified_and_told_where_it_is_wrong(operator: Operator) -> None:
    told = await asyncio.to_thread(operator.succeed, "audit", "verify")
    *heads, count, verdict = told.splitlines()
    assert (count, verdict) == ("Links verified: 7; chains: 3.", "Nothing was altered.")
    noted = [head.split()[1] for head in heads]
    assert sorted(head.partition(":")[0] for head in noted) == sorted(["deployment", NORTH, SOUTH])
    words = [word for head in noted for word in ("--head", head)]
    assert "Nothing was altered." in await asyncio.to_thread(operator.succeed, "audit", "verify", *words)
    await alter(operator, "UPDATE audit_events SET kind = 'account.enabled' WHERE kind = 'account.created'")
    complaint = await asyncio.to_thread(operator.fail, "audit", "verify")
    assert complaint.startswith("altered     event ")
    assert complaint.endswith("The trail is not as it was sealed; findings: 1.\n")
    forged = f"{NORTH}:4:{'0' * 64}"
    assert "was written anew" in await asyncio.to_thread(operator.fail, "audit", "verify", "--head", forged)


async def test_an_export_is_verified_without_a_database(operator: Operator, tmp_path: Path) -> None:
    await asyncio.to_thread(operator.succeed, "audit", "export", "trail.jsonl")
    file = tmp_path / "trail.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    assert verify_by_the_book(lines)
    nowhere = {"PORTICO_DATABASE_URL": "sqlite:////nowhere/at/all.db", "PORTICO_DATA": "/nowhere"}
    told = await asyncio.to_thread(operator.succeed, "audit", "verify", "--file", "trail.jsonl", **nowhere)
    assert "Links verified: 7; chains: 3." in told
    file.write_bytes(b"".join(changed(lines, 3, kind="account.enabled")))
    victim = json.loads(lines[3])["id"]
    assert victim in await asyncio.to_thread(operator.fail, "audit", "verify", "--file", "trail.jsonl")
    file.write_bytes(b"".join(lines[:-2]))
    assert "cut off" in await asyncio.to_thread(operator.fail, "audit", "verify", "--file", "trail.jsonl")
    exported = await asyncio.to_thread(operator.succeed, "audit", "search", "--kind", "audit.")
    assert "audit.exported" in exported
    assert "format=jsonl" in exported


async def test_a_table_goes_to_standard_output(operator: Operator) -> None:
    told = await asyncio.to_thread(operator.succeed, "audit", "export", "-", "--format", "csv", "--organization", NORTH)
    head, *rows = told.splitlines()
    assert head.startswith("id,at,kind,subject_id,subject_name")
    assert sum("audit.exported" in row for row in rows) == 1, "this very export"
    assert sum("Nora Lindqvist" in row for row in rows) == 4
    assert len(rows) == 5
