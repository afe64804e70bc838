"""The properties of the decision: they hold for any facts, however unlikely.

There is one corpus of facts in each test process (``tests/support/fact_corpus``), drawn from a seed that is new in
every run. Each property is held against all of it (``tests/support/properties``), or against the families it is about;
where it compares two facts, the second is made from the first. A failure names the seed, the place in the corpus and
the facts, made as small as they go while they still fail; ``FACTS_SEED=<seed>`` draws the same again. That the corpus
comes to every step, every reason and every rule, and often, is a test of its own: otherwise the properties would hold
for want of cases. What is proven, set up and saved about second factors is in ``test_decide_second_factors.py``.
"""

from collections import Counter
from datetime import timedelta
from enum import StrEnum
from itertools import islice
from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

from portico.accounts.model import AccountState
from portico.factors.proof import ProofKind
from portico.signin.answers import Answer, is_fitting
from portico.signin.attempt import AttemptState, Demands, Mark, Purpose
from portico.signin.decide import OUTCOMES, next_step
from portico.signin.facts import ChangeReason, Facts, PasswordRule
from portico.signin.rules import RULES
from portico.signin.samples import SAMPLES
from portico.signin.second_factor.rules import RENEWAL_FRESH
from portico.signin.steps import (
    Announced,
    Announcement,
    ChangePassword,
    CreateAccount,
    Enrol,
    Finished,
    Outcome,
    Prove,
    ProveReason,
    Refused,
    RefusedReason,
    RemindPassword,
    SaveReason,
    SaveRecoveryCode,
    Step,
    VerifyEmail,
    VerifyReason,
)
from tests.support.fact_corpus import SEED, SEED_VARIABLE, Draw, Family, corpus, drawn
from tests.support.generated_facts import MAILED, NOW
from tests.support.oracle import assert_demands_are_met
from tests.support.properties import over, with_attempt

STEPS = get_args(Step)
OFTEN = 20
FITTING = tuple(family for family in Family if family is not Family.ANY)
"""Families of facts about attempts that are open and go on."""
PUT_OFF = frozenset({Mark.ANNOUNCED_PUT_OFF, Mark.REMINDER_PUT_OFF, Mark.TRUST_PUT_OFF, Mark.DEVICE_NAMED})
"""What leaves nothing to ask that somebody may also do later, or never."""


def test_the_corpus_comes_to_every_step_reason_and_rule_often() -> None:
    """Otherwise the properties below would hold for want of cases."""
    never = {RefusedReason.CONTINUED_ELSEWHERE}  # which is no business of the decision
    reasons = (ProveReason, SaveReason, ChangeReason, VerifyReason, Announcement, Outcome, RefusedReason)
    expected = {*STEPS, *RULES, *(reason for kind in reasons for reason in kind if reason not in never)}
    met: Counter[object] = Counter()
    for family in Family:
        for case in corpus(family):
            step = next_step(case.facts)
            met[type(step)] += 1
            met.update({value for value in map(step.__getattribute__, step.__struct_fields__) if _is_reason(value)})
            met[next((rule for rule in RULES if rule(case.facts)), None)] += 1
    rare = {str(each): met[each] for each in expected if met[each] < OFTEN}
    assert not rare, f"{SEED_VARIABLE}={SEED}: {rare}"


def _is_reason(value: object) -> bool:
    return isinstance(value, StrEnum)


def test_what_fails_is_told_small_and_can_be_drawn_again() -> None:
    """A property that does not hold says for which facts, without what has nothing to do with it."""

    @over(Family.PROVING)
    def nobody_has_an_app(facts: Facts) -> None:
        assert ProofKind.TOTP not in facts.enrolled

    with pytest.raises(AssertionError) as failure:
        nobody_has_an_app()
    told = str(failure.value)
    assert told.startswith(f"{SEED_VARIABLE}={SEED}, proving ")
    last = told.splitlines()[-1]
    assert last.startswith("for Facts(")
    assert "enrolled=(totp)" in last
    assert "person" not in last
    assert [case.facts for case in corpus(Family.PROVING)[:50]] == list(islice(drawn(Family.PROVING), 50))


