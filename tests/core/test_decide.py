"""The properties of the decision: they hold for any facts, however unlikely."""

from datetime import timedelta
from typing import get_args

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from portico.factors.proof import Proof, ProofClass, ProofKind, proven_classes
from portico.signin.answers import Answer, is_fitting
from portico.signin.attempt import AttemptState, Demands, Mark, Purpose
from portico.signin.decide import OUTCOMES, next_step
from portico.signin.facts import ChangeReason, Demand, Facts, PasswordRule, Person
from portico.signin.rules import RENEWAL_FRESH, RULES
from portico.signin.samples import SAMPLES
from portico.signin.steps import (
    Announced,
    Announcement,
    ChangePassword,
    CreateAccount,
    Enrol,
    Finished,
    Prove,
    ProveReason,
    Refused,
    RefusedReason,
    RemindPassword,
    SaveRecoveryCode,
    Step,
    VerifyEmail,
    VerifyReason,
)
from tests.support.generated_facts import (
    CLASSES,
    NOW,
    announcing_facts,
    demanding_facts,
    demands,
    facts,
    live_facts,
    password_rules,
    people,
    proofs,
    reminding_facts,
)

replace = msgspec.structs.replace
STEPS = get_args(Step)
ANY_CASE = settings(phases=[Phase.generate])
"""That there is a case is enough; it need not be the simplest."""
MAILBOX = {ProofKind.EMAIL_CODE, ProofKind.MAILED_LINK}


def with_attempt(given_facts: Facts, **changes: object) -> Facts:
    """The same facts with a changed attempt."""
    return replace(given_facts, attempt=replace(given_facts.attempt, **changes))


@pytest.mark.parametrize("kind", STEPS)
def test_the_generated_facts_reach_every_step(kind: type) -> None:
    """Otherwise the properties below would hold for want of cases."""
    find(
        live_facts | announcing_facts | demanding_facts | reminding_facts,
        lambda given_facts: isinstance(next_step(given_facts), kind),
        settings=ANY_CASE,
    )


@given(facts | live_facts | demanding_facts)
def test_every_facts_value_gives_exactly_one_step(given_facts: Facts) -> None:
    step = next_step(given_facts)
    assert isinstance(step, STEPS)
    assert step == next_step(given_facts)


@given(facts | live_facts | demanding_facts)
def test_finished_implies_that_every_demand_is_proven(given_facts: Facts) -> None:
    step = next_step(given_facts)
    if not isinstance(step, Finished):
        return
    attempt = given_facts.attempt
    assert attempt.proofs
    assert attempt.state is AttemptState.OPEN
    assert given_facts.person is not None
    assert attempt.epoch == given_facts.person.epoch
    assert step == Finished(outcome=OUTCOMES[attempt.purpose])
    if attempt.purpose in (Purpose.RESET_PASSWORD, Purpose.UPDATE_PASSWORD):
        assert Mark.PASSWORD_CHANGED in attempt.marks
    elif attempt.purpose is not Purpose.STEP_UP:  # its session has met them
        _assert_demands_are_met(given_facts)


def _assert_demands_are_met(given_facts: Facts) -> None:
    for demand in given_facts.policy.demands:
        assert _best_count(given_facts, demand) >= demand.classes


def _best_count(given_facts: Facts, demand: Demand) -> int:
    """The classes a demand may count, found the slow way: any one proof, plus those of kinds it counts.

    A recovery code or a mailed code counts for nobody who has not enrolled what it stands in for (D7).
    """
    given_proofs = given_facts.attempt.proofs
    counted = set(demand.kinds)
    if any(kind in demand.kinds for kind in given_facts.enrolled):
        counted |= demand.stand_ins
    return max(
        (
            len(proven_classes([first, *(proof for proof in given_proofs if proof.kind in counted)]))
            for first in given_proofs
        ),
        default=0,
    )


@given(st.lists(proofs(), max_size=5))
def test_nothing_counts_twice(given_proofs: list[Proof]) -> None:
    """D7: doubling proofs adds nothing, and one mailbox is one proof however often it was used."""
    classes = proven_classes(given_proofs)
    assert proven_classes(given_proofs * 2) == classes
    own = frozenset[ProofClass]().union(*(proof.classes for proof in given_proofs if not proof.through_mailbox))
    assert len(classes) <= len(own) + 1 or any(len(p.classes) > 1 for p in given_proofs if p.through_mailbox)


