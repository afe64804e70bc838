"""The password factor: right, wrong, none, unknown, impossible; changed while it was being compared."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from msgspec import structs

from portico.accounts import store as accounts
from portico.database.engine import Database, Transaction
from portico.factors import store
from portico.factors.contract import Judgement, MailedLinkAnswer, PasswordAnswer, Subject
from portico.factors.hashing import Argon2Parameters, Hasher
from portico.factors.model import PasswordProperties
from portico.factors.password import WRONG, PasswordFactor
from portico.factors.proof import Failure, Proof, ProofClass, ProofKind
from portico.kernel.chance import SystemChance
from portico.kernel.errors import Conflict
from tests.support.rows import NOW, SECOND, add_account

T = TypeVar("T")

CHEAP = Argon2Parameters(memory_kib=8, passes=1)
DEARER = Argon2Parameters(memory_kib=16, passes=2)
RIGHT, OTHER = "Harbour-Lamp-27", "Silver-Orchard-63"
PLAIN = PasswordProperties()


class CountingHasher(Hasher):
    """Counts what really goes through the pool."""

    count = 0

    async def _run(self, work: Callable[[], T]) -> T:
        self.count += 1
        return await super()._run(work)


class Bench:
    """A password factor on a database, with Nora in it, who has no password yet."""

    def __init__(self, database: Database, parameters: Argon2Parameters = CHEAP) -> None:
        self.database = database
        self.hasher = CountingHasher(parameters, threads=2)
        self.factor = PasswordFactor(self.hasher, SystemChance())

    async def judge(self, typed: str = RIGHT, account_id: str | None = "account-nora") -> Judgement:
        """What the factor finds."""
        return await self.factor.judge(self.database, Subject(account_id), PasswordAnswer(password=typed), lambda: NOW)

    async def settle(self, judgement: Judgement, at: datetime = NOW) -> bool:
        """Whether the proof counts."""
        return await self.database.transact(lambda tx: self.factor.settle(tx, judgement, at))

    async def set_password(self, typed: str = RIGHT, properties: PasswordProperties = PLAIN) -> None:
        """Give Nora a password."""
        new = await self.factor.prepare(typed)
        await self.database.transact(lambda tx: self.factor.set_password(tx, NOW, "account-nora", new, properties))


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    """The factor with the cheapest hashes there are."""
    await add_account(database)
    made = Bench(database)
    yield made
    made.hasher.close()


async def test_the_right_password_is_a_proof_of_knowing(bench: Bench) -> None:  # S14
    await bench.set_password()
    stored = await store.find_password(bench.database, "account-nora")
    assert stored is not None
    judgement = await bench.judge()
    assert judgement == Judgement(
        proof=Proof(kind=ProofKind.PASSWORD, classes=frozenset({ProofClass.KNOW}), at=NOW, credential=stored.id),
        account_id="account-nora",
        epoch=1,
        version=1,
    )
    assert await bench.settle(judgement)


async def test_a_password_set_through_the_mailbox_says_so_in_its_proof(bench: Bench) -> None:  # D7
    await bench.set_password(properties=PasswordProperties(through_mailbox=True))
    judgement = await bench.judge()
    assert judgement.proof is not None
    assert judgement.proof.through_mailbox


@pytest.mark.parametrize(
    ("typed", "account_id", "has_password"),
    [
        (OTHER, "account-nora", True),
        ("", "account-nora", True),
        ("a" * 257, "account-nora", True),
        ("a" * 1_000_000, "account-nora", True),
        ("\ud800", "account-nora", True),
        (RIGHT, "account-nora", False),
        ("", "account-nora", False),
        (RIGHT, "account-nobody", False),
        (RIGHT, None, False),
        ("\ud800", None, False),
        ("nobody has this password", None, False),
        ("nobody has this password", "account-nora", False),
    ],
)
async def test_whatever_is_not_right_costs_one_hash_and_fails_alike(  # D20
    bench: Bench, typed: str, account_id: str | None, has_password: bool
) -> None:
    if has_password:
        await bench.set_password()
    bench.hasher.count = 0
    judgement = await bench.judge(typed, account_id)
    assert bench.hasher.count == 1
    assert judgement == Judgement(failure=WRONG, account_id=account_id)
    assert not await bench.settle(judgement)
    assert Failure(code="signin.password.wrong", field="password") == WRONG


async def test_the_right_password_costs_one_hash_too(bench: Bench) -> None:  # D20
    await bench.set_password()
    bench.hasher.count = 0
    assert (await bench.judge()).proof is not None
    assert bench.hasher.count == 1


async def test_composed_and_decomposed_spellings_are_one_password(bench: Bench) -> None:  # D1
    await bench.set_password("Zoe\u0308-Lamp-27")
    assert (await bench.judge("Zoë-Lamp-27")).proof is not None
    assert (await bench.judge("Zoe\u0308-Lamp-27")).proof is not None
    assert (await bench.judge("Zoe-Lamp-27")).proof is None


@pytest.mark.parametrize("typed", [f" {RIGHT}", f"{RIGHT} ", RIGHT.lower(), f"{RIGHT}\n", RIGHT[:-1], f"{RIGHT}\0"])
async def test_a_password_is_never_trimmed_or_folded_when_compared(bench: Bench, typed: str) -> None:  # D1
    await bench.set_password()
    assert (await bench.judge(typed)).proof is None


async def test_a_password_of_spaces_and_256_characters_can_be_used(bench: Bench) -> None:  # D1
    for typed in ("  Aa1  !  ", "Aa1!" * 64):
        await bench.set_password(typed)
        assert (await bench.judge(typed)).proof is not None


async def test_a_password_changed_while_it_was_compared_proves_nothing(bench: Bench) -> None:
    await bench.set_password()
    judgement = await bench.judge()
    await bench.set_password(OTHER)
    assert judgement.proof is not None
    assert not await bench.settle(judgement)


async def test_the_same_password_set_anew_while_it_was_compared_proves_nothing(bench: Bench) -> None:
    await bench.set_password()
    judgement = await bench.judge()
    await bench.set_password()
    assert not await bench.settle(judgement)
    assert await bench.settle(await bench.judge())


async def test_a_proof_carries_the_epoch_its_hash_was_read_under(bench: Bench) -> None:  # D22
    await bench.set_password()
    before = await bench.judge()
    await bench.database.transact(lambda tx: accounts.raise_epoch(tx, "account-nora"))
    assert (before.epoch, (await bench.judge()).epoch) == (1, 2)


async def test_of_fifty_sign_ins_and_one_change_none_settles_after_it(bench: Bench, race_width: int) -> None:
    await bench.set_password()
    judgements = await asyncio.gather(*(bench.judge() for _ in range(race_width)))
    new = await bench.factor.prepare(OTHER)
    order: list[str] = []

    async def change(tx: Transaction) -> None:
        await bench.factor.set_password(tx, NOW, "account-nora", new, PLAIN)
        order.append("changed")

    async def settle(judgement: Judgement) -> bool:
        return await bench.settle(judgement)

    results = await asyncio.gather(
        *(settle(judgement) for judgement in judgements[::2]),
        bench.database.transact(change),
        *(settle(judgement) for judgement in judgements[1::2]),
    )
    assert "changed" in order
    assert not any([await bench.settle(judgement) for judgement in judgements])
    assert all(isinstance(result, bool) for result in results if result is not None)
    assert (await bench.judge(RIGHT)).proof is None
    assert (await bench.judge(OTHER)).proof is not None


async def test_a_hash_of_other_parameters_is_made_anew_at_the_next_sign_in(bench: Bench) -> None:  # D4
    await bench.set_password(properties=PasswordProperties(through_mailbox=True, must_change="forced"))
    before = await store.find_password(bench.database, "account-nora")
    assert before is not None
    later = Bench(bench.database, DEARER)
    try:
        assert (await later.judge(OTHER)).upgrade is None, "a wrong password upgrades nothing"
        later.hasher.count = 0
        judgement = await later.judge()
        assert later.hasher.count == 2
        assert judgement.upgrade is not None
        assert await later.settle(judgement, NOW + SECOND)
        after = await store.find_password(bench.database, "account-nora")
        assert after is not None
        assert after.secret == judgement.upgrade
        assert not later.hasher.is_outdated(after.secret)
        assert after == structs.replace(before, secret=after.secret), "neither version nor age nor marks have changed"
        assert (await later.judge()).upgrade is None
        assert (await later.judge()).proof is not None
    finally:
        later.hasher.close()


async def test_an_upgrade_never_undoes_a_change_that_came_meanwhile(bench: Bench) -> None:  # D4
    await bench.set_password()
    later = Bench(bench.database, DEARER)
    try:
        judgement = await later.judge()
        await bench.set_password(OTHER)
        assert judgement.upgrade is not None
        assert not await later.settle(judgement)
        assert (await bench.judge(OTHER)).proof is not None
    finally:
        later.hasher.close()


async def test_an_account_gets_its_first_password_once(bench: Bench) -> None:
    new = await bench.factor.prepare(RIGHT)

    async def body(tx: Transaction) -> None:
        assert await store.find_password(tx, "account-nora") is None
        await bench.factor.set_password(tx, NOW, "account-nora", new, PLAIN)

    await bench.database.transact(body)
    await bench.set_password(OTHER)
    rows = await bench.database.list_rows("SELECT version FROM credentials")
    assert [row["version"] for row in rows] == [2]


async def test_of_many_first_passwords_at_once_none_is_lost_without_a_word(bench: Bench, race_width: int) -> None:
    """Each was stored at some time, or was refused; an account never has two."""
    typed = [f"{RIGHT}-{number}" for number in range(10)]
    results = await asyncio.gather(*(bench.set_password(each) for each in typed), return_exceptions=True)
    assert all(result is None or isinstance(result, Conflict) for result in results)
    rows = await bench.database.list_rows("SELECT version FROM credentials")
    assert [row["version"] for row in rows] == [sum(result is None for result in results)]
    right = [each for each in typed if (await bench.judge(each)).proof is not None]
    assert len(right) == 1
    assert results[typed.index(right[0])] is None


async def properties_of(bench: Bench) -> PasswordProperties | None:
    """What is known about Nora's password."""
    found = await bench.factor.find_credential(bench.database, "account-nora")
    return found.properties if found else None


