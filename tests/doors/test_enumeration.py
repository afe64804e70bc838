"""Nobody finds out who has an account: every answer, its cost and its traces are the same for everyone (D20, rule 7).

The people differ in everything but what a stranger sees: known, unknown, disabled, closed, without a password.
"""

import re
from collections import Counter
from typing import Any

import pytest

from portico.throttle.rates import Limits
from tests.support.hashers import WatchedHasher, watched
from tests.support.strangers import PEOPLE, Story, Stranger, move_in, same
from tests.support.world import LIFTED, PASSWORD, Browser, MakeWorld, Native

HANDLES = {name: address.partition("@")[0] for name, address in PEOPLE.items()}
STRANGE = ["", "a", "a" * 320, "a@" + "b" * 300, "@", "\u00e4\u00f6\u00fc", "x@y", "admin", "' OR 1=1 --"]
"""Names nobody can have."""


async def try_by_page(browser: Browser, stranger: Stranger, name: str, password: str, times: int) -> None:
    """Wrong passwords, page after page."""
    page = await stranger.note(await browser.get("/signin"))
    answer = await stranger.note(await browser.submit(page, "/signin", identifier=name))
    path = answer.headers["location"]
    for _ in range(times):
        page = await stranger.note(await browser.get(path))
        await stranger.note(await browser.submit(page, path, password=password))


async def try_by_api(client: Native, stranger: Stranger, name: str, password: str, times: int) -> None:
    """Wrong passwords, document after document."""
    begun = await client.call("POST", "/signin", {"installation": client.installation, "identifier": name})
    await stranger.note(begun)
    attempt: dict[str, Any] = begun.json()
    client.headers["portico-ticket"] = attempt["ticket"]
    for _ in range(times):
        told = await stranger.note(await client.answer(attempt, {"answer": "password", "password": password}))
        if told.status_code == 200:
            attempt = told.json()
        await stranger.note(await client.call("GET", f"/signin/{attempt['id']}"))


@pytest.mark.parametrize("names", [PEOPLE, HANDLES], ids=["address", "handle"])
async def test_sign_in_looks_and_costs_the_same_for_everyone(make_world: MakeWorld, names: dict[str, str]) -> None:
    # D20, S43, S70, rule 7
    stories: dict[str, Story] = {}
    async with make_world(hasher=WatchedHasher) as world:
        await move_in(world)
        for at, (kind, name) in enumerate(names.items()):
            stranger = Stranger(world, name)
            async with world.browser(address=f"198.51.100.{at}") as browser:
                await browser.get("/signin")
                await stranger.start()
                await try_by_page(browser, stranger, name, "wrong", 12)
            async with world.native(address=f"198.51.100.{at}") as client:
                world.clock.advance(hours=1)
                await try_by_api(client, stranger, name, "wrong", 12)
                for odd in ("", "x", "a" * 256, "a" * 4_096, "\0"):
                    world.clock.advance(hours=1)
                    await try_by_api(client, stranger, name, odd, 1)
            stories[kind] = stranger.story
    assert sum(seen.startswith("429") for seen in stories["unknown"].seen) >= 4
    assert max(stories["unknown"].hashes) == 1
    for story in stories.values():
        story.seen = [re.sub(r'("expires_at":")[^"]*', r"\1<when>", seen) for seen in story.seen]
    same(stories)


async def test_a_right_password_tells_nothing_before_all_is_proven(make_world: MakeWorld) -> None:  # D20
    """The disabled are told so after the right password; until then they are nobody in particular."""
    async with make_world(hasher=WatchedHasher, limits=LIFTED) as world:
        await move_in(world)
        told = {}
        for kind, name in PEOPLE.items():
            async with world.native() as client:
                before = watched(world).count
                told[kind] = (await client.sign_in(name, PASSWORD)).json()["step"]
                assert watched(world).count - before == 1
        assert told["known"]["step"] == "finished"
        assert (told["disabled"]["step"], told["disabled"]["reason"]) == ("refused", "disabled")
        assert (told["closed"]["step"], told["closed"]["reason"]) == ("refused", "closed")
        assert told["without"] == told["unknown"]
        assert told["unknown"]["step"] == "prove"


@pytest.mark.parametrize("names", [PEOPLE, HANDLES], ids=["address", "handle"])
async def test_asking_for_a_reset_looks_and_costs_the_same_for_everyone(
    make_world: MakeWorld, names: dict[str, str]
) -> None:
    # D6, S23, S29, S30, rule 7
    stories: dict[str, Story] = {}
    async with make_world(hasher=WatchedHasher) as world:
        await move_in(world)
        for at, (kind, name) in enumerate(names.items()):
            stranger = Stranger(world, name)
            async with world.browser(address=f"198.51.100.{at}") as browser:
                await browser.get("/signin")
                await stranger.start()
                for _ in range(32):
                    page = await browser.get("/account/passwordreset")
                    answer = await stranger.note(await browser.submit(page, "/account/passwordreset", identifier=name))
                    if answer.status_code == 303:
                        await stranger.note(await browser.follow(answer))
            async with world.native(address=f"203.0.113.{at}") as client:
                for _ in range(32):
                    asked = await client.call("POST", "/password-reset/requests", {"identifier": name})
                    await stranger.note(asked)
            stories[kind] = stranger.story
        same(stories)
        assert [seen[:3] for seen in stories["unknown"].seen].count("429") == 4
        assert set(stories["unknown"].hashes) == {0}
        rows = await world.house.database.list_rows("SELECT * FROM mail_requests")
        assert {(row["kind"], row["language"], bool(row["identifier_key"])) for row in rows} == {
            ("password_reset", "en", True)
        }, "the same row is written for everyone"
        # Only the job knows who they are; how many mails somebody gets is limited, and nobody is locked out by it.
        letters = await world.letters()
        per_person = Counter(letter.to for letter in letters)
        assert PEOPLE["unknown"] not in per_person
        assert per_person[PEOPLE["known"]] == 3
        async with world.native(address="192.0.2.1") as client:
            assert "tokens" in (await client.sign_in(PEOPLE["known"])).json()


async def test_names_nobody_can_have_are_treated_like_any_other(make_world: MakeWorld) -> None:  # D20, D6
    async with make_world(hasher=WatchedHasher, limits=LIFTED) as world:
        await move_in(world)
        for name in STRANGE[1:]:
            async with world.browser() as browser:
                page = await browser.get("/account/passwordreset")
                answer = await browser.submit(page, "/account/passwordreset", identifier=name)
                assert answer.headers["location"] == "/account/passwordreset/sent"
                before = watched(world).count
                await browser.sign_in(name, "wrong")
                assert watched(world).count == before + 1
        assert not await world.letters()


async def test_an_answer_from_the_middle_of_a_crowd_is_the_same(make_world: MakeWorld) -> None:  # D20, rule 8
    """A network that is slowed is slowed for known and unknown alike."""
    limits = Limits()
    async with make_world(hasher=WatchedHasher) as world:
        await move_in(world)
        for number in range(limits.network.burst):
            async with world.native(address="198.51.100.66") as client:
                await client.sign_in(f"nobody{number}@north-clinic.example", "wrong")
        seen = {}
        for kind, name in PEOPLE.items():
            async with world.native(address="198.51.100.66") as client:
                stranger = Stranger(world, name)
                await stranger.start()
                await try_by_api(client, stranger, name, PASSWORD, 1)
                seen[kind] = stranger.story
        same(seen)
        assert seen["unknown"].seen[1].startswith("429")
        assert sum(seen["unknown"].hashes) == 0
