"""The pure parts of web: where one may be led, what our address is, who asks, what answers, in which language."""

import ipaddress
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from portico.web.base_url import BaseUrl, is_loopback, parse_base_url
from portico.web.client_address import ClientAddresses, read_networks
from portico.web.language import find_language, negotiate_language, offered_languages
from portico.web.return_to import RETURN_MAX, own_path
from portico.web.routing import Access, Endpoint, Found, Routes, WrongMethod, is_api
from tests.support.amounts import FEWER

OWN_PATHS = [
    "/",
    "/account",
    "/account?tab=sessions&x=1",
    "/a/b-c_d.e~f/%20/@nora:x,(y)'*+;=!$",
    "/%2F%2Fevil.example",
    "/%5Cevil.example",
    "/account?next=https://evil.example",
    "/a//b",
    "/" + "a" * (RETURN_MAX - 1),
]
FOREIGN = [
    "",
    "account",
    "//evil.example",
    "//evil.example/account",
    "///evil.example",
    "/\\evil.example",
    "/\\/evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "HTTPS://evil.example",
    "//nora@evil.example",
    "@evil.example",
    "nora@evil.example",
    ".evil.example",
    ":80",
    "javascript:alert(1)",
    "data:text/html,x",
    " /account",
    "\t//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nSet-Cookie: a=b",
    "/account\r\nLocation: https://evil.example",
    "/account\n",
    "/account\0",
    "/a\u2028b",
    "/a\\b",
    "/account#fragment",
    "/ä",
    "/\uff0fevil.example",
    "/\u2215evil.example",
    "/a b",
    '/"onmouseover="x',
    "/<script>",
    "%2F%2Fevil.example",
    "/" + "a" * RETURN_MAX,
]


@pytest.mark.parametrize("path", OWN_PATHS)
def test_one_may_be_led_to_a_path_of_ours(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize("text", FOREIGN)
def test_one_is_led_nowhere_else(text: str) -> None:
    assert own_path(text) == ""


@given(st.text(max_size=30) | st.text("/\\@:?#%.a\t\r\n ", max_size=12))
def test_whatever_is_taken_stays_on_our_host(text: str) -> None:
    path = own_path(text)
    assert path in {"", text}
    if path:
        led = urlsplit(urljoin("https://login.example.org/signin", path))
        assert (led.scheme, led.netloc) == ("https", "login.example.org")
        assert not set(path) & set("\\\r\n\t #")
        assert not path.startswith("//")


@pytest.mark.parametrize(
    ("text", "origin", "hostname"),
    [
        ("https://login.example.org", "https://login.example.org", "login.example.org"),
        ("https://Login.Example.ORG/", "https://login.example.org", "login.example.org"),
        ("https://login.example.org:443", "https://login.example.org", "login.example.org"),
        ("https://login.example.org:8443", "https://login.example.org:8443", "login.example.org"),
        ("http://localhost:8000", "http://localhost:8000", "localhost"),
        ("http://localhost:80/", "http://localhost", "localhost"),
        ("http://clinic.localhost:8000", "http://clinic.localhost:8000", "clinic.localhost"),
    ],
)
def test_a_base_url_is_read_as_a_browser_writes_its_origin(text: str, origin: str, hostname: str) -> None:
    base = parse_base_url(text)
    assert (base.origin, base.hostname) == (origin, hostname)
    assert base.to("/signin") == f"{origin}/signin"
    assert base.is_secure == origin.startswith("https")
    assert parse_base_url(base.origin) == base


@pytest.mark.parametrize(
    "text",
    [
        "",
        "login.example.org",
        "https://",
        "ftp://login.example.org",
        "javascript:alert(1)",
        "http://login.example.org",
        "http://127.0.0.1:8000",
        "http://localhost.evil.example",
        "http://notlocalhost",
        "https://login.example.org/portico",
        "https://login.example.org?x=1",
        "https://login.example.org#x",
        "https://nora@login.example.org",
        "https://nora:secret@login.example.org",
        "https://login.example.org@evil.example",
        "https://login example.org",
        "https://login.example.org\\evil",
        "https://login.example.org:99999",
        "https://login.example.org:port",
        "https://münchen.example",
    ],
)
def test_what_cannot_be_our_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_base_url(text)


@pytest.mark.parametrize(
    ("base", "local"),
    [
        (BaseUrl("http", "localhost:8000"), True),
        (BaseUrl("https", "localhost"), True),
        (BaseUrl("http", "clinic.localhost:8000"), True),
        (BaseUrl("https", "login.example.org"), False),
        (BaseUrl("https", "localhost.example.org"), False),
        (BaseUrl("https", "mylocalhost"), False),
    ],
)
def test_only_localhost_means_this_machine(base: BaseUrl, local: bool) -> None:
    assert base.is_local is local


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - exactly what must not count
        ("::", False),
        ("", False),
        ("192.168.1.1", False),
        ("localhost.example.org", False),
        ("example.org", False),
    ],
)
def test_an_address_to_listen_on_is_reached_from_here_only(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


def request_from(peer: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    headers += [(b"forwarded", b"for=203.0.113.200"), (b"x-real-ip", b"203.0.113.201")]
    client = (peer, 50_000) if peer is not None else None
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "client": client})


