"""Throttling as D20 wants it: strangers lock nobody out, a ward behind one address works on, guessing ends."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portico.database.engine import Database, Transaction
from portico.kernel.sealing import SealingKeys
from portico.throttle import store
from portico.throttle.rates import Limits, Rate, Taken, TooMany
from portico.throttle.service import COUNTER_MEMORY, Throttle, network_of
from tests.support.amounts import FEW, FEWER
from tests.support.racing import race
from tests.support.rows import DAY, MICROSECOND, NOW, digest

MINUTE = timedelta(minutes=1)
LIMITS = Limits()
NORA = "nora@north-clinic.example"
HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"
DEVICE = "account-nora device-laptop"


class Counters:
    """The throttle of a deployment, asked in one transaction each time."""

    def __init__(self, database: Database, limits: Limits = LIMITS) -> None:
        self.database = database
        self.throttle = Throttle(SealingKeys((bytes(32),)), limits)

    async def take(
        self, identifier: str = NORA, network: str = HERE, device: str | None = None, at: datetime = NOW
    ) -> Taken | TooMany:
        """Take a try."""
        return await self.database.transact(
            lambda tx: self.throttle.take_sign_in(tx, at, identifier=identifier, network=network, known_device=device)
        )

    async def may(
        self, identifier: str = NORA, network: str = HERE, device: str | None = None, at: datetime = NOW
    ) -> bool:
        """Whether a try was free; it is taken."""
        return isinstance(await self.take(identifier, network, device, at), Taken)

    async def succeed(
        self, identifier: str = NORA, network: str = HERE, device: str | None = None, at: datetime = NOW
    ) -> None:
        """Take a try that turns out well."""
        taken = await self.take(identifier, network, device, at)
        assert isinstance(taken, Taken)
        await self.database.transact(lambda tx: self.throttle.give_back(tx, at, taken))

    async def fail_as_many(self, count: int, network: str = HERE, start: int = 0, at: datetime = NOW) -> list[bool]:
        """One failure each under so many names."""
        return [await self.may(f"person{n}@example.com", network, at=at) for n in range(start, start + count)]


@pytest.fixture
def counters(database: Database) -> Counters:
    return Counters(database)


async def test_an_identifier_may_be_tried_ten_times_and_then_once_a_minute(counters: Counters) -> None:  # D20
    assert [await counters.may() for _ in range(12)] == [True] * 10 + [False] * 2
    refused = await counters.take()
    assert refused == TooMany(until=NOW + MINUTE)
    assert not await counters.may(at=NOW + MINUTE - MICROSECOND)
    assert await counters.may(at=NOW + MINUTE)
    assert not await counters.may(at=NOW + MINUTE)


async def test_all_spellings_of_an_identifier_are_one_and_so_are_all_networks(counters: Counters) -> None:  # D20
    spellings = [NORA.upper(), f" {NORA}", NORA.title(), "nora\u200b@north-clinic.example", "NORA@north-CLINIC.example"]
    networks = [HERE, ELSEWHERE, "2001:db8::1", "2001:db8:1::1", "unknown"]
    assert all([await counters.may(*pair) for pair in zip(spellings, networks, strict=True)])
    assert all([await counters.may() for _ in range(5)])
    assert not any([await counters.may(*pair) for pair in zip(spellings, networks, strict=True)])
    assert await counters.may("tom@north-clinic.example")
    assert await counters.may("nora"), "the Portico ID has a count of its own"


@pytest.mark.parametrize(
    "identifier", ["nobody@example.com", "nobody", "", "not an address @", "\0", "\ud800", "x" * 5_000]
)
async def test_a_name_nobody_has_is_counted_like_any_other(counters: Counters, identifier: str) -> None:  # D20
    assert [await counters.may(identifier) for _ in range(11)] == [True] * 10 + [False]
    assert await counters.take(identifier) == TooMany(until=NOW + MINUTE)


async def test_a_success_gives_the_try_back(counters: Counters) -> None:  # D20
    for _ in range(30):
        await counters.succeed()
    assert [await counters.may() for _ in range(11)] == [True] * 10 + [False]


async def test_strangers_cannot_lock_a_known_device_out(counters: Counters) -> None:  # D20
    while await counters.may(network=ELSEWHERE):
        pass
    assert not await counters.may()
    assert await counters.may(device=DEVICE)
    await counters.succeed(device=DEVICE)


async def test_a_known_device_has_a_count_of_its_own(counters: Counters) -> None:  # D20
    assert [await counters.may(device=DEVICE) for _ in range(11)] == [True] * 10 + [False]
    assert await counters.take(device=DEVICE) == TooMany(until=NOW + timedelta(seconds=30))
    assert await counters.may(device="account-nora device-phone")
    assert await counters.may(device="account-tom device-laptop")
    assert await counters.may(), "nor does it count against the name"


async def test_failures_on_a_known_device_do_not_count_against_its_network(counters: Counters) -> None:  # D20
    for number in range(80):
        assert await counters.may(f"p{number}", device=f"account-{number} device-{number}")
    assert await counters.may()


async def test_a_network_counts_distinct_failing_names_only(counters: Counters) -> None:  # D20
    for n in range(5):
        assert all([await counters.may(f"person{n}@example.com") for _ in range(10)])
    assert all(await counters.fail_as_many(45, start=5))
    refused = await counters.take("one-more@example.com")
    assert isinstance(refused, TooMany)
    assert refused.until == NOW + MINUTE
    assert not refused.is_switched_off
    assert await counters.may("one-more@example.com", network=ELSEWHERE)
    assert await counters.may("one-more@example.com", at=NOW + MINUTE)


async def test_a_refusal_of_the_network_costs_the_name_nothing(counters: Counters) -> None:  # D20
    assert all(await counters.fail_as_many(50))
    for _ in range(30):
        assert not await counters.may()
    assert [await counters.may(network=ELSEWHERE) for _ in range(11)] == [True] * 10 + [False]


async def test_a_ward_behind_one_address_works_on_while_somebody_guesses_there(counters: Counters) -> None:  # D20
    await counters.succeed("ward@north-clinic.example")
    assert all(await counters.fail_as_many(50))
    assert not await counters.may("stranger@example.com")
    assert await counters.may("ward@north-clinic.example")
    later = NOW + LIMITS.network_memory
    assert all(await counters.fail_as_many(50, start=100, at=later))
    assert not await counters.may("ward@north-clinic.example", at=later), "that success was too long ago"


async def test_a_success_elsewhere_does_not_spare_a_name_here(counters: Counters) -> None:  # D20
    await counters.succeed("ward@north-clinic.example", network=ELSEWHERE)
    assert all(await counters.fail_as_many(50))
    assert not await counters.may("ward@north-clinic.example")


async def test_a_name_that_succeeds_at_last_no_longer_counts_against_its_network(counters: Counters) -> None:  # D20
    assert all(await counters.fail_as_many(49))
    await counters.succeed("person0@example.com")
    assert all(await counters.fail_as_many(1, start=100))
    assert all(await counters.fail_as_many(1, start=101))
    assert not all(await counters.fail_as_many(1, start=102))


async def test_an_ipv6_network_is_its_first_64_bits(counters: Counters) -> None:  # D20
    for n in range(50):
        assert await counters.may(f"p{n}@example.com", network=f"2001:db8:0:1:{n:x}::{n:x}")
    assert not await counters.may(network="2001:db8:0:1:ffff:ffff:ffff:ffff")
    assert await counters.may(network="2001:db8:0:2::1")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:0:1:aaaa::1", "2001:db8:0:1::/64"),
        ("2001:0DB8:0:1::", "2001:db8:0:1::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("not an address", "unknown"),
        ("198.51.100.7:80", "unknown"),
        ("198.51.100.007", "unknown"),
    ],
)
def test_an_address_belongs_to_this_network(address: str, network: str) -> None:  # D20
    assert network_of(address) == network


@FEWER
@given(st.text() | st.ip_addresses().map(str))
def test_any_address_has_a_network(address: str) -> None:
    assert network_of(address)
    assert network_of(network_of(address).partition("/")[0]) == network_of(address)


async def test_a_long_run_of_failures_switches_a_name_off_until_something_else_is_proven(  # D20
    counters: Counters,
) -> None:
    """N7: never more than a hundred failures in a row, over the address and the Portico ID together."""
    failures = 0
    for identifier in (NORA, "nora"):
        for n in range(120):
            failures += await counters.may(identifier, network=f"2001:db8:{n:x}::1", at=NOW + n * DAY)
    assert failures == 100
    after = NOW + 120 * DAY
    refused = await counters.take(at=after)
    assert isinstance(refused, TooMany)
    assert refused.is_switched_off
    assert refused.until > after
    assert not await counters.may(at=after + 30 * DAY), "waiting does not help"
    await counters.database.transact(lambda tx: counters.throttle.forgive_identifiers(tx, (NORA, "nora")))
    assert await counters.may(at=after)
    assert await counters.may("nora", at=after)


async def test_a_run_of_failures_ends_with_a_success(counters: Counters) -> None:
    for n in range(200):
        at = NOW + n * DAY
        if n % 49 == 48:
            await counters.succeed(at=at)
        else:
            assert await counters.may(at=at)


async def test_a_refusal_does_not_end_a_run_of_failures(counters: Counters) -> None:
    """Or whoever has worn out a network could use it to go on guessing from another without end."""
    assert all(await counters.fail_as_many(50, network=ELSEWHERE))
    failures, stranger = 0, 1_000
    for n in range(80):
        at = NOW + n * MINUTE
        failures += await counters.may(at=at)
        while all(await counters.fail_as_many(1, network=ELSEWHERE, start=stranger, at=at)):
            stranger += 1
        assert not await counters.may(network=ELSEWHERE, at=at)
    assert failures == LIMITS.identifier.consecutive


async def test_a_known_device_is_switched_off_after_a_hundred_failures_and_nobody_else_is(counters: Counters) -> None:
    failures = sum([await counters.may(device=DEVICE, at=NOW + n * MINUTE) for n in range(130)])
    assert failures == 100
    refused = await counters.take(device=DEVICE, at=NOW + DAY)
    assert isinstance(refused, TooMany)
    assert refused.is_switched_off
    assert await counters.may(at=NOW + DAY)


async def test_of_fifty_at_once_ten_may_try(counters: Counters, race_width: int) -> None:  # D20
    async def body(tx: Transaction, who: int) -> bool:
        taken = await counters.throttle.take_sign_in(
            tx, NOW, identifier=NORA, network=f"198.51.100.{who}", known_device=None
        )
        return isinstance(taken, Taken)

    assert sum(await race(counters.database, race_width, body)) == 10


async def test_of_hundred_names_at_once_from_one_network_fifty_may_be_tried(counters: Counters) -> None:  # D20
    async def body(tx: Transaction, who: int) -> bool:
        taken = await counters.throttle.take_sign_in(
            tx, NOW, identifier=f"person{who}@example.com", network=HERE, known_device=None
        )
        return isinstance(taken, Taken)

    assert sum(await race(counters.database, 100, body)) == 50


async def test_a_network_may_ask_for_thirty_resets_and_then_three_a_minute(counters: Counters) -> None:  # D6
    async def ask(network: str = HERE, at: datetime = NOW) -> TooMany | None:
        return await counters.database.transact(lambda tx: counters.throttle.take_mail_request(tx, at, network))

    assert [await ask() for _ in range(30)] == [None] * 30
    assert await ask() == TooMany(until=NOW + timedelta(seconds=20))
    assert await ask(ELSEWHERE) is None
    assert await ask(at=NOW + timedelta(seconds=20)) is None


async def test_an_address_is_sent_three_mails_of_a_kind_and_then_one_each_half_hour(counters: Counters) -> None:  # D6
    async def mail(kind: str = "password_reset", to: str = NORA, at: datetime = NOW) -> bool:
        return await counters.database.transact(lambda tx: counters.throttle.take_mail(tx, at, kind, to))

    assert [await mail() for _ in range(5)] == [True, True, True, False, False]
    assert await mail("another_kind")
    assert await mail(to="tom@north-clinic.example")
    assert not await mail(at=NOW + timedelta(minutes=29))
    assert await mail(at=NOW + timedelta(minutes=30))


async def test_nothing_is_counted_where_limits_are_lifted(database: Database) -> None:
    counters = Counters(database, Limits(is_lifted=True))
    assert all([await counters.may() for _ in range(60)])
    assert await database.list_rows("SELECT key FROM throttle") == []


async def test_neither_names_nor_addresses_can_be_read_from_the_counters(counters: Counters) -> None:
    await counters.may()
    await counters.succeed("tom@north-clinic.example")
    cells = [bytes(row["key"]) for row in await counters.database.list_rows("SELECT key FROM throttle")]
    for row in await counters.database.list_rows("SELECT network, identifier FROM throttle_networks"):
        cells += [bytes(row["network"]), bytes(row["identifier"])]
    assert all(len(cell) == 32 for cell in cells)
    assert not any(word in cell for cell in cells for word in (b"nora", b"tom", b"198"))
    assert digest(NORA) not in cells, "a digest without a key can be guessed"


async def test_counters_are_forgotten_when_they_slow_nobody(counters: Counters) -> None:
    await counters.may()
    sweep = counters.throttle.sweep
    assert await counters.database.transact(lambda tx: sweep(tx, NOW + DAY)) == 0
    assert await counters.database.transact(lambda tx: sweep(tx, NOW + COUNTER_MEMORY + DAY)) > 0
    assert await counters.database.list_rows("SELECT key FROM throttle") == []


rates = st.builds(Rate, burst=st.integers(1, 5), every=st.sampled_from([MINUTE, 7 * MINUTE]))
pauses = st.integers(0, 400).map(lambda seconds: timedelta(seconds=seconds))
moves = st.lists(st.tuples(pauses, st.sampled_from(["fail", "succeed"])), max_size=25)


@given(rate=rates, moves=moves)
@settings(FEW, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_in_any_window_no_more_than_a_burst_and_what_time_gives_back_may_fail(  # D20
    database: Database, rate: Rate, moves: list[tuple[timedelta, str]]
) -> None:
    async def body(tx: Transaction) -> list[datetime]:
        await store.forgive(tx, digest("key"))
        failed, at = [], NOW
        for pause, outcome in moves:
            at += pause
            if not await store.take(tx, digest("key"), rate, at):
                counter = await store.find_counter(tx, digest("key"))
                assert counter is not None
                assert at < rate.free_at(counter.full_at) <= at + rate.every, "refused for want of a try, not longer"
                continue
            if outcome == "succeed":
                await store.give_back(tx, digest("key"), rate)
            else:
                failed.append(at)
        return failed

    failed = await database.transact(body)
    for first, start in enumerate(failed):
        for last, end in enumerate(failed[first:], first):
            assert last - first + 1 <= rate.burst + (end - start) // rate.every


@given(rate=rates, moves=moves)
@settings(FEW, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_was_given_back_or_undone_was_never_taken(
    database: Database, rate: Rate, moves: list[tuple[timedelta, str]]
) -> None:
    """Successes and undone tries between failures change nothing about which failures are let through."""
    plain, mixed, undone = digest("plain"), digest("mixed"), digest("undone")

    async def body(tx: Transaction) -> None:
        at = NOW
        for key in (plain, mixed, undone):
            await store.forgive(tx, key)
        for pause, outcome in moves:
            at += pause
            if outcome == "succeed":
                if await store.take(tx, mixed, rate, at):
                    await store.give_back(tx, mixed, rate)
                if await store.take(tx, undone, rate, at):
                    await store.untake(tx, undone, rate)
                continue
            results = [await store.take(tx, key, rate, at) for key in (plain, mixed, undone)]
            assert len(set(results)) == 1
        runs = [await store.find_counter(tx, key) for key in (plain, undone)]
        assert (runs[0].failures if runs[0] else 0) == (runs[1].failures if runs[1] else 0)

    await database.transact(body)
