"""The JSON API of an organization's invitations, for its admins; support sees them and sends them again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.admin.door import ORGANIZATION, get_actor
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput, Busy, NotAllowed, NotFound, NotSignedIn, Throttled, TooLarge
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.kernel.tokens import is_id
from portico.organizations.faults import OrganizationSuspended
from portico.organizations.invitations.model import (
    BULK_MAX,
    AlreadyMember,
    Invitation,
    InvitationOver,
    InvitationStatus,
    InviteOutcome,
    LineReport,
    MemberSuspended,
    Offer,
)
from portico.organizations.invitations.service import PAGE, Invitations, Line
from portico.organizations.model import MemberType, Role
from portico.sessions.door import SessionGate
from portico.web.body import read_json, read_query
from portico.web.json import json_response
from portico.web.routing import Access, Endpoint

INVITATIONS = ORGANIZATION + "/invitations"
_ONE = INVITATIONS + "/{invitation_id}"
_LANGUAGE_MAX = 35


class InviteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom to invite as what. ``language`` is for the mail, where the person has not chosen one."""

    address: Annotated[str, msgspec.Meta(max_length=IDENTIFIER_MAX)]
    member_type: MemberType
    role: Role = Role.MEMBER
    language: Annotated[str, msgspec.Meta(max_length=_LANGUAGE_MAX)] = ""


class BulkInviteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom to invite, all as the same. What is no address is reported, and stops nobody else."""

    addresses: Annotated[list[str], msgspec.Meta(min_length=1, max_length=BULK_MAX)]
    member_type: MemberType
    role: Role = Role.MEMBER
    language: Annotated[str, msgspec.Meta(max_length=_LANGUAGE_MAX)] = ""


class InvitationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which invitations: those that have come to something, those sent before the one with this id."""

    status: InvitationStatus | None = None
    before: Annotated[str, msgspec.Meta(max_length=36)] = ""


class InvitationView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One invitation. Its link is in the mail alone. ``accepted_by`` is the account that came of it.

    ``is_backed`` is false where who sent it may not offer this any more: its link is dead until somebody who may sends
    it again.
    """

    id: str
    address: str
    member_type: MemberType
    role: Role
    status: InvitationStatus
    mails: int
    created_at: datetime
    expires_at: datetime
    language: str = ""
    invited_by: str | None = None
    mailed_at: datetime | None = None
    accepted_at: datetime | None = None
    accepted_by: str | None = None
    revoked_at: datetime | None = None
    is_backed: bool = True


class InvitationsView(msgspec.Struct, frozen=True, kw_only=True):
    """Invitations, newest first; ``before`` asks for those that follow, and is null where these are the last."""

    invitations: list[InvitationView]
    before: str | None


class BulkView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each address, in the order of the request, and how many came to what."""

    lines: list[LineReport]
    counts: dict[InviteOutcome, int]


