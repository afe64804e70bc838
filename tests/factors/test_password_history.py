"""Former passwords: kept, compared all at once whichever matches, forgotten, never in the way of a sign-in (S87)."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TypeVar

import pytest
from msgspec import structs

from portico.accounts import store as accounts
from portico.database.engine import Database
from portico.factors import store
from portico.factors.contract import PasswordAnswer, Subject
from portico.factors.erasure import erase_credentials
from portico.factors.foreign_hashes import HashProblem
from portico.factors.hash_dialects import KeycloakCredential, read_hash, read_keycloak
from portico.factors.hashing import Argon2Parameters, Hasher
from portico.factors.history import store as history_store
from portico.factors.methods import count_former_passwords
from portico.factors.model import HISTORY_MAX, IMPORTED_HISTORY_KEPT, KeptPasswords, PasswordProperties
from portico.factors.password import NewPassword, PasswordFactor
from portico.kernel.chance import SystemChance
from portico.kernel.errors import Busy, Conflict
from tests.support.foreign import CREDENTIALS, STRINGS
from tests.support.rows import DAY, NOW, SECOND, account, add_account

T = TypeVar("T")
CHEAP = Argon2Parameters(memory_kib=8, passes=1)
PLAIN = PasswordProperties()
WORDS = [f"Quiet-Meadow-{number:02}" for number in range(30)]
"""Passwords in the order in which somebody has them."""


class CountingHasher(Hasher):
    """Counts what goes through the pool, and what is compared there."""

    def __init__(self, parameters: Argon2Parameters, *, queue: int = 128) -> None:
        super().__init__(parameters, threads=2, queue=queue)
        self.jobs = 0
        self.compared = 0

    async def _run(self, work: Callable[[], T]) -> T:
        self.jobs += 1
        return await super()._run(work)

    def _compare(self, stored: bytes, password: bytes, *, makes_up_always: bool = False) -> bool:
        self.compared += 1
        return super()._compare(stored, password, makes_up_always=makes_up_always)


def imported(form: str, password: str) -> str:
    """A hash as other software writes it, in the form in which it is stored here."""
    if form in STRINGS:
        read = read_hash(STRINGS[form](password))
    else:
        written = CREDENTIALS[form](password)
        parts = {"secret_data": written["secretData"], "credential_data": written["credentialData"]}
        read = read_keycloak(KeycloakCredential(**parts))
    assert not isinstance(read, HashProblem)
    return read.write()


class Bench:
    """A password factor on a database, with Nora in it, who has no password yet."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.hasher = CountingHasher(CHEAP)
        self.factor = PasswordFactor(self.hasher, SystemChance())

    async def live(self, *words: str, history: int = HISTORY_MAX, at: datetime = NOW, name: str = "nora") -> None:
        """Give somebody these passwords, one after the other."""
        for word in words:
            new = await self.factor.prepare(word)
            await self.store(new, history=history, at=at, name=name)

    async def store(
        self, new: NewPassword, *, history: int = HISTORY_MAX, at: datetime = NOW, name: str = "nora"
    ) -> None:
        """Store one."""
        who = f"account-{name}"
        await self.database.transact(lambda tx: self.factor.set_password(tx, at, who, new, PLAIN, history=history))

    async def bring(self, *secrets: str, name: str = "nora") -> None:
        """Import former passwords, newest first."""
        encoded = [secret.encode() for secret in secrets]
        await self.database.transact(lambda tx: self.factor.import_former(tx, NOW, f"account-{name}", encoded))

    async def is_last(self, typed: str, count: int) -> bool:
        """Whether it is one of Nora's last ones."""
        return (await self.factor.compare_last(self.database, "account-nora", typed, count)).is_match

    async def count(self, name: str = "nora") -> int:
        """How many are kept."""
        return await count_former_passwords(self.database, f"account-{name}")

    async def prune(self, history: int, at: datetime = NOW) -> int:
        """Forget Nora's that nobody asks for."""
        kept = KeptPasswords(account_id="account-nora", memberships="", count=await self.count())
        return await self.database.transact(lambda tx: self.factor.prune(tx, at, kept, history))


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    """The factor with the cheapest hashes there are."""
    await add_account(database)
    made = Bench(database)
    yield made
    made.hasher.close()


