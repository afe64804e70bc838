"""What the decision says of second factors: what counts, is offered, and is set up; and which devices are trusted.

Held against the corpus of facts, as the properties in ``test_decide.py`` are.
"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from portico.factors.proof import Proof, ProofClass, ProofKind, proven_classes
from portico.signin.attempt import Demands, FactorChange, Mark, Purpose
from portico.signin.decide import next_step
from portico.signin.facts import Demand, Facts, Policy
from portico.signin.second_factor.rules import RENEWAL_FRESH
from portico.signin.steps import (
    DeviceRegistered,
    Enrol,
    Finished,
    Prove,
    ProveReason,
    Refused,
    RefusedReason,
    SaveRecoveryCode,
    Step,
    TrustDevice,
    VerifyEmail,
)
from tests.support.drawing import ENROLLABLE
from tests.support.fact_corpus import Draw, Family
from tests.support.generated_facts import CLASSES, MAILED, NOW
from tests.support.oracle import ENROLLED, is_counted
from tests.support.properties import over, with_attempt

TYPED = {ProofKind.TOTP, ProofKind.RECOVERY_CODE}
SECOND = {*TYPED, ProofKind.PASSKEY}
OPENING = {Purpose.SIGN_IN, Purpose.SIGN_UP, Purpose.ACCEPT_INVITATION}


def given_kinds(facts: Facts) -> set[ProofKind]:
    """What was proven."""
    return {proof.kind for proof in facts.attempt.proofs}


def opens_session(step: Step, facts: Facts) -> bool:
    """Whether somebody is let in who was outside."""
    return isinstance(step, Finished) and facts.attempt.purpose in OPENING and not facts.attempt.goes_on_with_session


@over()
def test_nothing_counts_twice(facts: Facts) -> None:
    """D7: doubling proofs adds nothing, and one mailbox is one proof however often it was used."""
    proofs = facts.attempt.proofs
    classes = proven_classes(proofs)
    assert proven_classes(proofs * 2) == classes
    own = frozenset[ProofClass]().union(*(proof.classes for proof in proofs if not proof.through_mailbox))
    assert len(classes) <= len(own) + 1 or any(len(p.classes) > 1 for p in proofs if p.through_mailbox)


@over()
def test_the_same_credential_given_twice_leads_nowhere_else(facts: Facts) -> None:  # D7
    """Neither to another step nor past one: a second answer with what was given is worth nothing."""
    assert next_step(with_attempt(facts, proofs=facts.attempt.proofs * 2)) == next_step(facts)


@over(Family.PROVING, Family.TRUSTING)
def test_one_class_alone_never_opens_what_takes_two(facts: Facts) -> None:  # D7, D9
    """However many proofs of it there are, and from however many credentials."""
    demand = Demand(classes=2, kinds=ENROLLED, stand_ins=frozenset({*TYPED, ProofKind.EMAIL_CODE}))
    asked = replace(facts, policy=replace(facts.policy, demands=(demand,)))
    for kind in (ProofKind.PASSWORD, ProofKind.TOTP, ProofKind.RECOVERY_CODE, ProofKind.EMAIL_CODE):
        proofs = tuple(
            Proof(kind=kind, classes=CLASSES[kind], at=NOW, credential=name, through_mailbox=kind in MAILED)
            for name in ("one", "one", "other")
        )
        step = next_step(with_attempt(asked, proofs=proofs))
        assert not opens_session(step, asked), f"with nothing but {kind}"


def test_a_mailed_password_and_a_mailed_code_are_one_class() -> None:
    """D7: who holds the mailbox holds both."""
    marked = Proof(kind=ProofKind.PASSWORD, classes=CLASSES[ProofKind.PASSWORD], at=NOW, through_mailbox=True)
    code = Proof(kind=ProofKind.EMAIL_CODE, classes=CLASSES[ProofKind.EMAIL_CODE], at=NOW, through_mailbox=True)
    totp = Proof(kind=ProofKind.TOTP, classes=CLASSES[ProofKind.TOTP], at=NOW)
    unmarked = replace(marked, through_mailbox=False)
    assert len(proven_classes([marked, code])) == 1
    assert len(proven_classes([marked, totp])) == 2
    assert len(proven_classes([unmarked, code])) == 2


@over()
def test_nothing_is_set_up_before_the_proofs_it_takes(facts: Facts) -> None:  # D12
    """Neither a stolen password nor an open session is enough: the mailbox comes first, and the password from now."""
    step, attempt = next_step(facts), facts.attempt
    if not isinstance(step, Enrol):
        return
    assert attempt.proofs
    assert attempt.purpose is not Purpose.RESET_PASSWORD
    another = {ProofKind.PASSKEY} if attempt.demands.change is FactorChange.ADD_PASSKEY else set()
    assert set(step.kinds) & set(facts.enrolled) <= another, "of passkeys there may be several"
    assert set(step.kinds) <= set(facts.enrollable)
    if set(facts.enrolled) & ENROLLED:
        assert given_kinds(facts) & SECOND, "whoever has a factor sets another up with it, not by mail"
    goes_on = attempt.goes_on_with_session
    then = facts.policy.announced or facts.policy
    if facts.policy.mailbox_first and then.mailbox_first:
        mailed = [proof for proof in attempt.proofs if proof.kind in MAILED]
        assert any(not goes_on or proof.at >= attempt.created_at for proof in mailed)
    if goes_on and ProofKind.PASSWORD in facts.enrolled:
        passwords = [proof for proof in attempt.proofs if proof.kind is ProofKind.PASSWORD]
        assert any(proof.at >= attempt.created_at - RENEWAL_FRESH for proof in passwords)


@over(Family.PROVING, Family.TRUSTING, Family.LIVE)
def test_who_has_a_factor_is_asked_for_it_and_never_for_another(facts: Facts) -> None:  # S71
    """Whether or not anybody demands it; what stands in counts for nobody who has none (D7)."""
    step, attempt = next_step(facts), facts.attempt
    given, enrolled = given_kinds(facts), set(facts.enrolled)
    if not enrolled & ENROLLED:
        assert not isinstance(step, SaveRecoveryCode)
        assert not isinstance(step, Prove) or step.why is not ProveReason.SECOND or not _is_of_ours(facts)
        return
    if opens_session(step, facts) and attempt.purpose is Purpose.SIGN_IN:
        assert given & (SECOND | {ProofKind.EMAIL_CODE})
    if isinstance(step, Finished) and attempt.purpose is Purpose.STEP_UP and attempt.demands.change is not None:
        assert given & SECOND, "what one proves with takes a second factor"
    if isinstance(step, Enrol | VerifyEmail) and attempt.purpose not in (Purpose.SIGN_UP, Purpose.STEP_UP):
        policy = facts.policy.announced if Mark.ANNOUNCED_TAKEN in attempt.marks else facts.policy
        lacking = [demand for demand in (policy or facts.policy).demands if not demand.kinds & enrolled]
        assert lacking or attempt.demands.change is not None, "nobody demands what there is not"


def _is_of_ours(facts: Facts) -> bool:
    """Whether all demands are for what can be enrolled here."""
    return all(demand.kinds <= ENROLLED for demand in facts.policy.demands if demand.classes > 1)


@over(Family.PROVING, Family.TRUSTING, Family.LIVE, Family.CHANGING)
def test_a_recovery_code_is_shown_only_after_the_second_factor(facts: Facts) -> None:  # D14
    step, attempt = next_step(facts), facts.attempt
    if isinstance(step, SaveRecoveryCode):
        assert given_kinds(facts) & SECOND or Mark.FACTOR_ENROLLED in attempt.marks
        assert Mark.RECOVERY_CODE_SAVED not in attempt.marks
    if opens_session(step, facts) and set(facts.enrolled) & ENROLLED:
        is_kept = ProofKind.RECOVERY_CODE in facts.enrolled or Mark.RECOVERY_CODE_SAVED in attempt.marks
        assert is_kept or not given_kinds(facts) & SECOND, "by mail only"


@over()
def test_a_reset_never_meets_a_second_factor(facts: Facts) -> None:  # D7
    step = next_step(with_attempt(facts, purpose=Purpose.RESET_PASSWORD, demands=Demands()))
    assert not isinstance(step, Enrol | SaveRecoveryCode | VerifyEmail | TrustDevice)
    assert not isinstance(step, Prove) or step.kinds == (ProofKind.MAILED_LINK,)


@over()
def test_a_passkey_alone_meets_only_who_takes_passkeys(facts: Facts) -> None:  # D9, D16
    """It is two factors, and of each organization's own set it has to be one."""
    alone = with_attempt(facts, proofs=tuple(p for p in facts.attempt.proofs if p.kind is ProofKind.PASSKEY))
    step = next_step(alone)
    if not isinstance(step, Finished) or alone.attempt.purpose in (Purpose.STEP_UP, Purpose.RESET_PASSWORD):
        return
    assert alone.attempt.proofs
    assert all(ProofKind.PASSKEY in demand.kinds for demand in facts.policy.demands if demand.classes > 1)


