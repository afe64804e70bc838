"""Organizations and memberships in the database. Imported by this feature and ``app`` only."""

from collections.abc import Sequence

import msgspec

from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.organizations.model import (
    Feature,
    Membership,
    MembershipState,
    MemberType,
    Organization,
    OrganizationRow,
    OrganizationState,
    Role,
)

_COLUMNS = "id, name, name_key, state, features, version, created_at"
MEMBERSHIP_COLUMNS = "organization_id, account_id, member_type, role, state, version, joined_at, changed_at"
_FEATURES = msgspec.json.Decoder(frozenset[Feature])


async def find_organization(reader: Reader, organization_id: str) -> Organization | None:
    """The organization with this id."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM organizations WHERE id = $1", organization_id)
    return _organization(row) if row else None


async def find_by_name_key(reader: Reader, name_key: str) -> Organization | None:
    """The organization whose name has this comparison key."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM organizations WHERE name_key = $1", name_key)
    return _organization(row) if row else None


async def add_organization(tx: Transaction, organization: Organization) -> bool:
    """Store a new organization; False if another has its name."""
    added = await tx.execute(
        f"INSERT INTO organizations ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        organization.id,
        organization.name,
        organization.name_key,
        organization.state.value,
        _features(organization.features),
        organization.version,
        to_micros(organization.created_at),
    )
    return added == 1


async def hold_organization(tx: Transaction, organization_id: str) -> Organization | None:
    """Take the turn of an organization's row until the transaction ends, and read it."""
    row = await tx.find_row(
        f"UPDATE organizations SET version = version WHERE id = $1 RETURNING {_COLUMNS}", organization_id
    )
    return _organization(row) if row else None


async def rename(tx: Transaction, organization_id: str, version: int, name: str, name_key: str) -> bool:
    """Give an organization another name; False if another has it, or it has changed since ``version``."""
    changed = await tx.execute(
        "UPDATE organizations SET name = $1, name_key = $2, version = version + 1 WHERE id = $3 AND version = $4 "
        "AND NOT EXISTS (SELECT 1 FROM organizations other WHERE other.name_key = $2 AND other.id <> $3)",
        name,
        name_key,
        organization_id,
        version,
    )
    return changed == 1


async def set_state(tx: Transaction, organization_id: str, version: int, state: OrganizationState) -> bool:
    """Change whether an organization is in business; False if it is so, or has changed since ``version``."""
    changed = await tx.execute(
        "UPDATE organizations SET state = $1, version = version + 1 WHERE id = $2 AND version = $3 AND state <> $1",
        state.value,
        organization_id,
        version,
    )
    return changed == 1


async def set_features(tx: Transaction, organization_id: str, version: int, features: frozenset[Feature]) -> bool:
    """Change which features are switched on; False if the organization has changed since ``version``."""
    changed = await tx.execute(
        "UPDATE organizations SET features = $1, version = version + 1 WHERE id = $2 AND version = $3",
        _features(features),
        organization_id,
        version,
    )
    return changed == 1


async def list_organizations(reader: Reader, prefix: str, after_id: str, limit: int) -> list[OrganizationRow]:
    """Organizations whose name's key begins so, the first created first, with their active members counted."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS}, "
        "(SELECT COUNT(*) FROM memberships m WHERE m.organization_id = o.id AND m.state = 'active') AS members, "
        "(SELECT COUNT(*) FROM memberships m WHERE m.organization_id = o.id AND m.state = 'active' "
        "AND m.role = 'owner') AS owners "
        "FROM organizations o WHERE id > $1 AND name_key LIKE $2 ESCAPE '!' ORDER BY id LIMIT $3",
        after_id,
        prefix,
        limit,
    )
    return [
        OrganizationRow(organization=_organization(row), members=row["members"], owners=row["owners"]) for row in rows
    ]


async def find_membership(reader: Reader, organization_id: str, account_id: str) -> Membership | None:
    """An account's membership of an organization."""
    row = await reader.find_row(
        f"SELECT {MEMBERSHIP_COLUMNS} FROM memberships WHERE organization_id = $1 AND account_id = $2",
        organization_id,
        account_id,
    )
    return membership_of(row) if row else None


async def list_memberships(reader: Reader, account_id: str) -> Sequence[Membership]:
    """An account's memberships, the first joined first."""
    rows = await reader.list_rows(
        f"SELECT {MEMBERSHIP_COLUMNS} FROM memberships WHERE account_id = $1 ORDER BY joined_at, organization_id",
        account_id,
    )
    return [membership_of(row) for row in rows]


async def add_membership(tx: Transaction, membership: Membership) -> bool:
    """Store a new membership; False if the account belongs to the organization already."""
    added = await tx.execute(
        f"INSERT INTO memberships ({MEMBERSHIP_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
        "ON CONFLICT DO NOTHING",
        membership.organization_id,
        membership.account_id,
        membership.member_type.value,
        membership.role.value,
        membership.state.value,
        membership.version,
        to_micros(membership.joined_at),
        to_micros(membership.changed_at),
    )
    return added == 1


def _features(features: frozenset[Feature]) -> str:
    return msgspec.json.encode(sorted(features)).decode()


def _organization(row: Row) -> Organization:
    return Organization(
        id=row["id"],
        name=row["name"],
        name_key=row["name_key"],
        state=OrganizationState(row["state"]),
        features=_FEATURES.decode(row["features"]),
        version=row["version"],
        created_at=from_micros(row["created_at"]),
    )


def membership_of(row: Row) -> Membership:
    """The membership in a row of its columns."""
    return Membership(
        organization_id=row["organization_id"],
        account_id=row["account_id"],
        member_type=MemberType(row["member_type"]),
        role=Role(row["role"]),
        state=MembershipState(row["state"]),
        version=row["version"],
        joined_at=from_micros(row["joined_at"]),
        changed_at=from_micros(row["changed_at"]),
    )
