"""What happened to one's account in plain words, and everything that is kept as one document."""

import base64
import json
import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from portico.audit.model import Event, EventKind
from portico.my_account import history
from portico.my_account.export import Export, OwnData
from portico.signin.situation import Visitor
from tests.support.pictures import picture
from tests.support.refusals import assert_carried, assert_refused
from tests.support.world import ADDRESS, PASSWORD, Browser, World

HISTORY, EXPORT = "/account/history", "/account/export"
TOM = "tom@north-clinic.example"
WRONG = "not-my-Password-1"


async def add_events(world: World, count: int, kind: EventKind = EventKind.PROFILE_CHANGED) -> None:
    """Let much happen to Nora's account, several things at each instant."""
    account = await world.get_account()
    world.clock.advance(minutes=1)
    start = world.clock.now()
    world.clock.advance(minutes=1)

    async def body(tx: object) -> None:
        for number in range(count):
            at = start + timedelta(seconds=number // 3)
            event = Event(kind=kind, subject_id=account.id, actor_id=account.id)
            await world.house.audit.append(tx, at, event)  # type: ignore[arg-type]

    await world.house.database.transact(body)


async def test_what_happened_is_told_in_plain_words_with_the_device(free_world: World) -> None:
    async with free_world.browser() as stranger, free_world.browser() as browser:
        free_world.clock.advance(minutes=1)
        await stranger.sign_in(password=WRONG)
        free_world.clock.advance(minutes=1)
        await browser.sign_in()
        page = (await browser.get(HISTORY)).text
        told = re.findall(r"<li><p>(.*?)</p><p class=\"quiet\">(.*?)</p></li>", page)
        assert [re.sub(r"<.*?>", "", sentence) for sentence, _ in told] == [
            "You signed in.",
            "Somebody typed a wrong password for your account.",
            "Your account was created.",
        ]
        assert told[0][1].endswith("9:02 am UTC</time>, Firefox on Linux")
        assert told[1][1].endswith("UTC</time>")
        german = (await browser.get(f"{HISTORY}?language=de")).text
        assert "Sie haben sich angemeldet." in german
        assert "Firefox unter Linux" in german


async def test_nothing_of_others_is_told(free_world: World) -> None:
    await free_world.add_person(TOM, PASSWORD, first_name="Tom", last_name="Okafor")
    await add_events(free_world, 3)
    async with free_world.native() as client, free_world.native() as his:
        free_world.clock.advance(minutes=1)
        await client.sign_in()
        await his.sign_in(TOM)
        hers = (await client.call("GET", HISTORY)).json()["events"]
        events = (await his.call("GET", HISTORY)).json()["events"]
        assert [each["kind"] for each in events] == ["sign_in.succeeded", "account.created"]
        before = (await his.call("GET", f"{HISTORY}?before={hers[1]['id']}")).json()
        assert before == {"events": [], "next_before": None}


async def test_the_api_tells_the_same(free_world: World) -> None:
    async with free_world.native() as client:
        client.client.headers["accept-language"] = "de"
        free_world.clock.advance(minutes=1)
        await client.sign_in()
        answer = (await client.call("GET", HISTORY)).json()
        assert answer["next_before"] is None
        newest = answer["events"][0]
        assert {name: newest[name] for name in ("at", "kind", "text", "is_own")} == {
            "at": "2026-05-04T09:01:00Z",
            "kind": "sign_in.succeeded",
            "text": "Sie haben sich angemeldet.",
            "is_own": True,
        }
        assert [each["is_own"] for each in answer["events"]] == [True, False]


async def test_every_event_is_told_once_page_by_page(free_world: World) -> None:
    await add_events(free_world, 3 * history.PAGE)
    await add_events(free_world, 5, EventKind.PASSWORD_REHASHED)
    async with free_world.native() as client, free_world.browser() as browser:
        await client.sign_in()
        seen: list[str] = []
        before = ""
        pages = 0
        while pages == 0 or before:
            answer = (await client.call("GET", HISTORY + (f"?before={before}" if before else ""))).json()
            assert len(answer["events"]) <= history.PAGE
            seen += [each["id"] for each in answer["events"]]
            before = answer["next_before"]
            pages += 1
        account = await free_world.get_account()
        house = free_world.house
        events = await house.audit.list_events(house.database, account.id, limit=1_000)
        assert seen == [each.id for each in events if each.event.kind is not EventKind.PASSWORD_REHASHED]
        assert pages == 4
        await browser.sign_in()
        page = await browser.get(HISTORY)
        for _ in range(3):
            older = re.search(rf'href="({HISTORY}\?before=[^"]+)"', page.text)
            assert older
            page = await browser.get(older[1])
            assert f'href="{HISTORY}"' in page.text
        assert "Your account was created." in page.text
        assert "Older" not in page.text


@pytest.mark.parametrize("before", ["nonsense", "0" * 36, "' OR '1'='1", "%00", "\U0001f600"])
async def test_a_page_nobody_was_shown_is_empty_or_refused(free_world: World, before: str) -> None:
    async with free_world.native() as client, free_world.browser() as browser:
        await client.sign_in()
        await browser.sign_in()
        answer = await client.call("GET", f"{HISTORY}?before={before}")
        page = await browser.get(f"{HISTORY}?before={before}")
        if answer.status_code == 200:
            assert answer.json() == {"events": [], "next_before": None}
            assert "Nothing lies further back." in page.text
        else:
            assert_refused(answer, 400)
            assert_refused(page, 400)


async def test_a_device_that_is_swept_is_told_no_more(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in(stay=False)
        free_world.clock.advance(days=30)
        await free_world.house.runner.run_all_once()
        await browser.sign_in()
        page = (await browser.get(HISTORY)).text
        assert page.count("You signed in.") == 2
        assert page.count("Firefox on Linux") == 1


async def download(browser: Browser, password: str = PASSWORD) -> tuple[str, dict[str, Any]]:
    """Export from the page; the file's name and what is in it."""
    answer = await browser.submit(await browser.get(EXPORT), EXPORT, current_password=password)
    assert answer.status_code == 200, answer.headers
    assert_carried(answer)
    assert answer.headers["content-type"] == "application/json"
    return answer.headers["content-disposition"], answer.json()


async def test_everything_that_is_kept_is_in_one_file(free_world: World) -> None:
    async with free_world.browser() as browser, free_world.native() as client:
        free_world.clock.advance(minutes=1)
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        await free_world.letters()
        await browser.sign_in()
        await client.sign_in()
        image = (await client.send_bytes("PUT", "/account/picture", picture())).json()["picture"]
        asked = {"new_address": "nora@elsewhere.example", "current_password": PASSWORD}
        assert (await client.call("POST", "/account/address-change", asked)).status_code == 200
        free_world.clock.advance(minutes=1)
        disposition, document = await download(browser)
        assert disposition == 'attachment; filename="portico-export-nora.json"'
        export = msgspec.convert(document, Export)
        assert (export.format, export.version, export.is_complete) == ("portico-export", 1, True)
        assert (export.account.address, export.account.handle, export.account.first_name) == (ADDRESS, "nora", "Nora")
        assert export.picture is not None
        assert base64.b64decode(export.picture.data) == (await browser.get(f"/account/picture/{image}")).content
        assert [method.kind for method in export.sign_in_methods] == ["password"]
        assert {session.kind for session in export.sessions} == {"browser", "native"}
        assert {device.name for device in export.devices} == {"Firefox, Linux", ""}
        assert [(each.new_address, each.state) for each in export.address_changes] == [(asked["new_address"], "codes")]
        assert {mail.kind for mail in export.mails} == {"password_reset_link", "new_device"}
        assert next(mail.status for mail in export.mails if mail.kind == "password_reset_link") == "delivered"
        kinds = [event.kind for event in export.history]
        assert "account.data_exported" in kinds[:2]
        assert kinds[-1] == "account.created"
        assert {"sign_in.succeeded", "step_up.succeeded", "account.picture_changed"} <= set(kinds)


async def test_nothing_that_opens_anything_is_in_the_file(free_world: World) -> None:  # rule 10
    async with free_world.browser() as browser, free_world.native() as client:
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        link = await free_world.reset_link()
        await browser.sign_in()
        await client.sign_in()
        _, document = await download(browser)
        text = json.dumps(document)
        for secret in (
            PASSWORD,
            "argon2",
            link.rpartition("/")[2],
            client.access_token,
            client.refresh_token,
            browser.cookie("session"),
            browser.cookie("browser"),
        ):
            assert secret
            assert secret not in text


async def test_the_api_gives_the_same_document(free_world: World) -> None:
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        free_world.clock.advance(minutes=1)
        _, by_page = await download(browser)
        free_world.clock.advance(minutes=1)
        answer = (await client.call("POST", EXPORT, {"current_password": PASSWORD})).json()
        assert answer["is_done"]
        by_api = answer["document"]
        assert set(by_api) == set(by_page)
        assert by_api["account"] == by_page["account"]
        kinds = [each["kind"] for each in by_api["history"][: -len(by_page["history"])]]
        assert sorted(kinds) == ["account.data_exported", "step_up.succeeded"], "the second was recorded as well"
        assert by_page["history"][-1] == by_api["history"][-1]


async def test_without_the_password_nothing_is_given(free_world: World) -> None:
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        page = await browser.get(EXPORT)
        for password in ("", WRONG):
            told = await browser.follow(await browser.submit(page, EXPORT, current_password=password))
            assert "The current password is not right." in told.text
            answer = (await client.call("POST", EXPORT, {"current_password": password})).json()
            assert set(answer) == {"is_done", "failure"}
            assert answer["failure"]["code"] == "my_account.password.current_wrong"
        account = await free_world.get_account()
        events = await free_world.house.audit.list_events(free_world.house.database, account.id)
        assert EventKind.DATA_EXPORTED not in {recorded.event.kind for recorded in events}


async def test_guessing_the_password_at_the_export_is_throttled(world: World) -> None:  # D20
    async with world.native() as client:
        await client.sign_in()
        statuses = [(await client.call("POST", EXPORT, {"current_password": WRONG})).status_code for _ in range(12)]
        assert statuses[0] == 200
        assert statuses[-1] == 429
        assert_refused(await client.call("POST", EXPORT, {"current_password": PASSWORD}), 429)


async def test_a_list_without_end_is_cut_and_the_file_says_so(free_world: World) -> None:
    await add_events(free_world, 20)
    house = free_world.house
    async with free_world.native() as client:
        await client.sign_in()
        signed_in = await house.sessions.find_by_access_token(house.database, client.access_token, house.clock.now())
    visitor = Visitor(holder_hash=b"", device_hash=None, network="", user_agent="", language="en", signed_in=signed_in)
    data = OwnData(
        database=house.database,
        clock=house.clock,
        accounts=house.accounts,
        pictures=house.pictures,
        audit=house.audit,
        mail=house.mail,
        reminders=house.reminders,
        sessions=house.sessions,
        sign_in=house.sign_in,
        list_max=10,
    )
    document = await data.export(visitor, PASSWORD)
    assert isinstance(document, Export)
    assert len(document.history) == 10
    assert not document.is_complete
