"""Bodies nobody of good will sends: too large, cut short, in the wrong form, full of characters that do not belong."""

import time
import unicodedata
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx

from portico.web.body import BODY_MAX, FIELD_MAX
from tests.support.dump import dump
from tests.support.hashers import WatchedHasher, watched
from tests.support.refusals import assert_refused
from tests.support.world import ADDRESS, BASE, LIFTED, NEW_PASSWORD, PASSWORD, Browser, MakeWorld, World, hidden_fields

CHEAP_SECONDS = 0.4
"""Of this process' own time: several times what the requests take, a fraction of what the mistake would."""
FORM = "application/x-www-form-urlencoded"
NOT_OURS = {
    "nothing": b"",
    "not UTF-8": b"identifier=%ff%fe",
    "a lone surrogate": b"identifier=%ed%a0%80",
    "bytes that were not quoted": b"identifier=\xc3\xa4",
    "a field twice": b"identifier=a&identifier=b",
    "a hidden field twice": b"identifier=a&form=&form=",
    "a field nobody asked for": b"identifier=a&role=admin",
    "a name without a value": b"identifier",
    "signs only": b"&&&=&",
    "sixty fields": b"&".join(b"a%d=1" % number for number in range(60)),
    "a field too long": b"identifier=" + b"a" * (FIELD_MAX + 1),
    "JSON in a form's clothes": b'{"identifier": "a"}',
}
NOT_JSON = {
    "nothing": b"",
    "cut short": b"{",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"text"',
    "not UTF-8": b'{"installation": "\xff", "identifier": "a"}',
    "a lone surrogate": b'{"installation": "\\ud800", "identifier": "a"}',
    "an operator": b'{"identifier": {"$ne": ""}}',
    "a list for a text": b'{"identifier": ["a"]}',
    "yes for a text": b'{"identifier": true}',
    "a number for a text": b'{"identifier": 0}',
    "null for a text": b'{"identifier": null}',
    "a field nobody asked for": b'{"__proto__": {}}',
    "deeply nested": b"[" * 30_000,
    "deeply nested objects": b'{"a":' * 10_000,
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"identifier": "a"}'.encode("utf-16"),
    "two documents": b'{"identifier": "a"} {}',
}
BODIES = [
    ("POST", "/signin"),
    ("POST", "/signin/0190-not-there"),
    ("POST", "/tokens/refresh"),
    ("POST", "/password-reset"),
    ("POST", "/password-reset/link"),
    ("POST", "/password-reset/requests"),
    ("PATCH", "/account"),
    ("POST", "/account/password"),
]


async def send(browser: Browser, path: str, body: bytes, **headers: str) -> httpx.Response:
    """A POST of raw bytes from one of our own pages."""
    return await browser.client.post(path, content=body, headers={"origin": BASE, "content-type": FORM, **headers})


async def test_a_form_that_cannot_be_ours_is_refused(free_world: World) -> None:  # S43, D1
    async with free_world.browser() as browser:
        await browser.sign_in()
        before = await dump(free_world.house.database)
        for body in NOT_OURS.values():
            for path in ["/signin", "/account/passwordreset", "/account/passwordreset/new", "/account/profile"]:
                assert_refused(await send(browser, path, body), 400, 403, 413)
        assert await dump(free_world.house.database) == before


async def test_a_document_that_cannot_be_ours_is_refused(free_world: World) -> None:  # S14
    async with free_world.native() as client:
        await client.sign_in()
        before = await dump(free_world.house.database)
        headers = {"content-type": "application/json", "authorization": f"Bearer {client.access_token}"}
        for method, path in BODIES:
            for body in NOT_JSON.values():
                answer = await client.client.request(method, f"/api/v1{path}", content=body, headers=headers)
                assert_refused(answer, 400)
        assert await dump(free_world.house.database) == before


async def test_a_field_sent_twice_in_a_document_is_refused(free_world: World) -> None:  # S14
    async with free_world.native() as client:
        attempt = await client.begin()
        body = f'{{"version": 1, "version": 1, "answer": {{"answer": "password", "password": "{PASSWORD}"}}}}'
        inside = f'{{"version": 1, "answer": {{"answer": "password", "password": "x", "password": "{PASSWORD}"}}}}'
        for document in (body, inside):
            answer = await client.client.post(
                f"/api/v1/signin/{attempt['id']}",
                content=document,
                headers={"content-type": "application/json", **client.headers},
            )
            assert_refused(answer, 400)


