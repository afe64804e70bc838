"""The outbox in the database. Imported by this feature and ``app`` only.

A queued mail is due from ``next_try_at`` on. Claiming moves that instant forward, as a lease: one conditional UPDATE
whose row count is the answer, so two senders never hold the same mail, and a mail whose sender died comes back by
itself. Every statement that settles a mail erases what was sealed.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.mail.model import ClaimedMail, MailFate, MailRecord, MailStatus, NewMail, fate_of

_AFTER_EVERY_ID = "g"
"""Ids are hexadecimal."""
_RECORD = (
    "id, kind, recipient, language, params, account_id, created_at, useless_at, status, tries, next_try_at, "
    "settled_at, last_error, bounced_at, bounce"
)
"""What operators may see: not what was sealed."""
_IS: dict[MailFate | None, str] = {
    None: "1 = 1",
    MailFate.QUEUED: "status = 'queued' AND last_error IS NULL AND bounced_at IS NULL",
    MailFate.DEFERRED: "status = 'queued' AND last_error IS NOT NULL AND bounced_at IS NULL",
    MailFate.ACCEPTED: "status = 'delivered' AND bounced_at IS NULL",
    MailFate.BOUNCED: "(status = 'dead' OR bounced_at IS NOT NULL)",
    MailFate.DROPPED: "status = 'dropped' AND bounced_at IS NULL",
}
"""The same as :func:`portico.mail.model.fate_of`, for finding; a test compares the two."""


async def add_mail(tx: Transaction, mail: NewMail) -> None:
    """Queue a mail; it is due at once, and gone if the transaction is."""
    await tx.execute(
        "INSERT INTO outbox (id, kind, recipient, language, params, sealed, account_id, created_at, useless_at, "
        "status, tries, next_try_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'queued', 0, $8)",
        mail.id,
        mail.kind,
        mail.recipient,
        mail.language,
        mail.params,
        mail.sealed,
        mail.account_id,
        to_micros(mail.created_at),
        _micros(mail.useless_at),
    )


async def list_due(reader: Reader, now: datetime, limit: int) -> list[str]:
    """The ids of mails that may be tried now, the longest waiting first."""
    rows = await reader.list_rows(
        "SELECT id FROM outbox WHERE status = 'queued' AND next_try_at <= $1 ORDER BY next_try_at, id LIMIT $2",
        to_micros(now),
        limit,
    )
    return [row["id"] for row in rows]


async def find_next_due(reader: Reader) -> datetime | None:
    """When the next queued mail may be tried; None if none is queued."""
    row = await reader.find_row(
        "SELECT next_try_at FROM outbox WHERE status = 'queued' ORDER BY next_try_at LIMIT 1",
    )
    return from_micros(row["next_try_at"]) if row else None


async def claim_mail(tx: Transaction, mail_id: str, now: datetime, lease_ends_at: datetime) -> ClaimedMail | None:
    """Take a due mail until the lease ends and count the try; None if it is not due, useless or another's."""
    claimed = await tx.execute(
        "UPDATE outbox SET next_try_at = $3, tries = tries + 1 WHERE id = $1 AND status = 'queued' "
        "AND next_try_at <= $2 AND (useless_at IS NULL OR useless_at > $2)",
        mail_id,
        to_micros(now),
        to_micros(lease_ends_at),
    )
    if claimed == 0:
        return None
    row = await tx.find_row(
        "SELECT id, kind, recipient, language, params, sealed, account_id, created_at, useless_at, tries "
        "FROM outbox WHERE id = $1",
        mail_id,
    )
    return _claimed(row) if row else None


async def mark_delivered(tx: Transaction, mail_id: str, now: datetime) -> bool:
    """A mail server has taken it. A mail that was dropped while under way was delivered all the same."""
    settled = await tx.execute(
        "UPDATE outbox SET status = 'delivered', sealed = NULL, settled_at = $2, last_error = NULL "
        "WHERE id = $1 AND status IN ('queued', 'dropped')",
        mail_id,
        to_micros(now),
    )
    return settled == 1


