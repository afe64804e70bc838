"""The sealing keys of a deployment: read from their file, made at the very first start, never silently replaced.

The file holds one key to a line, base64url, newest first, readable by its owner only. The database remembers which key
sealed last; a start without that key is refused rather than going on with a new one that opens nothing.
"""

import os
from pathlib import Path

from portico.database.deployment import SEALING_KEY, find_fact, keep_fact
from portico.database.engine import Database
from portico.kernel.chance import Chance
from portico.kernel.errors import Misconfigured
from portico.kernel.sealing import KEY_BYTES, SealingKeys
from portico.kernel.tokens import from_base64url, to_base64url


async def open_keys(file: Path, database: Database, chance: Chance) -> SealingKeys:
    """The ring of keys; raises Misconfigured when the one that sealed last is missing."""
    sealed_with = await find_fact(database, SEALING_KEY)
    if not file.exists():  # noqa: ASYNC240 - once, before anything is served
        if sealed_with is not None:
            raise Misconfigured(f"the sealing keys in {file} are missing: restore that file from the backup")
        _make_file(file, chance)
    keys = _read_file(file)
    if sealed_with is not None and sealed_with not in keys.fingerprints():
        raise Misconfigured(f"{file} does not hold the key the database was sealed with: restore it from the backup")
    if sealed_with != keys.newest_fingerprint():
        newest = keys.newest_fingerprint()
        await database.transact(lambda tx: keep_fact(tx, SEALING_KEY, newest))
    return keys


def _make_file(file: Path, chance: Chance) -> None:
    """Write a new key; of two processes starting at once the first one's counts."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(to_base64url(chance.draw_bytes(KEY_BYTES)) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def _read_file(file: Path) -> SealingKeys:
    try:
        mode = file.stat().st_mode
        lines = file.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the sealing keys in {file} cannot be read: {error}") from error
    if mode & 0o077:
        raise Misconfigured(f"{file} can be read by others: run chmod 600 on it")
    keys = tuple(key for key in map(from_base64url, lines) if key is not None)
    if not keys or len(keys) != len(lines) or any(len(key) != KEY_BYTES for key in keys):
        raise Misconfigured(f"{file} is damaged: each line must be a key of 43 characters")
    return SealingKeys(keys)
