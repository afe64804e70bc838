"""When a password expires and on which mornings its owner is reminded: across months, clocks, leap days and years."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.kernel.zones import list_zones, zone_of
from portico.organizations.folding import AskedBy, FoldedPolicy, fold
from portico.organizations.policy import NOTHING_ASKED, PolicyFields
from portico.reminders.model import Expiry
from portico.reminders.rules import DAY, days_left, due_at, find_due, find_expiry, may_be_told, window_of

START = datetime(2020, 1, 1, tzinfo=UTC)
SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
FARTHEST = (ZoneInfo("Etc/GMT+12"), ZoneInfo("Pacific/Kiritimati"))
"""UTC-12 and UTC+14."""

instants = st.integers(0, 7_300 * 86_400_000_000).map(lambda passed: START + timedelta(microseconds=passed))
zones = st.sampled_from([*map(zone_of, list_zones()), *FARTHEST, UTC])


def asked(*fields: PolicyFields) -> FoldedPolicy:
    """What several organizations ask together."""
    at = datetime(2020, 1, 1, tzinfo=UTC)
    names = ("North Clinic", "South Practice", "West Ward")
    return fold(
        [
            AskedBy(organization=name, fields=one, since=at, asked_at=at)
            for name, one in zip(names, fields, strict=False)
        ],
        NOTHING_ASKED,
    )


CLASSIC = asked(PolicyFields(max_age_days=60, reminder_days=(10, 3, 1)))


def expiry(set_at: datetime, folded: FoldedPolicy = CLASSIC) -> Expiry:
    found = find_expiry(set_at, folded)
    assert found is not None
    return found


def local(zone: tzinfo, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("set_at", "expires_at"),
    [
        ((2026, 1, 15, 13, 30, 59), (2026, 3, 16, 13, 30, 59)),  # over a February of 28 days
        ((2028, 1, 15, 13, 30, 59), (2028, 3, 15, 13, 30, 59)),  # and of 29
        ((2028, 2, 29, 23, 59, 59), (2028, 4, 29, 23, 59, 59)),  # set on the leap day
        ((2027, 12, 31, 23, 59, 59), (2028, 2, 29, 23, 59, 59)),  # ends on one
        ((2026, 11, 30, 0, 0, 0), (2027, 1, 29, 0, 0, 0)),  # over the end of a year
        ((2026, 3, 1, 0, 0, 0), (2026, 4, 30, 0, 0, 0)),  # over clocks that are put forward
        ((2026, 9, 1, 0, 0, 0), (2026, 10, 31, 0, 0, 0)),  # and back
    ],
)
def test_a_password_lasts_sixty_times_24_hours(set_at: tuple[int, ...], expires_at: tuple[int, ...]) -> None:  # S86
    began = local(UTC, *set_at)
    assert expiry(began).expires_at == local(UTC, *expires_at)


def test_it_is_asked_by_nobody_or_of_nothing() -> None:  # S101
    at = local(UTC, 2026, 5, 4)
    assert find_expiry(None, CLASSIC) is None, "whoever has no password has none to expire"
    assert find_expiry(at, asked(PolicyFields())) is None
    assert expiry(at, asked(PolicyFields(max_age_days=30))).reminder_days == ()


def test_the_strictest_age_and_the_days_of_all() -> None:  # D9, S88
    several = asked(
        PolicyFields(max_age_days=90, reminder_days=(30, 7)),
        PolicyFields(max_age_days=20, reminder_days=(10,)),
        PolicyFields(reminder_days=(5,)),
    )
    found = expiry(local(UTC, 2026, 5, 4), several)
    assert (found.max_age_days, found.organizations) == (20, ("South Practice",))
    assert found.reminder_days == (10, 7), "a reminder before the password was set reminds of nothing"


@pytest.mark.parametrize(
    ("zone", "set_at", "mornings"),
    [
        (UTC, (2026, 5, 4, 9, 0), [(2026, 6, 23, 8), (2026, 6, 30, 8), (2026, 7, 2, 8)]),
        (UTC, (2026, 5, 4, 23, 59), [(2026, 6, 23, 8), (2026, 6, 30, 8), (2026, 7, 2, 8)]),
        (UTC, (2026, 5, 5, 0, 0), [(2026, 6, 24, 8), (2026, 7, 1, 8), (2026, 7, 3, 8)]),
        # clocks put forward on 29 March: the mornings stay mornings
        (BERLIN, (2026, 2, 5, 12, 0), [(2026, 3, 27, 8), (2026, 4, 3, 8), (2026, 4, 5, 8)]),
        # and back on 25 October
        (BERLIN, (2026, 8, 29, 12, 0), [(2026, 10, 18, 8), (2026, 10, 25, 8), (2026, 10, 27, 8)]),
        # set in summer at half past midnight, expires in winter at half past eleven: the day before
        (BERLIN, (2026, 9, 1, 0, 30), [(2026, 10, 20, 8), (2026, 10, 27, 8), (2026, 10, 29, 8)]),
        (NEW_YORK, (2027, 12, 31, 20, 0), [(2028, 2, 19, 8), (2028, 2, 26, 8), (2028, 2, 28, 8)]),
        (NEW_YORK, (2026, 11, 10, 20, 0), [(2026, 12, 30, 8), (2027, 1, 6, 8), (2027, 1, 8, 8)]),
        (FARTHEST[0], (2026, 5, 4, 1, 0), [(2026, 6, 23, 8), (2026, 6, 30, 8), (2026, 7, 2, 8)]),
        (FARTHEST[1], (2026, 5, 4, 23, 0), [(2026, 6, 23, 8), (2026, 6, 30, 8), (2026, 7, 2, 8)]),
    ],
)
def test_reminders_come_on_these_mornings_to_the_second(
    zone: tzinfo, set_at: tuple[int, ...], mornings: list[tuple[int, ...]]
) -> None:  # S88, D11
    found = expiry(local(zone, *set_at))
    for days, morning in zip((10, 3, 1), mornings, strict=True):
        at = local(zone, *morning)
        assert due_at(found.expires_at, days, zone) == at
        assert find_due(found, zone, at) == days
        assert find_due(found, zone, at - SECOND) == {10: None, 3: 10, 1: 3}[days]
        assert may_be_told(found.expires_at, zone, at)
        assert not may_be_told(found.expires_at, zone, at - SECOND)


def test_nobody_is_reminded_at_night_unless_the_morning_is_too_late() -> None:  # D11
    ends = local(BERLIN, 2026, 7, 3, 9, 0)
    for hour, may in ((0, False), (7, False), (8, True), (12, True), (19, True), (20, False), (23, False)):
        assert may_be_told(ends, BERLIN, local(BERLIN, 2026, 6, 30, hour, 59 if hour != 7 else 30)) is may
    early = local(BERLIN, 2026, 7, 3, 6, 0)
    assert may_be_told(early, BERLIN, local(BERLIN, 2026, 7, 2, 23, 0)), "tomorrow at 8 it is over"
    assert may_be_told(early, BERLIN, local(BERLIN, 2026, 7, 3, 5, 0))
    assert not may_be_told(early, BERLIN, local(BERLIN, 2026, 7, 2, 5, 0))


@given(instants, st.integers(1, 365), st.lists(st.integers(1, 90), max_size=5), zones)
def test_the_nearest_counts_and_each_has_its_day(
    set_at: datetime, age: int, days: list[int], zone: tzinfo
) -> None:  # S88, D11
    found = find_expiry(set_at, asked(PolicyFields(max_age_days=age, reminder_days=tuple(days))))
    assert found is not None
    ends = found.expires_at
    assert find_due(found, zone, ends) is None
    assert find_due(found, zone, set_at) is None, "nobody is reminded of what they have just done"
    for count in found.reminder_days:
        due = due_at(ends, count, zone)
        assert set_at < due < ends
        assert find_due(found, zone, due) == count
        assert due.astimezone(zone).hour == 8
        assert ends.astimezone(zone).date() - due.astimezone(zone).date() == count * DAY
        assert (count - 1) * DAY < ends - due < (count + 1) * DAY
        assert min(count, days_left(ends, due)) == count, "the number told is that of the reminder (S89)"


@given(instants, st.sampled_from([1, 30, 60, 365]), zones, st.integers(1, 90))
def test_the_search_looks_where_somebody_may_be_due(now: datetime, age: int, zone: tzinfo, days: int) -> None:  # D11
    """Whoever is due at ``now`` was set within the window, by the limit of their day count."""
    window = window_of(age, (days, 3, 1), now)
    folded = asked(PolicyFields(max_age_days=age, reminder_days=tuple({days, 3, 1})))
    for hours in range(0, 24 * min(age, 92), 7):
        set_at = now - age * DAY + timedelta(hours=hours)
        found = expiry(set_at, folded)
        due = find_due(found, zone, now)
        if due is None:
            continue
        assert window.set_after < set_at <= window.set_by
        assert set_at <= dict(window.limits)[due]


def test_days_are_counted_as_people_do() -> None:  # S89
    ends = local(UTC, 2026, 7, 3, 9, 0)
    for left, said in ((10 * DAY, 10), (10 * DAY - MICROSECOND, 10), (9 * DAY, 9), (DAY + MICROSECOND, 2), (DAY, 1)):
        assert days_left(ends, ends - left) == said
    assert days_left(ends, ends - SECOND) == 1
    assert days_left(ends, ends + DAY) == 1