async def test_what_is_known_about_a_password(bench: Bench) -> None:
    assert await properties_of(bench) is None
    await bench.set_password(properties=PasswordProperties(through_mailbox=True))
    await bench.database.transact(lambda tx: bench.factor.force_change(tx, "account-nora", "forced"))
    expected = PasswordProperties(through_mailbox=True, must_change="forced")
    assert await properties_of(bench) == expected
    await bench.set_password(OTHER)
    assert await properties_of(bench) == PLAIN


async def test_whoever_has_no_password_cannot_be_made_to_change_it(bench: Bench) -> None:
    await bench.database.transact(lambda tx: bench.factor.force_change(tx, "account-nora", "forced"))
    assert await properties_of(bench) is None


async def test_what_was_never_checked_is_never_hashed(bench: Bench) -> None:  # D1
    with pytest.raises(ValueError, match="criteria"):
        await bench.factor.prepare("a" * 257)
    assert bench.hasher.count == 0


async def test_an_answer_to_another_factor_is_a_mistake_of_ours(bench: Bench) -> None:
    with pytest.raises(TypeError):
        await bench.factor.judge(bench.database, Subject(None), MailedLinkAnswer(token="x"), lambda: NOW)


async def test_the_instant_of_a_proof_is_when_it_was_found_good(bench: Bench) -> None:
    await bench.set_password()
    later = NOW + timedelta(seconds=9)
    judgement = await bench.factor.judge(
        bench.database, Subject("account-nora"), PasswordAnswer(password=RIGHT), lambda: later
    )
    assert judgement.proof is not None
    assert judgement.proof.at == later
