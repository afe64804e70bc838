"""A code of the near future: it tells that a phone's clock is ahead, and whoever guessed it gains nothing by that."""

from datetime import timedelta

import pytest

from portico.database.engine import Database
from portico.factors.contract import Judgement, Subject, TotpAnswer
from portico.factors.proof import Failure
from portico.factors.totp import PERIOD, TotpFactor, code_at, step_at
from portico.kernel.chance import SystemChance
from portico.kernel.sealing import SealingKeys
from tests.support.racing import race
from tests.support.rows import NOW, add_account

FACTOR = TotpFactor(SealingKeys((bytes(32),)), SystemChance())
SECRET = b"12345678901234567890"
ACCOUNT = "account-nora"


@pytest.fixture
async def app(database: Database) -> Database:
    """A database with Nora's app in it."""
    await add_account(database)
    before = step_at(NOW) - 20
    assert await database.transact(lambda tx: FACTOR.enrol(tx, NOW, ACCOUNT, SECRET, before))
    return database


async def judge(database: Database, steps: int, wait: int = 0) -> Judgement:
    """What is said, some steps from now, of the code that is so many steps ahead of now."""
    code, at = code_at(SECRET, NOW + steps * timedelta(seconds=PERIOD)), NOW + wait * timedelta(seconds=PERIOD)
    return await FACTOR.judge(database, Subject(ACCOUNT), TotpAnswer(code=code), lambda: at)


async def enter(database: Database, steps: int, wait: int = 0) -> Failure | None:
    """The same, and what follows from it; None if the code is taken."""
    judgement = await judge(database, steps, wait)
    is_settled = await database.transact(lambda tx: FACTOR.settle(tx, judgement, NOW))
    assert is_settled == (judgement.proof is not None)
    return judgement.failure


@pytest.mark.parametrize("steps", [2, 5, 10])
async def test_what_was_recognised_of_the_future_is_never_good(app: Database, steps: int) -> None:  # D13
    told = await enter(app, steps)
    assert told is not None
    assert told.code == "totp.clock_ahead_wait"
    for wait in (steps - 1, steps, steps + 1):
        assert await enter(app, steps, wait) is not None
    assert await enter(app, steps + 1, steps) is None


async def test_how_long_to_wait_is_told_and_true(app: Database) -> None:  # D13
    told = await enter(app, 5)
    assert told is not None
    assert told.params == {"count": 3}
    early = await enter(app, 2, 2)
    assert early is not None
    assert (early.code, early.params) == ("totp.wait", {"count": 2})
    assert (await judge(app, 3, 0)).failure is not None
    assert await enter(app, 6, 6) is None


async def test_a_clock_that_is_behind_uses_nothing_up(app: Database) -> None:  # D13
    told = await enter(app, -8)
    assert told == Failure(code="totp.clock_behind", params={"count": 4}, field="code")
    assert await enter(app, 0) is None


async def test_a_later_step_is_never_lowered(app: Database) -> None:
    earlier = await judge(app, 3)
    await enter(app, 9)
    await app.transact(lambda tx: FACTOR.settle(tx, earlier, NOW))
    assert await enter(app, 5, 5) is not None
    told = await judge(app, 3)
    assert told.failure is not None
    assert told.failure.params == {"count": 5}


async def test_of_many_at_once_none_gains(app: Database) -> None:  # D13
    ahead = await judge(app, 4)
    assert not any(await race(app, 20, lambda tx, _: FACTOR.settle(tx, ahead, NOW)))
    assert (await judge(app, 4, 4)).failure is not None