class InvitationsApi:
    """Invitations, for the programs of those who run an organization."""

    def __init__(self, *, gate: SessionGate, invitations: Invitations, clock: Clock) -> None:
        self._gate = gate
        self._invitations = invitations
        self._clock = clock

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, NotAllowed, NotFound, Busy)
        sent = (BadInput, TooLarge, *seen, OrganizationSuspended)
        return (
            Endpoint(
                "GET", INVITATIONS, self.list_invitations, Access.SUPPORT, "Whom an organization has invited.",
                query=InvitationQuery, output=InvitationsView, errors=(BadInput, *seen),
            ),
            Endpoint(
                "POST", INVITATIONS, self.invite, Access.ADMIN,
                "Invite an address, or invite it again: the offer is new, and an older link is dead. The answer is the "
                "same whether the address has an account or not. Only owners invite owners and admins.",
                body=InviteBody, output=InvitationView, status=201,
                errors=(*sent, Throttled, AlreadyMember, MemberSuspended, InvitationOver),
            ),
            Endpoint(
                "POST", f"{INVITATIONS}/bulk", self.invite_all, Access.ADMIN,
                "Invite up to 500 addresses, each judged alone. Those with an open invitation are left as they are.",
                body=BulkInviteBody, output=BulkView, errors=sent,
            ),
            Endpoint(
                "POST", f"{_ONE}/resend", self.resend, Access.SUPPORT,
                "Mail an invitation anew, for another 14 days; the older link is dead. It is the sender's own offer "
                "then: only owners send again what makes owners and admins, and only admins what makes support.",
                output=InvitationView, errors=(*seen, OrganizationSuspended, Throttled, InvitationOver),
            ),
            Endpoint(
                "POST", f"{_ONE}/revoke", self.revoke, Access.ADMIN,
                "Take an invitation back. Only owners take back what makes owners and admins.",
                output=InvitationView, errors=(*seen, InvitationOver),
            ),
        )  # fmt: skip

    async def list_invitations(self, request: Request) -> Response:
        """A page of invitations."""
        query: InvitationQuery = read_query(request, InvitationQuery)
        if query.before and not is_id(query.before):
            raise BadInput("not the id of an invitation", field="before")
        found = await self._invitations.list_invitations(
            request.path_params["organization_id"], status=query.status, before_id=query.before or None
        )
        before = found[-1].id if len(found) == PAGE else None
        unbacked = await self._invitations.find_unbacked(found)
        shown = [msgspec.structs.replace(self._view(one), is_backed=one.id not in unbacked) for one in found]
        return json_response(InvitationsView(invitations=shown, before=before))

    async def invite(self, request: Request) -> Response:
        """Invite one."""
        body: InviteBody = await read_json(request, InviteBody)
        offer = Offer(member_type=body.member_type, role=body.role, language=body.language)
        invitation = await self._invitations.invite(
            await get_actor(self._gate, request), request.path_params["organization_id"], body.address, offer
        )
        return json_response(self._view(invitation), status=201)

    async def invite_all(self, request: Request) -> Response:
        """Invite many."""
        body: BulkInviteBody = await read_json(request, BulkInviteBody)
        offer = Offer(member_type=body.member_type, role=body.role, language=body.language)
        actor = await get_actor(self._gate, request)
        self._invitations.require_language(offer.language)
        lines = [Line(number=number, address=each, offer=offer) for number, each in enumerate(body.addresses, 1)]
        reports = await self._invitations.invite_all(actor, request.path_params["organization_id"], lines)
        return json_response(BulkView(lines=reports, counts=_counts(reports)))

    async def resend(self, request: Request) -> Response:
        """Mail one anew."""
        params = request.path_params
        actor = await get_actor(self._gate, request)
        invitation = await self._invitations.resend(actor, params["organization_id"], params["invitation_id"])
        return json_response(self._view(invitation))

    async def revoke(self, request: Request) -> Response:
        """Take one back."""
        params = request.path_params
        actor = await get_actor(self._gate, request)
        invitation = await self._invitations.revoke(actor, params["organization_id"], params["invitation_id"])
        return json_response(self._view(invitation))

    def _view(self, invitation: Invitation) -> InvitationView:
        return InvitationView(
            id=invitation.id,
            address=invitation.address,
            member_type=invitation.member_type,
            role=invitation.role,
            status=invitation.status(self._clock.now()),
            mails=invitation.mails,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            language=invitation.language,
            invited_by=invitation.invited_by,
            mailed_at=invitation.mailed_at,
            accepted_at=invitation.accepted_at,
            accepted_by=invitation.accepted_by,
            revoked_at=invitation.revoked_at,
        )


def _counts(reports: Sequence[LineReport]) -> dict[InviteOutcome, int]:
    """How many addresses came to what; what none came to is left out."""
    counts: dict[InviteOutcome, int] = {}
    for report in reports:
        counts[report.outcome] = counts.get(report.outcome, 0) + 1
    return counts
