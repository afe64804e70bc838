"""The JSON API of organizations: operators found them and switch their features, owners rename them (S44, S84, D27)."""

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from portico.accounts.service import Accounts
from portico.admin.door import ORGANIZATION, check_after, get_actor
from portico.admin.members_api import MemberView, member_view
from portico.database.engine import Database
from portico.kernel.errors import BadInput, Busy, Conflict, NotAllowed, NotFound, NotSignedIn, TooLarge
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.organizations.changes import PAGE, OrganizationChanges
from portico.organizations.faults import NameTaken, OrganizationSuspended
from portico.organizations.members.service import Memberships
from portico.organizations.model import Feature, MemberType, Organization, OrganizationRow, OrganizationState
from portico.sessions.door import SessionGate
from portico.web.body import read_json, read_query
from portico.web.json import json_response
from portico.web.routing import Access, Endpoint

OPERATOR = "/api/v1/operator/organizations"
Version: TypeAlias = Annotated[int, Meta(ge=1)]


class OrganizationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which organizations: whose name begins so, behind the one with this id."""

    search: Annotated[str, Meta(max_length=100)] = ""
    after: Annotated[str, Meta(max_length=36)] = ""


class NewOrganizationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The name people are shown as who asks for something."""

    name: str


class RenameBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another name, and the version it takes the place of."""

    name: str
    version: Version


class FeatureBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A feature, switched on or off."""

    feature: Feature
    is_on: bool
    version: Version


class VersionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The version that was looked at: a change of another one is refused."""

    version: Version


class OwnerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom to name, by address or Portico ID, and what they are if they are no member yet."""

    account: Annotated[str, Meta(max_length=IDENTIFIER_MAX)]
    member_type: MemberType = MemberType.STAFF


class OrganizationView(msgspec.Struct, frozen=True, kw_only=True):
    """One organization; ``version`` counts its changes."""

    id: str
    name: str
    state: OrganizationState
    features: list[Feature]
    version: int
    created_at: datetime


class CountedOrganizationView(OrganizationView, frozen=True, kw_only=True):
    """One organization with its active members and owners counted."""

    members: int
    owners: int


class OrganizationsView(msgspec.Struct, frozen=True, kw_only=True):
    """Organizations, the first created first; ``after`` asks for the next page, if there may be one."""

    organizations: list[CountedOrganizationView]
    after: str | None


