"""Several servers on one database: one does the jobs of all, and when it dies or freezes another goes on."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from portico.audit.sealing.store import list_heads
from portico.database.engine import Database, open_database
from tests.support.crash_server import CrashServer
from tests.support.databases import Templates
from tests.support.trail import NORTH, SOUTH, export, find, record, verify_by_the_book

LEASE = 3.0
SERVERS = 3
MANY = 3_000
FROZEN = 90.0
"""Frozen in the middle of a transaction, a server keeps the row until PostgreSQL ends its connection."""


class Server(CrashServer):
    """One of several servers on the same database."""

    def __init__(self, folder: Path, database_url: str, number: int) -> None:
        own = folder / f"server{number}"
        own.mkdir()
        super().__init__(own, database_url)
        self.environment = {
            **self.environment,
            "PORTICO_JOB_LEASE": f"{LEASE:.0f}s",
            "PORTICO_LOG_LEVEL": "info",
            "PORTICO_LOG_FORMAT": "json",
            "PORTICO_SEALING_KEYS_FILE": str(folder / "sealing.keys"),
        }

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The process that runs."""
        assert self._process is not None
        return self._process

    def fences(self) -> list[int]:
        """Under which fences it has worked, as its log tells."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line["fence"] for line in lines if line["event"] == "does the jobs of all servers now"]


@pytest.fixture
async def servers(tmp_path: Path, templates: Templates) -> AsyncIterator[tuple[list[Server], Database]]:
    """Three servers that run, and their database."""
    async with templates.url("postgresql", tmp_path) as url:
        made = [Server(tmp_path, url, number) for number in range(SERVERS)]
        database = await open_database(url)
        try:
            await made[0].start()
            await asyncio.gather(*(server.start() for server in made[1:]))
            yield made, database
        finally:
            for server in made:
                server.kill()
            await database.close()


async def until(what: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> float:
    """Wait for something; how many seconds that took."""
    started = time.perf_counter()
    while not await what():
        assert time.perf_counter() - started < seconds
        await asyncio.sleep(0.05)
    return time.perf_counter() - started


async def fence_of(database: Database) -> int:
    row = await database.find_row("SELECT fence FROM job_leases")
    return int(row["fence"]) if row else 0


async def all_sealed(database: Database) -> bool:
    return await database.find_row("SELECT 1 AS one FROM audit_events WHERE sealed = 0") is None


async def holder(servers: list[Server], database: Database) -> Server:
    """Who does the jobs now."""
    fence = await fence_of(database)
    found: list[Server] = []

    async def look() -> bool:
        found[:] = [server for server in servers if fence in server.fences()]
        return bool(found)

    await until(look)
    (server,) = found
    return server


async def assert_proven(database: Database, north: int) -> None:
    """The chains have neither a gap nor a doubled link."""
    await until(lambda: all_sealed(database))
    heads = {head.organization_id: head.number for head in await list_heads(database)}
    assert heads[NORTH] == north
    assert await find(database) == []
    assert verify_by_the_book(await export(database))


@pytest.mark.timeout(0)
async def test_one_seals_and_when_it_is_killed_another_does(
    servers: tuple[list[Server], Database],
) -> None:
    running, database = servers
    for batch in range(1, 6):
        await record(database, NORTH, count=50)
        await until(lambda: all_sealed(database))
        assert await fence_of(database) == 1, f"the hands do not change while all is well (batch {batch})"
    first = await holder(running, database)
    await record(database, NORTH, SOUTH, count=MANY)
    first.kill()
    taken = await until(lambda: _rose(database, 1))
    assert taken < LEASE * 2 + 5, "a lease, the next look of another server, and a busy machine"
    await assert_proven(database, 250 + MANY)
    second = await holder(running, database)
    assert second is not first
    assert [server.fences() for server in running if server is not first and server is not second] == [[]]


async def _rose(database: Database, above: int) -> bool:
    return await fence_of(database) > above


@pytest.mark.timeout(0)
async def test_one_that_froze_and_wakes_up_writes_nothing_more(
    servers: tuple[list[Server], Database],
) -> None:
    running, database = servers
    await record(database, NORTH, count=10)
    await until(lambda: all_sealed(database))
    frozen = await holder(running, database)
    frozen.tell(signal.SIGSTOP)
    await record(database, NORTH, count=MANY)
    await until(lambda: _rose(database, 1), FROZEN)
    frozen.tell(signal.SIGCONT)
    await record(database, NORTH, SOUTH, count=500)
    await assert_proven(database, 510 + MANY)
    assert frozen.fences() == [1]
    assert await fence_of(database) == 2, "and does not take the work back"
    frozen.tell(signal.SIGTERM)
    await asyncio.to_thread(frozen.process.wait, 60)
    assert await fence_of(database) == 2


@pytest.mark.timeout(0)
async def test_one_that_is_stopped_hands_over_at_once(servers: tuple[list[Server], Database]) -> None:
    running, database = servers
    await until(lambda: _rose(database, 0))
    first = await holder(running, database)
    first.tell(signal.SIGTERM)
    await asyncio.to_thread(first.process.wait, 60)
    assert await until(lambda: _rose(database, 1)) < LEASE + 2, "at the next look, long before the lease has run out"
    await record(database, NORTH, count=20)
    await assert_proven(database, 20)


@pytest.mark.timeout(0)
async def test_a_sealer_killed_in_the_middle_goes_on_where_it_was(tmp_path: Path, database_url: str) -> None:
    server = Server(tmp_path, database_url, 0)
    database = await open_database(database_url)
    try:
        await record(database, NORTH, count=4 * MANY)
        for _ in range(3):
            before = await _sealed(database)
            await server.start()
            await until(lambda before=before: _grew(database, before))  # type: ignore[misc]
            server.kill()
        await server.start()
        await assert_proven(database, 4 * MANY)
    finally:
        server.kill()
        await database.close()


async def _sealed(database: Database) -> int:
    heads = await list_heads(database, NORTH)
    return heads[0].number if heads else 0


async def _grew(database: Database, before: int) -> bool:
    return await _sealed(database) > before
