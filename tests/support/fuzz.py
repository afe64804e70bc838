"""Generated requests, most of them a little wrong: a grammar of what can be asked, and people who go their way.

Everything is drawn from one seed, so that a failure can be repeated. Requests go straight into the application
(ASGI 3), because a client library would refuse to send half of them.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any, TypeVar
from urllib.parse import quote, quote_from_bytes, unquote, urlencode

from portico.web.front import Front
from portico.web.routing import Endpoint
from tests.support.world import ADDRESS, BASE, NEW_PASSWORD, PASSWORD

T = TypeVar("T")
HOST = BASE.partition("://")[2]
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
HANGS_AFTER = 30.0

TEXTS: tuple[str, ...] = (
    "",
    " ",
    "a",
    "nora",
    ADDRESS,
    PASSWORD,
    NEW_PASSWORD,
    "\0",
    "\r\nX-Evil: 1",
    "../../etc/passwd",
    "%00%0d%0a",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "${7*7}",
    "%s%n%d",
    "' OR '1'='1",
    "\u202enora",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "e\u0301" * 50,
    "a" * 300,
    "a" * 5_000,
    "nora@" + "a" * 70 + ".example",
    "nora@[127.0.0.1]",
    "@",
    "x@y@z.example",
    "9" * 40,
    "-1",
    "0",
    "1e309",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "A" * 43,
    "-" * 43,
    "01900000-0000-7000-8000-000000000000",
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "/account?x=1#y",
)
NUMBERS: tuple[object, ...] = (0, 1, 2, -1, 2**31, 2**63, -(2**63), 2**64, 10**30, 1.5, 1e300, True, None, "1", [], {})
METHODS = ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "G\0T", "", "A" * 100)
HEADERS = (
    "host", "origin", "referer", "cookie", "content-type", "content-length", "accept", "accept-language",
    "accept-encoding", "authorization", "sec-fetch-site", "sec-fetch-mode", "x-forwarded-for", "x-forwarded-host",
    "forwarded",
    "range",
    "if-none-match", "transfer-encoding", "expect", "upgrade", "user-agent", "portico-ticket", "x-request-id", "te",
    "x-http-method-override", "content-encoding",
)  # fmt: skip
VALUES: tuple[bytes, ...] = (
    b"", b" ", b",", b";", b"=", b"\x00", b"\xff\xfe", b"a" * 9_000, HOST.encode(), BASE.encode(), b"null",
    b"https://evil.example", b"evil.example", b"[", b"[::1]:99999", b"same-origin", b"cross-site", b"none",
    FORM.encode(), JSON.encode(),
    b"text/plain",
    b"application/json; charset=utf-16", b"0", b"-1", b"99999999999999999999", b"\xb2", b"chunked", b"100-continue",
    b"de", b"en-XA", b"*;q=0", b"de;q=1e9,en;q=-1", b"q" * 2_000, b"Bearer ", b"Bearer " + b"A" * 43, b"Basic eDp5",
    b"bytes=0-18446744073709551615", b"*", b"127.0.0.1, ::1, unknown, \x7f", b"websocket",
)  # fmt: skip
COOKIES = ("browser", "session", "notice", "reset_link", "language", "nothing")
NAMES = (
    "identifier", "installation", "version", "answer", "password", "token", "new_password", "first_name", "last_name",
    "current_password", "refresh_token", "stay_signed_in", "x",
)  # fmt: skip
STEPS = ("prove_password", "change_password", "identify", "finished", "refused", "", "x")
ANSWERS = ("password", "new_password", "identifier", "totp", "mailed_link", "", "finished")

_PATH = "".join(chr(code) for code in range(33, 127))
"""What a server finds in a path as it was sent."""
_FORMS = re.compile(r'<form\b[^>]*action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_INPUTS = re.compile(r'<input\b[^>]*?name="([^"]+)"(?:[^>]*?value="([^"]*)")?')


class Dice:
    """Numbers from a seed: the same seed, the same numbers."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._block = 0
        self._left = b""

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit`` - 1."""
        if len(self._left) < 8:
            self._left = hashlib.shake_128(f"{self._seed} {self._block}".encode()).digest(8_192)
            self._block += 1
        drawn, self._left = int.from_bytes(self._left[:8], "big"), self._left[8:]
        return drawn % limit

    def chance(self, percent: int) -> bool:
        """Yes in so many of a hundred cases."""
        return self.below(100) < percent

    def one(self, choices: Sequence[T]) -> T:
        """One of several."""
        return choices[self.below(len(choices))]

    def data(self, most: int) -> bytes:
        """Some bytes."""
        return bytes(self.below(256) for _ in range(self.below(most)))


@dataclass
class Sent:
    """One request, as it goes into the application."""

    method: str = "GET"
    path: str = "/"
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def set_header(self, name: str, value: bytes) -> None:
        """Replace a header."""
        self.headers = [pair for pair in self.headers if pair[0] != name.encode()]
        self.headers.append((name.encode(), value))


@dataclass
class Got:
    """What came back."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value.decode("latin-1") for key, value in self.headers if key.decode("latin-1").lower() == name]


