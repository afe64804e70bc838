"""A way through every page, as people come by them: each walk stops at page after page and says which it is.

Whoever follows a walk looks at the page at each stop (axe, a ruler, a camera) and must leave it as it was.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import httpx
from playwright.async_api import expect
from pyotp import TOTP

from portico.kernel.chance import SystemChance
from tests.support.pictures import portrait
from tests.support.storytellers import ApiTeller, BrowserTeller
from tests.support.town import NEW_PASSWORD, Person
from tests.support.virtual_device import VirtualDevice

NOWHERE = "/signin/0199d2f4-7a10-7c3e-9b1a-4f2d8e6c0a15"
"""A sign-in that is long over."""


@dataclass(frozen=True)
class Guests:
    """Who the walks sign in as."""

    active: Person
    must_change: Person
    disabled: Person
    invite: Callable[[str], Awaitable[object]]
    """Has an organization invite an address."""
    wear_out: Callable[[Person], Awaitable[object]]
    """Has somebody's password expire in three days."""
    worn_out: Person
    """Whose that is, once it was done."""
    ask: Callable[[str, timedelta], Awaitable[object]]
    """Has a new organization of the person with an address ask for new passwords, from some time ahead on."""


Walk: TypeAlias = Callable[[BrowserTeller, Guests], AsyncIterator[str]]


async def walk_to_the_door(teller: BrowserTeller, guests: Guests) -> AsyncIterator[str]:
    """The pages before one is let in."""
    await teller.page.goto("/signin")
    yield "identify"
    await teller.field("signin.identify.label").fill("  ")
    await teller.press(teller.primary)
    yield "identify-empty"
    await teller.identify(guests.active.address)
    yield "password"
    await teller.give_password("not-my-Password-1")
    yield "password-wrong"
    await teller.sign_in(guests.disabled)
    yield "refused-disabled"
    await teller.page.goto(NOWHERE)
    yield "refused-over"
    await _try_too_often(teller)
    yield "refused-throttled"
    await teller.page.goto("/signed-out")
    yield "signed-out"


async def walk_through_a_forced_change(teller: BrowserTeller, guests: Guests) -> AsyncIterator[str]:
    """Choosing a password on the way in; and by the hand-off of an app."""
    await teller.sign_in(guests.must_change)
    yield "change-password"
    await teller.choose_password(guests.must_change.password)
    yield "change-password-failed"
    await teller.page.goto(await _hand_off(teller, guests.must_change))
    yield "hand-off"
    await teller.press(teller.primary)
    yield "hand-off-update"
    await teller.field("my_account.password.current").fill("not-my-Password-1")
    await teller.choose_password(NEW_PASSWORD)
    yield "hand-off-update-failed"
    await teller.field("my_account.password.current").fill(guests.must_change.password)
    await teller.choose_password(NEW_PASSWORD)
    yield "hand-off-done"
    await teller.page.goto(f"/handoff/{'A' * 43}")
    yield "hand-off-gone"


async def walk_past_a_reminder(teller: BrowserTeller, guests: Guests) -> AsyncIterator[str]:
    """A password that expires soon, on the way in."""
    await guests.wear_out(guests.worn_out)
    await teller.sign_in(guests.worn_out)
    yield "reminder"
    await teller.press(teller.primary)
    yield "reminder-taken"


async def walk_through_a_reset(teller: BrowserTeller, guests: Guests) -> AsyncIterator[str]:
    """From "Forgot password?" to a link that is used."""
    await teller.page.goto("/account/passwordreset")
    yield "reset-request"
    await teller.field("reset.request.label").fill("  ")
    await teller.press(teller.primary)
    yield "reset-request-empty"
    await teller.field("reset.request.label").fill(guests.active.address)
    await teller.press(teller.primary)
    yield "reset-sent"
    await teller.press(teller.page.locator("main a[href$=no-mail]"))
    yield "reset-no-mail"
    await teller.page.goto(f"/dev/mailbox?to={guests.active.address}")
    yield "mailbox"
    await teller.press(teller.page.locator(".mails a").first)
    yield "mail"
    await teller.press(teller.page.locator("pre").get_by_role("link", name="/account/passwordreset/"))
    yield "choose-empty"
    if teller.has_script:
        await teller.type_password("Harbour7", "Harbo")
        yield "choose"
        await teller.choose_password("Harbour-7" * 40)  # too long, which only the server says
    else:
        await teller.choose_password("harbour")
    yield "choose-failed"
    await teller.choose_password(NEW_PASSWORD)
    yield "reset-done"
    await teller.page.goto(f"/account/passwordreset/{'A' * 43}")
    yield "link-gone"


