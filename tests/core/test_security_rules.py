"""Which proofs lift a freeze and may change an address without its mailbox: never what a thief may have (D22)."""

from datetime import timedelta

from msgspec.structs import replace

from portico.accounts.model import Account
from portico.factors.proof import Proof, ProofKind
from portico.security.rules import has_second_factor, lifts_freeze, may_change_without_mailbox
from portico.signin.facts import Facts
from tests.support.fact_corpus import Draw
from tests.support.generated_facts import NOW
from tests.support.properties import over
from tests.support.rows import account

BEYOND = {ProofKind.TOTP, ProofKind.PASSKEY, ProofKind.RECOVERY_CODE}


def some_proofs(facts: Facts, draw: Draw) -> list[Proof]:
    """What was proven, of which anything may have gone through the mailbox."""
    return [replace(proof, through_mailbox=draw.chance(50)) for proof in facts.attempt.proofs]


def somebody(draw: Draw) -> Account:
    """An account that was never frozen, is frozen, or was and nobody has lifted it."""
    since = NOW - timedelta(days=draw.one((0, 1, 30, 60)))
    until = draw.one((NOW - timedelta(days=10), NOW + timedelta(hours=72)))
    return account("nora", frozen_since=since, frozen_until=max(since, until)) if draw.chance(70) else account("nora")


def is_sure(proof: Proof, account: Account) -> bool:
    """Whether it rests on what was set up before all doubt, or after it."""
    since, until = account.frozen_since, account.frozen_until
    if since is None or until is None:
        return True
    return proof.set_up_at is not None and (proof.set_up_at < since or proof.set_up_at >= until)


@over()
def test_no_number_of_passwords_and_mailbox_proofs_lifts_a_freeze(facts: Facts, draw: Draw) -> None:  # D22
    proofs, nora = [proof for proof in some_proofs(facts, draw) if proof.kind not in BEYOND], somebody(draw)
    assert not lifts_freeze(proofs, nora)
    assert not may_change_without_mailbox(proofs, nora)


@over()
def test_one_second_factor_is_enough_and_nothing_else_is(facts: Facts, draw: Draw) -> None:  # D22
    proofs, nora = some_proofs(facts, draw), somebody(draw)
    beyond = [proof for proof in proofs if proof.kind in BEYOND and not proof.through_mailbox]
    expected = any(is_sure(proof, nora) for proof in beyond)
    assert lifts_freeze(proofs, nora) is expected
    assert may_change_without_mailbox(proofs, nora) is expected


@over()
def test_nothing_set_up_while_frozen_lifts_the_freeze(facts: Facts, draw: Draw) -> None:  # D22
    """However many there are, beside whatever else, and for ever: not when the freeze has run out either."""
    nora = account("nora", frozen_since=NOW - timedelta(hours=1), frozen_until=NOW + timedelta(hours=71))
    kinds = tuple(proof.kind for proof in facts.attempt.proofs) or (draw.proof().kind,)
    set_up = NOW + timedelta(hours=draw.one((-1, 0, 70)))
    proofs = [replace(draw.proof(kind), set_up_at=set_up) for kind in kinds]
    assert not has_second_factor(proofs, nora)
    assert not lifts_freeze(proofs, nora)
    assert not may_change_without_mailbox(proofs, nora)


@over()
def test_more_proofs_never_count_for_less(facts: Facts, draw: Draw) -> None:  # D22
    proofs, nora = some_proofs(facts, draw), somebody(draw)
    assert lifts_freeze([*proofs, draw.proof(), draw.proof()], nora) >= lifts_freeze(proofs, nora)
