"""One's own passkeys and how one is asked, in one's own hands: pages and API."""

from typing import Any

import pytest

from portico.audit.model import EventKind
from portico.factors.passkeys import devices
from portico.kernel.errors import Misconfigured
from portico.organizations.policy import Mfa, PolicyFields
from tests.support.authenticator import Authenticator
from tests.support.authenticators import Phone, demanding, give_totp, mailed_code
from tests.support.own_passkeys import give_answer, give_passkey, make_here
from tests.support.refusals import assert_refused
from tests.support.world import ADDRESS, PASSWORD, Browser, MakeWorld, Native, World

ROOM = "/account/authenticator"
TOM = "tom@north-clinic.example"


async def kinds(world: World) -> list[EventKind]:
    """What happened to Nora, newest first."""
    events = await world.house.audit.list_events(world.house.database, (await world.get_account()).id)
    return [recorded.event.kind for recorded in events]


async def sign_in(client: Native, authenticator: Authenticator) -> None:
    """By password and passkey."""
    attempt = (await client.sign_in()).json()
    attempt = await give_answer(client, attempt, authenticator)
    assert "tokens" in attempt or client.access_token, attempt


async def begin(client: Native, path: str) -> dict[str, Any]:
    """Begin a change; its attempt."""
    answer = await client.call("POST", f"{ROOM}/{path}", {"current_password": PASSWORD})
    attempt: dict[str, Any] = answer.json()["attempt"]
    client.headers["portico-ticket"] = attempt["ticket"]
    return attempt


async def sign_in_by_app(browser: Browser, phone: Phone) -> None:
    """By password and app, in a browser."""
    page = await browser.follow(await browser.sign_in())
    path = page.request.url.path
    done = await browser.submit(await browser.get(f"{path}?view=totp"), path, code=phone.wait())
    assert done.status_code == 303, done.text


async def put_off(world: World, account_id: str, device_hash: bytes, *, for_good: bool) -> None:
    """Say that a device is not to be trusted."""
    now = world.clock.now()
    await world.house.database.transact(lambda tx: devices.put_off(tx, now, account_id, device_hash, for_good=for_good))


async def test_a_passkey_is_made_named_used_and_removed(world: World) -> None:  # D15 D16
    authenticator = Authenticator(backup_eligible=True, backed_up=True)
    async with world.native(passkeys=True) as nora, world.native(passkeys=True) as again:
        await nora.sign_in()
        attempt = await begin(nora, "passkeys")
        attempt = (await nora.answer(attempt, {"answer": "email_code", "code": await mailed_code(world)})).json()
        assert attempt["step"]["kinds"] == ["passkey"]
        attempt = await make_here(nora, attempt, authenticator)
        while attempt["step"]["step"] != "finished":
            answers: dict[str, dict[str, object]] = {
                "save_recovery_code": {"answer": "recovery_saved", "confirmed": True},
                "device_registered": {"answer": "device_name", "name": "My laptop"},
            }
            attempt = (await nora.answer(attempt, answers[attempt["step"]["step"]])).json()
        (made,) = (await nora.call("GET", f"{ROOM}/passkeys")).json()["passkeys"]
        assert (made["name"], made["is_synced"], made["used_at"]) == ("My laptop", True, None)
        assert (await nora.call("GET", f"{ROOM}/passkeys/{made['id']}")).json() == made

        await sign_in(again, authenticator)
        attempt = await begin(again, f"passkeys/{made['id']}/remove")
        attempt = await give_answer(again, attempt, authenticator)
        assert attempt["step"] == {"step": "finished", "outcome": "add_proofs"}
        shown = (await again.call("GET", ROOM)).json()
        assert (shown["passkeys"], shown["recovery_code_at"], shown["usable_methods"]) == ([], None, [])
    told = " ".join(letter.text for letter in await world.letters(ADDRESS))
    assert "A passkey was made on" in told
    assert "A passkey was removed on" in told
    assert {EventKind.PASSKEY_ADDED, EventKind.PASSKEY_REMOVED} <= set(await kinds(world))


