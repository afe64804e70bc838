"""The JSON API of the audit trail: searched and taken out, by operators and by an organization's administrators."""

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from portico.admin.audit import ExportFormat, TrailReading
from portico.audit.search.model import Filter, FoundEvent
from portico.audit.search.service import PAGE
from portico.kernel.errors import BadInput, Busy, NotAllowed, NotFound, NotSignedIn
from portico.sessions.door import SessionGate
from portico.web.body import read_query
from portico.web.json import json_response
from portico.web.routing import Access, Endpoint

DEPLOYMENT = "/api/v1/operator/audit"
ORGANIZATION = "/api/v1/organizations/{organization_id}/audit"
NO_ORGANIZATION = "none"
_TYPES = {ExportFormat.CSV: "text/csv; charset=utf-8", ExportFormat.JSONL: "application/jsonl; charset=utf-8"}
_TEXT = msgspec.Meta(max_length=64)


class AuditOrganizationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which events: of a kind (or of all that begin so, as ``session.``), about a person, by a person, in a time.

    ``from`` is included, ``to`` is not; ``before`` goes on where the last page ended.
    """

    kind: Annotated[str, _TEXT] = ""
    subject: Annotated[str, _TEXT] = ""
    actor: Annotated[str, _TEXT] = ""
    since: datetime | None = msgspec.field(name="from", default=None)
    until: datetime | None = msgspec.field(name="to", default=None)
    before: Annotated[str, _TEXT] = ""


class AuditQuery(AuditOrganizationQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same, of one organization or of those events that concern ``none``."""

    organization: Annotated[str, _TEXT] = ""


class AuditOrganizationExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which events, as for a search, and in which form."""

    kind: Annotated[str, _TEXT] = ""
    subject: Annotated[str, _TEXT] = ""
    actor: Annotated[str, _TEXT] = ""
    since: datetime | None = msgspec.field(name="from", default=None)
    until: datetime | None = msgspec.field(name="to", default=None)
    format: ExportFormat = ExportFormat.JSONL


class AuditExportQuery(AuditOrganizationExportQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same, of one organization or of those events that concern ``none``."""

    organization: Annotated[str, _TEXT] = ""


class AuditPersonView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, and what they were called when it happened: null if they were erased since, or it was not kept."""

    id: str
    name: str | None
    address: str | None


class AuditEventView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. ``is_sealed``: it stands in its chains, so that no change of it goes unseen."""

    id: str
    at: datetime
    kind: str
    subject: AuditPersonView | None
    actor: AuditPersonView | None
    session_id: str | None
    organizations: list[str]
    details: dict[str, str | int]
    is_sealed: bool


class AuditEventsView(msgspec.Struct, frozen=True, kw_only=True):
    """Events, newest first; ``next_before`` is what to ask with for what lies before."""

    events: list[AuditEventView]
    next_before: str | None


class AuditApi:
    """The trail, for programs."""

    def __init__(self, *, gate: SessionGate, reading: TrailReading) -> None:
        self._gate = gate
        self._reading = reading

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        gives = ", ".join(kind.partition(";")[0] for kind in _TYPES.values())
        operators = (BadInput, NotSignedIn, NotAllowed, Busy)
        admins = (*operators, NotFound)
        return (
            Endpoint(
                "GET", f"{DEPLOYMENT}/events", self.list_all, Access.OPERATOR, "What happened, newest first.",
                query=AuditQuery, output=AuditEventsView, errors=operators,
            ),
            Endpoint(
                "GET", f"{DEPLOYMENT}/export", self.export_all, Access.OPERATOR,
                "What happened, as a file. The export is recorded.",
                query=AuditExportQuery, gives=gives, errors=operators,
            ),
            Endpoint(
                "GET", f"{ORGANIZATION}/events", self.list_own, Access.ADMIN,
                "What happened in an organization one administers, newest first.",
                query=AuditOrganizationQuery, output=AuditEventsView, errors=admins,
            ),
            Endpoint(
                "GET", f"{ORGANIZATION}/export", self.export_own, Access.ADMIN,
                "What happened in an organization one administers, as a file. The export is recorded.",
                query=AuditOrganizationExportQuery, gives=gives, errors=admins,
            ),
        )  # fmt: skip

    async def list_all(self, request: Request) -> Response:
        """A page of the whole trail."""
        query: AuditQuery = read_query(request, AuditQuery)
        return _page(await self._reading.search(_everywhere(query), query.before))

    async def export_all(self, request: Request) -> Response:
        """The whole trail."""
        query: AuditExportQuery = read_query(request, AuditExportQuery)
        signed_in = await self._gate.get_signed_in(request)
        pieces = await self._reading.export(signed_in, query.format, _everywhere(query))
        return StreamingResponse(pieces, media_type=_TYPES[query.format])

    async def list_own(self, request: Request) -> Response:
        """A page of what concerns an organization."""
        query: AuditOrganizationQuery = read_query(request, AuditOrganizationQuery)
        organization_id = request.path_params["organization_id"]
        return _page(await self._reading.search_for(organization_id, _filter(query), query.before))

    async def export_own(self, request: Request) -> Response:
        """What concerns an organization."""
        signed_in = await self._gate.get_signed_in(request)
        query: AuditOrganizationExportQuery = read_query(request, AuditOrganizationExportQuery)
        organization_id = request.path_params["organization_id"]
        pieces = await self._reading.export_for(signed_in, organization_id, query.format, _filter(query))
        return StreamingResponse(pieces, media_type=_TYPES[query.format])


def _filter(query: AuditOrganizationQuery | AuditOrganizationExportQuery) -> Filter:
    return Filter(kind=query.kind, subject_id=query.subject, actor_id=query.actor, since=query.since, until=query.until)


def _everywhere(query: AuditQuery | AuditExportQuery) -> Filter:
    """As above, of all organizations, of one, or of none."""
    organization = "" if query.organization == NO_ORGANIZATION else query.organization or None
    return msgspec.structs.replace(_filter(query), organization_id=organization)


def _page(events: list[FoundEvent]) -> Response:
    shown = [msgspec.convert(event, AuditEventView, from_attributes=True) for event in events]
    next_before = events[-1].id if len(events) == PAGE else None
    return json_response(AuditEventsView(events=shown, next_before=next_before))
