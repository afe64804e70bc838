"""What only browsers have: tabs, the back button, reloads, double clicks, cookies, languages, and a person's habits."""

from datetime import datetime, timedelta

import pytest
from playwright.async_api import FloatRect, expect

from portico.kernel.clock import SystemClock
from portico.signin.facts import ChangeReason
from portico.version import SHOWN_VERSION
from tests.journeys.conftest import Browse
from tests.support.storytellers import BrowserTeller
from tests.support.town import NEW_PASSWORD, Town

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_pages_look_as_they_should(browse: Browse, town: Town) -> None:  # S3, S4, S5, S7, S8, S48, S49, S82
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.page.goto("/signin")
    await expect(browser.page).to_have_title("Sign in | Portico")
    await expect(browser.page.get_by_role("img", name="Portico")).to_be_visible()
    tab = browser.page.locator(".tabs [aria-current=page]")
    assert (await tab.inner_text()).strip() == "SIGN IN"
    await expect(browser.field("signin.identify.label")).to_be_focused()
    assert await browser.page.locator("input[type=password]").count() == 0
    await browser.identify(ada.address)
    await expect(browser.page).to_have_title("Enter your password | Portico")
    assert await browser.field("signin.password.label").get_attribute("type") == "password"
    stay = await browser.field("signin.password.stay").bounding_box()
    forgot = await browser.link("signin.password.forgot").bounding_box()
    assert stay is not None
    assert forgot is not None
    assert abs(_middle(stay) - _middle(forgot)) < 4, "on one line"
    assert forgot["x"] > stay["x"] + stay["width"], "to the right"
    assert (await browser.primary.inner_text()).strip() == "Login"
    red, green, blue = await _colour(browser)
    assert green > max(red, blue), "green"


async def test_help_and_version_are_in_the_corners(browse: Browse, town: Town) -> None:  # S11, S12, S43
    browser = await browse()
    for path in ("/signin", "/account/passwordreset", "/signed-out", "/no/such/page", "/help"):
        await browser.page.goto(path)
        foot = browser.page.locator("footer")
        helping = await foot.get_by_role("link", name="Help", exact=True).bounding_box()
        version = await foot.get_by_text(SHOWN_VERSION).bounding_box()
        assert helping is not None
        assert version is not None
        assert helping["x"] < 640 < version["x"] + version["width"]
        assert min(helping["y"], version["y"]) > 600
        assert await foot.get_by_role("link", name="help@example.org").count() == 1


async def test_stay_signed_in_is_ticked_and_outlives_the_browser(browse: Browse, town: Town) -> None:  # S6, S15, D21
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.identify(ada.address)
    assert await browser.field("signin.password.stay").is_checked()
    await browser.field("signin.password.label").fill(ada.password)
    await browser.press(browser.primary)
    ends_at = await _session_cookie_ends_at(browser)
    assert ends_at is not None
    assert abs(ends_at - SystemClock().now() - timedelta(days=30)) < timedelta(minutes=10)
    started_again = await browse(restarted=browser)
    assert await started_again.is_signed_in()


async def test_without_it_the_next_start_asks_again(browse: Browse, town: Town) -> None:  # S16, D21
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.sign_in(ada, stay=False)
    assert await browser.is_signed_in()
    assert await _session_cookie_ends_at(browser) is None
    started_again = await browse(restarted=browser)
    assert not await started_again.is_signed_in()
    assert started_again.path == "/signin"


async def test_the_tick_survives_a_wrong_password(browse: Browse, town: Town) -> None:  # S6
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.identify(ada.address)
    await browser.give_password("not-my-Password-1", stay=False)
    assert not await browser.field("signin.password.stay").is_checked()
    await browser.give_password("not-my-Password-1", stay=True)
    assert await browser.field("signin.password.stay").is_checked()


async def test_whoever_asks_for_a_page_comes_back_to_it(browse: Browse, town: Town) -> None:  # S14
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.page.goto("/account/sessions")
    assert browser.path == "/signin"
    await browser.field("signin.identify.label").fill(ada.address)
    await browser.press(browser.primary)
    await browser.give_password(ada.password)
    assert browser.path == "/account/sessions"


async def test_change_leads_back_to_the_identifier(browse: Browse, town: Town) -> None:  # S49
    ada, tom, browser = await town.move_in("Ada"), await town.move_in("Tom"), await browse()
    await browser.identify(ada.address)
    await browser.press(browser.link("signin.password.change_label"))
    assert browser.path == "/signin"
    await browser.field("signin.identify.label").fill(tom.handle)
    await browser.press(browser.primary)
    await browser.give_password(tom.password)
    assert await browser.find_name() == tom.name


