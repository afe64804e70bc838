"""What the decision says of an attempt that was handed over, and of a session whose password has expired."""

from datetime import timedelta

import pytest

from portico.accounts.model import AccountState
from portico.factors.proof import Proof, ProofKind
from portico.signin.attempt import Attempt, AttemptState, ClientKind, Demands, Mark, Purpose
from portico.signin.decide import next_step
from portico.signin.expiry.rules import UpdateDue, find_end, find_update_due, with_grace
from portico.signin.facts import ChangeReason, Facts, PasswordRule, Person, Policy
from portico.signin.steps import ChangePassword, Finished, Outcome, Prove, Refused
from tests.support.fact_corpus import Draw
from tests.support.generated_facts import CLASSES, NOW
from tests.support.properties import over, with_attempt


def handed_over(given_facts: Facts) -> Facts:
    """The facts of an attempt begun by a hand-off."""
    return with_attempt(given_facts, purpose=Purpose.UPDATE_PASSWORD, account_id="account", demands=Demands())


@over()
def test_a_hand_off_is_for_one_thing_only(facts: Facts) -> None:  # D26
    """What is missing is proven, the password changed, and that is all; it opens nothing."""
    facts = handed_over(facts)
    attempt, step = facts.attempt, next_step(facts)
    assert isinstance(step, Prove | ChangePassword | Finished | Refused)
    if isinstance(step, ChangePassword | Finished):
        assert any(proof.kind is ProofKind.PASSWORD for proof in attempt.proofs), "the present one, given on the page"
        assert facts.person is not None
        assert attempt.epoch == facts.person.epoch
    assert isinstance(step, Finished) <= (Mark.PASSWORD_CHANGED in attempt.marks)
    assert not isinstance(step, Finished) or step.outcome is Outcome.NOTHING


@over()
def test_it_begins_with_the_present_password_and_dies_with_its_epoch(facts: Facts, draw: Draw) -> None:
    """D26: whatever the app has proven; and before anything is proven here."""
    brought = [draw.proof(kind) for kind in (ProofKind.TOTP, ProofKind.EMAIL_CODE) if draw.chance(40)]
    fresh = with_attempt(handed_over(facts), proofs=tuple(brought), state=AttemptState.OPEN)
    step = next_step(fresh)
    if fresh.person is None:
        return
    is_dead = fresh.attempt.epoch != fresh.person.epoch or fresh.now >= fresh.attempt.expires_at
    assert isinstance(step, Refused if is_dead or fresh.blocked_until else Prove)
    assert not isinstance(step, Prove) or step.kinds == (ProofKind.PASSWORD,)


AGE, GRACE, MOMENT = timedelta(days=60), timedelta(hours=12), timedelta(microseconds=1)


def aged(age: timedelta, rule: PasswordRule | None = None, purpose: Purpose = Purpose.RENEW) -> Facts:
    """The facts of somebody who has proven a password of this age."""
    rule = rule or PasswordRule(max_age=AGE, max_age_asked_by=("North Clinic",))
    proof = Proof(kind=ProofKind.PASSWORD, classes=CLASSES[ProofKind.PASSWORD], at=NOW)
    attempt = Attempt(
        id="attempt",
        purpose=purpose,
        client_kind=ClientKind.NATIVE,
        holder_hash=b"",
        account_id="account",
        epoch=1,
        proofs=(proof,),
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
    )
    person = Person(state=AccountState.ACTIVE, epoch=1, password_set_at=NOW - age)
    return Facts(now=NOW, attempt=attempt, person=person, policy=Policy(password=rule))


def test_nothing_need_be_due_for_a_new_password() -> None:  # D8
    """A policy that was relaxed meanwhile takes the page from nobody."""
    for rule in (None, PasswordRule()):
        step = next_step(aged(timedelta(days=1), rule, Purpose.UPDATE_PASSWORD))
        assert step == ChangePassword(why=ChangeReason.WANTED)


@pytest.mark.parametrize(
    ("age", "is_due"),
    [(AGE - MOMENT, False), (AGE, True), (AGE + GRACE - MOMENT, True), (AGE + GRACE, False)],
)
def test_the_grace_is_to_the_microsecond(age: timedelta, is_due: bool) -> None:  # D8
    given_facts = aged(age)
    end = find_end(given_facts)
    assert end == NOW - age + AGE
    due = find_update_due(given_facts, GRACE)
    assert due == (
        UpdateDue(since=end, until=end + GRACE, organizations=("North Clinic",), every_days=60) if is_due else None
    )
    assert isinstance(next_step(given_facts), ChangePassword) == (age >= AGE), "what the person is asked stays so"
    assert isinstance(next_step(with_grace(given_facts, GRACE)), Finished) == (age < AGE + GRACE)
    assert find_update_due(given_facts, timedelta(0)) is None


def test_nothing_but_age_has_a_grace() -> None:  # D8
    asked = aged(AGE, PasswordRule(max_age=AGE, changed_since=NOW))
    step = next_step(with_grace(asked, GRACE))
    assert isinstance(step, ChangePassword)
    assert step.why is ChangeReason.ASKED
    without = aged(AGE, PasswordRule())
    assert with_grace(without, GRACE) is without


def test_who_came_in_without_the_password_has_none_to_expire() -> None:  # S101
    passkey = Proof(kind=ProofKind.PASSKEY, classes=CLASSES[ProofKind.PASSKEY], at=NOW)
    assert find_end(with_attempt(aged(AGE), proofs=(passkey,))) is None
    assert find_end(aged(AGE, PasswordRule())) is None
