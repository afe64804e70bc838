"""Requests that other sites, other hosts and other people's proxies would have us believe."""

import re
from urllib.parse import quote, urlsplit

import httpx
import pytest

from tests.support.dump import dump
from tests.support.refusals import assert_carried, assert_refused
from tests.support.world import ADDRESS, BASE, NEW_PASSWORD, PASSWORD, Browser, MakeWorld, World, hidden_fields

EVIL = "https://evil.example"
FOREIGN_ORIGINS = [
    EVIL,
    "http://login.portico.example",  # another scheme
    "https://login.portico.example:8443",  # another port
    "https://portico.example",
    "https://sub.login.portico.example",
    "https://login.portico.example.evil.example",
    "https://login.portico.example@evil.example",
    "https://LOGIN.portico.example",  # no browser writes it so
    "https://login.portico.example/",
    "https://login.portico.example, https://evil.example",
    "chrome-extension://abc",
    "file://",
    "",
]
ELSEWHERE = [
    EVIL,
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "https:evil.example",
    "https:/evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "javascript:alert(1)",
    "data:text/html,x",
    "@evil.example",
    "evil.example",
    ".evil.example",
    ":80",
    "?next=//evil.example",
    "#//evil.example",
    "/account#@evil.example",
    "/account\r\nSet-Cookie: a=b",
    "/account\r\n\r\n<script>",
    "/account\0",
    "/acc ount",
    "/\u2215evil.example",
    "/\uff0fevil.example",
    "/account\u3002evil",
    "/" + "a" * 2_000,
    "http://login.portico.example/account",
    BASE + "@evil.example",
    BASE + ".evil.example",
    BASE + "/account",
]
"""Nothing of this may follow a sign-in, however it is quoted."""
OWN = re.compile(r"/(?![/\\])[!-~]*")
INSIDE_BUT_ODD = ["/%2f/evil.example", "/%5cevil.example", "/.//evil.example", "/..//evil.example", "/a@evil.example"]
"""Paths of ours that look like something else: they may be followed, and must stay on this host."""


async def signed_in_forms(world: World, browser: Browser) -> list[tuple[str, dict[str, str]]]:
    """Every form there is, filled in well, as a signed-in person would send it."""
    form = await browser.get("/account/passwordreset")
    await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
    link = await world.reset_link()
    await browser.sign_in()
    overview = await browser.get("/account")
    name, password = await browser.get("/account/profile"), await browser.get("/account/password")
    sessions = await browser.get("/account/sessions")
    end = re.findall(r'action="(/account/sessions/[^"]+/end)"', sessions.text)[0]
    await browser.get(link)
    choose = await browser.get("/account/passwordreset/new")
    request = await browser.get("/account/passwordreset")
    new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
    return [
        ("/account/profile", {**hidden_fields(name, "/account/profile"), "first_name": "Eve", "last_name": ""}),
        ("/account/password", {**hidden_fields(password, "/account/password"), "current_password": PASSWORD, **new}),
        ("/account/sessions/end-others", hidden_fields(sessions, end)),
        (end, hidden_fields(sessions, end)),
        ("/account/passwordreset", {**hidden_fields(request, "/account/passwordreset"), "identifier": ADDRESS}),
        ("/account/passwordreset/new", {**hidden_fields(choose, "/account/passwordreset/new"), **new}),
        ("/signout", hidden_fields(overview, "/signout")),
    ]


async def test_no_form_is_taken_from_another_site(free_world: World) -> None:  # S43, D22
    async with free_world.browser() as browser:
        forms = await signed_in_forms(free_world, browser)
        forms += [("/signin", hidden_fields(await free_world_page(free_world), "/signin"))]
        before = await dump(free_world.house.database)
        for path, fields in forms:
            for origin in FOREIGN_ORIGINS:
                for more in ({}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "cross-site"}):
                    assert_refused(await browser.post(path, fields, **{"origin": origin, **more}), 403)
            for site in (None, "none", "same-site", "cross-site", "SAME-ORIGIN", "same-origin, same-origin"):
                headers = {"sec-fetch-site": site} if site else {}
                assert_refused(await browser.client.post(path, data=fields, headers=headers), 403)
                assert_refused(await browser.client.post(path, data=fields, headers={"origin": "null", **headers}), 403)
        assert await dump(free_world.house.database) == before


async def free_world_page(world: World) -> httpx.Response:
    """The sign-in page of somebody who only looks."""
    async with world.browser() as browser:
        return await browser.get("/signin")


