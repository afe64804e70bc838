"""Saying "This was not me": looking changes nothing, the button ends everything, no thief can take it away (D22)."""

import asyncio
from datetime import timedelta

import pytest

from portico.database.engine import Transaction
from portico.factors.mailed_link import LinkState
from portico.kernel.tokens import token_hash
from portico.security.model import Secured
from portico.signin.attempt import Attempt, ClientKind, Purpose
from portico.signin.facts import Facts
from portico.signin.situation import Visitor
from portico.signin.steps import Outcome
from tests.support.dump import dump
from tests.support.safety import kinds_of_events, not_me_link, not_me_token, second_proof, subjects, texts
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, Browser, World

NEW_DEVICE = "New sign-in"
CHANGED = "password was changed"
SEEN = frozenset({"last_seen_at"})


async def change_password(browser: Browser, old: str = PASSWORD, new: str = NEW_PASSWORD) -> None:
    page = await browser.get("/account/password")
    fields = {"current_password": old, "new_password": new, "repeat_password": new}
    assert (await browser.submit(page, "/account/password", **fields)).headers["location"] == "/account"


async def press(browser: Browser, link: str) -> str:
    """Open a link and press its button; where that leads."""
    page = await browser.follow(await browser.get(link))
    assert page.status_code == 200, page.text
    return str((await browser.submit(page, "/account/not-me")).headers["location"])


async def test_a_new_device_is_told_and_a_known_one_is_not(world: World) -> None:  # D22
    async with world.browser() as first, world.native() as second, world.browser() as third:
        await first.sign_in()
        assert await texts(world) == [], "the very first device after creation"
        await second.sign_in()
        assert len([text for text in await texts(world, ADDRESS) if NEW_DEVICE in text]) == 1
        await first.submit(await first.get("/account"), "/signout")
        await first.sign_in()
        await second.sign_in()
        assert len(await texts(world)) == 1
        await change_password(first)
        await third.sign_in(password=NEW_PASSWORD)
        await second.sign_in(password=NEW_PASSWORD)
        told = [text for text in await texts(world, ADDRESS) if NEW_DEVICE in text]
        assert len(told) == 2, "an ended epoch does not make a device new"
        assert any("Firefox on Linux" in text for text in told)


async def test_mails_speak_the_accounts_language_and_time(world: World) -> None:  # D22
    account = await world.get_account()
    sql = "UPDATE accounts SET language = 'de', time_zone = 'Europe/Berlin' WHERE id = $1"

    async def body(tx: Transaction) -> None:
        await tx.execute(sql, account.id)

    await world.house.database.transact(body)
    async with world.browser() as first, world.browser() as second:
        await first.sign_in()
        await second.sign_in()
    (told,) = await texts(world, ADDRESS)
    assert "Neue Anmeldung" in told
    assert "04.05.2026 um 11:00 Uhr (Europe/Berlin)" in told


async def test_without_a_language_of_its_own_the_requests_counts(world: World) -> None:  # D22
    account = await world.get_account()

    async def body(tx: Transaction) -> None:
        await tx.execute("UPDATE accounts SET language = '' WHERE id = $1", account.id)

    await world.house.database.transact(body)
    async with world.browser(**{"accept-language": "de"}) as browser:
        await browser.sign_in()
        await change_password(browser)
    assert any("Das Passwort Ihres Kontos" in text for text in await texts(world, ADDRESS))


async def test_looking_changes_nothing_and_the_button_ends_everything(world: World) -> None:  # D22, S29
    async with world.browser() as owner, world.native() as thief, world.browser() as reader:
        await owner.sign_in()
        await thief.sign_in()
        link = await not_me_link(world)
        before = await dump(world.house.database, without=SEEN)
        opened = await reader.get(link)
        assert opened.headers["location"] == "/account/not-me"
        assert (await reader.get(link, **{"user-agent": "Scanner"})).status_code == 303
        page = await reader.follow(opened)
        for sentence in ("signs you out everywhere", "For 72 hours", "new password"):
            assert sentence in page.text
        assert link.rpartition("/")[2] not in page.text
        assert await dump(world.house.database, without=SEEN) == before

        done = await reader.submit(page, "/account/not-me")
        assert (await reader.follow(done)).status_code == 200
        assert reader.cookie("security_link") in (None, "")
        assert (await owner.get("/account")).status_code == 303
        assert (await thief.call("GET", "/account")).status_code == 401
        account = await world.get_account()
        assert account.is_frozen(world.clock.now())
        assert account.frozen_until == world.clock.now() + timedelta(hours=72)
        assert any("was secured" in each for each in await subjects(world, ADDRESS))
        assert {"security.not_me_said", "account.frozen"} <= set(await kinds_of_events(world, account.id))

        page = await reader.follow(await reader.get(await world.reset_link()))
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        assert (await reader.submit(page, "/account/passwordreset/new", **new)).headers["location"].endswith("/done")
        assert (await owner.sign_in(password=NEW_PASSWORD)).headers["location"] == "/account"
        again = await reader.get(link)
        assert again.status_code == 410
        assert "used already" in again.text
        assert 'action="/account/passwordreset"' in again.text


async def test_a_thief_cannot_kill_the_link_by_changing_the_password_again(world: World) -> None:  # D22
    async with world.browser() as owner, world.browser() as thief, world.browser() as reader:
        await owner.sign_in()
        await thief.sign_in()
        link = await not_me_link(world, about=NEW_DEVICE)
        await change_password(thief)
        await change_password(thief, NEW_PASSWORD, "Copper-Bridge-19")
        assert await press(reader, link) == "/account/not-me/done"
        assert (await thief.get("/account")).status_code == 303


