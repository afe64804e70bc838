"""Whether the demands for a second factor are met, and what leads there: a proof, or setting one up. Pure.

Each demand is met by itself. What stands in for a factor (a recovery code, a mailed code) counts only for somebody who
has enrolled one that the demand allows, so that neither is ever a factor by itself (D7).
"""

from datetime import datetime, timedelta

import msgspec

from portico.factors.proof import Proof, ProofKind, proven_classes
from portico.signin.attempt import Attempt, FactorChange, Mark, Purpose
from portico.signin.facts import Demand, Facts
from portico.signin.steps import (
    DeviceRegistered,
    Enrol,
    Prove,
    ProveReason,
    Refused,
    RefusedReason,
    SaveReason,
    SaveRecoveryCode,
    Step,
    TrustDevice,
    VerifyEmail,
    VerifyReason,
)

FACTORS = frozenset({ProofKind.TOTP, ProofKind.PASSKEY})
"""What can be enrolled as a second factor; a recovery code goes with one."""
MAILBOX = frozenset({ProofKind.EMAIL_CODE, ProofKind.MAILED_LINK})

RENEWAL_FRESH = timedelta(minutes=5)
"""How long before an attempt that goes on from a session something may have been proven, to change what one proves."""

_OWN = Demand(classes=2, kinds=FACTORS, stand_ins=frozenset({ProofKind.RECOVERY_CODE}))
"""What whoever has a second factor demands of themselves. To change their factors, no mailed code will do."""
_OWN_OR_MAILED = msgspec.structs.replace(_OWN, stand_ins=_OWN.stand_ins | {ProofKind.EMAIL_CODE})


def demands_on(facts: Facts) -> tuple[Demand, ...]:
    """Everything the proofs have to meet.

    A reset opens nothing and asks for the mailed link alone (D7). A step-up opens nothing either: its session has met
    what organizations demand, and meets what is new by a renewal; changing one's factors takes one of them.
    """
    attempt, policy = facts.attempt, facts.policy
    has_factor = not FACTORS.isdisjoint(facts.enrolled)
    if attempt.purpose is Purpose.RESET_PASSWORD:
        return ()
    if attempt.purpose is Purpose.STEP_UP:
        return (_OWN,) if _change(attempt) and has_factor else ()
    if not has_factor or attempt.goes_on_with_session:
        return policy.demands
    return (*policy.demands, _OWN_OR_MAILED if policy.email_code else _OWN)


def is_met(demand: Demand, facts: Facts) -> bool:
    """Whether the proofs reach the demand's classes, counting after the first class only what the demand counts."""
    proofs = facts.attempt.proofs
    if demand.classes <= 1:
        return bool(proven_classes(proofs))
    counted = [proof for proof in proofs if _counts(proof, demand, facts)]
    if len(proven_classes(counted)) >= demand.classes:
        return True
    return any(
        len(proven_classes((one_class, *counted))) >= demand.classes for first in proofs for one_class in _single(first)
    )


def _single(proof: Proof) -> list[Proof]:
    """A proof as each one of its classes: what the demand does not count brings no more than the first class."""
    return [msgspec.structs.replace(proof, classes=frozenset({one})) for one in proof.classes]


def _counts(proof: Proof, demand: Demand, facts: Facts) -> bool:
    """Whether a demand counts a proof; a passkey that was vouched for too long ago only if there is nothing else."""
    if proof.kind not in countable(demand, facts):
        return False
    if proof.kind is not ProofKind.PASSKEY or demand.passkey_within is None or proof.vouched_at is None:
        return True
    has_others = any(kind in demand.kinds and kind is not ProofKind.PASSKEY for kind in facts.enrolled)
    return not has_others or proof.at - proof.vouched_at <= demand.passkey_within


def countable(demand: Demand, facts: Facts) -> frozenset[ProofKind]:
    """The kinds of proof a demand counts for this person."""
    has_factor = not demand.kinds.isdisjoint(facts.enrolled)
    return demand.kinds | demand.stand_ins if has_factor else demand.kinds


def kinds_towards(demand: Demand, facts: Facts) -> tuple[ProofKind, ...]:
    """The usable kinds the demand counts that have not been given yet, the default first (D17).

    A mailed code is worth nothing beside what the holder of the mailbox alone could have produced (D7). A client that
    cannot use passkeys is not asked for one.
    """
    given = {proof.kind for proof in facts.attempt.proofs}
    counted = countable(demand, facts) - given - _impossible(facts)
    usable = [kind for kind in facts.enrolled if kind in counted]
    if ProofKind.EMAIL_CODE in counted and not _went_through_mailbox(facts):
        usable.append(ProofKind.EMAIL_CODE)
    order = _order(facts)
    return tuple(sorted(usable, key=lambda kind: order.index(kind) if kind in order else len(order)))


