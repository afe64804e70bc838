"""Facts about the deployment: the last thing said under a name is what is known."""

from portico.database.deployment import CLOCK_FLOOR, SEALING_KEY, find_fact, find_number, keep_fact
from portico.database.engine import Database, Transaction
from tests.support.racing import race


async def test_nothing_is_known_at_first(database: Database) -> None:
    assert await find_fact(database, SEALING_KEY) is None
    assert await find_number(database, CLOCK_FLOOR) == 0


async def test_a_fact_is_known_until_another_takes_its_place(database: Database) -> None:
    for value in ("1777888800000000", "1777888800000001", ""):

        async def body(tx: Transaction, value: str = value) -> None:
            await keep_fact(tx, CLOCK_FLOOR, value)

        await database.transact(body)
        assert await find_fact(database, CLOCK_FLOOR) == value
        assert await find_number(database, CLOCK_FLOOR) == int(value or 0)
    assert await find_fact(database, SEALING_KEY) is None


async def test_fifty_may_say_the_same_at_once(database: Database, race_width: int) -> None:
    async def body(tx: Transaction, who: int) -> None:
        await keep_fact(tx, CLOCK_FLOOR, str(who))

    await race(database, race_width, body)
    assert await find_number(database, CLOCK_FLOOR) in range(race_width)
    assert len(await database.list_rows("SELECT name FROM deployment")) == 1
