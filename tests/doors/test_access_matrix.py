"""The role-by-endpoint matrix: every row of the table, called by everybody there is, in two organizations (V8.2.1).

What is expected follows from the row's ``access`` alone. Bodies are rubbish where a body is asked for: what counts is
whether the door opens, not what is behind it. A variable of a path is given a value that is there, so that *not found*
means: not for you.
"""

import re
from dataclasses import dataclass, field

import httpx
import pytest

from portico.accounts.model import Account
from portico.kernel.errors import Conflict, NotFound
from portico.mail.model import TestMessage
from portico.organizations.invitations.model import InvitationStatus, Offer
from portico.organizations.model import MemberType, Organization, OrganizationState, Role
from portico.organizations.rules import AT_THE_MACHINE
from portico.web.routing import Access, Endpoint
from tests.support.refusals import assert_carried
from tests.support.world import BASE, PASSWORD, Browser, Native, World

ROLES = {Access.SUPPORT: Role.SUPPORT, Access.ADMIN: Role.ADMIN, Access.OWNER: Role.OWNER}
NOT_SIGNED_IN, NOT_FOUND, NOT_ALLOWED, OPEN = "not_signed_in", "not_found", "not_allowed", "open"
STATUSES = {NOT_SIGNED_IN: 401, NOT_FOUND: 404, NOT_ALLOWED: 403}
RUBBISH = {"rubbish": True}
"""No document of ours has such a field, so that nothing is changed by any of these."""
DOMAIN = "north.example"
"""A proven one: nobody is asked about it."""
ENDS_THE_SESSION = ("/tokens/revoke", "/signout")
ENDS_OTHERS = ("/account/sessions", "end-others")
FOR_ANYBODY = (Access.ANYONE, Access.ATTEMPT_HOLDER)
"""What these doors refuse has nothing to do with who is calling: a form without its token, an attempt of another."""


@dataclass
class Caller:
    """Somebody who calls: signed in twice, unless there is nothing to sign in to."""

    name: str
    browser: Browser
    client: Native
    account: Account | None = None
    role: Role | None = None
    """What they may do in the organization whose id stands in the paths."""
    csrf: str = ""

    async def sign_in(self) -> None:
        """Sign in, if there is an account."""
        if self.account is None:
            return
        self.browser.client.cookies.clear()
        await self.browser.sign_in(self.account.address)
        self.client.access_token = ""
        await self.client.sign_in(self.account.address)
        page = await self.browser.get("/account/sessions")
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found is not None
        self.csrf = found[1]

    async def call(self, endpoint: Endpoint, values: dict[str, str]) -> httpx.Response:
        """Call an endpoint with rubbish."""
        path = re.sub(r"{(\w+)}", lambda found: values[found[1]], endpoint.path)
        if not endpoint.is_api:
            if endpoint.is_read:
                return await self.browser.get(path)
            fields = {"csrf": self.csrf, "rubbish": "yes"}
            return await self.browser.post(path, fields)
        path = path.removeprefix("/api/v1")
        if endpoint.takes:
            return await self.client.send_bytes(endpoint.method, path, b"rubbish")
        return await self.client.call(endpoint.method, path, RUBBISH if endpoint.body is not None else None)

    def expected(self, endpoint: Endpoint) -> str:
        """What the table says they are told."""
        access = endpoint.access
        if access in FOR_ANYBODY:
            return OPEN
        if self.account is None:
            return NOT_SIGNED_IN
        if access is Access.SIGNED_IN or self.account.is_operator:
            return OPEN
        if access is Access.OPERATOR:
            return NOT_ALLOWED
        if self.role is None:
            return NOT_FOUND
        return OPEN if self.role.reaches(ROLES[access]) else NOT_ALLOWED


