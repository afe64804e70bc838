"""Sessions and tokens in hostile hands: rotation, re-use, ends to the second, fixation (D21, rules 1, 3 and 9)."""

import asyncio
import base64
from collections import Counter
from datetime import timedelta

import httpx

from portico.sessions.model import SessionLengths
from tests.support.dump import dump
from tests.support.hashers import WatchedHasher
from tests.support.refusals import assert_refused
from tests.support.world import ADDRESS, LIFTED, NEW_PASSWORD, PASSWORD, Browser, MakeWorld, Native, World

LENGTHS = SessionLengths()
SESSION_COOKIE = "__Host-portico_session"
CHANGE = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}


async def is_in(client: Native) -> bool:
    """Whether an access token opens the account."""
    answer = await client.call("GET", "/account")
    if answer.status_code != 200:
        assert_refused(answer, 401)
    return answer.status_code == 200


async def is_home(browser: Browser) -> bool:
    """Whether a browser is signed in."""
    answer = await browser.get("/account")
    assert answer.status_code in (200, 303)
    return answer.status_code == 200


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(free_world: World) -> None:  # D21, rule 1
    async with free_world.native() as client, free_world.native() as thief, free_world.native() as other:
        await client.sign_in()
        await other.sign_in()
        thief.refresh_token = client.refresh_token
        first = (client.access_token, client.refresh_token)
        assert (await client.refresh()).status_code == 200
        assert client.access_token != first[0]
        assert client.refresh_token != first[1]
        assert await is_in(client)
        thief.access_token = first[0]
        assert_refused(await thief.refresh(), 401)
        assert not await is_in(client), "somebody holds a copy: the family ends"
        assert not await is_in(thief)
        assert_refused(await client.refresh(), 401)
        assert await is_in(other), "another session of the same person is another family"
    kinds = await event_kinds(free_world)
    assert kinds["session.refresh_token_reused"] == 1


async def test_a_thief_who_is_first_loses_too(free_world: World) -> None:  # D21
    async with free_world.native() as client, free_world.native() as thief:
        await client.sign_in()
        thief.refresh_token = client.refresh_token
        assert (await thief.refresh()).status_code == 200
        assert await is_in(thief)
        assert_refused(await client.refresh(), 401)
        assert not await is_in(thief)
        assert_refused(await thief.refresh(), 401)


async def test_twenty_refreshes_at_once_leave_at_most_one_pair_alive(
    free_world: World, race_rounds: int
) -> None:  # D21, rule 1
    for _ in range(race_rounds):
        async with free_world.native() as client:
            await client.sign_in()
            token = client.refresh_token
            client.access_token = ""
            answers = await asyncio.gather(
                *(client.call("POST", "/tokens/refresh", {"refresh_token": token}) for _ in range(20))
            )
            pairs = [answer.json() for answer in answers if answer.status_code == 200]
            assert len(pairs) <= 1
            for answer in answers:
                if answer.status_code != 200:
                    assert_refused(answer, 401)
            alive = 0
            for pair in pairs:
                client.keep(pair)
                alive += await is_in(client) or (await client.refresh()).status_code == 200
            assert alive <= 1


async def test_an_access_token_lasts_ten_minutes(free_world: World) -> None:  # D21
    async with free_world.native() as client:
        await client.sign_in()
        free_world.clock.at += LENGTHS.access_token - timedelta(microseconds=1)
        assert await is_in(client)
        free_world.clock.at += timedelta(microseconds=1)
        assert not await is_in(client)
        assert (await client.refresh()).status_code == 200
        assert await is_in(client)


async def test_signing_out_ends_every_token_of_the_session(free_world: World) -> None:  # S37, S38, V7.4.1
    async with free_world.native() as client, free_world.browser() as browser:
        await client.sign_in()
        await browser.sign_in()
        stolen = browser.cookie("session") or ""
        assert (await client.call("POST", "/tokens/revoke")).status_code == 204
        assert not await is_in(client)
        assert_refused(await client.refresh(), 401)
        assert_refused(await client.call("POST", "/tokens/revoke"), 401)
        out = await browser.submit(await browser.get("/account"), "/signout")
        assert out.headers["clear-site-data"]
        assert not browser.cookie("session")
        browser.client.cookies.set(SESSION_COOKIE, stolen)
        assert not await is_home(browser)


async def test_a_session_dies_when_it_has_rested_too_long(free_world: World) -> None:  # D21, V7.3.1
    for stay, idle in [(True, LENGTHS.persistent_idle), (False, LENGTHS.brief_idle)]:
        async with free_world.browser() as browser, free_world.browser() as copy:
            await browser.sign_in(stay=stay)
            copy.client.cookies.set(SESSION_COOKIE, browser.cookie("session") or "")
            free_world.clock.at += idle - timedelta(seconds=1)
            assert await is_home(browser), "used in its last second, it lives on"
            free_world.clock.at += idle - timedelta(microseconds=1)
            assert await is_home(copy)
            free_world.clock.at += idle
            assert not await is_home(browser)
            assert not await is_home(copy)


