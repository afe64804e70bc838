"""What the decision asks while "This was not me" bars changes: nothing that would change what somebody proves with.

Held against the corpus of facts, each of them in a freeze.
"""

from msgspec.structs import replace

from portico.factors.proof import ProofKind
from portico.signin.attempt import Purpose
from portico.signin.decide import next_step
from portico.signin.facts import Demand, Facts
from portico.signin.steps import (
    Announced,
    Announcement,
    Enrol,
    Finished,
    SaveReason,
    SaveRecoveryCode,
    TrustDevice,
    VerifyEmail,
    VerifyReason,
)
from tests.support.fact_corpus import Family
from tests.support.oracle import ENROLLED, count
from tests.support.properties import over

OWN = Demand(classes=2, kinds=ENROLLED, stand_ins=frozenset({ProofKind.RECOVERY_CODE}))
"""What whoever has a second factor demands of themselves."""


def frozen(facts: Facts) -> Facts:
    """The same facts about somebody whose account is frozen."""
    return replace(facts, person=replace(facts.person, is_frozen=True) if facts.person else None)


@over()
def test_while_frozen_only_what_is_demanded_now_is_set_up(facts: Facts) -> None:  # D10, D22
    """Not what is announced, and not what somebody wishes: only what lets nobody in who has not done it."""
    step, facts = next_step(frozen(facts)), frozen(facts)
    sets_up = isinstance(step, Enrol) or (isinstance(step, VerifyEmail) and step.why is VerifyReason.ENROL)
    if sets_up:
        assert facts.attempt.purpose is not Purpose.STEP_UP
        own = (OWN,) if set(facts.enrolled) & ENROLLED else ()
        assert any(
            count(demand, facts) < demand.classes and demand.kinds & ENROLLED
            for demand in (*facts.policy.demands, *own)
        )
    assert not isinstance(step, TrustDevice)
    assert not isinstance(step, Announced) or step.what is not Announcement.ENROL
    assert not isinstance(step, SaveRecoveryCode) or step.why is not SaveReason.ASKED


@over()
def test_while_frozen_no_change_of_factors_comes_to_its_end(facts: Facts) -> None:  # D22
    facts = frozen(facts)
    if facts.attempt.purpose is Purpose.STEP_UP and facts.attempt.demands.change is not None:
        assert facts.person is None or not isinstance(next_step(facts), Finished | Enrol | SaveRecoveryCode)


@over(Family.PROVING, Family.ANNOUNCING, Family.REMINDING, Family.CHANGING)
def test_a_freeze_keeps_nobody_out(facts: Facts) -> None:  # D22
    """Whoever would come in comes in, whether by what is demanded or with nothing more to do."""
    facts = replace(facts, person=replace(facts.person, is_frozen=False) if facts.person else None)
    is_change = facts.attempt.purpose is Purpose.STEP_UP and facts.attempt.demands.change is not None
    if isinstance(next_step(facts), Finished) and not is_change:
        assert next_step(frozen(facts)) == next_step(facts)
