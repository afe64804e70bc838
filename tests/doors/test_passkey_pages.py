"""Passkeys, mailed codes and trusted devices in a browser: what the pages show, and what comes of their forms."""

import json
import re
from html import unescape
from typing import Any

import httpx

from portico.organizations.policy import Mfa, PolicyFields, SecondFactor
from tests.support.authenticator import Authenticator
from tests.support.authenticators import Phone, demanding, give_totp, send, up_to_enrolment
from tests.support.refusals import assert_refused
from tests.support.world import ADDRESS, BASE, NEW_PASSWORD, PASSWORD, Browser, World, hidden_fields

_OPTIONS = re.compile(r'data-passkey="([^"]*)" data-ceremony="(get|create)"')
_CODE = re.compile(r"\b(\d{6})\b")
IN = "/account"


def title(page: httpx.Response) -> str:
    """A page's title without the brand."""
    found = re.search(r"<title>(.*?) \| Portico</title>", page.text)
    assert found, page.text
    return unescape(found[1])


def answer(page: httpx.Response, device: Authenticator) -> str:
    """What the script would send: the device's answer to what the page has the browser ask."""
    found = _OPTIONS.search(page.text)
    assert found, page.text
    options: dict[str, Any] = json.loads(unescape(found[1]))
    asked = device.get if found[2] == "get" else device.create
    return json.dumps(asked(options, origin=BASE))


async def by_passkey(browser: Browser, page: httpx.Response, step: str, credential: str, **more: str) -> httpx.Response:
    """Send the form of a page as the script does."""
    path = page.request.url.path
    return await browser.post(path, {**hidden_fields(page, path), "step": step, "credential": credential, **more})


async def up_to_trust(world: World, browser: Browser, phone: Phone) -> httpx.Response:
    """Sign in with a code, up to the question whether to trust this device."""
    world.clock.advance(minutes=1)
    page = await browser.follow(await browser.sign_in())
    page = await browser.get(f"{page.request.url.path}?view=totp")
    return await browser.follow(await browser.submit(page, page.request.url.path, code=phone.code()))


async def trusting(world: World, browser: Browser) -> tuple[Authenticator, Phone]:
    """Nora with an app and, on this device, a passkey."""
    phone, device = await give_totp(world, await world.get_account()), Authenticator()
    page = await up_to_trust(world, browser, phone)
    page = await browser.follow(await by_passkey(browser, page, "enrol_passkey", answer(page, device)))
    assert (await browser.submit(page, page.request.url.path)).headers["location"] == IN
    await sign_out(browser)
    return device, phone


async def sign_out(browser: Browser) -> None:
    """Out again, on a device that stays known."""
    page = await browser.get(IN)
    await browser.submit(page, "/signout")
    assert not browser.cookie("session")


async def begin(browser: Browser, page: httpx.Response, credential: str) -> httpx.Response:
    """Send a passkey from the first page."""
    return await browser.submit(page, "/signin", credential=credential)


async def mails(world: World) -> int:
    """How many mails Nora has got."""
    return len(await world.letters(ADDRESS))


async def test_a_trusted_device_is_asked_for_its_passkey(world: World) -> None:  # S61 S63 S64 S67 S68 S71 S73 D15 D17
    phone, device = await give_totp(world, await world.get_account()), Authenticator()
    async with world.browser() as nora:
        page = await up_to_trust(world, nora, phone)
        assert title(page) == "Log In Faster on This Device"
        assert "Trust this device? You can quickly and securely log in the next time" in page.text
        assert all(words in page.text for words in ("Continue", "Remind me later", "Not on this device"))
        failed = await nora.follow(await by_passkey(nora, page, "enrol_passkey", "{}"))
        assert "could not be read" in failed.text
        assert title(failed) == "Log In Faster on This Device"
        page = await nora.follow(await by_passkey(nora, failed, "enrol_passkey", answer(failed, device)))
        assert title(page) == "Device registration successful"
        assert 'value="Nora’s device (Firefox on Linux)"' in page.text  # noqa: RUF001 - as it is proposed
        assert (await nora.submit(page, page.request.url.path, name="Nora's laptop")).headers["location"] == IN
        account = await world.get_account()
        kept = await world.house.passkeys.find_made(world.house.database, account.id, None)
        assert kept is not None
        assert kept.name == "Nora's laptop"
        await sign_out(nora)

        page = await nora.follow(await nora.sign_in())
        assert title(page) == "Use fingerprint or face recognition to login"
        assert "Press the button below and follow your browser&#39;s steps to log in." in page.text
        assert "Try another method" in page.text
        failed = await nora.follow(await by_passkey(nora, page, "prove_passkey", "no credential"))
        assert "could not be read" in failed.text
        other = await nora.get(f"{page.request.url.path}?view=totp")
        assert "could not be read" not in other.text, "nothing was wrong with a code"
        done = await by_passkey(nora, failed, "prove_passkey", answer(failed, device))
        assert done.headers["location"] == IN
        assert (await nora.get(IN)).status_code == 200


