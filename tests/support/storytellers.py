"""Who tells a story: a browser with script, one without, and a program that speaks the JSON API.

A story is written once, in the words of :class:`Storyteller`, and must end alike whoever tells it. What people are told
is named by its code: a browser must show the sentence, a program must be sent the code and, where there is one, the
same sentence.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import httpx
from playwright.async_api import Browser, BrowserContext, FilePayload, Locator, Page, expect

from portico.ground import PACKAGE
from portico.kernel.brand import Brand
from portico.kernel.chance import SystemChance
from portico.kernel.messages import Catalogues, Message
from portico.kernel.tokens import to_base64url
from tests.support.chromium import PATIENCE_MS, watched_context
from tests.support.town import RESET_LINK, Person

Kind: TypeAlias = Literal["with script", "without script", "api"]
KINDS: tuple[Kind, ...] = ("with script", "without script", "api")
BROWSERS: tuple[Kind, ...] = ("with script", "without script")

expect.set_options(timeout=PATIENCE_MS)

CATALOGUES = Catalogues(PACKAGE / "locale")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CHALLENGE = re.compile(r"(&quot;challenge&quot;:&quot;)[\w-]+")
_SECRET = re.compile(r'(name="(?:csrf|form)" value=")[^"]*')
_CRITERIA: dict[str, dict[str, int]] = {"length": {"count": 8}, "upper": {}, "lower": {}, "digit": {}, "symbol": {}}


def words(code: str, language: str = "en", **params: str | int) -> str:
    """A sentence as people are shown it."""
    return CATALOGUES.text(Message(code, {"brand": Brand().name, **params}), language)


class Storyteller(ABC):
    """Somebody's one device. Verbs are what a person does, whatever the device."""

    def __init__(self, base: str, language: str) -> None:
        self.base = base
        self.language = language

    def words(self, code: str, **params: str | int) -> str:
        """A sentence in the teller's language."""
        return words(code, self.language, **params)

    async def sign_in(self, person: Person, password: str | None = None, *, stay: bool = True) -> None:
        """Identifier, then password."""
        await self.identify(person.address)
        await self.give_password(person.password if password is None else password, stay=stay)

    @abstractmethod
    async def identify(self, identifier: str) -> None:
        """Begin to sign in, and say who one is."""

    @abstractmethod
    async def give_password(self, password: str, *, stay: bool = True) -> None:
        """Answer the question for the password."""

    @abstractmethod
    async def begin_sign_up(self, address: str) -> None:
        """Begin to sign up with a mail address."""

    @abstractmethod
    async def enter_code(self, code: str) -> None:
        """Enter the code from the mail."""

    @abstractmethod
    async def create_account(self, first_name: str, last_name: str, password: str) -> None:
        """Say one's name and choose a password, once the mailbox is confirmed."""

    @abstractmethod
    async def is_signed_in(self) -> bool:
        """Whether My Account opens without a question."""

    @abstractmethod
    async def find_name(self) -> str:
        """The first and last name as My Account shows it."""

    @abstractmethod
    async def sign_out(self) -> None:
        """Log out."""

    @abstractmethod
    async def hears(self, code: str, **params: str | int) -> None:
        """Fail unless the last thing that happened is told with this sentence."""

    @abstractmethod
    async def impression(self) -> str:
        """All there is to see now, without what is drawn anew each time."""

    @abstractmethod
    async def ask_for_reset(self, identifier: str) -> None:
        """Ask for a reset link."""

    @abstractmethod
    async def open_mailed_link(self, person: Person) -> None:
        """Read the newest mail with a reset link, and follow it."""

    @abstractmethod
    async def open_link(self, link: str) -> None:
        """Follow a reset link."""

    @abstractmethod
    async def choose_password(self, password: str) -> None:
        """Choose a new password where one is asked for."""

    @abstractmethod
    async def unmet(self) -> set[str]:
        """The codes of the criteria that one was told are not met."""

    @abstractmethod
    async def change_password(self, current: str, password: str) -> None:
        """Change the password in My Account."""

    @abstractmethod
    async def open_name(self) -> None:
        """Look at one's name, in order to change it."""

    @abstractmethod
    async def save_name(self, first_name: str, last_name: str) -> None:
        """Change the name that was looked at."""

    @abstractmethod
    async def count_sessions(self) -> int:
        """In how many places one is signed in."""

    @abstractmethod
    async def end_another_session(self) -> None:
        """End a session of one's own that is not this one."""

    @abstractmethod
    async def end_this_session(self) -> None:
        """End this one from the list."""

    @abstractmethod
    async def end_other_sessions(self) -> None:
        """End all but this one."""


