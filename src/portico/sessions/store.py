"""Sessions, tokens and devices in the database. Imported by this feature and ``app`` only.

A session is alive only if it carries its account's security epoch: every look-up compares the two, so raising the
epoch ends all sessions at once (D22).
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec

from portico.accounts.model import COLUMNS, account_of
from portico.database.engine import Reader, Row, Transaction
from portico.factors.proof import Proof
from portico.kernel.clock import from_micros, span_from_micros, span_micros, to_micros
from portico.sessions.model import KnownDevice, OpenSession, RefreshToken, Session, SessionKind, SignedIn

_PROOFS = msgspec.json.Decoder(tuple[Proof, ...])

_ACCOUNT = ", ".join(f"a.{name} AS account_{name}" for name in COLUMNS)
_SESSION = (
    "SELECT s.id, s.account_id, s.device_id, s.client_kind, s.proofs, s.policy_version, s.epoch, s.persistent, "
    "s.opened_at, s.last_seen_at, s.idle_span, s.ends_at, s.decide_at"
)
_SIGNED_IN = f"{_SESSION}, {_ACCOUNT} FROM sessions s JOIN accounts a ON a.id = s.account_id AND a.epoch = s.epoch "
_ALIVE = "s.ended_at IS NULL AND s.ends_at > {now} AND s.last_seen_at + s.idle_span > {now}"


async def find_by_token(reader: Reader, token_hash: bytes, now: datetime) -> SignedIn | None:
    """The live session whose browser holds this token."""
    sql = f"{_SIGNED_IN} WHERE s.token_hash = $1 AND {_ALIVE.format(now='$2')}"
    row = await reader.find_row(sql, token_hash, to_micros(now))
    return _signed_in(row) if row else None


async def find_by_access_token(reader: Reader, token_hash: bytes, now: datetime) -> SignedIn | None:
    """The live session this access token belongs to."""
    sql = (
        f"{_SIGNED_IN} JOIN access_tokens t ON t.session_id = s.id "
        f"WHERE t.hash = $1 AND t.expires_at > $2 AND {_ALIVE.format(now='$2')}"
    )
    row = await reader.find_row(sql, token_hash, to_micros(now))
    return _signed_in(row) if row else None


async def find_session(reader: Reader, session_id: str, now: datetime) -> SignedIn | None:
    """The live session with this id."""
    sql = f"{_SIGNED_IN} WHERE s.id = $1 AND {_ALIVE.format(now='$2')}"
    row = await reader.find_row(sql, session_id, to_micros(now))
    return _signed_in(row) if row else None


async def find_left_behind(reader: Reader, session_id: str, now: datetime) -> Session | None:
    """The session with this id that has not ended, whatever its account's epoch."""
    sql = f"{_SESSION} FROM sessions s WHERE s.id = $1 AND {_ALIVE.format(now='$2')}"
    row = await reader.find_row(sql, session_id, to_micros(now))
    return _session(row) if row else None


async def add_session(tx: Transaction, session: Session, token_hash: bytes | None) -> None:
    """Store a session."""
    await tx.execute(
        "INSERT INTO sessions (id, account_id, device_id, client_kind, token_hash, proofs, policy_version, epoch, "
        "persistent, opened_at, last_seen_at, idle_span, ends_at, decide_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        session.id,
        session.account_id,
        session.device_id,
        session.kind.value,
        token_hash,
        encode_proofs(session.proofs),
        session.policy_version,
        session.epoch,
        int(session.persistent),
        to_micros(session.opened_at),
        to_micros(session.last_seen_at),
        span_micros(session.idle_span),
        to_micros(session.ends_at),
        _micros(session.decide_at),
    )


async def touch(tx: Transaction, session_id: str, seen_before: datetime, now: datetime) -> None:
    """Note that a session is used, unless somebody noted it since ``seen_before``."""
    sql = "UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND last_seen_at <= $3 AND ended_at IS NULL"
    await tx.execute(sql, to_micros(now), session_id, to_micros(seen_before))


async def set_proofs(tx: Transaction, session_id: str, proofs: tuple[Proof, ...]) -> None:
    """Replace a session's proofs."""
    await tx.execute("UPDATE sessions SET proofs = $1 WHERE id = $2", encode_proofs(proofs), session_id)