async def send(app: Front, sent: Sent, address: str = "198.51.100.7") -> Got:
    """Hand a request to the application; raises TimeoutError if no answer comes."""
    raw_path = quote(sent.path, safe=_PATH).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": unquote(sent.path, errors="replace"),
        "raw_path": raw_path,
        "query_string": sent.query,
        "root_path": "",
        "headers": sent.headers,
        "client": (address, 50_000),
        "server": ("127.0.0.1", 8_000),
    }
    got, parts = Got(), [sent.body[:7], sent.body[7:]]

    async def receive() -> dict[str, Any]:
        if not parts:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def take(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert got.status == 0, "an answer began twice"
            got.status, got.headers = message["status"], list(message["headers"])
        else:
            got.body += message.get("body", b"")

    async with asyncio.timeout(HANGS_AFTER):
        await app(scope, receive, take)
    return got


@dataclass
class Person:
    """Somebody half way through: cookies, the forms on their last page, their attempt and tokens."""

    dice: Dice
    cookies: dict[str, str] = field(default_factory=dict)
    forms: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    paths: list[str] = field(default_factory=lambda: ["/signin"])
    attempt: dict[str, Any] = field(default_factory=dict)
    ticket: str = ""
    tokens: dict[str, str] = field(default_factory=dict)

    def next_request(self) -> Sent:
        """What somebody of good will would send now, by page or by API."""
        return self._by_api() if self.dice.chance(35) else self._by_page()

    def learn(self, sent: Sent, got: Got) -> None:
        """Keep what came back."""
        for line in got.values("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            if "Max-Age=0" in line or not value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        if got.status == 303:
            self.paths.append(got.values("location")[0])
        elif got.status == 200 and got.body.startswith(b"{"):
            self._learn_document(json.loads(got.body))
        elif got.body.startswith(b"<!doctype") and sent.method == "GET":
            page = got.body.decode()
            self.forms = [(path, _fields(inside)) for path, inside in _FORMS.findall(page)]
            self.paths += [unescape(path) for path in re.findall(r'href="(/[^"]*)"', page) if "/static/" not in path][
                :12
            ]
        self.paths = self.paths[-12:]

    def _learn_document(self, document: Any) -> None:
        if not isinstance(document, dict):
            return
        if "step" in document and "id" in document:
            self.attempt = document
            self.ticket = document.get("ticket", self.ticket)
        self.tokens.update(document.get("tokens") or {})
        if "refresh_token" in document:
            self.tokens = document

    def _by_page(self) -> Sent:
        dice = self.dice
        if not self.forms or dice.chance(40):
            path, _, query = dice.one([*self.paths, "/signin", "/account", "/account/passwordreset"]).partition("?")
            return Sent("GET", path.partition("#")[0], query.encode(), self._headers())
        path, hidden = dice.one(self.forms)
        fields = {name: value or self._typed(name) for name, value in hidden.items()}
        sent = Sent("POST", path, b"", self._headers(), urlencode(fields, errors="surrogatepass").encode())
        sent.headers += [(b"origin", BASE.encode()), (b"content-type", FORM.encode())]
        return sent

    def _by_api(self) -> Sent:
        dice = self.dice
        installation = "i" * 43
        calls: list[tuple[str, str, object]] = [
            ("POST", "/signin", {"installation": installation, "identifier": self._typed("identifier")}),
            ("GET", "/account", None),
            ("GET", "/account/sessions", None),
            ("GET", "/account/devices", None),
            ("GET", "/account/history", None),
            ("POST", "/account/export", {"current_password": self._typed("password")}),
            ("POST", "/account/handle", {"handle": dice.one(TEXTS), "current_password": PASSWORD}),
            ("PATCH", "/account", {"first_name": "Nora", "last_name": dice.one(TEXTS), "version": 1}),
            ("POST", "/tokens/refresh", {"refresh_token": self.tokens.get("refresh_token", "A" * 43)}),
            ("POST", "/password-reset/requests", {"identifier": self._typed("identifier")}),
            ("POST", "/account/password", {"current_password": PASSWORD, "new_password": dice.one(TEXTS)}),
        ]
        if self.attempt:
            answer = {"answer": "password", "password": self._typed("password")}
            body = {"version": self.attempt["version"], "answer": answer}
            calls += [("POST", f"/signin/{self.attempt['id']}", body)] * 3
            calls += [("GET", f"/signin/{self.attempt['id']}", None)]
        method, path, document = dice.one(calls)
        sent = Sent(method, f"/api/v1{path}", b"", self._headers(), b"" if document is None else _json(document))
        sent.headers += [(b"portico-ticket", self.ticket.encode())]
        sent.headers += [(b"authorization", f"Bearer {self.tokens.get('access_token', '')}".encode())]
        if document is not None:
            sent.headers += [(b"content-type", JSON.encode())]
        return sent

    def _headers(self) -> list[tuple[bytes, bytes]]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return [(b"host", HOST.encode()), *([(b"cookie", cookies.encode("latin-1", "replace"))] if cookies else [])]

    def _typed(self, name: str) -> str:
        """What somebody types into a field."""
        good = {"identifier": ADDRESS, "password": PASSWORD, "current_password": PASSWORD, "first_name": "Nora"}
        good |= {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        return good.get(name, "") if self.dice.chance(60) else self.dice.one(TEXTS)


class Fuzzer:
    """Makes requests: of good will, then spoilt; from the table with anything in it; and wild ones."""

    def __init__(self, seed: int, endpoints: Sequence[Endpoint]) -> None:
        self.dice = Dice(seed)
        self.people = [Person(self.dice) for _ in range(6)]
        self._endpoints = endpoints
        self._spoilers: tuple[Callable[[Sent], None], ...] = (
            self._spoil_header,
            self._spoil_header,
            self._drop_header,
            self._repeat_header,
            self._spoil_body,
            self._spoil_body,
            self._spoil_path,
            self._spoil_query,
            self._spoil_method,
            self._spoil_cookie,
        )

    def next_request(self) -> tuple[Person, Sent]:
        """One more request, and who sends it."""
        person = self.dice.one(self.people)
        kind = self.dice.below(100)
        sent = person.next_request() if kind < 60 else self._from_table(person) if kind < 90 else self._wild()
        if self.dice.chance(50):
            for _ in range(1 + self.dice.below(3)):
                self.dice.one(self._spoilers)(sent)
        return person, sent

    def _from_table(self, person: Person) -> Sent:
        """Any endpoint, with anything in its path and body."""
        dice, endpoint = self.dice, self.dice.one(self._endpoints)
        path = re.sub(r"{\w+}", lambda _: quote_from_bytes(dice.one(TEXTS).encode()) or "x", endpoint.path)
        sent = person.next_request()
        sent.method, sent.path, sent.query = endpoint.method, path, b""
        if endpoint.is_api and endpoint.body is not None:
            sent.body = _json(self._document(3))
            sent.set_header("content-type", JSON.encode())
        elif not endpoint.is_read and not endpoint.is_api:
            names = [
                *(name for _, hidden in person.forms for name in hidden),
                "identifier",
                "password",
                "version",
                "step",
            ]
            fields = [(dice.one(names), dice.one(STEPS if dice.chance(20) else TEXTS)) for _ in range(dice.below(6))]
            sent.body = urlencode(fields, errors="surrogatepass").encode()
            sent.set_header("content-type", FORM.encode())
            sent.set_header("origin", BASE.encode())
        return sent

    def _wild(self) -> Sent:
        dice = self.dice
        path = "/" + "/".join(quote_from_bytes(dice.one(TEXTS).encode()) for _ in range(dice.below(5)))
        headers = [(b"host", HOST.encode())] if dice.chance(80) else []
        headers += [(dice.one(HEADERS).encode(), dice.one(VALUES)) for _ in range(dice.below(6))]
        return Sent(dice.one(METHODS), path, _in_a_line(dice.data(60)), headers, dice.data(400))

    def _document(self, depth: int) -> object:
        """A JSON document, often with names that mean something to us."""
        dice = self.dice
        kind = dice.below(10)
        if depth == 0 or kind < 3:
            return dice.one(TEXTS)
        if kind < 5:
            return dice.one(NUMBERS)
        if kind == 5:
            return [self._document(depth - 1) for _ in range(dice.below(4))]
        made = {dice.one(NAMES): self._document(depth - 1) for _ in range(dice.below(5))}
        if "answer" in made and dice.chance(50):
            made["answer"] = {"answer": dice.one(ANSWERS), "password": dice.one(TEXTS)}
        return made

    def _spoil_header(self, sent: Sent) -> None:
        sent.set_header(self.dice.one(HEADERS), self.dice.one(VALUES))

    def _drop_header(self, sent: Sent) -> None:
        if sent.headers:
            sent.headers.pop(self.dice.below(len(sent.headers)))

    def _repeat_header(self, sent: Sent) -> None:
        if sent.headers:
            sent.headers.append(self.dice.one(sent.headers))

    def _spoil_body(self, sent: Sent) -> None:
        dice, body = self.dice, sent.body
        at = dice.below(len(body) + 1)
        match dice.below(6):
            case 0:
                sent.body = body[:at]
            case 1:
                sent.body = body[:at] + dice.data(8) + body[at:]
            case 2:
                sent.body = body + b"&" + body
            case 3:
                sent.body = body * (1 + dice.below(40))
            case 4:
                sent.body = body[:at] + dice.one(TEXTS).encode() + body[at + 3 :]
            case _:
                sent.body = dice.one((b"", b"null", b"[]", b"{}", b"\xff", b"=", b"&", b"a" * 70_000, b"[" * 2_000))

    def _spoil_path(self, sent: Sent) -> None:
        dice, parts = self.dice, sent.path.split("/")
        parts[dice.below(len(parts))] = quote_from_bytes(dice.one(TEXTS).encode())
        sent.path = "/".join(parts) if dice.chance(90) else sent.path + dice.one(("/", "//", "/..", ";x", "%2e", "%ff"))

    def _spoil_query(self, sent: Sent) -> None:
        dice = self.dice
        names = ("language", "return_to", "identifier", "to", "before", "access_token", "x")
        pairs = [(dice.one(names), dice.one(TEXTS)) for _ in range(dice.below(4))]
        sent.query = urlencode(pairs).encode() if dice.chance(80) else _in_a_line(dice.data(40))

    def _spoil_method(self, sent: Sent) -> None:
        sent.method = self.dice.one(METHODS)

    def _spoil_cookie(self, sent: Sent) -> None:
        name, value = self.dice.one(COOKIES), self.dice.one(VALUES)
        sent.set_header("cookie", f"__Host-portico_{name}=".encode() + value)


def _fields(inside: str) -> dict[str, str]:
    """The fields of a form, hidden and shown, with what stands in them."""
    return {name: unescape(value or "") for name, value in _INPUTS.findall(inside)}


def _in_a_line(data: bytes) -> bytes:
    """Bytes without those that end a request's first line: no server hands them on."""
    return bytes(byte for byte in data if byte not in b"\r\n\0 ")


def _json(document: object) -> bytes:
    return json.dumps(document).encode()