@over(Family.PROVING)
def test_a_passkey_is_enough_for_who_takes_it(facts: Facts) -> None:  # D16
    """Without a password, and whether or not an organization asks for two factors."""
    demand = Demand(classes=2, kinds=ENROLLED, organization="North Clinic")
    passkey = Proof(kind=ProofKind.PASSKEY, classes=CLASSES[ProofKind.PASSKEY], at=NOW, user_verified=True)
    attempt = replace(facts.attempt, purpose=Purpose.SIGN_IN, proofs=(passkey,), demands=Demands(), epoch=1)
    enrolled = (ProofKind.PASSWORD, ProofKind.PASSKEY, ProofKind.TOTP, ProofKind.RECOVERY_CODE)
    policy = Policy(demands=(Demand(), demand))
    step = next_step(replace(facts, attempt=attempt, enrolled=enrolled, policy=policy))
    assert isinstance(step, Finished | Refused | DeviceRegistered)
    assert not isinstance(step, Refused) or step.reason in (RefusedReason.DISABLED, RefusedReason.CLOSED)


@over()
def test_a_passkey_unvouched_for_too_long_is_not_enough_where_there_is_another(facts: Facts, draw: Draw) -> None:
    # D9, D15
    """And whoever has no other is not locked out."""
    within = timedelta(days=draw.one((1, 30)))
    demand = Demand(classes=2, kinds=ENROLLED, organization="North Clinic", passkey_within=within)
    passkey = replace(draw.proof(ProofKind.PASSKEY), vouched_at=NOW - timedelta(days=60))
    asked = replace(facts, policy=replace(facts.policy, demands=(demand,), announced=None))
    old = with_attempt(asked, proofs=(passkey,), purpose=Purpose.SIGN_IN, demands=Demands())
    others = set(facts.enrolled) & {ProofKind.TOTP}
    with_it = replace(old, enrolled=(*(kind for kind in facts.enrolled if kind not in ENROLLED), *ENROLLABLE))
    step = next_step(with_it)
    assert not isinstance(step, Finished | TrustDevice | SaveRecoveryCode)
    if isinstance(step, Prove):
        assert step.why is ProveReason.SECOND
        assert ProofKind.TOTP in step.kinds
        assert ProofKind.PASSKEY not in step.kinds
    alone = replace(old, enrolled=tuple(kind for kind in with_it.enrolled if kind not in {ProofKind.TOTP, *others}))
    step = next_step(alone)
    assert not isinstance(step, Prove | Enrol | VerifyEmail)
    young = with_attempt(with_it, proofs=(replace(passkey, vouched_at=passkey.at - within),))
    assert not isinstance(next_step(young), Prove | Enrol | VerifyEmail), "the last day counts"


