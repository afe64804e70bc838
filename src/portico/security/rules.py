"""Which proofs say more than mailbox and password, both of which a thief may have (D22). Pure."""

from collections.abc import Iterable

from portico.accounts.model import Account
from portico.factors.proof import Proof, ProofKind

SECOND_FACTORS = frozenset({ProofKind.TOTP, ProofKind.PASSKEY, ProofKind.RECOVERY_CODE})
"""What neither the holder of the mailbox nor somebody who knows the password can produce."""


def has_second_factor(proofs: Iterable[Proof], account: Account) -> bool:
    """Whether one of the proofs rests on something that is neither the mailbox nor the password, nor in doubt.

    In doubt is what was set up when "This was not me" says that somebody else was in, or could be. It goes on to be a
    second factor at sign-in, and says nothing about whoever has it.
    """
    return any(
        proof.kind in SECOND_FACTORS and not proof.through_mailbox and not account.is_doubtful(proof.set_up_at)
        for proof in proofs
    )


def lifts_freeze(proofs: Iterable[Proof], account: Account) -> bool:
    """Whether a sign-in with these proofs ends the freeze that "This was not me" began."""
    return has_second_factor(proofs, account)


def may_change_without_mailbox(proofs: Iterable[Proof], account: Account) -> bool:
    """Whether a session with these proofs may change the address of somebody who lost the old mailbox."""
    return has_second_factor(proofs, account)