async def walk_through_a_sign_up(teller: BrowserTeller, _guests: Guests) -> AsyncIterator[str]:
    """From the SIGN UP tab to the account, by the code; and the link beside it."""
    await teller.page.goto("/signup")
    yield "sign-up"
    address = f"visitor.{SystemChance().draw_bytes(6).hex()}@north-clinic.example"
    await teller.field("signup.address.label").fill(address)
    await teller.press(teller.primary)
    yield "verify-email"
    await teller.field("verify_email.code").fill("not a code")
    await teller.press(teller.primary)
    yield "verify-email-failed"
    waiting = teller.page.url
    await teller.page.goto(await _mailed_link(teller, address, "/signup/link/"))
    yield "sign-up-link"
    await teller.press(teller.primary)
    assert teller.page.url == waiting
    yield "create-account"
    await teller.page.goto(f"/signup/link/{'A' * 43}")
    yield "sign-up-link-gone"


async def walk_through_an_invitation(teller: BrowserTeller, guests: Guests) -> AsyncIterator[str]:
    """Somebody new, somebody else at the same browser, and somebody who has an account."""
    address = f"visitor.{SystemChance().draw_bytes(6).hex()}@north-clinic.example"
    await guests.invite(address)
    await teller.sign_in(guests.active)
    await teller.page.goto(await _mailed_link(teller, address, "/invitation/"))
    yield "invitation-somebody-else"
    await teller.press(teller.primary)
    yield "invitation"
    await teller.press(teller.primary)
    await teller.create_account("Ida", "Holm", NEW_PASSWORD)
    yield "invitation-joined"
    await teller.page.goto("/account")
    await teller.sign_out()
    await teller.page.goto("/invitation")
    yield "invitation-gone"
    await guests.invite(guests.active.address)
    await teller.page.goto(await _mailed_link(teller, guests.active.address, "/invitation/"))
    yield "invitation-sign-in"
    await teller.field("signin.identify.label").fill("  ")
    await teller.press(teller.primary)
    yield "invitation-sign-in-empty"
    await teller.sign_in(guests.active)
    await teller.page.goto("/invitation")
    yield "invitation-confirm"


async def walk_through_my_account(teller: BrowserTeller, guests: Guests) -> AsyncIterator[str]:
    """What signed-in people see."""
    await _sign_in_elsewhere(teller, guests.active)
    await teller.sign_in(guests.active)
    yield "my-account"
    await teller.page.locator("[data-menu] summary").click()
    yield "my-account-menu"
    await teller.page.goto("/account/profile")
    yield "profile"
    await teller.save_name("  ", "")
    yield "profile-missing"
    await teller.upload_picture(b"no picture")
    yield "profile-picture-failed"
    await teller.upload_picture(portrait())
    yield "profile-picture"
    await teller.save_name(guests.active.first_name, guests.active.last_name)
    yield "my-account-saved"
    await teller.page.goto("/account/handle")
    yield "handle"
    await teller.change_handle(guests.active.first_name, "not-my-Password-1")
    yield "handle-failed"
    await teller.page.goto("/account/password")
    yield "change-own-password"
    await teller.change_password("not-my-Password-1", NEW_PASSWORD)
    yield "change-own-password-failed"
    await teller.page.goto("/account/sessions")
    yield "sessions"
    await teller.page.goto("/account/authenticator")
    yield "authenticator"
    await teller.page.goto("/account/history")
    yield "history"
    await teller.page.goto("/account/export")
    yield "export"
    await teller.field("my_account.password.current").fill("not-my-Password-1")
    await teller.press(teller.primary)
    yield "export-failed"
    await teller.page.goto("/signin")
    yield "already"


