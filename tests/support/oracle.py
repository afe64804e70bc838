"""What the specification says may finish a sign-in, written anew, to hold the rules of the decision against it."""

from itertools import chain

from msgspec.structs import replace

from portico.factors.proof import Proof, ProofKind, proven_classes
from portico.signin.facts import Demand, Facts

ENROLLED = frozenset({ProofKind.TOTP, ProofKind.PASSKEY})
"""The second factors; all else stands in for one, or is none."""


def is_counted(proof: Proof, demand: Demand, facts: Facts) -> bool:
    """Whether an organization takes a proof for a second factor.

    A recovery code or a mailed code counts for nobody who has not enrolled what it stands in for (D7). A passkey that
    another factor has vouched for too long ago counts only for who has no other that is taken there.
    """
    of_demand = [kind for kind in facts.enrolled if kind in demand.kinds]
    if proof.kind in demand.stand_ins and of_demand:
        return True
    if proof.kind not in demand.kinds:
        return False
    if proof.kind is not ProofKind.PASSKEY or demand.passkey_within is None or proof.vouched_at is None:
        return True
    return set(of_demand) <= {ProofKind.PASSKEY} or proof.at - proof.vouched_at <= demand.passkey_within


def count(demand: Demand, facts: Facts) -> int:
    """The classes a demand may count: one class of any one proof, and all of those it takes."""
    proofs = facts.attempt.proofs
    taken = [proof for proof in proofs if is_counted(proof, demand, facts)]
    firsts = chain.from_iterable(
        [replace(proof, classes=frozenset({one})) for one in proof.classes] for proof in proofs
    )
    return max([len(proven_classes(taken)), *(len(proven_classes([first, *taken])) for first in firsts)])


def assert_demands_are_met(facts: Facts) -> None:
    """Every demand by itself (D9)."""
    for demand in facts.policy.demands:
        assert count(demand, facts) >= demand.classes, demand