async def test_what_was_answered_is_remembered_on_this_device(world: World) -> None:  # S62 S66 D15
    phone = await give_totp(world, await world.get_account())
    async with world.browser() as nora:
        page = await up_to_trust(world, nora, phone)
        later = {"step": "trust_device", "never": ""}
        assert (await nora.submit(page, page.request.url.path, **later)).headers["location"] == IN
        await sign_out(nora)
        page = await up_to_trust(world, nora, phone)
        assert title(page) != "Log In Faster on This Device"
        await sign_out(nora)
        world.clock.advance(days=7)
        page = await up_to_trust(world, nora, phone)
        assert title(page) == "Log In Faster on This Device"
        never = {"step": "trust_device", "never": "yes"}
        assert (await nora.submit(page, page.request.url.path, **never)).headers["location"] == IN
        await sign_out(nora)
        world.clock.advance(days=60)
        assert title(await up_to_trust(world, nora, phone)) != "Log In Faster on This Device"


async def test_a_passkey_signs_in_without_a_name(world: World) -> None:  # D16
    async with world.browser() as nora, world.browser() as elsewhere:
        device, _ = await trusting(world, nora)
        page = await nora.get("/signin?return_to=/account/profile")
        assert 'autocomplete="username webauthn"' in page.text
        given = answer(page, device)
        done = await begin(nora, page, given)
        assert done.headers["location"] == "/account/profile"
        assert title(await nora.follow(done)) == "Your profile"
        await sign_out(nora)

        page = await elsewhere.get("/signin?return_to=/account/profile")
        told = await elsewhere.follow(await begin(elsewhere, page, given))
        assert "could not be checked" in told.text, "what was answered on one page is worth nothing on another"
        assert str(told.request.url).endswith("/signin?return_to=/account/profile")
        told = await elsewhere.follow(await begin(elsewhere, told, answer(told, _with_passkey(Authenticator()))))
        assert "not registered here" in told.text
        world.clock.advance(hours=13)
        late = await elsewhere.follow(await begin(elsewhere, told, answer(told, device)))
        assert "open for too long" in late.text
        assert (await begin(elsewhere, late, answer(late, device))).headers["location"] == IN


async def test_the_password_page_takes_a_passkey_instead(world: World) -> None:  # D16
    async with world.browser() as nora, world.browser() as thief:
        device, _ = await trusting(world, nora)
        page = await nora.identify()
        assert "Use a passkey instead" in page.text
        assert (await by_passkey(nora, page, "prove_passkey", answer(page, device))).headers["location"] == IN
        cookie = next(one for one in nora.client.cookies.jar if one.name.endswith("session"))
        assert cookie.expires is None, "the box was not ticked"
        await world.add_person("tom@north-clinic.example", PASSWORD)
        page = await thief.identify("tom@north-clinic.example")
        told = await thief.follow(await by_passkey(thief, page, "prove_passkey", answer(page, device)))
        assert "belongs to another account" in told.text
        assert not thief.cookie("session")


async def test_a_code_is_mailed_when_it_is_asked_for(world: World) -> None:  # S74 S75 S76 S77 D18
    await give_totp(world, await world.get_account())
    async with world.browser() as nora:
        page = await nora.follow(await nora.sign_in())
        path, before = page.request.url.path, await mails(world)
        others = await nora.get(f"{path}?view=others")
        ways = re.findall(r'class="button"[^>]*>([^<]*)<', others.text)
        assert ways == ["Code from your authenticator app", "Email to n*****@north****", "Recovery code"]
        unsent = await nora.get(f"{path}?view=email_code")
        assert "We can send an email with a code to <strong>n*****@north****</strong>" in unsent.text
        assert await mails(world) == before, "looking mails nothing"

        page = await send(nora, others, resend="first")
        assert title(page) == "Verify Your Identity"
        assert "We&#39;ve sent an email with your code to <strong>n*****@north****</strong>" in page.text
        assert 'data-wait="30"' in page.text
        assert re.search(r'<script type="module" src="[^"]*waiting[^"]*"', page.text), "by which it is counted down"
        assert await mails(world) == before + 1
        assert 'name="resend"' not in (await nora.get(f"{path}?view=others")).text, "it is on its way already"
        soon = await send(nora, page, resend="yes")
        assert "A mail was sent just now" in soon.text
        world.clock.advance(seconds=31)
        again = await send(nora, soon, resend="yes")
        assert "Only the newest code works" in again.text
        newest = next(letter for letter in await world.letters(ADDRESS) if _CODE.search(letter.text))
        found = _CODE.search(newest.text)
        assert found
        wrong = await send(nora, again, code="000000" if found[1] != "000000" else "000001")
        assert "You have 4 more tries" in wrong.text
        assert 'value="prove_email_code"' in wrong.text, "still the same way"
        done = await nora.submit(wrong, path, code=f"{found[1][:3]} {found[1][3:]}")
        assert done.headers["location"] == IN, "and nobody who came in by mail is asked to trust the device"


