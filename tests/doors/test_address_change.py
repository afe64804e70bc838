"""Changing one's address: agreed at both mailboxes, told at both, void with any ending, and a way back (D22, D18)."""

import asyncio
import re

import httpx
import pytest

from portico.accounts.model import AccountState
from portico.kernel.errors import PorticoError
from portico.signin.answers import NewPasswordAnswer
from portico.signin.situation import Visitor
from tests.support.dump import dump
from tests.support.safety import (
    NEW_ADDRESS,
    code,
    give_second_proof,
    kinds_of_events,
    not_me_link,
    not_me_token,
    subjects,
    texts,
)
from tests.support.world import ADDRESS, LIFTED, NEW_PASSWORD, PASSWORD, Browser, MakeWorld, Native, World

TOM = "tom@north-clinic.example"
CHANGE = "/account/address-change"
ASK = {"current_password": PASSWORD, "new_address": NEW_ADDRESS}


async def ask(browser: Browser, new_address: str = NEW_ADDRESS, password: str = PASSWORD) -> httpx.Response:
    """Ask for a change by the page; the answer."""
    page = await browser.get("/account/address")
    return await browser.submit(page, "/account/address", new_address=new_address, current_password=password)


async def give(browser: Browser, **codes: str) -> httpx.Response:
    """Type codes into the page; the answer."""
    return await browser.submit(await browser.get("/account/address/codes"), "/account/address/codes", **codes)


async def begin(client: Native, **changes: object) -> dict[str, object]:
    """Ask for a change by the API."""
    answer = await client.call("POST", CHANGE, {**ASK, **changes})
    assert answer.status_code == 200, answer.text
    view: dict[str, object] = answer.json()
    return view


async def give_codes(client: Native, **codes: str) -> dict[str, object]:
    """Type codes by the API."""
    answer = await client.call("POST", f"{CHANGE}/codes", codes)
    assert answer.status_code == 200, answer.text
    view: dict[str, object] = answer.json()
    return view


def failed(view: dict[str, object]) -> list[tuple[str, str | None]]:
    """What was wrong, and where."""
    return [(each["code"], each["field"]) for each in view.get("failures", ())]  # type: ignore[attr-defined]


async def test_with_both_codes_the_address_changes(world: World) -> None:  # D22, D18
    async with world.browser() as browser, world.native() as elsewhere, world.browser() as stranger:
        await elsewhere.sign_in()
        await browser.sign_in()
        assert (await ask(browser)).headers["location"] == "/account/address/codes"
        old, new = await code(world, ADDRESS), await code(world, NEW_ADDRESS)
        assert old != new
        half = await give(browser, old_code=f" {old[:3]} {old[3:]} ")
        page = await browser.follow(half)
        assert "That was right" in page.text
        assert 'name="old_code"' not in page.text
        secret = browser.cookie("session")
        done = await give(browser, new_code=new)
        assert done.headers["location"] == "/account"
        assert browser.cookie("session") != secret
        assert NEW_ADDRESS in (await browser.follow(done)).text
        assert (await elsewhere.call("GET", "/account")).status_code == 401
        account = await world.get_account(NEW_ADDRESS)
        assert account.address == NEW_ADDRESS
        assert "account.address_changed" in await kinds_of_events(world, account.id)
        assert (await stranger.sign_in(NEW_ADDRESS)).headers["location"] == "/account"
        for mailbox in (ADDRESS, NEW_ADDRESS):
            told = (await texts(world, mailbox))[-1 if mailbox == ADDRESS else 0]
            assert any("address of your Portico account was changed" in text for text in await texts(world, mailbox)), (
                told
            )


async def test_either_order_and_the_api_do_as_well(world: World) -> None:  # D22
    async with world.native() as client:
        await client.sign_in()
        assert await begin(client) == {
            "stage": "codes",
            "address": ADDRESS,
            "may_change_without_mailbox": False,
            "new_address": NEW_ADDRESS,
            "asked": ["old", "new"],
            "expires_at": "2026-05-04T09:10:00Z",
        }
        view = await give_codes(client, new_code=await code(world, NEW_ADDRESS))
        assert (view["asked"], view.get("failures")) == (["old"], None)
        view = await give_codes(client, old_code=await code(world, ADDRESS))
        assert (view["stage"], view["address"]) == ("none", NEW_ADDRESS)
        assert (await client.call("GET", "/account")).json()["address"] == NEW_ADDRESS
        assert (await client.refresh()).status_code == 200, "the own session goes on"


