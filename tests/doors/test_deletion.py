"""Deleting one's account: two weeks to change one's mind, and then nothing of the person is left (D22, D1)."""

import asyncio
from datetime import timedelta

import pytest

from portico.accounts.model import Account, AccountState
from portico.database.engine import Transaction
from portico.kernel.errors import Conflict, PorticoError
from portico.signin.situation import Visitor
from tests.support.dump import count_rows, dump
from tests.support.safety import (
    NEW_ADDRESS,
    code,
    kinds_of_events,
    not_me_token,
    subjects,
    texts,
)
from tests.support.world import ADDRESS, LIFTED, PASSWORD, Browser, MakeWorld, Native, World

DELETION = "/account/deletion"
DAYS = 14


async def ask(browser: Browser, password: str = PASSWORD) -> str:
    """Ask for the deletion by the page, and read what it says then."""
    page = await browser.get("/account/delete")
    return (await browser.follow(await browser.submit(page, "/account/delete", current_password=password))).text


async def ask_api(client: Native) -> None:
    """Ask for it by the API."""
    view = (await client.call("POST", DELETION, {"current_password": PASSWORD})).json()
    assert view == {"delete_at": "2026-05-18T09:00:00Z"}


async def test_the_page_says_what_goes_and_what_stays(world: World) -> None:  # S43
    async with world.browser() as browser:
        await browser.sign_in()
        page = (await browser.get("/account/delete")).text
        for sentence in ("What is erased after 14 days", "your name, your address", "What stays", "without your name"):
            assert sentence in page
        assert "not right" in await ask(browser, "not-my-Password-1")
        assert (await world.get_account()).delete_at is None


async def test_asking_ends_other_sessions_and_tells(world: World) -> None:  # D22
    async with world.native() as elsewhere, world.browser() as browser:
        await elsewhere.sign_in()
        await browser.sign_in()
        page = await ask(browser)
        assert "Keep my account" in page
        assert "18 May 2026, 9:00 am UTC" in page
        assert 'action="/account/delete"' not in page
        assert "18 May 2026" in (await browser.get("/account")).text
        assert (await elsewhere.call("GET", "/account")).status_code == 401
        (told,) = [text for text in await texts(world, ADDRESS) if "will be deleted" in text]
        assert "2026-05-18 at 09:00 UTC" in told
        assert "Keep my account" in told
        assert "/account/not-me/" in told
        await elsewhere.sign_in()
        assert (await elsewhere.call("GET", DELETION)).json() == {"delete_at": "2026-05-18T09:00:00Z"}


async def test_asking_twice_moves_nothing(world: World) -> None:  # D22
    async with world.native() as client:
        await client.sign_in()
        await ask_api(client)
        world.clock.advance(days=3)
        await client.sign_in()
        await ask_api(client)
        assert len([each for each in await subjects(world, ADDRESS) if "will be deleted" in each]) == 1
        wrong = (await client.call("POST", DELETION, {"current_password": "no"})).json()
        assert wrong["failure"]["field"] == "current_password"


@pytest.mark.parametrize("how", ["page", "api", "link"])
async def test_the_account_is_kept_to_the_last_second(world: World, how: str) -> None:  # D22
    async with world.browser() as browser, world.native() as client:
        await browser.sign_in()
        await ask(browser)
        token = await not_me_token(world)
        world.clock.advance(days=7)
        if how != "link":
            world.clock.advance(days=7, seconds=-1)
        await world.house.runner.run_all_once()
        match how:
            case "page":
                kept = await browser.submit(await browser.get("/account"), "/account/delete/keep")
                assert "Your account stays" in (await browser.follow(kept)).text
            case "api":
                await client.sign_in()
                assert (await client.call("DELETE", DELETION)).status_code == 204
                assert (await client.call("DELETE", DELETION)).status_code == 204
                assert (await client.call("GET", DELETION)).json() == {}
            case _:
                assert (await client.call("POST", "/security-links/not-me", {"token": token})).status_code == 200
        if how != "link":
            assert any("account stays" in each for each in await subjects(world, ADDRESS))
        world.clock.advance(days=30)
        await world.house.runner.run_all_once()
        account = await world.get_account()
        assert account.delete_at is None
        assert "account.deletion_taken_back" in await kinds_of_events(world, account.id)


async def live_a_full_life(world: World, account: Account) -> None:
    """Leave a trace everywhere a person can."""
    async with world.browser() as browser, world.native() as client, world.browser() as other:
        await client.sign_in()
        await client.refresh()
        await browser.sign_in("nora")
        page = await browser.get("/account/profile")
        await browser.submit(page, "/account/profile", first_name="Noralind", last_name="Quistgaard")
        await client.call("POST", "/account/address-change", {"current_password": PASSWORD, "new_address": NEW_ADDRESS})
        codes = {"old_code": await code(world, ADDRESS), "new_code": await code(world, NEW_ADDRESS)}
        assert (await client.call("POST", "/account/address-change/codes", codes)).json()["address"] == NEW_ADDRESS
        await client.call(
            "POST", "/account/address-change", {"current_password": PASSWORD, "new_address": "third@harbour.example"}
        )
        form = await other.get("/account/passwordreset")
        await other.submit(form, "/account/passwordreset", identifier="nora")
        await other.identify(NEW_ADDRESS)
        assert (await client.call("POST", DELETION, {"current_password": PASSWORD})).status_code == 200

    async def picture(tx: Transaction) -> None:
        await tx.execute(
            "INSERT INTO pictures (account_id, digest, image, changed_at) VALUES ($1, 'digest', $2, 0)",
            account.id,
            b"Noralind",
        )

    await world.house.database.transact(picture)


