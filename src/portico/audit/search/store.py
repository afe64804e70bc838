"""Reading the trail for people and for files. Imported by this feature and ``app`` only."""

from typing import TypeVar

import msgspec

from portico.audit.sealing.chain import Link
from portico.audit.sealing.store import sealed_event
from portico.audit.search.model import Filter, FoundEvent, Named, SaltedName, SoughtLink
from portico.database.engine import Reader, Row, Value
from portico.kernel.clock import EPOCH, from_micros, to_micros

T = TypeVar("T")
_EVENT = (
    "e.id, e.at, e.kind, e.subject_id, e.actor_id, e.session_id, e.details, e.organizations, e.sealed, "
    "e.subject_digest, e.actor_digest, s.name AS subject_name, s.address AS subject_address, s.salt AS subject_salt, "
    "a.name AS actor_name, a.address AS actor_address, a.salt AS actor_salt"
)
_NAMES = (
    "LEFT JOIN audit_names s ON s.digest = e.subject_digest AND s.subject_id = e.subject_id "
    "LEFT JOIN audit_names a ON a.digest = e.actor_digest AND a.subject_id = e.actor_id"
)


class _Where:
    """Conditions and their values, numbered as they come."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Value] = []

    def add(self, condition: str, *values: Value) -> None:
        """One more condition; ``{}`` stands for each value."""
        self.conditions.append(condition.format(*(self.place(value) for value in values)))

    def place(self, value: Value) -> str:
        """Where a value stands."""
        self.values.append(value)
        return f"${len(self.values)}"

    def __str__(self) -> str:
        return " AND ".join(self.conditions) or "1 = 1"


async def list_events(reader: Reader, sought: Filter, before_id: str, limit: int) -> list[FoundEvent]:
    """Events newest first, those before an id if there is one."""
    where = _where(sought)
    if before_id:
        where.add("e.id < {}", before_id)
    source = "audit_events e"
    if sought.organization_id is not None:
        where.add("l.organization_id = {}", sought.organization_id)
        if before_id:
            where.add("l.event_id < {}", before_id)
        source = "audit_links l JOIN audit_events e ON e.id = l.event_id"
    order = "e.id" if sought.organization_id is None else "l.event_id"
    rows = await reader.list_rows(
        f"SELECT {_EVENT} FROM {source} {_NAMES} WHERE {where} ORDER BY {order} DESC LIMIT {where.place(limit)}",
        *where.values,
    )
    return [_found(row) for row in rows]


async def list_unsealed(reader: Reader, sought: Filter, before_id: str, limit: int) -> list[FoundEvent]:
    """As above, but of one organization the events that stand in no chain yet."""
    where = _where(sought)
    where.add("e.sealed = 0")
    if before_id:
        where.add("e.id < {}", before_id)
    if sought.organization_id:
        where.add("e.organizations LIKE {}", f'%"{sought.organization_id}"%')
    else:
        where.add("e.organizations = '[]'")
    rows = await reader.list_rows(
        f"SELECT {_EVENT} FROM audit_events e {_NAMES} WHERE {where} ORDER BY e.id DESC LIMIT {where.place(limit)}",
        *where.values,
    )
    return [_found(row) for row in rows]


async def list_links(reader: Reader, organization_id: str, sought: Filter, first: int, last: int) -> list[SoughtLink]:
    """The links of a chain between two numbers, both included, but for those whose event is not sought."""
    where = _where(sought)
    chain, low, high = (where.place(value) for value in (organization_id, first, last))
    rows = await reader.list_rows(
        f"SELECT l.number, l.event_id, l.hash, p.hash AS previous, {_EVENT} FROM audit_links l "
        "LEFT JOIN audit_links p ON p.organization_id = l.organization_id AND p.number = l.number - 1 "
        f"LEFT JOIN audit_events e ON e.id = l.event_id {_NAMES} "
        f"WHERE l.organization_id = {chain} AND l.number BETWEEN {low} AND {high} AND {where} ORDER BY l.number",
        *where.values,
    )
    return [_link(row) for row in rows]


def _where(sought: Filter) -> _Where:
    where = _Where()
    if (kinds := sought.kind_range) is not None:
        where.add("e.kind >= {} AND e.kind < {}", *kinds)
    elif sought.kind:
        where.add("e.kind = {}", sought.kind)
    if sought.subject_id:
        where.add("e.subject_id = {}", sought.subject_id)
    if sought.actor_id:
        where.add("e.actor_id = {}", sought.actor_id)
    if sought.since is not None:
        where.add("e.at >= {}", to_micros(sought.since))
    if sought.until is not None:
        where.add("e.at < {}", to_micros(sought.until))
    return where


def _found(row: Row) -> FoundEvent:
    try:
        at = from_micros(row["at"])
    except OverflowError:  # written by hand; the verifier says so
        at = EPOCH
    return FoundEvent(
        id=row["id"],
        at=at,
        kind=row["kind"],
        subject=_named(row, "subject"),
        actor=_named(row, "actor"),
        session_id=row["session_id"],
        organizations=_read(row["organizations"], tuple[str, ...], ()),
        details=_read(row["details"], dict[str, str | int], {"unreadable": row["details"]}),
        is_sealed=row["sealed"] != 0,
    )


def _named(row: Row, who: str) -> Named | None:
    if row[f"{who}_id"] is None:
        return None
    return Named(id=row[f"{who}_id"], name=row[f"{who}_name"], address=row[f"{who}_address"])


def _read(text: str, shape: type[T], otherwise: T) -> T:
    """JSON as it should lie there; something else where somebody has altered it."""
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.MsgspecError:
        return otherwise


def _link(row: Row) -> SoughtLink:
    event = sealed_event(row) if row["id"] is not None else None
    previous = None if row["previous"] is None else bytes(row["previous"])
    link = Link(number=row["number"], event_id=row["event_id"], hash=bytes(row["hash"]), event=event, previous=previous)
    return SoughtLink(link=link, subject=_salted(row, "subject"), actor=_salted(row, "actor"))


def _salted(row: Row, who: str) -> SaltedName | None:
    if row[f"{who}_name"] is None:
        return None
    return SaltedName(name=row[f"{who}_name"], address=row[f"{who}_address"], salt=bytes(row[f"{who}_salt"]))
