"""Hypothesis strategies for proofs and attempts; whole facts are drawn in ``tests/support/fact_corpus``."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from portico.factors.proof import Proof, ProofClass, ProofKind
from portico.signin.attempt import Attempt, AttemptState, ClientKind, Demands, FactorChange, Mark, Purpose

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CLASSES: dict[ProofKind, frozenset[ProofClass]] = {
    ProofKind.PASSWORD: frozenset({ProofClass.KNOW}),
    ProofKind.TOTP: frozenset({ProofClass.HAVE}),
    ProofKind.PASSKEY: frozenset({ProofClass.HAVE, ProofClass.ARE}),
    ProofKind.RECOVERY_CODE: frozenset({ProofClass.HAVE}),
    ProofKind.EMAIL_CODE: frozenset({ProofClass.HAVE}),
    ProofKind.MAILED_LINK: frozenset({ProofClass.HAVE}),
    ProofKind.GOOGLE: frozenset({ProofClass.KNOW}),
    ProofKind.APPLE: frozenset({ProofClass.KNOW}),
    ProofKind.OIDC: frozenset({ProofClass.KNOW}),
}
MAILED = frozenset({ProofKind.EMAIL_CODE, ProofKind.MAILED_LINK})

kinds = st.sampled_from(ProofKind)
ages = st.sampled_from([timedelta(0), timedelta(minutes=1), timedelta(minutes=10), timedelta(days=2)])


@st.composite
def proofs(draw: st.DrawFn, kind: st.SearchStrategy[ProofKind] = kinds) -> Proof:
    """One proof of any kind and age."""
    chosen = draw(kind)
    marked = chosen is ProofKind.PASSWORD and draw(st.booleans())
    at, is_passkey = NOW - draw(ages), chosen is ProofKind.PASSKEY
    return Proof(
        kind=chosen,
        classes=CLASSES[chosen],
        at=at,
        credential=draw(st.none() | st.just("credential")),
        user_verified=is_passkey,
        through_mailbox=marked or chosen in MAILED,
        vouched_at=at - draw(ages) if is_passkey else None,
    )


attempts = st.builds(
    Attempt,
    id=st.just("attempt"),
    purpose=st.sampled_from(Purpose),
    client_kind=st.sampled_from(ClientKind),
    holder_hash=st.just(b"holder"),
    created_at=st.just(NOW - timedelta(minutes=5)),
    expires_at=st.sampled_from([NOW - timedelta(seconds=1), NOW, NOW + timedelta(minutes=25)]),
    identifier=st.sampled_from(["", "nora@north-clinic.example"]),
    account_id=st.sampled_from([None, "account"]),
    epoch=st.sampled_from([None, 1, 2]),
    proofs=st.lists(proofs(), max_size=4).map(tuple),
    marks=st.frozensets(st.sampled_from(Mark), max_size=2),
    demands=st.builds(
        Demands,
        fresh_within=st.sampled_from([None, timedelta(0), timedelta(minutes=5)]),
        interaction=st.booleans(),
        change=st.none() | st.sampled_from(FactorChange),
        passkey_id=st.none() | st.just("passkey"),
        passkeys=st.booleans(),
    ),
    state=st.sampled_from(AttemptState),
)
