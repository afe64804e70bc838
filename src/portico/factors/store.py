"""Credentials and mailed links in the database. Imported by this feature and ``app`` only."""

from datetime import datetime

import msgspec

from portico.database.engine import Reader, Row, Transaction
from portico.factors.model import EnrolledCredential, MailedLink, PasswordCredential, PasswordProperties
from portico.factors.proof import ProofKind
from portico.kernel.clock import from_micros, to_micros

_PASSWORD = ProofKind.PASSWORD.value


async def find_password(reader: Reader, account_id: str) -> PasswordCredential | None:
    """An account's password."""
    row = await reader.find_row(
        "SELECT c.id, c.account_id, c.secret, c.properties, c.version, c.changed_at, a.epoch AS account_epoch "
        "FROM credentials c JOIN accounts a ON a.id = c.account_id WHERE c.account_id = $1 AND c.kind = $2",
        account_id,
        _PASSWORD,
    )
    return _password(row) if row else None


async def list_enrolled(reader: Reader, account_id: str) -> list[EnrolledCredential]:
    """Which kinds of credential an account has, oldest first."""
    sql = "SELECT kind, properties FROM credentials WHERE account_id = $1 ORDER BY created_at, id"
    rows = await reader.list_rows(sql, account_id)
    return [EnrolledCredential(kind=ProofKind(row["kind"]), properties=row["properties"].encode()) for row in rows]


async def add_password(
    tx: Transaction, credential_id: str, account_id: str, secret: bytes, properties: PasswordProperties, now: datetime
) -> bool:
    """Give an account its first password; False if it has one."""
    added = await tx.execute(
        "INSERT INTO credentials (id, account_id, kind, secret, properties, version, failures, created_at, changed_at) "
        "VALUES ($1, $2, $3, $4, $5, 1, 0, $6, $6) ON CONFLICT DO NOTHING",
        credential_id,
        account_id,
        _PASSWORD,
        secret,
        msgspec.json.encode(properties).decode(),
        to_micros(now),
    )
    return added == 1


async def change_password(
    tx: Transaction, account_id: str, secret: bytes, properties: PasswordProperties, now: datetime
) -> bool:
    """Replace an account's password; False if it has none."""
    changed = await tx.execute(
        "UPDATE credentials SET secret = $1, properties = $2, version = version + 1, changed_at = $3 "
        "WHERE account_id = $4 AND kind = $5",
        secret,
        msgspec.json.encode(properties).decode(),
        to_micros(now),
        account_id,
        _PASSWORD,
    )
    return changed == 1


async def touch_password(tx: Transaction, credential_id: str, version: int, now: datetime) -> bool:
    """Note that a password was used; False if it is no longer the version that was compared."""
    sql = "UPDATE credentials SET used_at = $1 WHERE id = $2 AND version = $3"
    return await tx.execute(sql, to_micros(now), credential_id, version) == 1


async def rehash_password(tx: Transaction, credential_id: str, version: int, secret: bytes, now: datetime) -> bool:
    """Store the same password under newer parameters; its version and age stay. False if it changed meanwhile."""
    sql = "UPDATE credentials SET secret = $1, used_at = $2 WHERE id = $3 AND version = $4"
    return await tx.execute(sql, secret, to_micros(now), credential_id, version) == 1


async def set_password_properties(tx: Transaction, account_id: str, properties: PasswordProperties) -> None:
    """Replace what is known about a password."""
    sql = "UPDATE credentials SET properties = $1 WHERE account_id = $2 AND kind = $3"
    await tx.execute(sql, msgspec.json.encode(properties).decode(), account_id, _PASSWORD)


async def add_link(tx: Transaction, link: MailedLink) -> None:
    """Store a mailed link."""
    await tx.execute(
        "INSERT INTO reset_links (hash, account_id, epoch, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        link.hash,
        link.account_id,
        link.epoch,
        to_micros(link.created_at),
        to_micros(link.expires_at),
    )


async def find_link(reader: Reader, token_hash: bytes) -> MailedLink | None:
    """The link with this token, whatever has become of it."""
    row = await reader.find_row(
        "SELECT l.hash, l.account_id, l.epoch, l.created_at, l.expires_at, l.spent_at, a.epoch AS account_epoch "
        "FROM reset_links l JOIN accounts a ON a.id = l.account_id WHERE l.hash = $1",
        token_hash,
    )
    return _link(row) if row else None


async def hold_links(tx: Transaction, account_id: str) -> None:
    """Take the turn of using an account's links: whoever uses another of them at the same moment waits here.

    Otherwise each would hold its own link and wait for the others'.
    """
    await tx.execute("UPDATE reset_links SET spent_at = spent_at WHERE account_id = $1", account_id)


async def spend_link(tx: Transaction, token_hash: bytes, now: datetime) -> bool:
    """Use a link up; False if it is used, expired or of another epoch."""
    spent = await tx.execute(
        "UPDATE reset_links SET spent_at = $1 WHERE hash = $2 AND spent_at IS NULL AND expires_at > $1 "
        "AND epoch = (SELECT epoch FROM accounts WHERE accounts.id = reset_links.account_id)",
        to_micros(now),
        token_hash,
    )
    return spent == 1


async def retire_links(tx: Transaction, account_id: str, now: datetime, keep: int) -> None:
    """Let an account's links expire now, but for the ``keep`` newest that still live."""
    await tx.execute(
        "UPDATE reset_links SET expires_at = $1 WHERE account_id = $2 AND spent_at IS NULL AND expires_at > $1 "
        "AND hash NOT IN (SELECT hash FROM reset_links WHERE account_id = $2 AND spent_at IS NULL AND expires_at > $1 "
        "ORDER BY created_at DESC, hash LIMIT $3)",
        to_micros(now),
        account_id,
        keep,
    )


async def sweep_links(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete links that expired long ago."""
    sql = "DELETE FROM reset_links WHERE hash IN (SELECT hash FROM reset_links WHERE expires_at < $1 LIMIT $2)"
    return await tx.execute(sql, to_micros(before), limit)


async def erase(tx: Transaction, account_id: str) -> None:
    """Delete all credentials and mailed links of an account."""
    await tx.execute("DELETE FROM credentials WHERE account_id = $1", account_id)
    await tx.execute("DELETE FROM reset_links WHERE account_id = $1", account_id)


def _password(row: Row) -> PasswordCredential:
    return PasswordCredential(
        id=row["id"],
        account_id=row["account_id"],
        secret=bytes(row["secret"]),
        properties=msgspec.json.decode(row["properties"], type=PasswordProperties),
        version=row["version"],
        changed_at=from_micros(row["changed_at"]),
        account_epoch=row["account_epoch"],
    )


def _link(row: Row) -> MailedLink:
    return MailedLink(
        hash=bytes(row["hash"]),
        account_id=row["account_id"],
        epoch=row["epoch"],
        created_at=from_micros(row["created_at"]),
        expires_at=from_micros(row["expires_at"]),
        spent_at=None if row["spent_at"] is None else from_micros(row["spent_at"]),
        is_current=row["epoch"] == row["account_epoch"],
    )
