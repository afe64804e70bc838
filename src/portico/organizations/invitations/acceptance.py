"""What an invitation is worth to whoever holds its link, and its acceptance: once, by the account of its address.

Nothing here proves anything: who accepts has gone through the one decision of ``signin`` before.
"""

from collections.abc import Collection
from datetime import datetime

import msgspec

from portico.accounts.model import Account, AccountState
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Reader, Transaction
from portico.kernel.errors import NotFound
from portico.kernel.tokens import is_token, token_hash
from portico.organizations.invitations import store
from portico.organizations.invitations.model import Invitation, InvitationState
from portico.organizations.model import Belonging, Membership, OrganizationState, Role, role_in
from portico.organizations.rules import may_grant
from portico.organizations.service import Organizations


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation as it stands, the name of who asks, and who asked for them; empty names where nobody is known."""

    state: InvitationState
    invitation: Invitation | None = None
    organization: str = ""
    inviter: str = ""

    @property
    def belonging(self) -> Belonging | None:
        """What somebody would be who accepted."""
        one = self.invitation
        return Belonging(one.organization_id, one.member_type, one.role) if one else None


NO_OFFER = Offered(state=InvitationState.INVALID)


class Acceptance:
    """The way in by invitation."""

    def __init__(self, *, accounts: Accounts, audit: Audit, organizations: Organizations) -> None:
        self._accounts = accounts
        self._audit = audit
        self._organizations = organizations

    async def look(self, reader: Reader, token: str, now: datetime) -> Offered:
        """What a link is worth; changes nothing."""
        found = await store.find_by_token(reader, token_hash(token)) if is_token(token) else None
        return await self._offered(reader, found, now)

    async def find(self, reader: Reader, invitation_id: str, now: datetime) -> Offered:
        """What the invitation with this id is worth."""
        return await self._offered(reader, await store.find_invitation(reader, invitation_id), now)

    async def find_unbacked(self, reader: Reader, invitations: Collection[Invitation]) -> frozenset[str]:
        """Those, by their ids, that are not settled and that nobody stands for any more."""
        waiting = [one for one in invitations if one.accepted_at is None and one.revoked_at is None]
        ids = {one.invited_by for one in waiting if one.invited_by}
        inviters = {account_id: await self._accounts.find_account(reader, account_id) for account_id in sorted(ids)}
        return frozenset(one.id for one in waiting if not _still_grants(one, inviters.get(one.invited_by or "")))

    async def find_membership(self, reader: Reader, offered: Offered, account_id: str) -> Membership | None:
        """An account's membership of the organization that invites, suspended or not."""
        organization_id = offered.invitation.organization_id if offered.invitation else ""
        for membership in await self._organizations.list_memberships(reader, account_id):
            if membership.organization_id == organization_id:
                return membership
        return None

    async def accept(self, tx: Transaction, now: datetime, invitation: Invitation, account: Account) -> bool:
        """Use an invitation up and make its account a member, both or neither; False if somebody was faster.

        Raises Conflict if the account belongs to the organization already.
        """
        if account.address_key != invitation.address_key:
            return False
        if not await store.spend(tx, invitation, account.id, now):
            return False
        await self._organizations.join(
            tx,
            now,
            organization_id=invitation.organization_id,
            account_id=account.id,
            member_type=invitation.member_type,
            role=invitation.role,
            actor_id=account.id,
        )
        event = Event(
            kind=EventKind.INVITATION_ACCEPTED,
            subject_id=account.id,
            actor_id=account.id,
            organizations=(invitation.organization_id,),
            details={"invitation": invitation.id},
        )
        await self._audit.append(tx, now, event)
        return True

    async def _offered(self, reader: Reader, invitation: Invitation | None, now: datetime) -> Offered:
        if invitation is None:
            return NO_OFFER
        try:
            organization = await self._organizations.get_organization(reader, invitation.organization_id)
        except NotFound:
            return NO_OFFER
        inviter = await self._accounts.find_account(reader, invitation.invited_by) if invitation.invited_by else None
        state = InvitationState(invitation.status(now).value)
        if state is InvitationState.OPEN and not _still_grants(invitation, inviter):
            state = InvitationState.REVOKED
        if state is InvitationState.OPEN and organization.state is not OrganizationState.ACTIVE:
            state = InvitationState.PAUSED
        return Offered(
            state=state,
            invitation=invitation,
            organization=organization.name,
            inviter=inviter.name if inviter else "",
        )


def _still_grants(invitation: Invitation, inviter: Account | None) -> bool:
    """Whether an offer of more than membership is still backed: who made it, or sent it again, may still make it.

    So nobody who was an owner for a day comes back as one by an invitation that was kept for later.
    """
    if invitation.role is Role.MEMBER or invitation.invited_by is None:
        return True
    if inviter is None or inviter.state is not AccountState.ACTIVE:
        return False
    role = Role.OWNER if inviter.is_operator else role_in(inviter.memberships, invitation.organization_id)
    return role is not None and may_grant(role, invitation.role)
