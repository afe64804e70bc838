"""The reminder at sign-in: after everything else, never in anybody's way, and never about what is over (S88)."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from portico.factors.proof import Proof, ProofKind
from portico.signin.answers import AnnouncementAnswer, ReminderAnswer, is_fitting
from portico.signin.attempt import Demands, Mark, Purpose
from portico.signin.decide import next_step
from portico.signin.facts import ChangeReason, Facts
from portico.signin.rules import find_reminder
from portico.signin.samples import SAMPLES
from portico.signin.steps import ChangePassword, Finished, RemindPassword, Step
from tests.support.fact_corpus import Family
from tests.support.generated_facts import CLASSES, NOW
from tests.support.properties import over


def step_of(facts: Facts, **attempt: object) -> Step:
    """What comes next if the attempt were so."""
    return next_step(replace(facts, attempt=replace(facts.attempt, **attempt)))


@over(Family.REMINDING)
def test_it_comes_last_and_may_be_put_off(facts: Facts) -> None:  # S88
    step = next_step(facts)
    assert isinstance(step, RemindPassword)
    assert facts.person is not None
    assert facts.person.password_set_at is not None
    assert step.expires_at - facts.person.password_set_at == timedelta(days=step.every_days)
    assert timedelta(days=step.days - 1) < step.expires_at - NOW <= timedelta(days=step.days)
    assert step.organizations == ("North Clinic",)
    assert isinstance(step_of(facts, marks=frozenset({Mark.REMINDER_PUT_OFF})), Finished)
    assert isinstance(next_step(replace(facts, reminder_rests=True)), Finished)


@over(Family.REMINDING)
def test_who_takes_it_chooses_a_new_password(facts: Facts) -> None:  # S88
    taken = step_of(facts, marks=frozenset({Mark.REMINDER_TAKEN}))
    assert isinstance(taken, ChangePassword)
    assert taken.why is ChangeReason.EXPIRES_SOON
    assert taken.organizations == ("North Clinic",)
    assert facts.person is not None
    changed = replace(facts, person=replace(facts.person, password_set_at=NOW))
    rule = replace(facts.policy.password, max_age=timedelta(days=91))
    assert isinstance(next_step(replace(changed, policy=replace(facts.policy, password=rule))), Finished)


@over(Family.REMINDING)
def test_it_is_shown_at_sign_in_only(facts: Facts) -> None:  # S88
    """A session that goes on is told by its refresh; whoever cannot be asked is not; who used no password neither."""
    for purpose in (Purpose.STEP_UP, Purpose.RENEW):
        assert isinstance(step_of(facts, purpose=purpose), Finished)
    assert find_reminder(facts) is not None, "what a refresh mentions"
    assert isinstance(step_of(facts, demands=Demands(interaction=False)), Finished)
    link = Proof(kind=ProofKind.PASSKEY, classes=CLASSES[ProofKind.PASSKEY], at=NOW)
    assert isinstance(step_of(facts, proofs=(link,)), Finished)


@over(Family.REMINDING)
def test_what_has_expired_is_no_reminder(facts: Facts) -> None:  # S86
    step = next_step(facts)
    assert isinstance(step, RemindPassword)
    last = step.expires_at - timedelta(microseconds=1)
    alive = replace(facts, attempt=replace(facts.attempt, expires_at=step.expires_at + timedelta(days=1)))
    assert isinstance(next_step(replace(alive, now=last)), RemindPassword)
    over = next_step(replace(alive, now=step.expires_at))
    assert isinstance(over, ChangePassword)
    assert over.why is ChangeReason.EXPIRED


@over(Family.REMINDING)
def test_nobody_is_reminded_who_is_not_to_be(facts: Facts) -> None:
    rule = replace(facts.policy.password, remind_within=None)
    assert isinstance(next_step(replace(facts, policy=replace(facts.policy, password=rule))), Finished)
    assert facts.person is not None
    without = replace(facts, person=replace(facts.person, password_set_at=None))
    assert find_reminder(without) is None  # S101


@pytest.mark.parametrize("step", SAMPLES)
def test_its_answer_fits_no_other_step(step: Step) -> None:
    assert is_fitting(ReminderAnswer(now=True), step) == isinstance(step, RemindPassword)
    assert not (is_fitting(AnnouncementAnswer(now=True), step) and isinstance(step, RemindPassword))
