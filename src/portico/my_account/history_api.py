"""The JSON API of one's security history, and of all that is kept about oneself."""

from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import Failure
from portico.kernel.errors import BadInput, Busy, NotSignedIn, Throttled, TooLarge
from portico.kernel.messages import Catalogues, message
from portico.my_account.export import Export, OwnData
from portico.my_account.history import OwnHistory
from portico.sessions.door import SessionGate
from portico.signin.api import FailureView, failure_view
from portico.signin.door import Visitors
from portico.web.body import read_json, read_query
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one's account. ``is_own``: it was done by oneself, signed in."""

    id: str
    at: datetime
    kind: str
    text: str
    is_own: bool
    device_name: str | None


class HistoryView(msgspec.Struct, frozen=True, kw_only=True):
    """Some of what happened, newest first; ``next_before`` is what to ask with for what lies before."""

    events: list[EventView]
    next_before: str | None


class ExportBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The present password."""

    current_password: str


class ExportView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything kept about oneself; or why the password was not good."""

    is_done: bool
    failure: FailureView | None = None
    document: Export | None = None


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``before``: the id of an event, to go on with those that happened before it."""

    before: str = ""


class HistoryApi:
    """One's security history and export, for programs."""

    def __init__(
        self,
        *,
        pages: Pages,
        gate: SessionGate,
        visitors: Visitors,
        history: OwnHistory,
        data: OwnData,
        catalogues: Catalogues,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._history = history
        self._data = data
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint(
                "GET", "/api/v1/account/history", self.list_history, Access.SIGNED_IN,
                "What happened to one's account, newest first.",
                output=HistoryView, errors=(BadInput, NotSignedIn, Busy), query=HistoryQuery,
            ),
            Endpoint(
                "POST", "/api/v1/account/export", self.export, Access.SIGNED_IN,
                "Everything that is kept about oneself.",
                body=ExportBody, output=ExportView, errors=(BadInput, TooLarge, NotSignedIn, Busy, Throttled),
            ),
        )  # fmt: skip

    async def list_history(self, request: Request) -> Response:
        """What happened to one's account."""
        signed_in = await self._gate.get_signed_in(request)
        query = read_query(request, HistoryQuery)
        page = await self._history.list_page(signed_in, query.before)
        language = self._pages.language(request)
        events = [
            EventView(
                id=entry.id,
                at=entry.at,
                kind=entry.kind.value,
                text=self._catalogues.text(message(entry.code), language),
                is_own=entry.is_own,
                device_name=entry.device_name,
            )
            for entry in page.entries
        ]
        return json_response(HistoryView(events=events, next_before=page.next_before))

    async def export(self, request: Request) -> Response:
        """Everything that is kept about oneself."""
        body: ExportBody = await read_json(request, ExportBody)
        found = await self._data.export(await self._visitors.native(request), body.current_password)
        if isinstance(found, Failure):
            failure = failure_view(found, self._catalogues, self._pages.language(request))
            return json_response(ExportView(is_done=False, failure=failure))
        return json_response(ExportView(is_done=True, document=found))
