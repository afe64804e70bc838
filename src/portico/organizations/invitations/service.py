"""Inviting people: one or many, again, no longer; and what became of those who were invited (D27).

Whoever invites learns nothing about a stranger: the same rows are written and the same is answered whether an address
belongs to an account or not, and a job makes the link and its mail. Only members are told apart, whom the
organization knows anyway.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import msgspec

from portico.accounts.model import Account
from portico.audit.model import EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput, NotAllowed, NotFound, PorticoError, Throttled
from portico.kernel.normalise import IDENTIFIER_MAX, address_key, one_line
from portico.kernel.tokens import is_id, new_id
from portico.mail.service import Mail
from portico.organizations.authority import Authority
from portico.organizations.faults import OrganizationSuspended
from portico.organizations.invitations import store
from portico.organizations.invitations.acceptance import Acceptance
from portico.organizations.invitations.model import (
    LAST_SECOND,
    LIFETIME,
    AlreadyMember,
    Invitation,
    InvitationOver,
    InvitationStatus,
    InviteOutcome,
    LineReport,
    MemberSuspended,
    Offer,
)
from portico.organizations.model import MembershipState, OrganizationState, Role
from portico.organizations.rules import Actor, Held, may_grant, may_send_again
from portico.organizations.service import Organizations
from portico.throttle.service import Throttle

INVITATION = "invitation"
PAGE = 50
_BATCH = 25
_SWEEP_BATCH = 5_000
_FAULTS: dict[InviteOutcome, tuple[type[PorticoError], str]] = {
    InviteOutcome.ALREADY_MEMBER: (AlreadyMember, "this person is a member already"),
    InviteOutcome.MEMBER_SUSPENDED: (MemberSuspended, "this person's membership is suspended"),
    InviteOutcome.NOT_ALLOWED: (NotAllowed, "the open invitation offers more than whoever invites may give"),
}
"""What the outcome for one address is called where nothing else was asked."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One address to invite, with its number in the request or file. Without an offer it could not be understood."""

    number: int
    address: str
    offer: Offer | None


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one address, and its invitation if there is one now. ``throttled``: when to come back."""

    outcome: InviteOutcome
    invitation: Invitation | None = None
    throttled: Throttled | None = None


class Invitations:
    """What those who run an organization do with invitations."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        chance: Chance,
        audit: Audit,
        mail: Mail,
        throttle: Throttle,
        organizations: Organizations,
        authority: Authority,
        acceptance: Acceptance,
        languages: Collection[str],
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the job that works on requests for mail that there is one."""
        self._database = database
        self._clock = clock
        self._chance = chance
        self._audit = audit
        self._mail = mail
        self._throttle = throttle
        self._organizations = organizations
        self._authority = authority
        self._acceptance = acceptance
        self._languages = frozenset(languages)
        self._wake = wake

    async def invite(self, actor: Actor, organization_id: str, address: str, offer: Offer) -> Invitation:
        """Invite one address, or invite it again: the offer and the lifetime are new, and an older link is dead.

        Raises BadInput for what is no address or language, NotAllowed for a role above the inviter's,
        AlreadyMember, MemberSuspended, OrganizationSuspended, Throttled.
        """
        self.require_language(offer.language)
        now = self._clock.now()
        line = Line(number=1, address=address, offer=offer)

        async def body(tx: Transaction) -> Invited:
            held = await self._hold(tx, actor, organization_id, Role.ADMIN)
            _require_grants(held, [line])
            invited = await self._judge(tx, now, held, line, renews=True)
            if invited.throttled is not None:
                raise invited.throttled
            if invited.outcome is InviteOutcome.NOT_AN_ADDRESS:
                raise BadInput("not an address", field="address")
            return invited

        invited = await self._database.transact(body)
        if invited.outcome in _FAULTS:
            fault, detail = _FAULTS[invited.outcome]
            raise fault(detail)
        if invited.invitation is None:
            raise InvitationOver("it was settled at the same moment")
        self._wake()
        return invited.invitation

    async def invite_all(
        self, actor: Actor, organization_id: str, lines: Sequence[Line], *, counts_together: bool = True
    ) -> list[LineReport]:
        """Invite many, each judged alone; open invitations are left as they are.

        ``counts_together``: whether the organization's hourly limit holds. Raises OrganizationSuspended, NotFound
        where there is no such organization, NotAllowed for a role above the actor's.
        """
        reports: list[LineReport] = []
        for start in range(0, len(lines), _BATCH):
            batch = lines[start : start + _BATCH]
            reports += await self._invite_batch(actor, organization_id, batch, counts_together=counts_together)
        self._wake()
        return reports

    async def resend(self, actor: Actor, organization_id: str, invitation_id: str) -> Invitation:
        """Mail an invitation anew, as it stands, for another 14 days. From now on it is the actor's offer.

        Raises NotFound, NotAllowed for one to a role above the actor's, InvitationOver, OrganizationSuspended,
        Throttled.
        """
        now = self._clock.now()

        async def body(tx: Transaction) -> Invitation:
            held = await self._hold(tx, actor, organization_id, Role.SUPPORT)
            found = await self._get(tx, organization_id, invitation_id)
            if not may_send_again(held.role, found.role):
                raise NotAllowed("only who may offer it sends it again")
            offer = Offer(member_type=found.member_type, role=found.role, language=found.language)
            too_many = await self._throttle.take_invitation(tx, now, organization_id, found.address_key)
            if too_many is not None:
                raise Throttled(too_many.until - now)
            renewed = await self._renew(tx, now, held, found, offer)
            if renewed is None:
                raise InvitationOver("it was accepted or taken back")
            return renewed

        renewed = await self._database.transact(body)
        self._wake()
        return renewed

    async def revoke(self, actor: Actor, organization_id: str, invitation_id: str) -> Invitation:
        """Take an invitation back; once more changes nothing.

        Raises NotFound, OrganizationSuspended, NotAllowed for one to a role above the actor's, InvitationOver for one
        that was accepted.
        """
        now = self._clock.now()

        async def body(tx: Transaction) -> Invitation:
            held = await self._authority.hold(tx, actor, organization_id, Role.ADMIN)
            found = await self._get(tx, organization_id, invitation_id)
            if not may_grant(held.role, found.role):
                raise NotAllowed("only an owner takes back what an owner offers")
            if await store.revoke(tx, found.id, now):
                if found.mail_id is not None:
                    await self._mail.drop_mail(tx, now, found.mail_id)
                await self._record(tx, now, EventKind.INVITATION_REVOKED, found, held)
            after = await self._get(tx, organization_id, invitation_id)
            if after.status(now) is not InvitationStatus.REVOKED:
                raise InvitationOver("it was accepted or taken back")
            return after

        return await self._database.transact(body)

    async def list_invitations(
        self,
        organization_id: str,
        *,
        status: InvitationStatus | None = None,
        before_id: str | None = None,
        limit: int = PAGE,
    ) -> Sequence[Invitation]:
        """An organization's invitations, the newest first; ``before_id`` goes on where the last page ended."""
        await self._organizations.get_organization(self._database, organization_id)
        return await store.list_invitations(
            self._database, organization_id, self._clock.now(), status=status, before_id=before_id, limit=limit
        )

    async def find_unbacked(self, invitations: Collection[Invitation]) -> frozenset[str]:
        """The ids of those nobody stands for any more: their links are dead until somebody who may sends them again."""
        return await self._acceptance.find_unbacked(self._database, invitations)

    def require_language(self, language: str) -> None:
        """Raises BadInput for a language there is not."""
        if language not in {"", *self._languages}:
            raise BadInput("no such language", field="language")

    async def erase(self, tx: Transaction, account: Account) -> None:
        """Delete the invitations of somebody whose account is being erased."""
        await store.erase(tx, account.id, account.address_key)

    async def sweep(self, tx: Transaction, expired_before: datetime) -> int:
        """Forget invitations whose time was over before an instant."""
        return await store.sweep(tx, expired_before, _SWEEP_BATCH)

    async def _invite_batch(
        self, actor: Actor, organization_id: str, lines: Sequence[Line], *, counts_together: bool
    ) -> list[LineReport]:
        now = self._clock.now()

        async def body(tx: Transaction) -> list[LineReport]:
            held = await self._hold(tx, actor, organization_id, Role.ADMIN)
            _require_grants(held, lines)
            reports = []
            for line in lines:
                invited = await self._judge(tx, now, held, line, renews=False, counts_together=counts_together)
                shown = one_line(line.address)[:IDENTIFIER_MAX]
                reports.append(LineReport(line=line.number, address=shown, outcome=invited.outcome))
            return reports

        return await self._database.transact(body)

    async def _judge(
        self, tx: Transaction, now: datetime, held: Held, line: Line, *, renews: bool, counts_together: bool = True
    ) -> Invited:
        """Invite one address as far as that can be done. The questions asked do not depend on who has the address."""
        organization_id, key = held.organization.id, address_key(line.address) or ""
        refused = self._find_fault(line) or await _find_member(tx, organization_id, key)
        if refused is not None:
            return Invited(outcome=refused)
        found = await store.find_unsettled(tx, organization_id, key)
        if found is not None and found.status(now) is InvitationStatus.OPEN:
            if not renews:
                return Invited(outcome=InviteOutcome.ALREADY_INVITED, invitation=found)
            if not may_grant(held.role, found.role):
                return Invited(outcome=InviteOutcome.NOT_ALLOWED)
        too_many = await self._throttle.take_invitation(tx, now, organization_id, key, counts_together=counts_together)
        if too_many is not None:
            return Invited(outcome=InviteOutcome.LIMIT, throttled=Throttled(too_many.until - now))
        return await self._send(tx, now, held, line, found)

    def _find_fault(self, line: Line) -> InviteOutcome | None:
        """What is wrong with a line whoever is meant."""
        if line.offer is None or line.offer.language not in {"", *self._languages}:
            return InviteOutcome.UNREADABLE
        return InviteOutcome.NOT_AN_ADDRESS if address_key(line.address) is None else None

    async def _send(self, tx: Transaction, now: datetime, held: Held, line: Line, found: Invitation | None) -> Invited:
        """Store a new invitation, or renew the one there is, and ask for its mail."""
        offer = line.offer or Offer()
        if found is not None:
            renewed = await self._renew(tx, now, held, found, offer)
            return Invited(outcome=InviteOutcome.SENT_AGAIN, invitation=renewed)
        invitation = Invitation(
            id=new_id(self._chance, now),
            organization_id=held.organization.id,
            address=one_line(line.address),
            address_key=address_key(line.address) or "",
            member_type=offer.member_type,
            role=offer.role,
            language=offer.language,
            token_hash=None,
            invited_by=held.actor.account_id,
            mails=0,
            mailed_at=None,
            created_at=now,
            expires_at=now + LIFETIME + LAST_SECOND,
        )
        if not await store.add_invitation(tx, invitation):  # invited at the same moment by somebody else
            return Invited(outcome=InviteOutcome.ALREADY_INVITED)
        await self._ask_for_mail(tx, now, invitation, held)
        return Invited(outcome=InviteOutcome.INVITED, invitation=invitation)

    async def _renew(
        self, tx: Transaction, now: datetime, held: Held, found: Invitation, offer: Offer
    ) -> Invitation | None:
        """Give an invitation another 14 days and ask for its mail; None if it was settled meanwhile."""
        renewed = await store.renew(tx, found.id, now + LIFETIME + LAST_SECOND, offer, held.actor.account_id)
        if renewed is not None:
            if found.mail_id is not None:
                await self._mail.drop_mail(tx, now, found.mail_id)
            await self._ask_for_mail(tx, now, renewed, held)
        return renewed

    async def _ask_for_mail(self, tx: Transaction, now: datetime, invitation: Invitation, held: Held) -> None:
        await self._mail.add_request(
            tx,
            now,
            INVITATION,
            identifier_key=invitation.address_key,
            language=invitation.language,
            subject_id=invitation.id,
        )
        await self._record(tx, now, EventKind.INVITATION_SENT, invitation, held)

    async def _record(
        self, tx: Transaction, now: datetime, kind: EventKind, invitation: Invitation, held: Held
    ) -> None:
        """Whom it concerns is not recorded: there may be no account, and whether there is stays untold."""
        details = {
            "invitation": invitation.id,
            "member_type": invitation.member_type.value,
            "role": invitation.role.value,
        }
        event = held.event(kind, details=details)
        await self._audit.append(tx, now, event)

    async def _hold(self, tx: Transaction, actor: Actor, organization_id: str, needed: Role) -> Held:
        """The organization, for those who may; not while it is suspended, for then its invitations are dead."""
        held = await self._authority.hold(tx, actor, organization_id, needed)
        if held.organization.state is not OrganizationState.ACTIVE:
            raise OrganizationSuspended("a suspended organization invites nobody")
        return held

    async def _get(self, tx: Transaction, organization_id: str, invitation_id: str) -> Invitation:
        found = await store.find_invitation(tx, invitation_id) if is_id(invitation_id) else None
        if found is None or found.organization_id != organization_id:
            raise NotFound("no such invitation")
        return found


def _require_grants(held: Held, lines: Sequence[Line]) -> None:
    """Raises NotAllowed where a role is offered that whoever is at it may not give."""
    if not all(may_grant(held.role, line.offer.role) for line in lines if line.offer is not None):
        raise NotAllowed("only owners invite owners and admins")


async def _find_member(tx: Transaction, organization_id: str, address_key: str) -> InviteOutcome | None:
    """Whether an address is a member's; None if it is anybody else's, or nobody's."""
    match await store.find_membership_state(tx, organization_id, address_key):
        case MembershipState.ACTIVE:
            return InviteOutcome.ALREADY_MEMBER
        case MembershipState.SUSPENDED:
            return InviteOutcome.MEMBER_SUSPENDED
        case None:
            return None
