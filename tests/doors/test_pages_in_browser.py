"""The pages in a real browser: nothing stands in anyone's way, nothing jumps, and the scripts do what they should."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from portico.kernel.brand import Brand
from portico.kernel.messages import PSEUDO
from tests.support.axe import find_serious
from tests.support.chromium import DESKTOP, PHONE, Scheme, Size, chromium, layout_shift, watched_context
from tests.support.page_samples import PAGES
from tools.preview import AXE, serving

NARROW = Size(320, 640)
"""What WCAG 2.2 asks for reflow (1.4.10): 1280 pixels at 400 %."""
GOOD = "Correct-horse-7"
TARGET_MIN = 44

_MEASURE = """(minimum) => [document.documentElement.scrollWidth,
  [...document.querySelectorAll("button, .button, summary, input:not([type=hidden],[readonly]), footer a, .tabs a")]
    .map((element) => [element.closest("label.check") ?? element, element])
    .filter(([area]) => area.checkVisibility() && area.getBoundingClientRect().height < minimum)
    .map(([, element]) => element.outerHTML.slice(0, 100))]"""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """Where the samples are served."""
    with serving(Brand()) as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The browser program; each test has a context of its own in it."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, base: str) -> AsyncIterator[Page]:
    """A tab on a desktop, watched."""
    async with watched_context(browser, base) as context:
        yield await context.new_page()


@pytest_asyncio.fixture(loop_scope="module")
async def plain_page(browser: Browser, base: str) -> AsyncIterator[Page]:
    """A tab that runs no script."""
    async with watched_context(browser, base, has_script=False) as context:
        yield await context.new_page()


@pytest.mark.long
@pytest.mark.parametrize(("size", "scheme", "language"), [(DESKTOP, "light", "en"), (PHONE, "dark", "de")])
async def test_axe_finds_nothing_serious_and_nothing_jumps(
    browser: Browser, base: str, size: Size, scheme: Scheme, language: str
) -> None:
    async with watched_context(browser, base, size=size, scheme=scheme, language=language) as context:
        page = await context.new_page()
        for sample in PAGES:
            await page.goto(f"/{language}/{sample.label}")
            moved, what = await layout_shift(page)
            assert moved < 0.001, (sample.label, what)
            serious = await find_serious(page, AXE)
            assert not serious, (sample.label, serious)


@pytest.mark.long
@pytest.mark.parametrize("language", ["de", PSEUDO])
async def test_pages_fit_narrow_windows_and_targets_are_large(browser: Browser, base: str, language: str) -> None:
    async with watched_context(browser, base, size=NARROW) as context:
        page = await context.new_page()
        for sample in PAGES:
            await page.goto(f"/{language}/{sample.label}")
            width, small = await page.evaluate(_MEASURE, TARGET_MIN)
            assert width <= NARROW.width, sample.label
            assert small == [], sample.label


async def test_criteria_tick_off_while_one_types(page: Page) -> None:
    """S33, S34, S94, S95: the button waits for the criteria and for both fields to agree."""
    await page.goto("/en/reset-choose")
    first, second = (
        page.get_by_label("New password", exact=True),
        page.get_by_label("Repeat the new password", exact=True),
    )
    button = page.get_by_role("button", name="Reset password")
    met = page.locator("#criteria .is-met")
    await expect(button).to_be_disabled()
    await first.press_sequentially("Correct-h")
    await expect(met).to_have_count(4)
    await expect(page.locator(".criteria [role=status]")).to_have_text("4 of 5 points of the list are met")
    await first.fill(GOOD)
    await expect(met).to_have_count(5)
    await second.press_sequentially(GOOD[:-1])
    await expect(page.get_by_text("The two do not agree yet")).to_be_visible()
    await expect(button).to_be_disabled()
    await second.press(GOOD[-1])
    await expect(page.get_by_text("The two agree")).to_be_visible()
    await expect(button).to_be_enabled()
    for typed in (first, second):
        await typed.blur()
        colour = await typed.evaluate("(input) => getComputedStyle(input.closest('.box')).borderColor")
        assert colour == "rgb(21, 128, 61)"
    assert await page.locator("meter").evaluate("(meter) => meter.value") >= 3


async def test_typing_moves_nothing(page: Page) -> None:
    await page.goto("/en/reset-choose")
    button = page.get_by_role("button", name="Reset password")
    before = await button.bounding_box()
    await page.get_by_label("New password", exact=True).fill(GOOD)
    await page.get_by_label("Repeat the new password", exact=True).fill("other")
    assert await button.bounding_box() == before


async def test_without_script_the_button_is_ready_and_nothing_useless_shows(plain_page: Page) -> None:
    await plain_page.goto("/en/reset-choose")
    await expect(plain_page.get_by_role("button", name="Reset password")).to_be_enabled()
    await expect(plain_page.get_by_role("button", name="Show")).to_have_count(0)
    await expect(plain_page.locator("meter")).to_be_hidden()


async def test_a_password_can_be_shown_and_is_masked_when_sent(page: Page) -> None:  # S5
    await page.goto("/en/password")
    password = page.locator("#password")
    await page.get_by_role("button", name="Show").click()
    await expect(password).to_have_attribute("type", "text")
    await page.get_by_role("button", name="Show").click()
    await expect(password).to_have_attribute("type", "password")
    await page.get_by_role("button", name="Show").click()
    await page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
    await password.fill("secret")
    await page.get_by_role("button", name="Login").click()
    await expect(password).to_have_attribute("type", "password")


async def test_what_went_wrong_has_the_focus_and_leads_to_the_field(page: Page, plain_page: Page) -> None:
    for tab in (page, plain_page):
        await tab.goto("/en/password-failed")
        await expect(tab.get_by_role("alert")).to_be_focused()
        await tab.get_by_role("alert").get_by_role("link").click()
        await expect(tab.locator("#password")).to_be_focused()


async def test_the_first_field_has_the_focus(plain_page: Page) -> None:
    for label, name in (("identify", "identifier"), ("password", "password"), ("reset-choose", "new_password")):
        await plain_page.goto(f"/en/{label}")
        await expect(plain_page.locator(f"#{name}")).to_be_focused()


async def test_the_menu_opens_and_closes(page: Page, plain_page: Page) -> None:  # S37, S38
    for tab in (page, plain_page):
        await tab.goto("/en/account")
        await tab.locator("summary").press("Enter")
        await expect(tab.get_by_role("button", name="Log out")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    await expect(page.locator("summary")).to_be_focused()
    await page.locator("summary").click()
    await page.get_by_role("heading", level=1).click()
    await expect(page.get_by_role("button", name="Log out")).to_be_hidden()


async def test_a_form_is_sent_once(page: Page) -> None:
    sent: list[Route] = []

    def keep(route: Route) -> None:
        sent.append(route)

    await page.route("**/signin", keep)
    await page.goto("/en/identify")
    await page.locator("#identifier").fill("nora")
    submit = "document.forms[0].requestSubmit(document.querySelector('button.primary'))"
    await page.evaluate(f"{submit}; {submit}; setTimeout(() => {submit})")
    await page.wait_for_timeout(200)
    assert len(sent) == 1
    await sent[0].abort()


async def test_instants_are_shown_in_the_readers_own_time(browser: Browser, base: str) -> None:
    for language, shown in (("en", "March 9, 2026 at 11:05 PM"), ("de", "9. März 2026 um 23:05")):
        context = await browser.new_context(base_url=base, timezone_id="Asia/Tokyo")
        page = await context.new_page()
        await page.goto(f"/{language}/sessions")
        time = page.locator("time").nth(1)
        await expect(time).to_have_text(shown)
        await expect(time).to_have_attribute(
            "title", "9 March 2026, 2:05 pm UTC" if language == "en" else "9. März 2026, 14:05 Uhr (UTC)"
        )
        await context.close()