async def test_an_empty_identifier_is_asked_for_again(browse: Browse, town: Town) -> None:  # S43
    browser = await browse()
    await browser.page.goto("/signin")
    await browser.field("signin.identify.label").fill("   ")
    await browser.press(browser.primary)
    await browser.hears("signin.identifier.missing")
    await browser.page.reload()
    assert await browser.page.locator("#failure").count() == 0, "it is said once"


async def test_signed_in_people_are_told_so_instead_of_asked(browse: Browse, town: Town) -> None:  # S37, S38
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.sign_in(ada)
    await browser.page.goto("/signin")
    await browser.hears("signin.already.heading", name=ada.name)
    await browser.press(browser.link("signin.already.continue"))
    assert browser.path == "/account"
    await browser.page.goto("/signin")
    await browser.press(browser.main.get_by_role("button", name="Log out"))
    assert browser.path == "/signed-out"
    assert not await browser.is_signed_in()


async def test_two_tabs_of_one_sign_in_end_in_one_session(browse: Browse, town: Town) -> None:  # D21
    ada, one = await town.move_in("Ada"), await browse()
    await one.identify(ada.address)
    other = await one.new_tab()
    await other.page.goto(one.page.url)
    await one.give_password(ada.password)
    await other.give_password(ada.password)
    await other.hears("signin.already.heading", name=ada.name)
    assert await other.is_signed_in()
    assert await one.count_sessions() == 1


async def test_a_wrong_password_in_one_tab_does_not_stop_the_other(browse: Browse, town: Town) -> None:  # S43
    ada, one = await town.move_in("Ada"), await browse()
    await one.identify(ada.address)
    other = await one.new_tab()
    await other.page.goto(one.page.url)
    await one.give_password("not-my-Password-1")
    await other.give_password(ada.password)
    # The other tab showed an earlier version: its answer was not judged, and the present step is shown.
    await other.hears("signin.password.wrong")
    await other.give_password(ada.password)
    assert await other.is_signed_in()


async def test_two_tabs_begin_two_sign_ins_and_both_go_on(browse: Browse, town: Town) -> None:  # D21
    ada, tom, one = await town.move_in("Ada"), await town.move_in("Tom"), await browse()
    other = await one.new_tab()
    await one.identify(ada.address)
    await other.identify(tom.address)
    await one.give_password(ada.password)
    assert await one.find_name() == ada.name
    await other.give_password(tom.password)
    assert await other.find_name() == tom.name
    assert await one.find_name() == tom.name, "a browser is one person at a time"


async def test_the_back_button_after_signing_in_asks_nothing_again(browse: Browse, town: Town) -> None:  # S14
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.sign_in(ada)
    await browser.page.go_back()
    await browser.page.reload()
    await browser.hears("signin.already.heading", name=ada.name)
    await browser.page.go_back()
    await browser.page.reload()
    await browser.hears("signin.already.heading", name=ada.name)


async def test_the_back_button_after_signing_out_shows_nothing_of_the_account(  # S38
    browse: Browse, town: Town
) -> None:
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.sign_in(ada)
    await browser.sign_out()
    await browser.page.go_back()
    assert browser.path == "/signin"
    assert ada.address not in await browser.page.content()


async def test_a_reload_sends_nothing_again(browse: Browse, town: Town) -> None:  # S43
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.identify(ada.address)
    await browser.give_password("not-my-Password-1")
    for _ in range(12):
        await browser.page.reload()
    await browser.hears("signin.password.wrong")
    await browser.give_password(ada.password)
    assert await browser.is_signed_in(), "reloads took no tries"
    await browser.page.reload()
    assert await browser.count_sessions() == 1


async def test_a_button_pressed_twice_does_its_work_once(browse: Browse, town: Town) -> None:  # S14, D21
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.page.goto("/signin")
    await browser.field("signin.identify.label").fill(ada.address)
    await browser.primary.dblclick()
    await browser.field("signin.password.label").fill(ada.password)
    await browser.primary.dblclick()
    await browser.page.wait_for_url(f"{town.base}/*")
    await browser.page.wait_for_load_state()
    assert await browser.is_signed_in()
    assert await browser.count_sessions() == 1


async def test_a_name_changed_in_two_tabs_is_told_and_nothing_typed_is_lost(browse: Browse, town: Town) -> None:  # S43
    ada, one = await town.move_in("Ada"), await browse()
    await one.sign_in(ada)
    other = await one.new_tab()
    await one.open_name()
    await other.open_name()
    await one.save_name("Augusta", "King")
    await other.save_name("Ada", "Lovelace")
    await other.hears("my_account.profile.changed_meanwhile")
    await expect(other.field("my_account.first_name")).to_have_value("Ada")
    await expect(other.field("my_account.last_name")).to_have_value("Lovelace")
    await other.press(other.button("form.save"))
    await other.hears("my_account.profile.saved")
    assert await one.find_name() == "Ada Lovelace"