async def test_the_sixth_is_one_of_the_last_six_and_the_seventh_is_not(bench: Bench) -> None:  # S87
    await bench.live(*WORDS[:8])
    newest_first = WORDS[7::-1]
    for count in (1, 2, 6, 7, 24):
        found = [await bench.is_last(word, count) for word in newest_first]
        assert found == [at < count for at in range(8)], count
    assert not await bench.is_last(WORDS[8], 24)


async def test_other_capitals_or_spaces_are_another_password_and_another_spelling_is_none(bench: Bench) -> None:  # S87
    await bench.live("Zo\u00eb Harbour 27", WORDS[0])
    for same in ("Zo\u00eb Harbour 27", "Zoe\u0308 Harbour 27"):
        assert await bench.is_last(same, 6)
    for other in (
        "zo\u00eb harbour 27",
        "Zo\u00eb Harbour 27 ",
        " Zo\u00eb Harbour 27",
        "Zo\u00eb  Harbour 27",
        "Zoe Harbour 27",
    ):
        assert not await bench.is_last(other, 6)


@pytest.mark.parametrize("lived", [0, 1, 3, 24])
@pytest.mark.parametrize("count", [1, 6, 24])
async def test_as_many_are_compared_as_are_asked_for_in_one_piece(  # S87
    bench: Bench, lived: int, count: int
) -> None:
    await bench.live(*WORDS[:lived])
    for typed in (WORDS[lived - 1], WORDS[max(lived - count, 0)], WORDS[29]):
        bench.hasher.jobs = bench.hasher.compared = 0
        await bench.is_last(typed, count)
        assert (bench.hasher.jobs, bench.hasher.compared) == (1, count)


async def test_a_missing_one_never_matches(bench: Bench) -> None:
    assert not await bench.is_last("nobody has this password", 24)
    await bench.live(WORDS[0])
    assert not await bench.is_last("nobody has this password", 24)


async def test_a_history_takes_one_place_in_the_queue() -> None:
    """Architecture rule 8: twenty-four comparisons at once must not look like twenty-four people."""
    hasher = CountingHasher(CHEAP, queue=1)
    is_open = threading.Event()
    try:
        stored = [await hasher.make_hash(word) for word in WORDS[:24]]
        assert await hasher.is_any_match(stored, WORDS[0])
        waiting = asyncio.ensure_future(hasher._run(is_open.wait))  # noqa: SLF001 - somebody's work that takes long
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await hasher.is_any_match(stored, WORDS[0])
        is_open.set()
        await waiting
    finally:
        is_open.set()
        hasher.close()


@pytest.mark.parametrize("form", [*STRINGS, *CREDENTIALS])
async def test_imported_hashes_in_the_history_are_compared(bench: Bench, form: str) -> None:  # S87, D4
    await bench.live(WORDS[1])
    await bench.bring(imported(form, WORDS[0]))
    assert await bench.is_last(WORDS[0], 2)
    assert not await bench.is_last(WORDS[0], 1)
    assert not await bench.is_last(WORDS[2], 2)


@pytest.mark.parametrize(
    "hostile", ["", "garbage", "$2b$31$" + "a" * 53, f"$argon2d$v=19$m=10485760,t=1,p=1${'A' * 22}${'A' * 43}"]
)
async def test_what_cannot_be_compared_or_costs_too_much_matches_nothing_and_stops_nobody(
    bench: Bench, hostile: str
) -> None:
    await bench.live(WORDS[1])
    await bench.bring(hostile, imported("bcrypt 2b", WORDS[0]))
    assert not await bench.is_last(WORDS[2], 24)
    assert await bench.is_last(WORDS[0], 3)


