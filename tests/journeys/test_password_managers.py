"""What password managers and autofill look at: which entry a password belongs to, and which field is what."""

import pytest
from playwright.async_api import expect

from portico.signin.facts import ChangeReason
from tests.journeys.conftest import Browse
from tests.support.storytellers import BrowserTeller
from tests.support.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_identifier_field_offers_usernames_and_passkeys(browse: Browse, town: Town) -> None:  # S4, S49
    browser = await browse()
    await browser.page.goto("/signin")
    field = browser.field("signin.identify.label")
    await expect(field).to_have_attribute("autocomplete", "username webauthn")
    await expect(field).to_have_attribute("autocapitalize", "none")
    await expect(field).to_have_attribute("spellcheck", "false")


async def test_the_password_page_says_whose_password_it_wants(browse: Browse, town: Town) -> None:  # S5
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.identify(ada.handle)
    await expect_username(browser, ada.handle)
    await expect(browser.field("signin.password.label")).to_have_attribute("autocomplete", "current-password")


async def test_the_reset_page_saves_under_the_account_address(browse: Browse, town: Town) -> None:  # S31
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.ask_for_reset(ada.handle)
    await browser.open_link(await town.reset_link(ada))
    await expect_username(browser, ada.address)
    await expect_new_password(browser)


async def test_the_forced_change_saves_under_what_was_typed(browse: Browse, town: Town) -> None:  # D3
    priya, browser = await town.move_in("Priya", must_change=ChangeReason.FORCED), await browse()
    await browser.sign_in(priya)
    await expect_username(browser, priya.address)
    await expect_new_password(browser)


async def test_the_change_in_my_account_has_one_present_and_two_new(browse: Browse, town: Town) -> None:  # D22
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.sign_in(ada)
    await browser.page.goto("/account/password")
    await expect_username(browser, ada.address)
    current = browser.field("my_account.password.current")
    await expect(current).to_have_attribute("autocomplete", "current-password")
    await expect_new_password(browser)


async def test_the_request_page_takes_usernames_and_the_name_page_names(browse: Browse, town: Town) -> None:  # S23
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.page.goto("/account/passwordreset")
    await expect(browser.field("reset.request.label")).to_have_attribute("autocomplete", "username")
    await browser.sign_in(ada)
    await browser.open_name()
    await expect(browser.field("my_account.first_name")).to_have_attribute("autocomplete", "given-name")
    await expect(browser.field("my_account.last_name")).to_have_attribute("autocomplete", "family-name")


async def test_no_page_brings_a_password_back(browse: Browse, town: Town) -> None:  # S5
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.identify(ada.address)
    await browser.give_password("not-my-Password-1")
    assert "not-my-Password-1" not in await browser.page.content()
    await browser.give_password(ada.password)
    await browser.change_password("not-my-Password-1", "Silver-Orchard-63")
    content = await browser.page.content()
    assert "not-my-Password-1" not in content
    assert "Silver-Orchard-63" not in content


async def expect_username(browser: BrowserTeller, identifier: str) -> None:
    """A read-only username field, seen by people too, before the passwords and in the same form."""
    field = browser.page.locator("input[name=username]")
    await expect(field).to_have_count(1)
    await expect(field).to_be_visible()
    await expect(field).to_have_value(identifier)
    await expect(field).to_have_attribute("autocomplete", "username")
    await expect(field).to_have_attribute("readonly", "")
    kinds = await browser.page.evaluate(
        "[...document.querySelector('[name=username]').form.elements].map((one) => one.autocomplete).filter(Boolean)"
    )
    assert kinds[0] == "username"
    assert {"current-password", "new-password"} & set(kinds[1:])


async def expect_new_password(browser: BrowserTeller) -> None:
    """Two fields for a new password."""
    for code in ("password.new", "password.repeat"):
        field = browser.field(code)
        await expect(field).to_have_attribute("autocomplete", "new-password")
        await expect(field).to_have_attribute("type", "password")