def test_a_mailed_password_and_a_mailed_code_are_one_class() -> None:
    """D7: who holds the mailbox holds both."""
    marked = Proof(kind=ProofKind.PASSWORD, classes=CLASSES[ProofKind.PASSWORD], at=NOW, through_mailbox=True)
    code = Proof(kind=ProofKind.EMAIL_CODE, classes=CLASSES[ProofKind.EMAIL_CODE], at=NOW, through_mailbox=True)
    totp = Proof(kind=ProofKind.TOTP, classes=CLASSES[ProofKind.TOTP], at=NOW)
    unmarked = replace(marked, through_mailbox=False)
    assert len(proven_classes([marked, code])) == 1
    assert len(proven_classes([marked, totp])) == 2
    assert len(proven_classes([unmarked, code])) == 2


@given(facts | live_facts, st.none() | people, st.lists(st.sampled_from(ProofKind), unique=True).map(tuple))
def test_unknown_and_known_look_alike_until_a_first_proof(
    given_facts: Facts, other: object, enrolled: tuple[ProofKind, ...]
) -> None:
    """D20: before a proof nothing about the person, nor that there is one, changes the step.

    But for a hand-off: the app has shown who it is about.
    """
    purpose = given_facts.attempt.purpose
    before = with_attempt(
        given_facts, proofs=(), purpose=Purpose.SIGN_IN if purpose is Purpose.UPDATE_PASSWORD else purpose
    )
    swapped = replace(before, person=other, enrolled=enrolled)
    assert next_step(before) == next_step(swapped)


@given(facts | live_facts)
def test_a_new_password_is_never_asked_before_the_proofs(given_facts: Facts) -> None:
    step = next_step(given_facts)
    if not isinstance(step, ChangePassword):
        return
    attempt = given_facts.attempt
    assert attempt.proofs
    if attempt.purpose not in (Purpose.RESET_PASSWORD, Purpose.STEP_UP):
        _assert_demands_are_met(given_facts)


@given(facts | live_facts)
def test_no_account_is_made_before_the_mailbox_is_confirmed(given_facts: Facts) -> None:  # S53
    """Architecture rule 11: whoever signs up is asked for the code, then for the rest, and only then let in."""
    signing_up = with_attempt(given_facts, purpose=Purpose.SIGN_UP)
    attempt, step = signing_up.attempt, next_step(signing_up)
    is_confirmed = any(proof.kind in MAILBOX for proof in attempt.proofs)
    if isinstance(step, CreateAccount | Finished):
        assert is_confirmed
    if isinstance(step, Finished):
        assert Mark.ACCOUNT_CREATED in attempt.marks
    if isinstance(step, VerifyEmail):
        assert not is_confirmed
    elsewhere = next_step(with_attempt(given_facts, purpose=Purpose.SIGN_IN))
    assert not isinstance(elsewhere, CreateAccount)
    assert not isinstance(elsewhere, VerifyEmail) or elsewhere.why is VerifyReason.ENROL


@given(facts | live_facts, st.none() | people)
def test_a_taken_address_looks_like_a_free_one(given_facts: Facts, other: object) -> None:  # D6
    """Until the mailbox is confirmed nothing about its owner changes what whoever signs up is shown."""
    before = with_attempt(given_facts, purpose=Purpose.SIGN_UP, proofs=())
    assert next_step(before) == next_step(replace(before, person=other))


@given(facts)
def test_a_reset_asks_for_the_mailed_link_first(given_facts: Facts) -> None:
    """D7: without the link there is nothing else a reset could be shown."""
    fresh = with_attempt(
        given_facts, purpose=Purpose.RESET_PASSWORD, proofs=(), demands=Demands(), state=AttemptState.OPEN
    )
    step = next_step(fresh)
    assert isinstance(step, Refused) or step == Prove(kinds=(ProofKind.MAILED_LINK,), why=ProveReason.FIRST)


@given(facts | live_facts | demanding_facts)
def test_a_good_proof_never_moves_the_flow_back(given_facts: Facts) -> None:
    """Answering the step with a fresh proof leads to the same place in the order of rules, or further."""
    step = next_step(given_facts)
    if not isinstance(step, Prove) or given_facts.person is None:
        return
    for kind in step.kinds:
        proof = Proof(kind=kind, classes=CLASSES[kind], at=NOW)
        person = given_facts.person
        assert person is not None
        proven = with_attempt(
            given_facts, proofs=(*given_facts.attempt.proofs, proof), epoch=person.epoch, account_id="account"
        )
        assert _place(next_step(proven), proven) >= _place(step, given_facts)


def _place(step: Step, given_facts: Facts) -> int:
    """How far down the rules a step stands."""
    for place, rule in enumerate(RULES):
        if rule(given_facts) == step:
            return place
    return len(RULES)


@given(facts | live_facts | demanding_facts, demands)
def test_tightening_policy_never_turns_a_demand_into_finished(given_facts: Facts, demand: Demand) -> None:
    step = next_step(given_facts)
    tighter = replace(given_facts, policy=replace(given_facts.policy, demands=(*given_facts.policy.demands, demand)))
    if not isinstance(step, Finished):
        assert not isinstance(next_step(tighter), Finished)


