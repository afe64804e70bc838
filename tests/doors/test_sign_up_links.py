"""The link of a sign-up: looking changes nothing, and the sign-up goes on in the browser that opened it (S53)."""

import asyncio

from tests.support.dump import dump
from tests.support.refusals import assert_refused
from tests.support.sign_ups import NEWCOMER, begin, begin_by_api, create, enter, mailed_code, mailed_link
from tests.support.world import World

LINK = "/signup/link"


async def test_the_link_goes_on_where_it_is_opened_and_the_first_tab_says_so(world: World) -> None:  # S53
    async with world.browser() as first, world.browser(address="203.0.113.9") as second:
        waiting = await begin(first)
        page = await second.follow(await second.get(await mailed_link(world)))
        assert NEWCOMER in page.text
        page = await second.follow(await second.submit(page, LINK))
        assert "Create your account" in page.text
        told = await first.get(waiting.request.url.path)
        assert_refused(told, 410)
        assert "You went on in another browser" in told.text
        answer = await first.submit(waiting, waiting.request.url.path, code="123456")
        assert "You went on in another browser" in (await first.follow(answer)).text
        assert (await create(second, page)).headers["location"] == "/account"
        assert "Ida Holm" in (await second.get("/account")).text
        assert not first.cookie("session")


async def test_in_the_same_browser_the_first_tab_just_goes_on(world: World) -> None:  # S53
    async with world.browser() as browser:
        waiting = await begin(browser)
        page = await browser.follow(await browser.get(await mailed_link(world)))
        await browser.submit(page, LINK)
        assert "Create your account" in (await browser.get(waiting.request.url.path)).text


async def test_a_scanner_that_opens_the_link_changes_nothing(world: World) -> None:  # rule 6
    async with world.browser() as browser, world.browser(address="203.0.113.9") as scanner:
        page = await begin(browser)
        link, code = await mailed_link(world), await mailed_code(world)
        before = await dump(world.house.database)
        for _ in range(3):
            await scanner.follow(await scanner.get(link))
        assert await dump(world.house.database) == before
        assert "Create your account" in (await enter(browser, page, code)).text


async def test_link_and_code_are_used_together_once(world: World) -> None:  # S53, rule 1
    async with world.browser() as browser, world.browser(address="203.0.113.9") as other:
        page = await begin(browser)
        link, code = await mailed_link(world), await mailed_code(world)
        opened = await other.follow(await other.get(link))
        await enter(browser, page, code)
        late = await other.follow(await other.submit(opened, LINK))
        assert_refused(late, 410)
        assert "already used" in late.text
        assert_refused(await other.get(link), 410)
        assert "Create your account" in (await browser.get(page.request.url.path)).text


async def test_fifty_presses_take_the_sign_up_over_once(free_world: World, race_width: int) -> None:  # rule 1
    async with free_world.native() as client:
        attempt = await begin_by_api(client)
        link = await mailed_link(free_world)
        async with free_world.browser() as browser:
            page = await browser.follow(await browser.get(link))
            answers = await asyncio.gather(*(browser.submit(page, LINK) for _ in range(race_width)))
            places = [answer.headers["location"] for answer in answers]
            assert places.count(f"/signin/{attempt['id']}") == 1
            assert places.count(LINK) == race_width - 1
        told = (await client.call("GET", f"/signin/{attempt['id']}")).json()
        assert (told["step"]["step"], told["step"]["reason"]) == ("refused", "continued_elsewhere")


async def test_dead_links_say_what_they_are(world: World) -> None:  # S28, S43
    async with world.browser() as browser:
        await begin(browser)
        link = await mailed_link(world)
        assert_refused(await browser.get(f"{LINK}/{'A' * 43}"), 404)
        assert_refused(await browser.get(LINK), 404)
        world.clock.advance(hours=24, seconds=1)
        gone = await browser.get(link)
        assert_refused(gone, 410)
        assert "Sign up again" in gone.text


async def test_an_older_link_is_worth_nothing_once_a_newer_is_mailed(world: World) -> None:  # D18
    async with world.browser() as browser:
        page = await begin(browser)
        first = await mailed_link(world)
        world.clock.advance(seconds=30)
        await browser.submit(page, page.request.url.path, resend="yes")
        newest = await mailed_link(world)
        assert_refused(await browser.get(first), 404)
        assert (await browser.get(newest)).status_code == 303


async def test_the_form_belongs_to_one_link(world: World) -> None:  # rule 1
    async with world.browser() as browser:
        await begin(browser, "one@south-clinic.example")
        await begin(browser, "two@south-clinic.example")
        page = await browser.follow(await browser.get(await mailed_link(world, "one@south-clinic.example")))
        await browser.get(await mailed_link(world, "two@south-clinic.example"))
        assert (await browser.submit(page, LINK)).status_code == 403