@dataclass
class Town:
    """Two organizations and a suspended one, everybody in them, and something in every place a path can name."""

    world: World
    north: Organization
    callers: list[Caller] = field(default_factory=list)
    mia: Account | None = None
    mail_id: str = ""

    async def put_back(self, caller: Caller) -> None:
        """Have somebody be a member again who has just left."""
        if caller.account is None or caller.role is None:
            return
        members, account = self.world.house.memberships, caller.account
        try:
            await members.get(self.north.id, account.id)
        except NotFound:
            await members.add(AT_THE_MACHINE, self.north.id, account, MemberType.STAFF, caller.role)

    async def find_invitation(self) -> str:
        """An open invitation; another one where the last was taken back."""
        invitations = self.world.house.invitations
        for found in await invitations.list_invitations(self.north.id, status=InvitationStatus.OPEN, limit=1):
            return found.id
        address = f"kim.{self.world.house.chance.draw_bytes(6).hex()}@south-clinic.example"
        invited = await invitations.invite(AT_THE_MACHINE, self.north.id, address, Offer(member_type=MemberType.STAFF))
        return invited.id

    async def values(self) -> dict[str, str]:
        """What the variables of the paths stand for, put back where an earlier call has taken it away.

        Whoever adds a variable to a path below an organization adds a value that is there.
        """
        house, mia = self.world.house, self.mia
        assert mia is not None
        try:
            await house.memberships.get(self.north.id, mia.id)
        except NotFound:
            await house.memberships.add(AT_THE_MACHINE, self.north.id, mia, MemberType.STAFF, Role.MEMBER)
        somewhere = dict.fromkeys(
            ("token", "attempt_id", "digest", "session_id", "device_id", "passkey_id"), self.north.id
        )
        somewhere |= {"member_type": "staff", "invitation_id": await self.find_invitation()}
        if not await house.domains.list_claimed(self.north.id):
            await house.domains.claim(AT_THE_MACHINE, self.north.id, DOMAIN)
            await house.domains.verify_by_word(AT_THE_MACHINE, self.north.id, DOMAIN)
        somewhere["domain"] = DOMAIN
        return {**somewhere, "mail_id": self.mail_id, "organization_id": self.north.id, "account_id": mia.id}


@pytest.fixture
async def town(free_world: World) -> Town:
    """Everybody there is, not signed in yet."""
    changes = free_world.house.organization_changes
    made = Town(free_world, await changes.add(AT_THE_MACHINE, "North Clinic"))
    letters, now = free_world.house.mail, free_world.clock.now()
    made.mail_id = await free_world.house.database.transact(
        lambda tx: letters.add_mail(tx, now, TestMessage(), recipient="mia@north-clinic.example", language="en")
    )
    made.mia = await free_world.add_person("mia@north-clinic.example", "", handle="mia")
    return made


async def settle(town: Town) -> None:
    """Let everybody move in."""
    world, house = town.world, town.world.house
    south = await house.organization_changes.add(AT_THE_MACHINE, "South Clinic")
    closed = await house.organization_changes.add(AT_THE_MACHINE, "Closed Clinic")

    async def person(name: str, *, is_operator: bool = False) -> Account:
        return await world.add_person(
            f"{name}@north-clinic.example", PASSWORD, first_name=name.capitalize(), is_operator=is_operator
        )

    async def join(name: str, organization: Organization, role: Role) -> Account:
        account = await person(name)
        await house.memberships.add(AT_THE_MACHINE, organization.id, account, MemberType.STAFF, role)
        return account

    people: list[tuple[str, Account | None, Role | None]] = [("nobody", None, None)]
    people.append(("stranger", await person("stranger"), None))
    for each in Role:
        people.append((f"north {each}", await join(f"north.{each}", town.north, each), each))
        people.append((f"south {each}", await join(f"south.{each}", south, each), None))
    suspended = await join("suspended", town.north, Role.ADMIN)
    await house.memberships.suspend(AT_THE_MACHINE, town.north.id, suspended.id)
    people.append(("suspended", suspended, None))
    people.append(("of a suspended organization", await join("closed", closed, Role.OWNER), None))
    await house.organization_changes.set_state(AT_THE_MACHINE, closed.id, 1, OrganizationState.SUSPENDED)
    people.append(("operator", await person("operator", is_operator=True), None))
    for name, account, given in people:
        caller = Caller(name, *await meet(world), account, given)
        await caller.sign_in()
        town.callers.append(caller)


async def meet(world: World) -> tuple[Browser, Native]:
    """A browser and a native client that stay open as long as the test; nothing of theirs needs closing."""
    transport = httpx.ASGITransport(app=world.app, client=("198.51.100.7", 50_000))
    browser = httpx.AsyncClient(transport=transport, base_url=BASE)
    client = httpx.AsyncClient(transport=transport, base_url=BASE)
    return Browser(browser), Native(client, "A" * 43)


def row(endpoint: Endpoint) -> str:
    """An endpoint as the table names it."""
    return f"{endpoint.method} {endpoint.path}"


def said(endpoint: Endpoint, answer: httpx.Response) -> str:
    """How the door answered: one of the refusals, or anything else, which is open."""
    if not endpoint.is_api:
        leads_away = answer.status_code == 303 and answer.headers["location"].startswith("/signin")
        if leads_away and endpoint.path != "/":
            return NOT_SIGNED_IN
        return {403: NOT_ALLOWED, 404: NOT_FOUND}.get(answer.status_code, OPEN)
    if answer.status_code not in STATUSES.values():
        return OPEN
    code: str = answer.json()["code"]
    return code if code in STATUSES else OPEN


