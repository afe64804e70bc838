"""Which proofs lift a freeze and may change an address without its mailbox: never what a thief may have (D22)."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from portico.factors.proof import Proof, ProofClass, ProofKind
from portico.security.rules import lifts_freeze, may_change_without_mailbox

AT = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
BEYOND = {ProofKind.TOTP, ProofKind.PASSKEY, ProofKind.RECOVERY_CODE}

PROOFS = st.builds(
    Proof,
    kind=st.sampled_from(ProofKind),
    classes=st.frozensets(st.sampled_from(ProofClass), min_size=1),
    at=st.just(AT),
    credential=st.none() | st.just("credential"),
    user_verified=st.booleans(),
    through_mailbox=st.booleans(),
)
WHAT_A_THIEF_HAS = st.builds(
    Proof,
    kind=st.sampled_from(
        [ProofKind.PASSWORD, ProofKind.EMAIL_CODE, ProofKind.MAILED_LINK, ProofKind.GOOGLE, ProofKind.APPLE]
    ),
    classes=st.frozensets(st.sampled_from(ProofClass), min_size=1),
    at=st.just(AT),
    user_verified=st.booleans(),
    through_mailbox=st.booleans(),
)


@given(st.lists(WHAT_A_THIEF_HAS, max_size=6))
def test_no_number_of_passwords_and_mailbox_proofs_lifts_a_freeze(proofs: list[Proof]) -> None:  # D22
    assert not lifts_freeze(proofs)
    assert not may_change_without_mailbox(proofs)


@given(st.lists(PROOFS, max_size=6))
def test_one_second_factor_is_enough_and_nothing_else_is(proofs: list[Proof]) -> None:  # D22
    expected = any(proof.kind in BEYOND and not proof.through_mailbox for proof in proofs)
    assert lifts_freeze(proofs) is expected
    assert may_change_without_mailbox(proofs) is expected


@given(st.lists(PROOFS, max_size=6), st.lists(PROOFS, max_size=3))
def test_more_proofs_never_count_for_less(proofs: list[Proof], more: list[Proof]) -> None:  # D22
    assert lifts_freeze([*proofs, *more]) >= lifts_freeze(proofs)