async def test_what_matches_costs_no_less_than_what_does_not() -> None:
    """A cheap foreign hash that matches would otherwise be told by the time it saves."""
    made: list[float] = []

    class Watched(CountingHasher):
        """Notes what was made up for."""

        def _make_up(self, password: bytes, share: float) -> None:
            made.append(share)

    hasher = Watched(Argon2Parameters(memory_kib=64, passes=1))
    try:
        stored = [imported("django pbkdf2 sha1", WORDS[0]).encode()]
        assert not await hasher.is_any_match(stored, WORDS[1])
        assert await hasher.is_any_match(stored, WORDS[0])
        assert len(made) == 2
        assert await hasher.is_match(stored[0], WORDS[0])
        assert len(made) == 2, "who signs in is told anyway"
    finally:
        hasher.close()


async def test_no_more_are_kept_than_are_asked_for(bench: Bench) -> None:  # S87
    for history, kept in ((24, 23), (6, 5), (2, 1), (1, 0), (0, 0)):
        await bench.live(*WORDS[:26], history=history)
        assert await bench.count() == kept
    await bench.live(*WORDS[:6], history=24)
    assert await bench.count() == 6, "what was forgotten does not come back"


async def test_the_oldest_are_forgotten_first(bench: Bench) -> None:
    await bench.live(*WORDS[:10])
    assert await bench.prune(6) == 4
    assert [await bench.is_last(word, 24) for word in WORDS[:10]] == [False] * 4 + [True] * 6
    assert await bench.prune(6) == 0
    await bench.live(WORDS[10], history=6)
    assert [await bench.is_last(word, 24) for word in WORDS[:11]] == [False] * 5 + [True] * 6
    assert await bench.prune(0) == 5
    assert await bench.is_last(WORDS[10], 6), "the present one is no former one"


async def test_an_account_with_all_there_may_be_and_nobody_who_asks(bench: Bench) -> None:
    await bench.live(WORDS[29])
    await bench.bring(*(imported("argon2id", word) for word in WORDS[:24]))
    assert await bench.count() == 24
    assert await bench.prune(0, NOW + IMPORTED_HISTORY_KEPT - SECOND) == 0, "they wait for somebody who asks"
    assert await bench.prune(0, NOW + IMPORTED_HISTORY_KEPT) == 24
    assert await bench.count() == 0


async def test_never_more_than_there_may_be_even_of_imported_ones(bench: Bench) -> None:
    await bench.live(WORDS[29])
    await bench.bring(*(imported("argon2id", word) for word in WORDS[:24]))
    await bench.live(WORDS[28], history=0)
    assert await bench.count() == 24, "what is replaced waits with them"
    assert await bench.is_last(WORDS[29], 2)
    assert not await bench.is_last(WORDS[23], 24), "the oldest"
    await bench.live(WORDS[27], history=6, at=NOW + IMPORTED_HISTORY_KEPT)
    assert await bench.count() == 5


async def test_an_imported_history_is_in_its_order(bench: Bench) -> None:
    await bench.live(WORDS[29])
    await bench.bring(*(imported("argon2id", word) for word in WORDS[:6]))
    assert [await bench.is_last(word, 4) for word in WORDS[:6]] == [True] * 3 + [False] * 3


async def test_what_is_known_of_a_former_password(bench: Bench) -> None:
    await bench.live(WORDS[0])
    before = await store.find_password(bench.database, "account-nora")
    assert before is not None
    await bench.live(WORDS[1], at=NOW + DAY)
    (former,) = await history_store.list_former(bench.database, "account-nora", 24)
    assert (former.secret, former.set_at) == (before.secret, NOW)


async def test_one_that_was_compared_with_another_password_is_not_stored(bench: Bench) -> None:
    await bench.live(WORDS[0])
    seen = await bench.factor.compare_last(bench.database, "account-nora", WORDS[1], 6)
    new = structs.replace(await bench.factor.prepare(WORDS[1]), version=seen.version)
    await bench.live(WORDS[2])
    with pytest.raises(Conflict):
        await bench.store(new)
    assert [await bench.is_last(word, 1) for word in WORDS[:3]] == [False, False, True]
    assert await bench.count() == 1


