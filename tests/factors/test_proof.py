"""Classes of proof are counted, never levels; one mailbox never counts twice (D7)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.factors.proof import Proof, ProofClass, ProofKind, proven_classes
from tests.support.generated_facts import proofs

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
KNOW, HAVE, ARE = ProofClass.KNOW, ProofClass.HAVE, ProofClass.ARE


def proof(kind: ProofKind, *classes: ProofClass, mailed: bool = False) -> Proof:
    return Proof(kind=kind, classes=frozenset(classes), at=NOW, through_mailbox=mailed)


PASSWORD = proof(ProofKind.PASSWORD, KNOW)
MAILED_PASSWORD = proof(ProofKind.PASSWORD, KNOW, mailed=True)
EMAIL_CODE = proof(ProofKind.EMAIL_CODE, HAVE, mailed=True)
MAILED_LINK = proof(ProofKind.MAILED_LINK, HAVE, mailed=True)
TOTP = proof(ProofKind.TOTP, HAVE)
PASSKEY = proof(ProofKind.PASSKEY, HAVE, ARE)


@pytest.mark.parametrize(
    ("given_proofs", "classes"),
    [
        ((), set()),
        ((PASSWORD,), {KNOW}),
        ((PASSWORD, PASSWORD), {KNOW}),
        ((PASSWORD, TOTP), {KNOW, HAVE}),
        ((PASSKEY,), {HAVE, ARE}),
        ((PASSWORD, PASSKEY), {KNOW, HAVE, ARE}),
        ((PASSWORD, EMAIL_CODE), {KNOW, HAVE}),
        ((MAILED_PASSWORD,), {KNOW}),
        ((MAILED_PASSWORD, TOTP), {KNOW, HAVE}),
        ((EMAIL_CODE, MAILED_LINK), {HAVE}),
        ((TOTP, EMAIL_CODE), {HAVE}),
        ((MAILED_PASSWORD, EMAIL_CODE, TOTP), {KNOW, HAVE}),
        ((MAILED_PASSWORD, PASSKEY, EMAIL_CODE), {KNOW, HAVE, ARE}),
    ],
)
def test_proofs_prove_these_classes_together(given_proofs: tuple[Proof, ...], classes: set[ProofClass]) -> None:  # D7
    assert proven_classes(given_proofs) == classes


def test_a_password_set_through_the_mailbox_and_a_code_from_it_are_one_proof() -> None:  # D7
    assert len(proven_classes((MAILED_PASSWORD, EMAIL_CODE))) == 1
    assert len(proven_classes((MAILED_PASSWORD, MAILED_LINK))) == 1
    assert len(proven_classes((MAILED_PASSWORD, EMAIL_CODE, MAILED_LINK))) == 1


several = st.lists(proofs(), max_size=5)


@given(several)
def test_nothing_is_proven_that_no_proof_holds(given_proofs: list[Proof]) -> None:
    every: set[ProofClass] = set().union(*(each.classes for each in given_proofs))
    assert proven_classes(given_proofs) <= every
    assert bool(proven_classes(given_proofs)) == bool(given_proofs)


@given(several, st.randoms(use_true_random=False))
def test_the_order_does_not_count(given_proofs: list[Proof], chance: object) -> None:
    shuffled = sorted(given_proofs, key=lambda _: chance.random())  # type: ignore[attr-defined]
    assert len(proven_classes(shuffled)) == len(proven_classes(given_proofs))


@given(several, proofs())
def test_one_more_proof_never_proves_less(given_proofs: list[Proof], more: Proof) -> None:
    assert len(proven_classes(given_proofs)) <= len(proven_classes([*given_proofs, more]))


@given(several)
def test_the_mailbox_counts_as_one_proof_however_many_went_through_it(given_proofs: list[Proof]) -> None:  # D7
    own = [each for each in given_proofs if not each.through_mailbox]
    mailed = [each for each in given_proofs if each.through_mailbox]
    best = max([proven_classes(own), *(proven_classes([*own, each]) for each in mailed)], key=len)
    assert len(proven_classes(given_proofs)) == len(best)
