"""One's own second factor, in one's own hands: set up, asked for, renewed, removed; and reset by an admin."""

from datetime import timedelta

import httpx

from portico.audit.model import EventKind
from portico.organizations.model import Role
from portico.organizations.policy import Mfa, PolicyFields
from tests.support.authenticators import (
    Phone,
    demanding,
    enter,
    give_totp,
    key_on,
    mailed_code,
    recovery_code_on,
    send,
    set_up,
    up_to_enrolment,
)
from tests.support.organizations import join
from tests.support.refusals import assert_refused
from tests.support.world import ADDRESS, PASSWORD, Browser, MakeWorld, Native, World

ROOM = "/account/authenticator"


async def kinds(world: World) -> list[EventKind]:
    """What happened to Nora, newest first."""
    events = await world.house.audit.list_events(world.house.database, (await world.get_account()).id)
    return [recorded.event.kind for recorded in events]


async def begin(browser: Browser, change: str, password: str = PASSWORD) -> httpx.Response:
    """Send the form that begins a change; the page after it."""
    page = await browser.get(f"{ROOM}/{change}")
    return await browser.follow(await browser.submit(page, f"{ROOM}/{change}", current_password=password))


async def test_people_set_it_up_by_themselves_and_are_asked_from_then_on(world: World) -> None:  # D12
    async with world.browser() as nora, world.browser() as again:
        await nora.sign_in()
        assert "Set up an authenticator app" in (await nora.get(ROOM)).text
        wrong = await begin(nora, "add", "not it")
        assert "not your password" in wrong.text or "not right" in wrong.text or "wrong" in wrong.text
        page = await begin(nora, "add")
        assert "mailbox" in page.text, "the first enrolment needs the mailbox, whoever asks for it"
        page = await send(nora, page, code=await mailed_code(world))
        phone = Phone(key_on(await nora.get(f"{page.request.url.path}?view=manual")), world.clock)
        page = await send(nora, page, code=phone.code())
        done = await nora.follow(await nora.submit(page, page.request.url.path, confirmed="yes"))
        assert "Your authenticator app is set up" in done.text
        assert (await nora.get("/account")).status_code == 200

        page = await again.follow(await again.sign_in())
        assert "Verify Your Identity" in page.text
        assert (await enter(again, page, code=phone.wait())).headers["location"] == "/account"


async def test_a_deployment_may_leave_it_to_organizations(make_world: MakeWorld) -> None:  # D12
    async with make_world(own_mfa="off") as world, world.browser() as nora:
        await nora.sign_in()
        assert "only where an organization asks" in (await nora.get(ROOM)).text
        page = await nora.follow(await nora.get(f"{ROOM}/add"))
        assert "only where an organization asks" in page.text


async def test_where_mfa_is_optional_members_may_set_it_up(make_world: MakeWorld) -> None:  # D9 D12
    """Whatever the deployment leaves to organizations."""
    async with make_world(own_mfa="off") as world, world.browser() as nora:
        await demanding(world, PolicyFields(mfa=Mfa.OPTIONAL))
        await nora.sign_in()
        assert "Set up an authenticator app" in (await nora.get(ROOM)).text
        assert "Add a passkey" in (await nora.get(ROOM)).text
        assert "mailbox" in (await begin(nora, "add")).text


async def test_removing_takes_the_password_and_the_second_factor(world: World) -> None:
    phone = await give_totp(world, await world.get_account())
    async with world.browser() as nora, world.browser() as again:
        page = await nora.follow(await nora.sign_in())
        await enter(nora, page, code=phone.code())
        page = await begin(nora, "remove")
        assert "Verify Your Identity" in page.text
        used = await send(nora, page, code=phone.code())
        assert "has been used already" in used.text
        done = await nora.follow(await nora.submit(used, page.request.url.path, code=phone.wait()))
        assert "was removed" in done.text
        assert (await again.sign_in()).headers["location"] == "/account"
    assert EventKind.FACTOR_REMOVED in await kinds(world)
    assert any("was removed on" in letter.text for letter in await world.letters(ADDRESS))


async def test_a_new_recovery_code_takes_the_place_of_the_old_one_once_confirmed(world: World) -> None:  # D14
    phone = await give_totp(world, await world.get_account())
    async with world.browser() as nora, world.browser() as again:
        page = await nora.follow(await nora.sign_in())
        await enter(nora, page, code=phone.code())
        page = await begin(nora, "recovery-code")
        gate = await send(nora, page, code=phone.wait())
        new = recovery_code_on(gate)
        done = await nora.follow(await nora.submit(gate, gate.request.url.path, confirmed="yes"))
        assert "no longer works" in done.text

        page = await again.follow(await again.sign_in())
        page = await again.get(f"{page.request.url.path}?view=recovery_code")
        page = await send(again, page, code="A" * 24)
        assert "not right" in page.text
        assert "Almost There" in (await send(again, page, code=new)).text


