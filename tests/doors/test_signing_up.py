"""Signing up: the mailbox first, then names and password, and an account only at the end (S9, S53, D1, D6)."""

import asyncio
from datetime import timedelta

import pytest

from portico.audit.model import EventKind
from portico.kernel.clock import to_micros
from portico.throttle.rates import Limits, Rate
from tests.support.hashers import WatchedHasher
from tests.support.refusals import assert_refused
from tests.support.sign_ups import NEWCOMER, begin, begin_by_api, create, enter, mailed_code, sign_up
from tests.support.strangers import PEOPLE, Stranger, move_in, same
from tests.support.world import ADDRESS, PASSWORD, MakeWorld, World, hidden_fields

CREATE = {"answer": "create_account", "first_name": "Ida", "last_name": "Holm", "new_password": PASSWORD}
WRONG = "This code is not right"


async def test_the_sign_in_pages_lead_to_the_sign_up(world: World) -> None:  # S9, S53
    async with world.browser() as browser:
        for page in (await browser.get("/signin"), await browser.identify()):
            assert '<a href="/signup">Create New Account</a>' in page.text
        tabs = (await browser.get("/signup")).text
        assert '<a href="/signin">Sign in</a>' in tabs
        assert '<a href="/signup" aria-current="page">Sign up</a>' in tabs


async def test_one_signs_up_by_code_and_is_signed_in(world: World) -> None:  # S9, S24, S53, D1
    async with world.browser() as browser:
        page = await begin(browser)
        assert NEWCOMER in page.text
        code = await mailed_code(world)
        assert await world.house.accounts.find_by_identifier(world.house.database, NEWCOMER) is None
        page = await enter(browser, page, f" {code[:3]} {code[3:]} ")
        assert await world.house.accounts.find_by_identifier(world.house.database, NEWCOMER) is None
        done = await create(browser, page, time_zone="Europe/Berlin")
        assert done.headers["location"] == "/account"
        home = await browser.follow(done)
        assert "Ida Holm" in home.text
        assert "Your Portico ID stands below" in home.text
    account = await world.get_account(NEWCOMER)
    assert (account.handle, account.time_zone, account.language) == ("ida", "Europe/Berlin", "en")
    assert account.address_confirmed_at == world.clock.now()
    async with world.native() as client:  # the same account and password everywhere
        assert "tokens" in (await client.sign_in("ida", PASSWORD)).json()
    password = await world.house.password.find_credential(world.house.database, account.id)
    assert password is not None
    assert not password.properties.through_mailbox, "whoever chose it owns it; D7's mark is for resets"


async def test_one_signs_up_by_the_api(world: World) -> None:  # S53, D1
    async with world.native() as client:
        attempt = await begin_by_api(client)
        assert attempt["step"]["step"] == "verify_email"
        assert attempt["step"]["address"] == NEWCOMER
        told = (await client.answer(attempt, {"answer": "email_code", "code": "0"})).json()
        assert (told["failure"]["code"], told["failure"]["field"]) == ("email_code.wrong", "code")
        code = await mailed_code(world)
        told = (await client.answer(told, {"answer": "email_code", "code": code})).json()
        assert told["step"] == {"step": "create_account", "address": NEWCOMER, "terms_url": None}
        assert {each["code"] for each in told["criteria"]["criteria"]} >= {"length", "upper"}
        told = (await client.answer(told, {**CREATE, "new_password": "short"})).json()
        assert told["failure"]["code"] == "password.unmet"
        told = (await client.answer(told, {**CREATE, "first_name": " ", "last_name": ""})).json()
        assert told["failure"]["code"] == "my_account.name.missing"
        told = (await client.answer(told, {**CREATE, "time_zone": "Nowhere/At_All"})).json()
        assert told["step"]["step"] == "finished"
        assert (await client.call("GET", "/account")).json()["address"] == NEWCOMER
    assert (await world.get_account(NEWCOMER)).time_zone == ""


async def test_mistakes_are_told_and_nothing_typed_is_lost(world: World) -> None:  # S43, S94, D3
    async with world.browser() as browser:
        page = await browser.get("/signup")
        for typed, said in (("", "Enter your mail address"), ("nora@", "not a mail address we can write to")):
            page = await browser.follow(await browser.submit(page, "/signup", address=typed))
            assert said in page.text
        assert 'value="nora@"' in page.text
        page = await begin(browser)
        page = await enter(browser, page, await mailed_code(world))
        page = await browser.follow(await create(browser, page, first_name="Zo\u00eb", repeat_password="other"))
        assert "The two passwords" in page.text
        assert 'value="Zo\u00eb"' in page.text
        assert 'value="Holm"' in page.text
        assert PASSWORD not in page.text


