"""A town to tell stories in: a running server, people who move in as they are needed, their mail, and time that passes.

People move in through the same services the server uses, opened once more from the test's process. Every story has
people of its own, so that one server serves many stories.
"""

import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape

import httpx

from portico.accounts.model import AccountState
from portico.database.engine import Transaction
from portico.factors.model import PasswordProperties
from portico.house import House, open_house
from portico.kernel.clock import SystemClock
from portico.signin.facts import ChangeReason
from tests.support.server import RunningServer

PASSWORD = "Harbour-Lamp-27"
NEW_PASSWORD = "Silver-Orchard-63"
THIRD_PASSWORD = "Copper-Bridge-19"

RESET_LINK = re.compile(r"https?://[^\s/]+/account/passwordreset/[A-Za-z0-9_-]{43}\b")
_ADDRESS = re.compile(r"https?://[^\s<>\"']+")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody in the town."""

    first_name: str
    last_name: str
    address: str
    handle: str
    password: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class Letter:
    """A mail as the development mailbox tells it."""

    id: str
    to: str
    subject: str
    text: str
    html: str

    def links(self) -> set[str]:
        """Every web address in it, in its text and in its HTML."""
        return set(_ADDRESS.findall(self.text)) | set(_ADDRESS.findall(unescape(self.html)))

    def link(self) -> str | None:
        """The reset link in it, whole."""
        found = RESET_LINK.search(self.text)
        return found[0] if found else None


@dataclass
class Town:
    """One server, and whoever lives there."""

    server: RunningServer
    house: House
    people: list[Person] = field(default_factory=list)

    @property
    def base(self) -> str:
        """The server's address."""
        return self.server.base

    async def move_in(
        self,
        first_name: str = "Ada",
        *,
        password: str = PASSWORD,
        language: str = "en",
        state: AccountState = AccountState.ACTIVE,
        must_change: ChangeReason | None = None,
    ) -> Person:
        """Somebody new; an empty password means none."""
        handle = f"{first_name.lower()}{next(_numbers)}"
        person = Person(first_name, "Berg", f"{handle}@north-clinic.example", handle, password)
        house, now = self.house, self.house.clock.now()
        new = await house.password.prepare(password) if password else None
        properties = PasswordProperties(must_change=must_change.value if must_change else None)

        async def body(tx: Transaction) -> None:
            account = await house.accounts.add_account(
                tx,
                now,
                address=person.address,
                handle=person.handle,
                first_name=person.first_name,
                last_name=person.last_name,
                language=language,
            )
            if new is not None:
                await house.password.set_password(tx, now, account.id, new, properties)
            if state is not AccountState.ACTIVE:
                await house.accounts.set_state(tx, now, account.id, state)

        await house.database.transact(body)
        self.people.append(person)
        return person

    def free_address(self) -> str:
        """An address that nobody has."""
        return f"newcomer{next(_numbers)}@south-clinic.example"

    async def letters(self, to: str) -> list[Letter]:
        """The mails to an address, newest first, once every job has run."""
        async with httpx.AsyncClient(base_url=self.base, timeout=30) as client:
            answer = await client.get("/dev/api/mailbox", params={"to": to})
        assert answer.status_code == 200, answer.text
        return [
            Letter(mail["id"], mail["to"], mail["subject"], mail["text"], mail["html"])
            for mail in answer.json()["mails"]
        ]

    async def reset_links(self, person: Person) -> list[str]:
        """The reset links that were mailed to somebody, newest first."""
        return [link for letter in await self.letters(person.address) if (link := letter.link())]

    async def reset_link(self, person: Person) -> str:
        """The newest of them."""
        links = await self.reset_links(person)
        assert links, f"no reset link was mailed to {person.address}"
        return links[0]

    async def advance(self, **span: float) -> None:
        """Let time pass, for the server and for whoever moves people in."""
        await self.server.advance(**span)
        if isinstance(self.house.clock, SystemClock):
            self.house.clock.offset += timedelta(**span)


@asynccontextmanager
async def open_town(server: RunningServer) -> AsyncIterator[Town]:
    """The town around a server."""
    house = await open_house(server.settings)
    try:
        yield Town(server, house)
    finally:
        await house.close()