async def test_a_passkey_is_renamed_with_the_password_and_by_its_owner_alone(world: World) -> None:
    account, tom = await world.get_account(), await world.add_person(TOM, handle="tom", first_name="Tom")
    authenticator = Authenticator()
    mine, his = await give_passkey(world, account, authenticator), await give_passkey(world, tom, Authenticator())
    async with world.native(passkeys=True) as nora:
        await sign_in(nora, authenticator)
        path = f"{ROOM}/passkeys/{mine}"
        wrong = await nora.call("PATCH", path, {"name": "Desk", "current_password": "not it"})
        assert wrong.json()["failure"]["field"] == "current_password"
        empty = await nora.call("PATCH", path, {"name": " \t", "current_password": PASSWORD})
        assert empty.json()["failure"]["code"] == "my_account.authenticator.passkeys.no_name"
        done = await nora.call("PATCH", path, {"name": "  The desk\n", "current_password": PASSWORD})
        assert done.json() == {"is_done": True}
        assert (await nora.call("GET", path)).json()["name"] == "The desk"
        methods = (await nora.call("GET", "/account/methods")).json()["methods"]
        assert [each["name"] for each in methods if each["kind"] == "passkey"] == ["The desk"]
        body = {"current_password": PASSWORD}
        for other in (his, account.id, "nothing"):
            assert (await nora.call("GET", f"{ROOM}/passkeys/{other}")).status_code == 404
            answer = await nora.call("PATCH", f"{ROOM}/passkeys/{other}", {"name": "Mine", **body})
            assert answer.status_code == 404
            assert (await nora.call("POST", f"{ROOM}/passkeys/{other}/remove", body)).status_code == 404
    (found,) = await world.house.passkeys.list_passkeys(world.house.database, tom.id)
    assert found.passkey.name == "The laptop"
    assert EventKind.PASSKEY_RENAMED in await kinds(world)


async def test_only_what_is_usable_can_be_asked_for_first(world: World) -> None:  # D17
    await demanding(world, PolicyFields(mfa=Mfa.REQUIRED, email_code=False))
    account, authenticator = await world.get_account(), Authenticator()
    phone = await give_totp(world, account)
    async with world.native(passkeys=True) as nora, world.native(passkeys=True) as again:
        attempt = (await nora.sign_in()).json()
        attempt = (await nora.answer(attempt, {"answer": "totp", "code": phone.code()})).json()
        if attempt["step"]["step"] == "trust_device":
            await nora.answer(attempt, {"answer": "trust", "never": True})
        for method in ("passkey", "email_code"):
            refused = await nora.call("PUT", f"{ROOM}/default", {"method": method, "current_password": PASSWORD})
            assert refused.json()["failure"]["code"] == "my_account.authenticator.default.not_usable"
        refused = await nora.call("PUT", f"{ROOM}/default", {"method": "google", "current_password": PASSWORD})
        assert refused.status_code == 400
        await give_passkey(world, account, authenticator)
        body = {"method": "passkey", "current_password": PASSWORD}
        wrong = await nora.call("PUT", f"{ROOM}/default", {**body, "current_password": "not it"})
        assert wrong.json()["failure"]["field"] == "current_password"
        assert (await nora.call("PUT", f"{ROOM}/default", body)).json() == {"is_done": True}
        shown = (await nora.call("GET", ROOM)).json()
        assert (shown["default_method"], shown["usable_methods"]) == ("passkey", ["passkey", "totp"])
        attempt = (await again.sign_in()).json()
        assert attempt["step"]["kinds"][0] == "passkey", "on a device on which no passkey was ever used"
        automatic = {"method": None, "current_password": PASSWORD}
        assert (await nora.call("PUT", f"{ROOM}/default", automatic)).json() == {"is_done": True}
        assert (await nora.call("GET", ROOM)).json()["default_method"] is None
        attempt = (await again.sign_in()).json()
        assert attempt["step"]["kinds"][0] == "totp"
    assert (await kinds(world)).count(EventKind.FACTOR_PREFERRED) == 2


async def test_the_pages_show_all_of_it_and_change_it(world: World) -> None:  # D17
    account, authenticator = await world.get_account(), Authenticator()
    async with world.browser() as nora:
        await nora.sign_in()
        phone, passkey = await give_totp(world, account), await give_passkey(world, account, authenticator)
        page = await nora.get(ROOM)
        for said in ("The laptop", "On one device only", "What suits the device"):
            assert said in page.text, said
        path = f"{ROOM}/passkeys/{passkey}"
        wrong = await nora.follow(await nora.submit(await nora.get(path), path, name="Desk", current_password="no"))
        assert 'value="Desk"' in wrong.text
        done = await nora.follow(await nora.submit(wrong, path, name="Desk", current_password=PASSWORD))
        assert "The passkey has its new name." in done.text
        assert "Desk" in done.text
        assert "Desk" in (await nora.get("/account")).text
        path = f"{ROOM}/default"
        fields = {"method": "google", "current_password": PASSWORD}
        refused = await nora.follow(await nora.submit(await nora.get(path), path, **fields))
        assert "cannot be asked for this first" in refused.text
        fields["method"] = "email_code"
        done = await nora.follow(await nora.submit(await nora.get(path), path, **fields))
        assert "Code by mail" in done.text
        path = f"{ROOM}/passkeys/{passkey}/remove"
        page = await nora.get(path)
        assert "asked for one of your other methods" in page.text
        page = await nora.follow(await nora.submit(page, path, current_password=PASSWORD))
        page = await nora.get(f"{page.request.url.path}?view=totp")
        done = await nora.follow(await nora.submit(page, page.request.url.path, code=phone.wait()))
        assert "The passkey was removed." in done.text
        assert "Desk" not in done.text
        assert_refused(await nora.get(path), 404)
        assert "your password alone opens your account" in (await nora.get(f"{ROOM}/remove")).text


