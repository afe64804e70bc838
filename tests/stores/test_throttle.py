"""Counters: a try is claimed by one statement, whose answer is final on both databases (architecture rule 2)."""

from datetime import timedelta

import pytest

from portico.database.engine import Database, Transaction
from portico.throttle import store
from portico.throttle.rates import Rate
from portico.throttle.store import Counter
from tests.support.racing import race
from tests.support.rows import DAY, MICROSECOND, NOW, digest

KEY = digest("nora")
NET, NAME = digest("network"), digest("identifier")
MINUTE = timedelta(minutes=1)
RATE = Rate(burst=3, every=MINUTE)
THRICE = Rate(burst=10, every=MINUTE, consecutive=3)


async def take(database: Database, rate: Rate = RATE, after: timedelta = timedelta(0), key: bytes = KEY) -> bool:
    return await database.transact(lambda tx: store.take(tx, key, rate, NOW + after))


async def test_a_burst_is_free_and_then_one_more_every_so_often(database: Database) -> None:  # D20
    assert [await take(database) for _ in range(5)] == [True, True, True, False, False]
    assert not await take(database, after=MINUTE - MICROSECOND)
    assert await take(database, after=MINUTE)
    assert not await take(database, after=MINUTE)
    assert [await take(database, after=60 * MINUTE) for _ in range(4)] == [True, True, True, False]


async def test_a_try_that_was_refused_leaves_the_counter_as_it_was(database: Database) -> None:
    for _ in range(3):
        await take(database)
    before = await store.find_counter(database, KEY)
    assert before == Counter(full_at=NOW + 3 * MINUTE, failures=3)
    assert not await take(database)
    assert await store.find_counter(database, KEY) == before


async def test_each_key_has_a_counter_of_its_own(database: Database) -> None:
    assert [await take(database) for _ in range(4)] == [True, True, True, False]
    assert await take(database, key=digest("tom"))
    assert await store.find_counter(database, digest("olga")) is None


async def test_a_success_gives_the_try_back_and_ends_the_run_of_failures(database: Database) -> None:
    for _ in range(20):
        assert await take(database)
        await database.transact(lambda tx: store.give_back(tx, KEY, RATE))
    assert await store.find_counter(database, KEY) == Counter(full_at=NOW, failures=0)


async def test_giving_back_what_was_never_taken_counts_nothing(database: Database) -> None:
    await database.transact(lambda tx: store.give_back(tx, KEY, RATE))
    assert await store.find_counter(database, KEY) is None


async def test_a_run_of_failures_switches_a_key_off_however_long_one_waits(database: Database) -> None:  # D20
    assert [await take(database, THRICE, n * DAY) for n in range(5)] == [True, True, True, False, False]
    assert not await take(database, THRICE, 300 * DAY)
    await database.transact(lambda tx: store.forgive(tx, KEY))
    assert await store.find_counter(database, KEY) is None
    assert await take(database, THRICE, 300 * DAY)


async def test_zero_consecutive_failures_means_never_off(database: Database) -> None:
    assert all([await take(database, RATE, n * DAY) for n in range(120)])


@pytest.mark.parametrize(("rate", "winners"), [(Rate(1, MINUTE), 1), (Rate(10, MINUTE), 10), (Rate(40, MINUTE, 7), 7)])
async def test_of_fifty_at_once_no_more_than_the_burst_get_a_try(  # D20
    database: Database, race_width: int, race_rounds: int, rate: Rate, winners: int
) -> None:
    for number in range(race_rounds):
        key = digest(str(number))

        async def body(tx: Transaction, _who: int, key: bytes = key) -> bool:
            return await store.take(tx, key, rate, NOW)

        assert sum(await race(database, race_width, body)) == winners
        counter = await store.find_counter(database, key)
        assert counter == Counter(full_at=NOW + winners * rate.every, failures=winners)


async def test_fifty_at_once_give_back_as_much_as_they_took(database: Database, race_width: int) -> None:
    wide = Rate(burst=race_width, every=MINUTE)

    async def take_one(tx: Transaction, _who: int) -> bool:
        return await store.take(tx, KEY, wide, NOW)

    async def give_back(tx: Transaction, _who: int) -> None:
        await store.give_back(tx, KEY, wide)

    assert all(await race(database, race_width, take_one))
    await race(database, race_width, give_back)
    assert await store.find_counter(database, KEY) == Counter(full_at=NOW, failures=0)