class OrganizationsApi:
    """Organizations, for programs."""

    def __init__(
        self,
        *,
        gate: SessionGate,
        database: Database,
        accounts: Accounts,
        changes: OrganizationChanges,
        memberships: Memberships,
    ) -> None:
        self._gate = gate
        self._database = database
        self._accounts = accounts
        self._changes = changes
        self._memberships = memberships

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, NotAllowed, Busy)
        sent = (BadInput, TooLarge, *seen)
        one = (*sent, NotFound, Conflict)
        return (
            Endpoint(
                "GET", OPERATOR, self.list_page, Access.OPERATOR, "All organizations, the first created first.",
                query=OrganizationQuery, output=OrganizationsView, errors=(BadInput, *seen),
            ),
            Endpoint(
                "POST", OPERATOR, self.add, Access.OPERATOR, "Create an organization.",
                body=NewOrganizationBody, output=OrganizationView, status=201, errors=(*sent, NameTaken),
            ),
            Endpoint(
                "POST", OPERATOR + "/{organization_id}/features", self.set_feature, Access.OPERATOR,
                "Switch a feature of an organization on or off.",
                body=FeatureBody, output=OrganizationView, errors=one,
            ),
            Endpoint(
                "POST", OPERATOR + "/{organization_id}/suspend", self.suspend, Access.OPERATOR,
                "Suspend an organization: nothing can be changed in it, what it asks stays asked.",
                body=VersionBody, output=OrganizationView, errors=one,
            ),
            Endpoint(
                "POST", OPERATOR + "/{organization_id}/resume", self.resume, Access.OPERATOR,
                "Resume a suspended organization.", body=VersionBody, output=OrganizationView, errors=one,
            ),
            Endpoint(
                "POST", OPERATOR + "/{organization_id}/owners", self.name_owner, Access.OPERATOR,
                "Name an owner: whoever it is, they are an active owner then.",
                body=OwnerBody, output=MemberView, errors=one,
            ),
            Endpoint(
                "GET", ORGANIZATION, self.show, Access.SUPPORT, "One organization.",
                output=OrganizationView, errors=(*seen, NotFound),
            ),
            Endpoint(
                "PATCH", ORGANIZATION, self.rename, Access.OWNER, "Rename an organization.",
                body=RenameBody, output=OrganizationView, errors=(*one, NameTaken, OrganizationSuspended),
            ),
        )  # fmt: skip

    async def list_page(self, request: Request) -> Response:
        """A page of organizations."""
        query: OrganizationQuery = read_query(request, OrganizationQuery)
        rows = await self._changes.list_page(search=query.search, after=check_after(query.after))
        after = rows[-1].organization.id if len(rows) == PAGE else None
        return json_response(OrganizationsView(organizations=[_counted_view(row) for row in rows], after=after))

    async def add(self, request: Request) -> Response:
        """Create an organization."""
        body: NewOrganizationBody = await read_json(request, NewOrganizationBody)
        made = await self._changes.add(await get_actor(self._gate, request), body.name)
        return json_response(organization_view(made), status=201)

    async def set_feature(self, request: Request) -> Response:
        """Switch a feature."""
        body: FeatureBody = await read_json(request, FeatureBody)
        actor, organization_id = await get_actor(self._gate, request), request.path_params["organization_id"]
        changed = await self._changes.set_feature(actor, organization_id, body.version, body.feature, is_on=body.is_on)
        return json_response(organization_view(changed))

    async def suspend(self, request: Request) -> Response:
        """Suspend an organization."""
        return await self._set_state(request, OrganizationState.SUSPENDED)

    async def resume(self, request: Request) -> Response:
        """Resume an organization."""
        return await self._set_state(request, OrganizationState.ACTIVE)

    async def name_owner(self, request: Request) -> Response:
        """Name an owner."""
        body: OwnerBody = await read_json(request, OwnerBody)
        account = await self._accounts.find_by_identifier(self._database, body.account)
        if account is None:
            raise NotFound("nobody has this address or Portico ID")
        actor, organization_id = await get_actor(self._gate, request), request.path_params["organization_id"]
        named = await self._memberships.name_owner(actor, organization_id, account, body.member_type)
        return json_response(member_view(named))

    async def show(self, request: Request) -> Response:
        """One organization."""
        return json_response(organization_view(await self._changes.get(request.path_params["organization_id"])))

    async def rename(self, request: Request) -> Response:
        """Give it another name."""
        body: RenameBody = await read_json(request, RenameBody)
        actor, organization_id = await get_actor(self._gate, request), request.path_params["organization_id"]
        renamed = await self._changes.rename(actor, organization_id, body.version, body.name)
        return json_response(organization_view(renamed))

    async def _set_state(self, request: Request, state: OrganizationState) -> Response:
        body: VersionBody = await read_json(request, VersionBody)
        actor, organization_id = await get_actor(self._gate, request), request.path_params["organization_id"]
        changed = await self._changes.set_state(actor, organization_id, body.version, state)
        return json_response(organization_view(changed))


def organization_view(organization: Organization) -> OrganizationView:
    """An organization as the API shows it."""
    return OrganizationView(
        id=organization.id,
        name=organization.name,
        state=organization.state,
        features=sorted(organization.features),
        version=organization.version,
        created_at=organization.created_at,
    )


def _counted_view(row: OrganizationRow) -> CountedOrganizationView:
    shown = msgspec.structs.asdict(organization_view(row.organization))
    return CountedOrganizationView(**shown, members=row.members, owners=row.owners)
