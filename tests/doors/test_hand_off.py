"""An expired password, met by an app: the way to the browser, the change there, and the app that goes on (D8, D26)."""

import asyncio
from datetime import timedelta

import pytest

from portico.audit.model import EventKind
from portico.organizations.policy import PolicyFields
from tests.support.authenticators import MFA, give_totp
from tests.support.handing_over import (
    SIXTY,
    ask_for_hand_off,
    box,
    clinic_of_nora,
    go_on,
    look,
    stopped,
    take_up,
    update,
    wait_for_expiry,
)
from tests.support.organizations import NORTH, ask
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, World

TOM = "tom@elsewhere.example"
MINUTE = timedelta(seconds=60)


async def test_the_app_is_told_and_goes_on_after_the_browser(free_world: World) -> None:  # S90 S91 S96 S98 D8 D26
    await wait_for_expiry(free_world)
    async with free_world.native() as app, free_world.browser() as browser:
        attempt = await stopped(app)
        assert "tokens" not in attempt, "the sign-in is refused"
        told = attempt["update_password"]
        assert (told["text"], told["button"]) == ("Your password has expired.", "Update Password")
        assert NORTH in told["why"]
        assert told["hand_off"] == f"/api/v1/signin/{attempt['id']}/handoff"

        page = await take_up(browser, await ask_for_hand_off(app, attempt))
        assert NORTH in page.text
        assert (await look(app, attempt))["step"]["step"] == "change_password", "it waits"
        done = await update(browser, page)
        assert done.request.url.path == "/handoff/done"
        assert "goes on by itself" in done.text
        assert browser.cookie("session") is None, "nobody was signed in by it"

        assert (await look(app, attempt))["step"] == {"step": "finished", "outcome": "open_session"}
        assert "tokens" not in await look(app, attempt), "looking takes nothing"
        finished = await go_on(app, attempt)
        assert finished["step"] == {"step": "finished", "outcome": "open_session"}
        assert (await app.call("GET", "/account")).status_code == 200
        assert (await go_on(app, attempt))["step"]["reason"] == "attempt_over", "once"
        assert (await app.sign_in(password=NEW_PASSWORD)).json()["step"]["step"] == "finished"
        assert (await app.sign_in()).json()["step"]["step"] == "prove"


async def test_the_page_says_what_is_asked_and_what_comes_next(free_world: World) -> None:  # S92 S93 S94 S95 S97
    await wait_for_expiry(free_world)
    async with free_world.native() as app, free_world.browser() as browser:
        page = await take_up(browser, await ask_for_hand_off(app, await stopped(app)))
        text = page.text
        assert text.index('data-criterion="history" data-count="6"') < text.index('name="new_password"')
        assert text.index('name="password"') < text.index('name="new_password"') < text.index('name="repeat_password"')
        assert "data-new-password" in text, "by which the button waits until all is met"
        page = await update(browser, page, new="short")
        assert "This password is not enough yet" in box(page)
        page = await update(browser, page, repeat=NEW_PASSWORD + "x")
        assert "The two passwords differ" in box(page)
        page = await update(browser, page, new=PASSWORD)
        assert f"{NORTH} does not allow any of your last 6 passwords." in box(page)
        assert 'name="password"' not in page.text, "what was proven on this page is not asked again"
        done = (await update(browser, page)).text
        steps = ("goes on by itself", 'href="/signin"', "contact support")
        assert [done.index(step) for step in steps] == sorted(done.index(step) for step in steps)
        assert "Your password was updated" in done


async def test_opening_changes_nothing_and_one_press_uses_it_up(
    free_world: World, capsys: pytest.CaptureFixture[str]
) -> None:  # D26
    await wait_for_expiry(free_world)
    async with free_world.native() as app, free_world.browser() as browser, free_world.browser() as scanner:
        attempt = await stopped(app)
        path = await ask_for_hand_off(app, attempt)
        shown = await scanner.get("/handoff")
        assert shown.status_code == 404, "nothing was opened yet"
        for _ in range(3):
            opened = await scanner.client.head(path)
            assert (opened.status_code, opened.headers["location"]) == (303, "/handoff")
            opened = await scanner.get(path, **{"sec-purpose": "prefetch"})
            assert opened.headers["referrer-policy"] == "same-origin", "no other host is told the address"
            shown = await scanner.follow(opened)
            assert path not in shown.text
        assert "Continue as Nora Lindqvist" in shown.text
        assert (await browser.post("/handoff", {"csrf": "x"})).status_code == 403, "no form of ours"

        page = await browser.follow(await browser.get(path))
        pressed = await browser.submit(page, "/handoff")
        assert (await browser.follow(pressed)).status_code == 200
        again = await scanner.submit(shown, "/handoff")
        assert (again.status_code, "already used" in again.text) == (410, True)
        assert "Update Password again" in again.text
        again = await browser.get(path)
        assert (again.status_code, "already used" in again.text) == (410, True)
        made_up = await browser.get(f"/handoff/{'A' * 43}")
        assert (made_up.status_code, "not valid" in made_up.text) == (404, True)
        assert (await scanner.get(f"/handoff/update/{attempt['id']}")).status_code == 404, "the app's own"
        assert (await scanner.get(pressed.headers["location"])).status_code == 404, "another browser's"
    said = capsys.readouterr().out
    assert "hand_off.opened" in said
    assert path.rpartition("/")[2] not in said, "no log has the token"


