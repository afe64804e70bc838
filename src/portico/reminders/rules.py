"""When a password expires, and when its owner is reminded of that. Pure.

A password expires ``max_age_days`` times 24 hours after it was set, to the microsecond, whatever clocks on the wall do
meanwhile (S86). A reminder is a matter of the wall: it belongs to the *morning* of the day that lies so many days
before the last one, as its reader's calendar counts (S88, D11).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from portico.organizations.folding import FoldedPolicy
from portico.reminders.model import Expiry, Window

DAY = timedelta(days=1)
MORNING = time(8)
EVENING = time(20)
"""Whose morning was missed (a server was down) is still reminded until then; nobody is at night."""
_EARLIEST = timedelta(hours=18)
"""How much earlier than so many times 24 hours a reminder may be due: 16 hours from 8:00 to midnight, and a margin for
clocks that are put forward or back."""


def find_expiry(set_at: datetime | None, folded: FoldedPolicy) -> Expiry | None:
    """When a password set then expires under what is asked of its owner; None if it does not, or there is none (S101).

    Of the reminders of all organizations those count that come after the password was set.
    """
    age = folded.max_age_days
    if set_at is None or age.value is None:
        return None
    return Expiry(
        set_at=set_at,
        expires_at=set_at + age.value * DAY,
        max_age_days=age.value,
        reminder_days=tuple(days for days in folded.reminder_days.value if days < age.value),
        organizations=age.organizations,
    )


def days_left(expires_at: datetime, now: datetime) -> int:
    """How many days are left, as people say it: the last 24 hours are one day."""
    return max(1, -(-(expires_at - now) // DAY))


def due_at(expires_at: datetime, days: int, zone: tzinfo) -> datetime:
    """The morning of the day that lies ``days`` days before that of the end, in the reader's time zone."""
    return _morning_of(expires_at.astimezone(zone).date() - days * DAY, zone)


def find_due(expiry: Expiry, zone: tzinfo, now: datetime) -> int | None:
    """The nearest reminder whose morning has come; None before the first, and once the password has expired."""
    if now >= expiry.expires_at:
        return None
    return min((days for days in expiry.reminder_days if due_at(expiry.expires_at, days, zone) <= now), default=None)


def may_be_told(expires_at: datetime, zone: tzinfo, now: datetime) -> bool:
    """Whether a due reminder may go out now: by day, or at night if the next morning would be too late."""
    there = now.astimezone(zone)
    if MORNING <= there.time() < EVENING:
        return True
    tomorrow = there.date() if there.time() < MORNING else there.date() + DAY
    return _morning_of(tomorrow, zone) >= expires_at


def window_of(max_age_days: int, days: Iterable[int], now: datetime) -> Window:
    """Which passwords to look at for one age limit, where these day counts are asked for."""
    age = max_age_days * DAY
    possible = sorted({count for count in days if count < max_age_days})
    limits = tuple((count, now - age + count * DAY + _EARLIEST) for count in possible)
    set_after = now - age
    return Window(
        max_age_days=max_age_days, set_after=set_after, set_by=limits[-1][1] if limits else set_after, limits=limits
    )


def _morning_of(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, MORNING, zone).astimezone(UTC)
