"""Security links in the database. Imported by this feature and ``app`` only."""

from datetime import datetime

from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.security.model import SecurityLink

_COLUMNS = "hash, account_id, event, restores, restores_key, created_at, expires_at, spent_at"


async def add_link(tx: Transaction, link: SecurityLink) -> None:
    """Store a link."""
    await tx.execute(
        "INSERT INTO security_links (hash, account_id, event, restores, restores_key, created_at, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        link.hash,
        link.account_id,
        link.event,
        link.restores,
        link.restores_key,
        to_micros(link.created_at),
        to_micros(link.expires_at),
    )


async def drop_stale_restores(tx: Transaction, token_hash: bytes) -> None:
    """Let a new link bring nothing back if its address was replaced since it was read.

    The insert has waited for whoever replaces the address, and holds the account's row: either this sees the new
    address, or the one who replaces it sees the link.
    """
    await tx.execute(
        "UPDATE security_links SET restores = NULL, restores_key = NULL WHERE hash = $1 "
        "AND restores_key <> (SELECT address_key FROM accounts WHERE accounts.id = security_links.account_id)",
        token_hash,
    )


async def find_link(reader: Reader, token_hash: bytes) -> SecurityLink | None:
    """The link with this token, whatever has become of it."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM security_links WHERE hash = $1", token_hash)
    return _link(row) if row else None


async def spend_link(tx: Transaction, token_hash: bytes, now: datetime) -> SecurityLink | None:
    """Use a link up; None if it is used, expired or was never ours."""
    row = await tx.find_row(
        "UPDATE security_links SET spent_at = $1 WHERE hash = $2 AND spent_at IS NULL AND expires_at > $1 "
        f"RETURNING {_COLUMNS}",
        to_micros(now),
        token_hash,
    )
    return _link(row) if row else None


async def retire_newer(tx: Transaction, link: SecurityLink, now: datetime) -> int:
    """Let an account's links that were made with or after this one expire now; how many."""
    return await tx.execute(
        "UPDATE security_links SET expires_at = $1 WHERE account_id = $2 AND hash <> $3 AND created_at >= $4 "
        "AND spent_at IS NULL AND expires_at > $1",
        to_micros(now),
        link.account_id,
        link.hash,
        to_micros(link.created_at),
    )


async def delete_links(tx: Transaction, account_id: str, address_key: str) -> None:
    """Delete the links of an account, and what other accounts' links would bring back of its address."""
    await tx.execute("DELETE FROM security_links WHERE account_id = $1 OR restores_key = $2", account_id, address_key)


async def sweep(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete links that expired before an instant."""
    sql = "DELETE FROM security_links WHERE hash IN (SELECT hash FROM security_links WHERE expires_at < $1 LIMIT $2)"
    return await tx.execute(sql, to_micros(before), limit)


def _link(row: Row) -> SecurityLink:
    return SecurityLink(
        hash=bytes(row["hash"]),
        account_id=row["account_id"],
        event=row["event"],
        restores=row["restores"],
        restores_key=row["restores_key"],
        created_at=from_micros(row["created_at"]),
        expires_at=from_micros(row["expires_at"]),
        spent_at=None if row["spent_at"] is None else from_micros(row["spent_at"]),
    )
