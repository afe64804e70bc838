"""Searching the trail and taking it out, a page at a time: as much memory for a million events as for a hundred."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime

import msgspec
from msgspec import structs

from portico.audit.sealing.lines import ExportedName, Line, opening
from portico.audit.sealing.store import list_heads
from portico.audit.search import store
from portico.audit.search.model import Filter, FoundEvent, SaltedName, SoughtLink, is_kind
from portico.database.engine import Reader
from portico.kernel.errors import BadInput
from portico.kernel.tokens import is_id

PAGE = 50
_CHUNK = 250
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell (OWASP: CSV Injection)."""
COLUMNS = (
    "id", "at", "kind", "subject_id", "subject_name", "subject_address", "actor_id", "actor_name", "actor_address",
    "session_id", "organizations", "details", "is_sealed",
)  # fmt: skip


class TrailSearch:
    """The trail as people read it. ``reader`` is the database outside of any transaction."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list_page(self, sought: Filter, before_id: str = "", limit: int = PAGE) -> list[FoundEvent]:
        """Events newest first; ``before_id`` goes on where the last page ended. Raises BadInput for nonsense."""
        check(sought)
        if before_id and not is_id(before_id):
            raise BadInput("not the id of an event", field="before")
        if sought.organization_id is None:
            return await store.list_events(self._reader, sought, before_id, limit)
        # What is sealed between the two is found twice, and nothing is missed.
        unsealed = await store.list_unsealed(self._reader, sought, before_id, limit)
        sealed = await store.list_events(self._reader, sought, before_id, limit)
        found = {event.id: event for event in (*unsealed, *sealed)}
        return [found[event_id] for event_id in sorted(found, reverse=True)[:limit]]

    async def write_table(self, sought: Filter) -> AsyncIterator[bytes]:
        """The events as CSV (RFC 4180, UTF-8), newest first, in pieces. Only an organization's own id is named."""
        check(sought)
        yield _rows([COLUMNS])
        before = ""
        while page := await self.list_page(sought, before, _CHUNK):
            yield _rows(_row(narrowed(event, sought.organization_id)) for event in page)
            before = page[-1].id

    async def write_lines(self, sought: Filter, now: datetime) -> AsyncIterator[bytes]:
        """What is sealed as JSON lines, chain by chain, in pieces; ``sealing/lines`` says what is in them."""
        check(sought)
        heads = await list_heads(self._reader, sought.organization_id)
        encoder = msgspec.json.Encoder()
        yield encoder.encode(opening(heads, now, is_whole=not sought.selects)) + b"\n"
        for head in heads:
            written = 0
            for first in range(1, head.number + 1, _CHUNK):
                last = min(first + _CHUNK - 1, head.number)
                lines = []
                for found in await store.list_links(self._reader, head.organization_id, sought, first, last):
                    line = write_line(head.organization_id, found, after=written)
                    if line is not None:  # then its event is gone, and the verifier finds the gap
                        lines.append(line)
                        written = line.number
                if lines:
                    yield encoder.encode_lines(lines)


def write_line(organization_id: str, found: SoughtLink, *, after: int) -> Line | None:
    """A line of an export that follows a number; None if the event is gone."""
    link, event = found.link, found.link.event
    if event is None:
        return None
    previous = None if link.number == after + 1 or link.previous is None else link.previous.hex()
    return Line(
        organization_id=organization_id,
        number=link.number,
        hash=link.hash.hex(),
        previous=previous,
        subject=_exported(found.subject),
        actor=_exported(found.actor),
        **structs.asdict(event),
    )


def _exported(name: SaltedName | None) -> ExportedName | None:
    return ExportedName(name=name.name, address=name.address, salt=name.salt.hex()) if name else None


def narrowed(event: FoundEvent, organization_id: str | None) -> FoundEvent:
    """An event as one organization sees it: where else somebody belongs is none of its business."""
    return structs.replace(event, organizations=(organization_id,)) if organization_id else event


def check(sought: Filter) -> None:
    """Raises BadInput for a filter that can find nothing because it makes no sense."""
    ids: tuple[tuple[str, str | None], ...] = (
        ("organization", sought.organization_id), ("subject", sought.subject_id), ("actor", sought.actor_id),
    )  # fmt: skip
    for field, value in ids:
        if value and not is_id(value):
            raise BadInput("not an id", field=field)
    if sought.kind and not is_kind(sought.kind):
        raise BadInput("no such kind of event", field="kind")
    for field, at in (("from", sought.since), ("to", sought.until)):
        if at is not None and at.tzinfo is None:
            raise BadInput("an instant needs its offset from UTC", field=field)
    if sought.since is not None and sought.until is not None and sought.since >= sought.until:
        raise BadInput("the end lies before the beginning", field="to")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _row(event: FoundEvent) -> tuple[str, ...]:
    people: list[str] = []
    for person in (event.subject, event.actor):
        people += (person.id, person.name or "", person.address or "") if person else ("", "", "")
    return (
        event.id,
        event.at.isoformat().replace("+00:00", "Z"),
        event.kind,
        *people,
        event.session_id or "",
        " ".join(event.organizations),
        msgspec.json.encode(event.details).decode(),
        "yes" if event.is_sealed else "no",
    )


def _rows(rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    write: Callable[[tuple[str, ...]], object] = csv.writer(text).writerow
    for row in rows:
        write(tuple(map(guarded, row)))
    return text.getvalue().encode("utf-8", "replace")