async def test_bodies_in_another_encoding_are_refused(free_world: World) -> None:  # S14
    async with free_world.browser() as browser:
        page = await browser.get("/signin")
        csrf = hidden_fields(page, "/signin")["csrf"]
        for content_type in ["", "text/plain", "multipart/form-data; boundary=x", "application/json", FORM + "x"]:
            body = f"csrf={csrf}&identifier=nora".encode()
            assert_refused(await send(browser, "/signin", body, **{"content-type": content_type}), 400)
    async with free_world.native() as client:
        body = f'{{"installation": "{client.installation}", "identifier": "nora"}}'.encode()
        for content_type in ["", "text/plain", FORM, "application/jsonp", "text/json"]:
            answer = await client.client.post("/api/v1/signin", content=body, headers={"content-type": content_type})
            assert_refused(answer, 400)


async def test_a_body_of_ten_megabytes_is_given_up_on(free_world: World) -> None:  # D1
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(160):
            sent += BODY_MAX
            yield b"a" * BODY_MAX

    async with free_world.browser() as browser:
        for announced in [None, "10485760", "9" * 18, "9" * 5_000, "-1", "0x10", "1e3", "\u00b2"]:
            headers = {b"origin": BASE.encode(), b"content-type": FORM.encode()}
            if announced is not None:
                headers[b"content-length"] = announced.encode("latin-1")
            sent = 0
            answer = await browser.client.post("/signin", content=chunks(), headers=headers)
            assert_refused(answer, 413)
            assert sent <= 2 * BODY_MAX


async def test_a_password_of_a_megabyte_is_never_hashed(make_world: MakeWorld) -> None:  # D1
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world, world.browser() as browser:
        hasher = watched(world)
        page = await browser.identify()
        before = hasher.count
        assert_refused(await browser.submit(page, page.request.url.path, password="a" * 1_000_000), 413)
        assert hasher.count == before
        # One that fits into a form but is longer than any password costs what a wrong one costs.
        await browser.submit(page, page.request.url.path, password="a" * 4_000)
        assert hasher.count == before + 1
        page = await browser.get(page.request.url.path)
        assert "do not go together" in page.text
        # Nor is a new one of that length hashed: it is refused before (D1).
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        link = await browser.follow(await browser.get(await world.reset_link()))
        before = hasher.count
        answer = await browser.submit(
            link, "/account/passwordreset/new", new_password="aB3$" * 65, repeat_password="aB3$" * 65
        )
        assert "256" in (await browser.follow(answer)).text
        assert hasher.count == before


UNPRINTABLE = ["\0", "\x07", "\x1b[31m", "\r\n", "\u202e", "\u200b", "\ufeff", "\U000e0041", "\ud7ff", "\ufffe"]


async def test_control_characters_do_no_harm_anywhere(free_world: World) -> None:  # D1
    for character in UNPRINTABLE:
        await type_everywhere(free_world, character)


async def type_everywhere(free_world: World, character: str) -> None:
    """Put a character into every field there is."""
    dirty = f"no{character}ra"
    async with free_world.browser() as browser:
        page = await browser.sign_in(dirty, PASSWORD)
        assert page.status_code == 303
        shown = await browser.get("/account")
        assert shown.status_code in (200, 303)
    async with free_world.browser() as browser:
        answer = await browser.sign_in("nora", PASSWORD + character)
        assert answer.status_code == 303
        assert not browser.cookie("session"), "the password is compared exactly as it was sent"
        form = await browser.get("/account/passwordreset")
        sent = await browser.follow(await browser.submit(form, "/account/passwordreset", identifier=dirty))
        assert sent.status_code == 200
        assert character not in sent.text or character.isspace() or character == "\ud7ff"
    async with free_world.browser() as browser:
        await browser.sign_in()
        form = await browser.get("/account/profile")
        await browser.submit(form, "/account/profile", first_name=dirty, last_name=f"{character}x")
        assert (await browser.get("/account")).status_code == 200
    async with free_world.browser() as browser:
        assert (await browser.get(f"/signin?identifier={quote(dirty)}&return_to={quote(dirty)}")).status_code == 200
        assert_refused(await browser.get(f"/signin/{quote(dirty)}"), 400, 404)
        assert_refused(await browser.get(f"/account/passwordreset/{quote(dirty)}"), 404)


BAD_PROFILES: list[dict[str, object]] = [
    {"first_name": "N", "last_name": "L", "version": 2**63},
    {"first_name": "N", "last_name": "L", "version": -(2**70)},
    {"first_name": "N", "last_name": "L", "version": 1.5},
    {"first_name": "N", "last_name": "L", "version": "1"},
    {"first_name": "", "last_name": " \u200b ", "version": 1},
    {"first_name": "N" * 101, "last_name": "", "version": 1},
    {"first_name": "N", "last_name": "L", "version": 1, "is_operator": True},
    {"first_name": "N", "last_name": "L", "version": 1, "state": "active"},
    {"first_name": "N", "last_name": "L", "version": 1, "address": "x@y.example"},
    {"first_name": "N", "last_name": "L", "version": 1, "epoch": 1},
]


