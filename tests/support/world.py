"""A whole deployment in a test's hands: real services, a real database, a clock one can set, browsers and clients.

Nothing is mocked. The clock is a stand-in for the machine's; mails go into a Maildir, as in development.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import TypeAlias

import httpx

from portico.accounts.model import Account, AccountState
from portico.app import Doors
from portico.database.engine import Transaction
from portico.factors.hashing import Argon2Parameters, Hasher
from portico.factors.model import PasswordProperties
from portico.house import House, open_house
from portico.kernel.brand import Brand
from portico.kernel.tokens import to_base64url
from portico.mail.maildir import StoredLetter
from portico.settings import read_settings
from portico.signin.facts import ChangeReason
from portico.throttle.rates import Limits
from portico.web.front import Front
from portico.web.templates import Templates

START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
BASE = "https://login.portico.example"
ADDRESS = "nora@north-clinic.example"
PASSWORD = "Harbour-Lamp-27"
NEW_PASSWORD = "Silver-Orchard-63"
LIFTED = Limits(is_lifted=True)

_TEMPLATES: dict[tuple[Brand, str, bool], Templates] = {}
"""Kept from world to world, by all that their wiring takes from a house; they only gather what was compiled."""

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_LINK = re.compile(r"https?://[^\s/]+(/account/passwordreset/[A-Za-z0-9_-]{43})")


@dataclass
class SetClock:
    """A clock that stands still until it is told otherwise."""

    at: datetime = START

    def now(self) -> datetime:
        """What time it is said to be."""
        return self.at

    def advance(self, **span: float) -> None:
        """Let time pass: ``clock.advance(hours=24)``."""
        self.at += timedelta(**span)


@dataclass
class World:
    """One deployment."""

    house: House
    app: Front
    clock: SetClock

    @asynccontextmanager
    async def browser(self, *, address: str = "198.51.100.7", **headers: str) -> AsyncIterator["Browser"]:
        """A fresh browser, with cookies of its own, at a network address."""
        transport = httpx.ASGITransport(app=self.app, client=(address, 50_000))
        given = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", **headers}
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=given) as client:
            yield Browser(client)

    @asynccontextmanager
    async def native(self, *, address: str = "198.51.100.8", passkeys: bool = False) -> AsyncIterator["Native"]:
        """A fresh native client with an installation secret of its own, which can use ``passkeys`` or not."""
        transport = httpx.ASGITransport(app=self.app, client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            yield Native(client, to_base64url(self.house.chance.draw_bytes(32)), passkeys=passkeys)

    async def add_person(
        self,
        address: str = ADDRESS,
        password: str = PASSWORD,
        *,
        handle: str | None = None,
        first_name: str = "Nora",
        last_name: str = "Lindqvist",
        language: str = "en",
        state: AccountState = AccountState.ACTIVE,
        must_change: ChangeReason | None = None,
        is_operator: bool = False,
    ) -> Account:
        """Somebody with an account; an empty password means none."""
        new = await self.house.password.prepare(password) if password else None
        properties = PasswordProperties(must_change=must_change.value if must_change else None)

        async def body(tx: Transaction) -> Account:
            account = await self.house.accounts.add_account(
                tx,
                self.clock.now(),
                address=address,
                handle=handle,
                first_name=first_name,
                last_name=last_name,
                language=language,
                is_operator=is_operator,
            )
            if new is not None:
                await self.house.password.set_password(tx, self.clock.now(), account.id, new, properties)
            if state is not AccountState.ACTIVE:
                await self.house.accounts.set_state(tx, self.clock.now(), account.id, state)
            return account

        return await self.house.database.transact(body)

    async def get_account(self, address: str = ADDRESS) -> Account:
        """Somebody's account as it is now."""
        account = await self.house.accounts.find_by_identifier(self.house.database, address)
        assert account is not None
        return account

    async def letters(self, to: str | None = None) -> list[StoredLetter]:
        """The mails that were sent, newest first, once every job has run."""
        await self.house.runner.run_all_once()
        return await self.house.mailbox.list_letters(to)

    async def reset_link(self, to: str = ADDRESS) -> str:
        """The path of the newest reset link mailed to somebody."""
        for letter in await self.letters(to):
            found = _LINK.search(letter.text)
            if found:
                return found[1]
        raise AssertionError(f"no reset link was mailed to {to}")