async def test_a_session_dies_at_its_end_however_it_is_used(free_world: World) -> None:  # D21, V7.3.2
    for stay, whole, idle in [
        (True, LENGTHS.persistent, LENGTHS.persistent_idle),
        (False, LENGTHS.brief, LENGTHS.brief_idle),
    ]:
        async with free_world.browser() as browser, free_world.native() as client:
            await browser.sign_in(stay=stay)
            attempt = await client.begin()
            await client.answer(attempt, {"answer": "password", "password": PASSWORD, "stay_signed_in": stay})
            cookie = browser.cookie("session") or ""
            began = free_world.clock.at
            while free_world.clock.at + idle / 2 < began + whole:
                free_world.clock.at += idle / 2
                assert await is_home(browser)
                assert (await client.refresh()).status_code == 200
            free_world.clock.at = began + whole - timedelta(microseconds=1)
            browser.client.cookies.set(SESSION_COOKIE, cookie)
            assert await is_home(browser)
            assert (await client.refresh()).status_code == 200
            free_world.clock.at = began + whole
            assert not await is_home(browser)
            assert not await is_in(client)
            assert_refused(await client.refresh(), 401)


async def test_a_cookie_that_was_planted_is_never_adopted(free_world: World) -> None:  # V7.2.4, O7
    planted = base64.urlsafe_b64encode(b"p" * 32).rstrip(b"=").decode()
    for value in [planted, "1", "", "A" * 43, "A" * 5_000]:
        async with free_world.browser() as browser, free_world.browser() as attacker:
            for name in ("session", "reset_link", "notice", "language"):
                browser.client.cookies.set(f"__Host-portico_{name}", value)
            assert not await is_home(browser)
            answer = await browser.sign_in()
            assert answer.status_code == 303
            cookies = [cookie for cookie in answer.headers.get_list("set-cookie") if SESSION_COOKIE in cookie]
            assert len(cookies) == 1
            assert f"={value};" not in cookies[0]
            attacker.client.cookies.set(SESSION_COOKIE, value)
            assert not await is_home(attacker)


async def test_a_planted_browser_cookie_gives_nobody_a_session(free_world: World) -> None:  # V7.2.4, O7
    """The browser's cookie names a device and is no session: whoever knows it is still nobody."""
    planted = base64.urlsafe_b64encode(b"p" * 32).rstrip(b"=").decode()
    async with free_world.browser() as victim, free_world.browser() as attacker:
        for browser in (victim, attacker):
            browser.client.cookies.set("__Host-portico_browser", planted)
        page = await victim.identify()
        await victim.submit(page, page.request.url.path, password=PASSWORD)
        assert victim.cookie("session")
        assert not await is_home(attacker)
        again = await attacker.get(page.request.url.path)
        assert again.status_code in (404, 410)
        assert "Nora" not in again.text


async def test_every_sign_in_and_change_gives_a_new_session_secret(free_world: World) -> None:  # V7.2.4, D22
    async with free_world.browser() as browser, free_world.browser() as thief:
        seen = set()
        await browser.sign_in()
        seen.add(browser.cookie("session"))
        tab = await browser.get("/account")
        await browser.submit(tab, "/signout")
        await browser.sign_in()
        thief.client.cookies.set(SESSION_COOKIE, browser.cookie("session") or "")
        seen.add(browser.cookie("session"))
        page = await browser.get("/account/password")
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        changed = await browser.submit(page, "/account/password", current_password=PASSWORD, **new)
        assert changed.headers["location"] == "/account"
        seen.add(browser.cookie("session"))
        assert len(seen) == 3
        assert await is_home(browser)
        assert not await is_home(thief), "who copied the cookie before the change has nothing after it"
        for old in seen - {browser.cookie("session")}:
            thief.client.cookies.set(SESSION_COOKIE, old or "")
            assert not await is_home(thief)


async def test_signing_in_again_ends_the_session_that_was_there(free_world: World) -> None:  # D21
    await free_world.add_person("tom@north-clinic.example", NEW_PASSWORD)
    async with free_world.browser() as browser, free_world.browser() as copy:
        page = await browser.get("/signin")
        other_tab = await browser.get("/signin")
        await browser.follow(await browser.submit(page, "/signin", identifier=ADDRESS))
        step = await browser.follow(await browser.submit(other_tab, "/signin", identifier="tom@north-clinic.example"))
        await browser.sign_in()
        copy.client.cookies.set(SESSION_COOKIE, browser.cookie("session") or "")
        await browser.submit(step, step.request.url.path, password=NEW_PASSWORD)
        assert "tom@north-clinic.example" in (await browser.get("/account")).text
        assert not await is_home(copy)