def _order(facts: Facts) -> tuple[ProofKind, ...]:
    """The order in which second factors are asked for: what one prefers, this device's passkey, app, mailbox."""
    passkey, others = ProofKind.PASSKEY, (ProofKind.TOTP, ProofKind.EMAIL_CODE)
    order = (passkey, *others) if facts.passkey_here else (*others, passkey)
    preferred = (facts.preferred,) if facts.preferred else ()
    return (*preferred, *(kind for kind in order if kind not in preferred), ProofKind.RECOVERY_CODE)


def _went_through_mailbox(facts: Facts) -> bool:
    return any(proof.through_mailbox for proof in facts.attempt.proofs)


def prove_second(kinds: tuple[ProofKind, ...], demand: Demand, facts: Facts) -> Prove:
    """Asks for one of these; says where a code is mailed to, if one can be, or that none can for once."""
    mails = ProofKind.EMAIL_CODE in kinds
    stands_in = ProofKind.EMAIL_CODE in countable(demand, facts)
    return Prove(
        kinds=kinds,
        why=ProveReason.SECOND,
        organization=demand.organization,
        mailbox=facts.person.mailbox if mails and facts.person else None,
        resend_at=facts.resend_at if mails else None,
        no_mail=stands_in and _went_through_mailbox(facts),
    )


def kinds_to_enrol(demand: Demand, facts: Facts) -> tuple[ProofKind, ...]:
    """The kinds that could be set up here, with this client, to meet the demand."""
    there = {*facts.enrolled, *_impossible(facts)}
    return tuple(kind for kind in facts.enrollable if kind in demand.kinds and kind not in there)


def needs_passkeys(demand: Demand, facts: Facts) -> bool:
    """Whether the demand could be met by a client that can make and use passkeys, which this one cannot."""
    is_possible = ProofKind.PASSKEY in {*facts.enrolled, *facts.enrollable}
    return is_possible and ProofKind.PASSKEY in demand.kinds & _impossible(facts)


def has_unusable(demand: Demand, facts: Facts) -> bool:
    """Whether somebody has what the demand takes, which this client cannot use: they prove it with another one."""
    given = {proof.kind for proof in facts.attempt.proofs}
    return not (countable(demand, facts) & set(facts.enrolled) & _impossible(facts)) <= given


def _impossible(facts: Facts) -> frozenset[ProofKind]:
    """What the client of an attempt cannot do."""
    return frozenset() if facts.attempt.demands.passkeys else frozenset({ProofKind.PASSKEY})


def _change(attempt: Attempt) -> FactorChange | None:
    """What is to be changed about one's factors: by a step-up, and by nothing else."""
    return attempt.demands.change if attempt.purpose is Purpose.STEP_UP else None


def is_change_barred(facts: Facts) -> bool:
    """Whether somebody wants their factors changed while "This was not me" bars it (D22)."""
    return _change(facts.attempt) is not None and facts.person is not None and facts.person.is_frozen


_WANTED = {FactorChange.ADD_TOTP: ProofKind.TOTP, FactorChange.ADD_PASSKEY: ProofKind.PASSKEY}


def find_enrolment(facts: Facts) -> Enrol | None:
    """The second factor that has to be set up: one is demanded, or wished for, and there is none to prove."""
    open_demands = [demand for demand in demands_on(facts) if not is_met(demand, facts)]
    for demand in open_demands:
        kinds = kinds_to_enrol(demand, facts)
        if kinds and not kinds_towards(demand, facts):
            asking = {one.organization for one in open_demands if not one.kinds.isdisjoint(kinds)}
            return Enrol(kinds=kinds, organizations=tuple(sorted(name for name in asking if name)))
    change = _change(facts.attempt)
    wanted = _WANTED.get(change) if change else None
    if wanted not in facts.enrollable or Mark.FACTOR_ENROLLED in facts.attempt.marks:
        return None
    is_there = wanted in facts.enrolled and wanted is not ProofKind.PASSKEY  # of which there may be several
    return None if is_there else Enrol(kinds=(wanted,))


