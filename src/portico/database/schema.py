"""Which schema the code expects and which one a database has. Imports none of the migrations, so it costs nothing."""

from dataclasses import dataclass
from typing import Literal

from portico.database.port import Database
from portico.kernel.errors import Misconfigured

REVISIONS = ("0001", "0002", "0003", "0004")
"""Every revision this code knows, oldest first."""

HEAD = REVISIONS[-1]
"""The revision this code works with."""

_FIND_TABLE = {
    "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'alembic_version'",
    "postgresql": "SELECT 1 AS name WHERE to_regclass('alembic_version') IS NOT NULL",
}


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """How a database compares with what the code expects."""

    state: Literal["current", "empty", "older", "newer"]
    sentence: str
    """One sentence for the operator, with what to do."""


async def find_schema_version(database: Database) -> str | None:
    """The revision a database is at; None if it has no schema of ours yet."""
    if await database.find_row(_FIND_TABLE[database.kind]) is None:
        return None
    row = await database.find_row("SELECT version_num FROM alembic_version")
    return None if row is None else str(row["version_num"])


async def check_schema(database: Database) -> SchemaCheck:
    """Compare a database with what this code expects."""
    return compare_version(await find_schema_version(database))


async def require_schema(database: Database) -> None:
    """Go on only with the schema this code works with; Misconfigured says what to do otherwise."""
    check = await check_schema(database)
    if check.state != "current":
        raise Misconfigured(check.sentence)


def compare_version(version: str | None) -> SchemaCheck:
    """Compare a revision with the newest this code knows."""
    if version == HEAD:
        return SchemaCheck("current", f"The database is up to date (revision {HEAD}).")
    if version is None:
        return SchemaCheck("empty", "The database is empty: run `portico migrate`.")
    if version in REVISIONS:
        return SchemaCheck("older", f"The database is at revision {version}, before {HEAD}: run `portico migrate`.")
    return SchemaCheck(
        "newer",
        f"The database is at revision {version}, which this release does not know (it knows up to {HEAD}): "
        "install the release that made it, or a later one.",
    )
