"""What a password's end is, and what is kept of the reminders of it."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """When a password expires, and by whose word. ``reminder_days``: how many days before its owner is reminded.

    ``organizations`` are the names of those who ask for the age that counts, ``organization_ids`` their ids.
    """

    set_at: datetime
    expires_at: datetime
    max_age_days: int
    reminder_days: tuple[int, ...] = ()
    organizations: tuple[str, ...] = ()
    organization_ids: tuple[str, ...] = ()


class ReminderState(StrEnum):
    """What became of a reminder."""

    SENT = "sent"
    """Its mail was queued; what became of that, the outbox knows."""
    CANCELLED = "cancelled"
    """Its mail was taken back before it was sent: there was nothing left to remind of."""
    SKIPPED = "skipped"
    """A nearer one was due at the same time, so only that one was sent."""


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger: an account, a password (by when it was set), and how many days before its end.

    ``organizations`` are the ids of those who asked; nobody else is shown it.
    """

    id: str
    account_id: str
    password_set_at: datetime
    days: int
    state: ReminderState
    expires_at: datetime
    organizations: tuple[str, ...]
    created_at: datetime
    changed_at: datetime
    mail_id: str | None = None


class Candidate(msgspec.Struct, frozen=True):
    """Somebody whose password was set in the time that is looked at.

    ``reminded`` is the least day count for which the ledger has a row for this password and this end.
    """

    account_id: str
    set_at: datetime
    memberships: str
    time_zone: str
    reminded: int | None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which passwords to look at: those an age limit of ``max_age_days`` brings near their end.

    They were set after ``set_after`` and not after ``set_by``. ``limits`` names for each day count, the least first,
    until when a password must have been set for it to be possibly due.
    """

    max_age_days: int
    set_after: datetime
    set_by: datetime
    limits: tuple[tuple[int, datetime], ...]
