"""What script adds, in a browser that has it: live criteria, show and hide, a menu that closes, forms sent once."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from portico.signin.facts import ChangeReason
from tests.support.storytellers import BrowserTeller, browser_teller
from tests.support.town import NEW_PASSWORD, Town

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENOUGH = "Harbour-7"
CRITERIA = ("length", "upper", "lower", "digit", "symbol")


@pytest_asyncio.fixture(loop_scope="session")
async def teller(town: Town, browser: Browser) -> AsyncIterator[BrowserTeller]:
    """A browser with script."""
    async with browser_teller(browser, town.base) as opened:
        yield opened


async def to_a_reset(teller: BrowserTeller, town: Town) -> None:
    """The page a mailed link leads to."""
    ada = await town.move_in("Ada")
    await teller.ask_for_reset(ada.address)
    await teller.open_link(await town.reset_link(ada))


async def to_a_forced_change(teller: BrowserTeller, town: Town) -> None:
    """A change on the way in."""
    await teller.sign_in(await town.move_in("Priya", must_change=ChangeReason.FORCED))


async def to_ones_own_change(teller: BrowserTeller, town: Town) -> None:
    """The change in My Account."""
    ada = await town.move_in("Ada")
    await teller.sign_in(ada)
    await teller.page.goto("/account/password")
    await teller.field("my_account.password.current").fill(ada.password)


wherever_a_password_is_chosen = pytest.mark.parametrize(
    "lead", [to_a_reset, to_a_forced_change, to_ones_own_change], ids=lambda lead: lead.__name__
)
Lead: TypeAlias = Callable[[BrowserTeller, Town], Awaitable[None]]


@wherever_a_password_is_chosen
async def test_criteria_stand_above_and_tick_off_while_one_types(  # S33, S92, D3
    teller: BrowserTeller, town: Town, lead: Lead
) -> None:
    await lead(teller, town)
    listed = await teller.page.locator("[data-criteria]").bounding_box()
    first = await teller.field("password.new").bounding_box()
    assert listed is not None
    assert first is not None
    assert listed["y"] + listed["height"] <= first["y"]
    met: set[str] = set()
    for typed, newly_met in {
        "h": {"lower"},
        "A": {"upper"},
        "7": {"digit"},
        "-": {"symbol"},
        "bour": {"length"},
    }.items():
        await teller.field("password.new").press_sequentially(typed)
        met |= newly_met
        assert await _ticked(teller) == met
    for _ in range(8):
        await teller.page.keyboard.press("Backspace")
    assert await _ticked(teller) == set(), "and off again"


@wherever_a_password_is_chosen
async def test_the_button_waits_until_all_is_met_and_both_agree(  # S94, S95, D3
    teller: BrowserTeller, town: Town, lead: Lead
) -> None:
    await lead(teller, town)
    await expect(teller.primary).to_be_disabled()
    await teller.type_password("harbour", "harbour")
    await expect(teller.primary).to_be_disabled()
    await teller.type_password(ENOUGH, "")
    await expect(teller.primary).to_be_disabled()
    await teller.field("password.repeat").fill("Harbour-8")
    await expect(teller.primary).to_be_disabled()
    await teller.hears("password.repeat.differs")
    await teller.field("password.repeat").fill(ENOUGH)
    await expect(teller.primary).to_be_enabled()
    await teller.hears("password.repeat.agrees")
    await teller.field("password.new").press_sequentially("x")
    await expect(teller.primary).to_be_disabled()
    await teller.field("password.repeat").press_sequentially("x")
    await teller.press(teller.primary)
    await expect(teller.main).not_to_contain_text(teller.words("password.unmet"))


async def test_the_enter_key_does_not_go_round_the_button(teller: BrowserTeller, town: Town) -> None:  # S95
    await to_a_reset(teller, town)
    before = teller.page.url
    await teller.type_password("harbour", "harbour")
    await teller.page.keyboard.press("Enter")
    await expect(teller.primary).to_be_disabled()
    assert teller.page.url == before
    await teller.type_password(NEW_PASSWORD, NEW_PASSWORD)
    async with teller.page.expect_navigation():
        await teller.page.keyboard.press("Enter")
    await teller.hears("reset.done.heading")


async def test_criteria_are_announced_politely_and_not_at_every_key(teller: BrowserTeller, town: Town) -> None:  # D3
    await to_a_reset(teller, town)
    status = teller.page.locator("[data-criteria] [role=status]")
    await teller.page.evaluate(
        """() => {
          globalThis.said = [];
          const status = document.querySelector("[data-criteria] [role=status]");
          new MutationObserver(() => said.push(status.textContent)).observe(status, {childList: true});
        }"""
    )
    await teller.field("password.new").press_sequentially("Harbour", delay=20)
    await expect(status).to_have_text(teller.words("password.criteria.progress", met=2, total=5))
    await teller.field("password.new").press_sequentially("-7", delay=20)
    await expect(status).to_have_text(teller.words("password.criteria.progress", met=5, total=5))
    assert len(await teller.page.evaluate("said")) <= 3
    # What one meets on the way through the list says how each point stands.
    items = await teller.page.locator("[data-criterion]").all_inner_texts()
    assert all(teller.words("password.criteria.met") in item for item in items)


async def test_borders_show_how_a_field_stands(teller: BrowserTeller, town: Town) -> None:  # S34
    await to_a_reset(teller, town)
    await teller.type_password(ENOUGH, "")
    first, second = (
        teller.page.locator(".field", has=teller.field(code)) for code in ("password.new", "password.repeat")
    )
    await expect(teller.field("password.repeat")).to_be_focused()
    red, green, blue = await _border(first)
    assert green > max(red, blue), "accepted is green"
    red, green, blue = await _outline(second)
    assert blue > max(red, green), "focused is blue"


async def test_the_meter_guides_and_never_rules(teller: BrowserTeller, town: Town) -> None:  # D3
    await to_a_reset(teller, town)
    meter = teller.page.locator("meter")
    await teller.type_password("Aaaaaa1!", "Aaaaaa1!")
    weak = float(await meter.evaluate("(meter) => meter.value"))
    await expect(teller.primary).to_be_enabled()
    await teller.field("password.new").fill("correct Horse 7 battery-staple")
    strong = float(await meter.evaluate("(meter) => meter.value"))
    assert weak < strong == 4
    await teller.field("password.new").fill("")
    assert float(await meter.evaluate("(meter) => meter.value")) == 0


async def test_a_password_may_be_pasted(teller: BrowserTeller, town: Town) -> None:  # D1
    await to_a_reset(teller, town)
    first = teller.field("password.new")
    await teller.page.locator("[data-reveal=new_password]").click()
    await first.fill(ENOUGH)
    await first.press("Control+a")
    await first.press("Control+c")
    await teller.field("password.repeat").press("Control+v")
    await expect(teller.field("password.repeat")).to_have_value(ENOUGH)
    await expect(teller.primary).to_be_enabled()


async def test_a_password_is_shown_and_hidden_and_never_sent_shown(teller: BrowserTeller, town: Town) -> None:  # S5
    ada = await town.move_in("Ada")
    await teller.identify(ada.address)
    field, reveal = teller.field("signin.password.label"), teller.page.locator("[data-reveal]")
    await field.fill(ada.password)
    await expect(reveal).to_have_text(teller.words("form.show"))
    await reveal.click()
    await expect(field).to_have_attribute("type", "text")
    await expect(reveal).to_have_attribute("aria-pressed", "true")
    await expect(reveal).to_have_text(teller.words("form.hide"))
    await reveal.click()
    await expect(field).to_have_attribute("type", "password")
    await expect(field).to_have_value(ada.password)
    await reveal.click()
    await teller.page.evaluate(
        """() => document.forms[0].addEventListener("submit", (event) => {
          event.preventDefault();
          document.title = document.querySelector("#password").type;
        })"""
    )
    await teller.primary.click()
    await expect(teller.page).to_have_title("password")


async def test_a_form_is_sent_once_however_often_one_clicks(teller: BrowserTeller, town: Town) -> None:  # S14
    ada = await town.move_in("Ada")
    sent: list[str] = []
    teller.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    await teller.identify(ada.address)
    await teller.field("signin.password.label").fill("not-my-Password-1")
    sent.clear()
    async with teller.page.expect_navigation():
        await teller.page.evaluate("for (let n = 0; n < 5; n++) document.querySelector('button.primary').click()")
    assert len(sent) == 1
    await teller.give_password(ada.password)
    assert len(sent) == 2, "the next form can be sent"


async def test_the_menu_closes_on_escape_and_on_a_click_elsewhere(teller: BrowserTeller, town: Town) -> None:  # S37
    await teller.sign_in(await town.move_in("Ada"))
    menu, summary = teller.page.locator("[data-menu]"), teller.page.locator("[data-menu] summary")
    await expect(summary).to_contain_text("AB")
    await summary.press("Enter")
    await expect(teller.button("menu.sign_out")).to_be_visible()
    await teller.page.keyboard.press("Tab")
    await teller.page.keyboard.press("Escape")
    await expect(menu).not_to_have_attribute("open", re.compile(""))
    await expect(summary).to_be_focused()
    await summary.click()
    await expect(teller.button("menu.sign_out")).to_be_visible()
    await teller.page.locator("h1").click()
    await expect(teller.button("menu.sign_out")).to_be_hidden()


async def test_instants_are_in_the_readers_own_time(browser: Browser, town: Town) -> None:  # D22
    context = await browser.new_context(base_url=town.base, timezone_id="Asia/Kolkata")
    teller = BrowserTeller(town.base, "en", context, await context.new_page(), has_script=True)
    await teller.sign_in(await town.move_in("Ada"))
    await teller.page.goto("/account/sessions")
    shown, written = await teller.page.locator("time").first.evaluate("(time) => [time.textContent, time.dateTime]")
    expected = await teller.page.evaluate(
        """(written) => new Intl.DateTimeFormat("en", {dateStyle: "long", timeStyle: "short", timeZone: "Asia/Kolkata"})
             .format(new Date(written))""",
        written,
    )
    assert shown == expected
    await context.close()


async def _ticked(teller: BrowserTeller) -> set[str]:
    """The criteria that are shown as met."""
    return set(
        await teller.page.locator("[data-criterion].is-met").evaluate_all(
            "(items) => items.map((item) => item.dataset.criterion)"
        )
    )


async def _border(field: Locator) -> tuple[int, ...]:
    return _rgb(await field.locator(".box").evaluate("(box) => getComputedStyle(box).borderTopColor"))


async def _outline(field: Locator) -> tuple[int, ...]:
    return _rgb(await field.locator(".box").evaluate("(box) => getComputedStyle(box).outlineColor"))


def _rgb(colour: str) -> tuple[int, ...]:
    """Red, green, blue of a computed colour."""
    return tuple(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
