"""PostgreSQL databases lent to one test after another: emptied in between, which is far quicker than making new ones.

A database is lent again only if it is what a new one would be. Nobody may be connected any more; nothing in it may have
been made, altered or dropped; what a new database already holds must be unchanged. Then every other row is deleted and
every sequence begins anew. Otherwise, and when it has grown, it is dropped, and somebody else gets a new one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg

from tests.support.postgres import PostgresServer

KEPT_MAX = 4
"""Databases that wait for the next test; a test seldom needs more than one at a time."""
LEAVE_SECONDS = 0.5
"""How long those who have closed their connections may take to be gone."""
SIZE_MAX = 1024 * 1024
"""Bytes in tables. Deleted rows still take their room, and nothing is to be slower for what others have left."""

_CATALOGUES = (
    "pg_attrdef",
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_event_trigger",
    "pg_extension",
    "pg_index",
    "pg_largeobject_metadata",
    "pg_namespace",
    "pg_policy",
    "pg_proc",
    "pg_rewrite",
    "pg_sequence",
    "pg_statistic_ext",
    "pg_trigger",
    "pg_type",
)
# A row that is written has a newer xmin than all others, and one that is gone is missing in the count.
_FORM = " UNION ALL ".join(
    f"SELECT '{name}', count(*), max(CAST(CAST(xmin AS TEXT) AS BIGINT)) FROM {name}"  # noqa: S608 - the names above
    for name in _CATALOGUES
)
_TABLES = """SELECT CAST(CAST(oid AS REGCLASS) AS TEXT) AS name, pg_table_size(oid) AS size FROM pg_class
WHERE relkind = 'r' AND relnamespace = CAST('public' AS REGNAMESPACE) AND pg_relation_size(oid) > 0 ORDER BY 1"""
_OTHERS = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
_BEGIN_ANEW = "SELECT setval(CAST(seqrelid AS REGCLASS), seqstart, false) FROM pg_sequence"

Connection: TypeAlias = Any
"""asyncpg's connection; it has no types of its own."""


@dataclass(frozen=True)
class Fresh:
    """A database's name and what it was like when it was new: its form, and the rows of tables that had any."""

    name: str
    form: list[tuple[str, int, int]]
    rows: dict[str, list[str]]


@dataclass
class Lending:
    """Lends copies of one template."""

    server: PostgresServer
    template: str
    _waiting: list[Fresh] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """How many databases wait for the next test."""
        return len(self._waiting)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The address of a database that is as good as new."""
        lent = self._waiting.pop() if self._waiting else await self._make()
        try:
            yield self.server.database_url(lent.name)
        finally:
            if self.kept < KEPT_MAX and await self._is_as_new(lent):
                self._waiting.append(lent)
            else:
                await self.server.drop(lent.name)

    async def close(self) -> None:
        """Drop what was kept."""
        while self._waiting:
            await self.server.drop(self._waiting.pop().name)

    async def _make(self) -> Fresh:
        name = await self.server.create(self.template)
        async with self._connection(name) as connection:
            tables = [row["name"] for row in await connection.fetch(_TABLES)]
            rows = {table: await _find_rows(connection, table) for table in tables}
            return Fresh(name, await _find_form(connection), rows)

    async def _is_as_new(self, lent: Fresh) -> bool:
        """Empty a database if it can be lent again, and whether it can."""
        try:
            async with self._connection(lent.name) as connection:
                return await _is_alone(connection) and await _empty(connection, lent)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False  # a test may have dropped it, or whatever else

    @asynccontextmanager
    async def _connection(self, name: str) -> AsyncIterator[Connection]:
        connection = await asyncpg.connect(self.server.database_url(name))
        try:
            yield connection
        finally:
            await connection.close()


async def _is_alone(connection: Connection) -> bool:
    """Whether nobody else is connected; who is just leaving has a moment to be gone."""
    deadline = asyncio.get_running_loop().time() + LEAVE_SECONDS
    while await connection.fetchval(_OTHERS):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True


async def _empty(connection: Connection, lent: Fresh) -> bool:
    """Delete all that a new database would not have; False, and nothing is deleted, if that would not do."""
    if await _find_form(connection) != lent.form:
        return False
    tables = {row["name"]: row["size"] for row in await connection.fetch(_TABLES)}
    if sum(tables.values()) > SIZE_MAX:
        return False
    for table, rows in lent.rows.items():
        if await _find_rows(connection, table) != rows:
            return False
    used = [table for table in tables if table not in lent.rows]
    if used:  # one statement, at the end of which no row refers to a missing one, whatever their order
        deletions = ", ".join(f"d{at} AS (DELETE FROM {table})" for at, table in enumerate(used))  # noqa: S608 - as below
        await connection.execute(f"WITH {deletions} SELECT 1")
    await connection.execute(_BEGIN_ANEW)
    return True


async def _find_form(connection: Connection) -> list[tuple[str, int, int]]:
    return [tuple(row) for row in await connection.fetch(_FORM)]


async def _find_rows(connection: Connection, table: str) -> list[str]:
    sql = f"SELECT CAST(t AS TEXT) AS row FROM {table} AS t ORDER BY 1"  # noqa: S608 - a name from the catalogue
    return [row["row"] for row in await connection.fetch(sql)]
