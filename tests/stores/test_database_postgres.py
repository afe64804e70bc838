"""What only PostgreSQL has to prove: deadlocks, servers that go away, bodies that are run again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from portico.database.engine import Database, Transaction, open_database
from portico.kernel.errors import Busy, Misconfigured
from tests.support.databases import Templates

SET = "INSERT INTO deployment (name, value) VALUES ($1, $2)"
GET = "SELECT value FROM deployment WHERE name = $1"
CHANGE = "UPDATE deployment SET value = $2 WHERE name = $1"


@pytest.fixture
async def url(templates: Templates, tmp_path: Path) -> AsyncIterator[str]:
    async with templates.url("postgresql", tmp_path) as made:
        yield made


@pytest.fixture
async def server(url: str) -> AsyncIterator[Database]:
    """A fresh migrated PostgreSQL database, open."""
    database = await open_database(url)
    yield database
    await database.close()


@pytest.fixture
async def other(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's connection to the same database."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def set_names(database: Database, *names: str) -> None:
    async def body(transaction: Transaction) -> None:
        for name in names:
            await transaction.execute(SET, name, "1")

    await database.transact(body)


async def test_two_bodies_that_lock_each_other_out_both_end_well(server: Database) -> None:
    await set_names(server, "a", "b")
    runs: list[str] = []
    has_first = {"a": asyncio.Event(), "b": asyncio.Event()}

    async def change(first: str, second: str) -> None:
        async def body(transaction: Transaction) -> None:
            runs.append(first)
            await transaction.execute(CHANGE, first, first)
            has_first[first].set()
            await has_first[second].wait()
            await transaction.execute(CHANGE, second, first)

        await server.transact(body)

    await asyncio.gather(change("a", "b"), change("b", "a"))
    assert len(runs) > len(has_first)
    rows = await server.list_rows("SELECT DISTINCT value FROM deployment")
    assert len(rows) == 1


async def test_a_body_that_collides_every_time_is_busy_in_the_end(server: Database, url: str) -> None:
    runs = 0

    async def body(transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await transaction.find_row(GET, "a")
        connection = await asyncpg.connect(url)
        await connection.execute(CHANGE, "a", str(runs))
        await connection.close()
        await transaction.execute(CHANGE, "a", "mine")

    await set_names(server, "a")
    with pytest.raises(Busy):
        await server.transact(body)
    assert runs == 5
    found = await server.find_row(GET, "a")
    assert found is not None
    assert found["value"] == "5"


async def test_a_body_cancelled_in_the_middle_is_rolled_back(server: Database) -> None:
    began = asyncio.Event()

    async def body(transaction: Transaction) -> None:
        await transaction.execute(SET, "a", "1")
        began.set()
        await transaction.find_row("SELECT pg_sleep(600)")

    for _ in range(12):  # more than the pool has connections
        began.clear()
        running = asyncio.ensure_future(server.transact(body))
        await began.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert await server.find_row(GET, "a") is None
    await set_names(server, "a")


async def test_connections_the_server_dropped_are_replaced(server: Database, other: asyncpg.Connection) -> None:
    before = await server.revision()
    await set_names(server, "a")
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1",
        other.get_server_pid(),
    )
    answers = 0
    while not answers:
        try:
            answers += await server.find_row(GET, "a") is not None
        except Busy:
            await asyncio.sleep(0.01)
    await set_names(server, "b")
    await asyncio.sleep(0.6)
    assert await server.revision() != before


async def test_a_connection_lost_within_a_body_is_busy(server: Database) -> None:
    async def body(transaction: Transaction) -> None:
        await transaction.execute(SET, "a", "1")
        await transaction.find_row("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Busy):
        await server.transact(body)
    assert await server.find_row(GET, "a") is None


async def test_who_waits_too_long_for_a_lock_is_told_to_come_back(server: Database, other: asyncpg.Connection) -> None:
    await set_names(server, "a")

    async def body(transaction: Transaction) -> int:
        return await transaction.execute(CHANGE, "a", "2")

    async with other.transaction():
        await other.execute(CHANGE, "a", "1")
        with pytest.raises(Busy):
            await server.transact(body)
    assert await server.transact(body) == 1


async def test_a_statement_prepared_before_a_migration_still_works_after_it(
    server: Database, other: asyncpg.Connection
) -> None:
    async def body(transaction: Transaction) -> None:
        row = await transaction.find_row("SELECT * FROM deployment WHERE name = $1", "a")
        assert row is not None

    await set_names(server, "a")
    await server.transact(body)
    await other.execute("ALTER TABLE deployment ADD COLUMN remark TEXT")
    await server.transact(body)


async def test_a_server_that_is_not_there_is_busy(tmp_path: Path) -> None:
    with pytest.raises(Busy):
        await open_database(f"postgresql://portico@/portico?host={tmp_path}")


async def test_a_database_that_does_not_exist_is_misconfigured(url: str) -> None:
    with pytest.raises(Misconfigured, match="does not exist"):
        await open_database(url.replace("/portico_test_", "/portico_missing_"))