PROXIES = ("10.0.0.0/8", "2001:db8:ffff::/48")


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("198.51.100.7", (), "198.51.100.7"),
        ("198.51.100.7", ("203.0.113.9",), "198.51.100.7"),  # a stranger who claims to be a proxy
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", ("1.2.3.4, 203.0.113.9",), "203.0.113.9"),  # the first one the client made up
        ("10.0.0.1", ("1.2.3.4", "203.0.113.9"), "203.0.113.9"),
        ("10.0.0.1", ("1.2.3.4, 203.0.113.9, 10.0.0.2",), "203.0.113.9"),
        ("10.0.0.1", ("1.2.3.4", "203.0.113.9, 10.0.0.2", "10.0.0.3"), "203.0.113.9"),
        ("10.0.0.1", ("10.0.0.2, 10.0.0.3",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9, rubbish",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9,",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9:4711",), "10.0.0.1"),
        ("10.0.0.1", ("<script>",), "10.0.0.1"),
        ("10.0.0.1", ("2001:db8::7",), "2001:db8::7"),
        ("2001:db8:ffff::1", ("2001:db8::7",), "2001:db8::7"),
        ("2001:db8:eeee::1", ("2001:db8::7",), "2001:db8:eeee::1"),
        (None, ("203.0.113.9",), ""),
    ],
)
def test_a_forwarded_address_counts_from_our_proxies_only(
    peer: str | None, forwarded: tuple[str, ...], found: str
) -> None:  # D20
    assert ClientAddresses(PROXIES).find(request_from(peer, *forwarded)) == found


@FEWER
@given(st.lists(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30), max_size=3))
def test_no_header_changes_who_asks_where_no_proxy_is_trusted(forwarded: list[str]) -> None:
    assert ClientAddresses(()).find(request_from("198.51.100.7", *forwarded)) == "198.51.100.7"
    assert ClientAddresses(PROXIES).find(request_from("198.51.100.7", *forwarded)) == "198.51.100.7"


@FEWER
@given(st.lists(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30), max_size=3))
def test_whatever_a_proxy_forwards_an_address_comes_out(forwarded: list[str]) -> None:
    ipaddress.ip_address(ClientAddresses(PROXIES).find(request_from("10.0.0.1", *forwarded)))


def test_what_is_no_network_is_refused() -> None:
    assert len(read_networks(["10.0.0.7/8", "127.0.0.1", "2001:db8::/32"])) == 3
    for text in ("", "example.org", "10.0.0.0/33", "10.0.0"):
        with pytest.raises(ValueError, match=r".+"):
            read_networks([text])


async def answer(_request: Request) -> Response:
    """Any handler."""
    return Response()


def row(method: str, path: str) -> Endpoint:
    return Endpoint(method, path, answer, Access.ANYONE)


TABLE = [
    row("GET", "/"),
    row("GET", "/signin"),
    row("POST", "/signin"),
    row("POST", "/signin/{attempt_id}"),
    row("GET", "/signin/help"),
    row("GET", "/account/sessions/{session_id}/end"),
    row("POST", "/only"),
]


@pytest.mark.parametrize(
    ("method", "path", "pattern", "params"),
    [
        ("GET", "/", "/", {}),
        ("GET", "/signin", "/signin", {}),
        ("HEAD", "/signin", "/signin", {}),
        ("POST", "/signin", "/signin", {}),
        ("POST", "/signin/7", "/signin/{attempt_id}", {"attempt_id": "7"}),
        ("GET", "/signin/help", "/signin/help", {}),
        ("GET", "/account/sessions/a.b/end", "/account/sessions/{session_id}/end", {"session_id": "a.b"}),
    ],
)
def test_a_request_finds_its_row(method: str, path: str, pattern: str, params: dict[str, str]) -> None:
    found = Routes(TABLE).find(method, path)
    assert isinstance(found, Found)
    assert found.endpoint.path == pattern
    assert dict(found.params) == params