async def walk_through_the_safety_pages(teller: BrowserTeller, guests: Guests) -> AsyncIterator[str]:
    """Changing one's address, deleting the account and keeping it, and "This was not me"."""
    await _sign_in_elsewhere(teller, guests.active)
    await teller.sign_in(guests.active)
    password = teller.field("my_account.password.current")
    await teller.page.goto("/account/address/lost")
    yield "address-lost-help"
    await teller.page.goto("/account/address")
    yield "address"
    await teller.field("my_account.address.new").fill(guests.active.address)
    await password.fill(guests.active.password)
    await teller.press(teller.primary)
    yield "address-same"
    await teller.field("my_account.address.new").fill(f"new.{guests.active.address}")
    await password.fill(guests.active.password)
    await teller.press(teller.primary)
    yield "address-codes"
    await teller.field("my_account.address.codes.old").fill("0")
    await teller.press(teller.primary)
    yield "address-codes-failed"
    await teller.press(teller.page.get_by_role("button", name=teller.words("my_account.address.cancel")))
    await teller.page.goto("/account/delete")
    yield "delete"
    await password.fill(guests.active.password)
    await teller.press(teller.page.get_by_role("button", name=teller.words("my_account.delete.submit")))
    yield "delete-asked"
    await teller.page.goto("/account")
    yield "my-account-leaving"
    await teller.press(teller.page.get_by_role("button", name=teller.words("my_account.delete.keep")))
    await teller.page.goto(f"/account/not-me/{'A' * 43}")
    yield "not-me-gone"
    await teller.page.goto(f"/dev/mailbox?to={guests.active.address}")
    await teller.press(teller.page.locator(".mails a").first)
    await teller.press(teller.page.locator("pre").get_by_role("link", name="/account/not-me/"))
    yield "not-me"
    await teller.press(teller.primary)
    yield "not-me-done"


async def walk_through_what_organizations_ask(teller: BrowserTeller, guests: Guests) -> AsyncIterator[str]:
    """What is announced, at sign-in and later; what is due; and what each organization asks."""
    await guests.ask(guests.active.address, timedelta(days=14))
    await teller.sign_in(guests.active)
    yield "announced"
    await teller.press(teller.page.locator("button.later"))
    await teller.page.goto("/account/organizations")
    yield "organizations"
    await teller.press(teller.page.locator("a[href$=leave]").first)
    yield "leave-organization"
    await guests.ask(guests.active.address, timedelta(days=7))
    await asyncio.sleep(1.1)  # a server looks once a second whether something new is asked
    await teller.page.goto("/account/profile")
    yield "renew-announced"
    await guests.ask(guests.active.address, timedelta(0))
    await asyncio.sleep(1.1)
    await teller.page.goto("/account")
    yield "renew"
    await teller.press(teller.primary)
    yield "renew-change-password"


async def walk_through_the_second_factor(teller: BrowserTeller, guests: Guests) -> AsyncIterator[str]:
    """An app is set up, codes are asked for in each way there is, and a device is trusted that then does without."""
    page, person = teller.page, guests.active
    await teller.sign_in(person)
    await _begin_to_add(teller, person, "/account/authenticator/add")
    yield "verify-email-enrol"
    await _give_code(teller, "verify_email.code", (await _mailed(teller, person.address, r"\b\d{6}\b"))[0])
    yield "enrol"
    await teller.press(page.locator("a[href$='view=manual']"))
    yield "enrol-manual"
    app = TOTP(await page.locator("[data-copy]").get_attribute("data-copy") or "")
    await _give_code(teller, "enrol.code", "not a code")
    yield "enrol-failed"
    await _give_code(teller, "enrol.code", app.at(await _server_time(teller)))
    yield "recovery-code"
    await page.locator("#confirmed").evaluate("(box) => (box.required = false)")
    await teller.press(teller.primary)
    yield "recovery-code-failed"
    await page.locator("#confirmed").check()
    await teller.press(teller.primary)
    if not teller.has_script:
        yield "authenticator-app"
    for name in ("recovery-code", "default"):
        await page.goto(f"/account/authenticator/{name}")
        yield f"authenticator-{name}"
    await page.goto("/account")
    await teller.sign_out()
    await teller.sign_in(person)
    yield "prove-totp"
    await teller.press(page.locator("a[href$='view=others']"))
    yield "other-methods"
    await teller.press(page.locator("button[value=first]"))
    yield "prove-email-code"
    await _give_code(teller, "verify_email.code", "not a code")
    yield "prove-email-code-failed"
    await page.goto(f"{page.url.partition('?')[0]}?view=recovery_code")
    yield "prove-recovery-code"
    await page.goto(f"{page.url.partition('?')[0]}?view=totp")
    await _give_code(teller, "enrol.code", app.at(await _server_time(teller) + timedelta(seconds=30)))
    yield "trust-device-unable"
    if teller.has_script:
        async for stop in _trust_this_device(teller, person):
            yield stop


