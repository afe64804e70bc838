"""Mailed links: a day long, three at once, each used once and then none, dead with the epoch (D5, S27, S28)."""

from datetime import datetime, timedelta

import pytest

from portico.accounts import store as accounts
from portico.database.engine import Database, Transaction
from portico.factors.contract import Judgement, MailedLinkAnswer, PasswordAnswer, Subject
from portico.factors.mailed_link import LIFETIME, LinkState, MailedLinkFactor
from portico.factors.proof import Failure, ProofClass, ProofKind
from portico.kernel.chance import SystemChance
from portico.kernel.tokens import is_token, token_hash
from tests.support.racing import race
from tests.support.rows import DAY, MICROSECOND, NOW, SECOND, add_account

FACTOR = MailedLinkFactor(SystemChance())


@pytest.fixture(autouse=True)
async def people(database: Database) -> None:
    """Nora and Tom."""
    for name in ("nora", "tom"):
        await add_account(database, name)


async def add(database: Database, at: datetime = NOW, name: str = "nora", lifetime: timedelta = LIFETIME) -> str:
    """A new link; its token."""

    async def body(tx: Transaction) -> str:
        token, _expires_at = await FACTOR.add_link(tx, at, f"account-{name}", 1, lifetime)
        return token

    return await database.transact(body)


async def judge(database: Database, token: str, at: datetime = NOW, account_id: str | None = None) -> Judgement:
    return await FACTOR.judge(database, Subject(account_id), MailedLinkAnswer(token=token), lambda: at)


async def use(database: Database, token: str, at: datetime = NOW) -> bool:
    """Judge and settle, as a reset does."""
    judgement = await judge(database, token, at)
    return await database.transact(lambda tx: FACTOR.settle(tx, judgement, at))


async def state(database: Database, token: str, at: datetime = NOW) -> LinkState:
    found, link = await FACTOR.find_link(database, token, at)
    assert (link is None) == (found is LinkState.INVALID)
    return found


async def test_a_live_link_proves_whose_mailbox_it_was_sent_to(database: Database) -> None:  # D5, D7
    token = await add(database)
    judgement = await judge(database, token)
    assert (judgement.account_id, judgement.epoch) == ("account-nora", 1)
    proof = judgement.proof
    assert proof is not None
    assert (proof.kind, proof.classes, proof.at) == (ProofKind.MAILED_LINK, frozenset({ProofClass.HAVE}), NOW)
    assert proof.through_mailbox
    assert await database.transact(lambda tx: FACTOR.settle(tx, judgement, NOW))


async def test_only_the_hash_of_a_256_bit_token_is_kept(database: Database) -> None:  # D5, S27
    token = await add(database)
    assert is_token(token)
    rows = await database.list_rows("SELECT * FROM reset_links")
    assert [bytes(row["hash"]) for row in rows] == [token_hash(token)]
    assert token not in str([tuple(row) for row in rows])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (timedelta(0), LinkState.LIVE),
        (timedelta(hours=24) - SECOND, LinkState.LIVE),
        (timedelta(hours=24), LinkState.LIVE),
        (timedelta(hours=24) + SECOND - MICROSECOND, LinkState.LIVE),
        (timedelta(hours=24) + SECOND, LinkState.EXPIRED),
        (timedelta(days=400), LinkState.EXPIRED),
    ],
)
async def test_the_last_valid_second_is_that_of_24_hours(  # S28, D5
    database: Database, after: timedelta, expected: LinkState
) -> None:
    token = await add(database)
    assert await state(database, token, NOW + after) is expected
    assert await use(database, token, NOW + after) is (expected is LinkState.LIVE)


async def test_a_link_may_live_shorter(database: Database) -> None:  # D5
    token = await add(database, lifetime=timedelta(hours=1))
    assert await state(database, token, NOW + timedelta(hours=1)) is LinkState.LIVE
    assert await state(database, token, NOW + timedelta(hours=1) + SECOND) is LinkState.EXPIRED


async def test_adding_a_link_says_when_it_dies(database: Database) -> None:  # D5
    _token, expires_at = await database.transact(lambda tx: FACTOR.add_link(tx, NOW, "account-nora", 1))
    assert expires_at == NOW + timedelta(hours=24) + SECOND


async def test_a_link_dead_between_look_and_use_is_not_used(database: Database) -> None:  # D5
    token = await add(database)
    last = NOW + timedelta(hours=24) + SECOND
    judgement = await judge(database, token, last - MICROSECOND)
    assert judgement.proof is not None
    assert not await database.transact(lambda tx: FACTOR.settle(tx, judgement, last))


async def test_looking_uses_nothing_up(database: Database) -> None:  # D5, S29
    token = await add(database)
    for _ in range(20):
        assert await state(database, token) is LinkState.LIVE
        assert (await judge(database, token)).proof is not None
    assert await use(database, token)


