"""The works that are measured under load, as conversations with a server."""

import http.client
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urlencode

from bench import passkeys
from bench.load import Answer, Conversation, WrongAnswer

_FORM = re.compile(r"<form\b.*?</form>", re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Work:
    """Something to do over and over. ``name`` is that of goals.md."""

    name: str
    what: str
    begin: Callable[[], Conversation]
    connections: int = 16


def bare_work(port: int) -> Work:
    """The constant answer."""
    return Work("bare", "bare ASGI route, same server", lambda: _ask(_request("GET", "/", port)))


def portico_works(port: int, people: int, password: str) -> tuple[Work, ...]:
    """Everything that is asked of Portico."""
    visitor = Visitor(port)
    token = visitor.sign_in_by_api("person0@north-clinic.example", password)
    cookie = visitor.sign_in_by_page("person1@north-clinic.example", password)
    with_token = _request("GET", "/api/v1/account", port, f"authorization: Bearer {token}")
    with_cookie = _request("GET", "/account", port, f"cookie: {cookie}")
    numbers = itertools.count(2)

    def sign_in() -> Conversation:
        return _sign_in(port, f"person{next(numbers) % people}@north-clinic.example", password, visitor.installation)

    def sign_in_by_passkey() -> Conversation:
        return _sign_in_by_passkey(port, next(numbers) % passkeys.HOLDERS, visitor.installation)

    return (
        Work("W1", "password login by the API", sign_in, connections=4),
        Work("W1k", "passkey login by the API", sign_in_by_passkey),
        Work("W2", "session check by access token: GET /api/v1/account", lambda: _ask(with_token)),
        Work("W2p", "session check by cookie, page rendered: GET /account", lambda: _ask(with_cookie)),
        Work("W6", "sign-in page, rendered: GET /signin", lambda: _ask(_request("GET", "/signin", port))),
    )


class Visitor:
    """Signs in once, the plain way, for what the load needs."""

    installation = "benchmark".ljust(43, "0")

    def __init__(self, port: int) -> None:
        self._port = port

    def sign_in_by_api(self, identifier: str, password: str) -> str:
        """An access token."""
        attempt = self._call("/api/v1/signin", {"installation": self.installation, "identifier": identifier})
        answer = {"version": attempt["version"], "answer": {"answer": "password", "password": password}}
        done = self._call(f"/api/v1/signin/{attempt['id']}", answer, {"portico-ticket": attempt["ticket"]})
        return str(done["tokens"]["access_token"])

    def sign_in_by_page(self, identifier: str, password: str) -> str:
        """The cookies of a signed-in browser, as it sends them."""
        jar: dict[str, str] = {}
        page = self.open("/signin", jar)[1]
        step = self._submit("/signin", page, jar, identifier=identifier)
        self._submit(step, self.open(step, jar)[1], jar, password=password, stay_signed_in="yes")
        return "; ".join(f"{name}={value}" for name, value in jar.items())

    def open(self, path: str, jar: dict[str, str]) -> tuple[int, str, int]:
        """A page: status, text, and all the bytes that came over the wire for it."""
        response, body = self._send("GET", path, {}, b"", jar)
        head = sum(len(name) + len(value) + 4 for name, value in response.getheaders()) + len("HTTP/1.1 200 OK\r\n\r\n")
        return response.status, body.decode("utf-8", "replace"), head + len(body)

    def _submit(self, path: str, page: str, jar: dict[str, str], **fields: str) -> str:
        """Send the form of a page that has these fields; where it leads."""
        form = next(form for form in _FORM.findall(page) if all(f'name="{name}"' in form for name in fields))
        hidden = {name: unescape(value) for name, value in _HIDDEN.findall(form)}
        body = urlencode({**hidden, **fields}).encode()
        headers = {"origin": self._origin, "content-type": "application/x-www-form-urlencoded"}
        response, _ = self._send("POST", path, headers, body, jar)
        if response.status != http.HTTPStatus.SEE_OTHER:
            raise WrongAnswer(f"{path} answered {response.status}")
        return response.headers["location"]

    def _call(self, path: str, body: object, headers: dict[str, str] | None = None) -> dict[str, Any]:
        given = {"content-type": "application/json", **(headers or {})}
        response, answer = self._send("POST", path, given, json.dumps(body).encode(), {})
        if response.status not in (http.HTTPStatus.OK, http.HTTPStatus.CREATED):
            raise WrongAnswer(f"{path} answered {response.status}: {answer.decode()}")
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    def _send(
        self, method: str, path: str, headers: dict[str, str], body: bytes, jar: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        cookies = {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
        connection.request(method, path, body, {"host": f"localhost:{self._port}", **headers, **cookies})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        for cookie in response.headers.get_all("set-cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            jar[name] = value
        return response, answer

    @property
    def _origin(self) -> str:
        return f"http://localhost:{self._port}"


def _ask(request: bytes) -> Conversation:
    """One request, one good answer."""
    answer = yield request
    _require(answer, http.HTTPStatus.OK)


def _sign_in(port: int, identifier: str, password: str, installation: str) -> Conversation:
    """From the name to the tokens: two requests, as the desktop does it."""
    body = json.dumps({"installation": installation, "identifier": identifier}).encode()
    answer = yield _request("POST", "/api/v1/signin", port, body=body)
    _require(answer, http.HTTPStatus.CREATED)
    yield from _finish(port, json.loads(answer.body), {"answer": "password", "password": password})


def _sign_in_by_passkey(port: int, number: int, installation: str) -> Conversation:
    """From the name to the tokens with a passkey in the password's place."""
    begin = {"installation": installation, "identifier": passkeys.address_of(number), "passkeys": True}
    answer = yield _request("POST", "/api/v1/signin", port, body=json.dumps(begin).encode())
    _require(answer, http.HTTPStatus.CREATED)
    attempt = json.loads(answer.body)
    challenge = attempt["setup"]["passkey"]["challenge"]
    credential = passkeys.answer_of(number, f"http://localhost:{port}", challenge)
    yield from _finish(port, attempt, {"answer": "passkey", "credential": credential})


def _finish(port: int, attempt: dict[str, Any], given: dict[str, Any]) -> Conversation:
    """The answer that finishes an attempt."""
    body = json.dumps({"version": attempt["version"], "answer": given}).encode()
    path, ticket = f"/api/v1/signin/{attempt['id']}", f"portico-ticket: {attempt['ticket']}"
    answer = yield _request("POST", path, port, ticket, body=body)
    _require(answer, http.HTTPStatus.OK)
    if b'"access_token"' not in answer.body:
        raise WrongAnswer(answer.body.decode())


def _require(answer: Answer, status: int) -> None:
    if answer.status != status:
        raise WrongAnswer(f"{answer.status}: {answer.body[:300].decode('utf-8', 'replace')}")


def _request(method: str, path: str, port: int, *headers: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"host: localhost:{port}", *headers]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