async def test_only_the_session_that_began_goes_on(world: World) -> None:
    async with world.browser() as nora:
        await nora.sign_in()
        page = await begin(nora, "add")
        path = page.request.url.path
        await nora.submit(await nora.get("/account"), "/signout")
        assert_refused(await nora.get(path), 404)
        await nora.sign_in()
        assert (await nora.submit(page, path, code=await mailed_code(world))).status_code != 303


async def test_while_frozen_nothing_changes(world: World) -> None:  # D22
    account = await world.get_account()
    async with world.browser() as nora:
        await world.house.database.transact(lambda tx: world.house.protection.freeze(tx, world.clock.now(), account.id))
        await nora.sign_in()
        assert "This was not me" in (await nora.get(ROOM)).text
        page = await nora.follow(await nora.get(f"{ROOM}/add"))
        assert "Nothing can be changed here" in page.text


async def test_the_api_does_the_same(world: World) -> None:  # D12
    async with world.native() as client:
        await client.sign_in()
        shown = (await client.call("GET", ROOM)).json()
        assert (shown["added_at"], shown["may_add"]) == (None, True)
        refused = await client.call("POST", f"{ROOM}/remove", {"current_password": PASSWORD})
        assert refused.json()["failure"]["code"] == "my_account.authenticator.none"
        attempt = (await client.call("POST", f"{ROOM}/add", {"current_password": PASSWORD})).json()["attempt"]
        client.headers["portico-ticket"] = attempt["ticket"]
        attempt = (await client.answer(attempt, {"answer": "email_code", "code": await mailed_code(world)})).json()
        phone = Phone(attempt["setup"]["totp_key"], world.clock)
        attempt = (await client.answer(attempt, {"answer": "totp_enrolment", "code": phone.code()})).json()
        attempt = (await client.answer(attempt, {"answer": "recovery_saved", "confirmed": True})).json()
        assert attempt["step"] == {"step": "finished", "outcome": "add_proofs"}
        shown = (await client.call("GET", ROOM)).json()
        assert shown["added_at"]
        assert shown["recovery_code_at"]

        attempt = (await client.call("POST", f"{ROOM}/remove", {"current_password": PASSWORD})).json()["attempt"]
        client.headers["portico-ticket"] = attempt["ticket"]
        assert attempt["step"]["kinds"] == ["totp", "recovery_code"]
        attempt = (await client.answer(attempt, {"answer": "totp", "code": phone.wait()})).json()
        assert attempt["step"]["step"] == "finished"
        assert (await client.call("GET", ROOM)).json()["added_at"] is None


async def test_after_an_admins_reset_the_set_up_starts_over(world: World) -> None:  # S79 D19
    clinic = await demanding(world)
    ada = await world.add_person("ada@north-clinic.example", handle="ada", first_name="Ada")
    await join(world, clinic, ada, role=Role.ADMIN)
    account = await world.get_account()
    managed = "UPDATE accounts SET created_by = $1 WHERE id = $2"
    await world.house.database.transact(lambda tx: tx.execute(managed, clinic.id, account.id))
    async with world.browser() as nora, world.browser() as old, world.native() as admin, world.browser() as again:
        await set_up(world, nora)
        world.clock.advance(minutes=2)
        page = await old.follow(await old.sign_in())
        await set_up_admin(world, admin)
        body = {"current_password": PASSWORD, "reason": "the telephone was lost"}
        place = f"/organizations/{clinic.id}/members/{account.id}/reset-mfa"
        done = await admin.call("POST", place, body)
        assert done.json()["is_done"], done.text
        assert (await admin.call("POST", place, body)).status_code == 409
        assert (await nora.get("/account")).status_code != 200, "everything has ended"
        assert_refused(await send(old, page, code="123456"), 410)
        world.clock.advance(minutes=2)
        page = await up_to_enrolment(world, again)
        assert "Secure Your Account" in page.text
    assert EventKind.MFA_RESET in await kinds(world)
    assert any("second step" in letter.subject for letter in await world.letters(ADDRESS))


async def set_up_admin(world: World, admin: Native) -> None:
    """Ada signs in; the organization asks the same of her."""
    attempt = (await admin.sign_in("ada@north-clinic.example")).json()
    code = await mailed_code(world, "ada@north-clinic.example")
    attempt = (await admin.answer(attempt, {"answer": "email_code", "code": code})).json()
    phone = Phone(attempt["setup"]["totp_key"], world.clock, timedelta(0))
    answer = {"answer": "totp_enrolment", "code": phone.code()}
    attempt = (await admin.answer(attempt, answer)).json()
    await admin.answer(attempt, {"answer": "recovery_saved", "confirmed": True})
