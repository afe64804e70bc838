"""Ending raises the epoch, and everything made under the old one is dead: nothing of it is ever let in again (D22)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx
import pytest

from portico.accounts.model import AccountState
from portico.database.engine import Transaction
from portico.signin.facts import ChangeReason
from tests.support.refusals import assert_refused
from tests.support.world import ADDRESS, LIFTED, NEW_PASSWORD, PASSWORD, Browser, MakeWorld, Native, World

NEW = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}


@dataclass
class Held:
    """Everything somebody can hold of an account."""

    browser: Browser
    client: Native
    half: Native
    half_attempt: dict[str, Any]
    link: str
    link_page: httpx.Response
    form_page: httpx.Response


async def reset(world: World, held: Held) -> None:
    """By a second mailed link."""
    async with world.browser() as other:
        form = await other.get("/account/passwordreset")
        await other.submit(form, "/account/passwordreset", identifier=ADDRESS)
        page = await other.follow(await other.get(await world.reset_link()))
        done = await other.submit(page, "/account/passwordreset/new", **NEW)
        assert done.headers["location"].endswith("/done")


async def change(world: World, held: Held) -> None:
    """By somebody signed in elsewhere."""
    async with world.native() as other:
        await other.sign_in()
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert (await other.call("POST", "/account/password", body)).json() == {"is_done": True}
        assert (await other.call("GET", "/account")).status_code == 200, "their own session goes on"
        assert (await other.refresh()).status_code == 200
        assert (await other.call("DELETE", "/account/sessions")).status_code == 200


async def disable(world: World, held: Held) -> None:
    """By an operator."""
    account = await world.get_account()
    accounts, now = world.house.accounts, world.clock.now()

    async def body(tx: Transaction) -> None:
        await accounts.set_state(tx, now, account.id, AccountState.DISABLED)
        await accounts.set_state(tx, now, account.id, AccountState.ACTIVE)  # what was ended stays ended

    await world.house.database.transact(body)


async def end(world: World, held: Held) -> None:
    """By the verb itself."""
    account = await world.get_account()
    await world.house.database.transact(
        lambda tx: world.house.accounts.end_everything(tx, world.clock.now(), account.id)
    )


Ending: TypeAlias = Callable[[World, Held], Awaitable[None]]


@pytest.mark.parametrize("ending", [reset, change, disable, end])
async def test_ending_leaves_nothing_alive(make_world: MakeWorld, ending: Ending) -> None:  # D22, D7, V7.4.2, V7.4.3
    async with (
        make_world(limits=LIFTED) as world,
        world.browser() as browser,
        world.native() as client,
        world.native() as half,
    ):
        held = await take_everything(world, browser, client, half)
        await ending(world, held)
        password = NEW_PASSWORD if ending in (reset, change) else PASSWORD
        await assert_dead(held, password)
        # The doors are open again for whoever knows the password of now.
        assert (await browser.sign_in(password=password)).headers["location"] == "/account"


async def take_everything(world: World, browser: Browser, client: Native, half: Native) -> Held:
    """Sign in everywhere, stand in the middle of a sign-in, hold a link, and have the browser known."""
    await world.add_person("priya@north-clinic.example", PASSWORD, must_change=ChangeReason.FORCED)
    form = await browser.get("/account/passwordreset")
    await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
    link = await world.reset_link()
    link_page = await browser.follow(await browser.get(link))
    await browser.sign_in()
    form_page = await browser.get("/account/password")
    await client.sign_in()
    await force_change(world)
    half_attempt = (await half.sign_in()).json()
    assert half_attempt["step"]["step"] == "change_password"
    await force_change(world, None)
    world.clock.advance(seconds=1)
    return Held(browser, client, half, half_attempt, link, link_page, form_page)


async def force_change(world: World, reason: str | None = ChangeReason.FORCED.value) -> None:
    """Have the password changed at the next sign-in."""
    account = await world.get_account()
    await world.house.database.transact(
        lambda tx: world.house.password.force_change(tx, account.id, reason)  # type: ignore[arg-type]
    )


async def assert_dead(held: Held, password: str) -> None:
    """No artefact opens anything."""
    browser, client, half = held.browser, held.client, held.half
    assert (await browser.get("/account")).status_code == 303
    changed = await browser.submit(held.form_page, "/account/password", current_password=password, **NEW)
    assert changed.headers["location"] == "/signin"
    for method, path in [("GET", "/account"), ("GET", "/account/sessions"), ("DELETE", "/account/sessions")]:
        assert_refused(await client.call(method, path), 401)
    assert_refused(await client.refresh(), 401)
    told = (await half.answer(held.half_attempt, {"answer": "new_password", "new_password": "Copper-Bridge-19"})).json()
    assert (told["step"]["step"], told["step"]["reason"]) == ("refused", "attempt_over")
    assert_refused(await browser.get(held.link), 404, 410)
    chosen = await browser.submit(held.link_page, "/account/passwordreset/new", **NEW)
    assert chosen.headers["location"] != "/account/passwordreset/done"
    token = held.link.rpartition("/")[2]
    body = {"token": token, "new_password": "Copper-Bridge-19"}
    assert_refused(await client.client.post("/api/v1/password-reset", json=body), 404)


@pytest.mark.parametrize("ending", [reset, change, disable, end])
async def test_ending_forgets_the_known_devices(make_world: MakeWorld, ending: Ending) -> None:  # D20, D22
    async with make_world() as world, world.browser() as browser, world.native() as client, world.native() as half:
        held = await take_everything(world, browser, client, half)
        await ending(world, held)
        password = NEW_PASSWORD if ending in (reset, change) else PASSWORD
        for number in range(10):
            async with world.native(address=f"192.0.2.{number}") as stranger:
                await stranger.sign_in(password="wrong")
        assert_refused(await browser.sign_in(password=password), 429)
        world.clock.advance(hours=1)
        assert (await browser.sign_in(password=password)).headers["location"] == "/account"


async def test_a_mail_with_a_dead_link_is_never_sent(free_world: World) -> None:  # D22, rule 10
    async with free_world.native() as client:
        await client.call("POST", "/password-reset/requests", {"identifier": ADDRESS})
        await free_world.house.mail_requests.queue_mails()
        account = await free_world.get_account()
        await free_world.house.database.transact(
            lambda tx: free_world.house.accounts.end_everything(tx, free_world.clock.now(), account.id)
        )
    assert not await free_world.letters(ADDRESS)


async def test_a_forced_change_is_asked_for_at_the_next_refresh(free_world: World) -> None:  # rule 4
    """Re-deciding ends nothing: the token stays unused, and good once the step has been taken."""
    async with free_world.native() as client, free_world.native() as other:
        await client.sign_in()
        access, token = client.access_token, client.refresh_token
        await force_change(free_world)
        for _ in range(3):
            answer = await client.refresh()
            assert_refused(answer, 403)
            assert (answer.json()["code"], answer.json()["params"]) == (
                "interaction_required",
                {"step": "change_password"},
            )
        assert client.refresh_token == token
        assert client.access_token == access
        assert (await client.call("GET", "/account")).status_code == 200
        told = (await other.sign_in()).json()
        assert told["step"] == {"step": "change_password", "why": "forced"}
        assert "tokens" not in told
        await force_change(free_world, None)
        assert (await client.refresh()).status_code == 200


async def test_nobody_refreshes_after_being_disabled(free_world: World) -> None:  # D22, V7.4.2
    async with free_world.native() as client, free_world.browser() as browser:
        await client.sign_in()
        await browser.sign_in()
        account = await free_world.get_account()
        await free_world.house.database.transact(
            lambda tx: free_world.house.accounts.set_state(
                tx, free_world.clock.now(), account.id, AccountState.DISABLED
            )
        )
        assert_refused(await client.refresh(), 401)
        assert_refused(await client.call("GET", "/account"), 401)
        assert (await browser.get("/account")).status_code == 303


async def test_a_reset_opens_no_session_and_tells_the_person(free_world: World) -> None:  # D7, O3, S32
    async with free_world.browser() as browser:
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        page = await browser.follow(await browser.get(await free_world.reset_link()))
        done = await browser.follow(await browser.submit(page, "/account/passwordreset/new", **NEW))
        assert done.status_code == 200
        assert not browser.cookie("session")
        assert not browser.cookie("reset_link")
        assert (await browser.get("/account")).status_code == 303
    asked, changed = sorted(await free_world.letters(ADDRESS), key=lambda letter: "passwordreset/" not in letter.text)
    assert "passwordreset/" in asked.text
    assert "passwordreset/" not in changed.text + changed.html, "the mail about a change opens nothing"
    assert NEW_PASSWORD not in changed.text + changed.html + asked.text
