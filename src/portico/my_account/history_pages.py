"""What happened to one's account, and all that is kept about oneself, in a browser."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import Failure
from portico.kernel.messages import Message, message
from portico.my_account.door import Room
from portico.my_account.export import OwnData, write_export
from portico.my_account.history import HistoryEntry, OwnHistory
from portico.sessions.devices import device_words
from portico.signin.door import Visitors
from portico.web.body import Form
from portico.web.routing import Access, Endpoint

HISTORY = "/account/history"
EXPORT = "/account/export"


class ExportForm(Form, frozen=True, kw_only=True):
    """The present password; ``username`` is there for password managers."""

    username: str = ""
    current_password: str = ""


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One thing that happened, as the page lists it."""

    at: datetime
    said: Message
    device: Message | None


class HistoryPages:
    """One's security history, and the export of one's data."""

    def __init__(self, *, room: Room, visitors: Visitors, history: OwnHistory, data: OwnData) -> None:
        self._room = room
        self._visitors = visitors
        self._history = history
        self._data = data

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", HISTORY, self.show_history, Access.SIGNED_IN),
            Endpoint("GET", EXPORT, self.show_export, Access.SIGNED_IN),
            Endpoint("POST", EXPORT, self.export, Access.SIGNED_IN),
        )

    async def show_history(self, request: Request) -> Response:
        """What happened, newest first."""
        signed_in = await self._room.gate.get_signed_in(request)
        before = request.query_params.get("before", "")
        page = await self._history.list_page(signed_in, before)
        return self._room.show(
            request,
            signed_in,
            "my_account/history.html",
            entries=[_shown(entry) for entry in page.entries],
            older=f"{HISTORY}?before={page.next_before}" if page.next_before else None,
            newest=HISTORY if before else None,
            has_zone=bool(signed_in.account.time_zone),
        )

    async def show_export(self, request: Request) -> Response:
        """What is kept, and where one gets it."""
        signed_in = await self._room.gate.get_signed_in(request)
        return self._room.show(
            request,
            signed_in,
            "my_account/export.html",
            identifier=signed_in.account.address,
            failure=self._room.pages.find_notice(request).shown_failure(),
        )

    async def export(self, request: Request) -> Response:
        """Everything that is kept, as a file."""
        signed_in = await self._room.gate.get_signed_in(request)
        form = await self._room.read(request, signed_in, ExportForm)
        document = await self._data.export(await self._visitors.browser(request), form.current_password)
        if isinstance(document, Failure):
            return self._room.refuse(request, EXPORT, document)
        name = f"portico-export-{signed_in.account.handle}.json"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(await write_export(document), media_type="application/json", headers=headers)


def _shown(entry: HistoryEntry) -> ShownEntry:
    device = None if entry.device_name is None else device_words(entry.device_name)
    return ShownEntry(at=entry.at, said=message(entry.code), device=device)
