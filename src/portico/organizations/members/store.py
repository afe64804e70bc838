"""Changes and lists of memberships in the database. Imported by this feature and ``app`` only.

Every statement that could take an organization's last owner away carries the condition that another one stays who can
act: an active owner whose account is active and not about to be erased. To be run with the organization held, so that
two such statements follow one another.
"""

from datetime import datetime

from portico.accounts.model import AccountState
from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import to_micros
from portico.organizations.model import Member, MemberFilter, Membership, MembershipState, MemberType, Role
from portico.organizations.store import MEMBERSHIP_COLUMNS, membership_of

_ANOTHER_OWNER = (
    "EXISTS (SELECT 1 FROM memberships other JOIN accounts a ON a.id = other.account_id "
    "WHERE other.organization_id = memberships.organization_id AND other.account_id <> memberships.account_id "
    "AND other.role = 'owner' AND other.state = 'active' AND a.state = 'active' AND a.delete_at IS NULL)"
)
_KEEPS_AN_OWNER = f"(role <> 'owner' OR state <> 'active' OR {_ANOTHER_OWNER})"
_MEMBER_COLUMNS = ", ".join(f"m.{name}" for name in MEMBERSHIP_COLUMNS.split(", ")) + (
    ", a.address, a.handle, a.first_name, a.last_name, a.state AS account_state"
)
_FROM = "FROM memberships m JOIN accounts a ON a.id = m.account_id WHERE m.organization_id = $1"


async def find_member(reader: Reader, organization_id: str, account_id: str) -> Member | None:
    """One member."""
    row = await reader.find_row(f"SELECT {_MEMBER_COLUMNS} {_FROM} AND m.account_id = $2", organization_id, account_id)
    return _member(row) if row else None


async def list_members(
    reader: Reader, organization_id: str, asked: MemberFilter, patterns: tuple[str, str, str], after_id: str, limit: int
) -> list[Member]:
    """Members in the order in which their accounts came into being. Any of the patterns may fit a name."""
    name = "LOWER(a.first_name || ' ' || a.last_name)"
    rows = await reader.list_rows(
        f"SELECT {_MEMBER_COLUMNS} {_FROM} AND m.account_id > $2 "
        "AND (a.address_key LIKE $3 ESCAPE '!' OR a.handle_key LIKE $3 ESCAPE '!' "
        f"OR {name} LIKE $3 ESCAPE '!' OR {name} LIKE $4 ESCAPE '!' OR {name} LIKE $5 ESCAPE '!' "
        "OR LOWER(a.last_name) LIKE $3 ESCAPE '!' OR LOWER(a.last_name) LIKE $4 ESCAPE '!' "
        "OR LOWER(a.last_name) LIKE $5 ESCAPE '!') "
        "AND ($6 = '' OR m.member_type = $6) AND ($7 = '' OR m.role = $7) AND ($8 = '' OR m.state = $8) "
        "ORDER BY m.account_id LIMIT $9",
        organization_id,
        after_id,
        *patterns,
        asked.member_type.value if asked.member_type else "",
        asked.role.value if asked.role else "",
        asked.state.value if asked.state else "",
        limit,
    )
    return [_member(row) for row in rows]


async def change_membership(
    tx: Transaction, membership: Membership, member_type: MemberType, role: Role, now: datetime
) -> bool:
    """Change what a member is and may do; False if that has changed since, or no owner would stay."""
    changed = await tx.execute(
        "UPDATE memberships SET member_type = $1, role = $2, version = version + 1, changed_at = $3 "
        f"WHERE organization_id = $4 AND account_id = $5 AND version = $6 AND ($2 = 'owner' OR {_KEEPS_AN_OWNER})",
        member_type.value,
        role.value,
        to_micros(now),
        membership.organization_id,
        membership.account_id,
        membership.version,
    )
    return changed == 1


async def set_membership_state(tx: Transaction, membership: Membership, state: MembershipState, now: datetime) -> bool:
    """Suspend or resume a membership; False if it has changed since, or no owner would stay."""
    changed = await tx.execute(
        "UPDATE memberships SET state = $1, version = version + 1, changed_at = $2 "
        f"WHERE organization_id = $3 AND account_id = $4 AND version = $5 AND ($1 = 'active' OR {_KEEPS_AN_OWNER})",
        state.value,
        to_micros(now),
        membership.organization_id,
        membership.account_id,
        membership.version,
    )
    return changed == 1


async def remove_membership(tx: Transaction, membership: Membership) -> bool:
    """Delete a membership; False if it has changed since, or no owner would stay."""
    removed = await tx.execute(
        "DELETE FROM memberships WHERE organization_id = $1 AND account_id = $2 AND version = $3 "
        f"AND {_KEEPS_AN_OWNER}",
        membership.organization_id,
        membership.account_id,
        membership.version,
    )
    return removed == 1


async def would_keep_an_owner(reader: Reader, membership: Membership) -> bool:
    """Whether the organization could do without this member."""
    row = await reader.find_row(
        f"SELECT 1 AS is_so FROM memberships WHERE organization_id = $1 AND account_id = $2 AND {_KEEPS_AN_OWNER}",
        membership.organization_id,
        membership.account_id,
    )
    return row is not None


async def erase(tx: Transaction, account_id: str) -> None:
    """Delete all memberships of an account that is being erased."""
    await tx.execute("DELETE FROM memberships WHERE account_id = $1", account_id)


def _member(row: Row) -> Member:
    return Member(
        membership=membership_of(row),
        address=row["address"],
        handle=row["handle"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        account_state=AccountState(row["account_state"]),
    )