class BrowserTeller(Storyteller):
    """A browser."""

    def __init__(self, base: str, language: str, context: BrowserContext, page: Page, *, has_script: bool) -> None:
        super().__init__(base, language)
        self.context = context
        self.page = page
        self.has_script = has_script

    @property
    def path(self) -> str:
        """Where the page is, without host and query."""
        return urlsplit(self.page.url).path

    @property
    def main(self) -> Locator:
        """The page without its head and foot."""
        return self.page.locator("main")

    @property
    def primary(self) -> Locator:
        """The button of the page's form."""
        return self.page.locator("main form button.primary")

    async def press(self, button: Locator) -> None:
        """Press a button or a link that leads to another page, and be there."""
        async with self.page.expect_navigation():
            await button.click()

    def field(self, code: str) -> Locator:
        """A field by the label people read."""
        return self.page.get_by_label(self.words(code), exact=True)

    def button(self, code: str) -> Locator:
        """A button by what is written on it."""
        return self.page.get_by_role("button", name=self.words(code), exact=True)

    def link(self, code: str, **params: str | int) -> Locator:
        """A link by what is written on it."""
        return self.page.get_by_role("link", name=self.words(code, **params), exact=True)

    async def new_tab(self) -> "BrowserTeller":
        """Another tab of the same browser."""
        page = await self.context.new_page()
        return BrowserTeller(self.base, self.language, self.context, page, has_script=self.has_script)

    async def identify(self, identifier: str) -> None:
        """See :class:`Storyteller`."""
        await self.page.goto("/signin")
        await self.field("signin.identify.label").fill(identifier)
        await self.press(self.button("signin.identify.continue"))

    async def give_password(self, password: str, *, stay: bool = True) -> None:
        """See :class:`Storyteller`."""
        await self.field("signin.password.label").fill(password)
        await self.field("signin.password.stay").set_checked(stay)
        await self.press(self.button("signin.password.submit"))

    async def is_signed_in(self) -> bool:
        """See :class:`Storyteller`."""
        await self.page.goto("/account")
        return self.path == "/account"

    async def find_name(self) -> str:
        """See :class:`Storyteller`."""
        await self.page.goto("/account")
        row = self.page.locator("dl div", has=self.page.get_by_text(self.words("my_account.name"), exact=True))
        return (await row.locator("dd").first.inner_text()).strip()

    async def sign_out(self) -> None:
        """See :class:`Storyteller`."""
        if not self.path.startswith("/account"):
            await self.page.goto("/account")
        await self.page.locator("[data-menu] summary").click()
        await self.press(self.button("menu.sign_out"))

    async def hears(self, code: str, **params: str | int) -> None:
        """See :class:`Storyteller`."""
        await expect(self.main).to_contain_text(self.words(code, **params))

    async def impression(self) -> str:
        """See :class:`Storyteller`."""
        content = _CHALLENGE.sub(r"\1", _SECRET.sub(r"\1", await self.page.content()))
        return _ID.sub("ID", f"{self.path} {content}")

    async def ask_for_reset(self, identifier: str) -> None:
        """See :class:`Storyteller`: through the link on the password page, as people do."""
        await self.identify(identifier)
        await self.press(self.link("signin.password.forgot"))
        await self.field("reset.request.label").fill(identifier)
        await self.press(self.button("reset.request.submit"))

    async def begin_sign_up(self, address: str) -> None:
        """See :class:`Storyteller`: by the tab."""
        await self.page.goto("/signin")
        await self.press(self.link("signup.tab"))
        await self.field("signup.address.label").fill(address)
        await self.press(self.primary)

    async def enter_code(self, code: str) -> None:
        """See :class:`Storyteller`."""
        await self.field("verify_email.code").fill(code)
        await self.press(self.primary)

    async def create_account(self, first_name: str, last_name: str, password: str) -> None:
        """See :class:`Storyteller`."""
        await self.field("my_account.first_name").fill(first_name)
        await self.field("my_account.last_name").fill(last_name)
        await self.choose_password(password)

    async def open_mailed_link(self, person: Person) -> None:
        """See :class:`Storyteller`: in the mailbox page of the demo."""
        await self.page.goto(f"/dev/mailbox?to={person.address}")
        await self.press(self.page.get_by_role("link", name=self.words("mail.reset_link.subject")).first)
        await self.press(self.page.locator("pre").get_by_role("link", name="/account/passwordreset/"))

    async def open_link(self, link: str) -> None:
        """See :class:`Storyteller`."""
        await self.page.goto(link)

    async def choose_password(self, password: str) -> None:
        """See :class:`Storyteller`."""
        await self.type_password(password, password)
        await self.press(self.primary)

    async def type_password(self, password: str, repeat: str) -> None:
        """Fill both fields, without sending them."""
        await self.field("password.new").fill(password)
        await self.field("password.repeat").fill(repeat)

    async def unmet(self) -> set[str]:
        """See :class:`Storyteller`."""
        told = await self.page.locator("#failure li").all_inner_texts()
        by_words = {self.words(f"password.criterion.{code}", **numbers): code for code, numbers in _CRITERIA.items()}
        return {by_words[text.strip()] for text in told}

    async def change_password(self, current: str, password: str) -> None:
        """See :class:`Storyteller`."""
        await self.page.goto("/account")
        await self.press(self.link("my_account.password.change"))
        await self.field("my_account.password.current").fill(current)
        await self.type_password(password, password)
        await self.press(self.primary)

    async def open_name(self) -> None:
        """See :class:`Storyteller`."""
        await self.page.goto("/account")
        await self.press(self.link("my_account.profile.change"))

    async def save_name(self, first_name: str, last_name: str) -> None:
        """See :class:`Storyteller`."""
        await self.field("my_account.first_name").fill(first_name)
        await self.field("my_account.last_name").fill(last_name)
        await self.press(self.button("form.save"))

    async def choose_picture(self, content: bytes) -> None:
        """Choose a picture, without sending it."""
        file: FilePayload = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": content}
        await self.field("my_account.picture.choose").set_input_files(files=file)

    async def upload_picture(self, content: bytes) -> None:
        """Choose a picture on the profile page, and send it."""
        await self.page.goto("/account/profile")
        await self.choose_picture(content)
        await self.press(self.button("my_account.picture.submit"))

    async def change_handle(self, handle: str, password: str) -> None:
        """Choose another Portico ID."""
        await self.page.goto("/account/handle")
        await self.field("my_account.handle.new").fill(handle)
        await self.field("my_account.password.current").fill(password)
        await self.press(self.primary)

    async def count_sessions(self) -> int:
        """See :class:`Storyteller`."""
        await self.page.goto("/account")
        await self.press(self.link("my_account.sessions.show_all"))
        return await self.page.locator(".sessions > li").count()

    async def end_another_session(self) -> None:
        """See :class:`Storyteller`."""
        await self.page.goto("/account/sessions")
        others = self.page.locator(".sessions > li").filter(has_not=self._this_device)
        await self.press(others.first.get_by_role("button"))

    async def end_this_session(self) -> None:
        """See :class:`Storyteller`."""
        await self.page.goto("/account/sessions")
        await self.press(self.page.locator(".sessions > li").filter(has=self._this_device).get_by_role("button"))

    async def end_other_sessions(self) -> None:
        """See :class:`Storyteller`."""
        await self.page.goto("/account/sessions")
        await self.press(self.button("my_account.sessions.end_others"))

    @property
    def _this_device(self) -> Locator:
        return self.page.get_by_text(self.words("my_account.sessions.this"), exact=True)