@over()
def test_a_mailed_code_is_offered_only_where_it_counts(facts: Facts) -> None:  # D7, S75
    """Beside a factor that is enrolled and demanded, and not beside what went through the mailbox."""
    step, policy = next_step(facts), facts.policy
    if not isinstance(step, Prove):
        return
    offered = ProofKind.EMAIL_CODE in step.kinds
    went_through = any(proof.through_mailbox for proof in facts.attempt.proofs)
    assert not offered or (not went_through and policy.email_code)
    assert not offered or set(facts.enrolled) & ENROLLED or _stands_in(facts)
    assert not offered or facts.attempt.demands.change is None or facts.attempt.purpose is not Purpose.STEP_UP
    assert not (offered and step.no_mail)
    assert not step.no_mail or (went_through and policy.email_code), "it would have been one, but for the mark"
    assert offered or step.mailbox is None
    if offered:
        assert facts.person is not None
        assert (step.mailbox, step.resend_at) == (facts.person.mailbox, facts.resend_at)


def _stands_in(facts: Facts) -> bool:
    """Whether an organization takes a mailed code, of somebody who has another factor that it takes."""
    demands = [demand for demand in facts.policy.demands if ProofKind.EMAIL_CODE in demand.stand_ins]
    return any(demand.kinds & set(facts.enrolled) for demand in demands)