async def test_a_session_of_somebody_else_cannot_be_touched(free_world: World) -> None:  # V7.5.2, V8.2.2
    await free_world.add_person("tom@north-clinic.example", NEW_PASSWORD)
    async with free_world.native() as nora, free_world.native() as tom, free_world.browser() as toms:
        await nora.sign_in()
        await tom.sign_in("tom@north-clinic.example", NEW_PASSWORD)
        await toms.sign_in("tom@north-clinic.example", NEW_PASSWORD)
        theirs = (await nora.call("GET", "/account/sessions")).json()["sessions"][0]["id"]
        for session_id in [
            theirs,
            theirs.upper(),
            f"{theirs}%00",
            f"{theirs} ",
            "0",
            "%",
            "*",
            "\u00e4",
            f"{theirs}' OR '1'='1",
        ]:
            assert_refused(await tom.call("DELETE", f"/account/sessions/{session_id}"), 400, 404)
        page = await toms.get("/account/sessions")
        csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
        ended = await toms.post(f"/account/sessions/{theirs}/end", {"csrf": csrf})
        assert ended.status_code in (303, 404)
        assert await is_in(nora)
        assert (await tom.call("DELETE", "/account/sessions")).json() == {"ended": 1}
        assert await is_in(nora)
        listed = (await tom.call("GET", "/account/sessions")).json()["sessions"]
        assert [session["is_current"] for session in listed] == [True]
        assert "nora" not in str(listed).lower()


async def test_one_ends_ones_own_sessions(free_world: World) -> None:  # D22, S37
    async with free_world.native() as client, free_world.native() as other, free_world.browser() as browser:
        await client.sign_in()
        await other.sign_in()
        await browser.sign_in()
        sessions = (await client.call("GET", "/account/sessions")).json()["sessions"]
        assert len(sessions) == 3
        for session in sessions:
            if not session["is_current"]:
                path = f"/account/sessions/{session['id']}"
                assert (await client.call("DELETE", path)).status_code == 204
                assert_refused(await client.call("DELETE", path), 404)
        assert not await is_in(other)
        assert_refused(await other.refresh(), 401)
        assert not await is_home(browser)
        assert await is_in(client)


async def test_a_wrong_change_changes_nothing(free_world: World) -> None:  # V6.2.3
    async with free_world.native() as client:
        await client.sign_in()
        before = await dump(free_world.house.database)
        for body in (
            {"new_password": NEW_PASSWORD},
            {"current_password": None, "new_password": NEW_PASSWORD},
            {**CHANGE, "account_id": "1"},
        ):
            assert_refused(await client.call("POST", "/account/password", body), 400)
        assert await dump(free_world.house.database) == before
        told = (await client.call("POST", "/account/password", {**CHANGE, "current_password": ""})).json()
        assert told["is_done"] is False
        assert (await client.call("POST", "/account/password", CHANGE)).json() == {"is_done": True}
        assert await is_in(client)
        assert (await client.refresh()).status_code == 200


async def test_of_many_changes_at_once_one_counts(make_world: MakeWorld) -> None:  # rule 1, D22
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world:
        async with world.native() as client:
            await client.sign_in()
            passwords = [f"{NEW_PASSWORD}-{number}" for number in range(10)]
            answers = await asyncio.gather(
                *(client.call("POST", "/account/password", {**CHANGE, "new_password": each}) for each in passwords)
            )
            done = [
                each
                for each, answer in zip(passwords, answers, strict=True)
                if answer.status_code == 200 and answer.json()["is_done"]
            ]
            assert len(done) == 1
            for answer in answers:
                if answer.status_code != 200:
                    assert_refused(answer, 401, 404, 409)
        async with world.native() as fresh:
            assert "tokens" in (await fresh.sign_in(ADDRESS, done[0])).json()
            for each in {PASSWORD, *passwords} - set(done):
                assert "tokens" not in (await fresh.sign_in(ADDRESS, each)).json()


async def test_secrets_are_long_random_and_never_twice(free_world: World) -> None:  # V7.2.3, V11.5.1
    tokens = set()
    for _ in range(40):
        async with free_world.native() as client:
            await client.sign_in()
            tokens |= {client.access_token, client.refresh_token, client.headers["portico-ticket"]}
        async with free_world.browser() as browser:
            tokens |= session_cookies(await browser.sign_in())
    assert len(tokens) == 160
    bits: Counter[str] = Counter()
    for token in tokens:
        data = base64.urlsafe_b64decode(token + "=")
        assert len(data) == 32
        bits.update("".join(f"{byte:08b}" for byte in data))
    assert abs(bits["0"] - bits["1"]) < 6 * (bits.total() ** 0.5)


def session_cookies(answer: httpx.Response) -> set[str]:
    """The session secrets an answer sets."""
    cookies = (cookie.partition(";")[0].partition("=") for cookie in answer.headers.get_list("set-cookie"))
    return {value for name, _, value in cookies if name == SESSION_COOKIE}


async def event_kinds(world: World) -> Counter[str]:
    """What was recorded about Nora, and how often."""
    account = await world.get_account()
    recorded = await world.house.audit.list_events(world.house.database, account.id, limit=500)
    return Counter(each.event.kind.value for each in recorded)
