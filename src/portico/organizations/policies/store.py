"""Versions of policies in the database: added to, never changed. Imported by this feature and ``app`` only."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from portico.database.engine import Reader, Row, Transaction, Value
from portico.kernel.clock import from_micros, to_micros
from portico.organizations.model import Feature, MemberType
from portico.organizations.policies.model import AffectedMember, Looked, MemberCounts, WhyAffected
from portico.organizations.policy import PolicyFields, PolicyVersion, SecondFactor

_COLUMNS = (
    "organization_id, member_type, number, fields, rehearsal, enforced_from, created_at, created_by, reason, forced_at"
)
_VERSION_COLUMNS = ", ".join(f"p.{name}" for name in _COLUMNS.split(", "))
_PASSWORDS = "LEFT JOIN credentials c ON c.account_id = m.account_id AND c.kind = 'password'"
_OF_TYPE = "WHERE m.organization_id = $1 AND m.member_type = $2 AND m.state = 'active'"
_FIELDS = msgspec.json.Decoder(PolicyFields)
_FEATURES = msgspec.json.Decoder(frozenset[Feature])


class StandingVersion(msgspec.Struct, frozen=True):
    """A version with what is known of its organization."""

    version: PolicyVersion
    organization: str
    features: frozenset[Feature]


async def list_standing(reader: Reader, organization_ids: Collection[str], now: datetime) -> list[StandingVersion]:
    """The versions of these organizations that are in force, or still to come, or the newest."""
    if not organization_ids:
        return []
    places = ", ".join(f"${place}" for place in range(2, len(organization_ids) + 2))
    rows = await reader.list_rows(
        f"SELECT {_VERSION_COLUMNS}, o.name AS organization, o.features AS features "
        f"FROM policies p JOIN organizations o ON o.id = p.organization_id WHERE p.organization_id IN ({places}) "
        "AND p.number >= COALESCE((SELECT MAX(e.number) FROM policies e WHERE e.organization_id = p.organization_id "
        "AND e.member_type = p.member_type AND e.enforced_from <= $1 AND e.rehearsal = 0), 0)",
        to_micros(now),
        *organization_ids,
    )
    return [StandingVersion(_version(row), row["organization"], _FEATURES.decode(row["features"])) for row in rows]


async def list_asking(reader: Reader, after: str, limit: int) -> list[str]:
    """The ids of organizations that have ever asked anything, those after one of them."""
    sql = "SELECT DISTINCT organization_id FROM policies WHERE organization_id > $1 ORDER BY organization_id LIMIT $2"
    return [row["organization_id"] for row in await reader.list_rows(sql, after, limit)]


async def add_version(tx: Transaction, version: PolicyVersion) -> bool:
    """Add a version; False if there is one of this number already."""
    added = await tx.execute(
        f"INSERT INTO policies ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        version.organization_id,
        version.member_type.value,
        version.number,
        msgspec.json.encode(version.fields).decode(),
        int(version.rehearsal),
        to_micros(version.enforced_from),
        to_micros(version.created_at),
        version.created_by,
        version.reason,
        None if version.forced_at is None else to_micros(version.forced_at),
    )
    return added == 1


async def list_versions(
    reader: Reader, organization_id: str, member_type: MemberType, *, before: int | None = None, limit: int = 1_000
) -> Sequence[PolicyVersion]:
    """The versions for one type of member, the newest first; those older than number ``before``, if one is given."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM policies WHERE organization_id = $1 AND member_type = $2 "
        "AND ($3 < 0 OR number < $3) ORDER BY number DESC LIMIT $4",
        organization_id,
        member_type.value,
        -1 if before is None else before,
        limit,
    )
    return [_version(row) for row in rows]


async def count_members(reader: Reader, organization_id: str, member_type: MemberType, looked: Looked) -> MemberCounts:
    """How many active members there are, and how many would have to act. Reads each once, by an index."""
    marks, values = _marks(looked, 3)
    sums = ", ".join(f"COALESCE(SUM(CASE WHEN {mark} THEN 1 ELSE 0 END), 0) AS {name}" for name, mark in marks.items())
    rows = await reader.list_rows(
        f"SELECT COUNT(*) AS members, {sums} FROM {_members(looked)} {_OF_TYPE}",
        organization_id,
        member_type.value,
        *values,
    )
    return MemberCounts(**{name: int(rows[0][name]) for name in MemberCounts.__struct_fields__})


