"""Password hashing: argon2id behind a bounded queue.

Hashes are argon2id (RFC 9106) as PHC strings, made and verified by libsodium; the defaults are the parameters of the
OWASP password storage cheat sheet (19 MiB, 2 passes, 1 lane). Hashing runs in as many threads as there are cores;
libsodium works without the interpreter's lock. When more work waits than ``queue`` allows, :class:`Busy` is raised at
once: a flood of sign-ins must not make everybody wait.
"""

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import nacl
import nacl.exceptions
import nacl.pwhash

from portico.kernel.errors import Busy

T = TypeVar("T")

IMPLEMENTATION = f"libsodium through PyNaCl {nacl.__version__}"
_PHC = re.compile(rb"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")
_RETRY_AFTER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Argon2Parameters:
    """Cost of one hash: memory in KiB and number of passes; one lane."""

    memory_kib: int = 19 * 1024
    passes: int = 2


class Hasher:
    """Makes and verifies password hashes in a pool of threads."""

    def __init__(self, parameters: Argon2Parameters, *, threads: int | None = None, queue: int = 128) -> None:
        """``queue``: how many hashes may be running or waiting before more are refused."""
        self.parameters = parameters
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="argon2")
        self._queue = queue
        self._waiting = 0
        self._dummy = self._make(b"nobody has this password")

    async def make_hash(self, password: str) -> bytes:
        """A fresh salted hash of a password in its normal form, as a PHC string."""
        return await self._run(lambda: self._make(password.encode()))

    async def is_match(self, stored: bytes | None, password: str | None) -> bool:
        """Whether a password belongs to a stored hash.

        None for either takes as long as a comparison and is False: unknown people and impossible passwords cost the
        same as wrong ones.
        """
        target = self._dummy if stored is None else stored
        given = b"" if password is None else password.encode()
        good = await self._run(lambda: _is_match(target, given))
        return good and stored is not None and password is not None

    def is_outdated(self, stored: bytes) -> bool:
        """Whether a hash was made with other parameters than today's."""
        found = _PHC.fullmatch(stored)
        wanted = (self.parameters.memory_kib, self.parameters.passes)
        return found is None or (int(found[1]), int(found[2])) != wanted

    def close(self) -> None:
        """Stop the threads; what is being hashed is finished."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _make(self, password: bytes) -> bytes:
        memory = self.parameters.memory_kib * 1024
        return nacl.pwhash.argon2id.str(password, opslimit=self.parameters.passes, memlimit=memory).rstrip(b"\x00")

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._queue:
            raise Busy(_RETRY_AFTER, "the hash queue is full")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _is_match(stored: bytes, password: bytes) -> bool:
    try:
        return nacl.pwhash.argon2id.verify(stored, password)
    except nacl.exceptions.InvalidkeyError:
        return False