async def test_an_identifier_counts_once_as_failing_from_a_network(database: Database) -> None:  # D20
    assert await database.transact(lambda tx: store.add_failing(tx, NET, NAME, NOW))
    assert not await database.transact(lambda tx: store.add_failing(tx, NET, NAME, NOW + DAY))
    assert await database.transact(lambda tx: store.add_failing(tx, NET, digest("other"), NOW))
    assert await database.transact(lambda tx: store.add_failing(tx, digest("elsewhere"), NAME, NOW))
    await database.transact(lambda tx: store.remove_failing(tx, NET, NAME))
    assert await database.transact(lambda tx: store.add_failing(tx, NET, NAME, NOW))


async def test_of_fifty_at_once_one_makes_an_identifier_count(
    database: Database, race_width: int, race_rounds: int
) -> None:
    for number in range(race_rounds):
        name = digest(str(number))

        async def body(tx: Transaction, _who: int, name: bytes = name) -> bool:
            return await store.add_failing(tx, NET, name, NOW)

        assert sum(await race(database, race_width, body)) == 1


async def test_of_fifty_successes_at_once_one_stops_an_identifier_from_counting(
    database: Database, race_width: int, race_rounds: int
) -> None:
    for number in range(race_rounds):
        name = digest(str(number))

        async def fail(tx: Transaction, name: bytes = name) -> bool:
            return await store.add_failing(tx, NET, name, NOW)

        async def succeed(tx: Transaction, _who: int, name: bytes = name) -> bool:
            return await store.clear_failing(tx, NET, name, NOW)

        assert await database.transact(fail)
        assert sum(await race(database, race_width, succeed)) == 1


async def test_a_success_from_a_network_is_remembered_there_and_nowhere_else(database: Database) -> None:  # D20
    assert not await database.transact(lambda tx: store.clear_failing(tx, NET, NAME, NOW))
    assert await store.has_succeeded_since(database, NET, NAME, NOW - MICROSECOND)
    assert not await store.has_succeeded_since(database, NET, NAME, NOW)
    assert not await store.has_succeeded_since(database, digest("elsewhere"), NAME, NOW - DAY)
    assert not await store.has_succeeded_since(database, NET, digest("other"), NOW - DAY)


async def test_a_failure_does_not_unmake_an_earlier_success(database: Database) -> None:
    await database.transact(lambda tx: store.clear_failing(tx, NET, NAME, NOW))
    assert await database.transact(lambda tx: store.add_failing(tx, NET, NAME, NOW + MINUTE))
    assert await store.has_succeeded_since(database, NET, NAME, NOW - DAY)
    assert await database.transact(lambda tx: store.clear_failing(tx, NET, NAME, NOW + 2 * MINUTE))


async def test_sweeping_forgets_what_slows_nobody_and_keeps_the_rest(database: Database) -> None:
    for number in range(5):
        await take(database, key=digest(f"old{number}"), after=-100 * DAY)
    await take(database)

    async def add_networks(tx: Transaction) -> None:
        await store.add_failing(tx, NET, digest("failed long ago"), NOW - 40 * DAY)
        await store.add_failing(tx, NET, digest("fails now"), NOW)
        await store.clear_failing(tx, NET, digest("succeeded long ago"), NOW - 40 * DAY)
        await store.clear_failing(tx, NET, digest("succeeded now"), NOW)

    await database.transact(add_networks)
    swept = 0
    while count := await database.transact(lambda tx: store.sweep(tx, NOW - 90 * DAY, NOW - 30 * DAY, 2)):
        swept += count
    assert swept == 7
    assert await store.find_counter(database, KEY) is not None
    assert await store.find_counter(database, digest("old0")) is None
    names = {bytes(row["identifier"]) for row in await database.list_rows("SELECT identifier FROM throttle_networks")}
    assert names == {digest("fails now"), digest("succeeded now")}
