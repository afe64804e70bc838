"""What a dry run remembers: the addresses and Portico IDs of people who would be there by now.

They lie in a file of their own that goes with the run, so that a million of them take no memory.
"""

import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from portico.database.engine import Database, Transaction, open_database

_SCHEMA = "CREATE TABLE seen (key TEXT PRIMARY KEY NOT NULL)"


class Seen:
    """The keys of everybody the dry run would have added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, keys: Iterable[str]) -> frozenset[str]:
        """Those of these keys that are taken."""
        found = [key for key in keys if await self._database.find_row("SELECT key FROM seen WHERE key = $1", key)]
        return frozenset(found)

    async def add(self, keys: Iterable[str]) -> None:
        """Take these keys."""

        async def body(tx: Transaction) -> None:
            for key in keys:
                await tx.execute("INSERT INTO seen (key) VALUES ($1) ON CONFLICT DO NOTHING", key)

        await self._database.transact(body)


@asynccontextmanager
async def open_seen() -> AsyncIterator[Seen]:
    """An empty memory, which is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="portico-import-") as folder:
        database = await open_database(f"sqlite:///{Path(folder) / 'seen.db'}")
        try:

            async def body(tx: Transaction) -> None:
                await tx.execute(_SCHEMA)

            await database.transact(body)
            yield Seen(database)
        finally:
            await database.close()
