"""When a password is too old: so many seconds after it was set, whatever clocks on walls say (S86, S100, S101)."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from portico.accounts.model import AccountState
from portico.factors.proof import Proof, ProofClass, ProofKind
from portico.kernel.clock import from_micros, to_micros
from portico.signin.attempt import Attempt, ClientKind, Purpose
from portico.signin.decide import next_step
from portico.signin.facts import ChangeReason, Facts, PasswordRule, Person, Policy
from portico.signin.rules import password_must_change
from portico.signin.steps import ChangePassword, Finished

DAY, SECOND, MICROSECOND = timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=1)
ZONES = (
    "UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
    "Pacific/Kiritimati", "America/St_Johns", "Africa/Casablanca",
)  # fmt: skip


def facts(set_at: datetime | None, now: datetime, days: int, kind: ProofKind = ProofKind.PASSWORD) -> Facts:
    """Somebody who has just proven something, in an organization that has passwords changed."""
    proof = Proof(kind=kind, classes=frozenset({ProofClass.KNOW}), at=now)
    attempt = Attempt(
        id="attempt",
        purpose=Purpose.SIGN_IN,
        client_kind=ClientKind.BROWSER,
        holder_hash=b"",
        created_at=now,
        expires_at=now + timedelta(minutes=30),
        identifier="nora",
        account_id="account-nora",
        epoch=1,
        proofs=(proof,),
    )
    rule = PasswordRule(max_age=timedelta(days=days), max_age_asked_by=("North Clinic",))
    return Facts(
        now=now,
        attempt=attempt,
        person=Person(state=AccountState.ACTIVE, epoch=1, password_set_at=set_at),
        enrolled=(kind,),
        policy=Policy(password=rule),
    )


def is_due(set_at: datetime, now: datetime, days: int) -> bool:
    """Whether a new password is asked for, of instants as a database gives them back."""
    step = next_step(facts(from_micros(to_micros(set_at)), from_micros(to_micros(now)), days))
    assert isinstance(step, ChangePassword | Finished)
    return isinstance(step, ChangePassword)


def assert_due_after(set_at: datetime, days: int) -> None:
    """Not a microsecond earlier, and from then on."""
    utc = set_at.astimezone(UTC)
    assert not is_due(set_at, utc + days * DAY - SECOND, days)
    assert not is_due(set_at, utc + days * DAY - MICROSECOND, days)
    assert is_due(set_at, utc + days * DAY, days)
    assert is_due(set_at, utc + days * DAY + SECOND, days)


def test_who_asks_and_how_often_is_said() -> None:  # S85, S86
    set_at = datetime(2026, 1, 1, tzinfo=UTC)
    assert next_step(facts(set_at, set_at + 60 * DAY, 60)) == ChangePassword(
        why=ChangeReason.EXPIRED, organizations=("North Clinic",), days=60
    )


@pytest.mark.parametrize("days", [1, 2, 30, 59, 60, 61, 90, 364, 365])
def test_any_number_of_days_is_to_the_second(days: int) -> None:  # S85, S86
    assert_due_after(datetime(2026, 5, 4, 9, 0, 7, 123_456, tzinfo=UTC), days)


@pytest.mark.parametrize(
    ("set_at", "days", "due"),
    [
        ("2024-02-28T12:00:00", 1, "2024-02-29T12:00:00"),
        ("2024-02-29T12:00:00", 1, "2024-03-01T12:00:00"),
        ("2024-02-29T00:00:00", 365, "2025-02-28T00:00:00"),
        ("2023-12-31T23:59:59", 60, "2024-02-29T23:59:59"),
        ("2025-12-31T23:59:59", 60, "2026-03-01T23:59:59"),
        ("2027-12-31T23:59:59", 1, "2028-01-01T23:59:59"),
        ("2025-01-01T00:00:00", 365, "2026-01-01T00:00:00"),
        ("2024-01-01T00:00:00", 365, "2024-12-31T00:00:00"),
        ("2099-12-31T23:59:59", 60, "2100-03-01T23:59:59"),
    ],
)
def test_leap_days_and_the_ends_of_years_are_days_like_others(set_at: str, days: int, due: str) -> None:  # S86
    begun, over = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (set_at, due))
    assert_due_after(begun, days)
    assert begun + days * DAY == over


@pytest.mark.parametrize(
    ("zone", "set_at", "due"),
    [
        ("Europe/Vienna", "2026-02-27T08:00:00", "2026-04-28T09:00:00"),
        ("Europe/Vienna", "2026-09-28T08:00:00", "2026-11-27T07:00:00"),
        ("America/New_York", "2026-01-08T02:30:00", "2026-03-09T03:30:00"),
        ("Australia/Lord_Howe", "2026-03-01T12:00:00", "2026-04-30T11:30:00"),
        ("Asia/Kathmandu", "2026-02-27T08:00:00", "2026-04-28T08:00:00"),
        ("Pacific/Apia", "2011-12-01T12:00:00", "2012-01-31T12:00:00"),
    ],
    ids=lambda value: value,
)
def test_sixty_days_are_as_long_wherever_one_is(zone: str, set_at: str, due: str) -> None:  # S86
    """Where clocks were put forward the hour on the wall is another one; an island that skipped a day lost none."""
    local = ZoneInfo(zone)
    begun = datetime.fromisoformat(set_at).replace(tzinfo=local)
    over = datetime.fromisoformat(due).replace(tzinfo=local)
    assert_due_after(begun, 60)
    assert over.astimezone(UTC) - begun.astimezone(UTC) == 60 * DAY
    assert is_due(begun, over, 60)
    assert not is_due(begun, over.astimezone(UTC) - SECOND, 60)


def test_an_hour_that_comes_twice_is_two_hours() -> None:  # S86
    vienna = ZoneInfo("Europe/Vienna")
    first, second = (datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=vienna) for fold in (0, 1))
    now = first.astimezone(UTC) + 60 * DAY
    assert is_due(first, now, 60)
    assert not is_due(second, now, 60)
    assert is_due(second, now + timedelta(hours=1), 60)


@given(
    set_at=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001 - of a wall, in a zone below
    fold=st.sampled_from([0, 1]),
    zone=st.sampled_from(ZONES),
    elsewhere=st.sampled_from(ZONES),
    days=st.integers(1, 365),
    off=st.sampled_from([-DAY, -SECOND, -MICROSECOND, timedelta(0), MICROSECOND, SECOND, DAY]),
)
def test_no_time_zone_makes_a_difference(  # S86
    set_at: datetime, fold: int, zone: str, elsewhere: str, days: int, off: timedelta
) -> None:
    """Only seconds count, whatever zone the password was set in and whatever zone one signs in from."""
    begun = set_at.replace(fold=fold, tzinfo=ZoneInfo(zone))
    micros = to_micros(begun) + (days * DAY + off) // MICROSECOND
    now = from_micros(micros).astimezone(ZoneInfo(elsewhere))
    assert is_due(begun, now, days) == (off >= timedelta(0))


@pytest.fixture(params=["Europe/Vienna", "America/New_York", "Pacific/Kiritimati"])
def machine_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The machine's own zone, another one for a while."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def test_the_zone_of_the_machine_makes_no_difference(machine_zone: str) -> None:  # S86
    assert time.tzname != ("UTC", "UTC")
    assert_due_after(datetime(2026, 2, 27, 8, tzinfo=UTC), 60)
    assert_due_after(datetime(2026, 9, 28, 8, tzinfo=UTC), 60)


def test_a_clock_that_leaps_is_believed() -> None:
    """A year forward in the middle of it; and back to before the password was set, where nothing is due."""
    set_at = datetime(2026, 5, 4, tzinfo=UTC)
    assert is_due(set_at, set_at + 366 * DAY, 60)
    assert not is_due(set_at, set_at - 366 * DAY, 60)


def test_any_change_begins_anew() -> None:  # S100
    first = datetime(2026, 5, 4, 9, tzinfo=UTC)
    changed = first + 59 * DAY
    assert is_due(first, first + 60 * DAY, 60)
    assert not is_due(changed, first + 60 * DAY, 60)
    assert_due_after(changed, 60)


@given(kind=st.sampled_from(ProofKind), days=st.integers(0, 10_000))
def test_an_account_without_a_password_has_none_to_expire(kind: ProofKind, days: int) -> None:  # S101
    now = datetime(2026, 5, 4, tzinfo=UTC) + days * DAY
    given_facts = facts(None, now, 1, kind)
    assert password_must_change(given_facts) is None
    since = structs.replace(given_facts.policy, password=PasswordRule(max_age=DAY, changed_since=now))
    assert password_must_change(structs.replace(given_facts, policy=since)) is None


@given(kind=st.sampled_from([kind for kind in ProofKind if kind is not ProofKind.PASSWORD]))
def test_whoever_came_in_without_the_password_is_not_asked_for_another(kind: ProofKind) -> None:  # S101
    set_at = datetime(2026, 5, 4, tzinfo=UTC)
    assert password_must_change(facts(set_at, set_at + 400 * DAY, 60, kind)) is None
