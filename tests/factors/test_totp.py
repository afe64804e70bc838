"""The authenticator app factor: RFC 6238's own table, another program's codes, drift, and every step good once."""

import subprocess
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.database.engine import Database, Transaction
from portico.factors.contract import Judgement, PasswordAnswer, Subject, TotpAnswer
from portico.factors.proof import Failure, ProofClass, ProofKind
from portico.factors.totp import PERIOD, TotpFactor, code_at, draw_secret, key_of, match, step_at, uri_of
from portico.kernel.chance import SystemChance
from portico.kernel.sealing import SealingKeys
from tests.support.racing import race
from tests.support.rows import NOW, add_account

OLD_KEY, NEW_KEY = bytes(32), bytes([1]) * 32
FACTOR = TotpFactor(SealingKeys((OLD_KEY,)), SystemChance())
SECRET = b"12345678901234567890"
"""The secret of RFC 6238's table."""
ACCOUNT = "account-nora"
SUBJECT = Subject(ACCOUNT)
TABLE = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037",
         20000000000: "353130"}  # fmt: skip
"""RFC 6238 appendix B, SHA-1; the last six of its eight digits are the code of six (RFC 4226 section 5.3)."""
instants = st.integers(min_value=10_000, max_value=4_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))


async def enrol(database: Database, secret: bytes = SECRET, now: datetime = NOW) -> str | None:
    """An account whose app is set up, a code of ten minutes ago being proven."""
    before = step_at(now) - 20
    return await database.transact(lambda tx: FACTOR.enrol(tx, now, ACCOUNT, secret, before))


async def judge(database: Database, code: str, now: datetime = NOW, factor: TotpFactor = FACTOR) -> Judgement:
    """What the factor says to a typed code."""
    judgement = await factor.judge(database, SUBJECT, TotpAnswer(code=code), lambda: now)
    assert (judgement.proof is None) != (judgement.failure is None)
    return judgement


async def is_accepted(database: Database, code: str, now: datetime = NOW) -> bool:
    """Whether a typed code is taken, and used up by that."""
    judgement = await judge(database, code, now)
    if judgement.proof is None:
        return False
    return await database.transact(lambda tx: FACTOR.settle(tx, judgement, now))


@pytest.mark.parametrize(("seconds", "code"), TABLE.items())
def test_the_codes_are_those_of_the_standard(seconds: int, code: str) -> None:  # D13
    assert code_at(SECRET, datetime.fromtimestamp(seconds, UTC)) == code