async def test_a_form_from_before_signing_out_changes_nothing(browse: Browse, town: Town) -> None:  # D22
    ada, one = await town.move_in("Ada"), await browse()
    await one.sign_in(ada)
    other = await one.new_tab()
    await other.open_name()
    await one.sign_out()
    await other.save_name("Mallory", "Moss")
    assert other.path == "/signin"
    await one.sign_in(ada)
    await other.page.go_back()
    assert await one.find_name() == ada.name


async def test_a_password_changed_in_another_tab_lets_this_one_go_on(browse: Browse, town: Town) -> None:  # D22
    ada, one = await town.move_in("Ada"), await browse()
    await one.sign_in(ada)
    other = await one.new_tab()
    await other.open_name()
    await one.change_password(ada.password, NEW_PASSWORD)
    await other.save_name("Augusta", "King")
    await other.hears("my_account.profile.saved")


async def test_the_forced_change_is_gone_once_it_is_done(browse: Browse, town: Town) -> None:  # D3
    priya, browser = await town.move_in("Priya", must_change=ChangeReason.FORCED), await browse()
    await browser.sign_in(priya)
    asked_at = browser.page.url
    await browser.page.reload()
    await browser.hears("signin.change_password.why.forced")
    await browser.choose_password(NEW_PASSWORD)
    assert browser.path == "/account"
    await browser.page.goto(asked_at)
    await browser.hears("signin.already.heading", name=priya.name)
    await browser.sign_out()
    await browser.sign_in(priya, NEW_PASSWORD)
    assert browser.path == "/account", "nothing is asked any more"


async def test_a_language_is_chosen_once_for_all_pages(browse: Browse, town: Town) -> None:  # S43
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.page.goto("/signin?return_to=/account/sessions")
    await browser.press(browser.page.locator("footer").get_by_role("link", name="Deutsch"))
    browser.language = "de"
    assert await browser.page.locator("html").get_attribute("lang") == "de"
    await browser.hears("signin.identify.heading")
    await browser.field("signin.identify.label").fill(ada.address)
    await browser.press(browser.primary)
    await browser.give_password("not-my-Password-1")
    await browser.hears("signin.password.wrong")
    await browser.give_password(ada.password)
    assert browser.path == "/account/sessions", "switching has not forgotten where to go"
    await browser.hears("my_account.sessions.title")
    await browser.sign_out()
    await browser.hears("signin.signed_out.heading")
    await browser.press(browser.page.locator("footer").get_by_role("link", name="English"))
    browser.language = "en"
    await browser.hears("signin.signed_out.heading")


async def test_a_german_browser_is_greeted_in_german(browse: Browse, town: Town) -> None:  # S43
    ada, browser = await town.move_in("Ada", language="de"), await browse("de-AT")
    browser.language = "de"
    await browser.page.goto("/")
    await browser.hears("signin.identify.heading")
    await expect(browser.page).to_have_title("Anmelden | Portico")
    await browser.sign_in(ada)
    await browser.hears("my_account.you")


async def test_a_session_that_rested_too_long_asks_and_comes_back(browse: Browse, town: Town) -> None:  # D21
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.sign_in(ada, stay=False)
    await town.advance(hours=13)
    await browser.page.goto("/account/password")
    assert browser.path == "/signin"
    await browser.field("signin.identify.label").fill(ada.address)
    await browser.press(browser.primary)
    await browser.give_password(ada.password)
    assert browser.path == "/account/password"


async def test_what_is_not_there_is_said_kindly(browse: Browse, town: Town) -> None:  # S43
    browser = await browse()
    answer = await browser.page.goto("/no/such/page")
    assert answer is not None
    assert answer.status == 404
    await browser.hears("error.not_found")
    await browser.hears("error.not_found.next")
    await browser.press(browser.link("error.home"))
    assert browser.path == "/signin"


def _middle(box: FloatRect) -> float:
    """How far down the middle of something is."""
    return box["y"] + box["height"] / 2


async def _colour(browser: BrowserTeller) -> tuple[int, ...]:
    """The background of the primary button: red, green, blue."""
    colour: str = await browser.primary.evaluate("(button) => getComputedStyle(button).backgroundColor")
    return tuple(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


async def _session_cookie_ends_at(browser: BrowserTeller) -> datetime | None:
    """When the browser will forget the session; None if with its closing."""
    for cookie in await browser.context.cookies():
        if cookie.get("name") == "portico_session":
            assert cookie.get("httpOnly")
            assert cookie.get("sameSite") == "Lax"
            expires = cookie.get("expires", -1)
            return None if expires == -1 else datetime.fromtimestamp(expires, tz=SystemClock().now().tzinfo)
    raise AssertionError("there is no session cookie")
