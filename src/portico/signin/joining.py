"""Joining an organization: what a decision about an invitation has to know, and the last move once it is finished."""

from datetime import datetime

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.database.engine import Reader, Transaction
from portico.factors.proof import Proof, ProofClass, ProofKind
from portico.kernel.tokens import NOBODY, from_base64url, to_base64url
from portico.organizations.invitations.acceptance import Acceptance
from portico.organizations.invitations.model import Invitation, InvitationState
from portico.organizations.model import Belonging
from portico.signin.attempt import Attempt
from portico.signin.facts import Facts, Invited


class Joining:
    """Knows the invitation of an attempt."""

    def __init__(self, *, accounts: Accounts, acceptance: Acceptance) -> None:
        self._accounts = accounts
        self._acceptance = acceptance

    async def find(self, reader: Reader, attempt: Attempt, account: Account | None, now: datetime) -> Invited | None:
        """The invitation an attempt accepts, as it stands for the account that was named; None if there is none."""
        if attempt.invitation_id is None:
            return None
        offered = await self._acceptance.find(reader, attempt.invitation_id, now)
        if offered.invitation is None:
            return None
        membership = await self._acceptance.find_membership(reader, offered, account.id if account else NOBODY)
        is_open = offered.state is InvitationState.OPEN and _is_of_the_link(attempt, offered.invitation)
        return Invited(
            invitation=offered.invitation,
            organization=offered.organization,
            is_open=is_open,
            is_theirs=account.address_key == offered.invitation.address_key if account else bool(_links(attempt)),
            is_member=membership is not None,
        )

    async def find_organization(self, reader: Reader, attempt: Attempt, now: datetime) -> str | None:
        """The id of the organization that invites, which manages the account that is made for it (D19)."""
        invited = await self.find(reader, attempt, None, now)
        return invited.invitation.organization_id if invited else None

    async def join(self, tx: Transaction, facts: Facts, now: datetime) -> bool:
        """Spend the invitation of a finished attempt and make its account a member; False if it is over by now.

        An attempt that accepts nothing has nothing to spend.
        """
        if facts.invited is None:
            return True
        account = await self._accounts.find_account(tx, facts.attempt.account_id or NOBODY)
        return account is not None and await self._acceptance.accept(tx, now, facts.invited.invitation, account)


def belonging_to(invited: Invited | None) -> Belonging | None:
    """What somebody is about to be, so that nobody joins below what is asked there; None for all others."""
    if invited is None or not invited.is_theirs or invited.is_member:
        return None
    invitation = invited.invitation
    return Belonging(invitation.organization_id, invitation.member_type, invitation.role)


def link_proof(invitation: Invitation, now: datetime) -> Proof:
    """That an invited mailbox was opened, by the link that was mailed there."""
    return Proof(
        kind=ProofKind.MAILED_LINK,
        classes=frozenset({ProofClass.HAVE}),
        at=now,
        credential=to_base64url(invitation.token_hash or b""),
        through_mailbox=True,
    )


def _is_of_the_link(attempt: Attempt, invitation: Invitation) -> bool:
    """Whether the link by which an attempt proved the mailbox is still the newest one."""
    return all(from_base64url(proof.credential or "") == invitation.token_hash for proof in _links(attempt))


def _links(attempt: Attempt) -> list[Proof]:
    return [proof for proof in attempt.proofs if proof.kind is ProofKind.MAILED_LINK]
