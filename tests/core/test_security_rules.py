"""Which proofs lift a freeze and may change an address without its mailbox: never what a thief may have (D22)."""

from msgspec.structs import replace

from portico.factors.proof import Proof, ProofKind
from portico.security.rules import lifts_freeze, may_change_without_mailbox
from portico.signin.facts import Facts
from tests.support.fact_corpus import Draw
from tests.support.properties import over

BEYOND = {ProofKind.TOTP, ProofKind.PASSKEY, ProofKind.RECOVERY_CODE}


def some_proofs(facts: Facts, draw: Draw) -> list[Proof]:
    """What was proven, of which anything may have gone through the mailbox."""
    return [replace(proof, through_mailbox=draw.chance(50)) for proof in facts.attempt.proofs]


@over()
def test_no_number_of_passwords_and_mailbox_proofs_lifts_a_freeze(facts: Facts, draw: Draw) -> None:  # D22
    proofs = [proof for proof in some_proofs(facts, draw) if proof.kind not in BEYOND]
    assert not lifts_freeze(proofs)
    assert not may_change_without_mailbox(proofs)


@over()
def test_one_second_factor_is_enough_and_nothing_else_is(facts: Facts, draw: Draw) -> None:  # D22
    proofs = some_proofs(facts, draw)
    expected = any(proof.kind in BEYOND and not proof.through_mailbox for proof in proofs)
    assert lifts_freeze(proofs) is expected
    assert may_change_without_mailbox(proofs) is expected


@over()
def test_more_proofs_never_count_for_less(facts: Facts, draw: Draw) -> None:  # D22
    proofs = some_proofs(facts, draw)
    assert lifts_freeze([*proofs, draw.proof(), draw.proof()]) >= lifts_freeze(proofs)
