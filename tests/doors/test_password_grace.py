"""A session that is open while its password expires: browsers are asked at once, apps some hours later (D8)."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from portico.organizations.policy import PolicyFields
from tests.support.handing_over import SIXTY, ask_for_hand_off, clinic_of_nora, go_on, look, take_up, update
from tests.support.organizations import NORTH, ask
from tests.support.world import NEW_PASSWORD, PASSWORD, MakeWorld, World

SECOND, GRACE = timedelta(seconds=1), timedelta(hours=12)
LONG = {"session_lifetime": "400d", "session_idle": "200d"}


@pytest.fixture
async def long_world(make_world: MakeWorld) -> AsyncIterator[World]:
    """A deployment whose sessions outlive passwords; Nora's is to be changed every 60 days."""
    async with make_world(**LONG) as opened:
        await clinic_of_nora(opened)
        yield opened


async def test_an_app_refreshes_for_twelve_hours_more(long_world: World) -> None:  # S90 D8
    clock = long_world.clock
    async with long_world.native() as app:
        await app.sign_in()
        clock.at += SIXTY - SECOND
        assert "update_password" not in (await app.refresh()).json()
        clock.at += SECOND
        expired_at = clock.at
        due = (await app.refresh()).json()["update_password"]
        assert due["organizations"] == [NORTH]
        assert due["every_days"] == 60
        assert due["since"] == expired_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert due["until"] == (expired_at + GRACE).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (await app.call("GET", "/account")).status_code == 200, "nobody drops off a call"
        async with long_world.native() as again:
            assert (await again.sign_in()).json()["step"]["step"] == "change_password", "no sign-in has any grace"
        clock.at += GRACE - SECOND
        assert "update_password" in (await app.refresh()).json()
        clock.at += SECOND
        refused = await app.refresh()
        assert (refused.status_code, refused.json()["code"]) == (403, "interaction_required")
        assert (await app.call("GET", "/account")).status_code == 200, "its access token is good for its few minutes"


async def test_the_open_session_is_updated_by_hand_off_and_goes_on(long_world: World) -> None:  # D8 D26
    async with long_world.native() as app, long_world.browser() as browser:
        await app.sign_in()
        long_world.clock.at += SIXTY
        await app.refresh()
        began = await app.call(
            "POST", "/renewals", {"refresh_token": app.refresh_token, "installation": app.installation}
        )
        app.headers["portico-ticket"] = began.json()["ticket"]
        assert began.json()["step"]["step"] == "prove"
        attempt = (await app.answer(began.json(), {"answer": "password", "password": PASSWORD})).json()
        assert attempt["update_password"]["text"] == "Your password has expired."
        page = await take_up(browser, await ask_for_hand_off(app, attempt))
        assert "goes on by itself" in (await update(browser, page)).text
        assert (await app.call("GET", "/account")).status_code == 200, "nobody drops off a call"
        assert (await app.refresh()).status_code == 200
        assert (await look(app, attempt))["step"] == {"step": "finished", "outcome": "stamp_policy"}
        assert (await go_on(app, attempt))["step"]["step"] == "finished"
        assert "update_password" not in (await app.refresh()).json(), "the same session, with a new password"
        assert (await app.call("GET", "/account")).status_code == 200


async def test_a_browser_is_led_to_the_change_once_its_password_has_expired(long_world: World) -> None:  # S90 D8
    clock = long_world.clock
    async with long_world.browser() as browser:
        page = await browser.sign_in()
        clock.at += SIXTY - SECOND
        assert (await browser.get("/account")).status_code == 200
        clock.at += SECOND
        led = await browser.get("/account")
        assert led.headers["location"] == "/renew?return_to=/account"
        page = await browser.follow(await browser.submit(await browser.follow(led), "/renew"))
        page = await browser.follow(await browser.submit(page, page.request.url.path, password=PASSWORD))
        assert NORTH in page.text
        fields = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        done = await browser.submit(page, page.request.url.path, **fields)
        assert done.headers["location"] == "/account"
        clock.at += SIXTY - SECOND
        assert (await browser.get("/account")).status_code == 200, "sixty days again"
        clock.at += SECOND
        assert (await browser.get("/account")).status_code == 303


async def test_a_password_that_was_changed_in_time_asks_nobody(long_world: World) -> None:  # D8 S100
    async with long_world.browser() as browser:
        await browser.sign_in()
        long_world.clock.at += SIXTY - SECOND
        form = await browser.get("/account/password")
        fields = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        assert (await browser.submit(form, "/account/password", **fields)).status_code == 303
        long_world.clock.at += SECOND
        assert (await browser.get("/account")).status_code == 200
        house, now, account = long_world.house, long_world.clock.at, await long_world.get_account()
        (session,) = await house.sessions.list_open(house.database, account.id, now)
        found = await house.sessions.find_session(house.database, session.id, now)
        assert found is not None
        assert found.session.decide_at == now - SECOND + SIXTY, "asked once, and stamped anew"


async def test_without_a_grace_it_ends_with_the_password(make_world: MakeWorld) -> None:  # D8
    async with make_world(expired_password_grace="0", **LONG) as world, world.native() as app:
        await clinic_of_nora(world)
        await app.sign_in()
        world.clock.at += SIXTY - SECOND
        assert (await app.refresh()).status_code == 200
        world.clock.at += SECOND
        assert (await app.refresh()).status_code == 403


async def test_what_is_asked_besides_has_no_grace(long_world: World) -> None:  # D8 D9
    organization = await long_world.house.organizations.find_by_name(long_world.house.database, NORTH)
    assert organization is not None
    async with long_world.native() as app:
        await app.sign_in()
        long_world.clock.at += SIXTY
        assert (await app.refresh()).status_code == 200
        await ask(long_world, organization, PolicyFields(max_age_days=60, force_change=True))
        assert (await app.refresh()).status_code == 403, "a change was asked of everybody, and now"
