"""Sealing anew: what lies sealed for long follows the newest key, so that older keys can be taken out of the ring.

The secrets of authenticator apps are all there is of this kind; everything else that is sealed is over within days
(docs/decisions/0023-sealed-anew.md). Each is replaced by one conditional statement, and only if it is still what was
read, so whoever uses, removes or replaces an app meanwhile is not disturbed and does not get anything back.
"""

from collections.abc import Collection, Sequence

import msgspec
import structlog

from portico.database.deployment import SEALING_KEY, SERVED_KEY, find_fact, keep_fact
from portico.database.engine import Database, Reader, Transaction
from portico.factors.model import TotpCredential
from portico.factors.second import store
from portico.factors.totp import TotpFactor
from portico.kernel.errors import Misconfigured
from portico.kernel.sealing import SealingKeys

BATCH = 200
"""Values of one transaction."""
_log = structlog.get_logger("portico.keys")


class Resealed(msgspec.Struct, frozen=True, kw_only=True):
    """How many values were sealed anew, and how many could not be opened though their key is there."""

    done: int = 0
    damaged: int = 0


class Resealing:
    """Looks after the keys that the values at rest are sealed with."""

    def __init__(self, keys: SealingKeys, totp: TotpFactor) -> None:
        self._keys = keys
        self._totp = totp

    async def keep_up(self, database: Database) -> Resealed:
        """In a server that runs: note which key it works with, and seal anew what others seal.

        Nothing is done while another server has a newer key on top, so that two rings never pull at one value.
        """
        await self.tell_missing(database)
        newest = self._keys.newest_fingerprint()
        if await find_fact(database, SEALING_KEY) != newest:
            return Resealed()
        if await find_fact(database, SERVED_KEY) != newest:
            await database.transact(lambda tx: keep_fact(tx, SERVED_KEY, newest))
        return await self._run(database)

    async def run(self, database: Database) -> Resealed:
        """At the machine: the same at once. Raises Misconfigured where running servers may not know the newest key."""
        if await find_fact(database, SERVED_KEY) != self._keys.newest_fingerprint():
            raise Misconfigured("no server works with the newest key yet: restart the servers first")
        return await self._run(database)

    async def count_by_key(self, reader: Reader) -> dict[str, int]:
        """How many authenticator apps each key seals, by its name."""
        return await store.count_by_key(reader)

    def missing(self, names: Collection[str]) -> list[str]:
        """Those of some keys' names that are not in the ring."""
        return sorted(set(names) - self._keys.fingerprints())

    async def tell_missing(self, reader: Reader) -> list[str]:
        """The keys that seal something and are not in the ring, by name; the log is told of each."""
        missing = self.missing(await store.list_keys(reader))
        for name in missing:
            _log.error(
                "a sealing key that is still needed is missing: put it back below the newest, and restart",
                key=name,
            )
        return missing

    async def _run(self, database: Database) -> Resealed:
        done = damaged = 0
        names = await store.list_keys(database)
        for name in sorted((self._keys.fingerprints() & set(names)) - {self._keys.newest_fingerprint()}):
            after = ""
            while found := await store.list_sealed_with(database, name, after, BATCH):
                after = found[-1].id
                anew = [(one, self._totp.seal_anew(one)) for one in found]
                done += await _replace(database, [(one, sealed) for one, sealed in anew if sealed is not None])
                damaged += _tell_damaged([one for one, sealed in anew if sealed is None])
        if done:
            _log.info("sealed anew", values=done, key=self._keys.newest_fingerprint())
        return Resealed(done=done, damaged=damaged)


async def _replace(database: Database, anew: Sequence[tuple[TotpCredential, bytes]]) -> int:
    """Keep what was sealed anew, where it is still what was read; how many were."""

    async def body(tx: Transaction) -> int:
        return sum([await store.replace_sealed(tx, before, sealed) for before, sealed in anew])

    return await database.transact(body)


def _tell_damaged(damaged: Sequence[TotpCredential]) -> int:
    for one in damaged:
        _log.error(
            "an authenticator app's secret is damaged: reset this person's second factor", account=one.account_id
        )
    return len(damaged)