async def test_one_that_was_compared_with_none_is_not_stored_over_one(bench: Bench) -> None:
    seen = await bench.factor.compare_last(bench.database, "account-nora", WORDS[1], 6)
    assert seen.version == 0
    new = structs.replace(await bench.factor.prepare(WORDS[1]), version=seen.version)
    await bench.live(WORDS[2])
    with pytest.raises(Conflict):
        await bench.store(new)
    assert await bench.is_last(WORDS[2], 1)


async def test_of_many_changes_at_once_each_is_kept_or_told(bench: Bench, race_width: int) -> None:  # S87
    await bench.live(WORDS[29])
    seen = await bench.factor.compare_last(bench.database, "account-nora", WORDS[0], 6)
    made = [structs.replace(await bench.factor.prepare(word), version=seen.version) for word in WORDS[:10]]
    results = await asyncio.gather(*(bench.store(new) for new in made), return_exceptions=True)
    assert sorted(result is None for result in results) == [False] * 9 + [True]
    assert all(result is None or isinstance(result, Conflict) for result in results)
    assert await bench.is_last(WORDS[results.index(None)], 1)
    assert await bench.is_last(WORDS[29], 2)
    assert await bench.count() == 1


async def test_of_many_changes_at_once_that_compared_nothing_no_password_is_missing(
    bench: Bench, race_width: int
) -> None:
    await bench.live(WORDS[29])
    made = [await bench.factor.prepare(word) for word in WORDS[:20]]
    results = await asyncio.gather(*(bench.store(new) for new in made), return_exceptions=True)
    assert all(result is None or isinstance(result, Conflict) for result in results), results
    stored = [word for word, result in zip(WORDS, results, strict=False) if result is None]
    assert await bench.count() == len(stored)
    assert all([await bench.is_last(word, 24) for word in (*stored, WORDS[29])])


async def test_a_rehash_is_no_change(bench: Bench) -> None:  # D4, S100
    await bench.live(WORDS[0])
    factor = PasswordFactor(Hasher(Argon2Parameters(memory_kib=16, passes=2), threads=1), SystemChance())
    answer = PasswordAnswer(password=WORDS[0])
    judgement = await factor.judge(bench.database, Subject("account-nora"), answer, lambda: NOW)
    assert judgement.upgrade is not None
    assert await bench.database.transact(lambda tx: factor.settle(tx, judgement, NOW + DAY))
    found = await store.find_password(bench.database, "account-nora")
    assert found is not None
    assert (found.secret, found.changed_at, found.version) == (judgement.upgrade, NOW, 1)
    assert await bench.count() == 0


async def test_they_go_with_the_account_and_nobody_elses_do(bench: Bench) -> None:
    await add_account(bench.database, "tom")
    await bench.live(*WORDS[:5])
    await bench.live(*WORDS[:3], name="tom")
    await bench.database.transact(lambda tx: erase_credentials(tx, account("nora")))
    assert (await bench.count(), await bench.count("tom")) == (0, 2)
    assert await accounts.find_account(bench.database, "account-nora") is not None


async def test_a_sign_in_costs_the_same_whatever_the_history(bench: Bench) -> None:  # S87
    await add_account(bench.database, "tom")
    await bench.live(*WORDS[:24])
    await bench.live(WORDS[23], name="tom")
    for who in ("account-nora", "account-tom"):
        for typed in (WORDS[23], WORDS[22], WORDS[25]):
            bench.hasher.jobs = bench.hasher.compared = 0
            answer = PasswordAnswer(password=typed)
            await bench.factor.judge(bench.database, Subject(who), answer, lambda: NOW)
            assert (bench.hasher.jobs, bench.hasher.compared) == (1, 1)
