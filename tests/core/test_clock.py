"""The clock never runs backwards, whatever happens to the machine's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.kernel import clock as clock_module
from portico.kernel.clock import (
    EPOCH,
    SystemClock,
    from_micros,
    span_from_micros,
    span_micros,
    to_micros,
)

START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Machine:
    """The machine's own clocks: one that people may set, and one that only runs."""

    wall: datetime = START
    running: timedelta = timedelta(days=3)

    def time_ns(self) -> int:
        """The wall clock."""
        return to_micros(self.wall) * 1000

    def monotonic_ns(self) -> int:
        """The clock that only runs."""
        return span_micros(self.running) * 1000

    def run(self, span: timedelta) -> None:
        """Let time pass."""
        self.wall += span
        self.running += span


@contextmanager
def machine() -> Iterator[Machine]:
    """A machine whose clocks stand still until they are told otherwise."""
    made = Machine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_module, "time", made)
        yield made


def test_it_tells_the_walls_time_while_all_is_well() -> None:
    with machine() as here:
        clock = SystemClock()
        assert clock.now() == START
        here.run(MINUTE)
        assert clock.now() == START + MINUTE
        assert clock.behind() == timedelta(0)


def test_it_goes_on_at_half_speed_after_the_wall_was_set_back_until_it_has_caught_up() -> None:
    with machine() as here:
        clock = SystemClock()
        clock.now()
        here.wall -= 10 * MINUTE
        assert clock.now() == START
        assert clock.behind() == 10 * MINUTE
        here.run(4 * MINUTE)
        assert clock.now() == START + 2 * MINUTE
        assert clock.behind() == 8 * MINUTE
        here.run(16 * MINUTE)
        assert clock.now() == START + 10 * MINUTE == here.wall
        here.run(MINUTE)
        assert clock.now() == START + 11 * MINUTE
        assert clock.behind() == timedelta(0)


def test_it_never_tells_an_instant_before_what_an_earlier_process_told() -> None:
    with machine() as here:
        clock = SystemClock(floor=START + 5 * MINUTE)
        assert clock.now() == START + 5 * MINUTE
        here.run(2 * MINUTE)
        assert clock.now() == START + 6 * MINUTE
        clock.raise_floor(START + 30 * MINUTE)
        assert clock.now() >= START + 30 * MINUTE
        clock.raise_floor(START)
        assert clock.now() >= START + 30 * MINUTE


def test_a_floor_in_the_past_changes_nothing() -> None:
    with machine():
        assert SystemClock(floor=START - MINUTE).now() == START


def test_an_offset_runs_ahead_of_the_wall() -> None:
    with machine() as here:
        clock = SystemClock(offset=timedelta(days=1))
        assert clock.now() == START + timedelta(days=1)
        clock.offset = timedelta(days=2)
        assert clock.now() == START + timedelta(days=2)
        clock.offset = timedelta(0)
        here.run(MINUTE)
        assert clock.now() == START + timedelta(days=2) + MINUTE / 2


spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))
steps = st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400))


@given(floor=steps, events=st.lists(st.tuples(spans, steps | st.just(timedelta(0))), max_size=30))
def test_it_never_runs_backwards_nor_faster_than_it_may(
    floor: timedelta, events: list[tuple[timedelta, timedelta]]
) -> None:
    with machine() as here:
        clock = SystemClock(floor=START + floor)
        told = clock.now()
        assert told >= START + floor
        for running, step in events:
            here.run(running)
            here.wall += step
            now = clock.now()
            assert told <= now
            assert now == here.wall or now - told <= running / 2 + timedelta(microseconds=1)
            assert clock.behind() == max(timedelta(0), now - here.wall)
            told = now


def test_the_real_clock_runs_and_tells_utc() -> None:
    clock = SystemClock()
    told = [clock.now() for _ in range(1_000)]
    assert told == sorted(told)
    assert told[0].tzinfo is UTC
    assert abs(told[0] - datetime.now(UTC)) < MINUTE  # noqa: TID251 - this is what it is compared with


instants = st.integers(-(10**15), 10**17).map(lambda micros: EPOCH + timedelta(microseconds=micros))


@given(instants)
def test_an_instant_comes_back_from_its_microseconds(at: datetime) -> None:
    assert from_micros(to_micros(at)) == at
    assert from_micros(to_micros(at)).tzinfo is UTC


@given(steps)
def test_a_span_comes_back_from_its_microseconds(span: timedelta) -> None:
    assert span_from_micros(span_micros(span)) == span


def test_microseconds_count_from_1970_in_any_zone() -> None:
    assert to_micros(EPOCH) == 0
    east = timezone(timedelta(hours=2))
    assert to_micros(datetime(1970, 1, 1, 2, 0, 0, 7, tzinfo=east)) == 7