async def test_three_links_live_at_once_and_the_oldest_gives_way(database: Database) -> None:  # D5
    tokens = [await add(database, NOW + n * SECOND) for n in range(5)]
    toms = await add(database, name="tom")
    later = NOW + 9 * SECOND
    expired, live = LinkState.EXPIRED, LinkState.LIVE
    assert [await state(database, token, later) for token in tokens] == [expired, expired, live, live, live]
    assert await state(database, toms, later) is live


@pytest.mark.parametrize("used", range(3))
async def test_any_use_kills_all_links_of_the_account(database: Database, used: int) -> None:  # D5
    tokens = [await add(database, NOW + n * SECOND) for n in range(3)]
    toms = await add(database, name="tom")
    later = NOW + 9 * SECOND
    assert await use(database, tokens[used], later)
    expected = [LinkState.USED if n == used else LinkState.EXPIRED for n in range(3)]
    assert [await state(database, token, later) for token in tokens] == expected
    assert not any([await use(database, token, later) for token in tokens])
    assert await use(database, toms, later)


async def test_a_link_dies_with_the_security_epoch(database: Database) -> None:  # D5, D22
    token, toms = await add(database), await add(database, name="tom")
    judgement = await judge(database, token)
    await database.transact(lambda tx: accounts.raise_epoch(tx, "account-nora"))
    assert await state(database, token) is LinkState.EXPIRED
    assert not await database.transact(lambda tx: FACTOR.settle(tx, judgement, NOW))
    assert await use(database, toms)


@pytest.mark.parametrize(
    "token", ["", "x", "A" * 43, "A" * 44, "../../etc/passwd", "a" * 100_000, "\0", "\ud800", "ä" * 43]
)
async def test_a_forged_token_is_invalid(database: Database, token: str) -> None:  # D5
    await add(database)
    assert await state(database, token) is LinkState.INVALID
    judgement = await judge(database, token)
    assert judgement == Judgement(failure=Failure(code="reset.link.invalid"))
    assert not await database.transact(lambda tx: FACTOR.settle(tx, judgement, NOW))


async def test_why_a_link_is_dead_is_told(database: Database) -> None:  # S28
    token = await add(database)
    assert (await judge(database, token, NOW + 2 * DAY)).failure == Failure(code="reset.link.expired")
    assert await use(database, token)
    assert (await judge(database, token)).failure == Failure(code="reset.link.used")


async def test_a_link_of_another_account_is_as_good_as_none(database: Database) -> None:
    token = await add(database)
    assert (await judge(database, token, account_id="account-nora")).proof is not None
    judgement = await judge(database, token, account_id="account-tom")
    assert judgement.failure == Failure(code="reset.link.invalid")


async def test_of_fifty_who_use_one_link_exactly_one_succeeds(  # D5
    database: Database, race_width: int, race_rounds: int
) -> None:
    for number in range(race_rounds):
        judgement = await judge(database, await add(database, NOW + number * SECOND), NOW + number * SECOND)

        async def body(tx: Transaction, _who: int, judgement: Judgement = judgement, number: int = number) -> bool:
            return await FACTOR.settle(tx, judgement, NOW + number * SECOND)

        assert sorted(await race(database, race_width, body)) == [False] * (race_width - 1) + [True]


async def test_of_fifty_who_use_three_links_of_one_account_exactly_one_succeeds(  # D5
    database: Database, race_width: int, race_rounds: int
) -> None:
    for number in range(race_rounds):
        at = NOW + number * DAY
        judgements = [await judge(database, await add(database, at), at) for _ in range(3)]

        async def body(tx: Transaction, who: int, judgements: list[Judgement] = judgements, at: datetime = at) -> bool:
            return await FACTOR.settle(tx, judgements[who % 3], at)

        assert sum(await race(database, race_width, body)) == 1


async def test_of_fifty_new_links_at_once_no_more_than_three_live(database: Database, race_width: int) -> None:  # D5
    async def body(tx: Transaction, who: int) -> str:
        token, _expires_at = await FACTOR.add_link(tx, NOW + who * MICROSECOND, "account-nora", 1)
        return token

    tokens = await race(database, race_width, body)
    tokens.append(await add(database, NOW + SECOND))
    live = [token for token in tokens if await state(database, token, NOW + SECOND) is LinkState.LIVE]
    assert len(live) == 3
    assert tokens[-1] in live


async def test_links_are_swept_a_month_after_they_expired(database: Database) -> None:
    token = await add(database)
    assert await database.transact(lambda tx: FACTOR.sweep(tx, NOW + 31 * DAY)) == 0
    assert await state(database, token, NOW + 31 * DAY) is LinkState.EXPIRED
    assert await database.transact(lambda tx: FACTOR.sweep(tx, NOW + 32 * DAY)) == 1
    assert await state(database, token) is LinkState.INVALID


async def test_a_link_answer_is_needed(database: Database) -> None:
    with pytest.raises(TypeError):
        await FACTOR.judge(database, Subject(None), PasswordAnswer(password="x"), lambda: NOW)
