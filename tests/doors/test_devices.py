"""Sessions and devices as their owner sees, ends and forgets them (D21, D22)."""

import re

from portico.audit.model import EventKind
from portico.kernel.tokens import token_hash
from tests.support.refusals import assert_refused
from tests.support.world import PASSWORD, Browser, Native, World, hidden_fields

SESSIONS = "/account/sessions"
TOM = "tom@north-clinic.example"


async def known(world: World) -> int:
    """How many devices Nora's account knows."""
    account = await world.get_account()
    return len(await world.house.sessions.list_devices(world.house.database, account.id, world.clock.now()))


async def is_known(world: World, browser: Browser) -> bool:
    """Whether the throttle counts this browser as one of Nora's."""
    account = await world.get_account()
    secret = token_hash(browser.cookie("browser") or "")
    return await world.house.sessions.find_known_device(world.house.database, secret, account.id) is not None


def actions(text: str, what: str) -> list[str]:
    return re.findall(rf'action="(/account/{what})"', text)


async def forget(browser: Browser, device_id: str) -> str:
    """Forget a device from the page; where that leads."""
    page = await browser.get(SESSIONS)
    path = f"/account/devices/{device_id}/forget"
    return str((await browser.submit(page, path)).headers["location"])


async def test_devices_are_named_and_placed(free_world: World) -> None:  # D22
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1"
    async with free_world.browser() as here, free_world.browser(**{"user-agent": phone}) as there:
        await there.sign_in()
        free_world.clock.advance(hours=3)
        await here.sign_in()
        page = (await here.get(SESSIONS)).text
        assert page.count("<h3>Firefox on Linux") == 1
        assert page.count("<h3>Safari on iPhone") == 1
        assert page.index("<h3>Firefox") < page.index("<h3>Safari"), "the last used first"
        assert "First signed in on <time" in page
        german = (await here.get(f"{SESSIONS}?language=de")).text
        assert "<h3>Firefox unter Linux" in german
        assert "Safari unter iPhone" in german


async def test_the_api_tells_the_same_of_devices(free_world: World) -> None:  # D22
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        free_world.clock.advance(hours=3)
        await client.sign_in()
        devices = (await client.call("GET", "/account/devices")).json()["devices"]
        sessions = (await client.call("GET", SESSIONS)).json()["sessions"]
        assert [device["is_current"] for device in devices] == [True, False]
        assert [device["id"] for device in devices] == [session["device_id"] for session in sessions]
        assert devices[1] == {
            "id": devices[1]["id"],
            "kind": "browser",
            "name": "Firefox, Linux",
            "first_signed_in_at": "2026-05-04T09:00:00Z",
            "last_signed_in_at": "2026-05-04T09:00:00Z",
            "sessions": 1,
            "is_current": False,
            "is_trusted": False,
        }


async def test_forgetting_a_device_ends_its_sessions_and_its_mark(free_world: World) -> None:  # D22
    async with free_world.browser() as here, free_world.browser() as there:
        await here.sign_in()
        await there.sign_in()
        assert await is_known(free_world, there)
        page = (await here.get(SESSIONS)).text
        mine = re.search(r'This device</span></h3>.*?action="/account/devices/([^/]+)/forget"', page, re.DOTALL)
        assert mine
        (other,) = {each.split("/")[3] for each in actions(page, "devices/[^/]+/forget")} - {mine[1]}
        free_world.clock.advance(seconds=1)
        assert await forget(here, other) == SESSIONS
        assert "The device was forgotten" in (await here.get(SESSIONS)).text
        assert not await is_known(free_world, there)
        assert await is_known(free_world, here)
        assert (await there.get("/account")).status_code == 303
        assert (await here.get("/account")).status_code == 200
        account = await free_world.get_account()
        newest = (await free_world.house.audit.list_events(free_world.house.database, account.id))[0].event
        assert (newest.kind, newest.details) == (EventKind.DEVICE_FORGOTTEN, {"sessions": 1})
        assert await forget(here, mine[1]) == "/signed-out"
        assert (await here.get("/account")).status_code == 303
        assert await known(free_world) == 0


