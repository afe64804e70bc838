"""Every door at which somebody with an account chooses a new password, behind one face."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from html import unescape
from typing import TypeAlias

import httpx

from portico.kernel.messages import message
from portico.signin.facts import ChangeReason
from tests.support.invitations import INVITEE, invite_to, mailed_invitation
from tests.support.organizations import NORTH
from tests.support.world import ADDRESS, PASSWORD, Browser, World

CODES = (
    "password.common", "password.own_data", "password.breached", "password.breach_check_down", "password.unmet",
    "password.unmet_now", "password.changed_meanwhile", "password.same_as_before",
)  # fmt: skip
COUNTED_CODES = (
    "password.reused", "password.reused.by_one", "password.reused.by_several", "password.history_now.by",
)  # fmt: skip
PRIYA = "priya@north-clinic.example"


class Chooser:
    """Somebody in front of a door; ``choose`` gives the code of a refusal, or nothing once it is done."""

    async def choose(self, password: str) -> str:
        """Send a new password."""
        raise NotImplementedError


class PageChooser(Chooser):
    """With a page; what is refused is told on the page that one comes back to."""

    def __init__(self, world: World, browser: Browser, page: httpx.Response, **more: str) -> None:
        self._world = world
        self._browser = browser
        self.page = page
        self._more = more

    async def choose(self, password: str) -> str:
        """Send a new password, twice the same."""
        path = self.page.request.url.path
        fields = {"new_password": password, "repeat_password": password, **self._more}
        answer = await self._browser.submit(self.page, path, **fields)
        if answer.headers["location"] != path:
            return ""
        self.page = await self._browser.follow(answer)
        assert password not in self.page.text
        said = unescape(self.page.text)
        told = [code for code in CODES if self._world.house.ground.catalogues.text(message(code), "en") in said]
        told += [code for code in COUNTED_CODES if self._is_told(code, said)]
        assert len(told) == 1, said
        return told[0]

    def _is_told(self, code: str, said: str) -> bool:
        """Whether a page says a sentence with a number and names in it, in the box that says what went wrong."""
        sentences = [self._world.house.ground.catalogues.pattern(code, "en", count) for count in (1, 6)]
        boxes = re.findall(r'<div class="summary".*?</div>', said, re.DOTALL)
        patterns = [re.sub(r"\\{\w+\\}", ".+", re.escape(sentence)) for sentence in sentences]
        return any(re.search(rf">{pattern}<", box) for box in boxes for pattern in patterns)


class ApiChooser(Chooser):
    """With a program; ``call`` sends a new password."""

    def __init__(self, call: Callable[[str], Awaitable[httpx.Response]]) -> None:
        self._call = call

    async def choose(self, password: str) -> str:
        """Send a new password."""
        answer = await self._call(password)
        assert answer.status_code == 200, answer.text
        failure = answer.json().get("failure")
        assert failure is None or (failure["text"] and password not in answer.text)
        return str(failure["code"]) if failure else ""


@asynccontextmanager
async def by_reset_page(world: World) -> AsyncIterator[Chooser]:
    """Over a mailed link."""
    async with world.browser() as browser:
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        yield PageChooser(world, browser, await browser.follow(await browser.get(await world.reset_link())))


@asynccontextmanager
async def by_forced_page(world: World) -> AsyncIterator[Chooser]:
    """In a sign-in that asks for a new one."""
    await world.add_person(PRIYA, handle="priya", first_name="Nora", must_change=ChangeReason.FORCED)
    async with world.browser() as browser:
        yield PageChooser(world, browser, await browser.follow(await browser.sign_in(PRIYA)))


@asynccontextmanager
async def by_my_account(world: World) -> AsyncIterator[Chooser]:
    """Signed in."""
    async with world.browser() as browser:
        await browser.sign_in()
        yield PageChooser(world, browser, await browser.get("/account/password"), current_password=PASSWORD)


@asynccontextmanager
async def by_reset_api(world: World) -> AsyncIterator[Chooser]:
    """Over a mailed link, by a program."""
    async with world.native() as client:
        await client.call("POST", "/password-reset/requests", {"identifier": ADDRESS})
        token = (await world.reset_link()).rpartition("/")[2]
        yield ApiChooser(lambda new: client.call("POST", "/password-reset", {"token": token, "new_password": new}))


@asynccontextmanager
async def by_forced_api(world: World) -> AsyncIterator[Chooser]:
    """In a program's sign-in that asks for a new one."""
    await world.add_person(PRIYA, handle="priya", first_name="Nora", must_change=ChangeReason.FORCED)
    async with world.native() as client:
        attempt = (await client.sign_in(PRIYA)).json()

        async def call(new: str) -> httpx.Response:
            nonlocal attempt
            answer = await client.answer(attempt, {"answer": "new_password", "new_password": new})
            attempt = answer.json()
            return answer

        yield ApiChooser(call)


@asynccontextmanager
async def by_account_api(world: World) -> AsyncIterator[Chooser]:
    """Signed in, by a program."""
    async with world.native() as client:
        await client.sign_in()
        yield ApiChooser(
            lambda new: client.call("POST", "/account/password", {"current_password": PASSWORD, "new_password": new})
        )


Door: TypeAlias = Callable[[World], AbstractAsyncContextManager[Chooser]]
DOORS: dict[str, Door] = {
    "reset page": by_reset_page,
    "forced change page": by_forced_page,
    "my account page": by_my_account,
    "reset api": by_reset_api,
    "forced change api": by_forced_api,
    "account api": by_account_api,
}


@asynccontextmanager
async def by_invitation_page(world: World) -> AsyncIterator[Chooser]:
    """Invited by the clinic, with no account yet."""
    await invite_to(world.house, NORTH, INVITEE)
    async with world.browser() as browser:
        page = await browser.follow(await browser.get(await mailed_invitation(world)))
        page = await browser.follow(await browser.submit(page, "/invitation"))
        yield PageChooser(world, browser, page, first_name="Ida", last_name="Holm")


@asynccontextmanager
async def by_invitation_api(world: World) -> AsyncIterator[Chooser]:
    """The same, by a program."""
    await invite_to(world.house, NORTH, INVITEE)
    token = (await mailed_invitation(world)).rpartition("/")[2]
    async with world.native() as client:
        begun = await client.call("POST", "/invitations/accept", {"token": token, "installation": client.installation})
        attempt = begun.json()
        client.headers["portico-ticket"] = attempt["ticket"]

        async def call(new: str) -> httpx.Response:
            nonlocal attempt
            named = {"answer": "create_account", "first_name": "Ida", "last_name": "Holm"}
            answer = await client.answer(attempt, {**named, "new_password": new})
            attempt = answer.json()
            return answer

        yield ApiChooser(call)


INVITED_DOORS: dict[str, Door] = {"invitation page": by_invitation_page, "invitation api": by_invitation_api}
"""Those at which somebody whom the North Clinic invites makes an account."""