async def test_what_cannot_be_asked_for_is_said(world: World) -> None:  # D22, S43
    async with world.native() as client, world.browser() as browser:
        await client.sign_in()
        for address, why in (("nora@", "impossible"), (ADDRESS.upper(), "same"), (f"\u200b{ADDRESS} ", "same")):
            view = await begin(client, new_address=address)
            assert failed(view) == [(f"my_account.address.{why}", "new_address")]
        assert failed(await begin(client, current_password="not-my-Password-1")) == [
            ("my_account.password.current_wrong", "current_password")
        ]
        assert failed(await begin(client, without_mailbox=True)) == [("my_account.address.needs_administrator", None)]
        assert failed(await give_codes(client, old_code="123456")) == [("my_account.address.over", None)]
        await browser.sign_in()
        page = await browser.follow(await ask(browser, "nora@"))
        assert "not a mail address we can deliver to" in page.text
        assert 'value="nora@"' in page.text
        assert "only an administrator" in (await browser.get("/account/address/lost")).text
        assert not [text for text in await texts(world, ADDRESS) if "asked to change its mail address" in text]


async def test_an_address_of_somebody_else_looks_the_same(world: World) -> None:  # D20, D6
    await world.add_person(TOM, first_name="Tom", last_name="Okafor", handle="tom.o")
    seen = {}
    for address in (TOM, NEW_ADDRESS):
        async with world.browser() as browser, world.native() as client:
            await browser.sign_in()
            asked = await ask(browser, address)
            page = (await browser.follow(asked)).text
            seen[address] = re.sub(r'value="[^"]*"', "", page.replace(address, "ADDRESS"))
            await world.house.runner.run_all_once()
            wrong = await browser.follow(await give(browser, new_code="12"))
            seen[address] += re.sub(r'value="[^"]*"', "", wrong.text.replace(address, "ADDRESS"))
            rows = [dict(row) for row in (await dump(world.house.database))["address_changes"]]
            (row,) = [row for row in rows if row["new_address"] == address]
            seen[address] += repr(sorted(name for name, value in row.items() if value is not None))
            await client.sign_in()
            await client.call("DELETE", CHANGE)
    assert seen[TOM] == seen[NEW_ADDRESS]
    (told,) = await texts(world, TOM)
    assert "Somebody wanted to use your address" in told
    assert not re.search(r"\b\d{6}\b", told)
    assert ADDRESS not in told


async def test_five_wrong_tries_are_all_there_are(world: World, race_width: int) -> None:  # D18, rule 2
    async with world.native() as client:
        await client.sign_in()
        await begin(client)
        right = await code(world, ADDRESS)
        wrong = f"{(int(right) + 1) % 10**6:06d}"
        answers = await asyncio.gather(*(give_codes(client, old_code=wrong) for _ in range(race_width)))
        told = [failed(view)[0][0] for view in answers]
        assert told.count("my_account.address.code.old_wrong") == 4
        assert told.count("my_account.address.too_many_tries") + told.count("my_account.address.over") == race_width - 4
        view = await give_codes(client, old_code=right)
        assert failed(view)[0][0] == "my_account.address.too_many_tries"
        assert (await client.call("POST", f"{CHANGE}/resend")).status_code == 404


async def test_what_was_right_is_kept_beside_what_was_wrong(world: World) -> None:  # D18
    async with world.native() as client, world.browser() as browser:
        await client.sign_in()
        await begin(client)
        view = await give_codes(client, old_code=await code(world, ADDRESS), new_code="000")
        assert failed(view) == [("my_account.address.code.new_wrong", "new_code")]
        assert view["asked"] == ["new"]
        assert failed(await give_codes(client)) == [("my_account.address.code.missing", "new_code")]
        await browser.sign_in()
        page = await browser.follow(await give(browser, new_code="1"))
        assert "The code from your new address is not right" in page.text


