"""Everything that lies in a database, row by row: to see what a request has changed and what should not lie there."""

from typing import Any, TypeAlias

from portico.database.engine import Database

Row: TypeAlias = tuple[tuple[str, Any], ...]
Dump: TypeAlias = dict[str, list[Row]]

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    "postgresql": "SELECT CAST(tablename AS TEXT) AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
}


async def list_tables(database: Database) -> list[str]:
    """The names of all tables."""
    return [str(row["name"]) for row in await database.list_rows(_TABLES[database.kind])]


async def dump(database: Database, *, without: frozenset[str] = frozenset()) -> Dump:
    """All rows of all tables, in an order of their own; the columns ``without`` left out."""
    dumped = {}
    for table in await list_tables(database):
        rows = await database.list_rows(f"SELECT * FROM {table}")  # noqa: S608 - the names come from the schema
        dumped[table] = sorted((_plain(row, without) for row in rows), key=repr)
    return dumped


async def count_rows(database: Database) -> dict[str, int]:
    """How many rows each table has, asked in one statement: it is often asked between two requests."""
    counts = (
        f"SELECT '{table}' AS name, count(*) AS rows FROM {table}"  # noqa: S608 - the names come from the schema
        for table in await list_tables(database)
    )
    return {str(row["name"]): int(row["rows"]) for row in await database.list_rows(" UNION ALL ".join(counts))}


def _plain(row: Any, without: frozenset[str]) -> Row:
    return tuple((name, row[name]) for name in row.keys() if name not in without)  # noqa: SIM118 - sqlite3.Row is no dict