@pytest.mark.parametrize("seconds", [0, 59, 1_700_000_000, 1_767_225_599, 4_000_000_000])
def test_another_program_makes_the_same_codes(seconds: int) -> None:  # S47
    secret = draw_secret(SystemChance())
    at = datetime.fromtimestamp(seconds, UTC)
    call = ["oathtool", "--totp", "--base32", f"--now={at:%Y-%m-%d %H:%M:%S UTC}", key_of(secret)]
    made = subprocess.run(call, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == code_at(secret, at)


def test_a_secret_has_160_bits_and_a_key_of_32_characters() -> None:  # S56
    secret = draw_secret(SystemChance())
    assert len(secret) == 20
    assert len(key_of(secret)) == 32
    assert set(key_of(secret)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def test_what_is_scanned_says_everything_an_app_needs() -> None:  # S54
    uri = uri_of(SECRET, address="nora+x@north-clinic.example", brand="Harbour & Co")
    parsed = pyotp.parse_uri(uri)
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.name, parsed.issuer) == ("nora+x@north-clinic.example", "Harbour & Co")
    assert (parsed.secret, parsed.digits, parsed.interval) == (key_of(SECRET), 6, PERIOD)


@given(st.binary(min_size=20, max_size=20), instants, st.integers(min_value=-12, max_value=12))
def test_one_step_of_drift_is_taken_and_a_clock_that_is_off_is_recognised(
    secret: bytes, now: datetime, off: int
) -> None:  # D13
    found = match(secret, code_at(secret, now + timedelta(seconds=off * PERIOD)), now)
    if abs(off) <= 1:
        assert isinstance(found, int)  # two steps may share a code, so not always this one
        return
    if isinstance(found, Failure):
        codes = {code_at(secret, now + timedelta(seconds=step * PERIOD)) for step in range(-10, 11)}
        is_known = code_at(secret, now + timedelta(seconds=off * PERIOD)) in codes
        assert found.code.startswith("totp.clock_") == is_known
    else:
        assert abs(found - step_at(now)) <= 1


def test_the_direction_and_the_minutes_of_a_wrong_clock_are_told() -> None:  # D13
    behind = match(SECRET, code_at(SECRET, NOW - timedelta(minutes=4)), NOW)
    ahead = match(SECRET, code_at(SECRET, NOW + timedelta(seconds=60)), NOW)
    assert behind == Failure(code="totp.clock_behind", params={"count": 4}, field="code")
    assert ahead == Failure(code="totp.clock_ahead", params={"count": 1}, field="code")


@pytest.mark.parametrize("spelling", ["{a}{b}", " {a} {b} ", "{a}\u00a0{b}", "\t{a}\n{b}"])
async def test_spaces_do_not_count(database: Database, spelling: str) -> None:  # D13
    await add_account(database)
    await enrol(database)
    code = code_at(SECRET, NOW)
    judgement = await judge(database, spelling.format(a=code[:3], b=code[3:]))
    assert judgement.proof is not None
    assert judgement.proof.kind is ProofKind.TOTP
    assert judgement.proof.classes == {ProofClass.HAVE}
    assert not judgement.proof.through_mailbox


@pytest.mark.parametrize("typed", ["", "0", "0" * 64, "\ud800", "\0", "\u0661" * 6, "12345", "1234567", "+12345"])
async def test_what_is_no_code_is_wrong(database: Database, typed: str) -> None:
    await add_account(database)
    await enrol(database)
    assert not await is_accepted(database, typed)


async def test_without_an_app_nothing_is_right(database: Database) -> None:
    assert not await is_accepted(database, code_at(SECRET, NOW))


async def test_a_step_is_accepted_once_and_none_before_it_later(database: Database) -> None:  # D13
    await add_account(database)
    await enrol(database)
    before, present, after = (code_at(SECRET, NOW + timedelta(seconds=off)) for off in (-PERIOD, 0, PERIOD))
    assert await is_accepted(database, present)
    assert not await is_accepted(database, present)
    assert not await is_accepted(database, before)
    assert (await judge(database, present)).failure == Failure(code="totp.used", field="code")
    assert await is_accepted(database, after)
    assert not await is_accepted(database, after)


async def test_of_a_hundred_who_bring_one_code_one_is_let_in(database: Database) -> None:  # D13
    await add_account(database)
    await enrol(database)
    judgement = await judge(database, code_at(SECRET, NOW))
    taken = await race(database, 100, lambda tx, _: FACTOR.settle(tx, judgement, NOW))
    assert taken.count(True) == 1


async def test_a_second_app_is_refused_and_the_first_one_stays(database: Database) -> None:
    await add_account(database)
    assert await enrol(database) is not None
    assert await enrol(database, draw_secret(SystemChance())) is None
    assert await is_accepted(database, code_at(SECRET, NOW))


async def test_the_code_that_was_proven_at_the_set_up_is_used(database: Database) -> None:
    await add_account(database)
    await database.transact(lambda tx: FACTOR.enrol(tx, NOW, ACCOUNT, SECRET, step_at(NOW)))
    assert (await judge(database, code_at(SECRET, NOW))).failure == Failure(code="totp.used", field="code")


async def test_the_secret_lies_sealed_and_the_keys_can_be_rotated(database: Database) -> None:  # D13
    await add_account(database)
    await enrol(database)
    row = await database.find_row("SELECT secret FROM credentials WHERE kind = 'totp'")
    assert row is not None
    assert SECRET not in bytes(row["secret"])
    assert key_of(SECRET).encode() not in bytes(row["secret"])
    rotated = TotpFactor(SealingKeys((NEW_KEY, OLD_KEY)), SystemChance())
    assert (await judge(database, code_at(SECRET, NOW), factor=rotated)).proof is not None
    lost = TotpFactor(SealingKeys((NEW_KEY,)), SystemChance())
    assert (await judge(database, code_at(SECRET, NOW), factor=lost)).failure is not None


async def test_a_sealed_secret_is_worthless_in_another_account(database: Database) -> None:
    await add_account(database)
    await add_account(database, "other")
    await enrol(database)

    async def steal(tx: Transaction) -> None:
        await tx.execute("UPDATE credentials SET account_id = 'account-other' WHERE kind = 'totp'")

    await database.transact(steal)
    answer = TotpAnswer(code=code_at(SECRET, NOW))
    judgement = await FACTOR.judge(database, Subject("account-other"), answer, lambda: NOW)
    assert judgement.proof is None


async def test_after_its_removal_a_code_judged_before_counts_no_more(database: Database) -> None:
    await add_account(database)
    await enrol(database)
    judgement = await judge(database, code_at(SECRET, NOW))
    assert await database.transact(lambda tx: FACTOR.remove(tx, ACCOUNT))
    assert not await database.transact(lambda tx: FACTOR.settle(tx, judgement, NOW))
    assert not await database.transact(lambda tx: FACTOR.remove(tx, ACCOUNT))


async def test_another_kind_of_answer_is_a_mistake_of_ours(database: Database) -> None:
    with pytest.raises(TypeError):
        await FACTOR.judge(database, SUBJECT, PasswordAnswer(password="x"), lambda: NOW)
