"""A long walk through everything people can do, in any order, beside a small model: who may be let in, and who may not.

The model knows passwords, links and attempts. After each step all sessions that are new must be ones the model allows:
somebody has just given the right password of now, to an attempt under that name, and nothing stood against it.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from portico.accounts.model import AccountState
from portico.signin.facts import ChangeReason
from tests.conftest import VERIFY
from tests.support.fuzz import Dice
from tests.support.world import Browser, Native, World, hidden_fields

STEPS = 20_000 if VERIFY else 500
SEED = 2
NAMES = ("nell.finch", "tom.okafor", "priya.raman", "mia.santos", "nobody")
SESSION = "__Host-portico_session"


@dataclass
class Known:
    """What the model knows of an account."""

    id: str
    address: str
    password: str
    is_active: bool = True
    must_change: bool = False
    links: list[str] = field(default_factory=list)


@dataclass
class Attempt:
    """Where somebody stands: the page they look at, the name it is for, and whether its password was given."""

    page: httpx.Response
    name: str
    proven_with: str = ""


class Walk:
    """One walk."""

    def __init__(self, world: World, browsers: list[Browser], client: Native, seed: int) -> None:
        self.dice = Dice(seed)
        self.world = world
        self.browsers = browsers
        self.client = client
        self.people: dict[str, Known] = {}
        self.attempts: list[tuple[Browser, Attempt]] = []
        self.allowed: set[str] = set()
        self.required: set[str] = set()
        self.done: Counter[str] = Counter()
        self._passwords = 0
        self.steps: tuple[Callable[[], Awaitable[None]], ...] = (
            self.begin,
            self.begin,
            self.give_password,
            self.give_password,
            self.give_password,
            self.give_password,
            self.choose_password,
            self.choose_password,
            self.send_anything,
            self.ask_for_link,
            self.use_link,
            self.change_password,
            self.sign_out,
            self.let_time_pass,
            self.interfere,
            self.sign_in_by_api,
            self.sign_in_by_api,
        )

    async def move_in(self) -> None:
        """The people of the model."""
        for name in NAMES[:4]:
            address = f"{name}@north-clinic.example"
            password = "" if name == "mia.santos" else self.new_password()
            account = await self.world.add_person(address, password, handle=name)
            self.people[address] = Known(account.id, address, password)

    def new_password(self) -> str:
        """One nobody has had."""
        self._passwords += 1
        return f"Walking-Word-{self._passwords}"

    async def step(self) -> None:
        """Do something, and hold what has come of it against the model."""
        self.allowed, self.required = set(), set()
        before = await self.sessions()
        chosen = self.dice.one(self.steps)
        await chosen()
        opened = {session: account for session, account in (await self.sessions()).items() if session not in before}
        assert set(opened.values()) <= self.allowed, f"{chosen.__name__} let somebody in"
        assert self.required <= set(opened.values()), f"{chosen.__name__} did not let somebody in"
        self.done[f"{chosen.__name__} {'in' if opened else 'out'}"] += 1

    async def sessions(self) -> dict[str, str]:
        """Every session there is, and whose."""
        rows = await self.world.house.database.list_rows("SELECT id, account_id FROM sessions")
        return {row["id"]: row["account_id"] for row in rows}

    async def begin(self) -> None:
        """Type a name into a first page."""
        browser = self.dice.one(self.browsers)
        page = await browser.get("/signin")
        if 'action="/signin"' not in page.text:
            return
        name = f"{self.dice.one(NAMES)}@north-clinic.example"
        shown = await browser.follow(await browser.submit(page, "/signin", identifier=name))
        self.attempts = [*self.attempts[-8:], (browser, Attempt(shown, name))]

    async def give_password(self) -> None:
        """Give a password to an attempt: one's own, an old one, somebody else's; perhaps to a page of long ago."""
        if not self.attempts:
            return
        browser, attempt = self.dice.one(self.attempts)
        path = attempt.page.request.url.path
        present = await browser.get(path)
        page = attempt.page if self.dice.chance(30) else present
        if 'name="password"' not in page.text or 'name="password"' not in present.text:
            return
        passwords = [known.password for known in self.people.values()] + ["", "wrong", "Walking-Word-1"]
        own = self.people.get(attempt.name)
        password = own.password if own and self.dice.chance(80) else self.dice.one(passwords)
        is_right = own is not None and own.password != "" and password == own.password
        is_present = hidden_fields(page, path)["version"] == hidden_fields(present, path)["version"]
        if own and is_right and is_present:
            attempt.proven_with = password
            if own.is_active and not own.must_change:
                self.allowed.add(own.id)
                self.required.add(own.id)
        await browser.submit(page, path, password=password)
        attempt.page = present

    async def choose_password(self) -> None:
        """Answer a forced change, whether it was asked for or not."""
        if not self.attempts:
            return
        browser, attempt = self.dice.one(self.attempts)
        path = attempt.page.request.url.path
        page = await browser.get(path)
        own = self.people.get(attempt.name)
        new = self.new_password()
        if 'name="new_password"' in page.text:
            assert own
            assert own.must_change
            assert own.is_active
            assert attempt.proven_with == own.password, "the change is asked of who gave the password of now"
            self.allowed.add(own.id)
            self.required.add(own.id)
            own.password, own.must_change, own.links = new, False, []
            fields = hidden_fields(page, path)
        elif f'action="{path}"' in page.text:
            fields = {**hidden_fields(page, path), "step": "change_password"}
        else:
            return
        await browser.post(path, {**fields, "new_password": new, "repeat_password": new})

    async def send_anything(self) -> None:
        """Steps out of their order, versions from elsewhere, other people's attempts."""
        if not self.attempts:
            return
        _, attempt = self.dice.one(self.attempts)
        browser = self.dice.one(self.browsers)
        path = attempt.page.request.url.path
        csrf = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/account/passwordreset")).text)
        assert csrf
        step = self.dice.one(("finished", "change_password", "identify", "refused", "prove_password"))
        own = self.people.get(attempt.name)
        fields = {"csrf": csrf[1], "step": step, "version": str(self.dice.below(6)), "new_password": "Walking-In-1"}
        fields |= {"repeat_password": "Walking-In-1"}
        if step != "change_password" or (own and own.must_change):
            fields |= {"new_password": "x", "repeat_password": "y"}
        await browser.post(path, fields)

    async def ask_for_link(self) -> None:
        """By mail, for anybody."""
        address = f"{self.dice.one(NAMES)}@north-clinic.example"
        before = {letter.id for letter in await self.world.letters(address)}
        await self.client.call("POST", "/password-reset/requests", {"identifier": address})
        fresh = [letter for letter in await self.world.letters(address) if letter.id not in before]
        found = [re.search(r"/account/passwordreset/([A-Za-z0-9_-]{43})", letter.text) for letter in fresh]
        if address in self.people:
            known = self.people[address]
            known.links = [*known.links[-2:], *(each[1] for each in found if each)]
        else:
            assert not fresh

    async def use_link(self) -> None:
        """Open it, and set a password; that opens nothing."""
        known = self.dice.one(list(self.people.values()))
        token = self.dice.one([*known.links, "A" * 43])
        browser = self.dice.one(self.browsers)
        answer = await browser.get(f"/account/passwordreset/{token}")
        assert (answer.status_code == 303) is (token in known.links)
        if answer.status_code != 303:
            return
        page = await browser.follow(answer)
        new = self.new_password()
        done = await browser.submit(page, "/account/passwordreset/new", new_password=new, repeat_password=new)
        if known.is_active:
            assert done.headers["location"].endswith("/done")
            known.password, known.must_change = new, False
        else:
            assert done.status_code == 403
        known.links = []

    async def change_password(self) -> None:
        """In My Account; the session goes on, and no other is opened."""
        browser = self.dice.one(self.browsers)
        page = await browser.get("/account/password")
        if page.status_code != 200:
            return
        known = self.people[re.findall(r'id="username"[^>]*value="([^"]+)"', page.text)[0]]
        given = known.password if self.dice.chance(60) else "wrong"
        new = self.new_password()
        answer = await browser.submit(
            page, "/account/password", current_password=given, new_password=new, repeat_password=new
        )
        is_done = answer.headers["location"] == "/account"
        assert is_done is (given == known.password)
        if is_done:
            known.password, known.must_change, known.links = new, False, []
            assert (await browser.get("/account")).status_code == 200

    async def sign_out(self) -> None:
        """Whoever is signed in."""
        browser = self.dice.one(self.browsers)
        page = await browser.get("/account")
        if page.status_code == 200:
            await browser.submit(page, "/signout")
            assert (await browser.get("/account")).status_code == 303

    async def let_time_pass(self) -> None:
        """Enough for attempts and links to end now and then."""
        if self.dice.chance(70):
            self.world.clock.advance(minutes=self.dice.below(20))
            return
        self.world.clock.advance(hours=25)
        self.attempts = []
        for known in self.people.values():
            known.links = []

    async def interfere(self) -> None:
        """What operators do: disable, enable, force a change."""
        house, now = self.world.house, self.world.clock.now()
        known = self.dice.one(list(self.people.values()))
        if self.dice.chance(25) and known.password:
            known.must_change = True
            reason = ChangeReason.FORCED.value
            await house.database.transact(lambda tx: house.password.force_change(tx, known.id, reason))
            return
        is_active = not known.is_active or self.dice.chance(75)
        state = AccountState.ACTIVE if is_active else AccountState.DISABLED
        await house.database.transact(lambda tx: house.accounts.set_state(tx, now, known.id, state))
        if not is_active:
            known.links = []
        known.is_active = is_active

    async def sign_in_by_api(self) -> None:
        """Name and password in one go, by the other door."""
        known = self.dice.one(list(self.people.values()))
        other = known if self.dice.chance(70) else self.dice.one(list(self.people.values()))
        is_right = known is other and known.password != ""
        if is_right and known.is_active and not known.must_change:
            self.allowed.add(known.id)
            self.required.add(known.id)
        self.client.access_token = ""
        told = (await self.client.sign_in(known.address, other.password)).json()
        if is_right and not known.is_active:
            assert told["step"]["reason"] == "disabled"
        elif is_right and known.must_change:
            assert told["step"]["step"] == "change_password"
        elif not is_right:
            assert told["step"]["step"] == "prove"


async def test_no_path_opens_a_session_without_the_right_password(free_world: World) -> None:
    # D5, D7, D20, D22, S14, V2.3.1, V6.3.4, rule 3
    async with (
        free_world.browser() as one,
        free_world.browser() as two,
        free_world.browser() as three,
        free_world.native() as client,
    ):
        walk = Walk(free_world, [one, two, three], client, SEED)
        await walk.move_in()
        for _ in range(STEPS):
            await walk.step()
    for name in ("give_password in", "give_password out", "choose_password in", "use_link out", "sign_in_by_api in"):
        assert walk.done[name] >= STEPS // 200, f"the walk hardly ever comes to '{name}': {walk.done}"