async def set_token(tx: Transaction, session_id: str, token_hash: bytes) -> None:
    """Give a browser session another secret; the old one is worthless at once."""
    await tx.execute("UPDATE sessions SET token_hash = $1 WHERE id = $2", token_hash, session_id)


async def set_policy_version(
    tx: Transaction,
    session_id: str,
    policy_version: str,
    idle_span: timedelta,
    ends_at: datetime,
    decide_at: datetime | None,
) -> None:
    """Note which policies a session has satisfied, how long it may last under them, and when it is asked again."""
    await tx.execute(
        "UPDATE sessions SET policy_version = $1, idle_span = $2, ends_at = $3, decide_at = $4 WHERE id = $5",
        policy_version,
        span_micros(idle_span),
        to_micros(ends_at),
        _micros(decide_at),
        session_id,
    )


async def stamp_epoch(tx: Transaction, session_id: str, epoch: int) -> None:
    """Carry one session, and its device's mark, over into a new epoch."""
    await tx.execute("UPDATE sessions SET epoch = $1 WHERE id = $2 AND ended_at IS NULL", epoch, session_id)
    await tx.execute(
        "UPDATE device_accounts SET epoch = $1 WHERE (device_id, account_id) IN "
        "(SELECT device_id, account_id FROM sessions WHERE id = $2)",
        epoch,
        session_id,
    )


async def end_session(tx: Transaction, session_id: str, account_id: str, now: datetime) -> bool:
    """End one session of an account; False if it is not the account's or has ended."""
    sql = "UPDATE sessions SET ended_at = $1 WHERE id = $2 AND account_id = $3 AND ended_at IS NULL"
    return await tx.execute(sql, to_micros(now), session_id, account_id) == 1


async def end_others(tx: Transaction, account_id: str, kept_id: str, now: datetime) -> int:
    """End all sessions of an account but one; gives how many."""
    sql = "UPDATE sessions SET ended_at = $1 WHERE account_id = $2 AND id <> $3 AND ended_at IS NULL"
    return await tx.execute(sql, to_micros(now), account_id, kept_id)


async def list_open(reader: Reader, account_id: str, now: datetime) -> list[OpenSession]:
    """An account's live sessions, the last used first."""
    rows = await reader.list_rows(
        "SELECT s.id, s.client_kind, s.device_id, d.name, s.opened_at, s.last_seen_at FROM sessions s "
        "JOIN accounts a ON a.id = s.account_id AND a.epoch = s.epoch JOIN devices d ON d.id = s.device_id "
        f"WHERE s.account_id = $1 AND {_ALIVE.format(now='$2')} ORDER BY s.last_seen_at DESC, s.id",
        account_id,
        to_micros(now),
    )
    return [
        OpenSession(
            id=row["id"],
            kind=SessionKind(row["client_kind"]),
            device_id=row["device_id"],
            device_name=row["name"],
            opened_at=from_micros(row["opened_at"]),
            last_seen_at=from_micros(row["last_seen_at"]),
        )
        for row in rows
    ]


async def find_device_hash(reader: Reader, device_id: str) -> bytes | None:
    """The hash of what a device is recognised by."""
    row = await reader.find_row("SELECT secret_hash FROM devices WHERE id = $1", device_id)
    return bytes(row["secret_hash"]) if row else None


async def list_device_names(reader: Reader, account_id: str, session_ids: Collection[str]) -> dict[str, str]:
    """The names of the devices of an account's sessions, by session; of those that are still kept."""
    if not session_ids:
        return {}
    places = ", ".join(f"${place}" for place in range(2, len(session_ids) + 2))
    rows = await reader.list_rows(
        "SELECT s.id, d.name FROM sessions s JOIN devices d ON d.id = s.device_id "
        f"WHERE s.account_id = $1 AND s.id IN ({places})",
        account_id,
        *session_ids,
    )
    return {row["id"]: row["name"] for row in rows}


