"""Chains in the database: links are added and read, never changed. Imported by this feature and ``app`` only."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from portico.audit.model import EventKind
from portico.audit.sealing.chain import Head, SealedEvent, instant_text
from portico.database.engine import Reader, Row, Transaction, Value

T = TypeVar("T")
_EVENT = (
    "e.id, e.at, e.kind, e.subject_id, e.actor_id, e.session_id, e.details, e.organizations, e.subject_digest, "
    "e.actor_digest"
)
_CALLED = (
    "SELECT subject_digest AS digest, subject_id AS account_id FROM audit_events "
    "WHERE subject_digest IS NOT NULL AND subject_id IS NOT NULL UNION "
    "SELECT actor_digest AS digest, actor_id AS account_id FROM audit_events "
    "WHERE actor_digest IS NOT NULL AND actor_id IS NOT NULL"
)
"""Who is called what in events."""
_RUN = 128
"""Rows in one statement, at most."""


class Unsealed(msgspec.Struct, frozen=True, kw_only=True):
    """An event that stands in no chain yet."""

    event: SealedEvent
    organizations: str
    """JSON, as it lies there."""


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody was called; the digest is the one events carry."""

    subject_id: str
    digest: bytes
    salt: bytes
    name: str
    address: str


class LostName(msgspec.Struct, frozen=True, kw_only=True):
    """A digest that events carry, without the name it was made of."""

    subject_id: str
    digest: bytes


class StoredLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link, and the event it names: None if that is gone."""

    number: int
    event_id: str
    hash: bytes
    event: SealedEvent | None
    organizations: str = "[]"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What an event says of the chains it stands in."""

    id: str
    organizations: str
    is_sealed: bool


async def list_unsealed(reader: Reader, limit: int) -> list[Unsealed]:
    """The oldest events that stand in no chain."""
    sql = f"SELECT {_EVENT} FROM audit_events e WHERE e.sealed = 0 ORDER BY e.id LIMIT $1"
    rows = await reader.list_rows(sql, limit)
    return [Unsealed(event=sealed_event(row), organizations=row["organizations"]) for row in rows]


async def find_end(tx: Reader, organization_id: str) -> Head | None:
    """Where a chain ends: by its head or by its last link, whichever is further. None before the first link."""
    row = await tx.find_row(
        "SELECT number, hash, 0 AS is_link FROM audit_heads WHERE organization_id = $1 UNION ALL "
        "SELECT number, hash, 1 AS is_link FROM (SELECT number, hash FROM audit_links WHERE organization_id = $1 "
        "ORDER BY number DESC LIMIT 1) AS last ORDER BY number DESC, is_link DESC LIMIT 1",
        organization_id,
    )
    return Head(organization_id=organization_id, number=row["number"], hash=bytes(row["hash"])) if row else None


async def list_heads(reader: Reader, organization_id: str | None = None) -> list[Head]:
    """The heads of all chains, or of one."""
    sql = "SELECT organization_id, number, hash FROM audit_heads"
    rows = (
        await reader.list_rows(f"{sql} ORDER BY organization_id")
        if organization_id is None
        else await reader.list_rows(f"{sql} WHERE organization_id = $1", organization_id)
    )
    return [Head(organization_id=row["organization_id"], number=row["number"], hash=bytes(row["hash"])) for row in rows]


async def list_chains(reader: Reader) -> list[str]:
    """The names of all chains that have a head or a link."""
    rows = await reader.list_rows(
        "SELECT organization_id FROM audit_heads UNION SELECT organization_id FROM audit_links ORDER BY organization_id"
    )
    return [row["organization_id"] for row in rows]


async def list_linked(reader: Reader, organization_id: str, first_id: str, last_id: str) -> set[str]:
    """Those events between two ids that stand in a chain."""
    rows = await reader.list_rows(
        "SELECT event_id FROM audit_links WHERE organization_id = $1 AND event_id >= $2 AND event_id <= $3",
        organization_id,
        first_id,
        last_id,
    )
    return {row["event_id"] for row in rows}


async def add_links(tx: Transaction, organization_id: str, links: Sequence[tuple[int, str, bytes]]) -> None:
    """Add links (number, event, hash) to a chain; raises Conflict if somebody else has added one of them."""
    for run in _runs(links):
        places = ", ".join(f"($1, ${at}, ${at + 1}, ${at + 2})" for at in range(2, 3 * len(run) + 2, 3))
        values: list[Value] = [value for link in run for value in link]
        await tx.execute(
            f"INSERT INTO audit_links (organization_id, number, event_id, hash) VALUES {places}",
            organization_id,
            *values,
        )