async def test_a_device_without_a_session_can_be_forgotten(free_world: World) -> None:  # D22
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await browser.submit(await browser.get("/account"), "/signout")
        assert await is_known(free_world, browser), "signing out is not forgetting"
        await client.sign_in()
        devices = (await client.call("GET", "/account/devices")).json()["devices"]
        (left,) = [device for device in devices if not device["sessions"]]
        assert (await client.call("DELETE", f"/account/devices/{left['id']}")).status_code == 204
        assert not await is_known(free_world, browser)
        assert_refused(await client.call("DELETE", f"/account/devices/{left['id']}"), 404)


async def test_ending_a_session_from_the_list_forgets_its_device(free_world: World) -> None:  # D22
    async with free_world.browser() as here, free_world.browser() as there, free_world.native() as client:
        for browser in (here, there):
            await browser.sign_in()
        await client.sign_in()
        sessions = (await client.call("GET", "/account/sessions")).json()["sessions"]
        (own,) = [each["id"] for each in sessions if each["is_current"]]
        other = next(each for each in sessions if not each["is_current"])
        assert (await client.call("DELETE", f"/account/sessions/{other['id']}")).status_code == 204
        assert await known(free_world) == 2
        assert (await client.call("DELETE", "/account/sessions")).json() == {"ended": 1}
        (left,) = (await client.call("GET", "/account/devices")).json()["devices"]
        assert left["is_current"]
        assert not await is_known(free_world, here)
        assert not await is_known(free_world, there)
        assert (await client.call("DELETE", f"/account/sessions/{own}")).status_code == 204
        assert await known(free_world) == 0


async def test_a_device_with_another_session_stays_known(free_world: World) -> None:  # D22
    """One installation signed in twice: ending one of its sessions leaves the other, and the mark."""
    async with free_world.native() as client:
        await client.sign_in()
        client.access_token, client.refresh_token = "", ""
        await client.sign_in()
        sessions = (await client.call("GET", "/account/sessions")).json()["sessions"]
        assert len({session["device_id"] for session in sessions}) == 1
        (other,) = [session["id"] for session in sessions if not session["is_current"]]
        await client.call("DELETE", f"/account/sessions/{other}")
        assert await known(free_world) == 1
        await client.call("DELETE", "/account/sessions")
        assert await known(free_world) == 1


async def test_nobody_forgets_the_devices_of_others(free_world: World) -> None:  # D22
    await free_world.add_person(TOM, PASSWORD, first_name="Tom", last_name="Okafor")
    async with free_world.browser() as hers, free_world.native() as his:
        await hers.sign_in()
        await his.sign_in(TOM)
        account = await free_world.get_account()
        house = free_world.house
        (device,) = await house.sessions.list_devices(house.database, account.id, free_world.clock.now())
        assert_refused(await his.call("DELETE", f"/account/devices/{device.id}"), 404)
        assert (await hers.get("/account")).status_code == 200
        assert await is_known(free_world, hers)


async def test_two_people_at_one_browser_forget_it_each_for_themselves(free_world: World) -> None:  # D22
    await free_world.add_person(TOM, PASSWORD, first_name="Tom", last_name="Okafor")
    async with free_world.browser() as shared:
        await shared.sign_in()
        await shared.submit(await shared.get("/account"), "/signout")
        await shared.sign_in(TOM)
        page = await shared.get(SESSIONS)
        (path,) = actions(page.text, "devices/[^/]+/forget")
        assert (await shared.post(path, hidden_fields(page, path))).headers["location"] == "/signed-out"
        assert await is_known(free_world, shared), "Nora still knows it"


async def test_devices_of_an_earlier_epoch_are_known_no_more(free_world: World) -> None:  # D22
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        body = {"current_password": PASSWORD, "new_password": "Copper-Bridge-19"}
        assert (await client.call("POST", "/account/password", body)).json()["is_done"]
        assert [each["is_current"] for each in await list_devices(client)] == [True]


async def list_devices(client: Native) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = (await client.call("GET", "/account/devices")).json()["devices"]
    return listed


async def test_a_new_device_is_told_even_when_every_device_was_forgotten(free_world: World) -> None:  # D22
    async with free_world.browser() as own, free_world.browser() as strange:
        await own.sign_in()
        (device,) = await free_world.house.database.list_rows("SELECT device_id FROM device_accounts")
        await forget(own, device["device_id"])
        await strange.sign_in()
    mails = await free_world.house.database.list_rows("SELECT kind FROM outbox")
    assert [mail["kind"] for mail in mails] == ["new_device"]