async def list_devices(reader: Reader, account_id: str, now: datetime) -> list[KnownDevice]:
    """The devices an account knows under its present epoch, the last used first."""
    rows = await reader.list_rows(
        "SELECT d.id, d.secret_hash, d.kind, d.name, k.first_signed_in_at, k.last_signed_in_at, "
        "(SELECT COUNT(*) FROM sessions s WHERE s.account_id = k.account_id AND s.device_id = k.device_id "
        f"AND s.epoch = k.epoch AND {_ALIVE.format(now='$2')}) AS sessions "
        "FROM device_accounts k JOIN accounts a ON a.id = k.account_id AND a.epoch = k.epoch "
        "JOIN devices d ON d.id = k.device_id WHERE k.account_id = $1 ORDER BY k.last_signed_in_at DESC, d.id",
        account_id,
        to_micros(now),
    )
    return [
        KnownDevice(
            id=row["id"],
            secret_hash=bytes(row["secret_hash"]),
            kind=SessionKind(row["kind"]),
            name=row["name"],
            first_signed_in_at=from_micros(row["first_signed_in_at"]),
            last_signed_in_at=from_micros(row["last_signed_in_at"]),
            sessions=row["sessions"],
        )
        for row in rows
    ]


async def end_on_device(tx: Transaction, device_id: str, account_id: str, now: datetime) -> int:
    """End an account's sessions on one device; gives how many."""
    sql = "UPDATE sessions SET ended_at = $1 WHERE device_id = $2 AND account_id = $3 AND ended_at IS NULL"
    return await tx.execute(sql, to_micros(now), device_id, account_id)


async def forget_device(tx: Transaction, device_id: str, account_id: str) -> bool:
    """Clear the mark by which a device is known to an account; False if there is none."""
    sql = "DELETE FROM device_accounts WHERE device_id = $1 AND account_id = $2"
    return await tx.execute(sql, device_id, account_id) == 1


async def forget_left_devices(tx: Transaction, account_id: str, now: datetime) -> None:
    """Clear the marks of devices on which a session ended at this very instant and none lives on.

    Sessions are always changed before marks, so that two who do this at once do not wait for one another.
    """
    alive = _ALIVE.format(now="$2")
    await tx.execute(
        "DELETE FROM device_accounts WHERE account_id = $1 AND device_id IN "
        "(SELECT device_id FROM sessions WHERE account_id = $1 AND ended_at = $2) AND device_id NOT IN "
        f"(SELECT s.device_id FROM sessions s JOIN accounts a ON a.id = s.account_id AND a.epoch = s.epoch "
        f"WHERE s.account_id = $1 AND {alive})",
        account_id,
        to_micros(now),
    )


async def add_access_token(tx: Transaction, token_hash: bytes, session_id: str, expires_at: datetime) -> None:
    """Store an access token."""
    sql = "INSERT INTO access_tokens (hash, session_id, expires_at) VALUES ($1, $2, $3)"
    await tx.execute(sql, token_hash, session_id, to_micros(expires_at))


async def add_refresh_token(
    tx: Transaction, token_hash: bytes, session_id: str, now: datetime, expires_at: datetime
) -> None:
    """Store a refresh token."""
    sql = "INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)"
    await tx.execute(sql, token_hash, session_id, to_micros(now), to_micros(expires_at))


async def find_refresh_token(reader: Reader, token_hash: bytes) -> RefreshToken | None:
    """The refresh token with this hash, used or not."""
    sql = "SELECT hash, session_id, expires_at, used_at FROM refresh_tokens WHERE hash = $1"
    row = await reader.find_row(sql, token_hash)
    if row is None:
        return None
    return RefreshToken(
        hash=bytes(row["hash"]),
        session_id=row["session_id"],
        expires_at=from_micros(row["expires_at"]),
        used_at=None if row["used_at"] is None else from_micros(row["used_at"]),
    )


async def spend_refresh_token(tx: Transaction, token_hash: bytes, now: datetime) -> bool:
    """Use a refresh token up; False if it was used before or has expired."""
    sql = "UPDATE refresh_tokens SET used_at = $1 WHERE hash = $2 AND used_at IS NULL AND expires_at > $1"
    return await tx.execute(sql, to_micros(now), token_hash) == 1


async def keep_device(
    tx: Transaction, device_id: str, secret_hash: bytes, kind: SessionKind, name: str, now: datetime
) -> str:
    """Store a device, or note that a known one was seen; gives its id."""
    row = await tx.find_row(
        "INSERT INTO devices (id, secret_hash, kind, name, created_at, last_seen_at) VALUES ($1, $2, $3, $4, $5, $5) "
        "ON CONFLICT (secret_hash) DO UPDATE SET last_seen_at = $5, name = $4 RETURNING id",
        device_id,
        secret_hash,
        kind.value,
        name,
        to_micros(now),
    )
    if row is None:
        raise LookupError("the device was not stored")
    return str(row["id"])


