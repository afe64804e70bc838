"""A value kept in memory that never outlives what it was read from by more than a second.

For what is read on every request and changes rarely. Nothing that says no may rest here: whether a session has ended
or an account is closed is always asked of the database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from portico.database.patience import REVISION_AGE
from portico.database.port import Database, Reader

T = TypeVar("T")


class Cached(Generic[T]):
    """A value with the revision it was read at; read again once the database has moved on."""

    def __init__(self, database: Database, load: Callable[[Reader], Awaitable[T]]) -> None:
        """``load`` reads the value; it is called first when somebody asks for it."""
        self._database = database
        self._load = load
        self._loading = asyncio.Lock()
        self._held: tuple[int, T] | None = None
        self._fresh_until = float("-inf")

    async def get(self) -> T:
        """The value, at most a second old. Raises what reading it raises; an old value is never given instead."""
        if self._held is not None and asyncio.get_running_loop().time() < self._fresh_until:
            return self._held[1]
        async with self._loading:  # whoever comes meanwhile waits for the same value
            return await self._look()

    def forget(self) -> None:
        """Read it again when it is asked for next: for whoever has just changed it."""
        self._held, self._fresh_until = None, float("-inf")

    async def _look(self) -> T:
        """Ask whether the database has moved, and read again if so."""
        now = asyncio.get_running_loop().time()
        if self._held is not None and now < self._fresh_until:
            return self._held[1]
        revision = await self._database.revision()  # before reading: what is committed between the two is read twice
        if self._held is None or self._held[0] != revision:
            self._held = revision, await self._load(self._database)
        self._fresh_until = now + REVISION_AGE.total_seconds()
        return self._held[1]
