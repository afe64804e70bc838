"""What a stranger finds who has typed ``make demo``: people, a mailbox, a clock, and nothing of it elsewhere.

The town is one of their own: what the demo's organizations have announced must still lie ahead, whatever other stories
have done to their clock.
"""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from portico.development.clinics import CLINICS
from portico.development.people import PEOPLE
from tests.architecture.source import ROOT
from tests.journeys.conftest import Browse
from tests.support.databases import Templates
from tests.support.server import running_server
from tests.support.storytellers import browser_teller, words
from tests.support.town import NEW_PASSWORD, Person, Town, open_town

pytestmark = pytest.mark.asyncio(loop_scope="session")

NORA, JUERGEN, PRIYA, TOM, MIA, OLGA, SVEN, _HELEN, ELIF, *_OTHERS = (
    Person(one.first_name, one.last_name, one.address, one.handle, one.password) for one in PEOPLE
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def first_day(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A demo that was started just now."""
    folder = tmp_path_factory.mktemp("demo")
    async with templates.url("sqlite", folder) as url:
        with running_server(folder, url) as server:
            async with open_town(server) as opened:
                yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def town(first_day: Town) -> AsyncIterator[Town]:
    """Each story begins an hour after the one before."""
    await first_day.advance(hours=1)
    yield first_day
    first_day.server.check_log()


async def test_a_stranger_goes_all_the_way(browse: Browse, town: Town) -> None:  # S14, S22, S32, S37, S38
    """In, out, password forgotten, reset by the mail in the mailbox, in again. Two strangers, two people."""
    browser = await browse()
    someone = NORA if browser.has_script else OLGA
    await browser.page.goto("/dev")
    row = browser.page.get_by_role("row", name=someone.name)
    assert (await row.locator("code").all_inner_texts()) == [someone.address, someone.password]
    await browser.press(browser.link("development.index.signin"))
    await browser.field("signin.identify.label").fill(someone.address)
    await browser.press(browser.button("signin.identify.continue"))
    await browser.give_password(someone.password)
    await browser.hears("my_account.greeting", name=someone.first_name)
    await browser.sign_out()
    await browser.press(browser.link("signin.signed_out.again"))
    await browser.ask_for_reset(someone.address)
    await browser.open_mailed_link(someone)
    await browser.choose_password(NEW_PASSWORD + "-mine")
    await browser.press(browser.page.get_by_role("link", name=words("reset.done.login_page")))
    await browser.sign_in(someone, NEW_PASSWORD + "-mine")
    await browser.hears("my_account.greeting", name=someone.first_name)


async def test_each_of_the_demo_people_is_as_the_page_says(browse: Browse, town: Town) -> None:  # D20
    for someone, told in {
        JUERGEN: "my_account.you",
        PRIYA: "signin.change_password.why.forced",
        TOM: "signin.refused.disabled",
        MIA: "signin.password.wrong",
    }.items():
        browser = await browse()
        await browser.sign_in(someone, someone.password or "there-is-None-1")
        browser.language = "de" if someone is JUERGEN else "en"  # once signed in, pages are in his language
        await browser.hears(told)


async def test_who_belongs_to_both_clinics_sees_who_asks_for_what(browse: Browse, town: Town) -> None:  # D9, D10
    browser = await browse()
    await browser.sign_in(SVEN)
    await browser.hears("signin.announced.change_password", organizations="Harbour Practice")
    await browser.press(browser.button("signin.announced.later"))
    await browser.hears("my_account.greeting", name=SVEN.first_name)
    await browser.page.goto("/account/organizations")
    for name, days in {"North Clinic": 60, "Harbour Practice": 30}.items():
        card = browser.page.locator("section.card").filter(has=browser.page.get_by_role("heading", name=name))
        await expect(card).to_contain_text(browser.words("policy.asks.max_age_days", count=days))
    in_the_end = browser.page.locator("section.card").last
    await expect(in_the_end).to_contain_text(browser.words("policy.asks.max_age_days", count=30) + " Harbour Practice")


async def test_a_second_step_is_set_up_without_a_phone(browser: Browser, town: Town) -> None:  # S45, S54, S57, S60, D20
    """The code from the mailbox, the app's from the first page: all that Elif needs lies in the demo."""
    async with browser_teller(browser, town.base, has_script=False) as elif_:
        page = elif_.page
        await elif_.sign_in(ELIF)
        attempt = page.url
        await page.goto(f"/dev/mailbox?to={ELIF.address}")
        await elif_.press(page.locator(".mails a").first)
        mailed = re.search(r"\b\d{6}\b", await page.locator("pre").inner_text())
        assert mailed
        await page.goto(attempt)
        await elif_.enter_code(mailed[0])
        await expect(elif_.main.locator("h1")).to_have_text(words("enrol.title"))
        await page.goto("/dev")
        code = await page.get_by_role("row", name=ELIF.name).locator("td").nth(2).inner_text()
        await page.goto(attempt)
        await elif_.field("enrol.code").fill(code)
        await elif_.press(elif_.primary)
        await elif_.field("recovery.gate.confirm").check()
        await elif_.press(elif_.primary)
        await elif_.press(elif_.button("trust.later"))
        await elif_.hears("my_account.greeting", name=ELIF.first_name)


async def test_the_button_in_the_mail_leads_to_the_reset(browse: Browse, town: Town) -> None:  # S26, S27
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.ask_for_reset(ada.address)
    await browser.page.goto(f"/dev/mailbox?to={ada.address}")
    await browser.press(browser.page.locator(".mails a").first)
    letter = browser.page.frame_locator("iframe")
    await letter.get_by_role("link", name=words("mail.reset_link.button"), exact=True).click()
    await browser.page.wait_for_url("**/account/passwordreset/new")
    await browser.choose_password(NEW_PASSWORD)
    await browser.hears("reset.done.heading")


async def test_terminal_and_readme_name_who_to_sign_in_as(town: Town) -> None:
    said, readme = town.server.log.read_text(encoding="utf-8"), (ROOT / "README.md").read_text(encoding="utf-8")
    for one in PEOPLE:
        assert re.search(rf"^ *{re.escape(one.name)} +{re.escape(one.address)} +\S", said, re.MULTILINE), one.name
        assert one.password in said
    for clinic in CLINICS:
        assert f"Sign in as somebody of {clinic.name}\n" in said
    for path in ("/signin", "/dev", "/dev/mailbox", "/api"):
        assert re.search(rf" {re.escape(town.base + path)}\b", said), path
    named = re.findall(r"^- \*\*(\w+)\*\*", readme.partition("## Try it")[2].partition("\n## ")[0], re.MULTILINE)
    assert {"Sven", "Elif", "Ravi", "Greta"} <= set(named) <= {one.first_name for one in PEOPLE}


async def test_the_clock_only_goes_forward_and_only_for_programs(town: Town) -> None:  # D5
    async with httpx.AsyncClient(base_url=town.base, timeout=30) as client:
        for refused in (
            {"json": {"advance_seconds": -1}},
            {"json": {"advance_seconds": 10**12}},
            {"data": {"advance_seconds": "5"}},
            {"content": b'{"advance_seconds": 5}', "headers": {"content-type": "text/plain"}},
            {"json": {"advance_seconds": 5}, "headers": {"origin": "https://elsewhere.example"}},
            {"json": {"advance_seconds": 5}, "headers": {"host": "elsewhere.example"}},
        ):
            answer = await client.post("/dev/api/clock", **refused)
            assert 400 <= answer.status_code < 500, (refused, answer.status_code)
        before = (await client.post("/dev/api/clock", json={"advance_seconds": 0})).json()["ahead_seconds"]
        after = (await client.post("/dev/api/clock", json={"advance_seconds": 5})).json()["ahead_seconds"]
    assert after == before + 5


async def test_the_reference_of_the_api_reads_like_one(browse: Browse, town: Town) -> None:  # S43
    """Types are named as readers know them, and every operation of the list leads to its section."""
    browser = await browse()
    await browser.page.goto("/api")
    types = await browser.page.locator("td:nth-child(2) code").all_inner_texts()
    assert "string" in types
    assert not [name for name in types if any(mark in name for mark in ("msgspec", "typing", "<", "("))]
    for address in await browser.page.locator(".operations a").evaluate_all("(all) => all.map((one) => one.hash)"):
        assert await browser.page.locator(f"[id='{address.removeprefix('#')}']").count() == 1
