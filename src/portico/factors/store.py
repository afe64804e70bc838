"""Credentials, mailed links and mailed codes in the database. Imported by this feature and ``app`` only."""

from datetime import datetime

import msgspec

from portico.database.engine import Reader, Row, Transaction
from portico.factors.model import (
    EnrolledCredential,
    MailedCode,
    MailedLink,
    PasswordCredential,
    PasswordProperties,
    SignInMethod,
)
from portico.factors.proof import ProofKind
from portico.kernel.clock import from_micros, to_micros

_CODE = "attempt_id, code_mac, tries_left, requested_at, code_expires_at, link_expires_at, spent_at"
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
    rows = await reader.list_rows(
        "SELECT kind, properties, created_at, id FROM credentials WHERE account_id = $1 "
        "UNION ALL SELECT 'passkey', '{}', created_at, id FROM passkeys WHERE account_id = $1 "
        "ORDER BY created_at, id",
        account_id,
    )
    return [EnrolledCredential(kind=ProofKind(row["kind"]), properties=row["properties"].encode()) for row in rows]


async def list_methods(reader: Reader, account_id: str) -> list[SignInMethod]:
    """An account's credentials without their secrets, oldest first."""
    rows = await reader.list_rows(
        "SELECT kind, properties, created_at, changed_at, used_at, id, '' AS name FROM credentials "
        "WHERE account_id = $1 UNION ALL "
        "SELECT 'passkey', '{}', created_at, created_at, used_at, id, name FROM passkeys WHERE account_id = $1 "
        "ORDER BY created_at, id",
        account_id,
    )
    return [
        SignInMethod(
            kind=ProofKind(row["kind"]),
            added_at=from_micros(row["created_at"]),
            changed_at=from_micros(row["changed_at"]),
            used_at=None if row["used_at"] is None else from_micros(row["used_at"]),
            through_mailbox=bool(msgspec.json.decode(row["properties"]).get("through_mailbox", False)),
            name=row["name"],
        )
        for row in rows
    ]


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
    tx: Transaction, before: PasswordCredential, secret: bytes, properties: PasswordProperties, now: datetime
) -> bool:
    """Replace an account's password; False if it is no longer the version that was read ``before``."""
    changed = await tx.execute(
        "UPDATE credentials SET secret = $1, properties = $2, version = version + 1, changed_at = $3 "
        "WHERE id = $4 AND version = $5",
        secret,
        msgspec.json.encode(properties).decode(),
        to_micros(now),
        before.id,
        before.version,
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


async def set_password_properties(
    tx: Transaction, account_id: str, properties: PasswordProperties, version: int
) -> bool:
    """Replace what is known about a password; False if it was changed since ``version``."""
    sql = "UPDATE credentials SET properties = $1 WHERE account_id = $2 AND kind = $3 AND version = $4"
    return await tx.execute(sql, msgspec.json.encode(properties).decode(), account_id, _PASSWORD, version) == 1


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


async def expect_code(tx: Transaction, code: MailedCode) -> None:
    """Note that a code was asked for."""
    await tx.execute(
        "INSERT INTO mailed_codes (attempt_id, tries_left, requested_at, code_expires_at, link_expires_at) "
        "VALUES ($1, $2, $3, $4, $5)",
        code.attempt_id,
        code.tries_left,
        to_micros(code.requested_at),
        to_micros(code.code_expires_at),
        to_micros(code.link_expires_at),
    )


async def expect_code_again(tx: Transaction, attempt_id: str, now: datetime, asked_before: datetime) -> bool:
    """Note that another was asked for; the earlier one stays good until the next is issued. False if it is too soon."""
    sql = "UPDATE mailed_codes SET requested_at = $2 WHERE attempt_id = $1 AND requested_at <= $3 AND spent_at IS NULL"
    return await tx.execute(sql, attempt_id, to_micros(now), to_micros(asked_before)) == 1


async def issue_code(
    tx: Transaction,
    attempt_id: str,
    *,
    code_mac: bytes,
    link_hash: bytes,
    tries: int,
    code_expires_at: datetime,
    link_expires_at: datetime,
) -> bool:
    """Put a new code and link in place of the earlier ones; False if one of those was used, or none was asked for."""
    issued = await tx.execute(
        "UPDATE mailed_codes SET code_mac = $2, link_hash = $3, tries_left = $4, code_expires_at = $5, "
        "link_expires_at = $6 WHERE attempt_id = $1 AND spent_at IS NULL",
        attempt_id,
        code_mac,
        link_hash,
        tries,
        to_micros(code_expires_at),
        to_micros(link_expires_at),
    )
    return issued == 1


async def find_code(reader: Reader, attempt_id: str) -> MailedCode | None:
    """The newest code of an attempt."""
    row = await reader.find_row(f"SELECT {_CODE} FROM mailed_codes WHERE attempt_id = $1", attempt_id)
    return _code(row) if row else None


async def find_code_by_link(reader: Reader, link_hash: bytes) -> MailedCode | None:
    """The code beside the link with this token."""
    row = await reader.find_row(f"SELECT {_CODE} FROM mailed_codes WHERE link_hash = $1", link_hash)
    return _code(row) if row else None


async def take_code_try(tx: Transaction, attempt_id: str, now: datetime) -> bool:
    """Claim one try; False if none is left or the code is over."""
    sql = (
        "UPDATE mailed_codes SET tries_left = tries_left - 1 "
        "WHERE attempt_id = $1 AND tries_left > 0 AND code_expires_at > $2 AND spent_at IS NULL"
    )
    return await tx.execute(sql, attempt_id, to_micros(now)) == 1


async def spend_code(tx: Transaction, attempt_id: str, code_mac: bytes, now: datetime) -> bool:
    """Use a code up; False if it is used, over or no longer the newest."""
    sql = (
        "UPDATE mailed_codes SET spent_at = $3 "
        "WHERE attempt_id = $1 AND code_mac = $2 AND spent_at IS NULL AND code_expires_at > $3"
    )
    return await tx.execute(sql, attempt_id, code_mac, to_micros(now)) == 1


async def spend_code_link(tx: Transaction, link_hash: bytes, now: datetime) -> str | None:
    """Use a link up; the attempt it was mailed for, or None if it is used, over or no longer the newest."""
    row = await tx.find_row(
        "UPDATE mailed_codes SET spent_at = $2 WHERE link_hash = $1 AND spent_at IS NULL AND link_expires_at > $2 "
        "RETURNING attempt_id",
        link_hash,
        to_micros(now),
    )
    return str(row["attempt_id"]) if row else None


async def sweep_codes(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete codes whose link is over."""
    sql = (
        "DELETE FROM mailed_codes WHERE attempt_id IN "
        "(SELECT attempt_id FROM mailed_codes WHERE link_expires_at < $1 LIMIT $2)"
    )
    return await tx.execute(sql, to_micros(before), limit)


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


def _code(row: Row) -> MailedCode:
    return MailedCode(
        attempt_id=row["attempt_id"],
        code_mac=None if row["code_mac"] is None else bytes(row["code_mac"]),
        tries_left=row["tries_left"],
        requested_at=from_micros(row["requested_at"]),
        code_expires_at=from_micros(row["code_expires_at"]),
        link_expires_at=from_micros(row["link_expires_at"]),
        spent_at=None if row["spent_at"] is None else from_micros(row["spent_at"]),
    )
