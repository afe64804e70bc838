"""Whether the demands for a second factor are met, and what leads there: a proof, or setting one up. Pure.

Each demand is met by itself. What stands in for a factor (a recovery code, a mailed code) counts only for somebody who
has enrolled one that the demand allows, so that neither is ever a factor by itself (D7).
"""

from portico.factors.proof import ProofKind, proven_classes
from portico.signin.attempt import Attempt, FactorChange, Mark, Purpose
from portico.signin.facts import Demand, Facts
from portico.signin.steps import (
    Enrol,
    SaveReason,
    SaveRecoveryCode,
    Step,
    VerifyEmail,
    VerifyReason,
)

FACTORS = frozenset({ProofKind.TOTP, ProofKind.PASSKEY})
"""What can be enrolled as a second factor; a recovery code goes with one."""
MAILBOX = frozenset({ProofKind.EMAIL_CODE, ProofKind.MAILED_LINK})

_OWN = Demand(classes=2, kinds=FACTORS, stand_ins=frozenset({ProofKind.RECOVERY_CODE}))
"""What whoever has a second factor demands of themselves."""


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
        return (_OWN,) if attempt.demands.change and has_factor else ()
    own = (_OWN,) if has_factor and not attempt.goes_on_with_session else ()
    return (*policy.demands, *own)


def is_met(demand: Demand, facts: Facts) -> bool:
    """Whether the proofs reach the demand's classes, counting after the first class only what the demand counts."""
    proofs = facts.attempt.proofs
    if demand.classes <= 1:
        return bool(proven_classes(proofs))
    counted = countable(demand, facts)
    return any(
        len(proven_classes((first, *(proof for proof in proofs if proof.kind in counted)))) >= demand.classes
        for first in proofs
    )


def countable(demand: Demand, facts: Facts) -> frozenset[ProofKind]:
    """The kinds of proof a demand counts for this person."""
    has_factor = not demand.kinds.isdisjoint(facts.enrolled)
    return demand.kinds | demand.stand_ins if has_factor else demand.kinds


def kinds_towards(demand: Demand, facts: Facts) -> tuple[ProofKind, ...]:
    """The enrolled kinds the demand counts that have not been given yet."""
    given = {proof.kind for proof in facts.attempt.proofs}
    counted = countable(demand, facts)
    return tuple(kind for kind in facts.enrolled if kind in counted and kind not in given)


def kinds_to_enrol(demand: Demand, facts: Facts) -> tuple[ProofKind, ...]:
    """The kinds that could be set up here to meet the demand."""
    return tuple(kind for kind in facts.enrollable if kind in demand.kinds and kind not in facts.enrolled)


def find_enrolment(facts: Facts) -> Enrol | None:
    """The second factor that has to be set up: one is demanded, or wished for, and there is none to prove."""
    open_demands = [demand for demand in demands_on(facts) if not is_met(demand, facts)]
    for demand in open_demands:
        kinds = kinds_to_enrol(demand, facts)
        if kinds and not kinds_towards(demand, facts):
            asking = {one.organization for one in open_demands if not one.kinds.isdisjoint(kinds)}
            return Enrol(kinds=kinds, organizations=tuple(sorted(name for name in asking if name)))
    wants_totp = (
        facts.attempt.demands.change is FactorChange.ADD_TOTP and Mark.FACTOR_ENROLLED not in facts.attempt.marks
    )
    if wants_totp and ProofKind.TOTP in facts.enrollable and ProofKind.TOTP not in facts.enrolled:
        return Enrol(kinds=(ProofKind.TOTP,))
    return None


def before_enrolment(enrol: Enrol, facts: Facts) -> Step:
    """What comes before a factor is set up for the first time: the mailbox, where that is asked for (D12).

    A session goes on from what was proven long ago; what was mailed for another attempt proves nothing in this one.
    """
    attempt = facts.attempt
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


def find_code_to_save(facts: Facts) -> SaveRecoveryCode | None:
    """The recovery code that has to be kept: one goes with every second factor (D14).

    Shown after the set-up, at a sign-in if it was not confirmed then or has been used, and to whoever asks for another.
    """
    attempt = facts.attempt
    has_factor = not FACTORS.isdisjoint(facts.enrolled)
    is_elsewhere = attempt.purpose in (Purpose.RESET_PASSWORD, Purpose.UPDATE_PASSWORD)
    if is_elsewhere or not has_factor or Mark.RECOVERY_CODE_SAVED in attempt.marks:
        return None
    if attempt.demands.change is FactorChange.NEW_RECOVERY_CODE:
        return SaveRecoveryCode(why=SaveReason.ASKED)
    if ProofKind.RECOVERY_CODE in facts.enrolled:
        return None
    if Mark.FACTOR_ENROLLED in attempt.marks:
        return SaveRecoveryCode(why=SaveReason.FIRST)
    return None if attempt.purpose is Purpose.STEP_UP else _code_after(attempt)


def _code_after(attempt: Attempt) -> SaveRecoveryCode | None:
    """The code that follows what was proven, where somebody has none."""
    given = {proof.kind: proof.at for proof in attempt.proofs}
    spent_at, goes_on = given.get(ProofKind.RECOVERY_CODE), attempt.goes_on_with_session
    if spent_at is not None and (not goes_on or spent_at >= attempt.created_at):
        return SaveRecoveryCode(why=SaveReason.SPENT)
    return SaveRecoveryCode(why=SaveReason.FIRST) if not goes_on and not FACTORS.isdisjoint(given) else None
