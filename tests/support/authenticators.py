"""An authenticator app for tests: it is scanned or typed into, and shows codes by its own clock."""

import base64
import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import httpx
import pyotp

from portico.accounts.model import Account
from portico.factors.totp import draw_secret, key_of, step_at
from portico.organizations.model import Organization
from portico.organizations.policy import Mfa, PolicyFields
from tests.support.organizations import ask, found, join
from tests.support.world import ADDRESS, Browser, SetClock, World, hidden_fields

MFA = PolicyFields(mfa=Mfa.REQUIRED)
_MAILED = re.compile(r"Your code is: (\d{6})")
_KEY = re.compile(r'data-copy="([A-Z2-7]{32})"')
_RECOVERY = re.compile(r'data-copy="([A-Z0-9]{24})"')


@dataclass
class Phone:
    """A phone whose clock may be off."""

    key: str
    clock: SetClock
    off: timedelta = timedelta(0)

    def code(self, steps: int = 0) -> str:
        """The code of the present step, or of one so many steps later."""
        at = self.clock.now() + self.off + steps * timedelta(seconds=30)
        return pyotp.TOTP(self.key).at(at)

    def wait(self) -> str:
        """The next code, once the present one is over."""
        self.clock.advance(seconds=30)
        return self.code()


async def demanding(world: World, fields: PolicyFields = MFA, address: str = ADDRESS) -> Organization:
    """An organization that Nora has just joined, and which asks for a second factor."""
    clinic = await found(world)
    await join(world, clinic, await world.get_account(address))
    world.clock.advance(minutes=1)
    await ask(world, clinic, fields)
    return clinic


async def mailed_code(world: World, address: str = ADDRESS) -> str:
    """The newest code mailed before a second factor is set up."""
    for letter in await world.letters(address):
        found_code = _MAILED.search(letter.text)
        if found_code:
            return found_code[1]
    raise AssertionError(f"no code was mailed to {address}")


def key_on(page: httpx.Response) -> str:
    """The key on the manual page."""
    found_key = _KEY.search(page.text)
    assert found_key, page.text
    return found_key[1]


def recovery_code_on(page: httpx.Response) -> str:
    """The recovery code on its page."""
    found_code = _RECOVERY.search(page.text)
    assert found_code, page.text
    return found_code[1]


async def send(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    """Answer the step a page shows; the page after it."""
    return await browser.follow(await browser.submit(page, page.request.url.path, **fields))


async def up_to_enrolment(world: World, browser: Browser, address: str = ADDRESS) -> httpx.Response:
    """Sign in up to the page with the QR code."""
    page = await browser.follow(await browser.sign_in(address))
    return await send(browser, page, code=await mailed_code(world, address))


async def not_here(browser: Browser, response: httpx.Response) -> httpx.Response:
    """Say "Not on this device" if that is what is asked now; the answer to that, or the response as it was."""
    if not response.headers.get("location", "").startswith("/signin/"):
        return response
    page = await browser.follow(response)
    if 'value="trust_device"' not in page.text:
        return response
    fields = hidden_fields(page, page.request.url.path)
    return await browser.post(page.request.url.path, {**fields, "step": "trust_device", "never": "yes"})


async def enter(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    """Answer the last step a page shows, and do without a passkey on this device."""
    return await not_here(browser, await browser.submit(page, page.request.url.path, **fields))


async def set_up(world: World, browser: Browser, address: str = ADDRESS) -> tuple[Phone, str]:
    """Sign in with a first set-up, all the way; the phone and the recovery code."""
    page = await up_to_enrolment(world, browser, address)
    phone = Phone(key_on(await browser.get(f"{page.request.url.path}?view=manual")), world.clock)
    page = await send(browser, page, code=phone.code())
    recovery_code = recovery_code_on(page)
    done = await enter(browser, page, confirmed="yes")
    assert done.headers["location"] == "/account", done.headers
    return phone, recovery_code


def scanned(uri: str) -> tuple[str, str]:
    """The account and the key a scanned address carries."""
    parsed = pyotp.parse_uri(unescape(uri))
    assert isinstance(parsed, pyotp.TOTP)
    assert len(base64.b32decode(parsed.secret)) == 20
    return parsed.name or "", parsed.secret


async def give_totp(world: World, account: Account) -> Phone:
    """Set an authenticator app up for somebody, without any page."""
    house, secret = world.house, draw_secret(world.house.chance)
    now = world.clock.now()
    added = await house.database.transact(lambda tx: house.totp.enrol(tx, now, account.id, secret, step_at(now) - 1))
    assert added is not None
    await house.database.transact(lambda tx: house.recovery_code.save(tx, now, account.id, "A" * 24))
    return Phone(key_of(secret), world.clock)