@over()
def test_every_facts_value_gives_exactly_one_step(facts: Facts) -> None:
    step = next_step(facts)
    assert isinstance(step, STEPS)
    assert step == next_step(facts)


@over()
def test_finished_implies_that_every_demand_is_proven(facts: Facts) -> None:
    step = next_step(facts)
    if not isinstance(step, Finished):
        return
    attempt = facts.attempt
    assert attempt.proofs
    assert attempt.state is AttemptState.OPEN
    assert facts.person is not None
    assert facts.person.state is AccountState.ACTIVE
    assert attempt.epoch == facts.person.epoch
    goes_on = attempt.goes_on_with_session
    assert step == Finished(outcome=Outcome.STAMP_POLICY if goes_on else OUTCOMES[attempt.purpose])
    if attempt.purpose in (Purpose.RESET_PASSWORD, Purpose.UPDATE_PASSWORD):
        assert Mark.PASSWORD_CHANGED in attempt.marks
    elif attempt.purpose is not Purpose.STEP_UP:  # its session has met them
        assert_demands_are_met(facts)


@over()
def test_unknown_and_known_look_alike_until_a_first_proof(facts: Facts, draw: Draw) -> None:
    """D20: before a proof nothing about the person, nor that there is one, changes the step; passkeys or not.

    But for a hand-off: the app has shown who it is about.
    """
    purpose = facts.attempt.purpose
    purpose = Purpose.SIGN_IN if purpose is Purpose.UPDATE_PASSWORD else purpose
    before = with_attempt(facts, proofs=(), purpose=purpose)
    invited = facts.invited and replace(facts.invited, is_theirs=draw.chance(50), is_member=draw.chance(50))
    swapped = replace(
        before,
        person=draw.person() if draw.chance(70) else None,
        enrolled=draw.enrolled(),
        policy=draw.policy(),
        preferred=draw.one((None, ProofKind.TOTP, ProofKind.PASSKEY)),
        passkey_here=draw.chance(50),
        trust_rests=draw.chance(50),
        invited=invited,
    )
    assert next_step(before) == next_step(swapped)


@over()
def test_a_new_password_is_never_asked_before_the_proofs(facts: Facts) -> None:
    step = next_step(facts)
    if not isinstance(step, ChangePassword):
        return
    assert facts.attempt.proofs
    if facts.attempt.purpose not in (Purpose.RESET_PASSWORD, Purpose.STEP_UP):
        assert_demands_are_met(facts)


@over()
def test_no_account_is_made_before_the_mailbox_is_confirmed(facts: Facts) -> None:  # S53
    """Architecture rule 11: whoever signs up is asked for the code, then for the rest, and only then let in."""
    signing_up = replace(with_attempt(facts, purpose=Purpose.SIGN_UP), invited=None)
    attempt, step = signing_up.attempt, next_step(signing_up)
    is_confirmed = any(proof.kind in MAILED for proof in attempt.proofs)
    if isinstance(step, CreateAccount | Finished):
        assert is_confirmed
    if isinstance(step, Finished):
        assert Mark.ACCOUNT_CREATED in attempt.marks
    if isinstance(step, VerifyEmail):
        assert not is_confirmed
    elsewhere = next_step(replace(with_attempt(facts, purpose=Purpose.SIGN_IN), invited=None))
    assert not isinstance(elsewhere, CreateAccount)
    assert not isinstance(elsewhere, VerifyEmail) or elsewhere.why is VerifyReason.ENROL


@over()
def test_a_taken_address_looks_like_a_free_one(facts: Facts, draw: Draw) -> None:  # D6
    """Until the mailbox is confirmed nothing about its owner changes what whoever signs up is shown."""
    before = with_attempt(facts, purpose=Purpose.SIGN_UP, proofs=())
    other = draw.person() if draw.chance(70) else None
    assert next_step(before) == next_step(replace(before, person=other))


