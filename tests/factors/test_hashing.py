"""Password hashes: real argon2id, made and verified as others do, the same cost for everyone, never without end."""

import asyncio
import base64
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from portico.factors.hashing import IMPLEMENTATION, Argon2Parameters, Hasher
from portico.kernel.errors import Busy

T = TypeVar("T")

CHEAP = Argon2Parameters(memory_kib=8, passes=1)
PHC = re.compile(rb"\$argon2id\$v=19\$m=8,t=1,p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})")

# From the tests of the reference implementation (phc-winner-argon2, src/test.c, version 0x13, Argon2_id, one lane).
PUBLISHED = [
    (b"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"),
    (b"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"),
    (b"$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg", "password"),
    (b"$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$kCXUjmjvc5XMqQedpMTsOv+zyJEf5PhtGiUghW9jFyw", "password"),
    (b"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94", "differentpassword"),
    (b"$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw", "password"),
]


class CountingHasher(Hasher):
    """Counts what really goes through the pool."""

    count = 0

    async def _run(self, work: Callable[[], T]) -> T:
        self.count += 1
        return await super()._run(work)


@pytest.fixture
def hasher() -> Iterator[CountingHasher]:
    """A hasher with the cheapest parameters there are."""
    made = CountingHasher(CHEAP, threads=2)
    yield made
    made.close()


async def test_a_password_belongs_to_its_hash_and_no_other_does(hasher: Hasher) -> None:
    stored = await hasher.make_hash("Harbour-Lamp-27")
    assert await hasher.is_match(stored, "Harbour-Lamp-27")
    for other in ("harbour-lamp-27", "Harbour-Lamp-27 ", " Harbour-Lamp-27", "Harbour-Lamp-2", "", "Harbour-Lamp-27\0"):
        assert not await hasher.is_match(stored, other)


@pytest.mark.parametrize("password", ["", "\0", "a\0b", "a" * 256, "\U0001f511" * 256, "Zoë ① \u202e", " "])
async def test_any_password_can_be_hashed_whole(hasher: Hasher, password: str) -> None:
    stored = await hasher.make_hash(password)
    assert await hasher.is_match(stored, password)
    assert not await hasher.is_match(stored, password + "x")
    assert password == "" or not await hasher.is_match(stored, password[:-1])


async def test_a_hash_is_a_phc_string_with_a_salt_of_its_own(hasher: Hasher) -> None:
    made = [await hasher.make_hash("Harbour-Lamp-27") for _ in range(20)]
    salts = set()
    for stored in made:
        found = PHC.fullmatch(stored)
        assert found is not None, stored
        salts.add(found[1])
    assert len(salts) == len(set(made)) == 20


@pytest.mark.parametrize(("stored", "password"), PUBLISHED, ids=range(len(PUBLISHED)))
async def test_published_hashes_are_verified(hasher: Hasher, stored: bytes, password: str) -> None:  # D4
    assert await hasher.is_match(stored, password)
    assert not await hasher.is_match(stored, password + "x")


def test_the_other_implementation_gives_the_vector_of_the_standard() -> None:
    """RFC 9106 section 5.3, so that the comparison below is worth something."""
    argon2 = Argon2id(
        salt=b"\x02" * 16, length=32, iterations=3, lanes=4, memory_cost=32, secret=b"\x03" * 8, ad=b"\x04" * 12
    )
    expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    assert argon2.derive(b"\x01" * 32).hex() == expected


@pytest.mark.parametrize("parameters", [CHEAP, Argon2Parameters(64, 3), Argon2Parameters()], ids=str)
async def test_another_implementation_computes_the_same_hash(parameters: Argon2Parameters) -> None:
    hasher = Hasher(parameters, threads=1)
    try:
        stored = await hasher.make_hash("Zoë ①")
    finally:
        hasher.close()
    _, name, version, cost, salt, tag = stored.decode().split("$")
    assert (name, version) == ("argon2id", "v=19")
    assert cost == f"m={parameters.memory_kib},t={parameters.passes},p=1"
    other = Argon2id(
        salt=base64.b64decode(salt + "=="),
        length=32,
        iterations=parameters.passes,
        lanes=1,
        memory_cost=parameters.memory_kib,
    )
    assert base64.b64encode(other.derive("Zoë ①".encode())).decode().rstrip("=") == tag


