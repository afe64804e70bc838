"""Several houses on one database: the jobs of all are done by one, and a house that was replaced does them no more."""

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from portico.audit.sealing.store import list_heads
from portico.audit.search.model import Filter
from portico.audit.search.service import TrailSearch
from portico.database.engine import Database
from portico.database.lease import LeaseLost
from portico.house import House
from portico.jobs.runner import Job
from tests.support.rows import NOW
from tests.support.trail import NORTH, change, find, record, seal
from tests.support.world import LIFTED, World, open_world

GROWTH = 600_000
"""Bytes: what four times as many events may take more, for caches that fill."""


@pytest.fixture
async def houses(tmp_path: Path, database_url: str) -> AsyncIterator[tuple[World, World]]:
    """Two servers of one deployment."""
    async with (
        open_world(tmp_path, database_url, limits=LIFTED) as one,
        open_world(tmp_path, database_url, limits=LIFTED) as two,
    ):
        await one.add_person()
        yield one, two


def job(house: House, name: str) -> Job:
    """One of the jobs."""
    (found,) = (each for each in house.runner.jobs if each.name == name)
    return found


async def sealed(database: Database) -> int:
    return sum(head.number for head in await list_heads(database))


async def test_one_does_the_jobs_of_all(houses: tuple[World, World]) -> None:
    one, two = houses
    assert {each.name for each in one.house.runner.jobs if each.in_one_server} == {
        "accounts", "remind", "seal", "sweep", "prune passwords", "seal anew",
    }  # fmt: skip
    assert {each.name for each in one.house.runner.jobs if not each.in_one_server} == {
        "lease", "clock", "queue mails", "send mails",
    }  # fmt: skip
    await one.house.runner.run_all_once()
    assert await sealed(one.house.database) == 1
    await record(one.house.database, NORTH)
    await two.house.runner.run_all_once()
    assert await sealed(one.house.database) == 1, "the second leaves it alone"
    two.clock.advance(seconds=31)
    await two.house.runner.run_all_once()
    assert await sealed(one.house.database) == 2, "until the first has fallen silent"


async def test_a_house_that_was_replaced_writes_nothing(houses: tuple[World, World]) -> None:
    one, two = houses
    database, nora = one.house.database, await one.get_account()
    await one.house.runner.run_all_once()
    two.clock.advance(seconds=31)
    await two.house.runner.run_all_once()
    await record(database, NORTH)
    await change(database, "UPDATE accounts SET delete_at = 1 WHERE id = $1", nora.id)
    for name in ("seal", "sweep", "accounts"):
        one.house.runner.lease.fence = 1  # type: ignore[union-attr] # it has not heard of it yet
        with pytest.raises(LeaseLost):
            await job(one.house, name).run_once()
    assert await sealed(database) == 1
    assert await one.house.accounts.find_account(database, nora.id) is not None
    await one.house.runner.run_all_once()
    assert await sealed(database) == 1
    await two.house.runner.run_all_once()
    assert await one.house.accounts.find_account(database, nora.id) is None
    while await sealed(database) < 3:
        await two.house.runner.run_all_once()
    assert await find(database) == []


async def test_a_house_that_closes_hands_over_at_once(tmp_path: Path, database_url: str) -> None:
    async with open_world(tmp_path, database_url) as one:
        await one.house.runner.run_all_once()
    async with open_world(tmp_path, database_url) as two:
        await record(two.house.database, NORTH)
        await two.house.runner.run_all_once()
        assert await sealed(two.house.database) == 1


async def test_a_long_trail_takes_no_more_memory_than_a_short_one(database: Database) -> None:
    async def verify() -> None:
        assert await find(database) == []

    async def export() -> None:
        async for _ in TrailSearch(database).write_lines(Filter(), NOW):
            pass
        async for _ in TrailSearch(database).write_table(Filter()):
            pass

    peaks: list[dict[str, int]] = []
    for count in (2_000, 8_000):
        await record(database, NORTH, count=count)
        works = {"seal": lambda: seal(database), "verify": verify, "export": export}
        peaks.append({name: await peak(work) for name, work in works.items()})
    short, long = peaks
    assert all(long[name] - short[name] < GROWTH for name in short), peaks


async def peak(work: Callable[[], Awaitable[object]]) -> int:
    """How many bytes some work takes at most, beyond those taken before."""
    tracemalloc.start()
    try:
        await work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
