"""Rates are arithmetic on instants."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.throttle.rates import Limits, Rate

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
rates = st.builds(
    Rate,
    burst=st.integers(1, 100),
    every=st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=1)),
)


@given(rates)
def test_a_full_counter_has_a_whole_burst_free_and_not_one_more(rate: Rate) -> None:
    full_at = NOW
    for _ in range(rate.burst):
        assert rate.free_at(full_at) <= NOW
        full_at += rate.every
    assert rate.free_at(full_at) == NOW + rate.every


@given(rates, st.integers(0, 200))
def test_what_was_taken_is_back_when_its_time_has_passed(rate: Rate, taken: int) -> None:
    full_at = NOW + taken * rate.every
    assert rate.free_at(full_at) + rate.tolerance == full_at
    assert rate.tolerance == (rate.burst - 1) * rate.every


def test_the_limits_of_a_deployment_keep_what_the_standard_asks() -> None:
    """NIST SP 800-63B-4 section 3.2.2: at most 100 consecutive failures; an account has two identifiers."""
    limits = Limits()
    assert 2 * limits.identifier.consecutive <= 100
    assert limits.known_device.consecutive <= 100
    assert not limits.is_lifted


@pytest.mark.parametrize("name", ["identifier", "known_device", "network", "reset_network", "mail"])
def test_every_limit_lets_a_person_mistype_and_stops_a_machine(name: str) -> None:
    rate: Rate = getattr(Limits(), name)
    assert rate.burst >= 3
    assert timedelta(days=1) / rate.every <= 24 * 60 * 3, "more in a day than anybody needs"