def test_the_default_is_what_owasp_asks_for() -> None:
    assert Argon2Parameters() == Argon2Parameters(memory_kib=19_456, passes=2)


async def test_nobody_and_an_impossible_password_cost_one_hash_and_are_never_right(  # D20
    hasher: CountingHasher,
) -> None:
    stored = await hasher.make_hash("Harbour-Lamp-27")
    hasher.count = 0
    cases = [(stored, "wrong"), (None, "Harbour-Lamp-27"), (stored, None), (None, None), (None, ""), (stored, "")]
    for done, (target, typed) in enumerate(cases, 1):
        assert not await hasher.is_match(target, typed)
        assert hasher.count == done


async def test_the_dummy_costs_what_a_real_hash_costs_and_nobody_knows_its_password(hasher: Hasher) -> None:  # D20
    dummy = hasher._dummy  # noqa: SLF001 - it is shown nowhere, which is as it should be
    assert PHC.fullmatch(dummy)
    assert not hasher.is_outdated(dummy)
    assert not await hasher.is_match(None, "nobody has this password")


@pytest.mark.parametrize("damaged", [b"", b"garbage", b"$argon2id$", b"$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"])
async def test_a_damaged_hash_matches_nothing(hasher: Hasher, damaged: bytes) -> None:
    assert not await hasher.is_match(damaged, "Harbour-Lamp-27")
    assert not await hasher.is_match(damaged, "")


@pytest.mark.parametrize(
    ("memory_kib", "passes", "outdated"), [(8, 1, False), (9, 1, True), (8, 2, True), (19_456, 2, True), (16, 1, True)]
)
async def test_a_hash_is_outdated_when_its_parameters_are_not_todays(  # D4
    hasher: Hasher, memory_kib: int, passes: int, outdated: bool
) -> None:
    stored = await hasher.make_hash("Harbour-Lamp-27")
    assert not hasher.is_outdated(stored)
    other = Hasher(Argon2Parameters(memory_kib, passes), threads=1)
    assert other.is_outdated(stored) is outdated
    other.close()


@pytest.mark.parametrize(
    "foreign", [b"", b"$2b$12$abcdefghijklmnopqrstuv", b"$argon2i$v=19$m=8,t=1,p=1$AAAA$AAAA", PUBLISHED[0][0]]
)
def test_a_hash_of_another_kind_is_outdated(hasher: Hasher, foreign: bytes) -> None:  # D4
    assert hasher.is_outdated(foreign)


async def test_more_work_than_the_queue_holds_is_refused_at_once_and_the_rest_is_done() -> None:
    """Architecture rule 8."""
    hasher = Hasher(Argon2Parameters(memory_kib=4 * 1024, passes=2), threads=1, queue=4)
    try:
        results = await asyncio.gather(*(hasher.make_hash(str(n)) for n in range(20)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, Busy)]
        assert len(refused) == 16
        assert all(result.retry_after.total_seconds() >= 1 for result in refused)
        assert sum(isinstance(result, bytes) for result in results) == 4
        assert await hasher.is_match(await hasher.make_hash("again"), "again"), "there is room again"
    finally:
        hasher.close()


async def test_whoever_goes_away_leaves_room_in_the_queue() -> None:
    hasher = Hasher(Argon2Parameters(memory_kib=4 * 1024, passes=2), threads=1, queue=3)
    try:
        callers = [asyncio.ensure_future(hasher.make_hash(str(n))) for n in range(3)]
        await asyncio.sleep(0)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        assert all(await asyncio.gather(*(hasher.make_hash(str(n)) for n in range(3))))
    finally:
        hasher.close()


async def test_the_loop_goes_on_while_hashes_are_computed() -> None:
    hasher = Hasher(Argon2Parameters(), threads=1)
    turns = 0
    try:
        hashing = asyncio.gather(*(hasher.make_hash(str(n)) for n in range(3)))
        while not hashing.done():
            turns += 1
            await asyncio.sleep(0.001)
        await hashing
    finally:
        hasher.close()
    assert turns >= 5


def test_it_says_what_it_is_made_of() -> None:
    assert re.fullmatch(r"libsodium through PyNaCl \d+\.\d+.*", IMPLEMENTATION)