@over()
def test_mailbox_and_nothing_else_never_opens_what_takes_two(facts: Facts) -> None:  # D7
    """A password that was set by mail, a mailed code, a mailed link: whoever holds the mailbox holds them all."""
    mailed = tuple(replace(p, through_mailbox=True) for p in facts.attempt.proofs if p.kind not in ENROLLED | TYPED)
    only = with_attempt(facts, proofs=mailed)
    if opens_session(next_step(only), only):
        assert not set(facts.enrolled) & ENROLLED
        assert all(demand.classes == 1 for demand in facts.policy.demands)


@over()
def test_where_mailed_codes_are_off_there_is_no_way_through_one(facts: Facts) -> None:  # D9
    """Off wins: nobody is offered one, and whoever has given one goes no further by it."""
    email_code = frozenset({ProofKind.EMAIL_CODE})
    strict = tuple(replace(demand, stand_ins=demand.stand_ins - email_code) for demand in facts.policy.demands)
    demands = replace(facts.attempt.demands, fresh_within=None)  # which is not about what counts
    off = with_attempt(replace(facts, policy=replace(facts.policy, email_code=False, demands=strict)), demands=demands)
    step = next_step(off)
    assert not isinstance(step, Prove) or ProofKind.EMAIL_CODE not in step.kinds
    if opens_session(step, off) and set(facts.enrolled) & ENROLLED:
        assert given_kinds(facts) & SECOND
    without = with_attempt(off, proofs=tuple(p for p in facts.attempt.proofs if p.kind is not ProofKind.EMAIL_CODE))
    is_real = bool(without.attempt.proofs) and _is_of_ours(facts)
    if is_real and opens_session(step, off) and off.attempt.purpose is Purpose.SIGN_IN:
        assert opens_session(next_step(without), without), "the same without it"


@over()
def test_second_factors_are_asked_for_in_the_order_of_the_article(facts: Facts) -> None:  # S71, S74, D17
    """What one prefers; the passkey of this device, the app, the mailbox; the recovery code last. Nothing twice."""
    step = next_step(facts)
    if not isinstance(step, Prove) or step.why is not ProveReason.SECOND:
        return
    app_and_mail = [ProofKind.TOTP, ProofKind.EMAIL_CODE]
    order = [ProofKind.PASSKEY, *app_and_mail] if facts.passkey_here else [*app_and_mail, ProofKind.PASSKEY]
    order.append(ProofKind.RECOVERY_CODE)
    expected = [kind for kind in order if kind in step.kinds]
    if facts.preferred in expected:
        expected.remove(facts.preferred)
        expected.insert(0, facts.preferred)
    assert [kind for kind in step.kinds if kind in order] == expected
    assert len(set(step.kinds)) == len(step.kinds)
    goes_on = facts.attempt.goes_on_with_session  # from what was proven long ago, which may be asked for anew
    usable = {*facts.enrolled, ProofKind.EMAIL_CODE} - (set() if goes_on else given_kinds(facts))
    assert set(step.kinds) <= usable
    assert facts.attempt.demands.passkeys or ProofKind.PASSKEY not in step.kinds


@over()
def test_whatever_is_offered_counts(facts: Facts, draw: Draw) -> None:  # S74, D9
    """Each method among which one may choose leads on, but for a passkey that nobody has vouched for of late."""
    step = next_step(facts)
    if not isinstance(step, Prove) or step.why is not ProveReason.SECOND:
        return
    for kind in step.kinds:
        proof = replace(draw.proof(kind), at=NOW, vouched_at=NOW if kind is ProofKind.PASSKEY else None)
        further = with_attempt(facts, proofs=(*facts.attempt.proofs, proof))
        demands = [one for one in facts.policy.demands if one.organization == step.organization and one.classes > 1]
        own = step.organization is None
        assert own or any(is_counted(proof, demand, further) for demand in demands), kind


