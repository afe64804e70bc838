"""Password hashing: argon2id behind a bounded queue.

Hashes are argon2id (RFC 9106) as PHC strings, made and verified by libsodium; the defaults are the parameters of the
OWASP password storage cheat sheet (19 MiB, 2 passes, 1 lane). Hashing runs in as many threads as there are cores;
libsodium works without the interpreter's lock. When more work waits than ``queue`` allows, :class:`Busy` is raised at
once: a flood of sign-ins must not make everybody wait.

Hashes that were imported are compared as well (:mod:`portico.factors.foreign_hashes`). A wrong password costs at least
what it costs where there is no account, whatever the stored hash costs (docs/decisions/0013).
"""

import asyncio
import os
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import nacl
import nacl.exceptions
import nacl.pwhash

from portico.factors.foreign_hashes import HashProblem, find_stored
from portico.kernel.errors import Busy

T = TypeVar("T")

IMPLEMENTATION = f"libsodium through PyNaCl {nacl.__version__}"
_PHC = re.compile(rb"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")
_LIBSODIUM_MAX = 127
"""The longest text libsodium takes; longer tags and salts are compared as foreign hashes are."""
_RETRY_AFTER = timedelta(seconds=2)
_LEAST_MEMORY_KIB = 8
"""The least argon2id works with (RFC 9106 section 3.1, one lane)."""
_SMOOTHING = 8


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
        began = time.thread_time()
        self._dummy = self._make(b"nobody has this password")
        self._usual = time.thread_time() - began

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
        good = await self._run(lambda: self._compare(target, given))
        return good and stored is not None and password is not None

    async def is_any_match(self, stored: Sequence[bytes | None], password: str) -> bool:
        """Whether a password belongs to any of these hashes; None stands for one that is not there.

        One piece of work for the queue. All are compared, whichever matches, and each costs what it costs when it does
        not: how long it takes tells neither which one it was nor how many there are.
        """
        targets = [self._dummy if each is None else each for each in stored]
        given = password.encode()
        found = await self._run(lambda: [self._compare(each, given, makes_up_always=True) for each in targets])
        return any(good and each is not None for good, each in zip(found, stored, strict=True))

    def is_outdated(self, stored: bytes) -> bool:
        """Whether a hash was made with other parameters than today's, or in another way."""
        found = _PHC.fullmatch(stored)
        wanted = (self.parameters.memory_kib, self.parameters.passes)
        return found is None or (int(found[1]), int(found[2])) != wanted

    def close(self) -> None:
        """Stop the threads; what is being hashed is finished."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _make(self, password: bytes) -> bytes:
        memory = self.parameters.memory_kib * 1024
        return nacl.pwhash.argon2id.str(password, opslimit=self.parameters.passes, memlimit=memory).rstrip(b"\x00")

    def _compare(self, stored: bytes, password: bytes, *, makes_up_always: bool = False) -> bool:
        """Compare in a thread of the pool. What costs less than usual and fails goes on until it has cost as much.

        With ``makes_up_always`` that holds for what matches, too.

        What is measured is the processor's time in this thread: how long others held it up must not count.
        """
        began = time.thread_time()
        good = _is_match(stored, password)
        took = time.thread_time() - began
        if not self.is_outdated(stored):
            self._usual += (took - self._usual) / _SMOOTHING
        elif makes_up_always or not good:
            self._make_up(password, 1 - took / self._usual)
        return good

    def _make_up(self, password: bytes, share: float) -> None:
        """Spend a share of what a comparison usually costs: argon2id's time is in proportion to its memory."""
        memory_kib = int(self.parameters.memory_kib * share)
        if memory_kib >= _LEAST_MEMORY_KIB:
            nacl.pwhash.argon2id.str(password, opslimit=self.parameters.passes, memlimit=memory_kib * 1024)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._queue:
            raise Busy(_RETRY_AFTER, "the hash queue is full")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _is_match(stored: bytes, password: bytes) -> bool:
    if len(stored) <= _LIBSODIUM_MAX and _PHC.fullmatch(stored):
        try:
            return nacl.pwhash.argon2id.verify(stored, password)
        except nacl.exceptions.InvalidkeyError:
            return False
    foreign = find_stored(stored.decode("ascii", "replace"))
    return not isinstance(foreign, HashProblem) and foreign.is_match(password)
