"""A hasher that counts what it does and can be held in the middle of it, to see what happens meanwhile."""

import asyncio
import os
import threading
from collections.abc import Sequence

from portico.factors.hashing import Argon2Parameters, Hasher
from tests.support.world import World


class WatchedHasher(Hasher):
    """The real hasher, with a counter and a gate behind it."""

    def __init__(self, parameters: Argon2Parameters, *, threads: int | None = None, queue: int = 128) -> None:
        super().__init__(parameters, threads=threads, queue=queue)
        self.compared = 0
        self.made = 0
        self._threads = threads or os.cpu_count() or 1
        self._stalled = threading.Event()
        self._open = asyncio.Event()
        self._open.set()
        self._reached = asyncio.Event()

    @property
    def count(self) -> int:
        """Hashes so far, of either kind."""
        return self.compared + self.made

    async def make_hash(self, password: str) -> bytes:
        """Count, hash, and wait while held."""
        self.made += 1
        made = await super().make_hash(password)
        await self._pass()
        return made

    async def is_match(self, stored: bytes | None, password: str | None) -> bool:
        """Count, compare, and wait while held."""
        self.compared += 1
        good = await super().is_match(stored, password)
        await self._pass()
        return good

    async def is_any_match(self, stored: Sequence[bytes | None], password: str) -> bool:
        """Count, compare, and wait while held."""
        self.compared += len(stored)
        good = await super().is_any_match(stored, password)
        await self._pass()
        return good

    def hold(self) -> None:
        """Let nobody leave with a result from now on."""
        self._open.clear()
        self._reached.clear()

    async def wait_until_held(self) -> None:
        """Come back when somebody has a result and may not leave with it."""
        async with asyncio.timeout(30):
            await self._reached.wait()

    def release(self) -> None:
        """Let everybody go on."""
        self._open.set()

    def stall(self) -> None:
        """Keep every thread busy: what is asked from now on waits, until the queue is full."""
        self._stalled.clear()
        for _ in range(self._threads):
            self._pool.submit(self._stalled.wait)

    def resume(self) -> None:
        """Let the threads go on."""
        self._stalled.set()

    async def _pass(self) -> None:
        self._reached.set()
        await self._open.wait()


def watched(world: World) -> WatchedHasher:
    """The hasher of a world that was opened with this one."""
    assert isinstance(world.house.hasher, WatchedHasher)
    return world.house.hasher
