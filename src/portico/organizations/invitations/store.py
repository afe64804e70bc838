"""Invitations in the database. Imported by this feature and ``app`` only."""

from collections.abc import Sequence
from datetime import datetime

from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.organizations.invitations.model import Invitation, InvitationStatus, Offer
from portico.organizations.model import MembershipState, MemberType, OrganizationState, Role

_COLUMNS = (
    "id, organization_id, address, address_key, member_type, role, language, token_hash, invited_by, mails, mailed_at, "
    "created_at, expires_at, accepted_at, accepted_by, revoked_at, mail_id"
)
_UNSETTLED = "accepted_at IS NULL AND revoked_at IS NULL"
_AFTER_EVERY_ID = "g"
"""Ids are hexadecimal."""
_END_OF_TIME = 2**62
_IS = {
    None: "1 = 1",
    InvitationStatus.OPEN: _UNSETTLED,
    InvitationStatus.EXPIRED: _UNSETTLED,
    InvitationStatus.ACCEPTED: "accepted_at IS NOT NULL",
    InvitationStatus.REVOKED: "revoked_at IS NOT NULL",
}


async def find_invitation(reader: Reader, invitation_id: str) -> Invitation | None:
    """The invitation with this id."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM invitations WHERE id = $1", invitation_id)
    return _invitation(row) if row else None


async def find_by_token(reader: Reader, token_hash: bytes) -> Invitation | None:
    """The invitation whose newest link has this token."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM invitations WHERE token_hash = $1", token_hash)
    return _invitation(row) if row else None


async def find_unsettled(reader: Reader, organization_id: str, address_key: str) -> Invitation | None:
    """The invitation of an address that was neither accepted nor revoked; it may have expired."""
    row = await reader.find_row(
        f"SELECT {_COLUMNS} FROM invitations WHERE organization_id = $1 AND address_key = $2 AND {_UNSETTLED}",
        organization_id,
        address_key,
    )
    return _invitation(row) if row else None


async def find_membership_state(reader: Reader, organization_id: str, address_key: str) -> MembershipState | None:
    """Whether whoever has an address belongs to an organization; the same one question where nobody has it."""
    row = await reader.find_row(
        "SELECT m.state AS state FROM memberships m JOIN accounts a ON a.id = m.account_id "
        "WHERE a.address_key = $1 AND m.organization_id = $2",
        address_key,
        organization_id,
    )
    return MembershipState(row["state"]) if row else None


async def add_invitation(tx: Transaction, invitation: Invitation) -> bool:
    """Store a new invitation; False if the address has one that is not settled."""
    added = await tx.execute(
        "INSERT INTO invitations (id, organization_id, address, address_key, member_type, role, language, invited_by, "
        "mails, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        invitation.id,
        invitation.organization_id,
        invitation.address,
        invitation.address_key,
        invitation.member_type.value,
        invitation.role.value,
        invitation.language,
        invitation.invited_by,
        invitation.mails,
        to_micros(invitation.created_at),
        to_micros(invitation.expires_at),
    )
    return added == 1


async def renew(
    tx: Transaction, invitation_id: str, expires_at: datetime, offer: Offer, invited_by: str | None
) -> Invitation | None:
    """Have an invitation mailed anew, with this offer: its link is dead from now on. None if it is settled."""
    row = await tx.find_row(
        "UPDATE invitations SET token_hash = NULL, mail_id = NULL, expires_at = $2, member_type = $3, role = $4, "
        f"language = $5, invited_by = $6 WHERE id = $1 AND {_UNSETTLED} RETURNING {_COLUMNS}",
        invitation_id,
        to_micros(expires_at),
        offer.member_type.value,
        offer.role.value,
        offer.language,
        invited_by,
    )
    return _invitation(row) if row else None


async def note_mail(tx: Transaction, invitation_id: str, token_hash: bytes, mail_id: str, now: datetime) -> bool:
    """Keep the hash of a link that is being mailed; False if the invitation is over."""
    noted = await tx.execute(
        "UPDATE invitations SET token_hash = $2, mail_id = $3, mailed_at = $4, mails = mails + 1 "
        f"WHERE id = $1 AND {_UNSETTLED} AND expires_at > $4",
        invitation_id,
        token_hash,
        mail_id,
        to_micros(now),
    )
    return noted == 1


async def revoke(tx: Transaction, invitation_id: str, now: datetime) -> bool:
    """Take an invitation back; False if it is settled already."""
    sql = f"UPDATE invitations SET revoked_at = $2 WHERE id = $1 AND {_UNSETTLED}"
    return await tx.execute(sql, invitation_id, to_micros(now)) == 1


async def spend(tx: Transaction, invitation: Invitation, account_id: str, now: datetime) -> bool:
    """Use an invitation up for an account; False unless it is open, as it was read, and its organization active."""
    spent = await tx.execute(
        "UPDATE invitations SET accepted_at = $2, accepted_by = $3 "
        f"WHERE id = $1 AND {_UNSETTLED} AND expires_at > $2 AND member_type = $4 AND role = $5 AND EXISTS "
        "(SELECT 1 FROM organizations o WHERE o.id = invitations.organization_id AND o.state = $6)",
        invitation.id,
        to_micros(now),
        account_id,
        invitation.member_type.value,
        invitation.role.value,
        OrganizationState.ACTIVE.value,
    )
    return spent == 1


async def list_invitations(
    reader: Reader,
    organization_id: str,
    now: datetime,
    *,
    status: InvitationStatus | None,
    before_id: str | None,
    limit: int,
) -> Sequence[Invitation]:
    """An organization's invitations, the newest first; ``before_id`` goes on where the last page ended."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM invitations WHERE organization_id = $1 AND id < $2 AND {_IS[status]} "
        "AND expires_at > $3 AND expires_at <= $4 ORDER BY id DESC LIMIT $5",
        organization_id,
        before_id or _AFTER_EVERY_ID,
        to_micros(now) if status is InvitationStatus.OPEN else 0,
        to_micros(now) if status is InvitationStatus.EXPIRED else _END_OF_TIME,
        limit,
    )
    return [_invitation(row) for row in rows]


async def erase(tx: Transaction, account_id: str, address_key: str) -> None:
    """Delete the invitations to an address, and those an account has accepted."""
    await tx.execute("DELETE FROM invitations WHERE address_key = $1 OR accepted_by = $2", address_key, account_id)


async def sweep(tx: Transaction, expired_before: datetime, limit: int) -> int:
    """Delete invitations, whatever became of them, whose time was over before an instant."""
    return await tx.execute(
        "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at < $1 LIMIT $2)",
        to_micros(expired_before),
        limit,
    )


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _invitation(row: Row) -> Invitation:
    return Invitation(
        id=row["id"],
        organization_id=row["organization_id"],
        address=row["address"],
        address_key=row["address_key"],
        member_type=MemberType(row["member_type"]),
        role=Role(row["role"]),
        language=row["language"],
        token_hash=None if row["token_hash"] is None else bytes(row["token_hash"]),
        invited_by=row["invited_by"],
        mails=row["mails"],
        mailed_at=_instant(row["mailed_at"]),
        created_at=from_micros(row["created_at"]),
        expires_at=from_micros(row["expires_at"]),
        accepted_at=_instant(row["accepted_at"]),
        accepted_by=row["accepted_by"],
        revoked_at=_instant(row["revoked_at"]),
        mail_id=row["mail_id"],
    )
