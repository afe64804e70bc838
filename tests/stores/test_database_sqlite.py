"""What only SQLite has to prove: nothing waits on the loop, and one writer at a time."""

import asyncio
import os
import sqlite3
import stat
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portico.database.engine import Database, Transaction, TransactionSuspended, open_database
from portico.kernel.errors import Busy, Misconfigured
from tests.support.databases import Templates

SET = "INSERT INTO deployment (name, value) VALUES ($1, $2)"
GET = "SELECT value FROM deployment WHERE name = $1"
COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) AS n FROM n"
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO deployment (name, value) VALUES ('holder', 'x')")
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


@pytest.fixture
async def path(templates: Templates, tmp_path: Path) -> AsyncIterator[Path]:
    async with templates.url("sqlite", tmp_path) as url:
        yield Path(url.removeprefix("sqlite:///"))


@pytest.fixture
async def file(path: Path) -> AsyncIterator[Database]:
    """A fresh migrated SQLite database, open."""
    database = await open_database(f"sqlite:///{path}")
    yield database
    await database.close()


@asynccontextmanager
async def write_lock_held(path: Path) -> AsyncIterator[Process]:
    """Another process has the write lock until a line is sent to it."""
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD, str(path), stdin=PIPE, stdout=PIPE)
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    try:
        yield holder
    finally:
        await holder.communicate(b"\n")


async def set_name(database: Database, name: str) -> int:
    async def body(transaction: Transaction) -> int:
        return await transaction.execute(SET, name, "1")

    return await database.transact(body)


async def sleeps(_transaction: Transaction) -> None:
    await asyncio.sleep(0)


async def waits_for_a_future(_transaction: Transaction) -> None:
    await asyncio.get_running_loop().create_future()


async def waits_in_a_task(_transaction: Transaction) -> None:
    await asyncio.create_task(asyncio.sleep(0))


@pytest.mark.parametrize("awaits", [sleeps, waits_for_a_future, waits_in_a_task])
async def test_a_body_that_awaits_something_else_is_refused_and_rolled_back(
    file: Database, awaits: Callable[[Transaction], Awaitable[None]]
) -> None:
    async def body(transaction: Transaction) -> None:
        await transaction.execute(SET, "a", "1")
        await awaits(transaction)

    with pytest.raises(TransactionSuspended):
        await file.transact(body)
    assert await file.find_row(GET, "a") is None
    assert await set_name(file, "a") == 1


async def test_a_body_that_asks_the_database_instead_of_its_transaction_is_refused(file: Database) -> None:
    async def reads_a_row(_transaction: Transaction) -> None:
        await file.find_row(GET, "a")

    async def reads_a_list(_transaction: Transaction) -> None:
        await file.list_rows(GET, "a")

    async def begins_another(_transaction: Transaction) -> None:
        await set_name(file, "a")

    for body in (reads_a_row, reads_a_list, begins_another):
        with pytest.raises(TransactionSuspended):
            await file.transact(body)
    assert await set_name(file, "a") == 1


async def test_the_loop_goes_on_while_another_process_writes(file: Database, path: Path) -> None:
    async with write_lock_held(path) as holder:
        writing = asyncio.ensure_future(set_name(file, "ours"))
        for _ in range(500):
            assert await file.find_row(GET, "ours") is None
            await asyncio.sleep(0)
        assert not writing.done()  # had it waited on the loop, it would have ended, one way or the other
        await holder.communicate(b"\n")
        assert await writing == 1
    assert await file.find_row(GET, "holder") is not None


async def test_who_waits_too_long_is_told_to_come_back(file: Database, path: Path) -> None:
    async with write_lock_held(path):
        ended = await asyncio.gather(*(set_name(file, name) for name in "abc"), return_exceptions=True)
    assert [type(result) for result in ended] == [Busy, Busy, Busy]
    assert await set_name(file, "a") == 1


async def test_who_is_cancelled_while_waiting_for_another_process_leaves_nothing_behind(
    file: Database, path: Path
) -> None:
    async with write_lock_held(path):
        writing = asyncio.ensure_future(set_name(file, "a"))
        await asyncio.sleep(0.02)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    assert await set_name(file, "a") == 1


async def test_the_loop_goes_on_while_a_long_list_is_read(file: Database) -> None:
    listing = asyncio.ensure_future(file.list_rows(COUNT, 1_000_000))
    for _ in range(20):
        await file.find_row(GET, "a")
        await asyncio.sleep(0)
    assert not listing.done()
    assert [row["n"] for row in await listing] == [1_000_000]


async def test_lists_cannot_write(file: Database) -> None:
    with pytest.raises(Busy, match="readonly"):
        await file.list_rows("DELETE FROM deployment RETURNING name")
    with pytest.raises(Busy, match="readonly"):
        await file.find_row("DELETE FROM deployment RETURNING name")


async def test_the_revision_stands_still_while_nothing_is_committed(file: Database) -> None:
    async def writes_nothing(transaction: Transaction) -> None:
        await transaction.execute("DELETE FROM deployment WHERE name = $1", "nobody")

    before = await file.revision()
    await file.list_rows("SELECT name FROM deployment")
    await file.transact(writes_nothing)
    await asyncio.sleep(0.6)
    assert await file.revision() == before


async def test_the_disk_is_waited_for(file: Database, path: Path) -> None:
    async def body(transaction: Transaction) -> list[int]:
        rows = [await transaction.find_row(f"PRAGMA {name}") for name in ("synchronous", "foreign_keys")]
        return [row[0] for row in rows if row is not None]  # type: ignore[index]

    assert await file.transact(body) == [2, 1]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


async def test_closing_waits_for_what_is_running(file: Database, path: Path) -> None:
    database = await open_database(f"sqlite:///{path}")
    writing = asyncio.ensure_future(set_name(database, "a"))
    await asyncio.sleep(0)
    await database.close()
    assert await writing == 1
    assert await file.find_row(GET, "a") is not None


async def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    made = tmp_path / "new.db"
    database = await open_database(f"sqlite:///{made}")
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(tmp_path)}
    await database.close()
    assert set(modes) >= {"new.db"}
    assert set(modes.values()) == {0o600}


async def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    for bad in (tmp_path / "nowhere" / "portico.db", tmp_path):
        with pytest.raises(Misconfigured, match="cannot be opened"):
            await open_database(f"sqlite:///{bad}")
    (tmp_path / "text").write_text("This is not a database, though it is longer than one hundred bytes. " * 9)
    with pytest.raises(Misconfigured, match="not a database"):
        await open_database(f"sqlite:///{tmp_path / 'text'}")
