"""The migrations make what the snapshot shows, once, and refuse what they do not know."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from alembic.script import ScriptDirectory

import portico.database
from portico.database.engine import Database, Transaction, open_database
from portico.database.migrate import alembic_config, upgrade
from portico.database.migrations.statements import list_statements
from portico.database.schema import HEAD, REVISIONS, check_schema, compare_version, find_schema_version, require_schema
from portico.kernel.errors import Busy, Misconfigured
from tests.support.databases import Kind, Templates, child_environment

SNAPSHOT = Path(portico.database.__file__).with_name("snapshot.sql")
DESCRIBE = {
    "sqlite": {
        "tables": """SELECT name, type, ncol, wr, strict FROM pragma_table_list
            WHERE schema = 'main' AND name NOT LIKE 'sqlite%' AND name <> 'alembic_version'""",
        "columns": """SELECT t.name AS table_name, c.*
            FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c
            WHERE t.name NOT LIKE 'sqlite%' AND t.name <> 'alembic_version'""",
        "indexes": """SELECT t.name AS table_name, i.name, i."unique", i.origin, i.partial, c.seqno, c.name, c."desc",
            c.coll FROM pragma_table_list AS t, pragma_index_list(t.name) AS i, pragma_index_xinfo(i.name) AS c
            WHERE t.name NOT LIKE 'sqlite%' AND t.name <> 'alembic_version'""",
        "references": """SELECT t.name AS table_name, r.*
            FROM pragma_table_list AS t, pragma_foreign_key_list(t.name) AS r
            WHERE t.name NOT LIKE 'sqlite%' AND t.name <> 'alembic_version'""",
    },
    "postgresql": {
        "columns": """SELECT table_name, ordinal_position, column_name, data_type, collation_name, is_nullable,
            column_default FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name <> 'alembic_version'""",
        "constraints": """SELECT CAST(conrelid AS regclass)::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass""",
        "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
        "others": """SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal""",
    },
}


@asynccontextmanager
async def empty_url(kind: Kind, templates: Templates, folder: Path) -> AsyncIterator[str]:
    """The address of a database with nothing in it."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'empty.db'}"
    else:
        async with templates.server.database() as url:
            yield url


@pytest.fixture
async def nothing(database_kind: Kind, templates: Templates, tmp_path: Path) -> AsyncIterator[str]:
    async with empty_url(database_kind, templates, tmp_path) as url:
        yield url


async def describe(database: Database) -> dict[str, list[str]]:
    """Everything the database knows about its tables, in a form that can be compared."""
    return {
        what: sorted(repr(tuple(cast("Iterable[object]", row))) for row in await database.list_rows(sql))
        for what, sql in DESCRIBE[database.kind].items()
    }


async def change(database: Database, sql: str) -> None:
    async def body(transaction: Transaction) -> None:
        for statement in list_statements(sql, database.kind):
            await transaction.execute(statement)

    await database.transact(body)


async def test_from_empty_to_head_gives_what_the_snapshot_shows(database: Database, nothing: str) -> None:
    shown = await open_database(nothing)
    await change(shown, SNAPSHOT.read_text() + ";CREATE TABLE alembic_version (version_num TEXT PRIMARY KEY NOT NULL)")
    assert await describe(shown) == await describe(database)
    await shown.close()


def test_the_revisions_the_code_knows_are_alembics() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert scripts.get_heads() == [HEAD]


async def test_a_database_says_where_it_stands(nothing: str) -> None:
    database = await open_database(nothing)
    assert await find_schema_version(database) is None
    assert (await check_schema(database)).state == "empty"
    with pytest.raises(Misconfigured, match="portico migrate"):
        await require_schema(database)

    await asyncio.to_thread(upgrade, nothing)
    assert await find_schema_version(database) == HEAD
    assert (await check_schema(database)).state == "current"
    await require_schema(database)

    await asyncio.to_thread(upgrade, nothing)
    assert (await check_schema(database)).state == "current"
    await database.close()


async def test_a_newer_schema_is_refused_and_left_alone(database_url: str) -> None:
    database = await open_database(database_url)
    await change(database, "UPDATE alembic_version SET version_num = 'zzzz'")
    before = await describe(database)
    with pytest.raises(Misconfigured, match="zzzz, which this release does not know"):
        await require_schema(database)
    with pytest.raises(Misconfigured, match="zzzz, which this release does not know"):
        await asyncio.to_thread(upgrade, database_url)
    assert await find_schema_version(database) == "zzzz"
    assert await describe(database) == before
    await database.close()


async def test_an_upgrade_that_fails_leaves_nothing_behind(nothing: str) -> None:
    database = await open_database(nothing)
    await change(database, "CREATE TABLE outbox (id BIGINT)")  # in the way of a table in the middle
    with pytest.raises(Exception, match="outbox"):
        await asyncio.to_thread(upgrade, nothing)
    assert await find_schema_version(database) is None
    await change(database, "DROP TABLE outbox")
    await asyncio.to_thread(upgrade, nothing)
    assert (await check_schema(database)).state == "current"
    await database.close()


async def test_two_processes_may_upgrade_at_once(nothing: str) -> None:
    code = "import sys; from portico.database.migrate import upgrade; upgrade(sys.argv[1])"
    upgrades = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", code, nothing, env=child_environment())
        for _ in range(3)
    ]
    assert [await process.wait() for process in upgrades] == [0, 0, 0]
    database = await open_database(nothing)
    assert (await check_schema(database)).state == "current"
    await database.close()


async def test_a_server_that_is_not_there_is_busy(tmp_path: Path) -> None:
    with pytest.raises(Busy):
        await asyncio.to_thread(upgrade, f"postgresql://portico@/portico?host={tmp_path}")


async def test_an_address_that_cannot_work_is_misconfigured(tmp_path: Path) -> None:
    for url in ("", "sqlite:///", f"sqlite:///{tmp_path}/nowhere/portico.db"):
        with pytest.raises(Misconfigured):
            await asyncio.to_thread(upgrade, url)


def test_every_sentence_names_the_revision() -> None:
    assert HEAD in compare_version(HEAD).sentence
    assert "zzzz" in compare_version("zzzz").sentence
    assert compare_version("zzzz").state == "newer"


def test_running_the_server_on_sqlite_imports_neither_alembic_nor_another_driver() -> None:
    code = (
        "import sys, portico.database.engine, portico.database.schema, portico.database.cache;"
        "sys.exit(bool({'alembic', 'sqlalchemy', 'asyncpg'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=child_environment())
