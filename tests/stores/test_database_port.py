"""The port's contract, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from portico.database.engine import Database, Row, Transaction, TransactionSuspended, Value, open_database
from portico.kernel.errors import BadInput, Conflict, Misconfigured

SET = "INSERT INTO deployment (name, value) VALUES ($1, $2)"
GET = "SELECT value FROM deployment WHERE name = $1"
CHANGE = "UPDATE deployment SET value = $2 WHERE name = $1"
SPEND = "INSERT INTO spent (hash, leads_to, expires_at) VALUES ($1, $2, $3)"


def executing(sql: str, *values: Value) -> Callable[[Transaction], Awaitable[int]]:
    """A body of one statement."""

    async def body(transaction: Transaction) -> int:
        return await transaction.execute(sql, *values)

    return body


async def find_value(database: Database, name: str) -> str | None:
    row = await database.find_row(GET, name)
    return None if row is None else str(row["value"])


async def test_what_a_body_did_is_committed_and_what_it_returned_is_given_back(database: Database) -> None:
    async def body(transaction: Transaction) -> str:
        await transaction.execute(SET, "a", "1")
        await transaction.execute(SET, "b", "2")
        return "done"

    assert await database.transact(body) == "done"
    assert await find_value(database, "a") == "1"
    assert await find_value(database, "b") == "2"


async def test_an_exception_rolls_everything_back_and_comes_out_as_it_is(database: Database) -> None:
    async def body(transaction: Transaction) -> None:
        await transaction.execute(SET, "a", "1")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await database.transact(body)
    assert await find_value(database, "a") is None
    assert await database.transact(executing(SET, "a", "2")) == 1


async def test_a_transaction_reads_what_it_wrote_and_others_do_not_yet(database_url: str) -> None:
    database, other = await open_database(database_url), await open_database(database_url)

    async def body(transaction: Transaction) -> tuple[Row | None, list[Row]]:
        await transaction.execute(SET, "a", "1")
        return await transaction.find_row(GET, "a"), await transaction.list_rows("SELECT name FROM deployment")

    row, rows = await database.transact(body)
    assert row is not None
    assert row["value"] == "1"
    assert [row["name"] for row in rows] == ["a"]
    assert await find_value(other, "a") == "1"
    await database.close()
    await other.close()


async def test_values_may_stand_in_any_order_and_more_than_once(database: Database) -> None:
    await database.transact(executing("INSERT INTO deployment (value, name) VALUES ($2, $1)", "a", "1"))
    row = await database.find_row("SELECT name FROM deployment WHERE value = $2 OR name = $2 OR name = $1", "a", "1")
    assert row is not None
    assert row["name"] == "a"
    many = "SELECT name FROM deployment WHERE name IN ($12, $11, $10, $9, $8, $7, $6, $5, $4, $3, $2, $1)"
    rows = await database.list_rows(many, *"abcdefghijkl")
    assert [row["name"] for row in rows] == ["a"]


async def test_the_row_count_tells_what_a_statement_touched(database: Database) -> None:
    async def body(transaction: Transaction) -> list[int]:
        keep = f"{SET} ON CONFLICT DO NOTHING"
        merge = f"{SET} ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        return [
            await transaction.execute(keep, "a", "1"),
            await transaction.execute(keep, "a", "2"),
            await transaction.execute(merge, "a", "3"),
            await transaction.execute(SET, "b", "1"),
            await transaction.execute("UPDATE deployment SET value = $1", "x"),
            await transaction.execute("UPDATE deployment SET value = $1 WHERE name = $2 AND value = $1", "y", "a"),
            await transaction.execute("DELETE FROM deployment WHERE name = $1 RETURNING name", "a"),
            await transaction.execute("DELETE FROM deployment WHERE name = $1", "a"),
        ]

    assert await database.transact(body) == [1, 0, 1, 1, 2, 0, 1, 0]


async def test_returning_gives_the_rows_it_changed(database: Database) -> None:
    async def body(transaction: Transaction) -> tuple[Row | None, list[Row], Row | None]:
        await transaction.execute(SET, "a", "1")
        await transaction.execute(SET, "b", "1")
        first = await transaction.find_row(f"{CHANGE} RETURNING value", "a", "2")
        both = await transaction.list_rows("UPDATE deployment SET value = $1 RETURNING name", "3")
        return first, both, await transaction.find_row(f"{CHANGE} RETURNING value", "nobody", "2")

    first, both, none = await database.transact(body)
    assert first is not None
    assert first["value"] == "2"
    assert sorted(row["name"] for row in both) == ["a", "b"]
    assert none is None
    assert await find_value(database, "b") == "3"


@pytest.mark.parametrize("rounds", range(3))
async def test_of_fifty_who_spend_one_thing_exactly_one_wins(database: Database, rounds: int) -> None:
    await database.transact(executing(SET, "thing", "unspent"))
    spend = "UPDATE deployment SET value = $2 WHERE name = $1 AND value = 'unspent'"
    won = await asyncio.gather(*(database.transact(executing(spend, "thing", str(who))) for who in range(50)))
    assert sorted(won) == [0] * 49 + [1]
    assert await find_value(database, "thing") == str(won.index(1))


async def test_of_fifty_who_insert_one_key_exactly_one_wins(database: Database) -> None:
    body = executing(f"{SPEND} ON CONFLICT DO NOTHING", b"hash", None, 1)
    assert sum(await asyncio.gather(*(database.transact(body) for _ in range(50)))) == 1


async def test_nothing_is_lost_between_writers_that_read_before_they_write(database: Database) -> None:
    await database.transact(executing(SET, "count", "0"))

    async def body(transaction: Transaction) -> None:
        row = await transaction.find_row(f"{CHANGE} RETURNING value", "lock", "held")
        assert row is None or row["value"] == "held"
        await transaction.execute(
            "UPDATE deployment SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = $1", "count"
        )

    await asyncio.gather(*(database.transact(body) for _ in range(50)))
    assert await find_value(database, "count") == "50"


@pytest.mark.parametrize(
    "text", ["", "Zoë Ångström", "Ω≈ç√", "\U0001f6aa\U0001f511", "e\u0301", "\x01\x7f\r\n\t", "'; --", "$1 ?1 :a %s"]
)
async def test_text_comes_back_as_it_went_in(database: Database, text: str) -> None:
    await database.transact(executing(SET, text, text))
    assert await find_value(database, text) == text


@pytest.mark.parametrize(
    "data", [b"", b"\x00", bytes(range(256)), b"\xff" * 100_000], ids=["empty", "nul", "all", "long"]
)
async def test_bytes_nothing_and_numbers_come_back_as_they_went_in(database: Database, data: bytes) -> None:
    for number in (0, -1, 2**63 - 1, -(2**63)):
        await database.transact(executing("DELETE FROM spent"))
        await database.transact(executing(SPEND, data, None, number))
        row = await database.find_row("SELECT hash, leads_to, expires_at FROM spent WHERE hash = $1", data)
        assert row is not None
        assert (row["hash"], row["leads_to"], row["expires_at"]) == (data, None, number)


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        (SET, ("a\0b", "1")),
        (SET, ("a", "\ud800")),
        (SPEND, (b"a", None, 2**63)),
        (GET, ("\0",)),
        (GET, ("\udfff",)),
    ],
    ids=["NUL", "lone surrogate", "too large a number", "NUL to look for", "lone surrogate to look for"],
)
async def test_a_value_no_database_can_hold_is_bad_input(
    database: Database, sql: str, values: tuple[Value, ...]
) -> None:
    with pytest.raises(BadInput):
        await database.transact(executing(sql, *values))
    if sql == GET:
        with pytest.raises(BadInput):
            await database.find_row(sql, *values)
        with pytest.raises(BadInput):
            await database.list_rows(sql, *values)
    assert await database.transact(executing(SET, "a", "1")) == 1


async def test_a_key_that_is_taken_is_a_conflict(database: Database) -> None:
    await database.transact(executing(SET, "a", "1"))
    with pytest.raises(Conflict):
        await database.transact(executing(SET, "a", "2"))
    assert await find_value(database, "a") == "1"


async def test_a_statement_that_failed_takes_its_transaction_with_it(database: Database) -> None:
    await database.transact(executing(SET, "a", "1"))

    async def body(transaction: Transaction) -> None:
        await transaction.execute(SET, "b", "1")
        with suppress(Conflict):
            await transaction.execute(SET, "a", "2")

    with pytest.raises(Conflict):
        await database.transact(body)
    assert await find_value(database, "b") is None


async def test_a_reference_to_nothing_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await database.transact(
            executing("INSERT INTO reset_links VALUES ($1, 'nobody', $2, $3, $4, NULL)", b"hash", 1, 1, 1)
        )


async def test_a_cancelled_caller_does_not_stop_the_commit(database: Database) -> None:
    for number in range(20):
        body_ended = asyncio.Event()

        async def body(transaction: Transaction, number: int = number, ended: asyncio.Event = body_ended) -> None:
            await transaction.execute(SET, str(number), "here")
            ended.set()

        caller = asyncio.ensure_future(database.transact(body))
        await body_ended.wait()
        caller.cancel()
        with suppress(asyncio.CancelledError):
            await caller
        assert await find_value(database, str(number)) == "here"
    assert await database.transact(executing(SET, "next", "1")) == 1


async def test_a_caller_cancelled_in_the_queue_leaves_it_in_order(database: Database) -> None:
    callers = [asyncio.ensure_future(database.transact(executing(SET, str(number), "1"))) for number in range(50)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    ended = await asyncio.gather(*callers, return_exceptions=True)
    assert ended[1::2] == [1] * 25
    rows = await database.list_rows("SELECT name FROM deployment")
    answered = {str(number) for number, result in enumerate(ended) if result == 1}
    assert answered <= {row["name"] for row in rows}


async def test_a_transaction_cannot_be_used_after_its_end(database: Database) -> None:
    kept: list[Transaction] = []

    async def body(transaction: Transaction) -> None:
        kept.append(transaction)

    await database.transact(body)
    with pytest.raises(TransactionSuspended):
        await kept[0].execute(SET, "a", "1")


async def test_rows_come_in_the_order_of_their_bytes(database: Database) -> None:
    names = ["a", "B", "_", "ä", "Z", "z", "10", "9", "-", "\U0001f6aa"]

    async def body(transaction: Transaction) -> None:
        for name in names:
            await transaction.execute(SET, name, "")

    await database.transact(body)
    rows = await database.list_rows("SELECT name FROM deployment ORDER BY name")
    assert [row["name"] for row in rows] == sorted(names, key=str.encode)


async def test_the_revision_moves_at_once_with_our_own_commits(database: Database) -> None:
    before = await database.revision()
    await database.transact(executing(SET, "a", "1"))
    assert await database.revision() != before


async def test_the_revision_moves_within_the_second_with_the_commits_of_others(database_url: str) -> None:
    database, other = await open_database(database_url), await open_database(database_url)
    for number in range(3):
        before = await database.revision()
        await other.transact(executing(SET, str(number), "1"))
        await asyncio.sleep(0.6)
        assert await database.revision() != before
    await database.close()
    await other.close()


@pytest.mark.parametrize("url", ["", "mysql://root@localhost/portico", "sqlite://", "sqlite:///", "sqlite:///:memory:"])
async def test_an_address_that_cannot_work_says_so(url: str) -> None:
    with pytest.raises(Misconfigured):
        await open_database(url)