async def test_the_terms_are_accepted_where_there_are_any(make_world: MakeWorld) -> None:  # S53
    terms = "https://north-clinic.example/terms"
    async with make_world(terms_url=terms, terms_version="2026-03") as world, world.browser() as browser:
        page = await begin(browser)
        page = await enter(browser, page, await mailed_code(world))
        assert terms in page.text
        page = await browser.follow(await create(browser, page))
        assert "Accept the terms of use" in page.text
        assert (await create(browser, page, accepts_terms="yes")).headers["location"] == "/account"
        account = await world.get_account(NEWCOMER)
        assert (account.terms, account.terms_accepted_at) == ("2026-03", world.clock.now())


async def test_a_deployment_can_keep_strangers_out(make_world: MakeWorld) -> None:  # S53
    async with make_world(sign_up="closed") as world, world.browser() as browser, world.native() as client:
        for page in (await browser.get("/signin"), await browser.identify()):
            assert "/signup" not in page.text
        shown = await browser.get("/signup")
        assert_refused(shown, 403)
        assert "Accounts are made by your clinic" in shown.text
        csrf = {"csrf": hidden_fields(await browser.get("/signin"), "/signin")["csrf"]}
        assert_refused(await browser.post("/signup", {**csrf, "address": NEWCOMER}), 403)
        refused = await client.call("POST", "/signup", {"installation": client.installation, "address": NEWCOMER})
        assert (refused.status_code, refused.json()["code"]) == (403, "sign_up_closed")
        assert (await client.call("GET", "/deployment")).json()["offers_sign_up"] is False
        assert not await world.letters(NEWCOMER)


async def test_a_taken_address_gets_the_same_pages_and_another_mail(make_world: MakeWorld) -> None:  # S53, D6, D20
    stories = {}
    async with make_world(hasher=WatchedHasher) as world:
        await move_in(world)
        for at, (kind, address) in enumerate(PEOPLE.items()):
            stranger = Stranger(world, address)
            async with world.browser(address=f"198.51.100.{at}") as browser:
                await browser.get("/signin")
                await stranger.start()
                page = await stranger.note(await browser.get("/signup"))
                answer = await stranger.note(await browser.submit(page, "/signup", address=address))
                path = answer.headers["location"]
                page = await stranger.note(await browser.get(path))
                for _ in range(7):
                    await world.house.runner.run_all_once()
                    await stranger.start()
                    await stranger.note(await browser.submit(page, path, code="none"))
                    page = await stranger.note(await browser.get(path))
                for seconds in (5, 40, 40):
                    world.clock.advance(seconds=seconds)
                    fields = {"resend": "yes"}
                    await stranger.start()
                    await stranger.note(await browser.submit(page, path, **fields))
                    page = await stranger.note(await browser.get(path))
            world.clock.advance(minutes=-85 / 60)
            stories[kind] = stranger.story
        same(stories)
        texts = {kind: [letter.text for letter in await world.letters(address)] for kind, address in PEOPLE.items()}
    assert all("Your code is" in text for text in texts["unknown"])
    for kind in ("known", "disabled", "closed", "without"):
        assert texts[kind]
        assert all("already" in text and "Your code is" not in text for text in texts[kind])


async def test_a_code_has_five_tries_and_ten_minutes(world: World) -> None:  # D18
    async with world.browser() as browser:
        page = await begin(browser)
        right = await mailed_code(world)
        wrong = f"{(int(right) + 1) % 10**6:06d}"
        for left in (4, 3, 2, 1):
            page = await enter(browser, page, wrong)
            assert f"You have {left} more" in page.text
        for code in (wrong, right):
            page = await enter(browser, page, code)
            assert "Too many wrong codes" in page.text
        world.clock.advance(seconds=31)
        page = await browser.follow(await browser.submit(page, page.request.url.path, resend="yes"))
        assert "on its way" in page.text
        second = await mailed_code(world)
        world.clock.advance(minutes=10, seconds=1)
        page = await enter(browser, page, second)
        assert "no longer works" in page.text
        page = await browser.follow(await browser.submit(page, page.request.url.path, resend="yes"))
        third = await mailed_code(world)
        world.clock.advance(minutes=10)
        assert "Create your account" in (await enter(browser, page, third)).text


