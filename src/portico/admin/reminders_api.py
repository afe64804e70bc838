"""The JSON API of reminders: which members were reminded that their password expires, and when."""

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import BadInput, Busy, NotAllowed, NotFound, NotSignedIn
from portico.reminders.model import Reminder, ReminderState
from portico.reminders.service import PAGE, Reminders
from portico.web.body import read_query
from portico.web.json import json_response
from portico.web.routing import Access, Endpoint

_ID = msgspec.Meta(max_length=36)


class RemindersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of one account, or of all; ``after`` goes on after the reminder with this id."""

    account: Annotated[str, _ID] = ""
    after: Annotated[str, _ID] = ""


class ReminderView(msgspec.Struct, frozen=True, kw_only=True):
    """A reminder: of which account's password, set and expiring when, so many ``days`` before the end.

    ``state`` is what became of it, since ``changed_at``; ``mail_id`` names its mail, if there was one.
    """

    id: str
    account_id: str
    password_set_at: datetime
    expires_at: datetime
    days: int
    state: ReminderState
    created_at: datetime
    changed_at: datetime
    mail_id: str | None


class RemindersView(msgspec.Struct, frozen=True, kw_only=True):
    """Reminders, account by account; ``next_after`` is what to ask with for more."""

    reminders: list[ReminderView]
    next_after: str | None


class RemindersApi:
    """The reminders of an organization's members, for its support."""

    def __init__(self, *, reminders: Reminders) -> None:
        self._reminders = reminders

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint(
                "GET", "/api/v1/organizations/{organization_id}/reminders", self.list_reminders, Access.SUPPORT,
                "Which members were reminded, for this organization, that their password expires.",
                query=RemindersQuery, output=RemindersView, errors=(BadInput, NotSignedIn, NotAllowed, NotFound, Busy),
            ),
        )  # fmt: skip

    async def list_reminders(self, request: Request) -> Response:
        """One page of the ledger."""
        query: RemindersQuery = read_query(request, RemindersQuery)
        found = await self._reminders.list_of_organization(
            request.path_params["organization_id"], account_id=query.account, after=query.after, limit=PAGE + 1
        )
        shown = found[:PAGE]
        next_after = shown[-1].id if len(found) > PAGE else None
        return json_response(RemindersView(reminders=[_view(one) for one in shown], next_after=next_after))


def _view(reminder: Reminder) -> ReminderView:
    return ReminderView(**{name: getattr(reminder, name) for name in ReminderView.__struct_fields__})