async def count_sessions(
    reader: Reader, organization_id: str, member_type: MemberType, looked: Looked, now: datetime
) -> int:
    """How many sessions are open of those who would have to act; open is what ``sessions`` calls alive."""
    marks, values = _marks(looked, 4)
    rows = await reader.list_rows(
        f"SELECT COUNT(*) AS open_sessions FROM {_members(looked)} JOIN accounts a ON a.id = m.account_id "
        "JOIN sessions s ON s.account_id = m.account_id AND s.epoch = a.epoch AND s.ended_at IS NULL "
        f"AND s.ends_at > $3 AND s.last_seen_at + s.idle_span > $3 {_OF_TYPE} AND ({marks['to_act']})",
        organization_id,
        member_type.value,
        to_micros(now),
        *values,
    )
    return int(rows[0]["open_sessions"])


async def list_affected(
    reader: Reader, organization_id: str, member_type: MemberType, looked: Looked, after: str, limit: int
) -> list[AffectedMember]:
    """Members who would have to act, in the order of their accounts' ids, those after one of them."""
    marks, values = _marks(looked, 5)
    reasons = ", ".join(f"CASE WHEN {marks[why.value]} THEN 1 ELSE 0 END AS {why.value}" for why in WhyAffected)
    rows = await reader.list_rows(
        f"SELECT m.account_id, a.first_name, a.last_name, a.handle, {reasons} FROM {_members(looked)} "
        f"JOIN accounts a ON a.id = m.account_id {_OF_TYPE} AND m.account_id > $3 AND ({marks['to_act']}) "
        "ORDER BY m.account_id LIMIT $4",
        organization_id,
        member_type.value,
        after,
        limit,
        *values,
    )
    return [
        AffectedMember(
            account_id=row["account_id"],
            name=" ".join(part for part in (row["first_name"], row["last_name"]) if part) or row["handle"],
            handle=row["handle"],
            why=tuple(why for why in WhyAffected if row[why.value]),
        )
        for row in rows
    ]


def _members(looked: Looked) -> str:
    """Where members stand, with their passwords where those matter."""
    return f"memberships m {_PASSWORDS if looked.wants_password else ''}"


def _marks(looked: Looked, place: int) -> tuple[dict[str, str], list[Value]]:
    """The conditions by their names, and the values for their places from ``place`` on."""
    values: list[Value] = []
    marks = {"too_old": "1 = 0", "to_change": "1 = 0", "no_password": "1 = 0", "no_second_factor": "1 = 0"}
    if looked.set_by is not None:
        marks["too_old"] = f"c.changed_at <= ${place + len(values)}"
        values.append(to_micros(looked.set_by))
    if looked.set_before is not None:
        marks["to_change"] = f"c.changed_at < ${place + len(values)}"
        values.append(to_micros(looked.set_before))
    if looked.wants_password:
        marks["no_password"] = "c.account_id IS NULL"
    if looked.factors:
        places = ", ".join(f"${place + len(values) + offset}" for offset in range(len(looked.factors)))
        marks["no_second_factor"] = (
            f"NOT EXISTS (SELECT 1 FROM credentials f WHERE f.account_id = m.account_id AND f.kind IN ({places}))"
        )
        if SecondFactor.PASSKEY in looked.factors:
            marks["no_second_factor"] += " AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.account_id = m.account_id)"
        values += [factor.value for factor in looked.factors]
    marks["to_act"] = " OR ".join(marks.values())
    return marks, values


def _version(row: Row) -> PolicyVersion:
    return PolicyVersion(
        organization_id=row["organization_id"],
        member_type=MemberType(row["member_type"]),
        number=row["number"],
        fields=_FIELDS.decode(row["fields"]),
        rehearsal=bool(row["rehearsal"]),
        enforced_from=from_micros(row["enforced_from"]),
        created_at=from_micros(row["created_at"]),
        created_by=row["created_by"],
        reason=row["reason"],
        forced_at=None if row["forced_at"] is None else from_micros(row["forced_at"]),
    )