async def test_a_browser_that_hides_its_origin_is_believed_when_it_says_same_origin(free_world: World) -> None:  # S14
    async with free_world.browser() as browser:
        page = await browser.get("/signin")
        fields = {**hidden_fields(page, "/signin"), "identifier": ADDRESS}
        for headers in ({"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "same-origin", "origin": "null"}):
            assert (await browser.client.post("/signin", data=fields, headers=headers)).status_code == 303


async def test_no_form_is_taken_without_its_token(free_world: World) -> None:  # S43
    async with free_world.browser() as browser, free_world.browser() as stranger:
        forms = await signed_in_forms(free_world, browser)
        strange = hidden_fields(await stranger.get("/signin"), "/signin")["csrf"]
        await stranger.sign_in()
        theirs = hidden_fields(await stranger.get("/account"), "/signout")["csrf"]
        before = await dump(free_world.house.database)
        for path, fields in forms:
            own = fields["csrf"]
            foreign = [
                strange,
                theirs,
                "",
                own[:-1],
                own + "A",
                own.swapcase(),
                "A" * 43,
                "\u00e4",
                own[::-1],
                f" {own}",
            ]
            for token in foreign:
                assert_refused(await browser.post(path, {**fields, "csrf": token}), 403)
            without = {name: value for name, value in fields.items() if name != "csrf"}
            assert_refused(await browser.post(path, without), 400, 403)
        assert await dump(free_world.house.database) == before


async def test_a_token_from_before_the_sign_in_is_worthless_after_it(free_world: World) -> None:  # S14, S37
    async with free_world.browser() as browser:
        anonymous = hidden_fields(await browser.get("/signin"), "/signin")["csrf"]
        await browser.sign_in()
        first = hidden_fields(await browser.get("/account"), "/signout")["csrf"]
        for path, more in [
            ("/signout", {}),
            ("/account/profile", {"first_name": "Eve", "last_name": "", "version": "1"}),
        ]:
            assert_refused(await browser.post(path, {"csrf": anonymous, **more}), 403)
        await browser.submit(await browser.get("/account"), "/signout")
        await browser.sign_in()
        assert_refused(await browser.post("/signout", {"csrf": first}), 403)
        assert (await browser.get("/account")).status_code == 200


async def test_another_site_cannot_sign_its_visitor_in(free_world: World) -> None:  # S14
    """Login CSRF: a stranger's attempt, form or token finished in a victim's browser opens nothing."""
    async with free_world.browser() as attacker, free_world.browser() as victim:
        page = await attacker.identify()
        fields = {**hidden_fields(page, page.request.url.path), "password": PASSWORD}
        begin = hidden_fields(await attacker.get("/signin"), "/signin")
        await victim.get("/signin")
        assert_refused(await victim.post(page.request.url.path, fields), 403, 404)
        assert_refused(await victim.post("/signin", {**begin, "identifier": ADDRESS}), 403)
        assert not victim.cookie("session")
        own = hidden_fields(await victim.get("/signin"), "/signin")["csrf"]
        assert_refused(await victim.post(page.request.url.path, {**fields, "csrf": own}), 404)
        # Their sealed form with one's own token only forgets where it wanted to go.
        answer = await victim.post("/signin", {"csrf": own, "form": begin["form"], "identifier": ADDRESS})
        assert answer.status_code == 303


async def test_the_api_refuses_what_a_browser_sends_for_another_site(free_world: World) -> None:  # S14
    async with free_world.native() as client, free_world.browser() as browser:
        await client.sign_in()
        await browser.sign_in()
        before = await dump(free_world.house.database)
        for origin in [*FOREIGN_ORIGINS, "null"]:
            for method, path, body in [
                ("GET", "/account", None),
                ("POST", "/signin", {"installation": client.installation}),
                ("POST", "/tokens/revoke", None),
                ("DELETE", "/account/sessions", None),
            ]:
                answer = await client.call(method, path, body, origin=origin)
                assert_refused(answer, 403)
        # The browser's session opens no door of the API, and a bearer token none of the pages.
        assert_refused(await browser.get("/api/v1/account"), 401)
        assert_refused(await browser.client.delete("/api/v1/account/sessions", headers={"origin": BASE}), 401)
        bearer = {"authorization": f"Bearer {client.access_token}"}
        assert (await client.client.get("/account", headers=bearer)).status_code == 303
        assert await dump(free_world.house.database) == before


async def test_no_answer_lets_another_site_read_it(free_world: World) -> None:  # S14
    async with free_world.native() as client:
        for origin in [EVIL, "null", BASE]:
            for method in ["GET", "OPTIONS"]:
                headers = {"origin": origin, "access-control-request-method": "GET"}
                answer = await client.client.request(method, "/api/v1/deployment", headers=headers)
                assert not [name for name in answer.headers if name.startswith("access-control-")]
        padded = await client.client.get("/api/v1/deployment?callback=evil&jsonp=evil")
        assert padded.text.startswith("{")


async def test_a_request_for_another_host_is_led_to_ours_or_refused(free_world: World) -> None:
    hosts = [
        "evil.example",
        "login.portico.example:8443",
        "login.portico.example.",
        "login.portico.example@evil",
        "[",
        "",
    ]
    hosts += ["evil.example/login.portico.example", "127.0.0.1", "login.portico.example, evil.example", " ", "\u00e4"]
    async with free_world.browser() as browser:
        before = await dump(free_world.house.database)
        for name in hosts:
            host = {b"host": name.encode("latin-1")}
            for path in [
                "/signin?return_to=/account",
                "/",
                "/account/passwordreset/abc",
                "//evil.example/",
                "/\\evil.example",
            ]:
                for method in ["GET", "HEAD"]:
                    answer = await browser.client.request(method, BASE + path, headers=host)
                    assert answer.status_code == 307
                    assert_carried(answer)
                    target = urlsplit(answer.headers["location"])
                    assert (target.scheme, target.netloc) == ("https", "login.portico.example")
                    assert not target.path.startswith(("//", "/\\"))
                    assert not answer.headers.get_list("set-cookie")
            page = await browser.client.post(
                "/signin", data={"identifier": ADDRESS}, headers={b"origin": BASE.encode(), **host}
            )
            assert_refused(page, 400)
            api = await browser.client.post(
                "/api/v1/password-reset/requests", json={"identifier": ADDRESS}, headers=host
            )
            assert_refused(api, 400)
            assert_refused(await browser.client.get("/api/v1/deployment", headers=host), 400)
            assert "evil" not in page.text + api.text
        assert await dump(free_world.house.database) == before


async def test_our_own_host_may_be_written_in_capitals(free_world: World) -> None:
    async with free_world.browser() as browser:
        assert (await browser.get("/signin", host="LOGIN.Portico.Example")).status_code == 200


SPOOFED = {
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "x-forwarded-port": "8443",
    "x-forwarded-prefix": "/evil",
    "x-forwarded-for": "203.0.113.99",
    "x-real-ip": "203.0.113.99",
    "x-original-host": "evil.example",
    "x-original-url": "/dev",
    "x-rewrite-url": "/dev",
    "x-user-id": "1",
    "forwarded": 'for=203.0.113.99;host=evil.example;proto=http;by="[::1]"',
    "x-http-host-override": "evil.example",
    "true-client-ip": "203.0.113.99",
}


async def test_no_header_reaches_a_link(free_world: World) -> None:  # S26, S27, D6
    async with free_world.browser() as browser:
        page = await browser.get("/account/passwordreset", **SPOOFED)
        fields = {**hidden_fields(page, "/account/passwordreset"), "identifier": ADDRESS}
        answer = await browser.post("/account/passwordreset", fields, **SPOOFED, referer=f"{EVIL}/x")
        sent = await browser.get(answer.headers["location"], **SPOOFED)
    async with free_world.native() as client:
        await client.call("POST", "/password-reset/requests", {"identifier": "nora"}, **SPOOFED)
    letters = await free_world.letters(ADDRESS)
    assert len(letters) == 2
    for letter in letters:
        assert f"{BASE}/account/passwordreset/" in letter.text
    told = page.text + sent.text + "".join(letter.text + letter.html for letter in letters)
    assert "evil" not in told
    assert "http://" not in told.replace("http://www.w3.org", "")


async def test_forwarded_addresses_count_from_listed_proxies_only(make_world: MakeWorld) -> None:  # D20
    async def fail(world: World, peer: str, forwarded: str, name: str) -> httpx.Response:
        async with world.browser(address=peer, **({"x-forwarded-for": forwarded} if forwarded else {})) as browser:
            return await browser.sign_in(name, "wrong")

    async with make_world() as world:  # nobody is listed: whatever is claimed, the peer is who counts
        for number in range(50):
            assert (await fail(world, "198.51.100.9", f"203.0.113.{number}", f"person{number}")).status_code == 303
        assert_refused(await fail(world, "198.51.100.9", "203.0.113.77", "person99"), 429)
        assert (await fail(world, "198.51.100.10", "198.51.100.9", "person98")).status_code == 303
    async with make_world(trusted_proxies="10.0.0.0/8") as world:
        for number in range(50):
            assert (await fail(world, "10.0.0.1", "203.0.113.7", f"person{number}")).status_code == 303
        # What the client itself put in front of our proxy's line changes nothing; nor does another of our proxies.
        assert_refused(await fail(world, "10.0.0.1", "1.2.3.4, 203.0.113.7", "person97"), 429)
        assert_refused(await fail(world, "10.0.0.2", "203.0.113.7, 10.9.9.9", "person96"), 429)
        assert (await fail(world, "10.0.0.1", "203.0.113.8", "person95")).status_code == 303
        # A stranger who claims to be a proxy is a stranger; rubbish is not an address.
        assert (await fail(world, "203.0.113.50", "203.0.113.7", "person94")).status_code == 303
        for rubbish in ["unknown", "_hidden", "203.0.113.7:443", ",,,", "\x7f", "1.2.3.4 " * 4_000, "::ffff:1.2.3.4%x"]:
            assert (await fail(world, "10.0.0.3", rubbish, "person93")).status_code in (303, 429)


async def test_a_sign_in_never_leads_to_another_site(free_world: World) -> None:  # S14
    for elsewhere in [*ELSEWHERE, *map(quote, ELSEWHERE)]:
        async with free_world.browser() as browser:
            answer = await browser.sign_in(return_to=elsewhere)
            location = answer.headers["location"]
            if "%" in elsewhere:
                assert OWN.fullmatch(location), "what was quoted once too often stays a path of ours"
            else:
                assert location == "/account", elsewhere
            again = await browser.client.get("/signin", params={"return_to": elsewhere})
            for address in re.findall(r'href="([^"]*)"', again.text):
                assert "evil" not in address or OWN.fullmatch(address)


async def test_no_link_of_an_error_page_leads_elsewhere(free_world: World) -> None:  # S43
    async with free_world.browser() as browser:
        for odd in [
            "/%09/evil.example",
            "/%0a/evil.example",
            "/%5cevil.example",
            "//evil.example",
            "/%2f%2fevil.example",
        ]:
            page = await browser.client.get(BASE + odd)
            assert page.status_code == 404
            for address in re.findall(r'href="([^"]*)"', page.text):
                assert address.startswith(("mailto:", "#")) or OWN.fullmatch(address), address


async def test_odd_paths_of_ours_stay_ours(free_world: World) -> None:  # S14
    for odd in INSIDE_BUT_ODD:
        async with free_world.browser() as browser:
            answer = await browser.sign_in(return_to=odd)
            target = httpx.URL(BASE + "/signin/x").join(answer.headers["location"])
            assert target.host == "login.portico.example", odd
            assert (await browser.client.get(target)).status_code in (303, 404)


async def test_where_to_go_survives_a_mistake(free_world: World) -> None:  # S14
    wanted = "/account/sessions?a=1&b=2;c=%2F+d"
    async with free_world.browser() as browser:
        page = await browser.client.get("/signin", params={"return_to": wanted})
        page = await browser.follow(await browser.submit(page, "/signin", identifier=""))
        assert "autofocus" in page.text
        page = await browser.follow(await browser.submit(page, "/signin", identifier=ADDRESS))
        path = page.request.url.path
        await browser.submit(page, path, password="wrong")
        answer = await browser.submit(await browser.get(path), path, password=PASSWORD)
        assert answer.headers["location"] == wanted


async def test_a_sealed_form_cannot_be_altered(free_world: World) -> None:  # S14
    async with free_world.browser() as browser:
        page = await browser.client.get("/signin", params={"return_to": "/account/profile"})
        fields = hidden_fields(page, "/signin")
        sealed = fields["form"]
        for altered in [sealed[:-2] + "AA", "B" + sealed[1:], sealed[:40], "", "\u00e4", sealed + sealed, "=" * 80]:
            answer = await browser.post("/signin", {**fields, "form": altered, "identifier": ADDRESS})
            page = await browser.follow(answer)
            done = await browser.submit(page, page.request.url.path, password=PASSWORD)
            assert done.headers["location"] == "/account", "the way back is forgotten, never made up"
            await browser.submit(await browser.get("/account"), "/signout")


@pytest.mark.parametrize("path", ["/account/profile", "/account/sessions", "/account"])
async def test_only_pages_that_show_something_are_come_back_to(free_world: World, path: str) -> None:  # S14
    async with free_world.browser() as browser:
        answer = await browser.get(path)
        assert answer.headers["location"] == f"/signin?return_to={path}"
        posted = await browser.post("/account/profile", {"first_name": "x"})
        assert posted.headers["location"] == "/signin"