async def postpone_mail(tx: Transaction, mail: ClaimedMail, next_try_at: datetime, error: str) -> bool:
    """Try again later; False if the claim was lost meanwhile, and then another sender decides."""
    postponed = await tx.execute(
        "UPDATE outbox SET next_try_at = $3, last_error = $4 WHERE id = $1 AND status = 'queued' AND tries = $2",
        mail.id,
        mail.tries,
        to_micros(next_try_at),
        error,
    )
    return postponed == 1


async def mark_dead(tx: Transaction, mail: ClaimedMail, now: datetime, error: str) -> bool:
    """Never try again; False if the claim was lost meanwhile."""
    settled = await tx.execute(
        "UPDATE outbox SET status = 'dead', sealed = NULL, settled_at = $3, last_error = $4 "
        "WHERE id = $1 AND status = 'queued' AND tries = $2",
        mail.id,
        mail.tries,
        to_micros(now),
        error,
    )
    return settled == 1


async def drop_useless(tx: Transaction, now: datetime) -> int:
    """Drop what is due but would be dead on arrival; how many."""
    return await tx.execute(
        "UPDATE outbox SET status = 'dropped', sealed = NULL, settled_at = $1 "
        "WHERE status = 'queued' AND next_try_at <= $1 AND useless_at <= $1",
        to_micros(now),
    )


async def drop_mails(tx: Transaction, account_id: str, kinds: Sequence[str], now: datetime) -> int:
    """Drop an account's queued mails of some kinds: what they carry has been made void; how many."""
    dropped = 0
    for kind in kinds:
        dropped += await tx.execute(
            "UPDATE outbox SET status = 'dropped', sealed = NULL, settled_at = $3 "
            "WHERE status = 'queued' AND account_id = $1 AND kind = $2",
            account_id,
            kind,
            to_micros(now),
        )
    return dropped


async def drop_mail(tx: Transaction, mail_id: str, now: datetime) -> bool:
    """Drop one queued mail, for the same reason; False if it is on its way or settled."""
    dropped = await tx.execute(
        "UPDATE outbox SET status = 'dropped', sealed = NULL, settled_at = $2 WHERE status = 'queued' AND id = $1",
        mail_id,
        to_micros(now),
    )
    return dropped == 1


async def count_by_key(reader: Reader) -> dict[str, int]:
    """How many queued mails each key seals; its name follows the version byte (``kernel/sealing``)."""
    rows = await reader.list_rows(
        "SELECT SUBSTR(sealed, 2, 4) AS name, COUNT(*) AS mails FROM outbox "
        "WHERE status = 'queued' AND sealed IS NOT NULL GROUP BY SUBSTR(sealed, 2, 4)"
    )
    return {bytes(row["name"]).hex(): row["mails"] for row in rows}


async def adopt(tx: Transaction, account_id: str, recipient: str) -> None:
    """Note whose the mails to an address were, now that it has an account."""
    await tx.execute(
        "UPDATE outbox SET account_id = $1 WHERE account_id IS NULL AND recipient = $2", account_id, recipient
    )


async def erase(tx: Transaction, account_id: str, recipient: str) -> None:
    """Delete whatever was mailed, or is to be mailed, to an account or its address."""
    await tx.execute("DELETE FROM outbox WHERE account_id = $1 OR recipient = $2", account_id, recipient)


async def list_mails(
    reader: Reader,
    status: MailStatus | None,
    before_id: str | None,
    limit: int,
    *,
    fate: MailFate | None = None,
    recipient: str = "",
) -> list[MailRecord]:
    """Mails as operators see them, newest first; ``before_id`` goes on where the last page ended.

    Recipients are compared without regard to case. Reads far where little is found: not inside a transaction.
    """
    rows = await reader.list_rows(
        f"SELECT {_RECORD} FROM outbox WHERE id < $1 AND ($2 = '' OR status = $2) "
        f"AND ($3 = '' OR LOWER(recipient) = LOWER($3)) AND {_IS[fate]} ORDER BY id DESC LIMIT $4",
        before_id or _AFTER_EVERY_ID,
        status.value if status else "",
        recipient,
        limit,
    )
    return [_record(row) for row in rows]


