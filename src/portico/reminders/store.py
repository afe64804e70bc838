"""The ledger of reminders in the database, and the search for those who are due. Imported by this feature only.

Of an account, a password and a day count there is one row; whoever writes it sends the mail. A row is written anew
where its end has moved, because a policy has changed, or where it was cancelled.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from portico.database.engine import Reader, Row, Transaction, Value
from portico.kernel.clock import from_micros, to_micros
from portico.reminders.model import Candidate, Reminder, ReminderState, Window

_COLUMNS = "id, account_id, password_set_at, days, state, expires_at, organizations, created_at, changed_at, mail_id"
_ROW = ", ".join(f"r.{name}" for name in _COLUMNS.split(", "))
_DAY = 86_400_000_000
_IDS = msgspec.json.Decoder(tuple[str, ...])


async def list_candidates(
    reader: Reader, window: Window, after: tuple[datetime, str], limit: int
) -> Sequence[Candidate]:
    """Active accounts with a password set in the window that may be due, by when it was set; those after one of them.

    An account is left out if the ledger has a row for its password, its end and a day count that is near enough.
    Reads by the index over when passwords were set: who is nowhere near the end costs nothing.
    """
    values: list[Value] = [
        to_micros(window.set_after),
        to_micros(window.set_by),
        to_micros(after[0]),
        after[1],
        window.max_age_days * _DAY,
        limit,
    ]
    cases = []
    for days, set_by in window.limits:
        cases.append(f"WHEN c.changed_at <= ${len(values) + 1} THEN CAST(${len(values) + 2} AS BIGINT)")
        values += [to_micros(set_by), days]
    row_of_this_end = (
        "FROM password_reminders r WHERE r.account_id = c.account_id AND r.password_set_at = c.changed_at "
        "AND r.expires_at = c.changed_at + $5 AND r.state <> 'cancelled'"
    )
    rows = await reader.list_rows(
        f"SELECT c.account_id, c.changed_at, a.memberships, a.time_zone, "
        f"(SELECT MIN(r.days) {row_of_this_end}) AS reminded "
        "FROM credentials c JOIN accounts a ON a.id = c.account_id "
        "WHERE c.kind = 'password' AND c.changed_at > $1 AND c.changed_at <= $2 "
        "AND (c.changed_at, c.account_id) > ($3, $4) AND a.state = 'active' "
        f"AND NOT EXISTS (SELECT 1 {row_of_this_end} AND r.days <= CASE {' '.join(cases)} END) "
        "ORDER BY c.changed_at, c.account_id LIMIT $6",
        *values,
    )
    return [
        Candidate(
            row["account_id"], from_micros(row["changed_at"]), row["memberships"], row["time_zone"], row["reminded"]
        )
        for row in rows
    ]


async def list_reminders(reader: Reader, account_id: str, set_at: datetime) -> list[Reminder]:
    """The reminders about one password."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM password_reminders WHERE account_id = $1 AND password_set_at = $2 ORDER BY days DESC",
        account_id,
        to_micros(set_at),
    )
    return [_reminder(row) for row in rows]


async def list_of_account(reader: Reader, account_id: str, limit: int) -> list[Reminder]:
    """The reminders about an account's passwords, those about the newest first."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM password_reminders WHERE account_id = $1 ORDER BY password_set_at DESC, days LIMIT $2",
        account_id,
        limit,
    )
    return [_reminder(row) for row in rows]


async def list_open(reader: Reader, account_id: str, now: datetime) -> list[Reminder]:
    """The reminders of an account that were sent and whose end has not come; some may wait in the outbox."""
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM password_reminders WHERE account_id = $1 AND state = 'sent' AND expires_at > $2",
        account_id,
        to_micros(now),
    )
    return [_reminder(row) for row in rows]


async def list_waiting(
    reader: Reader, kind: str, after: tuple[datetime, str], limit: int
) -> list[tuple[tuple[datetime, str], Reminder]]:
    """Reminders whose mail still waits in the outbox, by when it is tried next; those after one of them."""
    rows = await reader.list_rows(
        f"SELECT {_ROW}, o.next_try_at FROM outbox o JOIN password_reminders r ON r.mail_id = o.id "
        "WHERE o.status = 'queued' AND o.kind = $1 AND o.next_try_at >= $2 AND (o.next_try_at, o.id) > ($2, $3) "
        "AND r.state = 'sent' ORDER BY o.next_try_at, o.id LIMIT $4",
        kind,
        to_micros(after[0]),
        after[1],
        limit,
    )
    return [((from_micros(row["next_try_at"]), row["mail_id"]), _reminder(row)) for row in rows]


async def list_of_organization(
    reader: Reader, organization_id: str, account_id: str, after: tuple[str, str], limit: int
) -> list[Reminder]:
    """Reminders an organization has asked for, of its active members; by account, those after one of them.

    ``account_id`` is empty for everybody's.
    """
    rows = await reader.list_rows(
        f"SELECT {_ROW} FROM memberships m JOIN password_reminders r ON r.account_id = m.account_id "
        "WHERE m.organization_id = $1 AND m.state = 'active' AND m.account_id >= $2 "
        "AND (m.account_id, r.id) > ($2, $3) AND ($4 = '' OR m.account_id = $4) AND r.organizations LIKE $5 "
        "ORDER BY m.account_id, r.id LIMIT $6",
        organization_id,
        after[0],
        after[1],
        account_id,
        f'%"{organization_id}"%',
        limit,
    )
    return [_reminder(row) for row in rows]


async def find_reminder(reader: Reader, reminder_id: str) -> Reminder | None:
    """The reminder with this id."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM password_reminders WHERE id = $1", reminder_id)
    return _reminder(row) if row else None