async def test_a_code_lives_ten_minutes_and_the_newest_counts(world: World) -> None:  # D18
    async with world.native() as client:
        await client.sign_in()
        await begin(client)
        first = await code(world, ADDRESS)
        world.clock.advance(seconds=29)
        assert failed((await client.call("POST", f"{CHANGE}/resend")).json()) == [("my_account.address.too_soon", None)]
        world.clock.advance(seconds=1)
        assert "failures" not in (await client.call("POST", f"{CHANGE}/resend")).json()
        second = await code(world, ADDRESS)
        if first != second:
            assert failed(await give_codes(client, old_code=first))[0][0] == "my_account.address.code.old_wrong"
        world.clock.advance(minutes=10)
        await client.refresh()
        assert failed(await give_codes(client, old_code=second)) == [("my_account.address.codes_expired", None)]
        assert "failures" not in (await client.call("POST", f"{CHANGE}/resend")).json()
        assert "failures" not in await give_codes(client, old_code=await code(world, ADDRESS))


async def test_no_more_than_five_codes_an_hour(world: World) -> None:  # D18
    async with world.native() as client:
        await client.sign_in()
        await begin(client)
        answers = []
        for _ in range(8):
            world.clock.advance(minutes=1)
            answers.append((await client.call("POST", f"{CHANGE}/resend")).status_code)
        assert answers == [200] * 4 + [429] * 4
        assert len([each for each in await subjects(world, NEW_ADDRESS) if "Confirm this address" in each]) <= 5


async def test_codes_are_kept_as_digests_and_mailed_sealed(world: World) -> None:  # rule 10
    async with world.native() as client:
        await client.sign_in()
        await begin(client)
        await world.house.mail_requests.queue_mails()
        queued = repr(await dump(world.house.database))
        old, new = await code(world, ADDRESS), await code(world, NEW_ADDRESS)
        assert f"'{old}'" not in queued
        assert f'"{old}"' not in queued
        assert f'"{new}"' not in queued


async def test_the_old_mailbox_brings_its_address_back(world: World) -> None:  # D22
    async with world.native() as thief, world.browser() as reader, world.native() as program:
        await thief.sign_in()
        await begin(thief)
        await give_codes(thief, old_code=await code(world, ADDRESS), new_code=await code(world, NEW_ADDRESS))
        world.clock.advance(days=6)
        thiefs = await not_me_token(world, NEW_ADDRESS)
        look = await program.call("POST", "/security-links/look", {"token": await not_me_token(world, about="changed")})
        assert look.json() == {"state": "live", "event": "address_changed", "restores": ADDRESS}
        link = await not_me_link(world, about="was changed")
        page = await reader.follow(await reader.get(link))
        assert f"<strong>{ADDRESS}</strong>" in page.text
        done = await reader.follow(await reader.submit(page, "/account/not-me"))
        assert "was brought back" in done.text
        account = await world.get_account()
        assert account.address == ADDRESS
        assert account.is_frozen(world.clock.now())
        assert await world.reset_link(ADDRESS)
        assert not [text for text in await texts(world, NEW_ADDRESS) if "/passwordreset/" in text]
        refused = await program.call("POST", "/security-links/not-me", {"token": thiefs})
        assert refused.json()["params"] == {"state": "expired"}, "the thief's own link went with it"


async def test_while_frozen_the_address_stays(world: World) -> None:  # D22
    async with world.browser() as browser, world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        await world.house.security.say_not_me(await not_me_token(world), "en")
        await client.sign_in()
        view = await begin(client)
        assert failed(view) == [("my_account.address.frozen", None)]
        assert view["frozen_until"] == "2026-05-07T09:00:00Z"
        await browser.sign_in()
        page = await browser.get("/account/address")
        assert "cannot be changed until" in page.text
        assert 'action="/account/address"' not in page.text
        world.clock.advance(hours=72)
        await client.sign_in()
        assert "failures" not in await begin(client)


