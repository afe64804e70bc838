"""Without a mouse, and by ear: where the focus is, what is read out, and that every step can be taken by key."""

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Browse
from tests.support.storytellers import BrowserTeller
from tests.support.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_one_signs_in_and_out_by_keys_alone(browse: Browse, town: Town) -> None:  # S14, S37, S38
    ada, browser = await town.move_in("Ada"), await browse()
    keyboard = browser.page.keyboard
    await browser.page.goto("/signin")
    await expect(browser.field("signin.identify.label")).to_be_focused()
    await keyboard.type(ada.address)
    await _enter(browser)
    await expect(browser.field("signin.password.label")).to_be_focused()
    await keyboard.type(ada.password)
    await _tab_to(browser, "#stay, [name=stay_signed_in]")
    await keyboard.press("Space")
    await expect(browser.field("signin.password.stay")).not_to_be_checked()
    await _tab_to(browser, "button.primary")
    await _enter(browser)
    assert browser.path == "/account"
    await _tab_to(browser, "[data-menu] summary")
    await keyboard.press("Enter")
    await _tab_to(browser, "[data-menu] button")
    await _enter(browser)
    await browser.hears("signin.signed_out.heading")


async def test_the_first_tab_leads_past_the_head_of_the_page(browse: Browse, town: Town) -> None:  # S43
    browser = await browse()
    await browser.page.goto("/help")
    await browser.page.keyboard.press("Tab")
    skip = browser.link("page.skip")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await browser.page.keyboard.press("Enter")
    await expect(browser.page.locator("#main")).to_be_focused()


async def test_every_stop_of_the_tab_key_can_be_seen(browse: Browse, town: Town) -> None:  # S34
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.sign_in(ada)
    for path in ("/account", "/account/password", "/account/sessions"):
        await browser.page.goto(path)
        for _ in range(12):
            await browser.page.keyboard.press("Tab")
            ring = await browser.page.evaluate(
                """() => {
                  const element = document.activeElement;
                  const shown = [element, element.closest(".box"), element.firstElementChild].filter(Boolean);
                  return element === document.body || shown.map((one) => getComputedStyle(one)).some((style) =>
                    style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
                }"""
            )
            where = await browser.page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
            assert ring, f"{path}: no ring around {where}"


async def test_a_failure_takes_the_focus_and_leads_to_its_field(browse: Browse, town: Town) -> None:  # S43
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.page.goto("/signin")
    await browser.field("signin.identify.label").fill("  ")
    await browser.press(browser.primary)
    summary = browser.page.locator("#failure")
    await expect(summary).to_be_focused()
    await expect(summary).to_have_role("alert")
    field = browser.field("signin.identify.label")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_accessible_description(browser.words("signin.identifier.missing"))
    await browser.page.keyboard.press("Tab")
    await browser.page.keyboard.press("Enter")
    await expect(field).to_be_focused()
    await field.fill(ada.address)
    await browser.press(browser.primary)
    await browser.give_password("not-my-Password-1")
    await expect(summary).to_be_focused()
    await expect(browser.field("signin.password.label")).to_have_value("")


async def test_a_success_is_read_out(browse: Browse, town: Town) -> None:  # S96
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.sign_in(ada)
    await browser.open_name()
    await browser.save_name("Augusta", "King")
    await expect(browser.main.get_by_role("status")).to_have_text(browser.words("my_account.profile.saved"))


async def test_labels_are_tied_to_their_fields(browse: Browse, town: Town) -> None:  # S4, S5, S6
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.page.goto("/signin")
    await expect(browser.page.locator("#identifier")).to_have_accessible_name(browser.words("signin.identify.label"))
    await browser.identify(ada.address)
    await expect(browser.page.locator("#password")).to_have_accessible_name(browser.words("signin.password.label"))
    assert await browser.page.locator("html").get_attribute("lang") == "en"


async def _tab_to(browser: BrowserTeller, selector: str) -> None:
    """Press Tab until something has the focus; fail if it cannot be reached."""
    for _ in range(40):
        await browser.page.keyboard.press("Tab")
        if await browser.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by the Tab key")


async def _enter(browser: BrowserTeller) -> None:
    """Press Enter, and be where it leads."""
    async with browser.page.expect_navigation():
        await browser.page.keyboard.press("Enter")
