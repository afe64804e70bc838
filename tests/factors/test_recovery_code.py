"""The recovery code factor: drawn uniformly, kept as a hash, spelt as one likes, good once."""

from collections import Counter

import pytest

from portico.database.engine import Database
from portico.factors.contract import Judgement, PasswordAnswer, RecoveryCodeAnswer, Subject
from portico.factors.proof import ProofClass, ProofKind
from portico.factors.recovery_code import ALPHABET, LENGTH, RecoveryCodeFactor, draw_code
from portico.kernel.chance import SystemChance
from tests.support.racing import race
from tests.support.rows import NOW, add_account

FACTOR = RecoveryCodeFactor(SystemChance())
CODE = "8KQ2ZZW01XPLM3NTB6RAVH9D"
ACCOUNT = "account-nora"


async def save(database: Database, code: str = CODE) -> bool:
    """An account with this recovery code."""
    return await database.transact(lambda tx: FACTOR.save(tx, NOW, ACCOUNT, code))


async def judge(database: Database, code: str) -> Judgement:
    """What the factor says to a typed code."""
    judgement = await FACTOR.judge(database, Subject(ACCOUNT), RecoveryCodeAnswer(code=code), lambda: NOW)
    assert (judgement.proof is None) != (judgement.failure is None)
    return judgement


def test_a_code_is_24_capitals_and_digits_drawn_uniformly() -> None:  # S59
    codes = [draw_code(SystemChance()) for _ in range(500)]
    assert all(len(code) == LENGTH == 24 and set(code) <= set(ALPHABET) for code in codes)
    assert len(ALPHABET) == 36
    assert len(set(codes)) == len(codes)
    counted = Counter("".join(codes))
    assert len(counted) == 36
    assert max(counted.values()) < 2 * min(counted.values())


@pytest.mark.parametrize(
    "spelling", [CODE, CODE.lower(), "8KQ2-ZZW0-1XPL-M3NT-B6RA-VH9D", " 8kq2 zzw0 1xpl\tm3nt b6ra vh9d\n"]
)
async def test_dashes_case_and_spaces_do_not_count(database: Database, spelling: str) -> None:  # D14
    await add_account(database)
    await save(database)
    judgement = await judge(database, spelling)
    assert judgement.proof is not None
    assert judgement.proof.kind is ProofKind.RECOVERY_CODE
    assert judgement.proof.classes == {ProofClass.HAVE}


@pytest.mark.parametrize("typed", ["", CODE[:-1], CODE + "A", "x" * 64, "\ud800", "\0", "O" + CODE[1:]])
async def test_anything_else_is_wrong(database: Database, typed: str) -> None:
    await add_account(database)
    await save(database)
    assert (await judge(database, typed)).proof is None


async def test_without_a_code_nothing_is_right(database: Database) -> None:
    assert (await judge(database, "")).proof is None
    assert (await judge(database, CODE)).proof is None


async def test_only_a_hash_is_kept(database: Database) -> None:  # D14
    await add_account(database)
    await save(database)
    row = await database.find_row("SELECT secret FROM credentials WHERE kind = 'recovery_code'")
    assert row is not None
    assert len(bytes(row["secret"])) == 32
    assert CODE.encode() not in bytes(row["secret"])


async def test_raced_against_itself_a_code_is_good_once(database: Database) -> None:  # D14
    await add_account(database)
    await save(database)
    judgement = await judge(database, CODE)
    burnt = await race(database, 20, lambda tx, _: FACTOR.settle(tx, judgement, NOW))
    assert burnt.count(True) == 1
    assert (await judge(database, CODE)).proof is None


async def test_a_new_code_takes_the_place_of_the_old_one(database: Database) -> None:
    await add_account(database)
    assert not await save(database)
    judgement = await judge(database, CODE)
    assert await save(database, CODE[::-1])
    assert (await judge(database, CODE)).proof is None
    assert (await judge(database, CODE[::-1])).proof is not None
    assert not await database.transact(lambda tx: FACTOR.settle(tx, judgement, NOW)), "judged before it was replaced"
    assert await database.transact(lambda tx: FACTOR.remove(tx, ACCOUNT))
    assert (await judge(database, CODE[::-1])).proof is None


async def test_of_many_saved_at_once_one_is_left(database: Database) -> None:
    await add_account(database)
    codes = [draw_code(SystemChance()) for _ in range(5)]
    await race(database, 5, lambda tx, number: FACTOR.save(tx, NOW, ACCOUNT, codes[number]))
    rows = await database.list_rows("SELECT id FROM credentials WHERE kind = 'recovery_code'")
    assert len(rows) == 1


async def test_another_kind_of_answer_is_a_mistake_of_ours(database: Database) -> None:
    with pytest.raises(TypeError):
        await FACTOR.judge(database, Subject(ACCOUNT), PasswordAnswer(password="x"), lambda: NOW)
