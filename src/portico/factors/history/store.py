"""Former passwords in the database. Imported by this feature and ``app`` only.

Each account's are numbered from the oldest on, without a gap: only the oldest are ever deleted.
"""

from collections.abc import Sequence
from datetime import datetime

from portico.database.engine import Reader, Transaction
from portico.factors.model import HISTORY_MAX, FormerPassword, KeptPasswords
from portico.kernel.clock import from_micros, to_micros

_NEWEST = "(SELECT MAX(number) FROM password_history WHERE account_id = $1)"


async def add_former(tx: Transaction, account_id: str, former: FormerPassword) -> None:
    """Keep a password that was replaced; as long at least as those before it are to be kept."""
    await tx.execute(
        "INSERT INTO password_history (account_id, number, secret, set_at, kept_until) "
        "SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, MAX(kept_until) FROM password_history WHERE account_id = $1",
        account_id,
        former.secret,
        to_micros(former.set_at),
    )


async def add_imported(
    tx: Transaction, account_id: str, secrets: Sequence[bytes], now: datetime, kept_until: datetime
) -> None:
    """Keep the former passwords of somebody who has just moved in, newest first."""
    for number, secret in enumerate(reversed(secrets), 1):
        await tx.execute(
            "INSERT INTO password_history (account_id, number, secret, set_at, kept_until) VALUES ($1, $2, $3, $4, $5)",
            account_id,
            number,
            secret,
            to_micros(now),
            to_micros(kept_until),
        )


async def list_former(reader: Reader, account_id: str, limit: int) -> list[FormerPassword]:
    """The newest of an account's former passwords, newest first."""
    rows = await reader.list_rows(
        "SELECT secret, set_at FROM password_history WHERE account_id = $1 ORDER BY number DESC LIMIT $2",
        account_id,
        limit,
    )
    return [FormerPassword(secret=bytes(row["secret"]), set_at=from_micros(row["set_at"])) for row in rows]


async def count_former(reader: Reader, account_id: str) -> int:
    """How many an account has."""
    sql = "SELECT COUNT(*) AS kept FROM password_history WHERE account_id = $1"
    row = await reader.find_row(sql, account_id)
    return int(row["kept"]) if row else 0


async def prune(tx: Transaction, account_id: str, keep: int, now: datetime) -> int:
    """Delete all but the ``keep`` newest, except what is to be kept until later; never are more left than may be."""
    return await tx.execute(
        f"DELETE FROM password_history WHERE account_id = $1 AND number <= {_NEWEST} - $2 "
        f"AND (kept_until IS NULL OR kept_until <= $3 OR number <= {_NEWEST} - $4)",
        account_id,
        keep,
        to_micros(now),
        HISTORY_MAX,
    )


async def list_kept(reader: Reader, after: str, limit: int) -> list[KeptPasswords]:
    """Who has how many, by the ids of accounts from ``after`` on."""
    rows = await reader.list_rows(
        "SELECT h.account_id, a.memberships, COUNT(*) AS kept FROM password_history h "
        "JOIN accounts a ON a.id = h.account_id WHERE h.account_id > $1 "
        "GROUP BY h.account_id, a.memberships ORDER BY h.account_id LIMIT $2",
        after,
        limit,
    )
    return [
        KeptPasswords(account_id=row["account_id"], memberships=row["memberships"], count=row["kept"]) for row in rows
    ]


async def erase(tx: Transaction, account_id: str) -> None:
    """Delete all of an account's."""
    await tx.execute("DELETE FROM password_history WHERE account_id = $1", account_id)