def is_as_expected(endpoint: Endpoint, told: str, expected: str) -> bool:
    """Whether an answer is what the table says. Of one's own things, some are not there: that refuses nobody."""
    if endpoint.access in FOR_ANYBODY:
        return told != NOT_SIGNED_IN or not endpoint.is_api or endpoint.path.endswith("/tokens/refresh")
    return told == expected or (endpoint.access is Access.SIGNED_IN and (told, expected) == (NOT_FOUND, OPEN))


async def test_everybody_reaches_what_the_table_says_and_nothing_else(town: Town) -> None:  # V8.2.1, D27, D19
    await settle(town)
    table = sorted(town.world.app.routes.endpoints, key=lambda each: each.path.endswith(ENDS_THE_SESSION))
    assert {each.access for each in table} >= {*ROLES, Access.OPERATOR, Access.SIGNED_IN, Access.ANYONE}
    wrong, asked = [], 0
    for endpoint in table:
        for caller in town.callers:
            answer = await caller.call(endpoint, await town.values())
            asked += 1
            assert_carried(answer)
            assert answer.status_code < 500, (row(endpoint), caller.name, answer.text)
            await town.put_back(caller)
            told, expected = said(endpoint, answer), caller.expected(endpoint)
            if not is_as_expected(endpoint, told, expected):
                wrong.append(f"{row(endpoint)}: {caller.name} is told {told} ({answer.status_code}), not {expected}")
            if endpoint.path.endswith((*ENDS_THE_SESSION, *ENDS_OTHERS)):
                await caller.sign_in()
    assert not wrong, "\n".join(wrong)
    assert asked == len(table) * len(town.callers)


async def test_refusals_are_those_of_the_matrix(town: Town) -> None:
    """The test above would notice: a caller whose role is misjudged is told something else than the table says."""
    await settle(town)
    owner = next(caller for caller in town.callers if caller.name == "north owner")
    support = next(caller for caller in town.callers if caller.name == "north support")
    rename = next(each for each in town.world.app.routes.endpoints if each.access is Access.OWNER and each.is_api)
    for caller in (owner, support):
        answer = await caller.call(rename, await town.values())
        assert said(rename, answer) == caller.expected(rename)
    owner.role, support.role = Role.SUPPORT, Role.OWNER
    for caller in (owner, support):
        answer = await caller.call(rename, await town.values())
        assert said(rename, answer) != caller.expected(rename)


@pytest.mark.parametrize("wrong", ["nothing", "01900000-0000-7000-8000-000000000000", "%00", "a" * 500, "..%2f..", "'"])
async def test_ids_that_are_none_open_nothing(town: Town, wrong: str) -> None:  # V8.2.2
    """Not even for operators, who may go anywhere."""
    operator = await town.world.add_person("olga@north-clinic.example", PASSWORD, is_operator=True)
    caller = Caller("operator", *await meet(town.world), operator)
    await caller.sign_in()
    for endpoint in town.world.app.routes.endpoints:
        if "{organization_id}" not in endpoint.path or not endpoint.is_api:
            continue
        values = {**await town.values(), "organization_id": wrong}
        answer = await caller.call(endpoint, values)
        expected = (400, 404) if endpoint.body is not None else (404,)  # what cannot be read is told first
        assert answer.status_code in expected, (row(endpoint), answer.status_code, answer.text)


async def test_who_owns_a_suspended_organization_sees_it_and_changes_nothing(town: Town) -> None:  # D19
    await settle(town)
    house = town.world.house
    closed = await house.organization_changes.find_by_name("Closed Clinic")
    caller = next(each for each in town.callers if each.name == "of a suspended organization")
    assert closed is not None
    assert town.mia is not None
    await house.memberships.add(AT_THE_MACHINE, closed.id, town.mia, MemberType.STAFF, Role.MEMBER)
    place = f"/organizations/{closed.id}"
    member = f"{place}/members/{town.mia.id}"
    assert (await caller.client.call("GET", place)).json()["state"] == "suspended"
    assert len((await caller.client.call("GET", f"{place}/members")).json()["members"]) == 2
    for method, path, body in (
        ("PATCH", place, {"name": "Mine", "version": 2}),
        ("PATCH", member, {"version": 1, "role": "admin"}),
        ("POST", f"{member}/suspend", None),
        ("POST", f"{member}/resume", None),
        ("DELETE", member, None),
    ):
        answer = await caller.client.call(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "organization_suspended"), (method, path)
        assert answer.json()["detail"].startswith("Nothing can be changed in it for now")
    with pytest.raises(Conflict):
        await house.organization_changes.set_state(AT_THE_MACHINE, closed.id, 2, OrganizationState.SUSPENDED)