@dataclass
class Browser:
    """A browser without script: follows nothing by itself, keeps cookies, sends forms as a browser does."""

    client: httpx.AsyncClient

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Open a page."""
        return await self.client.get(path, headers=headers)

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """Send a form from one of our own pages."""
        return await self.client.post(path, data=fields, headers={"origin": BASE, **headers})

    async def upload(self, path: str, content: bytes, name: str = "picture", **fields: str) -> httpx.Response:
        """Send a form with a file, as a browser does."""
        files = {name: ("photo.png", content, "image/png")}
        return await self.client.post(path, data=fields, files=files, headers={"origin": BASE})

    async def submit(self, page: httpx.Response, path: str, /, **fields: str) -> httpx.Response:
        """Fill the form on a page that leads to ``path``, with its hidden fields, and send it."""
        return await self.post(path, {**hidden_fields(page, path), **fields})

    async def follow(self, response: httpx.Response) -> httpx.Response:
        """Where a 303 leads."""
        assert response.status_code == 303, (response.status_code, response.text[:500])
        return await self.get(response.headers["location"])

    async def identify(self, identifier: str = ADDRESS, *, return_to: str = "") -> httpx.Response:
        """Up to the password page."""
        page = await self.client.get("/signin", params={"return_to": return_to} if return_to else {})
        return await self.follow(await self.submit(page, "/signin", identifier=identifier))

    async def sign_in(
        self, identifier: str = ADDRESS, password: str = PASSWORD, *, stay: bool = True, return_to: str = ""
    ) -> httpx.Response:
        """Identifier, password; the answer to the password."""
        page = await self.identify(identifier, return_to=return_to)
        fields = {"password": password, **({"stay_signed_in": "yes"} if stay else {})}
        return await self.submit(page, page.request.url.path, **fields)

    def cookie(self, name: str) -> str | None:
        """The value of one of our cookies."""
        return self.client.cookies.get(f"__Host-portico_{name}")


@dataclass
class Native:
    """A native client: the JSON API with a ticket and, once signed in, tokens."""

    client: httpx.AsyncClient
    installation: str
    access_token: str = ""
    refresh_token: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    passkeys: bool = False

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One call below ``/api/v1``, with the access token if there is one."""
        given = {**self.headers, **headers}
        if self.access_token:
            given.setdefault("authorization", f"Bearer {self.access_token}")
        return await self.client.request(method, f"/api/v1{path}", json=body, headers=given)

    async def send_bytes(self, method: str, path: str, content: bytes, **headers: str) -> httpx.Response:
        """One call below ``/api/v1`` with a body that is no JSON."""
        given = {"authorization": f"Bearer {self.access_token}", "content-type": "application/octet-stream", **headers}
        return await self.client.request(method, f"/api/v1{path}", content=content, headers=given)

    async def begin(self, identifier: str = ADDRESS) -> dict[str, object]:
        """Begin an attempt and keep its ticket."""
        can = {"passkeys": True} if self.passkeys else {}
        body = {"installation": self.installation, "identifier": identifier, **can}
        answer = await self.call("POST", "/signin", body)
        assert answer.status_code == 201, answer.text
        attempt: dict[str, object] = answer.json()
        self.headers["portico-ticket"] = str(attempt["ticket"])
        return attempt

    async def answer(self, attempt: Mapping[str, object], answer: Mapping[str, object]) -> httpx.Response:
        """Answer the present step of an attempt; tokens are kept."""
        body = {"version": attempt["version"], "answer": answer}
        response = await self.call("POST", f"/signin/{attempt['id']}", body)
        if response.status_code == 200 and "tokens" in response.json():
            self.keep(response.json()["tokens"])
        return response

    async def sign_in(self, identifier: str = ADDRESS, password: str = PASSWORD) -> httpx.Response:
        """Identifier, password; the answer to the password."""
        attempt = await self.begin(identifier)
        return await self.answer(attempt, {"answer": "password", "password": password})

    async def refresh(self) -> httpx.Response:
        """Exchange the refresh token; the new pair is kept."""
        response = await self.call("POST", "/tokens/refresh", {"refresh_token": self.refresh_token})
        if response.status_code == 200:
            self.keep(response.json())
        return response

    def keep(self, tokens: dict[str, str]) -> None:
        """Use these tokens from now on."""
        self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]


MakeWorld: TypeAlias = Callable[..., AbstractAsyncContextManager[World]]
"""Opens a world with Nora in it; takes the keywords of :func:`open_world`."""


@asynccontextmanager
async def open_world(
    folder: Path, database_url: str, *, limits: Limits | None = None, hasher: type[Hasher] = Hasher, **settings: str
) -> AsyncIterator[World]:
    """A deployment on a migrated database, with the cheapest hashes there are.

    ``hasher`` is the class that hashes passwords: one that counts or can be held lies in ``tests/support/hashers``.
    """
    environment = {
        "PORTICO_BASE_URL": BASE,
        "PORTICO_DATA": str(folder / "data"),
        "PORTICO_DATABASE_URL": database_url,
        "PORTICO_MAIL_TRANSPORT": "maildir",
        "PORTICO_DNS_SERVER": "127.0.0.1:9",
        "PORTICO_ARGON2_MEMORY_KIB": "8",
        "PORTICO_ARGON2_PASSES": "1",
        **{f"PORTICO_{name.upper()}": value for name, value in settings.items()},
    }
    clock = SetClock()
    house = await open_house(read_settings(environment), clock=clock, limits=limits)
    given = house.settings
    cheapest = Argon2Parameters(memory_kib=given.argon2_memory_kib, passes=given.argon2_passes)
    house.hasher = hasher(cheapest, threads=given.hash_threads or None, queue=given.hash_queue)
    try:
        yield World(house, _doors(house).front(), clock)
    finally:
        await house.close()


def _doors(house: House) -> Doors:
    """The doors of a house, with the templates of the first house that looks like it: compiling them takes long."""
    doors = Doors(house)
    look = (house.ground.brand, house.settings.sign_up, house.ground.is_development)
    doors.templates = _TEMPLATES.setdefault(look, doors.templates)
    return doors


def hidden_fields(page: httpx.Response, path: str) -> dict[str, str]:
    """The hidden fields of the form on a page that leads to ``path``."""
    for form in re.findall(r"<form\b.*?</form>", page.text, re.DOTALL):
        if f'action="{path}"' in form:
            return {name: unescape(value) for name, value in _HIDDEN.findall(form)}
    raise AssertionError(f"no form leads to {path} on {page.request.url}: {page.status_code}")