async def test_only_the_newest_code_works_and_resending_is_bounded(world: World) -> None:  # D18
    async with world.native() as client:
        attempt = await begin_by_api(client)
        first = await mailed_code(world)
        told = (await client.answer(attempt, {"answer": "resend"})).json()
        assert told["failure"]["code"] == "email_code.resend_too_soon"
        newest = first
        for _ in range(4):
            world.clock.advance(seconds=30)
            told = (await client.answer(told, {"answer": "resend"})).json()
            assert "failure" not in told
            newest = await mailed_code(world)
        world.clock.advance(seconds=30)
        told = (await client.answer(told, {"answer": "resend"})).json()
        assert told["failure"]["code"] == "email_code.resend_later"
        assert told["failure"]["params"]["count"] >= 50
        if first != newest:
            told = (await client.answer(told, {"answer": "email_code", "code": first})).json()
            assert told["failure"]["code"] == "email_code.wrong"
        told = (await client.answer(told, {"answer": "email_code", "code": newest})).json()
        assert told["step"]["step"] == "create_account"


async def test_a_code_guessed_in_parallel_has_no_more_tries(free_world: World, race_width: int) -> None:  # D18, rule 2
    async with free_world.native() as client:
        attempt = await begin_by_api(client)
        right = int(await mailed_code(free_world))
        guesses = [f"{(right + 1 + number) % 10**6:06d}" for number in range(race_width)]
        await asyncio.gather(*(client.answer(attempt, {"answer": "email_code", "code": each}) for each in guesses))
        told = (await client.call("GET", f"/signin/{attempt['id']}")).json()
        told = (await client.answer(told, {"answer": "email_code", "code": f"{right:06d}"})).json()
        assert told["step"]["step"] == "verify_email"
        assert told["failure"]["code"] == "email_code.used_up"


async def test_a_right_code_counts_once_however_often_it_is_sent(free_world: World, race_width: int) -> None:  # D18
    async with free_world.native() as client:
        attempt = await begin_by_api(client)
        answer = {"answer": "email_code", "code": await mailed_code(free_world)}
        answers = await asyncio.gather(*(client.answer(attempt, answer) for _ in range(race_width)))
        assert {each.status_code for each in answers} == {200}
        told = (await client.call("GET", f"/signin/{attempt['id']}")).json()
        assert told["step"]["step"] == "create_account"
        assert "tokens" in (await client.answer(told, CREATE)).json()


async def test_of_many_who_sign_up_for_one_address_one_gets_the_account(  # S53, D1
    make_world: MakeWorld, race_width: int
) -> None:
    limits = Limits(is_lifted=True, code_mail=Rate(burst=1_000, every=timedelta(minutes=1)))
    async with make_world(limits=limits) as world:
        ready = []
        for _ in range(min(race_width, 20)):
            async with world.native() as client:
                attempt = await begin_by_api(client)
                world.clock.advance(seconds=1)  # so that the newest mail is the newest
                answer = {"answer": "email_code", "code": await mailed_code(world)}
                told = (await client.answer(attempt, answer)).json()
                assert told["step"]["step"] == "create_account"
                ready.append((dict(client.headers), told))
        async with world.native() as client:

            async def finish(headers: dict[str, str], attempt: dict[str, object]) -> dict[str, object]:
                body = {"version": attempt["version"], "answer": CREATE}
                done = await client.client.post(f"/api/v1/signin/{attempt['id']}", json=body, headers=headers)
                assert done.status_code == 200, done.text
                told: dict[str, object] = done.json()
                return told

            told = await asyncio.gather(*(finish(*each) for each in ready))
        assert sum("tokens" in each for each in told) == 1
        failures = [each["failure"]["code"] for each in told if "failure" in each]
        assert failures == ["signup.address_taken"] * (len(ready) - 1)
        rows = await world.house.database.list_rows("SELECT id FROM accounts WHERE address_key = $1", NEWCOMER)
        assert len(rows) == 1


async def test_many_begin_for_one_address_and_it_gets_few_mails(free_world: World, race_width: int) -> None:  # D6
    clients = 100 if race_width >= 50 else race_width
    async with free_world.native() as client:
        body = {"installation": client.installation, "address": NEWCOMER}
        begun = await asyncio.gather(*(client.call("POST", "/signup", body) for _ in range(clients)))
        assert {each.status_code for each in begun} == {201}
    assert len(await free_world.letters(NEWCOMER)) == Limits().code_mail.burst