async def test_one_mailbox_does_not_count_twice_and_the_page_says_so(world: World) -> None:  # D7 S79
    await give_totp(world, await world.get_account())
    async with world.browser() as nora:
        await nora.submit(await nora.get("/account/passwordreset"), "/account/passwordreset", identifier=ADDRESS)
        page = await nora.follow(await nora.get(await world.reset_link()))
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        await nora.submit(page, "/account/passwordreset/new", **new)
        page = await nora.follow(await nora.sign_in(password=NEW_PASSWORD))
        others = await nora.get(f"{page.request.url.path}?view=others")
        assert "one mailbox cannot stand for both" in others.text
        assert "help@" in others.text
        assert "ask the administrators" in others.text
        before = await mails(world)
        fields = {"step": "prove_email_code", "resend": "first", "view": "email_code"}
        shown = await nora.follow(await nora.submit(page, page.request.url.path, **fields))
        assert 'value="prove_totp"' in shown.text
        assert await mails(world) == before


async def test_what_is_not_offered_is_neither_shown_nor_taken(world: World) -> None:
    await give_totp(world, await world.get_account())
    device = Authenticator()
    async with world.browser() as nora:
        page = await nora.follow(await nora.sign_in())
        path = page.request.url.path
        for view in ("passkey", "manual", "prove_totp", "../others"):
            assert 'value="prove_totp"' in (await nora.get(f"{path}?view={view}")).text
        first = answer(await nora.get("/signin"), _with_passkey(device))
        tries = ({"step": "prove_passkey"}, {"step": "enrol_passkey"}, {"step": "trust_device", "never": "yes"})
        for fields in (*tries, {"step": "device_registered", "name": "x"}, {"step": "prove_email_code", "code": "1"}):
            shown = await nora.follow(await nora.submit(page, path, credential=first, view="passkey", **fields))
            assert 'value="prove_totp"' in shown.text
        assert_refused(await nora.submit(page, path, step="no_such_step"), 400)
        assert not nora.cookie("session")


async def test_a_passkey_can_be_set_up_instead_of_an_app(world: World) -> None:  # S46 S57 S58 S69
    await demanding(world)
    device = Authenticator()
    async with world.browser() as nora:
        page = await up_to_enrolment(world, nora)
        path = page.request.url.path
        assert f'href="{path}?view=passkey"' in page.text
        page = await nora.get(f"{path}?view=passkey")
        assert title(page) == "Secure Your Account"
        assert f'href="{path}"' in page.text, "and back"
        told = await nora.follow(await by_passkey(nora, page, "enrol_passkey", "[]"))
        assert "could not be read" in told.text
        assert 'value="enrol_passkey"' in told.text, "still the same way"
        page = await nora.follow(await by_passkey(nora, told, "enrol_passkey", answer(told, device)))
        seen = [title(page)]
        while title(page) in ("Device registration successful", "Almost There!"):
            done = await nora.submit(page, path, confirmed="yes")
            if done.headers["location"] == IN:
                break
            page = await nora.follow(done)
            seen.append(title(page))
        assert sorted(seen) == ["Almost There!", "Device registration successful"]
        assert (await nora.get(IN)).status_code == 200


async def test_where_only_passkeys_are_taken_nothing_else_is_offered(world: World) -> None:
    only = PolicyFields(mfa=Mfa.REQUIRED, allowed_factors=(SecondFactor.PASSKEY,))
    await demanding(world, only)
    async with world.browser() as nora:
        page = await up_to_enrolment(world, nora)
        assert 'data-ceremony="create"' in page.text
        assert "in another browser" in page.text or "another browser or on another device" in page.text
        assert 'data-ceremony="create"' in (await nora.get(f"{page.request.url.path}?view=manual")).text
        assert "<svg" not in page.text


def _with_passkey(device: Authenticator) -> Authenticator:
    """A device that has a passkey for here which nobody here knows."""
    party, user = {"id": "login.portico.example"}, {"id": "eA"}
    parameters = [{"type": "public-key", "alg": -7}]
    device.create({"rp": party, "user": user, "challenge": "eA", "pubKeyCredParams": parameters}, origin=BASE)
    return device