@pytest.mark.parametrize(
    "path",
    ["", "x", "/signin/", "/signin/7/", "/signin//", "//signin", "/SIGNIN", "/signin/7/8", "/none", "/account"],
)
def test_what_has_no_row_is_not_there(path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert Routes(TABLE).find(method, path) is None


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/signin", ("GET", "HEAD", "POST")),
        ("HEAD", "/only", ("POST",)),
        ("GET", "/only", ("POST",)),
        ("get", "/signin", ("GET", "HEAD", "POST")),
        ("POST", "/signin/help", ("GET", "HEAD")),
    ],
)
def test_another_method_is_told_which_ones_there_are(method: str, path: str, allowed: tuple[str, ...]) -> None:
    assert Routes(TABLE).find(method, path) == WrongMethod(allowed)


def test_two_rows_cannot_claim_the_same() -> None:
    with pytest.raises(ValueError, match="POST /only stands in the table twice"):
        Routes([*TABLE, row("POST", "/only")])


@FEWER
@given(st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "\0"]), st.text() | st.text("/signhelp7.{}%", max_size=20))
def test_any_request_is_looked_up(method: str, path: str) -> None:
    found = Routes(TABLE).find(method, path)
    if isinstance(found, Found):
        assert all(value and "/" not in value for value in found.params.values())


def test_the_api_lies_below_its_prefixes() -> None:
    assert is_api("/api/v1/signin")
    assert is_api("/dev/api/clock")
    assert not is_api("/api")
    assert not is_api("/signin/api/v1/")
    assert row("GET", "/x").is_read
    assert not row("POST", "/x").is_read


HAVE = ("en", "de", "pt-BR")


@pytest.mark.parametrize(
    ("chosen", "header", "language"),
    [
        ("", "", "en"),
        ("", "de", "de"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "DE-at", "de"),
        ("", "fr,de;q=0.5", "de"),
        ("", "en;q=0.5,de;q=0.9", "de"),
        ("", "de;q=0,en;q=0.1", "en"),
        ("", "fr", "en"),
        ("", "*", "en"),
        ("", "en;q=0,*", "de"),
        ("", "pt-BR", "pt-BR"),
        ("", "pt", "en"),
        ("", "de-Latn-AT-1996", "de"),
        ("", "de;q=2", "en"),
        ("", "de;q=nan", "en"),
        ("", "de;q=-1", "en"),
        ("", "de;q=1e5", "en"),
        ("", ";;;,,,q=1;de", "en"),
        ("", "en-XA", "en"),
        ("de", "en", "de"),
        ("de-CH", "en", "de"),
        ("xx", "de", "de"),
        ("en-XA", "de", "en"),  # not offered here, so it is shortened like any other
    ],
)
def test_a_page_is_in_the_language_one_chose_or_else_asked_for(chosen: str, header: str, language: str) -> None:
    assert negotiate_language(HAVE, chosen=chosen, accept_language=header) == language


def test_the_pseudo_language_must_be_allowed_and_chosen() -> None:
    assert negotiate_language(HAVE, chosen="en-XA", allows_pseudo=True) == "en-XA"
    assert negotiate_language(HAVE, accept_language="en-XA", allows_pseudo=True) == "en"
    assert offered_languages(HAVE, allows_pseudo=True) == (*HAVE, "en-XA")
    assert offered_languages(HAVE, allows_pseudo=False) == HAVE


@FEWER
@given(st.text(max_size=200) | st.text("de-n,;q=.0123*x \t", max_size=60), st.text(max_size=20))
def test_any_header_gives_a_language_there_is(header: str, chosen: str) -> None:
    assert negotiate_language(HAVE, chosen=chosen, accept_language=header) in HAVE
    assert find_language(HAVE, chosen) in {*HAVE, None}


def test_an_endless_header_is_not_read_to_its_end() -> None:
    assert negotiate_language(HAVE, accept_language="fr," * 1_000_000 + "de") == "en"
    assert negotiate_language(HAVE, accept_language="de-" * 1_000_000) in HAVE
