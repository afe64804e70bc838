"""The JSON API of an organization's members: support sees them, admins change them, anybody may leave (D19, D27)."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from portico.accounts.model import AccountState
from portico.admin.door import ORGANIZATION, check_after, get_actor
from portico.kernel.errors import BadInput, Busy, Conflict, NotAllowed, NotFound, NotSignedIn, TooLarge
from portico.organizations.changes import OrganizationChanges
from portico.organizations.faults import LastOwner, OrganizationSuspended, OwnersOnly
from portico.organizations.members.service import PAGE, Memberships
from portico.organizations.model import Member, MemberFilter, MembershipState, MemberType, Role
from portico.sessions.door import SessionGate
from portico.web.body import read_json, read_query
from portico.web.json import json_response, no_content
from portico.web.routing import Access, Endpoint

MEMBERS = ORGANIZATION + "/members"
MEMBER = MEMBERS + "/{account_id}"


class MemberQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which members: whose name, address or Portico ID begins so; of one type, role or state; behind an account."""

    search: Annotated[str, Meta(max_length=200)] = ""
    member_type: MemberType | None = None
    role: Role | None = None
    state: MembershipState | None = None
    after: Annotated[str, Meta(max_length=36)] = ""


class MemberBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a member is to be, and may do; what is left out stays. ``version`` is the one that was looked at."""

    version: Annotated[int, Meta(ge=1)]
    member_type: MemberType | None = None
    role: Role | None = None


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """One member: who they are, what they are here, and whether membership and account are active."""

    account_id: str
    address: str
    handle: str
    first_name: str
    last_name: str
    account_state: AccountState
    member_type: MemberType
    role: Role
    state: MembershipState
    version: int
    joined_at: datetime
    changed_at: datetime


class MembersView(msgspec.Struct, frozen=True, kw_only=True):
    """Members, the oldest accounts first; ``after`` asks for the next page, if there may be one."""

    members: list[MemberView]
    after: str | None


class MembersApi:
    """The members of an organization, for programs."""

    def __init__(self, *, gate: SessionGate, changes: OrganizationChanges, memberships: Memberships) -> None:
        self._gate = gate
        self._changes = changes
        self._memberships = memberships

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, NotAllowed, Busy, NotFound)
        done = (*seen, OwnersOnly, Conflict, LastOwner, OrganizationSuspended)
        return (
            Endpoint(
                "GET", MEMBERS, self.list_page, Access.SUPPORT, "The members, the oldest accounts first.",
                query=MemberQuery, output=MembersView, errors=(BadInput, *seen),
            ),
            Endpoint("GET", MEMBER, self.show, Access.SUPPORT, "One member.", output=MemberView, errors=seen),
            Endpoint(
                "PATCH", MEMBER, self.change, Access.ADMIN, "Change what a member is and may do.",
                body=MemberBody, output=MemberView, errors=(BadInput, TooLarge, *done),
            ),
            Endpoint(
                "DELETE", MEMBER, self.remove, Access.ADMIN, "End a membership; the account stays.", status=204,
                errors=done,
            ),
            Endpoint(
                "POST", MEMBER + "/suspend", self.suspend, Access.ADMIN,
                "Suspend a membership: it asks nothing and gives nothing.", output=MemberView, errors=done,
            ),
            Endpoint(
                "POST", MEMBER + "/resume", self.resume, Access.ADMIN, "Let a suspended membership count again.",
                output=MemberView, errors=done,
            ),
            Endpoint(
                "POST", ORGANIZATION + "/leave", self.leave, Access.SIGNED_IN, "Leave an organization oneself.",
                status=204, errors=(NotSignedIn, Busy, NotFound, LastOwner),
            ),
        )  # fmt: skip

    async def list_page(self, request: Request) -> Response:
        """A page of members."""
        query: MemberQuery = read_query(request, MemberQuery)
        organization = await self._changes.get(request.path_params["organization_id"])
        asked = MemberFilter(search=query.search, member_type=query.member_type, role=query.role, state=query.state)
        found = await self._memberships.list_page(organization.id, asked, after=check_after(query.after))
        after = found[-1].membership.account_id if len(found) == PAGE else None
        return json_response(MembersView(members=[member_view(each) for each in found], after=after))

    async def show(self, request: Request) -> Response:
        """One member."""
        return json_response(member_view(await self._memberships.get(*_named(request))))

    async def change(self, request: Request) -> Response:
        """Change a member."""
        body: MemberBody = await read_json(request, MemberBody)
        actor = await get_actor(self._gate, request)
        changed = await self._memberships.change(
            actor, *_named(request), body.version, member_type=body.member_type, role=body.role
        )
        return json_response(member_view(changed))

    async def remove(self, request: Request) -> Response:
        """End a membership."""
        await self._memberships.remove(await get_actor(self._gate, request), *_named(request))
        return no_content()

    async def suspend(self, request: Request) -> Response:
        """Suspend a membership."""
        actor = await get_actor(self._gate, request)
        return json_response(member_view(await self._memberships.suspend(actor, *_named(request))))

    async def resume(self, request: Request) -> Response:
        """Resume a membership."""
        actor = await get_actor(self._gate, request)
        return json_response(member_view(await self._memberships.resume(actor, *_named(request))))

    async def leave(self, request: Request) -> Response:
        """Leave oneself."""
        actor = await get_actor(self._gate, request)
        await self._memberships.leave(actor, request.path_params["organization_id"])
        return no_content()


def member_view(member: Member) -> MemberView:
    """A member as the API shows one."""
    membership = member.membership
    return MemberView(
        account_id=membership.account_id,
        address=member.address,
        handle=member.handle,
        first_name=member.first_name,
        last_name=member.last_name,
        account_state=member.account_state,
        member_type=membership.member_type,
        role=membership.role,
        state=membership.state,
        version=membership.version,
        joined_at=membership.joined_at,
        changed_at=membership.changed_at,
    )


def _named(request: Request) -> tuple[str, str]:
    """The organization and the account the path names."""
    return request.path_params["organization_id"], request.path_params["account_id"]
