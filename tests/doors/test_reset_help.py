"""Where no reset mail comes (S99): safe next steps, by page and by API, and asking again, alike for everybody."""

import re
from html import unescape

import httpx
import pytest

from portico.kernel.messages import Catalogues
from portico.signin.reset_help import help_steps
from tests.support.page_samples import LOCALE
from tests.support.world import ADDRESS, Browser, MakeWorld, World

NO_MAIL = "/account/passwordreset/no-mail"
CODES = ["folders", "address", "wait", "again", "filter", "support"]


def steps_of(page: httpx.Response) -> list[str]:
    """The sentences of the page's steps, without their links."""
    found = re.search(r'<ul class="steps">(.*?)</ul>', page.text, re.DOTALL)
    assert found is not None
    return [
        unescape(re.sub(r"<[^>]+>", "", each)).strip() for each in re.findall(r"<li>(.*?)</li>", found[1], re.DOTALL)
    ]


@pytest.mark.parametrize("language", ["en", "de"])
async def test_page_and_api_say_the_same(free_world: World, language: str) -> None:  # S99, S43
    async with free_world.browser() as browser, free_world.native() as client:
        page = await browser.get(f"{NO_MAIL}?language={language}")
        told = (await client.call("GET", f"/password-reset/no-mail?language={language}")).json()
    assert [step["code"] for step in told["steps"]] == CODES
    assert [step["text"] for step in told["steps"]] == steps_of(page)
    assert told["support_address"] == "help@example.org"
    assert told["support_address"] in told["steps"][-1]["text"]
    assert page.text.count('href="mailto:help@example.org"') == 2, "in its step and at the foot"
    assert told["ask_again"] == "/api/v1/password-reset/requests"
    assert "Google" not in page.text, "no provider is configured"


def test_a_provider_has_its_step_where_there_is_one() -> None:  # S99
    catalogues = Catalogues(LOCALE)
    steps = help_steps(support_address="help@example.org", providers=("Google", "Apple"))
    (step,) = [each for each in steps if each.code.endswith(".provider")]
    for language in ("en", "de"):
        assert "Google, Apple" in catalogues.text(step, language)
    assert [each for each in steps if each is not step] == list(help_steps(support_address="help@example.org"))


async def test_the_way_there_is_on_the_pages_where_one_waits(free_world: World) -> None:  # S25, S99
    async with free_world.browser() as browser:
        page = await browser.get("/account/passwordreset")
        sent = await browser.follow(await browser.submit(page, "/account/passwordreset", identifier=ADDRESS))
        for shown in (sent, await browser.get("/help")):
            assert f'href="{NO_MAIL}"' in shown.text


async def ask_again(browser: Browser, identifier: str) -> list[tuple[int, str, str]]:
    """Ask from the page of steps; what is seen on the way."""
    page = await browser.get(NO_MAIL)
    answer = await browser.submit(page, "/account/passwordreset", identifier=identifier)
    shown = await browser.get(answer.headers.get("location", NO_MAIL))
    text = re.sub(r'value="[^"]*"', "", shown.text).replace(identifier, "<name>")
    return [(answer.status_code, answer.headers.get("location", ""), text)]


async def test_asking_again_is_the_same_for_known_and_unknown(free_world: World) -> None:  # S99, D6, rule 7
    seen = []
    for name in (ADDRESS, "nobody@north-clinic.example", "nora.nobody"):
        async with free_world.browser() as browser:
            await browser.get("/signin")
            seen.append(await ask_again(browser, name))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0][:2] == (303, "/account/passwordreset/sent")
    rows = await free_world.house.database.list_rows("SELECT kind, language FROM mail_requests")
    assert [(row["kind"], row["language"]) for row in rows] == [("password_reset", "en")] * 3
    assert len(await free_world.letters(ADDRESS)) == 1
    assert len(await free_world.letters()) == 1


async def test_asking_again_is_limited_like_asking(make_world: MakeWorld) -> None:  # S99, D6, D20
    async with make_world() as world:
        for name in (ADDRESS, "nobody@north-clinic.example"):
            async with world.browser(address="198.51.100.77" if name == ADDRESS else "203.0.113.77") as browser:
                answers = [(await ask_again(browser, name))[0][0] for _ in range(31)]
            assert answers == [303] * 30 + [429]
        assert len(await world.letters(ADDRESS)) == 3, "nobody's mailbox can be filled"


async def test_without_a_name_it_is_asked_for(free_world: World) -> None:
    async with free_world.browser() as browser:
        page = await browser.get(NO_MAIL)
        asked = await browser.follow(await browser.submit(page, "/account/passwordreset", identifier="  "))
        assert asked.request.url.path == "/account/passwordreset"
        assert 'role="alert"' in asked.text
        assert not await free_world.house.database.list_rows("SELECT id FROM mail_requests")


async def test_the_page_knows_nobody(free_world: World) -> None:  # S99
    """It is the same page whether one is signed in, has just asked, or never was here."""
    async with free_world.browser() as stranger, free_world.browser() as browser:
        page = await browser.get("/account/passwordreset")
        await browser.submit(page, "/account/passwordreset", identifier=ADDRESS)
        first, second = await stranger.get(NO_MAIL), await browser.get(NO_MAIL)
        assert [re.sub(r'value="[^"]*"', "", each.text) for each in (first, second)].count(
            re.sub(r'value="[^"]*"', "", first.text)
        ) == 2
        assert ADDRESS not in second.text
