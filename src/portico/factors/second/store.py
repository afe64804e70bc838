"""Authenticator apps and recovery codes in the database. Imported by this feature only."""

from datetime import datetime

from portico.database.engine import Reader, Row, Transaction
from portico.factors.model import RecoveryCredential, TotpCredential
from portico.factors.proof import ProofKind
from portico.kernel.clock import from_micros, to_micros

_ADD = (
    "INSERT INTO credentials "
    "(id, account_id, kind, secret, properties, version, failures, created_at, changed_at, used_at, used_step) "
)

_KEY = "SUBSTR(secret, 2, 4)"
"""Which key an authenticator app's secret is sealed with: its name follows the version byte (``kernel/sealing``)."""


async def find_totp(reader: Reader, account_id: str) -> TotpCredential | None:
    """An account's authenticator app."""
    sql = "SELECT id, account_id, secret, used_step, created_at FROM credentials WHERE account_id = $1 AND kind = $2"
    row = await reader.find_row(sql, account_id, ProofKind.TOTP.value)
    return _totp(row) if row else None


async def add_totp(
    tx: Transaction, credential_id: str, account_id: str, sealed: bytes, step: int, now: datetime
) -> bool:
    """Give an account its authenticator app, a code of which was good for ``step``; False if it has one."""
    added = await tx.execute(
        _ADD + "VALUES ($1, $2, $3, $4, '{}', 1, 0, $5, $5, $5, $6) ON CONFLICT DO NOTHING",
        credential_id,
        account_id,
        ProofKind.TOTP.value,
        sealed,
        to_micros(now),
        step,
    )
    return added == 1


async def spend_step(tx: Transaction, credential_id: str, step: int, now: datetime) -> bool:
    """Use a step of time up; False if it or a later one was used, or the app is gone."""
    sql = "UPDATE credentials SET used_step = $1, used_at = $2 WHERE id = $3 AND used_step < $1"
    return await tx.execute(sql, step, to_micros(now), credential_id) == 1


async def burn_step(tx: Transaction, credential_id: str, step: int) -> None:
    """Let no code of a step of time, or of one before it, be good any more."""
    await tx.execute("UPDATE credentials SET used_step = $1 WHERE id = $2 AND used_step < $1", step, credential_id)


async def list_keys(reader: Reader) -> list[str]:
    """The names of the keys that authenticator apps are sealed with: one step in the index for each."""
    sql = f"SELECT {_KEY} AS name FROM credentials WHERE kind = 'totp' AND {_KEY} > $1 ORDER BY {_KEY} LIMIT 1"
    names: list[str] = []
    while row := await reader.find_row(sql, bytes.fromhex(names[-1]) if names else b""):
        names.append(bytes(row["name"]).hex())
    return names


async def count_by_key(reader: Reader) -> dict[str, int]:
    """How many authenticator apps each key seals. Reads them all: not inside a transaction."""
    sql = f"SELECT {_KEY} AS name, COUNT(*) AS apps FROM credentials WHERE kind = 'totp' GROUP BY {_KEY}"
    return {bytes(row["name"]).hex(): row["apps"] for row in await reader.list_rows(sql)}


async def list_sealed_with(reader: Reader, key: str, after: str, limit: int) -> list[TotpCredential]:
    """The authenticator apps that a key seals, by their ids from ``after`` on."""
    rows = await reader.list_rows(
        "SELECT id, account_id, secret, used_step, created_at FROM credentials "
        f"WHERE kind = 'totp' AND {_KEY} = $1 AND id > $2 ORDER BY id LIMIT $3",
        bytes.fromhex(key),
        after,
        limit,
    )
    return [_totp(row) for row in rows]


async def replace_sealed(tx: Transaction, before: TotpCredential, sealed: bytes) -> bool:
    """Keep the same secret sealed anew; False if it is no longer what was read ``before``, or gone."""
    sql = "UPDATE credentials SET secret = $1 WHERE id = $2 AND secret = $3"
    return await tx.execute(sql, sealed, before.id, before.sealed) == 1


async def find_recovery_code(reader: Reader, account_id: str) -> RecoveryCredential | None:
    """An account's recovery code."""
    sql = "SELECT id, account_id, secret, created_at FROM credentials WHERE account_id = $1 AND kind = $2"
    row = await reader.find_row(sql, account_id, ProofKind.RECOVERY_CODE.value)
    if row is None:
        return None
    return RecoveryCredential(
        id=row["id"],
        account_id=row["account_id"],
        hash=bytes(row["secret"]),
        created_at=from_micros(row["created_at"]),
    )


async def put_recovery_code(
    tx: Transaction, credential_id: str, account_id: str, code_hash: bytes, now: datetime
) -> None:
    """Give an account its recovery code, in place of one it may have."""
    await tx.execute(
        _ADD + "VALUES ($1, $2, 'recovery_code', $3, '{}', 1, 0, $4, $4, NULL, 0) "
        "ON CONFLICT (account_id) WHERE kind = 'recovery_code' DO UPDATE SET id = excluded.id, "
        "secret = excluded.secret, created_at = excluded.created_at, changed_at = excluded.changed_at, used_at = NULL",
        credential_id,
        account_id,
        code_hash,
        to_micros(now),
    )


async def spend_recovery_code(tx: Transaction, credential_id: str, code_hash: bytes) -> bool:
    """Burn a recovery code; False if it was burnt or replaced."""
    sql = "DELETE FROM credentials WHERE id = $1 AND kind = $2 AND secret = $3"
    return await tx.execute(sql, credential_id, ProofKind.RECOVERY_CODE.value, code_hash) == 1


async def remove(tx: Transaction, account_id: str, kind: ProofKind) -> bool:
    """Delete an account's credential of a kind; False if there is none."""
    return await tx.execute("DELETE FROM credentials WHERE account_id = $1 AND kind = $2", account_id, kind.value) == 1


def _totp(row: Row) -> TotpCredential:
    return TotpCredential(
        id=row["id"],
        account_id=row["account_id"],
        sealed=bytes(row["secret"]),
        used_step=row["used_step"],
        created_at=from_micros(row["created_at"]),
    )
