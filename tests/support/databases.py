"""Migrated databases for tests, quick to make: copies of a template that was migrated once per test process.

A SQLite file is copied for every test; a PostgreSQL database is emptied after a test and lent to the next one
(:mod:`tests.support.lending`).

A test process holds one :func:`database_templates` and opens fresh databases with :meth:`Templates.open`, or asks
:meth:`Templates.url` for an address when several processes are to share one. ``tests/conftest.py`` has the fixtures.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from portico.database.engine import Database, open_database
from portico.database.migrate import upgrade
from tests.support.lending import Lending
from tests.support.postgres import PostgresServer, postgres_server

T = TypeVar("T")
Kind: TypeAlias = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")


class Templates:
    """What databases are copied from; each kind is made when it is first asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    @cached_property
    def server(self) -> PostgresServer:
        """The PostgreSQL server of this test process."""
        return self._stack.enter_context(postgres_server())

    @asynccontextmanager
    async def url(self, kind: Kind, folder: Path) -> AsyncIterator[str]:
        """The address of a fresh migrated database; a SQLite file lies in ``folder``."""
        if kind == "sqlite":
            path = Path(tempfile.mkdtemp(dir=folder)) / "portico.db"
            shutil.copyfile(self._sqlite_file, path)
            yield f"sqlite:///{path}"
        else:
            async with self.lending.database() as url:
                yield url

    @asynccontextmanager
    async def open(self, kind: Kind, folder: Path) -> AsyncIterator[Database]:
        """A fresh migrated database, open."""
        async with self.url(kind, folder) as url:
            database = await open_database(url)
            try:
                yield database
            finally:
                await database.close()

    @cached_property
    def _sqlite_file(self) -> Path:
        path = self._folder / "template.db"
        _apart(lambda: upgrade(f"sqlite:///{path}"))
        return path

    @cached_property
    def lending(self) -> Lending:
        """The PostgreSQL databases of this test process."""
        server = self.server
        name = _apart(lambda: asyncio.run(server.create()))
        self._stack.callback(_apart, lambda: asyncio.run(server.drop(name)))
        _apart(lambda: upgrade(server.database_url(name)))
        lending = Lending(server, name)
        self._stack.callback(_apart, lambda: asyncio.run(lending.close()))
        return lending


@contextmanager
def database_templates() -> Iterator[Templates]:
    """The templates of this test process."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portico-db-")))
        yield Templates(folder, stack)


def child_environment() -> dict[str, str]:
    """The environment in which another Python process finds the modules this one finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _apart(work: Callable[[], T]) -> T:
    """Do something in a thread, where it may have an event loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()