async def test_an_address_that_is_taken_meanwhile_is_told(world: World) -> None:  # D1, D22
    async with world.native() as client:
        await client.sign_in()
        await begin(client)
        old, new = await code(world, ADDRESS), await code(world, NEW_ADDRESS)
        await world.add_person(NEW_ADDRESS, first_name="Tom", handle="tom.o")
        view = await give_codes(client, old_code=old, new_code=new)
        assert failed(view) == [("my_account.address.taken", None)]
        assert view["address"] == ADDRESS
        assert (await client.call("GET", "/account")).status_code == 200, "nothing was ended"


async def test_a_restore_finds_its_address_taken_and_says_so(world: World) -> None:  # D22
    async with world.native() as client, world.browser() as reader:
        await client.sign_in()
        await begin(client)
        await give_codes(client, old_code=await code(world, ADDRESS), new_code=await code(world, NEW_ADDRESS))
        await world.add_person(ADDRESS, first_name="Tom", handle="tom.o")
        page = await reader.follow(await reader.get(await not_me_link(world, about="was changed")))
        done = await reader.follow(await reader.submit(page, "/account/not-me"))
        assert "could not be brought back" in done.text
        account = await world.get_account(NEW_ADDRESS)
        assert account.is_frozen(world.clock.now())


async def test_any_ending_makes_a_change_void(make_world: MakeWorld) -> None:  # D22
    async with make_world(limits=LIFTED) as world, world.native() as client, world.browser() as browser:
        await client.sign_in()
        await begin(client)
        old, new = await code(world, ADDRESS), await code(world, NEW_ADDRESS)
        account = await world.get_account()
        await world.house.database.transact(
            lambda tx: world.house.accounts.end_everything(tx, world.clock.now(), account.id)
        )
        await client.sign_in()
        assert failed(await give_codes(client, old_code=old, new_code=new)) == [("my_account.address.over", None)]
        await browser.sign_in()
        assert (await browser.get("/account/address/codes")).headers["location"] == "/account/address"


async def test_a_change_can_be_taken_back(world: World) -> None:  # D22
    async with world.browser() as browser, world.native() as client:
        await browser.sign_in()
        await ask(browser)
        old = await code(world, ADDRESS)
        page = await browser.get("/account/address/codes")
        back = await browser.submit(page, "/account/address/cancel")
        assert "stays as it is" in (await browser.follow(back)).text
        await client.sign_in()
        assert (await client.call("GET", CHANGE)).json()["stage"] == "none"
        assert failed(await give_codes(client, old_code=old)) == [("my_account.address.over", None)]
        await begin(client)
        assert (await client.call("DELETE", CHANGE)).status_code == 204
        assert (await client.call("DELETE", CHANGE)).status_code == 204


async def test_of_an_address_change_and_a_reset_at_once_one_wins(
    make_world: MakeWorld, race_width: int, race_rounds: int
) -> None:  # D22, D7
    async with make_world(limits=LIFTED) as world:
        for number in range(race_rounds):
            await race_once(world, race_width, f"race{number}@north-clinic.example")


async def race_once(world: World, race_width: int, address: str) -> None:
    """Half of so many callers finish a change of address, half a reset."""
    house, wanted = world.house, f"new.{address}"
    await world.add_person(address, handle=address.partition("@")[0])
    async with world.native() as client, world.browser() as browser:
        await client.sign_in(address)
        await begin(client, new_address=wanted)
        codes = await code(world, address), await code(world, wanted)
        signed_in = await house.sessions.find_by_access_token(house.database, client.access_token, world.clock.now())
        assert signed_in is not None
        visitor = Visitor(
            holder_hash=b"", device_hash=None, network="192.0.2.1", user_agent="", language="en", signed_in=signed_in
        )
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=address)
        token = (await world.reset_link(address)).rpartition("/")[2]
        answer = NewPasswordAnswer(new_password=NEW_PASSWORD)

        async def change() -> bool:
            try:
                confirmed = await house.address_changes.confirm(visitor, *codes)
            except PorticoError:
                return False
            return confirmed.is_done

        async def reset() -> bool:
            return (await house.reset.finish(token, answer, visitor)).is_done

        half = race_width // 2
        done = await asyncio.gather(*(change() for _ in range(half)), *(reset() for _ in range(half)))
    assert sum(done) == 1
    was_changed = any(done[:half])
    account = await world.get_account(wanted if was_changed else address)
    assert account.address == (wanted if was_changed else address)
    assert account.epoch == 2