@given(facts | announcing_facts)
def test_without_interaction_the_result_is_finished_or_refused(given_facts: Facts) -> None:
    quiet = with_attempt(given_facts, demands=replace(given_facts.attempt.demands, interaction=False))
    assert isinstance(next_step(quiet), Finished | Refused)
    put_off = {Mark.ANNOUNCED_PUT_OFF, Mark.REMINDER_PUT_OFF}  # asked, it may be put off
    marks = (given_facts.attempt.marks - {Mark.ANNOUNCED_TAKEN}) | put_off
    loud = with_attempt(given_facts, demands=replace(given_facts.attempt.demands, interaction=True), marks=marks)
    assert isinstance(next_step(quiet), Finished) == isinstance(next_step(loud), Finished)


@given(live_facts, password_rules)
def test_a_stricter_password_rule_never_lets_anybody_further(given_facts: Facts, rule: PasswordRule) -> None:  # D9
    own = given_facts.policy.password
    ages = [age for age in (own.max_age, rule.max_age) if age is not None]
    sinces = [since for since in (own.changed_since, rule.changed_since) if since is not None]
    within = [span for span in (own.remind_within, rule.remind_within) if span is not None]
    tighter = PasswordRule(
        max_age=min(ages, default=None),
        changed_since=max(sinces, default=None),
        remind_within=max(within, default=None),
    )
    if not isinstance(next_step(given_facts), Finished):
        stricter = replace(given_facts, policy=replace(given_facts.policy, password=tighter))
        assert not isinstance(next_step(stricter), Finished)


@given(announcing_facts)
def test_what_is_announced_can_always_be_put_off(given_facts: Facts) -> None:  # D10
    """Put off, it changes nothing of what is demanded; once its day has come, it is demanded."""
    step = next_step(given_facts)
    later = with_attempt(given_facts, marks=given_facts.attempt.marks | {Mark.ANNOUNCED_PUT_OFF})
    plain = replace(given_facts, policy=replace(given_facts.policy, announced=None))
    assert next_step(later) == next_step(plain)
    if not isinstance(step, Announced):
        return
    assert isinstance(next_step(later), Finished | RemindPassword) or _is_soon(next_step(later))
    assert step.organizations
    assert step.enforced_from == given_facts.policy.announced_from
    now = with_attempt(given_facts, marks=given_facts.attempt.marks | {Mark.ANNOUNCED_TAKEN})
    assert isinstance(next_step(now), ChangePassword | Prove | Enrol | VerifyEmail)
    assert given_facts.policy.announced is not None
    then = replace(given_facts, now=step.enforced_from, policy=given_facts.policy.announced)
    alive = with_attempt(then, expires_at=step.enforced_from + timedelta(minutes=1), demands=Demands())
    assert not isinstance(next_step(alive), Finished), "from then on it is demanded"
    if step.what is not Announcement.CHANGE_PASSWORD:
        return
    assert given_facts.person is not None
    today = replace(given_facts.person, password_set_at=NOW, must_change_password=None)
    marks = now.attempt.marks | {Mark.PASSWORD_CHANGED}
    done = next_step(with_attempt(replace(now, person=today), marks=marks))
    assert isinstance(done, Finished | RemindPassword) or _is_soon(done)
    on_the_day = next_step(replace(alive, person=today))
    assert not isinstance(on_the_day, ChangePassword) or _is_soon(on_the_day), "who did it before is asked no more"


def _is_soon(step: Step) -> bool:
    """Whether a password is changed only because it expires soon, which its owner has chosen to do."""
    return isinstance(step, ChangePassword) and step.why is ChangeReason.EXPIRES_SOON


@given(live_facts | demanding_facts)
def test_nothing_is_set_up_before_the_proofs_it_takes(given_facts: Facts) -> None:  # D12
    """Neither a stolen password nor an open session is enough: the mailbox comes first, and the password from now."""
    step, attempt = next_step(given_facts), given_facts.attempt
    if not isinstance(step, Enrol):
        return
    assert attempt.proofs
    assert attempt.purpose is not Purpose.RESET_PASSWORD
    assert not set(step.kinds) & set(given_facts.enrolled)
    assert set(step.kinds) <= set(given_facts.enrollable)
    goes_on = attempt.goes_on_with_session
    if given_facts.policy.mailbox_first or given_facts.policy.announced is not None:
        then = given_facts.policy.announced or given_facts.policy
        mailed = [proof for proof in attempt.proofs if proof.kind in MAILBOX]
        fresh = [proof for proof in mailed if not goes_on or proof.at >= attempt.created_at]
        assert fresh or not then.mailbox_first or not given_facts.policy.mailbox_first or given_facts.person is None
    if goes_on and ProofKind.PASSWORD in given_facts.enrolled:
        passwords = [proof for proof in attempt.proofs if proof.kind is ProofKind.PASSWORD]
        assert any(proof.at >= attempt.created_at - RENEWAL_FRESH for proof in passwords)


