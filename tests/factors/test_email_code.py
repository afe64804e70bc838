"""The e-mail code factor: newest only, five tries, ten minutes, burnt by one statement, on both databases."""

from datetime import timedelta

import pytest

from portico.database.engine import Database, Transaction
from portico.factors.contract import EmailCodeAnswer, PasswordAnswer, Subject
from portico.factors.email_code import LINK_LIFETIME, EmailCodeFactor, IssuedCode
from portico.factors.mailed_link import LinkState
from portico.factors.model import CODE_LIFETIME
from portico.factors.proof import ProofClass, ProofKind
from portico.kernel.chance import SystemChance
from portico.kernel.sealing import SealingKeys
from tests.support.racing import race
from tests.support.rows import NOW, SECOND

FACTOR = EmailCodeFactor(SealingKeys((bytes(32),)), SystemChance())
ATTEMPT = "attempt"
SUBJECT = Subject(None, ATTEMPT)


async def issue(database: Database, attempt_id: str = ATTEMPT) -> IssuedCode:
    """A code that was asked for and mailed."""
    await database.transact(lambda tx: FACTOR.expect(tx, NOW, attempt_id))
    return await reissue(database, attempt_id)


async def reissue(database: Database, attempt_id: str = ATTEMPT) -> IssuedCode:
    """Another one."""
    issued = await database.transact(lambda tx: FACTOR.issue(tx, NOW, attempt_id, NOW + LINK_LIFETIME + SECOND))
    assert issued is not None
    return issued


async def is_right(database: Database, code: str, subject: Subject = SUBJECT) -> bool:
    """Whether a code is judged good."""
    judgement = await FACTOR.judge(database, subject, EmailCodeAnswer(code=code), lambda: NOW)
    assert (judgement.proof is None) != (judgement.failure is None)
    return judgement.proof is not None


async def test_a_code_is_six_digits_and_proves_that_one_has_the_mailbox(database: Database) -> None:  # D18
    issued = await issue(database)
    assert len(issued.code) == 6
    assert issued.code.isdigit()
    judgement = await FACTOR.judge(database, SUBJECT, EmailCodeAnswer(code=issued.code), lambda: NOW)
    assert judgement.proof is not None
    assert judgement.proof.kind is ProofKind.EMAIL_CODE
    assert judgement.proof.classes == {ProofClass.HAVE}
    assert judgement.proof.through_mailbox


@pytest.mark.parametrize("spelling", ["{a}{b}", " {a} {b} ", "{a}-{b}", "{a}\u00a0{b}", "\t{a}\n{b}"])
async def test_spaces_do_not_count(database: Database, spelling: str) -> None:  # D18
    code = (await issue(database)).code
    assert await is_right(database, spelling.format(a=code[:3], b=code[3:]))


@pytest.mark.parametrize("typed", ["", "0", "x" * 64, "\ud800", "\0", "\u0661" * 6])
async def test_what_is_no_code_is_wrong(database: Database, typed: str) -> None:
    await issue(database)
    assert not await is_right(database, typed)


async def test_a_code_is_for_its_attempt_alone(database: Database) -> None:
    code = (await issue(database)).code
    other = (await issue(database, "other")).code
    assert await is_right(database, other) == (other == code)
    assert not await is_right(database, code, Subject(None, "nothing"))


async def test_before_the_mail_nothing_is_right(database: Database) -> None:
    await database.transact(lambda tx: FACTOR.expect(tx, NOW, ATTEMPT))
    assert not await is_right(database, "")
    assert not await is_right(database, "000000")


async def test_only_the_newest_counts(database: Database) -> None:  # D18
    first = await issue(database)
    second = await reissue(database)
    assert await is_right(database, first.code) == (first.code == second.code)
    assert await is_right(database, second.code)
    assert (await FACTOR.find_link(database, first.link_token, NOW))[0] is LinkState.INVALID
    assert await FACTOR.find_link(database, second.link_token, NOW) == (LinkState.LIVE, ATTEMPT)


async def test_five_tries_are_taken_however_many_ask_at_once(database: Database, race_width: int) -> None:  # D18
    await issue(database)
    taken = await race(database, race_width, lambda tx, _number: FACTOR.take_try(tx, NOW, ATTEMPT))
    assert taken.count(None) == 5
    assert {failure.code for failure in taken if failure} == {"email_code.used_up"}
    await reissue(database)
    assert await database.transact(lambda tx: FACTOR.take_try(tx, NOW, ATTEMPT)) is None


async def test_the_last_second_counts(database: Database) -> None:  # D18
    issued = await issue(database)
    assert await database.transact(lambda tx: FACTOR.take_try(tx, NOW + CODE_LIFETIME, ATTEMPT)) is None
    late = await database.transact(lambda tx: FACTOR.take_try(tx, NOW + CODE_LIFETIME + SECOND, ATTEMPT))
    assert late is not None
    assert late.code == "email_code.over"
    assert (await FACTOR.find_link(database, issued.link_token, NOW + LINK_LIFETIME))[0] is LinkState.LIVE
    over = await FACTOR.find_link(database, issued.link_token, NOW + LINK_LIFETIME + SECOND)
    assert over[0] is LinkState.EXPIRED


async def test_code_and_link_are_burnt_once_together(database: Database, race_width: int) -> None:  # rule 1
    issued = await issue(database)
    judgement = await FACTOR.judge(database, SUBJECT, EmailCodeAnswer(code=issued.code), lambda: NOW)

    async def use(tx: Transaction, number: int) -> bool:
        if number % 2:
            return await FACTOR.settle(tx, judgement, NOW)
        return await FACTOR.spend_link(tx, issued.link_token, NOW) is not None

    assert sum(await race(database, race_width, use)) == 1
    assert (await FACTOR.find_link(database, issued.link_token, NOW))[0] is LinkState.USED
    assert await database.transact(lambda tx: FACTOR.issue(tx, NOW, ATTEMPT, NOW + LINK_LIFETIME)) is None


async def test_another_is_asked_for_half_a_minute_later_by_one(database: Database, race_width: int) -> None:  # D18
    issued = await issue(database)
    soon, later = NOW + timedelta(seconds=29), NOW + timedelta(seconds=30)
    assert not await database.transact(lambda tx: FACTOR.expect_again(tx, soon, ATTEMPT))
    asked = await race(database, race_width, lambda tx, _number: FACTOR.expect_again(tx, later, ATTEMPT))
    assert sum(asked) == 1
    assert await is_right(database, issued.code), "the old one stays good until the new one is mailed"


async def test_nothing_of_a_code_is_kept_in_the_clear(database: Database) -> None:  # rule 10
    issued = await issue(database)
    row = (await database.list_rows("SELECT * FROM mailed_codes"))[0]
    assert issued.code.encode() not in bytes(row["code_mac"])
    assert issued.link_token.encode() not in bytes(row["link_hash"])


async def test_what_is_over_is_swept(database: Database) -> None:
    await issue(database)
    assert await database.transact(lambda tx: FACTOR.sweep(tx, NOW + LINK_LIFETIME)) == 0
    assert await database.transact(lambda tx: FACTOR.sweep(tx, NOW + LINK_LIFETIME + 2 * SECOND)) == 1


async def test_another_kind_of_answer_is_a_fault(database: Database) -> None:
    with pytest.raises(TypeError):
        await FACTOR.judge(database, SUBJECT, PasswordAnswer(password="x"), lambda: NOW)