@over()
def test_a_device_is_trusted_only_where_one_may_be(facts: Facts) -> None:  # S61, S66, S81, D15
    """Not while frozen, by a mailed code alone, in a reset or step-up, where it would not do, or after "later"."""
    if not isinstance(next_step(facts), TrustDevice):
        return
    attempt, policy, person = facts.attempt, facts.policy, facts.person
    assert person is not None
    assert not person.is_frozen
    assert attempt.purpose not in (Purpose.STEP_UP, Purpose.RESET_PASSWORD)
    assert given_kinds(facts) & TYPED, "somebody typed a second factor that it would replace"
    assert policy.trusted_device
    assert all(ProofKind.PASSKEY in demand.kinds for demand in policy.demands if demand.classes > 1)
    assert attempt.demands.passkeys
    assert attempt.demands.interaction
    assert ProofKind.PASSKEY in facts.enrollable
    assert not facts.passkey_here
    assert not facts.trust_rests
    assert not attempt.marks & {Mark.TRUST_PUT_OFF, Mark.DEVICE_REGISTERED}
    assert not attempt.goes_on_with_session or Mark.FACTOR_ENROLLED in attempt.marks
    for mark in (Mark.TRUST_PUT_OFF, Mark.DEVICE_REGISTERED):
        assert not isinstance(next_step(with_attempt(facts, marks=attempt.marks | {mark})), TrustDevice)
    for changed in (
        replace(facts, person=replace(person, is_frozen=True)),
        replace(facts, trust_rests=True),
        replace(facts, policy=replace(policy, trusted_device=False)),
        with_attempt(facts, demands=replace(attempt.demands, passkeys=False)),
    ):
        assert not isinstance(next_step(changed), TrustDevice)


@over()
def test_trusting_a_device_holds_nobody_up(facts: Facts) -> None:  # S62, D15
    """All is proven by then: whoever puts it off goes where they would have gone without the question."""
    if isinstance(next_step(facts), TrustDevice):
        later = next_step(with_attempt(facts, marks=facts.attempt.marks | {Mark.TRUST_PUT_OFF}))
        unasked = next_step(replace(facts, policy=replace(facts.policy, trusted_device=False)))
        assert later == unasked
        assert not isinstance(later, Prove | Enrol | VerifyEmail | SaveRecoveryCode) or Mark.ANNOUNCED_TAKEN in (
            facts.attempt.marks
        )


@over()
def test_a_passkey_is_named_once_and_holds_nobody_up(facts: Facts) -> None:  # S67, S68, D15
    step, attempt = next_step(facts), facts.attempt
    if not isinstance(step, DeviceRegistered):
        return
    assert step.name == facts.registered_name
    assert Mark.DEVICE_REGISTERED in attempt.marks
    named = with_attempt(facts, marks=attempt.marks | {Mark.DEVICE_NAMED})
    assert not isinstance(next_step(named), DeviceRegistered)
    quiet = with_attempt(facts, demands=replace(attempt.demands, interaction=False), marks=attempt.marks)
    assert isinstance(next_step(quiet), Finished)


@over()
def test_a_client_that_cannot_is_never_asked_for_a_passkey_first(facts: Facts) -> None:  # D16
    """Nor is anybody where there are none, or by a hand-off; a password is always one way."""
    step, attempt = next_step(facts), facts.attempt
    if isinstance(step, Prove) and step.why is ProveReason.FIRST and attempt.purpose is not Purpose.RESET_PASSWORD:
        is_update = attempt.purpose is Purpose.UPDATE_PASSWORD
        may = attempt.demands.passkeys and ProofKind.PASSKEY in facts.enrollable and not is_update
        assert step.kinds == (ProofKind.PASSWORD, ProofKind.PASSKEY) if may else (ProofKind.PASSWORD,)


@pytest.mark.parametrize("change", FactorChange)
def test_whoever_has_a_factor_changes_none_without_one(change: FactorChange) -> None:  # D7, D22
    """Password and mailbox together are not enough for any of the changes."""

    @over(Family.PROVING)
    def takes_a_factor(facts: Facts) -> None:
        proofs = tuple(proof for proof in facts.attempt.proofs if proof.kind not in SECOND)
        attempt = replace(facts.attempt, purpose=Purpose.STEP_UP, proofs=proofs, demands=Demands(change=change))
        step = next_step(replace(facts, attempt=attempt))
        if set(facts.enrolled) & ENROLLED:
            assert not isinstance(step, Finished | Enrol | SaveRecoveryCode | DeviceRegistered)

    takes_a_factor()
