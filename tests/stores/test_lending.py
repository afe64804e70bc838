"""The tests' own PostgreSQL databases: what is lent again is as good as new."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from portico.database.engine import open_database
from portico.database.schema import check_schema
from tests.support.databases import Templates
from tests.support.lending import SIZE_MAX, Lending

ACCOUNT = """INSERT INTO accounts (id, address, address_key, handle, handle_key, normaliser, first_name, last_name,
language, state, is_operator, epoch, version, created_at)
VALUES ('a', 'a', 'a', 'a', 'a', 1, 'A', 'B', 'en', 'active', 0, 1, 1, 1)"""
CREDENTIAL = """INSERT INTO credentials (id, account_id, kind, secret, properties, version, failures, created_at,
changed_at) VALUES ('c', 'a', 'password', 'x', '{}', 1, 0, 1, 1)"""


@pytest.fixture
async def lending(templates: Templates) -> AsyncIterator[Lending]:
    """Databases that are lent to this test alone."""
    own = Lending(templates.server, templates.lending.template)
    yield own
    await own.close()


async def leave(lending: Lending, *statements: str) -> str:
    """Borrow a database, do something to it and give it back; its address."""
    async with lending.database() as url:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()
    return url


async def test_rows_are_gone_and_the_database_is_the_same(lending: Lending) -> None:
    first = await leave(lending, ACCOUNT, CREDENTIAL)
    async with lending.database() as url:
        assert url == first
        database = await open_database(url)
        for table in ("accounts", "credentials"):
            assert await database.list_rows(f"SELECT * FROM {table}") == []  # noqa: S608 - the names above
        assert (await check_schema(database)).state == "current"
        await database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (name TEXT)",
        "DROP TABLE imports",
        "ALTER TABLE deployment ADD COLUMN more TEXT",
        "ALTER TABLE deployment ALTER COLUMN value DROP NOT NULL",
        "CREATE INDEX more ON deployment (value)",
        "DROP INDEX sessions_by_device",
        "CREATE SEQUENCE more",
        "CREATE VIEW more AS SELECT 1",
        "CREATE FUNCTION more() RETURNS INT LANGUAGE SQL AS 'SELECT 1'",
        "CREATE SCHEMA more",
        "UPDATE alembic_version SET version_num = '0001'",
        "DELETE FROM alembic_version",
        "SELECT lo_create(0)",
    ],
)
async def test_a_database_that_was_altered_is_not_lent_again(lending: Lending, statement: str) -> None:
    await leave(lending, statement)
    assert not lending.kept


async def test_a_database_that_has_grown_is_not_lent_again(lending: Lending) -> None:
    rows = SIZE_MAX // 1000
    large = f"INSERT INTO deployment SELECT n, repeat('x', 1000) FROM generate_series(1, {rows}) AS n"  # noqa: S608 - ours
    await leave(lending, large)
    assert not lending.kept


async def test_a_database_somebody_is_still_connected_to_is_not_lent_again(lending: Lending) -> None:
    async with lending.database() as first:
        left = await asyncpg.connect(first)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await left.fetchval("SELECT 1")
    assert not lending.kept


async def test_two_who_borrow_at_once_get_two(lending: Lending) -> None:
    async with lending.database() as first, lending.database() as second:
        assert first != second
    assert lending.kept == 2