async def find_mail(reader: Reader, mail_id: str) -> MailRecord | None:
    """One mail as operators see it."""
    row = await reader.find_row(f"SELECT {_RECORD} FROM outbox WHERE id = $1", mail_id)
    return _record(row) if row else None


async def mark_bounced(tx: Transaction, mail_id: str, now: datetime, reason: str) -> bool:
    """Note that a mail came back after it had been accepted; False if it was not, or has come back before."""
    marked = await tx.execute(
        "UPDATE outbox SET bounced_at = $2, bounce = $3 WHERE id = $1 AND status = 'delivered' AND bounced_at IS NULL",
        mail_id,
        to_micros(now),
        reason,
    )
    return marked == 1


async def count_by_fate(reader: Reader) -> dict[MailFate, int]:
    """How many mails have come to what. Reads the whole table: not inside a transaction."""
    rows = await reader.list_rows(
        "SELECT status, CASE WHEN last_error IS NULL THEN 0 ELSE 1 END AS has_failed, "
        "CASE WHEN bounced_at IS NULL THEN 0 ELSE 1 END AS has_bounced, COUNT(*) AS mails "
        "FROM outbox GROUP BY 1, 2, 3"
    )
    counts = dict.fromkeys(MailFate, 0)
    for row in rows:
        has_failed, has_bounced = bool(row["has_failed"]), bool(row["has_bounced"])
        counts[fate_of(MailStatus(row["status"]), has_failed=has_failed, has_bounced=has_bounced)] += row["mails"]
    return counts


async def list_mails_of(reader: Reader, account_id: str, limit: int) -> list[MailRecord]:
    """The newest mails that were for one account, newest first."""
    rows = await reader.list_rows(
        f"SELECT {_RECORD} FROM outbox WHERE account_id = $1 ORDER BY id DESC LIMIT $2",
        account_id,
        limit,
    )
    return [_record(row) for row in rows]


async def count_by_status(reader: Reader) -> dict[MailStatus, int]:
    """How many mails are in each state. Reads the whole index: not inside a transaction."""
    rows = await reader.list_rows("SELECT status, COUNT(*) AS mails FROM outbox GROUP BY status")
    return {MailStatus(row["status"]): row["mails"] for row in rows}


async def sweep(tx: Transaction, queued_before: datetime, limit: int) -> int:
    """Forget settled mails that were queued before an instant; how many. Ids begin with their time, so they tell it."""
    return await tx.execute(
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id < $1 AND status <> 'queued' LIMIT $2)",
        _first_id(queued_before),
        limit,
    )


def _first_id(at: datetime) -> str:
    """What no id drawn at ``at`` or later comes before (RFC 9562 section 5.7)."""
    millis = f"{to_micros(at) // 1000:012x}"
    return f"{millis[:8]}-{millis[8:]}"


def _claimed(row: Row) -> ClaimedMail:
    return ClaimedMail(
        id=row["id"],
        kind=row["kind"],
        recipient=row["recipient"],
        language=row["language"],
        params=row["params"],
        sealed=row["sealed"],
        account_id=row["account_id"],
        created_at=from_micros(row["created_at"]),
        useless_at=_instant(row["useless_at"]),
        tries=row["tries"],
    )


def _record(row: Row) -> MailRecord:
    return MailRecord(
        id=row["id"],
        kind=row["kind"],
        recipient=row["recipient"],
        language=row["language"],
        params=msgspec.json.decode(row["params"]),
        account_id=row["account_id"],
        created_at=from_micros(row["created_at"]),
        useless_at=_instant(row["useless_at"]),
        status=MailStatus(row["status"]),
        tries=row["tries"],
        next_try_at=from_micros(row["next_try_at"]),
        settled_at=_instant(row["settled_at"]),
        last_error=row["last_error"],
        bounced_at=_instant(row["bounced_at"]),
        bounce=row["bounce"],
    )


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