async def test_a_profile_takes_only_what_it_asks_for(free_world: World) -> None:  # D1
    async with free_world.native() as client:
        await client.sign_in()
        before = await free_world.get_account()
        for body in BAD_PROFILES:
            assert_refused(await client.call("PATCH", "/account", body), 400)
        assert await free_world.get_account() == before


async def test_a_version_that_no_page_showed_is_refused(free_world: World) -> None:
    async with free_world.browser() as browser:
        await browser.sign_in()
        page = await browser.get("/account/profile")
        for version in ["99999999999999999999", "-9223372036854775809", "1e3", "1.5", "", "one", "\u0661", "0", "2"]:
            fields = {**hidden_fields(page, "/account/profile"), "version": version}
            answer = await browser.post("/account/profile", {**fields, "first_name": "Mallory", "last_name": ""})
            if answer.status_code == 303:
                answer = await browser.follow(answer)
                assert answer.request.url.path == "/account/profile", version
            else:
                assert_refused(answer, 400)
            assert (await free_world.get_account()).first_name == "Nora"


LOOK_ALIKES = [
    ("NORA@North-Clinic.EXAMPLE", True),
    ("  nora@north-clinic.example\t", True),
    ("nora@north-clinic\u3002example", True),  # an ideographic full stop means a dot (UTS #46)
    ("nora@\uff4eorth-clinic.example", True),  # a full-width n is mapped to n in a domain
    ("Nora", True),
    ("nora+ward@north-clinic.example", False),
    ("n.ora@north-clinic.example", False),
    ("nor\u0430@north-clinic.example", False),  # a Cyrillic a
    ("nora@north-clin\u0456c.example", False),  # a Cyrillic i
    ("\uff4eora@north-clinic.example", False),  # a full-width n stays one in the local part
    ("nora\u0301@north-clinic.example", False),
    ("n\u014dra", False),
    ("nora@north-clinic.example@evil.example", False),
    ("nora@evil.example,nora@north-clinic.example", False),
    ("nora@north-clinic.example%0abcc:eve@evil.example", False),
    ("<nora@north-clinic.example>", False),
    ("nora@", False),
    ("@north-clinic.example", False),
    ("' OR 1=1 --", False),
    ("%", False),
    ("nora%", False),
]


async def test_look_alike_names_mean_nobody_else(free_world: World) -> None:  # D1
    for number, (typed, is_nora) in enumerate(LOOK_ALIKES, start=1):
        async with free_world.browser() as browser:
            await browser.sign_in(typed)
            assert bool(browser.cookie("session")) is is_nora, typed
        async with free_world.native() as client:
            await client.call("POST", "/password-reset/requests", {"identifier": typed})
        before = sum(is_nora for _, is_nora in LOOK_ALIKES[:number])
        letters = [letter for letter in await free_world.letters() if "/passwordreset/" in letter.text]
        assert {letter.to for letter in letters} <= {ADDRESS}, "mail goes to the stored address only"
        assert len(letters) == min(before, 3), typed


async def test_a_text_that_is_long_to_normalise_is_not_normalised(free_world: World) -> None:  # D1, rule 8
    heap = "a" + "\u0301" * 6_000 + "\u0323" * 6_000
    async with free_world.native() as client, free_world.browser() as browser:
        await client.sign_in()
        page = await browser.get("/signin")
        started = time.process_time()
        for method, path, body in [
            ("POST", "/signin", {"installation": client.installation, "identifier": heap}),
            ("POST", "/password-reset/requests", {"identifier": heap}),
            ("PATCH", "/account", {"first_name": heap, "last_name": heap, "version": 1}),
        ]:
            assert_refused(await client.call(method, path, body), 400)
        assert_refused(await browser.submit(page, "/signin", identifier=heap), 413)
        assert time.process_time() - started < CHEAP_SECONDS


async def test_the_methods_of_the_table_are_the_only_ones(free_world: World) -> None:  # S14
    async with free_world.browser() as browser:
        for method in ["TRACE", "CONNECT", "PROPFIND", "PUT", "DELETE", "OPTIONS", "XYZZY"]:
            for path in ["/signin", "/account", "/api/v1/account", "/static/0000/portico.css"]:
                answer = await browser.client.request(method, path, headers={"origin": BASE})
                assert_refused(answer, 404, 405)
                if answer.status_code == 405:
                    assert answer.headers["allow"]
        overridden = await browser.get("/signout", **{"x-http-method-override": "POST", "x-method-override": "POST"})
        assert_refused(overridden, 405)


NOWHERE = [
    "/account/x.css",
    "/account;.js",
    "/account%2e",
    "/account/",
    "//account",
    "/Account",
    "/.git/HEAD",
    "/.env",
    "/static/",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/0000000000000000/portico.css",
    "/metrics",
    "/docs",
    "/dev",
    "/dev/mailbox",
    "/dev/api/mailbox",
    "/api/v1",
    "/api/v1/",
    "/api/v1/nothing",
    "/" + "a" * 3_000,
    "/%ff%fe",
    "/%00",
]


