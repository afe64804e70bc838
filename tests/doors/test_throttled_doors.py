"""Guessing is slowed, at every door alike, and nobody is locked out by strangers (D20, rules 2, 7 and 8)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from portico.throttle.rates import Limits
from tests.support.dump import dump
from tests.support.hashers import WatchedHasher, watched
from tests.support.refusals import assert_refused
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, MakeWorld, Native, World

LIMITS = Limits()
WRONG = "wrong"


@pytest.fixture
async def guarded(make_world: MakeWorld) -> AsyncIterator[World]:
    """A deployment with the limits of production and a hasher that counts."""
    async with make_world(hasher=WatchedHasher) as opened:
        yield opened


async def guess(world: World, password: str = WRONG, *, name: str = ADDRESS, address: str = "") -> httpx.Response:
    """One guess by the API, from a device nobody knows."""
    async with world.native(address=address or "198.51.100.8") as client:
        return await client.sign_in(name, password)


async def spend_tries(world: World, name: str = ADDRESS) -> None:
    """Guess until no try is left, each time from another address."""
    for number in range(LIMITS.identifier.burst):
        assert (await guess(world, name=name, address=f"192.0.2.{number}")).status_code == 200


def assert_throttled(answer: httpx.Response) -> int:
    """Told to come back, and when; the seconds."""
    assert_refused(answer, 429)
    seconds = int(answer.headers["retry-after"])
    assert 1 <= seconds <= 3_600
    return seconds


async def test_more_guesses_than_tries_are_not_hashed(guarded: World) -> None:  # D20, S43, rule 8
    await spend_tries(guarded)
    before = watched(guarded).count
    seconds = assert_throttled(await guess(guarded, PASSWORD))
    async with guarded.browser() as browser:
        page = await browser.identify()
        told = await browser.submit(page, page.request.url.path, password=PASSWORD)
        assert assert_throttled(told) == seconds
        assert "minute" in told.text
        assert not browser.cookie("session")
    assert watched(guarded).count == before
    guarded.clock.advance(seconds=seconds - 1)
    assert_throttled(await guess(guarded))
    guarded.clock.advance(seconds=1)
    assert (await guess(guarded)).status_code == 200, "one try has come back"
    assert_throttled(await guess(guarded))
    assert watched(guarded).count == before + 1


async def test_every_spelling_of_a_name_shares_its_tries(guarded: World) -> None:  # D1, D20
    spellings = [
        "NORA@north-clinic.example",
        " nora@North-Clinic.Example ",
        "nora@\uff4eorth-clinic.example",
        "nora\u200b@north-clinic.example",
    ]
    for number in range(LIMITS.identifier.burst):
        assert (await guess(guarded, name=spellings[number % 4])).status_code == 200
    for name in [*spellings, ADDRESS]:
        assert_throttled(await guess(guarded, name=name))
    assert (await guess(guarded, name="nora")).status_code == 200, (
        "the Portico ID is another name, with tries of its own"
    )


async def test_a_burst_of_guesses_is_judged_no_more_often_than_allowed(
    guarded: World, race_width: int
) -> None:  # rule 2
    before = watched(guarded).count
    answers = await asyncio.gather(*(guess(guarded, address=f"192.0.2.{at}") for at in range(race_width)))
    assert watched(guarded).count - before <= LIMITS.identifier.burst
    assert sum(answer.status_code == 200 for answer in answers) == LIMITS.identifier.burst
    async with guarded.native() as client:  # and on one attempt, where only one answer can count
        attempt = await client.begin("nora")
        answer = {"answer": "password", "password": WRONG}
        before = watched(guarded).count
        await asyncio.gather(*(client.answer(attempt, answer) for _ in range(race_width)))
        assert watched(guarded).count - before <= LIMITS.identifier.burst


async def test_a_right_password_gives_the_try_back(guarded: World) -> None:  # rule 2
    for _ in range(3 * LIMITS.identifier.burst):
        assert "tokens" in (await guess(guarded, PASSWORD)).json()
    for _ in range(LIMITS.identifier.burst - 1):
        await guess(guarded)
    assert "tokens" in (await guess(guarded, PASSWORD)).json()


async def test_the_owner_gets_in_on_a_browser_that_is_known(guarded: World) -> None:  # D20
    async with guarded.browser() as known, guarded.browser() as fresh:
        await known.sign_in()
        await known.submit(await known.get("/account"), "/signout")
        for _ in range(3):
            await spend_tries(guarded)
            assert_throttled(await guess(guarded, PASSWORD))
            assert_throttled(await fresh.sign_in())
            assert (await known.sign_in()).headers["location"] == "/account"
            await known.submit(await known.get("/account"), "/signout")
            guarded.clock.advance(hours=1)


async def test_the_owner_gets_in_on_a_desktop_that_is_known(guarded: World) -> None:  # D20
    async with guarded.native() as client:
        assert "tokens" in (await client.sign_in()).json()
        await client.call("POST", "/tokens/revoke")
        client.access_token = ""
        await spend_tries(guarded)
        assert_throttled(await guess(guarded, PASSWORD))
        assert "tokens" in (await client.sign_in()).json()


async def test_strangers_cannot_keep_the_signed_in_from_changing_their_password(guarded: World) -> None:  # D20
    async with guarded.native() as client, guarded.browser() as browser:
        await client.sign_in()
        await browser.sign_in()
        await spend_tries(guarded)
        page = await browser.get("/account/password")
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        wrong = await browser.submit(page, "/account/password", current_password=WRONG, **new)
        assert wrong.headers["location"] == "/account/password"
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert (await client.call("POST", "/account/password", body)).json() == {"is_done": True}


async def test_a_known_device_has_a_limit_of_its_own(guarded: World) -> None:  # D20, V6.2.3
    async with guarded.native() as client, guarded.browser() as browser:
        await client.sign_in()
        await browser.sign_in()
        body = {"current_password": WRONG, "new_password": NEW_PASSWORD}
        for _ in range(LIMITS.known_device.burst):
            assert (await client.call("POST", "/account/password", body)).status_code == 200
        before = watched(guarded).count
        right = {**body, "current_password": PASSWORD}
        assert_throttled(await client.call("POST", "/account/password", right))
        assert watched(guarded).count == before
        assert_throttled(await client.sign_in())
        page = await browser.get("/account/password")
        fields = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        changed = await browser.submit(page, "/account/password", **fields)
        assert changed.headers["location"] == "/account", "another device of the same person is not slowed"


async def test_a_device_is_known_to_its_own_people_only(guarded: World) -> None:  # D20
    await guarded.add_person("tom@north-clinic.example", NEW_PASSWORD)
    async with guarded.browser() as shared:
        await shared.sign_in("tom@north-clinic.example", NEW_PASSWORD)
        await shared.submit(await shared.get("/account"), "/signout")
        await spend_tries(guarded)
        assert_throttled(await shared.sign_in())


async def test_a_ward_behind_one_address_is_not_locked_out(guarded: World) -> None:  # D20
    ward = "203.0.113.5"
    assert "tokens" in (await guess(guarded, PASSWORD, address=ward)).json()
    await guarded.add_person("tom@north-clinic.example", NEW_PASSWORD)
    for number in range(LIMITS.network.burst):
        assert (await guess(guarded, name=f"nobody{number}", address=ward)).status_code == 200
    before = watched(guarded).count
    assert_throttled(await guess(guarded, name="somebody-else", address=ward))
    assert_throttled(await guess(guarded, NEW_PASSWORD, name="tom@north-clinic.example", address=ward))
    assert watched(guarded).count == before
    # Whoever has signed in from there lately is not slowed; neither is anybody elsewhere, nor who waits.
    assert "tokens" in (await guess(guarded, PASSWORD, address=ward)).json()
    assert (
        "tokens" in (await guess(guarded, NEW_PASSWORD, name="tom@north-clinic.example", address="203.0.113.6")).json()
    )
    guarded.clock.advance(hours=1)
    assert "tokens" in (await guess(guarded, NEW_PASSWORD, name="tom@north-clinic.example", address=ward)).json()


async def test_one_forgetful_person_does_not_slow_their_ward(guarded: World) -> None:  # D20
    ward = "203.0.113.5"
    for _ in range(3):
        for _ in range(LIMITS.identifier.burst):
            assert (await guess(guarded, name="forgetful", address=ward)).status_code == 200
        guarded.clock.advance(minutes=LIMITS.identifier.burst)
    assert (await guess(guarded, name="somebody", address=ward)).status_code == 200


async def test_a_network_is_an_address_or_a_sixty_four(guarded: World) -> None:  # D20, N7
    for number in range(LIMITS.network.burst):
        address = f"2001:db8:1:2:{number:x}::1" if number % 2 else f"2001:db8:1:2::{number:x}"
        assert (await guess(guarded, name=f"nobody{number}", address=address)).status_code == 200
    assert_throttled(await guess(guarded, name="one", address="2001:db8:1:2:ffff:ffff:ffff:ffff"))
    assert (await guess(guarded, name="two", address="2001:db8:1:3::1")).status_code == 200


async def test_fifty_failures_in_a_row_switch_the_name_off(guarded: World) -> None:  # rule 2, N7
    async with guarded.browser() as known:
        await known.sign_in()
        await known.submit(await known.get("/account"), "/signout")
        for number in range(LIMITS.identifier.consecutive):
            assert (await guess(guarded, address=f"192.0.2.{number}")).status_code == 200
            guarded.clock.advance(minutes=1)
        guarded.clock.advance(days=30)
        before = watched(guarded).count
        assert_throttled(await guess(guarded, PASSWORD))
        assert watched(guarded).count == before
        assert (await known.sign_in()).headers["location"] == "/account", "a known device has its own count"
        # Proving the mailbox makes the name good again.
        form = await known.get("/account/passwordreset")
        await known.submit(form, "/account/passwordreset", identifier=ADDRESS)
        page = await known.follow(await known.get(await guarded.reset_link()))
        await known.submit(page, "/account/passwordreset/new", new_password=NEW_PASSWORD, repeat_password=NEW_PASSWORD)
    assert "tokens" in (await guess(guarded, NEW_PASSWORD)).json()


async def test_a_slowed_network_cannot_break_a_run_of_failures(guarded: World) -> None:  # rule 2, N7
    """A guess that is refused for its network was never judged: it ends no run of failures."""
    for number in range(LIMITS.identifier.consecutive - 1):
        assert (await guess(guarded, address=f"192.0.2.{number}")).status_code == 200
        guarded.clock.advance(minutes=1)
    for number in range(LIMITS.network.burst):
        await guess(guarded, name=f"nobody{number}", address="203.0.113.66")
    assert_throttled(await guess(guarded, address="203.0.113.66"))
    assert (await guess(guarded, address="192.0.2.250")).status_code == 200
    guarded.clock.advance(days=30)
    assert_throttled(await guess(guarded, PASSWORD))


@pytest.mark.parametrize("door", ["page", "api"])
async def test_a_full_queue_says_when_to_come_back(make_world: MakeWorld, door: str) -> None:  # rule 8, X17
    async with make_world(hasher=WatchedHasher, hash_threads="1", hash_queue="2") as world:
        hasher = watched(world)
        async with world.native() as one, world.native() as two, crowded_out(world, one, two):
            if door == "api":
                answer = await guess(world, PASSWORD, name="nora", address="192.0.2.1")
            else:
                async with world.browser() as browser:
                    answer = await browser.sign_in("nora")
            assert_refused(answer, 503)
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            compared = hasher.compared
            # Everything that hashes nothing goes on.
            async with world.browser() as browser:
                assert (await browser.get("/signin")).status_code == 200
                assert (await browser.identify()).status_code == 200
            assert hasher.compared == compared


@asynccontextmanager
async def crowded_out(world: World, *clients: Native) -> AsyncIterator[None]:
    """The queue of hashes is full; in the end those in it get their answers, and right ones."""
    hasher = watched(world)
    hasher.stall()
    waiting = [asyncio.create_task(client.sign_in()) for client in clients]
    async with asyncio.timeout(30):
        while hasher.compared < len(clients):  # noqa: ASYNC110 - there is no event for it, and it takes a moment only
            await asyncio.sleep(0.01)
    yield
    hasher.resume()
    for answer in await asyncio.gather(*waiting):
        assert "tokens" in answer.json()


async def test_a_try_counts_even_if_its_answer_never_comes(make_world: MakeWorld) -> None:  # rule 2
    """The try is committed before the hash: a crash or a caller who hangs up does not give it back.

    A full queue does: nothing was judged (test_what_was_not_judged_costs_no_try).
    """
    async with make_world(hasher=WatchedHasher) as world:
        watched(world).hold()
        for _ in range(LIMITS.identifier.burst):
            late = asyncio.create_task(guess(world))
            await watched(world).wait_until_held()
            watched(world).hold()
            late.cancel()
            await asyncio.gather(late, return_exceptions=True)
        watched(world).release()
        assert_throttled(await guess(world, PASSWORD))


async def test_reset_requests_are_limited_by_network(guarded: World) -> None:  # D6, V2.4.1
    async with guarded.browser() as browser, guarded.native(address="198.51.100.7") as client:
        for number in range(LIMITS.reset_network.burst):
            body = {"identifier": f"nobody{number}@north-clinic.example"}
            assert (await client.call("POST", "/password-reset/requests", body)).status_code == 202
        before = await dump(guarded.house.database)
        seconds = assert_throttled(await client.call("POST", "/password-reset/requests", {"identifier": ADDRESS}))
        page = await browser.get("/account/passwordreset")
        assert assert_throttled(await browser.submit(page, "/account/passwordreset", identifier=ADDRESS)) == seconds
        assert await dump(guarded.house.database) == before
        guarded.clock.advance(seconds=seconds)
        assert (await client.call("POST", "/password-reset/requests", {"identifier": ADDRESS})).status_code == 202
    async with guarded.native(address="198.51.100.9") as client:
        assert (await client.call("POST", "/password-reset/requests", {"identifier": ADDRESS})).status_code == 202


async def test_mails_to_one_address_are_limited_however_they_are_asked_for(guarded: World) -> None:  # D6, V2.4.1
    for number in range(20):
        async with guarded.native(address=f"192.0.2.{number}") as client:
            name = ("nora", ADDRESS, ADDRESS.upper())[number % 3]
            assert (await client.call("POST", "/password-reset/requests", {"identifier": name})).status_code == 202
    assert len(await guarded.letters()) == LIMITS.mail.burst
    guarded.clock.at += LIMITS.mail.every
    async with guarded.native() as client:
        for _ in range(3):
            await client.call("POST", "/password-reset/requests", {"identifier": ADDRESS})
    assert len(await guarded.letters()) == LIMITS.mail.burst + 1
    assert (await guess(guarded, PASSWORD)).status_code == 200, "asking for resets locks nobody out"


async def test_what_is_kept_of_guesses_names_nobody(guarded: World) -> None:  # D20, V14.2.6
    await guess(guarded, address="203.0.113.5")
    kept = repr({table: rows for table, rows in (await dump(guarded.house.database)).items() if "throttle" in table})
    assert "throttle_networks" in kept
    assert "nora" not in kept
    assert "203.0.113" not in kept


async def test_throttled_guesses_do_not_add_up_forever(guarded: World) -> None:  # D20
    """Being refused costs nothing: the wait never grows beyond what the tries themselves cost."""
    await spend_tries(guarded)
    for _ in range(30):
        assert assert_throttled(await guess(guarded)) <= LIMITS.identifier.every // timedelta(seconds=1)
    guarded.clock.at += LIMITS.identifier.every * LIMITS.identifier.burst
    for number in range(LIMITS.identifier.burst):
        assert (await guess(guarded, address=f"192.0.2.{number}")).status_code == 200