async def test_being_asked_again_on_this_browser(world: World) -> None:  # D15
    account = await world.get_account()
    async with world.browser() as nora:
        await nora.sign_in()
        await give_totp(world, account)
        assert "Ask me again" not in (await nora.get(ROOM)).text
        (known,) = await world.house.sessions.list_devices(world.house.database, account.id, world.clock.now())
        device_hash = known.secret_hash
        for for_good, said in ((False, "You did not want to trust it yet"), (True, "are not asked again")):
            await put_off(world, account.id, device_hash, for_good=for_good)
            page = await nora.get(ROOM)
            assert said in page.text
            done = await nora.follow(await nora.submit(page, f"{ROOM}/ask-again"))
            assert "You are asked again at your next sign-in" in done.text
            assert said not in done.text
        assert await devices.find_device(world.house.database, account.id, device_hash) is None
    assert (await kinds(world)).count(EventKind.ASK_AGAIN_WISHED) == 2


async def test_what_an_organization_asks_is_foretold_and_asked(world: World) -> None:  # D9
    await demanding(world, PolicyFields(mfa=Mfa.REQUIRED, trusted_device=False))
    phone, path = await give_totp(world, await world.get_account()), f"{ROOM}/remove"
    async with world.browser() as nora, world.native(passkeys=True) as again:
        await sign_in_by_app(nora, phone)
        page = await nora.get(path)
        assert "Who still asks you for a second step: North Clinic" in page.text
        page = await nora.follow(await nora.submit(page, path, current_password=PASSWORD))
        await nora.submit(page, page.request.url.path, code=phone.wait())
        attempt = (await again.sign_in()).json()
        assert attempt["step"]["step"] == "verify_email", "the mailbox comes before another set-up"


async def test_while_frozen_nothing_is_changed(world: World) -> None:  # D22
    account, authenticator = await world.get_account(), Authenticator()
    passkey = await give_passkey(world, account, authenticator)
    async with world.native(passkeys=True) as nora:
        await sign_in(nora, authenticator)
        now = world.clock.now()
        await world.house.database.transact(lambda tx: world.house.protection.freeze(tx, now, account.id))
        body = {"current_password": PASSWORD}
        for method, path, sent in (
            ("POST", "passkeys", body),
            ("POST", f"passkeys/{passkey}/remove", body),
            ("PATCH", f"passkeys/{passkey}", {"name": "Mine", **body}),
            ("PUT", "default", {"method": "passkey", **body}),
            ("DELETE", "this-device", None),
        ):
            told = (await nora.call(method, f"{ROOM}/{path}", sent)).json()
            assert told["failure"]["code"] == "my_account.authenticator.frozen", path
        assert not (await nora.call("GET", ROOM)).json()["may_add_passkey"]


async def test_where_there_can_be_none_none_is_offered(make_world: MakeWorld) -> None:  # D12
    async with make_world(own_mfa="off") as world, world.browser() as nora, world.native(passkeys=True) as client:
        await nora.sign_in()
        assert "Add a passkey" not in (await nora.get(ROOM)).text
        page = await nora.follow(await nora.get(f"{ROOM}/passkeys/add"))
        assert "A passkey cannot be made here." in page.text
        await client.sign_in()
        told = (await client.call("POST", f"{ROOM}/passkeys", {"current_password": PASSWORD})).json()
        assert told["failure"]["code"] == "my_account.authenticator.passkeys.not_offered"


async def test_a_deployment_whose_passkeys_could_not_work_does_not_open(make_world: MakeWorld) -> None:  # D16
    with pytest.raises(Misconfigured, match=r"set passkey_domain to login[.]portico[.]example"):
        async with make_world(passkey_domain="example.org"):
            raise AssertionError("it opened")


async def test_the_export_names_passkeys_and_what_was_answered(world: World) -> None:
    account, authenticator = await world.get_account(), Authenticator()
    await give_passkey(world, account, authenticator)
    async with world.native(passkeys=True) as nora:
        await sign_in(nora, authenticator)
        answer = await nora.call("POST", "/account/export", {"current_password": PASSWORD})
        text = answer.text
        for secret in ("public_key", "credential_id", 'handle": "YWNj', "device_hash", "secret_hash"):
            assert secret not in text
        document = answer.json().get("document", answer.json())
        (passkey,) = [each for each in document["sign_in_methods"] if each["kind"] == "passkey"]
        assert passkey["name"] == "The laptop"
        (trusted,) = document["trusted_devices"]
        assert (trusted["answer"], trusted["passkey"]) == ("trusted", "The laptop")
        (device,) = (await nora.call("GET", "/account/devices")).json()["devices"]
        assert (device["id"], device["is_trusted"]) == (trusted["device_id"], True)
        assert document["default_method"] is None