async def test_nothing_of_the_person_is_left(world: World) -> None:  # D22, D1
    account = await world.get_account()
    await live_a_full_life(world, account)
    world.clock.advance(days=DAYS)
    async with world.browser() as other:  # still on their way when the job comes
        await other.identify(NEW_ADDRESS)
        form = await other.get("/account/passwordreset")
        await other.submit(form, "/account/passwordreset", identifier=NEW_ADDRESS)
    await world.house.deletions.erase_due()
    left = repr(await dump(world.house.database)).lower()
    for trace in ("noralind", "quistgaard", "lindqvist", ADDRESS, NEW_ADDRESS, "'nora'", '"nora"', "third@harbour"):
        assert trace not in left, trace
    rows = await count_rows(world.house.database)
    kept = {table for table, count in rows.items() if count}
    assert kept <= {
        "audit_events",
        "audit_links",
        "audit_heads",
        "job_leases",
        "retired_handles",
        "throttle",
        "throttle_networks",
        "spent",
        "deployment",
        "alembic_version",
    }
    assert rows["retired_handles"] == 1
    assert (await kinds_of_events(world, account.id))[0] == "account.erased"
    assert await world.house.accounts.find_by_identifier(world.house.database, "nora") is None
    again = await world.add_person(NEW_ADDRESS, first_name="Tom", handle="tom.o")
    assert again.address == NEW_ADDRESS


async def test_others_keep_what_is_theirs(world: World) -> None:  # D22
    tom = await world.add_person("tom@north-clinic.example", first_name="Tom", last_name="Okafor", handle="tom.o")
    async with world.browser() as shared, world.native() as toms:
        await shared.sign_in()
        await ask(shared)
        await shared.submit(await shared.get("/account"), "/signout")
        await shared.sign_in("tom.o")
        await toms.sign_in("tom.o")
        world.clock.advance(days=DAYS)
        await toms.sign_in("tom.o")
        await world.house.runner.run_all_once()
        assert (await toms.call("GET", "/account")).json()["handle"] == "tom.o"
        device = await world.house.database.list_rows("SELECT id FROM devices")
        assert len(device) == 2, "a browser two people used is kept for the other"
    assert (await world.get_account("tom.o")).id == tom.id


async def test_a_disabled_account_is_erased_like_any_other(world: World) -> None:  # D22
    account = await world.get_account()
    async with world.browser() as browser:
        await browser.sign_in()
        await ask(browser)
        await world.house.database.transact(
            lambda tx: world.house.accounts.set_state(tx, world.clock.now(), account.id, AccountState.DISABLED)
        )
        world.clock.advance(days=DAYS, seconds=-1)
        await world.house.runner.run_all_once()
        assert (await world.get_account()).state is AccountState.DISABLED
        world.clock.advance(seconds=1)
        await world.house.runner.run_all_once()
    assert await world.house.accounts.find_account(world.house.database, account.id) is None


async def test_many_due_accounts_are_erased_in_batches(world: World) -> None:  # D22
    now = world.clock.now()
    for number in range(45):
        person = await world.add_person(f"p{number}@north-clinic.example", "", handle=f"person{number}")
        await world.house.database.transact(
            lambda tx, person=person: world.house.protection.plan_deletion(tx, now, person)  # type: ignore[misc]
        )
    world.clock.advance(days=DAYS)
    assert await world.house.deletions.erase_due() == 20
    await world.house.runner.run_all_once()
    assert len(await world.house.database.list_rows("SELECT id FROM accounts")) == 1


async def test_of_keeping_and_erasing_at_once_one_wins(
    make_world: MakeWorld, race_width: int, race_rounds: int
) -> None:  # D22
    async with make_world(limits=LIFTED) as world:
        for number in range(race_rounds):
            await race_once(world, race_width, f"race{number}")


async def race_once(world: World, race_width: int, handle: str) -> None:
    """On the last instant, half of so many callers keep the account and half are jobs that erase it."""
    house = world.house
    person = await world.add_person(f"{handle}@north-clinic.example", handle=handle)
    async with world.native() as client:
        await client.sign_in(handle)
        now = world.clock.now()
        await house.database.transact(lambda tx: house.protection.plan_deletion(tx, now, person))
        signed_in = await house.sessions.find_by_access_token(house.database, client.access_token, now)
    visitor = Visitor(
        holder_hash=b"", device_hash=None, network="192.0.2.1", user_agent="", language="en", signed_in=signed_in
    )
    world.clock.at += timedelta(days=DAYS)

    async def keep() -> bool:
        try:
            return await house.deletions.keep(visitor)
        except (Conflict, PorticoError):
            return False

    kept = await asyncio.gather(
        *(keep() if number % 2 else house.deletions.erase_due() for number in range(race_width))
    )
    account = await house.accounts.find_account(house.database, person.id)
    keepers = [answer for number, answer in enumerate(kept) if number % 2]
    assert sum(keepers) == (account is not None)
    erased = (await kinds_of_events(world, person.id)).count("account.erased")
    assert erased == (account is None)
    assert account is None or account.delete_at is None
    world.clock.at -= timedelta(days=DAYS)