async def test_the_last_second_of_seven_days_is_good_and_the_next_is_not(world: World) -> None:  # D22
    async with world.browser() as owner, world.native() as client:
        await owner.sign_in()
        await change_password(owner)
        token = await not_me_token(world)
        world.clock.advance(days=7)
        assert (await client.call("POST", "/security-links/look", {"token": token})).json() == {
            "state": "live",
            "event": "password_changed",
        }
        world.clock.advance(seconds=1)
        assert (await client.call("POST", "/security-links/look", {"token": token})).json() == {"state": "expired"}
        refused = await client.call("POST", "/security-links/not-me", {"token": token})
        assert (refused.status_code, refused.json()["code"]) == (404, "security_link_gone")
        assert refused.json()["params"] == {"state": "expired"}


async def test_the_api_says_it_as_well(world: World) -> None:  # D22
    async with world.browser() as owner, world.native() as client:
        await owner.sign_in()
        await change_password(owner)
        token = await not_me_token(world)
        done = await client.call("POST", "/security-links/not-me", {"token": token})
        assert done.status_code == 200
        assert done.json()["restored"] == "no"
        assert (await owner.get("/account")).status_code == 303
        for wrong in (token, "A" * 43, "", "\u2028" * 43):
            answer = await client.call("POST", "/security-links/not-me", {"token": wrong})
            assert answer.status_code == 404, answer.text


async def test_the_form_belongs_to_its_link_and_to_our_pages(world: World) -> None:  # D22
    async with world.browser() as owner, world.browser() as reader, world.browser() as other:
        await owner.sign_in()
        await change_password(owner)
        first = await not_me_link(world)
        world.clock.advance(minutes=1)
        await change_password(owner, NEW_PASSWORD, "Copper-Bridge-19")
        page = await reader.follow(await reader.get(first))
        await reader.get(await not_me_link(world))
        assert (await reader.submit(page, "/account/not-me")).status_code == 403
        assert (await other.post("/account/not-me", {"csrf": "A" * 43})).status_code == 403
        assert (await other.get("/account/not-me")).status_code == 404
        assert (await owner.get("/account")).status_code == 200


async def test_of_fifty_who_press_at_once_one_acts(world: World, race_width: int) -> None:  # D22
    async with world.browser() as owner:
        await owner.sign_in()
        await change_password(owner)
    token = await not_me_token(world)
    epoch = (await world.get_account()).epoch
    said = await asyncio.gather(*(world.house.security.say_not_me(token, "en") for _ in range(race_width)))
    assert len([each for each in said if isinstance(each, Secured)]) == 1
    assert said.count(LinkState.USED) == race_width - 1
    assert (await world.get_account()).epoch == epoch + 1


async def test_only_the_hash_is_kept_and_the_token_lies_sealed(world: World) -> None:  # D22
    async with world.browser() as owner:
        await owner.sign_in()
        await change_password(owner)
    rows = repr(await dump(world.house.database))
    token = await not_me_token(world)
    assert token not in rows
    kept = await world.house.database.list_rows("SELECT hash FROM security_links")
    assert [bytes(row["hash"]) for row in kept] == [token_hash(token)]


async def test_swept_links_are_gone_a_month_later(world: World) -> None:  # D22
    async with world.browser() as owner:
        await owner.sign_in()
        await change_password(owner)
    world.clock.advance(days=36)
    await world.house.runner.run_all_once()
    assert await world.house.database.list_rows("SELECT hash FROM security_links") != []
    world.clock.advance(days=2)
    await world.house.runner.run_all_once()
    assert await world.house.database.list_rows("SELECT hash FROM security_links") == []


@pytest.mark.parametrize("is_strong", [True, False])
async def test_a_second_factor_lifts_the_freeze_and_a_password_does_not(world: World, is_strong: bool) -> None:  # D22
    async with world.browser() as owner:
        await owner.sign_in()
        await change_password(owner)
        await world.house.security.say_not_me(await not_me_token(world), "en")
        account, now = await world.get_account(), world.clock.now()
        proofs = (second_proof(now),) if is_strong else ()
        await owner.sign_in(password=NEW_PASSWORD)
        assert (await world.get_account()).is_frozen(now), "a password alone lifts nothing"
        attempt = Attempt(
            id="attempt",
            purpose=Purpose.SIGN_IN,
            client_kind=ClientKind.BROWSER,
            holder_hash=token_hash("holder"),
            created_at=now,
            expires_at=now,
            account_id=account.id,
            epoch=account.epoch,
            proofs=proofs,
        )
        visitor = Visitor(
            holder_hash=attempt.holder_hash, device_hash=None, network="192.0.2.1", user_agent="", language="en"
        )
        outcomes = world.house.outcomes
        facts = Facts(now=now, attempt=attempt)
        await world.house.database.transact(
            lambda tx: outcomes.carry_out(tx, Outcome.OPEN_SESSION, facts, visitor, now)
        )
        assert (await world.get_account()).is_frozen(now) is not is_strong
        assert ("account.freeze_lifted" in await kinds_of_events(world, account.id)) is is_strong


async def test_a_made_up_token_says_so_and_nothing_more(world: World) -> None:  # S43
    async with world.browser() as reader:
        page = await reader.get(f"/account/not-me/{'A' * 43}")
        assert page.status_code == 404
        assert "This link is not valid" in page.text