class ApiTeller(Storyteller):
    """A native client: it keeps an installation secret, the ticket of its attempt, and its tokens."""

    def __init__(self, base: str, language: str, client: httpx.AsyncClient) -> None:
        super().__init__(base, language)
        self.client = client
        self.installation = to_base64url(SystemChance().draw_bytes(32))
        self.attempt: dict[str, Any] = {}
        self.tokens: dict[str, str] = {}
        self.last: httpx.Response | None = None
        self._ticket = ""
        self._link_token = ""
        self._version = 0
        self._said: dict[str, str] = {}

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """One call below ``/api/v1``; gives the document, and keeps what was said and given."""
        headers = {"portico-ticket": self._ticket} if self._ticket else {}
        if self.tokens:
            headers["authorization"] = f"Bearer {self.tokens['access_token']}"
        self.last = await self.client.request(method, f"/api/v1{path}", json=body, headers=headers)
        document = self.last.json() if self.last.content else {}
        self._said = _said(document)
        if document.get("tokens"):
            self.tokens = document["tokens"]
        return document

    async def identify(self, identifier: str) -> None:
        """See :class:`Storyteller`."""
        await self.begin("/signin", identifier=identifier)

    async def begin(self, path: str, **body: str) -> None:
        """Begin an attempt of any kind, and keep its ticket."""
        self._ticket = ""
        self.attempt = await self.call("POST", path, {"installation": self.installation, **body})
        assert self._status == 201, self.attempt
        self._ticket = self.attempt["ticket"]

    async def give_password(self, password: str, *, stay: bool = True) -> None:
        """See :class:`Storyteller`."""
        await self.answer({"answer": "password", "password": password, "stay_signed_in": stay})

    async def answer(self, answer: dict[str, Any]) -> None:
        """Answer the present step."""
        body = {"version": self.attempt["version"], "answer": answer}
        document = await self.call("POST", f"/signin/{self.attempt['id']}", body)
        if self._status == 200:
            self.attempt = document

    async def is_signed_in(self) -> bool:
        """See :class:`Storyteller`: with a fresh access token if the present one is over."""
        if not self.tokens:
            return False
        await self.call("GET", "/account")
        if self._status == 401:
            renewed = await self.call("POST", "/tokens/refresh", {"refresh_token": self.tokens["refresh_token"]})
            if self._status == 200:
                self.tokens = renewed
                await self.call("GET", "/account")
        assert self._status in {200, 401}, self.last and self.last.text
        return self._status == 200

    async def find_name(self) -> str:
        """See :class:`Storyteller`."""
        account = await self.call("GET", "/account")
        return f"{account['first_name']} {account['last_name']}"

    async def sign_out(self) -> None:
        """See :class:`Storyteller`."""
        await self.call("POST", "/tokens/revoke")
        assert self._status == 204
        self._said["signin.signed_out.heading"] = ""

    async def hears(self, code: str, **params: str | int) -> None:
        """See :class:`Storyteller`."""
        assert code in self._said, f"{code} was not said: {self.last and self.last.text}"
        text = self._said[code]
        assert not text or text == self.words(code, **params)

    async def impression(self) -> str:
        """See :class:`Storyteller`."""
        assert self.last is not None
        document = {
            name: value for name, value in self.last.json().items() if name not in {"id", "ticket", "expires_at"}
        }
        return f"{self._status} {json.dumps(document, sort_keys=True)}"

    async def ask_for_reset(self, identifier: str) -> None:
        """See :class:`Storyteller`."""
        await self.call("POST", "/password-reset/requests", {"identifier": identifier})
        if self._status == 202:
            self._said["reset.sent.title"] = ""

    async def begin_sign_up(self, address: str) -> None:
        """See :class:`Storyteller`."""
        await self.begin("/signup", address=address)

    async def enter_code(self, code: str) -> None:
        """See :class:`Storyteller`."""
        await self.answer({"answer": "email_code", "code": code})

    async def create_account(self, first_name: str, last_name: str, password: str) -> None:
        """See :class:`Storyteller`."""
        names = {"first_name": first_name, "last_name": last_name}
        await self.answer({"answer": "create_account", **names, "new_password": password})

    async def open_mailed_link(self, person: Person) -> None:
        """See :class:`Storyteller`: through the document of the development mailbox."""
        mailbox = await self.client.get("/dev/api/mailbox", params={"to": person.address})
        links = [found[0] for mail in mailbox.json()["mails"] if (found := RESET_LINK.search(mail["text"]))]
        await self.open_link(links[0])

    async def open_link(self, link: str) -> None:
        """See :class:`Storyteller`."""
        self._link_token = link.rsplit("/", 1)[-1]
        await self.call("POST", "/password-reset/link", {"token": self._link_token})

    async def choose_password(self, password: str) -> None:
        """See :class:`Storyteller`."""
        if self._link_token:
            body = {"token": self._link_token, "new_password": password}
            await self.call("POST", "/password-reset", body)
        else:
            await self.answer({"answer": "new_password", "new_password": password})

    async def unmet(self) -> set[str]:
        """See :class:`Storyteller`."""
        assert self.last is not None
        failure = self.last.json()["failure"]
        assert failure["code"] == "password.unmet"
        return set(failure["params"]["criteria"].split())

    async def change_password(self, current: str, password: str) -> None:
        """See :class:`Storyteller`."""
        body = {"current_password": current, "new_password": password}
        changed = await self.call("POST", "/account/password", body)
        if changed.get("is_done"):
            self._said = {"my_account.password.saved": ""}

    async def open_name(self) -> None:
        """See :class:`Storyteller`."""
        self._version = (await self.call("GET", "/account"))["version"]

    async def save_name(self, first_name: str, last_name: str) -> None:
        """See :class:`Storyteller`."""
        body = {"first_name": first_name, "last_name": last_name, "version": self._version}
        await self.call("PATCH", "/account", body)
        said = {200: "my_account.profile.saved", 409: "my_account.profile.changed_meanwhile"}.get(self._status)
        self._said.update({said: ""} if said else {})

    async def count_sessions(self) -> int:
        """See :class:`Storyteller`."""
        return len(await self._list_sessions())

    async def end_another_session(self) -> None:
        """See :class:`Storyteller`."""
        await self._end_session(is_current=False)

    async def end_this_session(self) -> None:
        """See :class:`Storyteller`."""
        await self._end_session(is_current=True)

    async def end_other_sessions(self) -> None:
        """See :class:`Storyteller`."""
        await self.call("DELETE", "/account/sessions")
        assert self._status == 200

    @property
    def _status(self) -> int:
        assert self.last is not None
        return self.last.status_code

    async def _list_sessions(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self.call("GET", "/account/sessions"))["sessions"]
        return listed

    async def _end_session(self, *, is_current: bool) -> None:
        chosen = next(one for one in await self._list_sessions() if one["is_current"] is is_current)
        await self.call("DELETE", f"/account/sessions/{chosen['id']}")
        assert self._status == 204