@pytest.mark.parametrize(("waited", "is_good"), [(MINUTE, True), (MINUTE + timedelta(seconds=1), False)])
async def test_it_lives_a_minute(free_world: World, waited: timedelta, is_good: bool) -> None:  # D26
    await wait_for_expiry(free_world)
    async with free_world.native() as app, free_world.browser() as browser:
        path = await ask_for_hand_off(app, await stopped(app))
        page = await browser.follow(await browser.get(path))
        free_world.clock.at += waited
        pressed = await browser.submit(page, "/handoff")
        assert (pressed.status_code == 303) is is_good
        assert ("This address has expired" in pressed.text) is not is_good


async def test_of_two_presses_at_once_one_counts_and_the_newest_is_good(free_world: World) -> None:  # D26
    await wait_for_expiry(free_world)
    async with free_world.native() as app, free_world.browser() as one, free_world.browser() as two:
        attempt = await stopped(app)
        older, newer = await ask_for_hand_off(app, attempt), await ask_for_hand_off(app, attempt)
        assert (await one.get(older)).status_code == 410, "a newer one took its place"
        pages = [await browser.follow(await browser.get(newer)) for browser in (one, two)]
        pressed = await asyncio.gather(
            *(browser.submit(page, "/handoff") for browser, page in zip((one, two), pages, strict=True))
        )
        assert sorted(answer.status_code for answer in pressed) == [303, 410]


async def test_two_hand_offs_one_change(free_world: World) -> None:  # D22 D26
    await wait_for_expiry(free_world)
    async with free_world.native() as app, free_world.browser() as one, free_world.browser() as two:
        attempt = await stopped(app)
        first = await take_up(one, await ask_for_hand_off(app, attempt))
        second = await take_up(two, await ask_for_hand_off(app, attempt))
        assert (await update(one, first)).request.url.path == "/handoff/done"
        late = await two.submit(second, second.request.url.path, password=NEW_PASSWORD, new_password="Green-Ladder-81")
        late = await two.follow(late)
        assert (late.status_code, "no longer waiting" in late.text) == (410, True)
        assert (await go_on(app, attempt))["step"]["step"] == "finished"


async def test_who_has_proven_less_gets_none(free_world: World) -> None:  # D26
    clinic = await wait_for_expiry(free_world)
    await give_totp(free_world, await free_world.get_account())
    await ask(free_world, clinic, PolicyFields(max_age_days=60, mfa=MFA.mfa))
    async with free_world.native() as app, free_world.native() as other:
        attempt = await app.begin()
        refused = await app.call("POST", f"/signin/{attempt['id']}/handoff")
        assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_hand_off")
        attempt = (await app.sign_in()).json()
        assert attempt["step"]["step"] == "prove"
        assert "update_password" not in attempt
        assert (await app.call("POST", f"/signin/{attempt['id']}/handoff")).status_code == 409, "no second factor yet"
        other.headers["portico-ticket"] = "A" * 43
        assert (await other.call("POST", f"/signin/{attempt['id']}/handoff")).status_code == 404
        body = {"version": attempt["version"], "answer": {"answer": "go_on"}}
        assert (await other.call("POST", f"/signin/{attempt['id']}", body)).status_code == 404


async def test_what_the_app_has_proven_need_not_be_proven_again_but_the_password(free_world: World) -> None:  # D8 D26
    clinic = await clinic_of_nora(free_world)
    phone = await give_totp(free_world, await free_world.get_account())
    await ask(free_world, clinic, PolicyFields(max_age_days=60, mfa=MFA.mfa))
    free_world.clock.at += SIXTY
    async with free_world.native() as app, free_world.browser() as browser:
        attempt = (await app.answer((await app.sign_in()).json(), {"answer": "totp", "code": phone.code()})).json()
        assert attempt["step"]["step"] == "change_password"
        page = await take_up(browser, await ask_for_hand_off(app, attempt))
        assert 'name="password"' in page.text
        assert "goes on by itself" in (await update(browser, page)).text
        assert (await go_on(app, attempt))["step"]["step"] == "finished"


async def test_somebody_elses_session_stays_as_it_is(free_world: World) -> None:  # D26
    await wait_for_expiry(free_world)
    await free_world.add_person(TOM, handle="tom", first_name="Tom", last_name="Berg")
    async with free_world.native() as app, free_world.browser() as browser:
        await browser.sign_in(TOM)
        session = browser.cookie("session")
        attempt = await stopped(app)
        page = await browser.follow(await browser.get(await ask_for_hand_off(app, attempt)))
        assert "Tom Berg</strong> is signed in, and stays so" in page.text
        page = await browser.follow(await browser.submit(page, "/handoff"))
        await update(browser, page)
        assert browser.cookie("session") == session
        assert "Tom Berg" in (await browser.get("/account")).text
        assert (await go_on(app, attempt))["step"]["step"] == "finished"


