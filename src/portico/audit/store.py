"""The audit trail in the database: appended to, read, never changed. Imported by this feature and ``app`` only.

The names beside it are written once for each version, and deleted with their account.
"""

from collections.abc import Collection
from datetime import datetime

import msgspec

from portico.audit.model import Event, EventKind, KnownName, Reason, RecordedEvent
from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros

_COLUMNS = "id, at, kind, subject_id, actor_id, session_id, details, organizations"


async def append(
    tx: Transaction,
    event_id: str,
    at: datetime,
    event: Event,
    subject_digest: bytes | None = None,
    actor_digest: bytes | None = None,
) -> None:
    """Add one event to the trail; the digests say what its people were called."""
    await tx.execute(
        "INSERT INTO audit_events (id, at, kind, subject_id, actor_id, session_id, details, organizations, "
        "subject_digest, actor_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        event_id,
        to_micros(at),
        event.kind.value,
        event.subject_id,
        event.actor_id,
        event.session_id,
        msgspec.json.encode(event.details).decode(),
        msgspec.json.encode(sorted(set(event.organizations))).decode(),
        subject_digest,
        actor_digest,
    )


async def add_name(
    tx: Transaction, subject_id: str, digest: bytes, salt: bytes, name: str, address: str, now: datetime
) -> None:
    """Keep what somebody is called from now on."""
    await tx.execute(
        "INSERT INTO audit_names (digest, subject_id, salt, name, address, known_at) VALUES ($1, $2, $3, $4, $5, $6)",
        digest,
        subject_id,
        salt,
        name,
        address,
        to_micros(now),
    )


async def erase_names(tx: Transaction, subject_id: str) -> None:
    """Forget everything somebody was called."""
    await tx.execute("DELETE FROM audit_names WHERE subject_id = $1", subject_id)


async def list_names(reader: Reader, subject_id: str) -> list[KnownName]:
    """Everything somebody was called, the newest first."""
    sql = "SELECT name, address, known_at FROM audit_names WHERE subject_id = $1 ORDER BY known_at DESC, digest"
    return [
        KnownName(name=row["name"], address=row["address"], known_at=from_micros(row["known_at"]))
        for row in await reader.list_rows(sql, subject_id)
    ]


async def add_reason(tx: Transaction, event_id: str, subject_id: str, reason: Reason) -> None:
    """Keep beside an event why it was done."""
    await tx.execute(
        "INSERT INTO audit_reasons (event_id, subject_id, organization_id, reason) VALUES ($1, $2, $3, $4)",
        event_id,
        subject_id,
        reason.organization_id,
        reason.text,
    )


async def list_reasoned(reader: Reader, subject_id: str, organization_id: str, limit: int) -> list[RecordedEvent]:
    """The newest events with a reason that an organization has caused for one account."""
    rows = await reader.list_rows(
        "SELECT e.id, e.at, e.kind, e.subject_id, e.actor_id, e.session_id, e.details, e.organizations, r.reason, "
        "r.organization_id FROM audit_reasons r JOIN audit_events e ON e.id = r.event_id "
        "WHERE r.subject_id = $1 AND r.organization_id = $2 ORDER BY e.at DESC, e.id DESC LIMIT $3",
        subject_id,
        organization_id,
        limit,
    )
    return [_with_reason(_recorded(row), Reason(row["reason"], row["organization_id"])) for row in rows]


async def erase_reasons(tx: Transaction, subject_id: str) -> None:
    """Forget the reasons about one account."""
    await tx.execute("DELETE FROM audit_reasons WHERE subject_id = $1", subject_id)


async def list_events(reader: Reader, subject_id: str, limit: int) -> list[RecordedEvent]:
    """The newest events that concern one account, newest first."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM audit_events WHERE subject_id = $1 ORDER BY at DESC, id DESC LIMIT $2",
        subject_id,
        limit,
    )
    return [_recorded(row) for row in rows]


async def find_first(reader: Reader, subject_id: str, kind: EventKind) -> RecordedEvent | None:
    """The oldest event of a kind that concerns one account."""
    row = await reader.find_row(
        f"SELECT {_COLUMNS} FROM audit_events WHERE subject_id = $1 AND kind = $2 ORDER BY at, id LIMIT 1",
        subject_id,
        kind.value,
    )
    return _recorded(row) if row else None


async def list_history(
    reader: Reader, subject_id: str, kinds: Collection[EventKind], before_id: str, limit: int
) -> list[RecordedEvent]:
    """The newest events of some kinds that concern one account and lie before another of its events."""
    places = ", ".join(f"${place}" for place in range(4, len(kinds) + 4))
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM audit_events WHERE subject_id = $1 "
        "AND ($2 = '' OR (at, id) < (SELECT e.at, e.id FROM audit_events e WHERE e.id = $2 AND e.subject_id = $1)) "
        f"AND kind IN ({places}) ORDER BY at DESC, id DESC LIMIT $3",
        subject_id,
        before_id,
        limit,
        *(kind.value for kind in kinds),
    )
    return [_recorded(row) for row in rows]


def _with_reason(recorded: RecordedEvent, reason: Reason) -> RecordedEvent:
    return msgspec.structs.replace(recorded, event=msgspec.structs.replace(recorded.event, reason=reason))


def _recorded(row: Row) -> RecordedEvent:
    event = Event(
        kind=EventKind(row["kind"]),
        subject_id=row["subject_id"],
        actor_id=row["actor_id"],
        session_id=row["session_id"],
        details=msgspec.json.decode(row["details"], type=dict[str, str | int]),
        organizations=msgspec.json.decode(row["organizations"], type=tuple[str, ...]),
    )
    return RecordedEvent(id=row["id"], at=from_micros(row["at"]), event=event)