async def mark_device_known(tx: Transaction, device_id: str, account_id: str, epoch: int, now: datetime) -> None:
    """Note a complete sign-in of an account on a device, under an epoch."""
    await tx.execute(
        "INSERT INTO device_accounts (device_id, account_id, epoch, failures, first_signed_in_at, last_signed_in_at) "
        "VALUES ($1, $2, $3, 0, $4, $4) "
        "ON CONFLICT (device_id, account_id) DO UPDATE SET epoch = $3, failures = 0, last_signed_in_at = $4",
        device_id,
        account_id,
        epoch,
        to_micros(now),
    )


async def find_known_device(reader: Reader, secret_hash: bytes, account_id: str) -> str | None:
    """The id of a device on which this account has signed in under its present epoch."""
    row = await reader.find_row(
        "SELECT d.id FROM devices d JOIN device_accounts k ON k.device_id = d.id "
        "JOIN accounts a ON a.id = k.account_id AND a.epoch = k.epoch WHERE d.secret_hash = $1 AND k.account_id = $2",
        secret_hash,
        account_id,
    )
    return str(row["id"]) if row else None


async def has_mark(reader: Reader, secret_hash: bytes, account_id: str) -> bool:
    """Whether an account has a mark of the device with this secret; epochs do not matter."""
    row = await reader.find_row(
        "SELECT 1 AS found FROM device_accounts k JOIN devices d ON d.id = k.device_id "
        "WHERE d.secret_hash = $1 AND k.account_id = $2",
        secret_hash,
        account_id,
    )
    return row is not None


async def erase(tx: Transaction, account_id: str) -> None:
    """Delete all sessions and tokens of an account, its marks of devices, and the devices nobody else uses."""
    for table in ("access_tokens", "refresh_tokens"):
        await tx.execute(
            f"DELETE FROM {table} WHERE session_id IN (SELECT id FROM sessions WHERE account_id = $1)", account_id
        )
    rows = await tx.list_rows(
        "SELECT device_id FROM sessions WHERE account_id = $1 "
        "UNION SELECT device_id FROM device_accounts WHERE account_id = $1",
        account_id,
    )
    await tx.execute("DELETE FROM sessions WHERE account_id = $1", account_id)
    await tx.execute("DELETE FROM device_accounts WHERE account_id = $1", account_id)
    for row in rows:
        await tx.execute(
            "DELETE FROM devices WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM sessions WHERE device_id = $1) "
            "AND NOT EXISTS (SELECT 1 FROM device_accounts WHERE device_id = $1)",
            row["device_id"],
        )


async def sweep(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete tokens that expired, and sessions that ended or expired, before an instant."""
    swept = 0
    for table in ("access_tokens", "refresh_tokens"):
        swept += await tx.execute(
            f"DELETE FROM {table} WHERE hash IN (SELECT hash FROM {table} WHERE expires_at < $1 LIMIT $2)",
            to_micros(before),
            limit,
        )
    gone = (
        "SELECT s.id FROM sessions s WHERE (s.ends_at < $1 OR s.ended_at < $1) "
        "AND NOT EXISTS (SELECT 1 FROM access_tokens t WHERE t.session_id = s.id) "
        "AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.session_id = s.id) LIMIT $2"
    )
    return swept + await tx.execute(f"DELETE FROM sessions WHERE id IN ({gone})", to_micros(before), limit)


def encode_proofs(proofs: tuple[Proof, ...]) -> str:
    """Proofs as JSON text."""
    return msgspec.json.encode(proofs).decode()


def _signed_in(row: Row) -> SignedIn:
    account = account_of({name: row[f"account_{name}"] for name in COLUMNS})
    return SignedIn(session=_session(row), account=account)


def _session(row: Row) -> Session:
    return Session(
        id=row["id"],
        account_id=row["account_id"],
        device_id=row["device_id"],
        kind=SessionKind(row["client_kind"]),
        proofs=_PROOFS.decode(row["proofs"]),
        policy_version=row["policy_version"],
        epoch=row["epoch"],
        persistent=bool(row["persistent"]),
        opened_at=from_micros(row["opened_at"]),
        last_seen_at=from_micros(row["last_seen_at"]),
        idle_span=span_from_micros(row["idle_span"]),
        ends_at=from_micros(row["ends_at"]),
        decide_at=None if row["decide_at"] is None else from_micros(row["decide_at"]),
    )


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)