def before_enrolment(enrol: Enrol, facts: Facts) -> Step:
    """What comes before a factor is set up: one there is already; the mailbox, where that is asked for (D12).

    What proves a person from now on is not set up by mailbox and password where there is more to ask for. A session
    goes on from what was proven long ago; what was mailed for another attempt proves nothing in this one.
    """
    attempt = facts.attempt
    lately = _with_proofs_since(facts, attempt.created_at - RENEWAL_FRESH) if attempt.goes_on_with_session else facts
    own = () if FACTORS.isdisjoint(facts.enrolled) or is_met(_OWN, lately) else kinds_towards(_OWN, lately)
    if own:
        return prove_second(own, _OWN, lately)
    if not is_met(_OWN, lately) and has_unusable(_OWN, lately):
        return Refused(reason=RefusedReason.NEEDS_PASSKEYS)
    since = attempt.created_at if attempt.goes_on_with_session else None
    is_proven = any(proof.kind in MAILBOX and (since is None or proof.at >= since) for proof in attempt.proofs)
    if not facts.policy.mailbox_first or is_proven or facts.person is None:
        return enrol
    return VerifyEmail(
        address=facts.person.mailbox,
        resend_at=facts.resend_at,
        why=VerifyReason.ENROL,
        organizations=enrol.organizations,
    )


def _with_proofs_since(facts: Facts, since: datetime) -> Facts:
    """The same facts without what was proven before."""
    proofs = tuple(proof for proof in facts.attempt.proofs if proof.at >= since)
    return msgspec.structs.replace(facts, attempt=msgspec.structs.replace(facts.attempt, proofs=proofs))


def find_code_to_save(facts: Facts) -> SaveRecoveryCode | None:
    """The recovery code that has to be kept: one goes with every second factor (D14).

    Shown after the set-up, at a sign-in if it was not confirmed then or has been used, and to whoever asks for another.
    """
    attempt = facts.attempt
    has_factor = not FACTORS.isdisjoint(facts.enrolled)
    is_elsewhere = attempt.purpose in (Purpose.RESET_PASSWORD, Purpose.UPDATE_PASSWORD)
    if is_elsewhere or not has_factor or Mark.RECOVERY_CODE_SAVED in attempt.marks:
        return None
    if _change(attempt) is FactorChange.NEW_RECOVERY_CODE:
        return SaveRecoveryCode(why=SaveReason.ASKED)
    if ProofKind.RECOVERY_CODE in facts.enrolled:
        return None
    if Mark.FACTOR_ENROLLED in attempt.marks:
        return SaveRecoveryCode(why=SaveReason.FIRST)
    return None if attempt.purpose is Purpose.STEP_UP else _code_after(attempt)


_ONE_THING_ONLY = frozenset({Purpose.STEP_UP, Purpose.RESET_PASSWORD, Purpose.UPDATE_PASSWORD})


def find_device_to_trust(facts: Facts) -> TrustDevice | None:
    """Whether to ask for a passkey on this device (D15): where a second factor was typed, and one would replace it.

    Not of whoever came in by a mailed code: what proves a person from now on is not set up by mailbox and password.
    """
    attempt, policy = facts.attempt, facts.policy
    is_possible = attempt.demands.passkeys and ProofKind.PASSKEY in facts.enrollable and policy.trusted_device
    is_settled = facts.passkey_here or facts.trust_rests or Mark.TRUST_PUT_OFF in attempt.marks
    has_made_one = Mark.DEVICE_REGISTERED in attempt.marks
    is_elsewhere = attempt.purpose in _ONE_THING_ONLY or not attempt.demands.interaction
    goes_on = attempt.goes_on_with_session and Mark.FACTOR_ENROLLED not in attempt.marks
    if not is_possible or is_settled or has_made_one or is_elsewhere or goes_on:
        return None
    if facts.person is None or facts.person.is_frozen:
        return None
    has_typed_one = any(proof.kind in (ProofKind.TOTP, ProofKind.RECOVERY_CODE) for proof in attempt.proofs)
    would_do = all(ProofKind.PASSKEY in demand.kinds for demand in demands_on(facts) if demand.classes > 1)
    return TrustDevice() if has_typed_one and would_do else None


def find_device_to_name(facts: Facts) -> DeviceRegistered | None:
    """The passkey that was made just now, to be given a name. It has one, so whoever cannot be asked goes on."""
    attempt = facts.attempt
    is_settled = Mark.DEVICE_REGISTERED not in attempt.marks or Mark.DEVICE_NAMED in attempt.marks
    is_elsewhere = attempt.purpose in (Purpose.RESET_PASSWORD, Purpose.UPDATE_PASSWORD)
    if is_settled or is_elsewhere or not attempt.demands.interaction:
        return None
    return DeviceRegistered(name=facts.registered_name)


def _code_after(attempt: Attempt) -> SaveRecoveryCode | None:
    """The code that follows what was proven, where somebody has none."""
    given = {proof.kind: proof.at for proof in attempt.proofs}
    spent_at, goes_on = given.get(ProofKind.RECOVERY_CODE), attempt.goes_on_with_session
    if spent_at is not None and (not goes_on or spent_at >= attempt.created_at):
        return SaveRecoveryCode(why=SaveReason.SPENT)
    return SaveRecoveryCode(why=SaveReason.FIRST) if not goes_on and not FACTORS.isdisjoint(given) else None