async def test_a_network_that_asks_for_too_many_mails_is_told_to_wait(world: World) -> None:  # D6, D20
    async with world.native() as client:
        body = {"installation": client.installation, "address": NEWCOMER}
        statuses = [(await client.call("POST", "/signup", body)).status_code for _ in range(35)]
        assert set(statuses[:30]) == {201}
        assert set(statuses[30:]) == {429}
        body["address"] = ADDRESS
        assert_refused(await client.call("POST", "/signup", body), 429)


async def test_a_sign_up_lives_a_day(world: World) -> None:  # S53
    async with world.native() as client:
        attempt = await begin_by_api(client)
        world.clock.advance(hours=24)
        told = (await client.call("GET", f"/signin/{attempt['id']}")).json()
        assert told["step"]["reason"] == "attempt_over"
        await world.house.runner.run_all_once()
    assert not await world.house.database.list_rows("SELECT attempt_id FROM mailed_codes WHERE code_mac IS NOT NULL")


async def test_a_sign_up_is_recorded(world: World) -> None:  # D6
    async with world.browser() as browser:
        await sign_up(world, browser)
    account = await world.get_account(NEWCOMER)
    events = [each.event for each in await world.house.audit.list_events(world.house.database, account.id)]
    kinds = {event.kind for event in events}
    assert {EventKind.ACCOUNT_CREATED, EventKind.SIGN_IN_SUCCEEDED} <= kinds
    assert not [event for event in events if NEWCOMER in repr(event)]


@pytest.mark.parametrize(
    "answer",
    [
        {"answer": "password", "password": PASSWORD},
        {"answer": "identifier", "identifier": ADDRESS},
        {"answer": "new_password", "new_password": PASSWORD},
        CREATE,
    ],
    ids=lambda answer: str(answer["answer"]),
)
async def test_no_step_can_be_skipped(free_world: World, answer: dict[str, str]) -> None:  # S53, rule 11
    async with free_world.native() as client:
        attempt = await begin_by_api(client)
        told = (await client.answer(attempt, answer)).json()
        assert told["step"]["step"] == "verify_email"
        assert told["version"] == attempt["version"]
    assert await free_world.house.accounts.find_by_identifier(free_world.house.database, NEWCOMER) is None


async def test_an_impatient_click_costs_nothing(world: World) -> None:  # D18
    async with world.native() as client:
        told = await begin_by_api(client)
        for _ in range(6):
            told = (await client.answer(told, {"answer": "resend"})).json()
            assert told["failure"]["code"] == "email_code.resend_too_soon"
        world.clock.advance(seconds=30)
        assert "failure" not in (await client.answer(told, {"answer": "resend"})).json()


async def test_codes_guessed_in_attempt_after_attempt_add_up(make_world: MakeWorld) -> None:  # D18, rule 2
    limits = Limits(code_try=Rate(burst=7, every=timedelta(minutes=10)))
    async with make_world(limits=limits) as world:
        statuses = []
        for _ in range(2):
            async with world.native() as client:
                told = await begin_by_api(client)
                await world.letters()
                for _guess in range(5):
                    answer = await client.answer(told, {"answer": "email_code", "code": "none"})
                    statuses.append(answer.status_code)
                    told = answer.json() if answer.status_code == 200 else told
        assert statuses == [200] * 7 + [429] * 3


async def test_a_late_link_does_not_promise_more_than_the_sign_up_lives(world: World) -> None:  # D18
    async with world.native() as client:
        told = await begin_by_api(client)
        world.clock.advance(hours=23)
        await client.answer(told, {"answer": "resend"})
        await world.letters()
    (mail,) = await world.house.database.list_rows("SELECT useless_at FROM outbox ORDER BY id DESC LIMIT 1")
    assert mail["useless_at"] == to_micros(world.clock.now() + timedelta(hours=1))


async def test_two_of_one_name_finish_at_once_and_both_get_an_account(free_world: World, race_width: int) -> None:  # D1
    clients = min(race_width, 10)
    ready = []
    for number in range(clients):
        address = f"anna@clinic{number}.example"
        async with free_world.native() as client:
            attempt = await begin_by_api(client, address)
            code = await mailed_code(free_world, address)
            told = (await client.answer(attempt, {"answer": "email_code", "code": code})).json()
            ready.append((dict(client.headers), told))
    async with free_world.native() as client:

        async def finish(headers: dict[str, str], attempt: dict[str, object]) -> dict[str, object]:
            body = {"version": attempt["version"], "answer": CREATE}
            done = await client.client.post(f"/api/v1/signin/{attempt['id']}", json=body, headers=headers)
            told: dict[str, object] = done.json()
            return told

        told = await asyncio.gather(*(finish(*each) for each in ready))
    assert all("tokens" in each for each in told), told
