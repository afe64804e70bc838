"""The JSON API of what admins do to people's accounts (D19): the same actions for an organization and for operators."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from portico.admin.members_api import MEMBER
from portico.admin.people import REASON_MAX, Action, PeopleInCharge
from portico.audit.model import EventKind, RecordedEvent
from portico.kernel.errors import BadInput, Busy, NotAllowed, NotFound, NotSignedIn, Throttled, TooLarge
from portico.kernel.messages import Catalogues
from portico.organizations.faults import NothingToDo, NotManaged, NotOnOneself, OrganizationSuspended, OwnersOnly
from portico.signin.api import FailureView, failure_view
from portico.signin.door import Visitors
from portico.web.body import read_json
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

PERSON = "/api/v1/operator/people/{account_id}"
_SUMMARIES = {
    Action.SEND_RESET_LINK: "Mail the person a link for choosing a new password.",
    Action.FORCE_CHANGE: "Have the person choose a new password at the next sign-in.",
    Action.END_SESSIONS: "End all the person has open: sessions, tokens, links.",
    Action.SUSPEND: "Suspend the account: nobody can sign in to it, and everything ends.",
    Action.RESUME: "Resume an account that was suspended.",
    Action.LIFT_FREEZE: 'Lift the freeze that "This was not me" began.',
    Action.RESET_MFA: "Reset the second factor: it is forgotten, everything ends, the next sign-in sets up a new one.",
}


class ActionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One's own present password, and why this is done; the reason is kept for those who look into it later."""

    current_password: str
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_MAX)]


class ActionView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was done; if not, why."""

    is_done: bool
    failure: FailureView | None = None


class RecordedActionView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done to the account in the organization's name: when, by whom, and why."""

    id: str
    at: datetime
    kind: EventKind
    actor_id: str | None
    reason: str


class ActionsView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest of what was done, and whether the organization manages the account."""

    is_managed: bool
    actions: list[RecordedActionView]


class PeopleApi:
    """People's accounts in their admins' hands, for programs."""

    def __init__(self, *, pages: Pages, visitors: Visitors, people: PeopleInCharge, catalogues: Catalogues) -> None:
        self._pages = pages
        self._visitors = visitors
        self._people = people
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors: one for each action, in an organization and for operators."""
        seen = (NotSignedIn, NotAllowed, Busy, NotFound)
        sent = (BadInput, TooLarge, *seen, Throttled, NotOnOneself, NothingToDo)
        by_admins = (*sent, NotManaged, OwnersOnly, OrganizationSuspended)
        rows = [
            Endpoint(
                "GET", MEMBER + "/actions", self.list_actions, Access.ADMIN,
                "What was done to a member's account in the organization's name, and why.",
                output=ActionsView, errors=seen,
            )
        ]  # fmt: skip
        for action in Action:
            summary, handler = _SUMMARIES[action], self._handler(action)
            rows += (
                Endpoint(
                    "POST", f"{MEMBER}/{action}", handler, Access.ADMIN, summary,
                    body=ActionBody, output=ActionView, errors=by_admins,
                ),
                Endpoint(
                    "POST", f"{PERSON}/{action}", handler, Access.OPERATOR, summary,
                    body=ActionBody, output=ActionView, errors=sent,
                ),
            )  # fmt: skip
        return tuple(rows)

    async def list_actions(self, request: Request) -> Response:
        """What was done, and why."""
        organization_id, account_id = request.path_params["organization_id"], request.path_params["account_id"]
        done = await self._people.list_actions(organization_id, account_id)
        is_managed = await self._people.is_managed_by(account_id, organization_id)
        return json_response(ActionsView(is_managed=is_managed, actions=[_action_view(each) for each in done]))

    def _handler(self, action: Action) -> Callable[[Request], Awaitable[Response]]:
        """What answers a request for one action."""

        async def act(request: Request) -> Response:
            body: ActionBody = await read_json(request, ActionBody)
            failure = await self._people.act(
                await self._visitors.native(request),
                action,
                request.path_params["account_id"],
                organization_id=request.path_params.get("organization_id"),
                current_password=body.current_password,
                reason=body.reason,
            )
            shown = failure_view(failure, self._catalogues, self._pages.language(request))
            return json_response(ActionView(is_done=failure is None, failure=shown))

        return act


def _action_view(recorded: RecordedEvent) -> RecordedActionView:
    event = recorded.event
    return RecordedActionView(
        id=recorded.id,
        at=recorded.at,
        kind=event.kind,
        actor_id=event.actor_id,
        reason=event.reason.text if event.reason else "",
    )
