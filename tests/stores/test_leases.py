"""What only one server may do: one holds the lease, and whoever has lost it can write nothing of that work."""

import asyncio
from datetime import timedelta

import pytest

from portico.database.engine import Database, Transaction
from portico.database.lease import Fenced, Lease, LeaseLost
from tests.support.rows import NOW
from tests.support.world import SetClock

SPAN = timedelta(seconds=30)


class Server:
    """A process with a clock of its own."""

    def __init__(self, database: Database, name: str, ahead: timedelta = timedelta(0)) -> None:
        self.clock = SetClock(NOW + ahead)
        self.lease = Lease(database, self.clock, name="jobs", holder=name, span=SPAN)
        self.own = Fenced(database, self.lease)

    async def write(self, value: str) -> None:
        """A piece of the work."""

        async def body(tx: Transaction) -> None:
            await tx.execute("INSERT INTO deployment (name, value) VALUES ($1, $2)", value, self.lease.holder)

        await self.own.transact(body)


async def written(database: Database) -> dict[str, str]:
    """What was written, and by whom."""
    return {row["name"]: row["value"] for row in await database.list_rows("SELECT name, value FROM deployment")}


async def test_one_of_two_holds_it_until_it_falls_silent(database: Database) -> None:
    one, two = Server(database, "one"), Server(database, "two")
    assert await one.lease.keep()
    assert not await two.lease.keep()
    for server in (one, two):
        server.clock.advance(seconds=29)
    assert await one.lease.keep(), "renewed"
    for server in (one, two):
        server.clock.advance(seconds=29)
    assert not await two.lease.keep()
    for server in (one, two):
        server.clock.advance(seconds=1)
    assert await two.lease.keep()
    assert (one.lease.fence, two.lease.fence) == (1, 2)
    assert not await one.lease.keep()
    assert one.lease.fence is None


async def test_a_holder_that_woke_up_too_late_writes_nothing(database: Database) -> None:
    """It was stopped, and believes that no time has passed."""
    stopped, other = Server(database, "stopped"), Server(database, "other")
    assert await stopped.lease.keep()
    await stopped.write("before")
    other.clock.advance(seconds=30)
    assert await other.lease.keep()
    await other.write("after")
    with pytest.raises(LeaseLost):
        await stopped.write("too late")
    assert await written(database) == {"before": "stopped", "after": "other"}
    assert stopped.lease.fence is None
    with pytest.raises(LeaseLost):
        await stopped.write("still too late")


async def test_a_holder_nobody_has_replaced_goes_on_though_its_time_is_over(database: Database) -> None:
    one = Server(database, "one")
    assert await one.lease.keep()
    one.clock.advance(hours=3)
    await one.write("late")
    assert await written(database) == {"late": "one"}
    two = Server(database, "two", timedelta(hours=3))
    assert not await two.lease.keep(), "its work has renewed it"


async def test_the_fence_rises_with_every_change_of_hands_and_never_else(database: Database) -> None:
    one, two = Server(database, "one"), Server(database, "two")
    fences = []
    for server in (one, one, two, two, one, two):
        for each in (one, two):
            each.clock.advance(seconds=30)
        assert await server.lease.keep()
        fences.append(server.lease.fence)
    assert fences == [1, 1, 2, 2, 3, 4]


async def test_work_begun_under_an_older_fence_of_the_same_holder_goes_on_under_the_new_one_only(
    database: Database,
) -> None:
    one, two = Server(database, "one"), Server(database, "two")
    await one.lease.keep()
    two.clock.advance(minutes=1)
    await two.lease.keep()
    old = one.lease.fence
    one.clock.advance(minutes=5)
    assert await one.lease.keep()
    one.lease.fence = old
    with pytest.raises(LeaseLost):
        await one.write("under the old one")


async def test_whoever_lets_go_is_replaced_at_once(database: Database) -> None:
    one, two = Server(database, "one"), Server(database, "two")
    await one.lease.keep()
    await one.lease.release()
    assert await two.lease.keep()
    await one.lease.release()
    assert not await Server(database, "three").lease.keep(), "letting go twice frees nobody else's"


@pytest.mark.parametrize("ahead", [timedelta(seconds=-20), timedelta(seconds=20), timedelta(hours=2)])
async def test_clocks_that_differ_cost_the_peace_and_not_the_order(database: Database, ahead: timedelta) -> None:
    """A clock ahead may take the lease too early, one behind may lose it: in turn they write all the same."""
    one, two = Server(database, "one"), Server(database, "two", ahead)
    seen: list[tuple[str, int]] = []
    for number in range(40):
        server = (one, two)[number % 2]
        for each in (one, two):
            each.clock.advance(seconds=10)
        if await server.lease.keep():
            await server.write(f"n{number}")
            assert server.lease.fence is not None
            seen.append((server.lease.holder, server.lease.fence))
    fences = [fence for _, fence in seen]
    assert fences == sorted(fences)
    assert len(set(seen)) == len(set(fences)), "one holder for each fence"
    assert len(seen) >= 18, "and somebody always does the work"
    assert len(set(fences)) <= 2, "without taking it from each other for ever"


async def test_of_fifty_at_once_one_gets_it(database: Database, race_width: int) -> None:
    servers = [Server(database, f"server{number}") for number in range(race_width)]
    got = await asyncio.gather(*(server.lease.keep() for server in servers))
    assert sum(got) == 1
    (holder,) = (server for server in servers if server.lease.fence is not None)
    results = await asyncio.gather(*(server.write(server.lease.holder) for server in servers), return_exceptions=True)
    assert sum(isinstance(result, LeaseLost) for result in results) == race_width - 1
    assert await written(database) == {holder.lease.holder: holder.lease.holder}


async def test_nobody_takes_over_in_the_middle_of_a_transaction(database: Database) -> None:
    """On PostgreSQL the row is taken until the commit; on SQLite the whole file is."""
    one, two = Server(database, "one"), Server(database, "two", timedelta(hours=1))
    await one.lease.keep()
    taking: list[asyncio.Task[bool]] = []

    async def body(tx: Transaction) -> None:
        taking.append(asyncio.ensure_future(two.lease.keep()))
        for number in range(20):
            await tx.execute("INSERT INTO deployment (name, value) VALUES ($1, 'one')", f"n{number}")
        assert not taking[0].done()

    await one.own.transact(body)
    assert len(await written(database)) == 20
    assert await taking[0]
    with pytest.raises(LeaseLost):
        await one.write("too late")
    assert len(await written(database)) == 20


async def test_reads_need_no_lease(database: Database) -> None:
    own = Fenced(database, Server(database, "one").lease)
    assert await own.find_row("SELECT 1 AS one") is not None
    assert len(await own.list_rows("SELECT 1 AS one")) == 1
    assert await own.revision() == await database.revision()
    await own.close()
    assert own.kind == database.kind