async def _trust_this_device(teller: BrowserTeller, person: Person) -> AsyncIterator[str]:
    """The device turns out to read fingerprints: it is trusted, shown, asked, and told that it has its passkey."""
    page = teller.page
    device = await VirtualDevice.on(page)
    await page.reload()
    yield "trust-device"
    await device.verify(is_verified=False)
    await page.locator("[data-passkey] button").click()
    await expect(page.locator("[data-passkey] .problem")).not_to_be_empty()
    yield "trust-device-cancelled"
    await device.verify(is_verified=True)
    await page.locator("[data-passkey] button").click()
    await page.wait_for_selector("#name")
    yield "device-registered"
    await teller.press(teller.primary)
    await page.goto("/account/authenticator")
    yield "authenticator-passkey"
    await teller.press(page.locator(".links a[href*=passkeys]").first)
    yield "authenticator-rename"
    await page.goto(page.url + "/remove")
    yield "authenticator-remove"
    await _begin_to_add(teller, person, "/account/authenticator/passkeys/add")
    yield "prove-passkey"
    await teller.press(page.locator("[data-passkey] button"))
    await _give_code(teller, "verify_email.code", (await _mailed(teller, person.address, r"\b\d{6}\b"))[0])
    await page.locator("[data-passkey] button").click()
    await expect(page.locator("[data-passkey] .problem")).not_to_be_empty()
    yield "enrol-passkey-held"


async def walk_around_the_house(teller: BrowserTeller, _guests: Guests) -> AsyncIterator[str]:
    """What anybody can look at."""
    for name, path in {
        "help": "/help",
        "not-found": "/no/such/page",
        "demo": "/dev",
        "mailbox-empty": "/dev/mailbox?to=nobody@north-clinic.example",
        "api": "/api",
    }.items():
        await teller.page.goto(path)
        yield name


WALKS: tuple[Walk, ...] = (
    walk_to_the_door,
    walk_through_a_forced_change,
    walk_past_a_reminder,
    walk_through_a_reset,
    walk_through_a_sign_up,
    walk_through_an_invitation,
    walk_through_my_account,
    walk_through_the_safety_pages,
    walk_through_what_organizations_ask,
    walk_through_the_second_factor,
    walk_around_the_house,
)


async def _try_too_often(teller: BrowserTeller) -> None:
    """Until there is no try left for somebody who does not exist."""
    await teller.identify(f"nobody.{SystemChance().draw_bytes(6).hex()}@north-clinic.example")
    for _ in range(15):
        await teller.give_password("not-my-Password-1")
        if await teller.page.locator("form[method=post]").count() == 0:
            return
    raise AssertionError("nobody is told to wait")


async def _mailed_link(teller: BrowserTeller, address: str, path: str) -> str:
    """The link that begins with ``path`` in the newest mail to an address."""
    return (await _mailed(teller, address, re.escape(path) + "[A-Za-z0-9_-]{43}"))[0]


async def _begin_to_add(teller: BrowserTeller, person: Person, path: str) -> None:
    """Give the password, to add something to one's second step."""
    await teller.page.goto(path)
    await teller.field("my_account.password.current").fill(person.password)
    await teller.press(teller.primary)


async def _give_code(teller: BrowserTeller, label: str, code: str) -> None:
    """Enter a code where one is asked for."""
    await teller.field(label).fill(code)
    await teller.press(teller.primary)


async def _server_time(teller: BrowserTeller) -> datetime:
    """What time it is by the server's clock, which tests have moved."""
    async with httpx.AsyncClient(base_url=teller.base, timeout=30) as client:
        clock = (await client.post("/dev/api/clock", json={"advance_seconds": 0})).json()
    return datetime.fromisoformat(clock["now"])


async def _mailed(teller: BrowserTeller, address: str, pattern: str) -> re.Match[str]:
    """What stands in the newest mail to an address, once it is there."""
    async with httpx.AsyncClient(base_url=teller.base, timeout=30) as client:
        for _ in range(100):
            mails = (await client.get("/dev/api/mailbox", params={"to": address})).json()["mails"]
            found = re.search(pattern, mails[0]["text"]) if mails else None
            if found:
                return found
            await asyncio.sleep(0.1)
    raise AssertionError(f"no mail to {address} has {pattern}")


async def _hand_off(teller: BrowserTeller, person: Person) -> str:
    """The address to which an app hands somebody over who has to change their password."""
    async with httpx.AsyncClient(base_url=teller.base, timeout=30) as client:
        app = ApiTeller(teller.base, "en", client)
        await app.sign_in(person)
        return str((await app.call("POST", f"/signin/{app.attempt['id']}/handoff"))["address"])


async def _sign_in_elsewhere(teller: BrowserTeller, person: Person) -> None:
    """Have the person signed in on other devices too, with names people know."""
    for agent in (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ):
        async with httpx.AsyncClient(base_url=teller.base, headers={"user-agent": agent}, timeout=30) as client:
            await ApiTeller(teller.base, teller.language, client).sign_in(person)
