"""Versions of policies in the database: added to, never changed. Imported by this feature and ``app`` only."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.organizations.model import Feature, MemberType
from portico.organizations.policy import PolicyFields, PolicyVersion

_COLUMNS = "organization_id, member_type, number, fields, rehearsal, enforced_from, created_at, created_by, reason"
_VERSION_COLUMNS = ", ".join(f"p.{name}" for name in _COLUMNS.split(", "))
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


async def add_version(tx: Transaction, version: PolicyVersion) -> bool:
    """Add a version; False if there is one of this number already."""
    added = await tx.execute(
        f"INSERT INTO policies ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        version.organization_id,
        version.member_type.value,
        version.number,
        msgspec.json.encode(version.fields).decode(),
        int(version.rehearsal),
        to_micros(version.enforced_from),
        to_micros(version.created_at),
        version.created_by,
        version.reason,
    )
    return added == 1


async def list_versions(reader: Reader, organization_id: str, member_type: MemberType) -> Sequence[PolicyVersion]:
    """All versions for one type of member, the newest first."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM policies WHERE organization_id = $1 AND member_type = $2 ORDER BY number DESC",
        organization_id,
        member_type.value,
    )
    return [_version(row) for row in rows]


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
    )
