"""The time: the one place that asks the system for it.

Everything else receives a :class:`Clock` or an instant as an argument, so that a test can say what time it is.
Instants are aware datetimes in UTC; the database keeps them as whole microseconds since 1970 (:func:`to_micros`).
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Something that tells the time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """Wall time that never runs backwards.

    A wall clock that is set back must not bring expired things back to life. When the wall falls behind what this
    clock has already told, it goes on at half speed until the wall has caught up. ``floor`` is the latest instant an
    earlier process has told; ``offset`` is added to the wall (development only, see ``development/clock_control``).
    """

    def __init__(self, *, floor: datetime = EPOCH, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset
        self._told = to_micros(floor)
        self._told_at_monotonic = time.monotonic_ns() // 1000

    def now(self) -> datetime:
        """The present instant: the wall's, or later while the wall is behind."""
        wall = self._wall()
        monotonic = time.monotonic_ns() // 1000
        self._told = max(wall, self._told + (monotonic - self._told_at_monotonic) // 2) if wall < self._told else wall
        self._told_at_monotonic = monotonic
        return from_micros(self._told)

    def raise_floor(self, floor: datetime) -> None:
        """Never tell an instant before ``floor`` again."""
        self._told = max(self._told, to_micros(floor))

    def behind(self) -> timedelta:
        """How far the wall lies behind what this clock has told; zero when all is well."""
        return timedelta(microseconds=max(0, self._told - self._wall()))

    def _wall(self) -> int:
        return time.time_ns() // 1000 + self.offset // MICROSECOND


def to_micros(at: datetime) -> int:
    """An instant as whole microseconds since 1970-01-01T00:00Z, as the database keeps it."""
    return (at - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC instant for a count of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def span_micros(span: timedelta) -> int:
    """A span of time as whole microseconds."""
    return span // MICROSECOND


def span_from_micros(micros: int) -> timedelta:
    """The span for a count of microseconds."""
    return timedelta(microseconds=micros)
