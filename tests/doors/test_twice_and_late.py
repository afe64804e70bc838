"""Tabs, the back button, double clicks, races, and answers that come when it is over."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest

from portico.accounts.model import AccountState
from portico.audit.model import RecordedEvent
from portico.factors.password import NewPassword
from portico.signin.attempt import LIFETIME
from portico.signin.facts import ChangeReason
from tests.support.dump import count_rows, dump
from tests.support.hashers import WatchedHasher, watched
from tests.support.refusals import assert_refused
from tests.support.world import (
    ADDRESS,
    LIFTED,
    NEW_PASSWORD,
    PASSWORD,
    Browser,
    MakeWorld,
    World,
    hidden_fields,
)

CHOOSE = "/account/passwordreset/new"
NEW = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
THIRD_PASSWORD = "Copper-Bridge-19"


async def test_a_form_sent_twice_starts_one_attempt(free_world: World) -> None:  # S49, S70
    async with free_world.browser() as browser:
        page = await browser.get("/signin")
        fields = {**hidden_fields(page, "/signin"), "identifier": ADDRESS}
        answers = await asyncio.gather(*(browser.post("/signin", fields) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {303}
        assert len({answer.headers["location"] for answer in answers}) == 1
        assert (await count_rows(free_world.house.database))["attempts"] == 1


async def test_a_form_sent_again_with_another_name_means_that_name(free_world: World) -> None:  # S49
    await free_world.add_person("tom@north-clinic.example", NEW_PASSWORD)
    async with free_world.browser() as browser:
        page = await browser.get("/signin")
        nora = await browser.follow(await browser.submit(page, "/signin", identifier=ADDRESS))
        # Back, another name typed into the same page, sent again.
        tom = await browser.follow(await browser.submit(page, "/signin", identifier="tom@north-clinic.example"))
        assert "tom@north-clinic.example" in tom.text
        assert nora.request.url.path != tom.request.url.path
        await browser.submit(tom, tom.request.url.path, password=NEW_PASSWORD)
        assert "tom@north-clinic.example" in (await browser.get("/account")).text


async def test_tabs_do_not_disturb_one_another(free_world: World) -> None:  # S14
    async with free_world.browser() as browser:
        left, right = await browser.identify(), await browser.identify("nora")
        assert left.request.url.path != right.request.url.path
        await browser.submit(right, right.request.url.path, password="wrong")
        answer = await browser.submit(left, left.request.url.path, password=PASSWORD)
        assert answer.headers["location"] == "/account"
        late = await browser.submit(right, right.request.url.path, password=PASSWORD)
        page = await browser.follow(late)
        assert page.status_code == 200, "the other tab goes on where it stood"
        again = await browser.submit(page, page.request.url.path, password=PASSWORD)
        assert again.headers["location"] == "/account"
        assert (await browser.get("/account")).status_code == 200


async def test_an_answer_after_the_end_says_who_is_signed_in(free_world: World) -> None:  # S14
    async with free_world.browser() as browser:
        page = await browser.identify()
        path = page.request.url.path
        await browser.submit(page, path, password=PASSWORD)
        session = browser.cookie("session")
        before = await dump(free_world.house.database)
        for _ in range(2):  # the back button, and the password once more: right or wrong makes no difference
            for password in (PASSWORD, "wrong"):
                after = await browser.follow(await browser.submit(page, path, password=password))
                assert "Nora Lindqvist" in after.text
                assert 'href="/account"' in after.text
        assert (await browser.get(path)).status_code == 200
        assert browser.cookie("session") == session
        assert await dump(free_world.house.database) == before


async def test_a_finished_attempt_is_over_for_whoever_signed_out(free_world: World) -> None:  # S37, S38
    async with free_world.browser() as browser:
        page = await browser.identify()
        path = page.request.url.path
        await browser.submit(page, path, password=PASSWORD)
        await browser.submit(await browser.get("/account"), "/signout")
        assert_refused(await browser.get(path), 410)
        assert_refused(await browser.follow(await browser.submit(page, path, password=PASSWORD)), 410)
        assert (await browser.get("/account")).status_code == 303


async def test_answers_to_a_passed_step_change_nothing_and_cost_no_try(make_world: MakeWorld) -> None:  # D20, rule 2
    async with make_world(hasher=WatchedHasher) as world, world.browser() as browser:
        page = await browser.identify()
        path = page.request.url.path
        await browser.submit(page, path, password="wrong")
        present = await browser.get(path)
        before, hashes = await dump(world.house.database), watched(world).count
        for _ in range(30):  # the first page again, from the history: far more often than there are tries
            for password in ("another", PASSWORD):
                answer = await browser.submit(page, path, password=password)
                assert answer.headers["location"] == path
        shown = await browser.get(path)
        assert hidden_fields(shown, path)["version"] == hidden_fields(present, path)["version"]
        for fields in (
            {"step": "change_password", **NEW},
            {"step": "prove_password", "version": "999", "password": PASSWORD},
            {"step": "prove_password", "version": "-1", "password": PASSWORD},
        ):
            await browser.post(path, {**hidden_fields(shown, path), **fields})
        assert await dump(world.house.database) == before
        assert watched(world).count == hashes
        answer = await browser.submit(shown, path, password=PASSWORD)
        assert answer.headers["location"] == "/account"


async def test_steps_cannot_be_skipped(free_world: World) -> None:  # S14
    async with free_world.browser() as browser:
        page = await browser.identify()
        path = page.request.url.path
        hidden = hidden_fields(page, path)
        for step in ("finished", "identify", "change_password", "enrol", "", "refused", "prove_password\0"):
            answer = await browser.post(path, {**hidden, "step": step, **NEW})
            assert answer.status_code in (303, 400)
        for gone in ("/signed-out", "/account/passwordreset/done", "/account/passwordreset/sent"):
            await browser.get(gone)
        assert not browser.cookie("session")
        assert (await browser.get("/account")).status_code == 303
    async with free_world.native() as client:
        attempt = await client.begin("")
        assert attempt["step"] == {"step": "identify"}
        for out_of_order in (
            {"answer": "password", "password": PASSWORD},
            {"answer": "new_password", "new_password": NEW_PASSWORD},
        ):
            told = (await client.answer(attempt, out_of_order)).json()
            assert told["step"] == {"step": "identify"}
            assert told["version"] == attempt["version"]


async def test_an_attempt_belongs_to_the_browser_that_began_it(free_world: World) -> None:  # S14
    async with free_world.browser() as browser, free_world.browser() as stranger, free_world.native() as client:
        page = await browser.identify()
        path = page.request.url.path
        await stranger.get("/signin")
        csrf = hidden_fields(await stranger.get("/signin"), "/signin")["csrf"]
        assert_refused(await stranger.get(path), 404)
        fields = {**hidden_fields(page, path), "csrf": csrf, "password": PASSWORD}
        assert_refused(await stranger.post(path, fields), 404)
        attempt = await client.begin()
        ticket = client.headers.pop("portico-ticket")
        body = {"version": attempt["version"], "answer": {"answer": "password", "password": PASSWORD}}
        for other in ("", "A" * 43, ticket[:-1], ticket.swapcase(), "\u00e4"):
            headers = {b"portico-ticket": other.encode("latin-1")}
            for method in ("GET", "POST"):
                answer = await client.client.request(
                    method, f"/api/v1/signin/{attempt['id']}", json=body if method == "POST" else None, headers=headers
                )
                assert_refused(answer, 404)
        # A ticket opens no page, and a browser's cookie no attempt of the API.
        assert_refused(await browser.get(f"/signin/{attempt['id']}"), 404)
        native = await client.client.get(f"/api/v1{path}", headers={"portico-ticket": browser.cookie("browser") or ""})
        assert native.status_code in (200, 404)
        assert "tokens" not in native.text


async def test_an_attempt_lives_half_an_hour(free_world: World) -> None:  # S14
    async with free_world.browser() as browser, free_world.native() as client:
        page, attempt = await browser.identify(), await client.begin()
        path = page.request.url.path
        free_world.clock.at += LIFETIME - timedelta(microseconds=1)
        assert (await browser.get(path)).status_code == 200
        free_world.clock.at += timedelta(microseconds=1)
        assert_refused(await browser.get(path), 410)
        assert_refused(await browser.follow(await browser.submit(page, path, password=PASSWORD)), 410)
        told = (await client.answer(attempt, {"answer": "password", "password": PASSWORD})).json()
        assert is_over(told)
        assert not browser.cookie("session")
        free_world.clock.advance(days=1)
        await free_world.house.runner.run_all_once()
        assert_refused(await browser.get(path), 404)


async def test_fifty_answers_at_once_open_one_session(free_world: World, race_width: int) -> None:  # S14
    async with free_world.native() as client, free_world.browser() as browser:
        attempt = await client.begin()
        right = {"answer": "password", "password": PASSWORD}
        told = await asyncio.gather(*(client.answer(attempt, right) for _ in range(race_width)))
        assert sum("tokens" in answer.json() for answer in told) == 1
        assert {answer.status_code for answer in told} == {200}
        page = await browser.identify()
        path = page.request.url.path
        fields = {**hidden_fields(page, path), "password": PASSWORD}
        sent = await asyncio.gather(*(browser.post(path, fields) for _ in range(race_width)))
        assert Counter(answer.headers["location"] for answer in sent) == {"/account": 1, path: race_width - 1}
        assert (await count_rows(free_world.house.database))["sessions"] == 2


async def test_fifty_submits_of_one_link_change_one_password(
    free_world: World, race_width: int, race_rounds: int
) -> None:  # S32, D5, rule 1
    for number in range(race_rounds):
        async with free_world.browser() as browser:
            page = await open_link(free_world, browser)
            csrf = hidden_fields(page, CHOOSE)["csrf"]
            token = browser.cookie("reset_link")
            passwords = [f"{NEW_PASSWORD}-{number}-{each}" for each in range(race_width)]

            async def by_page(password: str) -> bool:
                async with free_world.browser() as other:  # the same browser, as often as there are submits
                    other.client.cookies.update(browser.client.cookies)
                    form = {"csrf": csrf, "new_password": password, "repeat_password": password}  # noqa: B023
                    return (await other.post(CHOOSE, form)).headers["location"].endswith("/done")

            async def by_api(password: str) -> bool:
                async with free_world.native() as client:
                    body = {"token": token, "new_password": password}  # noqa: B023 - called within the loop
                    answer = await client.call("POST", "/password-reset", body)
                    if answer.status_code != 200:
                        assert_refused(answer, 404)
                        assert answer.json()["params"]["state"] in ("used", "expired")
                    return answer.status_code == 200 and bool(answer.json()["is_done"])

            submits = [by_page(each) if at % 2 else by_api(each) for at, each in enumerate(passwords)]
            won = await asyncio.gather(*submits)
        assert sum(won) == 1
        async with free_world.native() as client:
            for password, has_won in zip(passwords, won, strict=True):
                assert ("tokens" in (await client.sign_in(ADDRESS, password)).json()) is has_won
        kinds = [recorded.event.kind.value for recorded in await events(free_world)]
        assert kinds.count("password.reset") == number + 1


async def test_a_password_changed_while_a_sign_in_is_hashed_refuses_it(make_world: MakeWorld) -> None:  # D22, S32
    """The old password was right when the hash began; by the time it ends it is not."""
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world, world.native() as client:
        hasher = watched(world)
        link = await new_link(world)
        attempt = await client.begin()
        hasher.hold()
        late = asyncio.create_task(client.answer(attempt, {"answer": "password", "password": PASSWORD}))
        await hasher.wait_until_held()
        await replace_password(world, NEW_PASSWORD)
        hasher.release()
        told = (await late).json()
        assert "tokens" not in told
        assert told["failure"]["code"] == "signin.changed_meanwhile"
        assert (await count_rows(world.house.database))["sessions"] == 0
        # The same attempt goes on with the new password, and the link from before is dead.
        assert "tokens" in (await client.answer(told, {"answer": "password", "password": NEW_PASSWORD})).json()
        async with world.browser() as browser:
            assert_refused(await browser.get(link), 410)


async def test_everything_ended_while_a_sign_in_is_hashed_refuses_it(make_world: MakeWorld) -> None:  # D22
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world, world.native() as client:
        attempt = await client.begin()
        hasher, account = watched(world), await world.get_account()
        hasher.hold()
        late = asyncio.create_task(client.answer(attempt, {"answer": "password", "password": PASSWORD}))
        await hasher.wait_until_held()
        await world.house.database.transact(
            lambda tx: world.house.accounts.end_everything(tx, world.clock.now(), account.id)
        )
        hasher.release()
        told = (await late).json()
        assert "tokens" not in told
        assert is_over(told)


async def test_an_account_disabled_while_a_sign_in_is_hashed_stays_out(make_world: MakeWorld) -> None:  # D20, D22
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world, world.native() as client:
        attempt = await client.begin()
        hasher = watched(world)
        hasher.hold()
        late = asyncio.create_task(client.answer(attempt, {"answer": "password", "password": PASSWORD}))
        await hasher.wait_until_held()
        await disable(world)
        hasher.release()
        told = (await late).json()
        assert told["step"]["step"] == "refused"
        assert "tokens" not in told


async def test_of_a_reset_and_a_change_at_once_one_counts(free_world: World, race_rounds: int) -> None:  # D22
    """Whoever is told yes is right: the other is told no, and nothing of the old is left."""
    current = PASSWORD
    for number in range(4 * race_rounds):
        by_reset, by_change = f"Reset-Word-{number}", f"Change-Word-{number}"
        async with free_world.native() as client, free_world.native() as other:
            await client.sign_in(ADDRESS, current)
            token = (await new_link(free_world)).rpartition("/")[2]
            answers = await asyncio.gather(
                client.call("POST", "/account/password", {"current_password": current, "new_password": by_change}),
                other.call("POST", "/password-reset", {"token": token, "new_password": by_reset}),
            )
            assert {answer.status_code for answer in answers} <= {200, 401, 404, 409}
            done = [answer.status_code == 200 and answer.json()["is_done"] for answer in answers]
            let_in = [
                each
                for each in (current, by_change, by_reset)
                if "tokens" in (await other.sign_in(ADDRESS, each)).json()
            ]
            assert len(let_in) == 1
            assert done == [let_in == [by_change], let_in == [by_reset]]
            current = let_in[0]
        free_world.clock.advance(hours=2)


async def test_an_old_attempt_finished_after_a_reset_needs_the_new_password(free_world: World) -> None:  # D22, S98
    async with free_world.browser() as browser, free_world.browser() as other:
        page = await browser.identify()
        path = page.request.url.path
        await reset(free_world, other)
        answer = await browser.submit(page, path, password=PASSWORD)
        assert not browser.cookie("session")
        page = await browser.follow(answer)
        assert "do not go together" in page.text
        await browser.submit(page, path, password=NEW_PASSWORD)
        assert browser.cookie("session")


async def test_a_proof_from_before_a_reset_leads_nowhere(free_world: World) -> None:  # D22
    """Who proved the old password and stands at the forced change cannot undo a reset with it."""
    address = "priya@north-clinic.example"
    await free_world.add_person(address, PASSWORD, handle="priya", must_change=ChangeReason.FORCED)
    async with free_world.browser() as browser, free_world.native() as client, free_world.browser() as other:
        await browser.sign_in(address)
        page = await browser.follow(await browser.sign_in(address))
        path = page.request.url.path
        told = (await client.sign_in(address)).json()
        assert told["step"] == {"step": "change_password", "why": "forced"}
        await reset(free_world, other, address)
        assert_refused(await browser.follow(await browser.submit(page, path, **{**NEW, "new_password": "x"})), 410)
        answer = {"answer": "new_password", "new_password": THIRD_PASSWORD}
        assert is_over((await client.answer(told, answer)).json())
        async with free_world.native() as fresh:
            assert "tokens" not in (await fresh.sign_in(address, THIRD_PASSWORD)).json()
            assert "tokens" in (await fresh.sign_in(address, NEW_PASSWORD)).json()


async def test_a_link_dies_after_its_last_second(free_world: World) -> None:  # S28, D5
    async with free_world.browser() as browser, free_world.browser() as late:
        link = await new_link(free_world)
        page = await browser.follow(await browser.get(link))
        free_world.clock.advance(hours=24, microseconds=999_999)
        assert (await late.get(link)).status_code == 303, "24 h 0 s is the last valid second"
        free_world.clock.advance(microseconds=1)
        assert_refused(await late.get(link), 410)
        answer = await browser.submit(page, CHOOSE, **NEW)
        assert_refused(await browser.follow(answer), 404, 410)
        gone = await api_link(free_world, link)
        assert gone == {"state": "expired"}
        assert (
            "new link" in (await late.get(link)).text.lower() or "account/passwordreset" in (await late.get(link)).text
        )


async def test_a_used_link_says_so_and_offers_another(free_world: World) -> None:  # S28, D5
    async with free_world.browser() as browser:
        link = await reset(free_world, browser)
        before = await dump(free_world.house.database)
        page = await browser.get(link)
        assert_refused(page, 410)
        assert await api_link(free_world, link) == {"state": "used"}
        assert await dump(free_world.house.database) == before
        sent = await browser.follow(await browser.submit(page, "/account/passwordreset", identifier=ADDRESS))
        assert sent.status_code == 200


async def test_forged_links_are_never_taken(free_world: World) -> None:  # D5
    link = await new_link(free_world)
    token = link.rpartition("/")[2]
    forged = [
        "A" * 43,
        token[:-1],
        token + "A",
        token.swapcase(),
        token[::-1],
        token[1:] + "A",
        "0",
        "new%2f",
        "\u00e4",
    ]
    forged += [f"{token}%00", f"{token}%0a", f"%20{token}"]
    async with free_world.browser() as browser, free_world.native() as client:
        for each in forged:
            assert_refused(await browser.get(f"/account/passwordreset/{each}"), 404)
            body = {"token": each, "new_password": NEW_PASSWORD}
            answer = await client.call("POST", "/password-reset", body)
            assert_refused(answer, 404)
            assert answer.json()["code"] == "link_gone"
            browser.client.cookies.set("__Host-portico_reset_link", each.encode("ascii", "ignore").decode())
            assert_refused(await browser.get(CHOOSE), 404)
            browser.client.cookies.delete("__Host-portico_reset_link")
        assert_refused(await browser.get(CHOOSE), 404)
        assert (await api_link(free_world, link))["state"] == "live"


async def test_a_scanner_that_follows_every_link_uses_nothing_up(free_world: World) -> None:  # D5, rule 6
    link = await new_link(free_world)
    before = await dump(free_world.house.database)
    async with free_world.browser() as scanner:
        for _ in range(3):
            for method in ("HEAD", "GET"):
                answer = await scanner.client.request(method, link, follow_redirects=True)
                assert answer.status_code == 200
                for address in set(own_links(answer)):
                    await scanner.client.request(method, address, follow_redirects=True)
    assert await dump(free_world.house.database) == before
    async with free_world.browser() as browser:
        page = await browser.follow(await browser.get(link))
        assert (await browser.submit(page, CHOOSE, **NEW)).headers["location"].endswith("/done")


async def test_any_use_kills_all_links_and_only_three_live(free_world: World) -> None:  # D5
    links = []
    for _ in range(4):
        links.append(await new_link(free_world))
        free_world.clock.advance(hours=1)
    states = [(await api_link(free_world, link))["state"] for link in links]
    assert states == ["expired", "live", "live", "live"]
    async with free_world.browser() as browser:
        page = await browser.follow(await browser.get(links[1]))
        await browser.submit(page, CHOOSE, **NEW)
    states = [(await api_link(free_world, link))["state"] for link in links]
    assert states == ["expired", "used", "expired", "expired"]


async def test_a_password_that_cannot_be_taken_leaves_the_link_alive(free_world: World) -> None:  # S94, D3
    async with free_world.browser() as browser:
        page = await open_link(free_world, browser)
        for new, repeat in [("short", "short"), (NEW_PASSWORD, NEW_PASSWORD + "x"), ("", "")]:
            page = await browser.follow(await browser.submit(page, CHOOSE, new_password=new, repeat_password=repeat))
            assert page.status_code == 200
            assert 'id="failure"' in page.text
        assert (await browser.submit(page, CHOOSE, **NEW)).headers["location"].endswith("/done")


async def test_a_disabled_person_is_told_only_after_the_proof(free_world: World) -> None:  # D20, D7
    await disable(free_world)
    async with free_world.browser() as browser:
        wrong = await browser.follow(await browser.sign_in(password="wrong"))
        assert "do not go together" in wrong.text
        assert wrong.status_code == 200
        assert_refused(await browser.follow(await browser.sign_in()), 403)
        assert not browser.cookie("session")


@pytest.mark.parametrize("days", [0, 400])
async def test_the_clock_cannot_be_forgotten_by_looking(free_world: World, days: int) -> None:  # D5
    """Looking at dead things never brings them back, however late."""
    link = await new_link(free_world)
    async with free_world.browser() as browser:
        await reset(free_world, browser)
        free_world.clock.advance(days=days)
        await free_world.house.runner.run_all_once()
        assert_refused(await browser.get(link), 404, 410)


def is_over(told: dict[str, Any]) -> bool:
    """Whether an attempt takes no answer any more."""
    return (told["step"]["step"], told["step"].get("reason")) == ("refused", "attempt_over")


def own_links(answer: httpx.Response) -> list[str]:
    """The addresses of ours that a page leads to."""
    page = answer.text.split('href="')[1:]
    return [address for each in page if (address := each.partition('"')[0]).startswith("/") and "static" not in address]


async def new_link(world: World, identifier: str = ADDRESS) -> str:
    """The path of a fresh reset link."""
    before = {letter.id for letter in await world.letters(identifier)}
    async with world.native() as client:
        assert (await client.call("POST", "/password-reset/requests", {"identifier": identifier})).status_code == 202
    fresh = [letter for letter in await world.letters(identifier) if letter.id not in before]
    assert len(fresh) == 1
    return "/account/passwordreset/" + fresh[0].text.split("/account/passwordreset/")[1][:43]


async def open_link(world: World, browser: Browser) -> httpx.Response:
    """The page behind a fresh reset link."""
    return await browser.follow(await browser.get(await new_link(world)))


async def reset(world: World, browser: Browser, identifier: str = ADDRESS) -> str:
    """Reset somebody's password; the link that was used."""
    link = await new_link(world, identifier)
    page = await browser.follow(await browser.get(link))
    assert (await browser.submit(page, CHOOSE, **NEW)).headers["location"].endswith("/done")
    return link


async def api_link(world: World, link: str) -> dict[str, object]:
    """What a link is worth."""
    async with world.native() as client:
        answer = await client.call("POST", "/password-reset/link", {"token": link.rpartition("/")[2]})
        told: dict[str, object] = answer.json()
        return told


async def replace_password(world: World, password: str) -> None:
    """Change Nora's password beside all doors, as another process would."""
    account = await world.get_account()
    hasher = watched(world)
    new = await super(WatchedHasher, hasher).make_hash(password)
    change = world.house.password_change
    await world.house.database.transact(
        lambda tx: change.replace(tx, world.clock.now(), account, NewPassword(secret=new), (), is_reset=False)
    )


async def disable(world: World) -> None:
    """Disable Nora's account."""
    account = await world.get_account()
    await world.house.database.transact(
        lambda tx: world.house.accounts.set_state(tx, world.clock.now(), account.id, AccountState.DISABLED)
    )


async def events(world: World) -> list[RecordedEvent]:
    """What was recorded about Nora."""
    account = await world.get_account()
    return await world.house.audit.list_events(world.house.database, account.id, limit=500)