async def claim(tx: Transaction, reminder: Reminder) -> bool:
    """Write a row of the ledger; False if there is one for this end already, and then somebody else sends the mail."""
    claimed = await tx.execute(
        f"INSERT INTO password_reminders ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
        "ON CONFLICT (account_id, password_set_at, days) DO UPDATE SET state = $5, expires_at = $6, "
        "organizations = $7, created_at = $8, changed_at = $9, mail_id = $10 "
        "WHERE password_reminders.expires_at <> $6 OR password_reminders.state = 'cancelled'",
        reminder.id,
        reminder.account_id,
        to_micros(reminder.password_set_at),
        reminder.days,
        reminder.state.value,
        to_micros(reminder.expires_at),
        msgspec.json.encode(reminder.organizations).decode(),
        to_micros(reminder.created_at),
        to_micros(reminder.changed_at),
        reminder.mail_id,
    )
    return claimed == 1


async def note_mail(tx: Transaction, reminder: Reminder, mail_id: str) -> None:
    """Keep which mail tells of a reminder."""
    await tx.execute(
        "UPDATE password_reminders SET mail_id = $1 WHERE account_id = $2 AND password_set_at = $3 AND days = $4",
        mail_id,
        reminder.account_id,
        to_micros(reminder.password_set_at),
        reminder.days,
    )


async def settle(tx: Transaction, reminder: Reminder, state: ReminderState, now: datetime) -> bool:
    """Note what became of a reminder that was sent; False if that is known already."""
    sql = "UPDATE password_reminders SET state = $1, changed_at = $2 WHERE id = $3 AND state = 'sent'"
    return await tx.execute(sql, state.value, to_micros(now), reminder.id) == 1


async def put_off(tx: Transaction, account_id: str, now: datetime) -> None:
    """Note that somebody, shown that their password expires soon, has said "later"."""
    await tx.execute(
        "INSERT INTO password_put_offs (account_id, put_off_at) VALUES ($1, $2) "
        "ON CONFLICT (account_id) DO UPDATE SET put_off_at = $2",
        account_id,
        to_micros(now),
    )


async def find_put_off(reader: Reader, account_id: str) -> datetime | None:
    """When somebody said so last."""
    row = await reader.find_row("SELECT put_off_at FROM password_put_offs WHERE account_id = $1", account_id)
    return from_micros(row["put_off_at"]) if row else None


async def sweep(tx: Transaction, before: datetime, limit: int) -> int:
    """Forget reminders of ends that are long past."""
    sql = (
        "DELETE FROM password_reminders WHERE id IN (SELECT id FROM password_reminders WHERE expires_at < $1 LIMIT $2)"
    )
    return await tx.execute(sql, to_micros(before), limit)


async def erase(tx: Transaction, account_id: str) -> None:
    """Delete what is kept about an account that is being erased."""
    await tx.execute("DELETE FROM password_reminders WHERE account_id = $1", account_id)
    await tx.execute("DELETE FROM password_put_offs WHERE account_id = $1", account_id)


def _reminder(row: Row) -> Reminder:
    return Reminder(
        id=row["id"],
        account_id=row["account_id"],
        password_set_at=from_micros(row["password_set_at"]),
        days=row["days"],
        state=ReminderState(row["state"]),
        expires_at=from_micros(row["expires_at"]),
        organizations=_IDS.decode(row["organizations"]),
        created_at=from_micros(row["created_at"]),
        changed_at=from_micros(row["changed_at"]),
        mail_id=row["mail_id"],
    )
