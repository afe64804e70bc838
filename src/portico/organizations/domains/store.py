"""Claimed domains in the database. Imported by this feature and ``app`` only."""

from datetime import datetime

from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.organizations.domains.model import Domain

_COLUMNS = "organization_id, domain, challenge, claimed_at, verified_at"


async def find_domain(reader: Reader, organization_id: str, domain: str) -> Domain | None:
    """A domain an organization claims."""
    row = await reader.find_row(
        f"SELECT {_COLUMNS} FROM organization_domains WHERE organization_id = $1 AND domain = $2",
        organization_id,
        domain,
    )
    return _domain(row) if row else None


async def find_holder(reader: Reader, domain: str) -> str | None:
    """The id of the organization that has proven a domain."""
    row = await reader.find_row(
        "SELECT organization_id FROM organization_domains WHERE domain = $1 AND verified_at IS NOT NULL", domain
    )
    return str(row["organization_id"]) if row else None


async def list_domains(reader: Reader, organization_id: str) -> list[Domain]:
    """What an organization claims, in alphabetical order."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM organization_domains WHERE organization_id = $1 ORDER BY domain", organization_id
    )
    return [_domain(row) for row in rows]


async def add_domain(tx: Transaction, domain: Domain) -> bool:
    """Store a claim; False if the organization has made it before."""
    added = await tx.execute(
        f"INSERT INTO organization_domains ({_COLUMNS}) VALUES ($1, $2, $3, $4, NULL) ON CONFLICT DO NOTHING",
        domain.organization_id,
        domain.domain,
        domain.challenge,
        to_micros(domain.claimed_at),
    )
    return added == 1


async def verify_domain(tx: Transaction, domain: Domain, now: datetime) -> bool:
    """Make a claimed domain the organization's own; False if it is somebody's, or the claim is another one by now.

    Raises Conflict where another organization does so at this very moment: the unique key decides.
    """
    verified = await tx.execute(
        "UPDATE organization_domains SET verified_at = $1 WHERE organization_id = $2 AND domain = $3 "
        "AND challenge = $4 AND verified_at IS NULL AND NOT EXISTS (SELECT 1 FROM organization_domains other "
        "WHERE other.domain = $3 AND other.verified_at IS NOT NULL)",
        to_micros(now),
        domain.organization_id,
        domain.domain,
        domain.challenge,
    )
    return verified == 1


async def release_domain(tx: Transaction, organization_id: str, domain: str) -> bool:
    """Give a claim up, proven or not; False if there is none."""
    sql = "DELETE FROM organization_domains WHERE organization_id = $1 AND domain = $2"
    return await tx.execute(sql, organization_id, domain) == 1


def _domain(row: Row) -> Domain:
    return Domain(
        organization_id=row["organization_id"],
        domain=row["domain"],
        challenge=row["challenge"],
        claimed_at=from_micros(row["claimed_at"]),
        verified_at=None if row["verified_at"] is None else from_micros(row["verified_at"]),
    )