async def move_head(tx: Transaction, head: Head) -> bool:
    """Let a chain end further on; False if it does so already."""
    moved = await tx.execute(
        "INSERT INTO audit_heads (organization_id, number, hash) VALUES ($1, $2, $3) "
        "ON CONFLICT (organization_id) DO UPDATE SET number = $2, hash = $3 WHERE audit_heads.number < $2",
        head.organization_id,
        head.number,
        head.hash,
    )
    return moved == 1


async def mark_sealed(tx: Transaction, event_ids: Sequence[str]) -> None:
    """Note that events stand in their chains."""
    for run in _runs(event_ids):
        places = ", ".join(f"${at}" for at in range(1, len(run) + 1))
        await tx.execute(f"UPDATE audit_events SET sealed = 1 WHERE id IN ({places})", *run)


async def list_links(reader: Reader, organization_id: str, after: int, limit: int) -> list[StoredLink]:
    """The links of a chain that follow a number, with their events."""
    rows = await reader.list_rows(
        f"SELECT l.number, l.event_id, l.hash, {_EVENT} FROM audit_links l "
        "LEFT JOIN audit_events e ON e.id = l.event_id "
        "WHERE l.organization_id = $1 AND l.number > $2 ORDER BY l.number LIMIT $3",
        organization_id,
        after,
        limit,
    )
    return [
        StoredLink(
            number=row["number"],
            event_id=row["event_id"],
            hash=bytes(row["hash"]),
            event=sealed_event(row) if row["id"] is not None else None,
            organizations=row["organizations"] or "[]",
        )
        for row in rows
    ]


async def list_marks(reader: Reader, after_id: str, limit: int) -> list[Mark]:
    """What events say of their chains, in the order of their ids."""
    sql = "SELECT id, organizations, sealed FROM audit_events WHERE id > $1 ORDER BY id LIMIT $2"
    rows = await reader.list_rows(sql, after_id, limit)
    return [Mark(id=row["id"], organizations=row["organizations"], is_sealed=row["sealed"] != 0) for row in rows]


async def is_sealed(reader: Reader, event_id: str) -> bool:
    """Whether an event says that it stands in its chains."""
    row = await reader.find_row("SELECT sealed FROM audit_events WHERE id = $1", event_id)
    return row is not None and row["sealed"] != 0


async def list_names(reader: Reader, after: bytes, limit: int) -> list[Name]:
    """What people were called, in the order of the digests."""
    rows = await reader.list_rows(
        "SELECT digest, subject_id, salt, name, address FROM audit_names WHERE digest > $1 ORDER BY digest LIMIT $2",
        after,
        limit,
    )
    return [
        Name(
            subject_id=row["subject_id"],
            digest=bytes(row["digest"]),
            salt=bytes(row["salt"]),
            name=row["name"],
            address=row["address"],
        )
        for row in rows
    ]


async def list_lost_names(reader: Reader, after: bytes, limit: int) -> list[LostName]:
    """Digests that events carry and no name is kept for, in their order, though its account was not erased.

    An account was erased if it is gone and an event says so; whoever has erased one has deleted its names.
    """
    rows = await reader.list_rows(
        f"SELECT DISTINCT p.digest AS digest, p.account_id AS account_id FROM ({_CALLED}) AS p "
        "WHERE p.digest > $1 AND NOT EXISTS (SELECT 1 FROM audit_names n WHERE n.digest = p.digest) "
        "AND (EXISTS (SELECT 1 FROM accounts a WHERE a.id = p.account_id) OR NOT EXISTS "
        "(SELECT 1 FROM audit_events e WHERE e.subject_id = p.account_id AND e.kind = $2)) "
        "ORDER BY digest, account_id LIMIT $3",
        after,
        EventKind.ACCOUNT_ERASED.value,
        limit,
    )
    return [LostName(subject_id=row["account_id"], digest=bytes(row["digest"])) for row in rows]


def sealed_event(row: Row) -> SealedEvent:
    """What a link covers of a row."""
    subject_digest, actor_digest = row["subject_digest"], row["actor_digest"]
    return SealedEvent(
        id=row["id"],
        at=instant_text(row["at"]),
        kind=row["kind"],
        subject_id=row["subject_id"],
        actor_id=row["actor_id"],
        session_id=row["session_id"],
        details=row["details"],
        subject_digest=None if subject_digest is None else subject_digest.hex(),
        actor_digest=None if actor_digest is None else actor_digest.hex(),
    )


def chains_of(organizations: str) -> tuple[str, ...]:
    """The chains of an event, by its organizations as they lie in the database. What cannot be read names none."""
    if organizations == "[]":
        return ("",)
    try:
        return tuple(dict.fromkeys(msgspec.json.decode(organizations, type=tuple[str, ...]))) or ("",)
    except msgspec.MsgspecError:
        return ("",)


def _runs(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Items in runs whose lengths are powers of two: few different statements, whatever the number of items."""
    size, rest = _RUN, items
    while rest:
        while size > len(rest):
            size //= 2
        yield rest[:size]
        rest = rest[size:]
