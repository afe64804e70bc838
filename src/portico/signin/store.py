"""Attempts and spent values in the database. Imported by this feature and ``app`` only."""

from datetime import datetime

import msgspec

from portico.database.engine import Reader, Row, Transaction
from portico.factors.proof import Failure, Proof
from portico.kernel.clock import from_micros, to_micros
from portico.signin.attempt import Attempt, AttemptState, ClientKind, Demands, Mark, Purpose

_PROOFS = msgspec.json.Decoder(tuple[Proof, ...])
_MARKS = msgspec.json.Decoder(frozenset[Mark])
_DEMANDS = msgspec.json.Decoder(Demands)
_FAILURE = msgspec.json.Decoder(Failure)

_COLUMNS = (
    "id, purpose, client_kind, holder_hash, device_hash, identifier, account_id, epoch, proofs, marks, demands, "
    "return_to, persistent, failure, session_id, state, version, language, created_at, expires_at, former_holder_hash, "
    "invitation_id, pending"
)


async def find_attempt(reader: Reader, attempt_id: str) -> Attempt | None:
    """The attempt with this id."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM attempts WHERE id = $1", attempt_id)
    return _attempt(row) if row else None


async def list_open(reader: Reader, account_id: str, now: datetime, limit: int) -> list[Attempt]:
    """The newest open attempts that name an account."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM attempts WHERE account_id = $1 AND state = $2 AND expires_at >= $3 "
        "ORDER BY created_at DESC, id DESC LIMIT $4",
        account_id,
        AttemptState.OPEN.value,
        to_micros(now),
        limit,
    )
    return [_attempt(row) for row in rows]


async def add_attempt(tx: Transaction, attempt: Attempt) -> None:
    """Store a new attempt."""
    await tx.execute(
        f"INSERT INTO attempts ({_COLUMNS}) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, "
        "$23)",
        attempt.id,
        attempt.purpose.value,
        attempt.client_kind.value,
        attempt.holder_hash,
        attempt.device_hash,
        attempt.identifier,
        attempt.account_id,
        attempt.epoch,
        _json(attempt.proofs),
        _json(sorted(attempt.marks)),
        _json(attempt.demands),
        attempt.return_to,
        int(attempt.persistent),
        _json(attempt.failure) if attempt.failure else None,
        attempt.session_id,
        attempt.state.value,
        attempt.version,
        attempt.language,
        to_micros(attempt.created_at),
        to_micros(attempt.expires_at),
        attempt.former_holder_hash,
        attempt.invitation_id,
        attempt.pending,
    )


async def claim_answer(tx: Transaction, attempt: Attempt) -> bool:
    """Take the turn of answering an open attempt as it was seen; False if another answer was faster."""
    sql = "UPDATE attempts SET version = version + 1 WHERE id = $1 AND version = $2 AND state = $3"
    return await tx.execute(sql, attempt.id, attempt.version, AttemptState.OPEN.value) == 1


async def save_attempt(tx: Transaction, attempt: Attempt) -> None:
    """Write what an answer has changed, after :func:`claim_answer`."""
    await tx.execute(
        "UPDATE attempts SET identifier = $1, account_id = $2, epoch = $3, proofs = $4, marks = $5, persistent = $6, "
        "failure = $7, session_id = $8, state = $9, pending = $10 WHERE id = $11",
        attempt.identifier,
        attempt.account_id,
        attempt.epoch,
        _json(attempt.proofs),
        _json(sorted(attempt.marks)),
        int(attempt.persistent),
        _json(attempt.failure) if attempt.failure else None,
        attempt.session_id,
        attempt.state.value,
        attempt.pending,
        attempt.id,
    )


async def move_attempt(tx: Transaction, attempt: Attempt) -> None:
    """Hand an attempt to another browser, after :func:`claim_answer`."""
    await tx.execute(
        "UPDATE attempts SET client_kind = $1, holder_hash = $2, device_hash = $3, former_holder_hash = $4 "
        "WHERE id = $5",
        attempt.client_kind.value,
        attempt.holder_hash,
        attempt.device_hash,
        attempt.former_holder_hash,
        attempt.id,
    )


async def spend(tx: Transaction, spent_hash: bytes, leads_to: str, expires_at: datetime) -> bool:
    """Burn a single-use value, noting what it led to; False if it was burnt before."""
    sql = "INSERT INTO spent (hash, leads_to, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
    return await tx.execute(sql, spent_hash, leads_to, to_micros(expires_at)) == 1


async def find_spent(reader: Reader, spent_hash: bytes) -> str | None:
    """What a burnt value led to."""
    row = await reader.find_row("SELECT leads_to FROM spent WHERE hash = $1", spent_hash)
    return row["leads_to"] if row else None


async def erase(tx: Transaction, account_id: str) -> None:
    """Delete all attempts that name an account, and the codes mailed for them."""
    await tx.execute(
        "DELETE FROM mailed_codes WHERE attempt_id IN (SELECT id FROM attempts WHERE account_id = $1)", account_id
    )
    await tx.execute("DELETE FROM attempts WHERE account_id = $1", account_id)


async def sweep(tx: Transaction, now: datetime, limit: int) -> int:
    """Delete attempts and burnt values whose time is over."""
    swept = await tx.execute(
        "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE expires_at < $1 LIMIT $2)",
        to_micros(now),
        limit,
    )
    return swept + await tx.execute(
        "DELETE FROM spent WHERE hash IN (SELECT hash FROM spent WHERE expires_at < $1 LIMIT $2)",
        to_micros(now),
        limit,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _attempt(row: Row) -> Attempt:
    return Attempt(
        id=row["id"],
        purpose=Purpose(row["purpose"]),
        client_kind=ClientKind(row["client_kind"]),
        holder_hash=bytes(row["holder_hash"]),
        device_hash=None if row["device_hash"] is None else bytes(row["device_hash"]),
        identifier=row["identifier"],
        account_id=row["account_id"],
        epoch=row["epoch"],
        proofs=_PROOFS.decode(row["proofs"]),
        marks=_MARKS.decode(row["marks"]),
        demands=_DEMANDS.decode(row["demands"]),
        return_to=row["return_to"],
        persistent=bool(row["persistent"]),
        failure=None if row["failure"] is None else _FAILURE.decode(row["failure"]),
        session_id=row["session_id"],
        state=AttemptState(row["state"]),
        version=row["version"],
        language=row["language"],
        created_at=from_micros(row["created_at"]),
        expires_at=from_micros(row["expires_at"]),
        former_holder_hash=None if row["former_holder_hash"] is None else bytes(row["former_holder_hash"]),
        invitation_id=row["invitation_id"],
        pending=None if row["pending"] is None else bytes(row["pending"]),
    )