async def test_who_lost_the_mailbox_waits_a_week_with_a_second_factor(world: World) -> None:  # D22
    async with world.browser() as browser, world.native() as client:
        await browser.sign_in()
        await give_second_proof(world)
        page = await browser.get("/account/address/lost")
        asked = await browser.submit(page, "/account/address/lost", new_address=NEW_ADDRESS, current_password=PASSWORD)
        page = await browser.follow(asked)
        assert 'name="old_code"' not in page.text
        assert await texts(world, ADDRESS) == [], "the lost mailbox is asked for nothing"
        waiting = await browser.follow(await give(browser, new_code=await code(world, NEW_ADDRESS)))
        assert waiting.headers.get("location") == "/account/address"
        assert "A new address is waiting" in (await browser.get("/account/address")).text
        assert len(await texts(world, ADDRESS)) == 1
        assert any("about to change" in each for each in await subjects(world, NEW_ADDRESS))
        world.clock.advance(days=6)
        assert any("This is a reminder" in text for text in await texts(world, ADDRESS))
        assert any("This is a reminder" in text for text in await texts(world, NEW_ADDRESS))
        world.clock.advance(hours=12)
        assert len(await texts(world, ADDRESS)) == 2, "reminded once"
        world.clock.advance(hours=12)
        await world.house.runner.run_all_once()
        assert (await world.get_account(NEW_ADDRESS)).address == NEW_ADDRESS
        assert (await browser.get("/account")).status_code == 303, "everything was ended"
        assert any("address of your Portico account was changed" in text for text in await texts(world, ADDRESS))
        assert (await client.sign_in(NEW_ADDRESS)).status_code == 200


@pytest.mark.parametrize("how", ["session", "link", "reset", "disabled"])
async def test_the_wait_can_be_ended_by_whoever_reads_the_old_mailbox(world: World, how: str) -> None:  # D22
    async with world.native() as client, world.browser() as reader:
        await client.sign_in()
        await give_second_proof(world)
        await begin(client, without_mailbox=True)
        view = await give_codes(client, new_code=await code(world, NEW_ADDRESS))
        assert view["stage"] == "waiting"
        assert view["effective_at"] == "2026-05-11T09:00:00Z"
        assert failed(await begin(client)) == [("my_account.address.waits_already", None)]
        account = await world.get_account()
        world.clock.advance(days=6, hours=23)
        await world.house.runner.run_all_once()
        match how:
            case "session":
                await reader.sign_in()
                page = await reader.get("/account/address")
                await reader.submit(page, "/account/address/cancel")
            case "link":
                await world.house.security.say_not_me(await not_me_token(world, about="about to change"), "en")
            case "reset":
                await world.house.database.transact(
                    lambda tx: world.house.accounts.end_everything(tx, world.clock.now(), account.id)
                )
            case _:
                state = AccountState.DISABLED
                await world.house.database.transact(
                    lambda tx: world.house.accounts.set_state(tx, world.clock.now(), account.id, state)
                )
        world.clock.advance(days=2)
        await world.house.runner.run_all_once()
        assert (await world.get_account()).address == ADDRESS
        left = "SELECT id FROM address_changes WHERE state IN ('waiting', 'reminded')"
        assert await world.house.database.list_rows(left) == []
        assert "account.address_changed" not in await kinds_of_events(world, account.id)


async def test_old_changes_are_swept(world: World) -> None:  # D22
    async with world.native() as client:
        await client.sign_in()
        await begin(client)
        world.clock.advance(hours=25)
        await world.house.runner.run_all_once()
        assert await world.house.database.list_rows("SELECT id FROM address_changes") == []
