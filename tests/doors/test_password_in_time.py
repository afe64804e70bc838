"""A new password meets what is announced as well, and every door says who asks for what, and from when on (D9, D10)."""

from datetime import timedelta

from portico.organizations.policy import PolicyFields
from tests.doors.test_password_by_policy import ALL_DOORS, GOOD, LONG, TWENTY_FIVE, doors, gather_in
from tests.support.organizations import NORTH, SOUTH, ask, found
from tests.support.world import LIFTED, MakeWorld, World

SOON, LATER = timedelta(days=14), timedelta(days=30)


@doors
async def test_every_door_asks_what_is_announced(free_world: World, door: str) -> None:  # D9, D10
    clinic = await found(free_world)
    await ask(free_world, clinic, PolicyFields(min_length=25, force_change=True), ahead=SOON)
    async with ALL_DOORS[door](free_world) as chooser:
        await gather_in(free_world, clinic)
        assert await chooser.choose(GOOD) == "password.unmet"
        assert await chooser.choose(LONG) == ""


async def test_the_stricter_of_all_that_comes_counts_and_each_says_from_when_on(
    make_world: MakeWorld,
) -> None:  # D9, D10
    async with make_world(limits=LIFTED, password_composition="no") as world:
        north, south = await found(world), await found(world, SOUTH)
        await ask(world, north, PolicyFields(min_length=12))
        await ask(world, north, PolicyFields(min_length=10), ahead=SOON)
        await ask(world, north, TWENTY_FIVE, ahead=LATER)
        await ask(world, south, PolicyFields(composition=True), ahead=SOON)
        await gather_in(world, north, south)
        async with world.browser() as browser, world.native() as client:
            await browser.sign_in()
            page = (await browser.get("/account/password")).text
            assert 'data-criterion="length" data-count="25"' in page
            assert f"{NORTH} asks for at least 25 characters from " in page
            assert '<time datetime="2026-06-03T09:00:00Z">3 June 2026, 9:00 am UTC</time> on.' in page
            assert f"{SOUTH} asks for a capital letter, a small letter, a digit and another character from " in page
            await client.sign_in()
            told = (await client.call("GET", "/password-criteria")).json()
            assert told["criteria"][0]["count"] == 25
            assert told["asked"] == [
                {
                    "organization": NORTH,
                    "text": f"{NORTH} asks for at least 25 characters from 3 June 2026, 09:00 UTC on.",
                    "since": "2026-06-03T09:00:00Z",
                },
                {
                    "organization": SOUTH,
                    "text": f"{SOUTH} asks for a capital letter, a small letter, a digit and another character from "
                    "18 May 2026, 09:00 UTC on.",
                    "since": "2026-05-18T09:00:00Z",
                },
            ]
            german = (await client.call("GET", "/password-criteria?language=de")).json()["asked"][0]["text"]
            assert german == f"{NORTH} verlangt ab 3. Juni 2026, 09:00 Uhr (UTC) mindestens 25 Zeichen."


async def test_what_is_rehearsed_asks_nothing_of_a_new_password(free_world: World) -> None:  # D10
    clinic = await found(free_world)
    await ask(free_world, clinic, TWENTY_FIVE, rehearsal=True)
    await gather_in(free_world, clinic)
    async with ALL_DOORS["my account page"](free_world) as chooser:
        assert await chooser.choose(GOOD) == ""


async def test_a_password_chosen_early_meets_what_was_announced_on_the_day(free_world: World) -> None:  # D10
    clinic = await found(free_world)
    await gather_in(free_world, clinic)
    free_world.clock.advance(days=1)
    await ask(free_world, clinic, PolicyFields(min_length=25, force_change=True), ahead=SOON)
    free_world.clock.advance(days=1)
    async with ALL_DOORS["reset page"](free_world) as chooser:
        assert await chooser.choose(GOOD) == "password.unmet"
        assert await chooser.choose(LONG) == ""
    free_world.clock.advance(days=20)
    async with free_world.browser() as browser:
        answer = await browser.sign_in(password=LONG)
        assert answer.headers["location"] == "/account"
