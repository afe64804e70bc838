"""Bring a database to the newest schema. The only module that imports Alembic and SQLAlchemy, which takes a while.

A whole upgrade is one transaction that begins with a lock (on PostgreSQL an advisory one, on SQLite the file's), so
two processes may start it at once: the second finds the work done. It never goes backwards.
"""

import asyncio
import sqlite3
import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from portico.database.engine import POSTGRESQL_PREFIX, SQLITE_PREFIX, UNKNOWN_ADDRESS
from portico.database.patience import busy
from portico.database.schema import HEAD, compare_version
from portico.database.sqlite import create_file, sqlite_path
from portico.kernel.errors import Misconfigured

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x506F727469636F  # any number nobody else would choose; this one spells the name
_WAIT = 60.0
"""Seconds to wait for another process that is upgrading."""
_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps the running upgrade in module variables


def upgrade(url: str, revision: str = HEAD) -> None:
    """Bring the database at an address to HEAD (or to an earlier revision), or leave it as it was.

    Waits for the database: inside a running loop call it through ``asyncio.to_thread``. Raises Misconfigured if the
    database is newer than this code, or if the address cannot work.
    """
    with _ONE_AT_A_TIME:
        if url.startswith(SQLITE_PREFIX):
            _upgrade_sqlite(sqlite_path(url), revision)
        elif url.startswith(POSTGRESQL_PREFIX):
            asyncio.run(_upgrade_postgres(url, revision))
        else:
            raise Misconfigured(UNKNOWN_ADDRESS)


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings: where the revisions are and which connection they run on."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade_sqlite(path: Path, revision: str) -> None:
    create_file(path)

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=_WAIT, isolation_level=None)

    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("PRAGMA synchronous = FULL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _run(connection, revision)
            connection.commit()
    except OperationalError as error:
        raise busy(f"the database file {path} cannot be upgraded now: {error.orig}") from error


async def _upgrade_postgres(url: str, revision: str) -> None:
    # Not everyone has PostgreSQL and its driver is slow to import: docs/decisions/0004-lazy-imports.md.
    from portico.database.postgres import connect_postgres

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect_postgres(url), poolclass=NullPool
    )
    async with engine.begin() as connection:
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        await connection.run_sync(_run, revision)


def _run(connection: Connection, revision: str) -> None:
    """Run what is missing, in the transaction that is open."""
    version = MigrationContext.configure(connection).get_current_revision()
    check = compare_version(version)
    if check.state == "newer":
        raise Misconfigured(check.sentence)
    command.upgrade(alembic_config(connection), revision)
