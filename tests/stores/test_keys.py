"""The sealing keys: made once, for their owner's eyes only, never silently replaced, rotated by adding a line."""

import asyncio
from pathlib import Path

import pytest

from portico.database.deployment import SEALING_KEY, find_fact
from portico.database.engine import Database
from portico.kernel.chance import SystemChance
from portico.kernel.errors import Misconfigured
from portico.kernel.sealing import SealingKeys
from portico.kernel.tokens import to_base64url
from portico.keys import open_keys

CHANCE = SystemChance()


def put(file: Path, content: str, mode: int = 0o600) -> None:
    """Let the file hold this, whatever it held."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(content, encoding="utf-8")
    file.chmod(mode)


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777


def remove(file: Path) -> None:
    file.unlink()


def is_there(file: Path) -> bool:
    return file.exists()


def write(file: Path, *keys: bytes) -> None:
    """Let the file hold these keys, newest first."""
    put(file, "".join(to_base64url(key) + "\n" for key in keys))


def seal(keys: SealingKeys) -> bytes:
    return keys.seal(b"secret", purpose="test", context="", chance=CHANCE)


def unseal(keys: SealingKeys, sealed: bytes) -> bytes | None:
    return keys.unseal(sealed, purpose="test", context="")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the keys are to lie, in a folder that is not there yet."""
    return tmp_path / "etc" / "sealing.keys"


async def test_a_first_start_makes_a_key_for_its_owner_only(database: Database, file: Path) -> None:
    keys = await open_keys(file, database, CHANCE)
    assert mode_of(file) == 0o600
    assert await find_fact(database, SEALING_KEY) == keys.newest_fingerprint()
    again = await open_keys(file, database, CHANCE)
    assert unseal(again, seal(keys)) == b"secret"


async def test_two_first_starts_at_once_agree(database: Database, file: Path) -> None:
    rings = await asyncio.gather(*(open_keys(file, database, CHANCE) for _ in range(5)))
    assert len({ring.newest_fingerprint() for ring in rings}) == 1


async def test_a_missing_file_is_never_replaced(database: Database, file: Path) -> None:
    await open_keys(file, database, CHANCE)
    remove(file)
    with pytest.raises(Misconfigured, match="restore"):
        await open_keys(file, database, CHANCE)
    assert not is_there(file)


async def test_a_start_without_the_key_that_sealed_last_is_refused(database: Database, file: Path) -> None:
    await open_keys(file, database, CHANCE)
    write(file, b"\x01" * 32)
    with pytest.raises(Misconfigured, match="restore"):
        await open_keys(file, database, CHANCE)


async def test_keys_are_rotated_by_putting_a_new_one_first(database: Database, file: Path) -> None:
    old, new = b"\x01" * 32, b"\x02" * 32
    write(file, old)
    sealed = seal(await open_keys(file, database, CHANCE))
    write(file, new, old)
    rotated = await open_keys(file, database, CHANCE)
    assert unseal(rotated, sealed) == b"secret"
    assert await find_fact(database, SEALING_KEY) == SealingKeys.fingerprint(new).hex()
    write(file, new)
    assert unseal(await open_keys(file, database, CHANCE), sealed) is None
    write(file, old)
    with pytest.raises(Misconfigured, match="restore"):
        await open_keys(file, database, CHANCE)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
async def test_a_file_that_others_can_read_is_refused(database: Database, file: Path, mode: int) -> None:
    await open_keys(file, database, CHANCE)
    put(file, read(file), mode)
    with pytest.raises(Misconfigured, match="chmod 600"):
        await open_keys(file, database, CHANCE)


@pytest.mark.parametrize(
    "content", ["", "\n", "x", "A" * 42, "A" * 44, "A" * 43 + "\nrubbish", "A" * 43 + "\n" + "A" * 22, "ä" * 43]
)
async def test_a_damaged_file_is_refused(database: Database, file: Path, content: str) -> None:
    put(file, content)
    with pytest.raises(Misconfigured, match=r"damaged|cannot be read"):
        await open_keys(file, database, CHANCE)
    assert await find_fact(database, SEALING_KEY) is None


async def test_no_key_is_told_in_a_complaint(database: Database, file: Path) -> None:
    await open_keys(file, database, CHANCE)
    content = read(file).strip()
    put(file, content[:-1] + "\n")
    with pytest.raises(Misconfigured) as caught:
        await open_keys(file, database, CHANCE)
    assert content[:20] not in str(caught.value)
