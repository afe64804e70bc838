"""A server that is killed at any moment: what it had said is true, and what it had refused stays refused.

A ledger outside the server holds every fact that was acknowledged. After each kill an oracle asks for all of them
again: nothing acknowledged is lost (LOST), nobody gets in with what was burnt, replaced or ended (LETIN). A request
that got no answer may have happened or not, but never half.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from portico.app import build_app
from portico.house import House, open_house
from portico.kernel.tokens import to_base64url
from tests.conftest import VERIFY
from tests.support.crash_server import CrashServer, crash_server
from tests.support.databases import Kind, Templates
from tests.support.fuzz import Dice
from tests.support.world import SetClock, World

PEOPLE = 12
KILLS = 50 if VERIFY else 3
RESTART_SECONDS = 30.0
"""How long a restart may take on a machine that runs other tests beside it; alone it takes a second or two."""


@dataclass
class Person:
    """What the ledger knows of one person. ``doubt``: the password that may have been set, and with which token."""

    address: str
    installation: str
    password: str
    former: list[str] = field(default_factory=list)
    burnt: list[str] = field(default_factory=list)
    doubt: tuple[str, str] | None = None
    live: list[dict[str, str]] = field(default_factory=list)
    ended: list[dict[str, str]] = field(default_factory=list)
    resets: int = 0


@dataclass
class Verdict:
    """What the oracle has found."""

    lost: list[str] = field(default_factory=list)
    let_in: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)


class Cut(Exception):
    """The line went dead: nobody knows what became of the request."""


class Line:
    """Calls to the server; a dead line is :class:`Cut`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One call of the API."""
        try:
            answer = await self._client.request(method, f"/api/v1{path}", json=body, headers=headers)
        except httpx.TransportError as error:
            raise Cut from error
        assert answer.status_code < 500, answer.text
        return answer

    async def sign_in(self, person: Person, password: str) -> dict[str, str] | None:
        """The tokens, or None where the password is refused."""
        begun = await self.call("POST", "/signin", {"installation": person.installation, "identifier": person.address})
        attempt: dict[str, Any] = begun.json()
        body = {"version": attempt["version"], "answer": {"answer": "password", "password": password}}
        told = await self.call("POST", f"/signin/{attempt['id']}", body, **{"portico-ticket": attempt["ticket"]})
        assert told.status_code == 200, told.text
        tokens: dict[str, str] | None = told.json().get("tokens")
        return tokens

    async def is_in(self, tokens: dict[str, str]) -> bool:
        """Whether an access token opens the account."""
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        return (await self.call("GET", "/account", **headers)).status_code == 200


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.timeout(0)
async def test_a_killed_server_keeps_its_word(kind: Kind, templates: Templates, tmp_path: Path) -> None:
    # S32, D5, D7, D22, rules 1 and 9, X1, V2.3.3
    dice = Dice(KILLS)
    async with templates.url(kind, tmp_path) as url:
        with crash_server(tmp_path, url) as server:
            async with house_of(server) as house:
                people = await move_in(house)
                await server.start()
                for _ in range(KILLS):
                    await work_until_killed(server, house, people, 0.3 + dice.below(1_000) / 1_000)
                    assert await server.start() < RESTART_SECONDS
                    verdict = await examine(server, people)
                    assert verdict == Verdict(), verdict
                assert sum(person.resets for person in people) > KILLS, "there was something to lose"


@asynccontextmanager
async def house_of(server: CrashServer) -> AsyncIterator[House]:
    """The same deployment from here, as the command line would open it: to add people and make links."""
    house = await open_house(server.settings)
    try:
        yield house
    finally:
        await house.close()


async def move_in(house: House) -> list[Person]:
    """Some people with passwords."""
    world = World(house, build_app(house), SetClock(house.clock.now()))
    people = []
    for number in range(PEOPLE):
        installation = to_base64url(house.chance.draw_bytes(32))
        person = Person(f"person{number}@north-clinic.example", installation, f"First-Password-{number}")
        await world.add_person(person.address, person.password)
        people.append(person)
    return people


async def work_until_killed(server: CrashServer, house: House, people: list[Person], seconds: float) -> None:
    """Everybody at once, until the server is killed in the middle of it."""
    async with httpx.AsyncClient(base_url=server.base, timeout=30, limits=httpx.Limits(max_connections=50)) as client:
        working = [asyncio.create_task(work(Line(client), house, person)) for person in people]
        await asyncio.sleep(seconds)
        server.kill()
        for done in await asyncio.gather(*working, return_exceptions=True):
            assert isinstance(done, Cut), done


async def work(line: Line, house: House, person: Person) -> None:
    """Reset, sign in, refresh, sign out, and write down what the server has said. Ends when the line is cut."""
    while True:
        await reset(line, house, person)
        for _ in range(2):
            tokens = await line.sign_in(person, person.password)
            assert tokens is not None
            person.live.append(tokens)
        refreshed = await line.call("POST", "/tokens/refresh", {"refresh_token": person.live[0]["refresh_token"]})
        if refreshed.status_code == 200:
            person.live[0] = refreshed.json()
        leaving = person.live.pop()
        answer = None
        with suppress(Cut):
            answer = await line.call("POST", "/tokens/revoke", authorization=f"Bearer {leaving['access_token']}")
        if answer is None:
            raise Cut
        assert answer.status_code == 204
        person.ended.append(leaving)


async def reset(line: Line, house: House, person: Person) -> None:
    """A new password by a link."""
    account = await house.accounts.find_by_identifier(house.database, person.address)
    assert account is not None
    now = house.clock.now()
    token, _ = await house.database.transact(lambda tx: house.links.add_link(tx, now, account.id, account.epoch))
    password = f"Reset-Password-{len(person.former)}"
    person.doubt = (password, token)
    answer = await line.call("POST", "/password-reset", {"token": token, "new_password": password})
    assert answer.json() == {"is_done": True}, answer.text
    settle(person, is_done=True)
    person.resets += 1


def settle(person: Person, *, is_done: bool) -> None:
    """The doubt is over: the reset has happened, or has not."""
    assert person.doubt is not None
    password, token = person.doubt
    person.doubt = None
    if is_done:
        person.former.append(person.password)
        person.password = password
        person.burnt.append(token)
        person.ended += person.live
        person.live = []


async def examine(server: CrashServer, people: list[Person]) -> Verdict:
    """Ask for every fact of the ledger again."""
    verdict = Verdict()
    async with httpx.AsyncClient(base_url=server.base, timeout=30) as client:
        line = Line(client)
        for person in people:
            await resolve(line, person, verdict)
            await look_for_lost(line, person, verdict)
            await look_for_let_in(line, person, verdict)
            person.live = []  # each round begins anew, or there would be ever more to ask
    return verdict


async def look_for_lost(line: Line, person: Person, verdict: Verdict) -> None:
    """What was said is true."""
    if await line.sign_in(person, person.password) is None:
        verdict.lost.append(f"{person.address}: {person.password}")
    for tokens in person.live:
        if not await line.is_in(tokens):
            verdict.lost.append(f"{person.address}: a session")


async def look_for_let_in(line: Line, person: Person, verdict: Verdict) -> None:
    """What was refused stays refused; the newest of it, or it would be ever more to ask."""
    for old in person.former[-1:]:
        if await line.sign_in(person, old) is not None:
            verdict.let_in.append(f"{person.address}: {old}")
    for token in person.burnt[-3:]:
        body = {"token": token, "new_password": "Let-Me-In-1"}
        is_taken = (await line.call("POST", "/password-reset", body)).status_code == 200
        if is_taken or await link_state(line, token) == "live":
            verdict.let_in.append(f"{person.address}: a burnt link")
    for tokens in person.ended[-6:]:
        if await line.is_in(tokens):
            verdict.let_in.append(f"{person.address}: an ended session")


async def resolve(line: Line, person: Person, verdict: Verdict) -> None:
    """Find out what became of a reset that got no answer: all of it happened, or nothing."""
    if person.doubt is None:
        return
    password, token = person.doubt
    is_new = await line.sign_in(person, password) is not None
    is_burnt = await link_state(line, token) != "live"
    if is_new != is_burnt:
        verdict.half.append(f"{person.address}: password {'new' if is_new else 'old'}, link burnt: {is_burnt}")
    settle(person, is_done=is_new)


async def link_state(line: Line, token: str) -> str:
    """What a link is worth."""
    return str((await line.call("POST", "/password-reset/link", {"token": token})).json()["state"])


async def test_a_mail_that_was_promised_comes_after_a_kill(templates: Templates, tmp_path: Path) -> None:
    # S25, D6, rule 9: asking again and again while the server dies loses no request that was taken
    async with templates.url("sqlite", tmp_path) as url:
        with crash_server(tmp_path, url) as server:
            async with house_of(server) as house:
                people = await move_in(house)
                await server.start()
                asked = []
                async with httpx.AsyncClient(base_url=server.base, timeout=30) as client:
                    for person in people:
                        body = {"identifier": person.address}
                        answer = await Line(client).call("POST", "/password-reset/requests", body)
                        assert answer.status_code == 202
                        asked.append(person.address)
                server.kill()
                await server.start()
                async with asyncio.timeout(60):
                    while await recipients(house) != set(asked):  # noqa: ASYNC110 - another process sends them
                        await asyncio.sleep(0.1)
                links = re.findall(
                    r"passwordreset/(\S{43})", "".join(each.text for each in await house.mailbox.list_letters())
                )
                async with httpx.AsyncClient(base_url=server.base, timeout=30) as client:
                    assert {await link_state(Line(client), token) for token in links} <= {"live", "expired"}


async def recipients(house: House) -> set[str]:
    """Who has got a mail."""
    return {letter.to for letter in await house.mailbox.list_letters()}