async def test_paths_that_are_not_in_the_table_lead_nowhere(free_world: World) -> None:  # S43
    async with free_world.browser() as browser:
        await browser.sign_in()
        for path in NOWHERE:
            answer = await browser.client.get(BASE + path)
            assert answer.status_code in (400, 404), path
            assert_refused(answer, 404)


async def test_absurd_headers_are_ignored(free_world: World) -> None:  # S43
    absurd = {
        "accept-language": "q" * 50_000,
        "cookie": "; ".join(f"a{number}=b" for number in range(3_000)),
        "user-agent": "\x01" * 10_000,
        "accept": "application/x-unheard-of",
        "if-none-match": "*",
        "range": "bytes=0-1",
        "x-portico": "=?utf-8?q?=00?=",
    }
    async with free_world.browser() as browser:
        for name, value in absurd.items():
            assert (await browser.get("/signin", **{name: value})).status_code == 200
        started = time.process_time()
        answer = await browser.get("/signin?language=" + "a-" * 30_000 + "a")
        assert time.process_time() - started < CHEAP_SECONDS
        assert answer.status_code == 200
        assert answer.headers["content-language"] == "en"


async def test_bad_credentials_for_the_api_are_no_credentials(free_world: World) -> None:  # S14
    async with free_world.native() as client:
        await client.sign_in()
        good = client.access_token
        for authorization in [
            "",
            "Bearer",
            "Bearer ",
            f"Bearer  {good}",
            f"Basic {good}",
            f"Token {good}",
            f"Bearer {good}x",
            f"Bearer {good[:-1]}",
            f"Bearer {good.swapcase()}",
            f"Bearer {client.refresh_token}",
            f"Bearer {client.headers['portico-ticket']}",
            "Bearer " + "A" * 43,
            "Bearer " + "\xe4" * 43,
            "Bearer " + "A" * 30_000,
        ]:
            headers = {b"authorization": authorization.encode("latin-1")}
            assert_refused(await client.client.get("/api/v1/account", headers=headers), 401)
        assert_refused(await client.client.get(f"/api/v1/account?access_token={good}"), 401)


async def test_a_new_password_is_checked_for_what_was_typed(free_world: World) -> None:  # S33
    async with free_world.native() as client:
        await client.sign_in()
        for given in ["", " ", "short1!", "a" * 300, "\0", "Harbour-Lamp-2\u0667" + "x" * 250]:
            answer = await client.call(
                "POST", "/account/password", {"current_password": PASSWORD, "new_password": given}
            )
            assert answer.status_code == 200
            assert answer.json()["failure"]["code"] == "password.unmet"
        for current in ["", "wrong", NEW_PASSWORD, PASSWORD + " ", PASSWORD.upper(), PASSWORD + "\0"]:
            answer = await client.call(
                "POST", "/account/password", {"current_password": current, "new_password": NEW_PASSWORD}
            )
            assert answer.json()["failure"]["field"] == "current_password"
        for wrong_type in [None, ["a"], {"$ne": ""}, True, 0]:
            answer = await client.call(
                "POST", "/account/password", {"current_password": wrong_type, "new_password": NEW_PASSWORD}
            )
            assert_refused(answer, 400)
    await assert_still(free_world, PASSWORD)


EXACT = [
    ("Lamp-27 x", ["Lamp-27 x ", " Lamp-27 x", "lamp-27 x", "Lamp-27  x"]),
    ("Aa1!" + "b" * 68, ["Aa1!" + "b" * 67, "Aa1!" + "b" * 69]),
    ("Aa1!" + "\U0001f600" * 252, ["Aa1!" + "\U0001f600" * 251 + "\U0001f601"]),
    ("Caf\u00e9-Lamp-27", ["Cafe-Lamp-27"]),
    ("Aa1!\0bcdefg", ["Aa1!", "Aa1!\0bcdefh"]),
]


async def test_passwords_are_compared_as_they_were_received(free_world: World) -> None:  # D1
    for number, (password, others) in enumerate(EXACT):
        address = f"sam{number}@north-clinic.example"
        await free_world.add_person(address, password)
        async with free_world.native() as client:
            for other in others:
                assert "tokens" not in (await client.sign_in(address, other)).json(), other
            assert "tokens" in (await client.sign_in(address, password)).json()
            decomposed = unicodedata.normalize("NFD", password)
            assert "tokens" in (await client.sign_in(address, decomposed)).json(), "one text, two spellings"


async def assert_still(world: World, password: str) -> None:
    """The password is what it was."""
    async with world.native() as client:
        assert "tokens" in (await client.sign_in(ADDRESS, password)).json()