async def test_wrong_present_passwords_are_tries(world: World) -> None:  # D20 D26
    await wait_for_expiry(world)
    async with world.native() as app, world.browser(address="203.0.113.9") as browser:
        attempt = await stopped(app)
        page = await take_up(browser, await ask_for_hand_off(app, attempt))
        statuses = []
        for _ in range(30):  # many more than there are
            fields = {"password": "not-it-at-all-1", "new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
            answer = await browser.submit(page, page.request.url.path, **fields)
            statuses.append(answer.status_code)
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) > 0
                break
            page = await browser.follow(answer)
            assert "The current password is not right." in box(page)
        assert statuses[-1] == 429, "like the tries of a sign-in"
        async with world.native(address="203.0.113.10") as stranger:
            assert (await stranger.sign_in()).status_code == 429, "under the same name they are the same tries"
        events = await world.house.audit.list_events(world.house.database, (await world.get_account()).id)
        kinds = [recorded.event.kind for recorded in events]
        assert {EventKind.HAND_OFF_ASKED, EventKind.HAND_OFF_OPENED, EventKind.SIGN_IN_FAILED} <= set(kinds)
        assert EventKind.PASSWORD_CHANGED not in kinds


@pytest.mark.parametrize("when", ["before it is opened", "before the press", "on the page"])
async def test_it_dies_with_everything_else(free_world: World, when: str) -> None:  # D22 D26
    await wait_for_expiry(free_world)
    house = free_world.house

    async def end_everything() -> None:
        account = await free_world.get_account()
        now = free_world.clock.now()
        await house.database.transact(
            lambda tx: house.accounts.end_everything(tx, now, account.id, epoch=account.epoch)
        )

    async with free_world.native() as app, free_world.browser() as browser:
        attempt = await stopped(app)
        path = await ask_for_hand_off(app, attempt)
        if when == "before it is opened":
            await end_everything()
            over = await browser.get(path)
        elif when == "before the press":
            page = await browser.follow(await browser.get(path))
            await end_everything()
            over = await browser.submit(page, "/handoff")
        else:
            page = await take_up(browser, path)
            await end_everything()
            over = await update(browser, page)
        assert (over.status_code, "no longer waiting" in over.text) == (410, True)
        assert "sign in there again" in over.text
        assert (await look(app, attempt))["step"]["reason"] == "attempt_over"
        assert (await app.sign_in()).json()["step"]["step"] == "change_password", "the password is the old one"


async def test_an_app_that_gave_up_waiting_is_signed_in_again(free_world: World) -> None:  # D8 S97
    await wait_for_expiry(free_world)
    async with free_world.native() as app, free_world.browser() as browser:
        attempt = await stopped(app)
        free_world.clock.advance(minutes=29, seconds=50)
        page = await take_up(browser, await ask_for_hand_off(app, attempt))
        free_world.clock.advance(minutes=1)
        assert (await look(app, attempt))["step"]["reason"] == "attempt_over"
        done = await update(browser, page)
        assert "goes on by itself" not in done.text
        assert "Log in in the Portico app with your new password." in done.text
        assert (await go_on(app, attempt))["step"]["reason"] == "attempt_over"
        answer = (await app.sign_in(password=NEW_PASSWORD)).json()
        assert answer["step"]["step"] == "finished"
        assert (await browser.get(page.request.url.path)).status_code == 410


async def test_only_the_one_that_asked_goes_on(free_world: World) -> None:  # D8 D22
    await wait_for_expiry(free_world)
    async with free_world.native() as app, free_world.native() as bystander, free_world.browser() as browser:
        attempt, other = await stopped(app), await stopped(bystander)
        await update(browser, await take_up(browser, await ask_for_hand_off(app, attempt)))
        assert (await look(bystander, other))["step"]["reason"] == "attempt_over"
        assert (await look(app, attempt))["step"]["step"] == "finished"
        changed_at = (await look(app, attempt))["version"]
        assert changed_at == attempt["version"] + 1
        answer = {"answer": "new_password", "new_password": "Green-Ladder-81"}
        assert (await app.answer(attempt, answer)).json()["step"]["step"] == "finished", "too late to change it again"
        assert (await bystander.sign_in("nora", NEW_PASSWORD)).json()["step"]["step"] == "finished"


async def test_where_the_app_has_a_form_of_its_own_the_page_has_nothing_left(free_world: World) -> None:  # D8
    await wait_for_expiry(free_world)
    async with free_world.native() as app, free_world.browser() as browser:
        attempt = await stopped(app)
        path = await ask_for_hand_off(app, attempt)
        finished = await app.answer(attempt, {"answer": "new_password", "new_password": NEW_PASSWORD})
        assert finished.json()["step"]["step"] == "finished"
        gone = await browser.get(path)
        assert (gone.status_code, "no longer waiting" in gone.text) == (410, True)
    assert ADDRESS not in gone.text