@over()
def test_a_reset_asks_for_the_mailed_link_first(facts: Facts) -> None:
    """D7: without the link there is nothing else a reset could be shown."""
    fresh = with_attempt(facts, purpose=Purpose.RESET_PASSWORD, proofs=(), demands=Demands(), state=AttemptState.OPEN)
    step = next_step(fresh)
    assert isinstance(step, Refused) or step == Prove(kinds=(ProofKind.MAILED_LINK,), why=ProveReason.FIRST)


@over()
def test_a_good_proof_never_moves_the_flow_back(facts: Facts, draw: Draw) -> None:
    """Answering the step with a fresh proof leads to the same place in the order of rules, or further.

    Except that whoever comes to an invitation somebody has accepted is told so once they have said who they are, and
    that a second factor brings the recovery code that goes with it.
    """
    step, person = next_step(facts), facts.person
    is_taken = facts.invited is not None and facts.invited.invitation.accepted_at is not None
    if not isinstance(step, Prove) or person is None or is_taken:
        return
    for kind in step.kinds:
        proof = replace(draw.proof(kind), at=NOW)
        proofs = (*facts.attempt.proofs, proof)
        proven = with_attempt(facts, proofs=proofs, epoch=person.epoch, account_id="account")
        then = next_step(proven)
        assert _place(then, proven) >= _place(step, facts) or isinstance(then, SaveRecoveryCode), f"after {kind}"


def _place(step: Step, facts: Facts) -> int:
    """How far down the rules a step stands."""
    for place, rule in enumerate(RULES):
        if rule(facts) == step:
            return place
    return len(RULES)


@over()
def test_tightening_policy_never_turns_a_demand_into_finished(facts: Facts, draw: Draw) -> None:
    """What is offered or only announced may go: a device that would no longer do, say. Nobody has to take it."""
    policy, facts = facts.policy, with_attempt(facts, marks=facts.attempt.marks | PUT_OFF)
    demand = draw.demand(email_code=policy.email_code)
    tighter = replace(facts, policy=replace(policy, demands=(*policy.demands, demand)))
    if not isinstance(next_step(facts), Finished):
        assert not isinstance(next_step(tighter), Finished)


@over()
def test_without_interaction_the_result_is_finished_or_refused(facts: Facts) -> None:
    """What could be put off or left out holds nobody up who cannot be asked: no news, no reminder, no device."""
    quiet = with_attempt(facts, demands=replace(facts.attempt.demands, interaction=False))
    assert isinstance(next_step(quiet), Finished | Refused)
    marks = (facts.attempt.marks - {Mark.ANNOUNCED_TAKEN}) | PUT_OFF  # asked, it may be put off
    loud = with_attempt(facts, demands=replace(facts.attempt.demands, interaction=True), marks=marks)
    assert isinstance(next_step(quiet), Finished) == isinstance(next_step(loud), Finished)


@over(*FITTING)
def test_a_stricter_password_rule_never_lets_anybody_further(facts: Facts, draw: Draw) -> None:  # D9
    facts = with_attempt(facts, marks=facts.attempt.marks | PUT_OFF)  # what is due anyway is announced no more
    own, rule = facts.policy.password, draw.password_rule()
    ages = [age for age in (own.max_age, rule.max_age) if age is not None]
    sinces = [since for since in (own.changed_since, rule.changed_since) if since is not None]
    within = [span for span in (own.remind_within, rule.remind_within) if span is not None]
    tighter = PasswordRule(
        max_age=min(ages, default=None),
        changed_since=max(sinces, default=None),
        remind_within=max(within, default=None),
    )
    if not isinstance(next_step(facts), Finished):
        stricter = replace(facts, policy=replace(facts.policy, password=tighter))
        assert not isinstance(next_step(stricter), Finished)


