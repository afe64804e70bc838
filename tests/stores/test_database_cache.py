"""A cached value is read once, and again after the database has moved on."""

import asyncio

import pytest

from portico.database.cache import Cached
from portico.database.engine import Database, Reader, Transaction, open_database

SET = "INSERT INTO deployment (name, value) VALUES ('a', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class Loader:
    """Reads the value and counts how often."""

    def __init__(self) -> None:
        self.reads = 0

    async def __call__(self, reader: Reader) -> str:
        """The value; LookupError if there is none."""
        self.reads += 1
        row = await reader.find_row("SELECT value FROM deployment WHERE name = 'a'")
        if row is None:
            raise LookupError("no value")
        return str(row["value"])


async def set_value(database: Database, value: str) -> None:
    async def body(transaction: Transaction) -> None:
        await transaction.execute(SET, value)

    await database.transact(body)


async def test_a_value_is_read_once_however_many_ask(database: Database) -> None:
    await set_value(database, "1")
    load = Loader()
    cached = Cached(database, load)
    assert await asyncio.gather(*(cached.get() for _ in range(20))) == ["1"] * 20
    assert load.reads == 1


async def test_a_change_is_seen_within_the_second_whoever_made_it(database_url: str) -> None:
    database, other = await open_database(database_url), await open_database(database_url)
    await set_value(database, "0")
    cached = Cached(database, Loader())
    assert await cached.get() == "0"
    for number, writer in enumerate((database, other, database, other), 1):
        await set_value(writer, str(number))
        await asyncio.sleep(1.1)
        assert await cached.get() == str(number)
    await database.close()
    await other.close()


async def test_who_changed_it_can_have_it_forgotten(database: Database) -> None:
    await set_value(database, "1")
    cached = Cached(database, Loader())
    assert await cached.get() == "1"
    await set_value(database, "2")
    cached.forget()
    assert await cached.get() == "2"


async def test_an_old_value_is_not_given_when_the_new_one_cannot_be_read(database: Database) -> None:
    await set_value(database, "1")
    load = Loader()
    cached = Cached(database, load)
    assert await cached.get() == "1"

    async def body(transaction: Transaction) -> None:
        await transaction.execute("DELETE FROM deployment")

    await database.transact(body)
    await asyncio.sleep(0.6)
    for _ in range(2):
        with pytest.raises(LookupError):
            await cached.get()
    await set_value(database, "2")
    assert await cached.get() == "2"