@asynccontextmanager
async def storyteller(kind: Kind, base: str, browser: Browser, language: str = "en") -> AsyncIterator[Storyteller]:
    """A fresh device of one kind."""
    if kind == "api":
        headers = {"accept-language": language}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as client:
            yield ApiTeller(base, language, client)
    else:
        async with browser_teller(browser, base, has_script=kind == "with script", language=language) as teller:
            yield teller


@asynccontextmanager
async def browser_teller(
    browser: Browser,
    base: str,
    *,
    has_script: bool = True,
    language: str = "en",
    cookies: BrowserContext | None = None,
) -> AsyncIterator[BrowserTeller]:
    """A fresh browser; with the ``cookies`` of an earlier one it is that one, started again."""
    async with watched_context(browser, base, has_script=has_script, language=language, cookies=cookies) as context:
        page = await context.new_page()
        yield BrowserTeller(base, language, context, page, has_script=has_script)


def _said(document: dict[str, Any]) -> dict[str, str]:
    """What a document of the API says, by the codes the pages use; with its sentence where it carries one."""
    said: dict[str, str] = {}
    failure, step = document.get("failure"), document.get("step")
    if failure:
        said[failure["code"]] = failure["text"]
    if isinstance(step, dict) and step["step"] == "refused":
        said[f"signin.refused.{step['reason']}"] = ""
    if isinstance(step, dict) and step["step"] == "change_password":
        said[f"signin.change_password.why.{step['why']}"] = ""
    if document.get("state"):
        said[f"reset.link.{document['state']}"] = ""
    if document.get("is_done"):
        said["reset.done.heading"] = ""
    if "code" in document:
        said.update(_said_by_problem(document))
    return said


def _said_by_problem(problem: dict[str, Any]) -> dict[str, str]:
    params = problem["params"]
    match problem["code"]:
        case "link_gone":
            return {f"reset.link.{params['state']}": ""}
        case "account_unusable":
            return {f"signin.refused.{params['reason']}": ""}
        case "throttled":
            return {"signin.refused.too_many_tries": ""}
        case code:
            return {f"error.{code}": problem["title"]}
