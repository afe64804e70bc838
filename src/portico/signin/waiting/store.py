"""Hand-offs in the database. Imported by this feature only."""

from datetime import datetime

from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.signin.waiting.model import HandOff, HandOffPurpose

_COLUMNS = "hash, purpose, attempt_id, account_id, epoch, created_at, expires_at, used_at, opened_attempt_id"


async def add(tx: Transaction, hand_off: HandOff) -> None:
    """Store a hand-off; the earlier ones of its attempt are worth nothing from now on."""
    at = to_micros(hand_off.created_at)
    await tx.execute(
        "UPDATE hand_offs SET used_at = $1 WHERE attempt_id = $2 AND used_at IS NULL", at, hand_off.attempt_id
    )
    await tx.execute(
        f"INSERT INTO hand_offs ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL)",
        hand_off.hash,
        hand_off.purpose.value,
        hand_off.attempt_id,
        hand_off.account_id,
        hand_off.epoch,
        at,
        to_micros(hand_off.expires_at),
    )


async def find(reader: Reader, token_hash: bytes) -> HandOff | None:
    """The hand-off with this token."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM hand_offs WHERE hash = $1", token_hash)
    return _hand_off(row) if row else None


async def find_opened(reader: Reader, attempt_id: str) -> HandOff | None:
    """The hand-off by which an attempt was begun."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM hand_offs WHERE opened_attempt_id = $1", attempt_id)
    return _hand_off(row) if row else None


async def spend(tx: Transaction, token_hash: bytes, opened_attempt_id: str, now: datetime) -> bool:
    """Use a hand-off up for the attempt it begins; False if it was used before or has expired."""
    sql = (
        "UPDATE hand_offs SET used_at = $1, opened_attempt_id = $2 "
        "WHERE hash = $3 AND used_at IS NULL AND expires_at > $1"
    )
    return await tx.execute(sql, to_micros(now), opened_attempt_id, token_hash) == 1


async def erase(tx: Transaction, account_id: str) -> None:
    """Delete the hand-offs of an account."""
    await tx.execute("DELETE FROM hand_offs WHERE account_id = $1", account_id)


async def sweep(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete what expired before an instant."""
    return await tx.execute(
        "DELETE FROM hand_offs WHERE hash IN (SELECT hash FROM hand_offs WHERE expires_at < $1 LIMIT $2)",
        to_micros(before),
        limit,
    )


def _hand_off(row: Row) -> HandOff:
    return HandOff(
        hash=bytes(row["hash"]),
        purpose=HandOffPurpose(row["purpose"]),
        attempt_id=row["attempt_id"],
        account_id=row["account_id"],
        epoch=row["epoch"],
        created_at=from_micros(row["created_at"]),
        expires_at=from_micros(row["expires_at"]),
        used_at=None if row["used_at"] is None else from_micros(row["used_at"]),
        opened_attempt_id=row["opened_attempt_id"],
    )