@over(Family.ANNOUNCING)
def test_what_is_announced_can_always_be_put_off(facts: Facts) -> None:  # D10
    """Put off, it changes nothing of what is demanded; once its day has come, it is demanded."""
    step, announced = next_step(facts), facts.policy.announced
    later = with_attempt(facts, marks=facts.attempt.marks | {Mark.ANNOUNCED_PUT_OFF})
    plain = replace(facts, policy=replace(facts.policy, announced=None))
    assert next_step(later) == next_step(plain)
    if not isinstance(step, Announced) or announced is None or facts.person is None:
        return
    assert isinstance(next_step(later), Finished | RemindPassword) or _is_soon(next_step(later))
    assert step.organizations
    assert step.enforced_from == facts.policy.announced_from
    now = with_attempt(facts, marks=facts.attempt.marks | {Mark.ANNOUNCED_TAKEN})
    assert isinstance(next_step(now), ChangePassword | Prove | Enrol | VerifyEmail)
    then = replace(facts, now=step.enforced_from, policy=announced)
    alive = with_attempt(then, expires_at=step.enforced_from + timedelta(minutes=1), demands=Demands())
    assert not isinstance(next_step(alive), Finished), "from then on it is demanded"
    if step.what is not Announcement.CHANGE_PASSWORD:
        return
    today = replace(facts.person, password_set_at=NOW, must_change_password=None)
    marks = now.attempt.marks | {Mark.PASSWORD_CHANGED}
    done = next_step(with_attempt(replace(now, person=today), marks=marks))
    assert isinstance(done, Finished | RemindPassword) or _is_soon(done)
    on_the_day = next_step(replace(alive, person=today))
    assert not isinstance(on_the_day, ChangePassword) or _is_soon(on_the_day), "who did it before is asked no more"


def _is_soon(step: Step) -> bool:
    """Whether a password is changed only because it expires soon, which its owner has chosen to do."""
    return isinstance(step, ChangePassword) and step.why is ChangeReason.EXPIRES_SOON


@over(*FITTING)
def test_an_open_session_changes_its_password_only_after_a_proof_from_now(facts: Facts) -> None:
    renewing = with_attempt(facts, purpose=Purpose.RENEW)
    if isinstance(next_step(renewing), ChangePassword):
        fresh = [proof for proof in renewing.attempt.proofs if proof.kind is ProofKind.PASSWORD]
        assert any(proof.at >= renewing.attempt.created_at - RENEWAL_FRESH for proof in fresh)


@over()
def test_an_attempt_of_another_epoch_is_over(facts: Facts, draw: Draw) -> None:
    """D22: what was proven before everything ended proves nothing now."""
    person = facts.person or draw.person()
    proven = (*facts.attempt.proofs, draw.proof())
    stale = with_attempt(replace(facts, person=person), epoch=person.epoch + 1, proofs=proven)
    assert next_step(stale) == Refused(reason=RefusedReason.ATTEMPT_OVER)


@over()
def test_a_blocked_attempt_shows_until_when(facts: Facts) -> None:
    """D20: whoever is blocked is shown nothing else, known or not."""
    blocked = replace(facts, blocked_until=facts.now + timedelta(minutes=1))
    step = next_step(with_attempt(blocked, proofs=(), state=AttemptState.OPEN))
    assert isinstance(step, Refused)
    assert step.reason in {RefusedReason.TOO_MANY_TRIES, RefusedReason.ATTEMPT_OVER}


def test_there_is_a_sample_of_every_step_and_reason() -> None:
    assert {type(sample) for sample in SAMPLES} == set(STEPS)
    assert {sample.reason for sample in SAMPLES if isinstance(sample, Refused)} == set(RefusedReason)


def test_samples_survive_the_wire() -> None:
    """The JSON contract: a step is a union tagged on ``step``."""
    for sample in SAMPLES:
        wire = msgspec.json.encode(sample)
        assert msgspec.json.decode(wire, type=Step) == sample


def test_an_answer_of_every_kind_knows_its_step() -> None:
    answers = get_args(Answer)
    assert all(not is_fitting(msgspec.convert(_sample_answer(kind), kind), SAMPLES[-1]) for kind in answers)


def _sample_answer(kind: type) -> dict[str, object]:
    """Something of every field an answer has."""
    filled: dict[str, object] = {"answer": kind.__struct_config__.tag}  # type: ignore[attr-defined]
    for field in msgspec.structs.fields(kind):
        is_nested = getattr(field.type, "__origin__", None) is dict
        filled[field.name] = {} if is_nested else field.type is bool or "x"
    return filled