@given(demanding_facts)
def test_who_has_an_app_is_asked_for_it_and_never_for_another(given_facts: Facts) -> None:  # S71
    """Whether or not anybody demands it; what stands in counts for nobody who has none (D7)."""
    step, attempt = next_step(given_facts), given_facts.attempt
    second = {ProofKind.TOTP, ProofKind.RECOVERY_CODE}
    if ProofKind.TOTP in given_facts.enrolled:
        assert not isinstance(step, Enrol | VerifyEmail)
        if isinstance(step, Finished) and attempt.purpose is Purpose.SIGN_IN:
            assert {proof.kind for proof in attempt.proofs} & (second | {ProofKind.EMAIL_CODE})
        if isinstance(step, Finished) and attempt.demands.change is not None:
            assert {proof.kind for proof in attempt.proofs} & second, "what one proves with takes a second factor"
        return
    assert not isinstance(step, SaveRecoveryCode)
    if isinstance(step, Prove):
        assert step.kinds == (ProofKind.PASSWORD,)


@given(demanding_facts)
def test_a_recovery_code_is_shown_only_after_the_second_factor(given_facts: Facts) -> None:  # D14
    step, attempt = next_step(given_facts), given_facts.attempt
    if isinstance(step, SaveRecoveryCode):
        assert {proof.kind for proof in attempt.proofs} & {ProofKind.TOTP, ProofKind.RECOVERY_CODE} or (
            Mark.FACTOR_ENROLLED in attempt.marks
        )
        assert Mark.RECOVERY_CODE_SAVED not in attempt.marks
    if isinstance(step, Finished) and attempt.purpose is Purpose.SIGN_IN and ProofKind.TOTP in given_facts.enrolled:
        is_kept = ProofKind.RECOVERY_CODE in given_facts.enrolled or Mark.RECOVERY_CODE_SAVED in attempt.marks
        by_mail_only = not {proof.kind for proof in attempt.proofs} & {ProofKind.TOTP, ProofKind.RECOVERY_CODE}
        assert is_kept or by_mail_only


@given(demanding_facts)
def test_a_reset_never_meets_a_second_factor(given_facts: Facts) -> None:  # D7
    step = next_step(with_attempt(given_facts, purpose=Purpose.RESET_PASSWORD, demands=Demands()))
    assert not isinstance(step, Enrol | SaveRecoveryCode | VerifyEmail)
    assert not isinstance(step, Prove) or step.kinds == (ProofKind.MAILED_LINK,)


def test_an_answer_of_every_kind_knows_its_step() -> None:
    answers = get_args(Answer)
    assert all(not is_fitting(msgspec.convert(_sample_answer(kind), kind), SAMPLES[-1]) for kind in answers)


def _sample_answer(kind: type) -> dict[str, object]:
    """Something of every field an answer has."""
    filled: dict[str, object] = {"answer": kind.__struct_config__.tag}  # type: ignore[attr-defined]
    for field in msgspec.structs.fields(kind):
        filled[field.name] = field.type is bool or "x"
    return filled


@given(live_facts)
def test_an_open_session_changes_its_password_only_after_a_proof_from_now(given_facts: Facts) -> None:
    renewing = with_attempt(given_facts, purpose=Purpose.RENEW)
    if isinstance(next_step(renewing), ChangePassword):
        fresh = [proof for proof in renewing.attempt.proofs if proof.kind is ProofKind.PASSWORD]
        assert any(proof.at >= renewing.attempt.created_at - RENEWAL_FRESH for proof in fresh)


@given(facts, people, proofs())
def test_an_attempt_of_another_epoch_is_over(given_facts: Facts, person: Person, proof: Proof) -> None:
    """D22: what was proven before everything ended proves nothing now."""
    proven = (*given_facts.attempt.proofs, proof)
    stale = with_attempt(replace(given_facts, person=person), epoch=person.epoch + 1, proofs=proven)
    assert next_step(stale) == Refused(reason=RefusedReason.ATTEMPT_OVER)


@given(facts)
def test_a_blocked_attempt_shows_until_when(given_facts: Facts) -> None:
    """D20: whoever is blocked is shown nothing else, known or not."""
    blocked = replace(given_facts, blocked_until=given_facts.now + timedelta(minutes=1))
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
