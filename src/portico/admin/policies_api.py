"""The JSON API of policies: what an organization asks of each type of member, and changing it."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from portico.admin.policy_views import (
    AllPoliciesView,
    PoliciesView,
    PolicyFieldsView,
    PolicyPreviewView,
    TypePoliciesView,
    fields_view,
    history_view,
    policies_view,
    preview_view,
)
from portico.kernel.errors import BadInput, Busy, Conflict, NotAllowed, NotFound, NotSignedIn, TooLarge
from portico.kernel.messages import Catalogues
from portico.organizations.faults import OrganizationSuspended
from portico.organizations.model import MemberType
from portico.organizations.policies.model import (
    Draft,
    FeatureSwitchedOff,
    NoBreachSource,
    NothingToWithdraw,
    PolicyChanged,
    PolicyFieldsClash,
    UnfitInstant,
    UnfitPolicyValue,
)
from portico.organizations.policies.service import PAGE, REASON_MAX, Policies
from portico.organizations.policy import PolicyFields
from portico.organizations.rules import Actor
from portico.sessions.door import SessionGate
from portico.web.body import read_json, read_query
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

POLICIES = "/api/v1/organizations/{organization_id}/policies"
ONE = POLICIES + "/{member_type}"

_Number = Annotated[int, Meta(ge=0, le=2**31)]
_Instant = Annotated[datetime, Meta(tz=True)]
_Reason = Annotated[str, Meta(max_length=4 * REASON_MAX)]


class PolicyPreviewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A draft, and after which account's id the list of people goes on."""

    fields: PolicyFields
    enforced_from: _Instant | None = None
    at_once: bool = False
    rehearsal: bool = False
    after: Annotated[str, Meta(max_length=36)] = ""


class PolicyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A draft. Fields left out ask nothing; without ``enforced_from`` and ``at_once`` it is enforced in two weeks.

    ``based_on`` is the number of the newest version you saw, 0 for none.
    """

    based_on: _Number
    fields: PolicyFields
    enforced_from: _Instant | None = None
    at_once: bool = False
    rehearsal: bool = False
    reason: _Reason = ""


class PolicyWithdrawBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``based_on`` is the number of the newest version you saw."""

    based_on: _Number
    reason: _Reason = ""


class PolicyHistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Versions older than the one with this number."""

    before: Annotated[int, Meta(ge=1, le=2**31)] | None = None


class PoliciesApi:
    """Policies, for admins' programs."""

    def __init__(self, *, pages: Pages, gate: SessionGate, policies: Policies, catalogues: Catalogues) -> None:
        self._pages = pages
        self._gate = gate
        self._policies = policies
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, NotAllowed, NotFound, Busy)
        sent = (
            BadInput,
            TooLarge,
            UnfitPolicyValue,
            FeatureSwitchedOff,
            NoBreachSource,
            PolicyFieldsClash,
            UnfitInstant,
        )
        changed = (OrganizationSuspended, PolicyChanged, Conflict)
        return (
            Endpoint(
                "GET", "/api/v1/policy-fields", self.show_fields, Access.SIGNED_IN,
                "Every field of a policy, what it asks and costs; and the presets.",
                output=PolicyFieldsView, errors=(NotSignedIn, Busy),
            ),
            Endpoint(
                "GET", POLICIES, self.list_policies, Access.SUPPORT, "What is asked of each type of member.",
                output=AllPoliciesView, errors=seen,
            ),
            Endpoint(
                "GET", ONE, self.show_policies, Access.SUPPORT,
                "What is asked of one type of member, and its history.",
                query=PolicyHistoryQuery, output=TypePoliciesView, errors=(BadInput, *seen),
            ),
            Endpoint(
                "POST", ONE + "/preview", self.preview, Access.ADMIN, "Whom a draft would concern. Changes nothing.",
                body=PolicyPreviewBody, output=PolicyPreviewView, errors=(*sent, *seen),
            ),
            Endpoint(
                "POST", ONE, self.save, Access.ADMIN, "Save a draft as the next version.",
                body=PolicyBody, output=PoliciesView, status=201, errors=(*sent, *seen, *changed),
            ),
            Endpoint(
                "POST", ONE + "/withdraw", self.withdraw, Access.ADMIN,
                "Take back what is announced or rehearsed, by saving what is in force once more.",
                body=PolicyWithdrawBody, output=PoliciesView, status=201,
                errors=(BadInput, TooLarge, *seen, *changed, NothingToWithdraw),
            ),
        )  # fmt: skip

    async def show_fields(self, request: Request) -> Response:
        """The reference of fields and presets."""
        return json_response(fields_view(self._catalogues, self._pages.language(request)))

    async def list_policies(self, request: Request) -> Response:
        """What is asked of each type of member."""
        current = await self._policies.list_current(request.path_params["organization_id"])
        features = sorted(current[0].features)
        return json_response(AllPoliciesView(features=features, policies=[policies_view(one) for one in current]))

    async def show_policies(self, request: Request) -> Response:
        """What is asked of one type of member."""
        organization_id, member_type = _place(request)
        query = read_query(request, PolicyHistoryQuery)
        current = await self._policies.get_current(organization_id, member_type)
        history = await self._policies.list_history(organization_id, member_type, before=query.before)
        last = history[-1].version.number if len(history) == PAGE else 1
        view = TypePoliciesView(
            policies=policies_view(current),
            versions=[history_view(entry, current) for entry in history],
            before=last if last > 1 else None,
        )
        return json_response(view)

    async def preview(self, request: Request) -> Response:
        """Whom a draft would concern."""
        organization_id, member_type = _place(request)
        body: PolicyPreviewBody = await read_json(request, PolicyPreviewBody)
        draft = Draft(
            fields=body.fields,
            based_on=0,
            enforced_from=body.enforced_from,
            at_once=body.at_once,
            rehearsal=body.rehearsal,
        )
        return json_response(
            preview_view(await self._policies.preview(organization_id, member_type, draft, after=body.after))
        )

    async def save(self, request: Request) -> Response:
        """Save a draft."""
        organization_id, member_type = _place(request)
        body: PolicyBody = await read_json(request, PolicyBody)
        draft = Draft(
            fields=body.fields,
            based_on=body.based_on,
            enforced_from=body.enforced_from,
            at_once=body.at_once,
            rehearsal=body.rehearsal,
            reason=body.reason,
        )
        await self._policies.save(organization_id, member_type, draft, await self._actor(request))
        return json_response(policies_view(await self._policies.get_current(organization_id, member_type)), status=201)

    async def withdraw(self, request: Request) -> Response:
        """Take back what is announced or rehearsed."""
        organization_id, member_type = _place(request)
        body: PolicyWithdrawBody = await read_json(request, PolicyWithdrawBody)
        await self._policies.withdraw(
            organization_id,
            member_type,
            based_on=body.based_on,
            reason=body.reason,
            actor=await self._actor(request),
        )
        return json_response(policies_view(await self._policies.get_current(organization_id, member_type)), status=201)

    async def _actor(self, request: Request) -> Actor:
        signed_in = await self._gate.get_signed_in(request)
        return Actor(account_id=signed_in.account.id, session_id=signed_in.session.id)


def _place(request: Request) -> tuple[str, MemberType]:
    """Which policy the path means. Raises NotFound for a type of member that there is not."""
    try:
        member_type = MemberType(request.path_params["member_type"])
    except ValueError as error:
        raise NotFound("no such type of member") from error
    return request.path_params["organization_id"], member_type
