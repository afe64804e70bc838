"""Signing in with a second factor, through the doors: the first set-up, the codes, the gate, and everything bad."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import cast

import httpx
import pytest

from portico.audit.model import EventKind
from portico.organizations.policy import EnrolmentProof, Mfa, PolicyFields, SecondFactor
from portico.signin import store as attempts
from tests.support.authenticators import (
    MFA,
    Phone,
    demanding,
    enter,
    key_on,
    mailed_code,
    recovery_code_on,
    scanned,
    send,
    set_up,
    up_to_enrolment,
)
from tests.support.organizations import ask, found, join
from tests.support.refusals import assert_refused
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, World


async def kinds(world: World) -> list[EventKind]:
    """What happened to Nora, newest first."""
    events = await world.house.audit.list_events(world.house.database, (await world.get_account()).id)
    return [recorded.event.kind for recorded in events]


async def subjects(world: World) -> list[str]:
    """The subjects of Nora's mails, newest first."""
    return [letter.subject for letter in await world.letters(ADDRESS)]


def title(page: httpx.Response) -> str:
    """A page's title."""
    found_title = re.search(r"<title>(.*?)</title>", page.text)
    assert found_title
    return found_title[1]


async def test_a_member_sets_the_second_factor_up_at_the_next_login(
    world: World,
) -> None:  # S45 S46 S54 S57 S58 S60 S69
    await demanding(world)
    async with world.browser() as nora:
        page = await nora.follow(await nora.sign_in())
        assert "North Clinic asks you" in page.text
        assert "n*****@north****" in page.text
        assert ADDRESS not in page.text
        page = await send(nora, page, code=await mailed_code(world))
        assert title(page) == "Secure Your Account | Portico"
        assert "download your preferred authenticator app and scan this QR Code" in page.text
        assert "THEN" in page.text
        assert "<svg" in page.text
        assert not nora.cookie("session"), "the factor counts only after one valid code"
        path = page.request.url.path
        manual = await nora.get(f"{path}?view=manual")
        assert title(manual) == "Secure Your Account | Portico"
        phone = Phone(key_on(manual), world.clock)

        page = await send(nora, page, code=phone.code())
        assert title(page) == "Almost There! | Portico"
        assert "keep it somewhere safe" in page.text
        assert not nora.cookie("session")
        refused = await send(nora, page)
        assert "tick the box" in refused.text
        assert recovery_code_on(refused) == recovery_code_on(page)

        done = await enter(nora, refused, confirmed="yes")
        assert done.headers["location"] == "/account"
        assert (await nora.get("/account")).status_code == 200
    assert {EventKind.FACTOR_ENROLLED, EventKind.RECOVERY_CODE_SAVED} <= set(await kinds(world))
    assert "The sign-in of your Portico account has changed" in await subjects(world)


async def test_from_then_on_the_code_is_asked_for(world: World) -> None:  # S71 S72 S74 S80
    await demanding(world)
    async with world.browser() as first, world.browser() as nora:
        phone, _ = await set_up(world, first)
        world.clock.advance(minutes=5)
        page = await nora.follow(await nora.sign_in())
        assert title(page) == "Verify Your Identity | Portico"
        assert "Check your preferred one-time password application for a code." in page.text
        assert 'autocomplete="one-time-code"' in page.text
        assert 'inputmode="numeric"' in page.text
        assert "Try another method" in page.text
        wrong = await send(nora, page, code="000000" if phone.code() != "000000" else "000001")
        assert "This code is not right" in wrong.text
        code = phone.code()
        done = await enter(nora, wrong, code=f" {code[:3]} {code[3:]} ")
        assert done.headers["location"] == "/account"


async def test_another_method_leads_to_the_recovery_code_and_to_a_new_one(world: World) -> None:  # S74 S78 D14
    await demanding(world)
    async with world.browser() as first, world.browser() as nora, world.browser() as again:
        _, recovery_code = await set_up(world, first)
        page = await nora.follow(await nora.sign_in())
        path = page.request.url.path
        others = await nora.get(f"{path}?view=others")
        assert "Code from your authenticator app" in others.text
        page = await nora.get(f"{path}?view=recovery_code")
        wrong = await send(nora, page, code="A" * 24)
        assert "This recovery code is not right" in wrong.text
        assert 'value="prove_recovery_code"' in wrong.text, "still the same way"
        spelt = "-".join(recovery_code[start : start + 4] for start in range(0, 24, 4)).lower()
        gate = await send(nora, wrong, code=spelt)
        assert title(gate) == "Almost There! | Portico"
        assert "used just now" in gate.text
        new = recovery_code_on(gate)
        assert new != recovery_code
        assert (await enter(nora, gate, confirmed="yes")).headers["location"] == "/account"

        page = await again.follow(await again.sign_in())
        page = await again.get(f"{page.request.url.path}?view=recovery_code")
        page = await send(again, page, code=recovery_code)
        assert "not right, or it has been used" in page.text
        assert title(await send(again, page, code=new)) == "Almost There! | Portico"
    assert EventKind.RECOVERY_CODE_USED in await kinds(world)
    texts = [letter.text for letter in await world.letters(ADDRESS)]
    assert any("Your recovery code was used" in text for text in texts)
    assert any("A new recovery code was made" in text for text in texts)


async def test_what_is_set_up_is_the_same_on_reload_and_in_a_second_tab(world: World) -> None:  # D13 D14 S55 S56
    await demanding(world)
    async with world.browser() as nora:
        page = await up_to_enrolment(world, nora)
        path = page.request.url.path
        manual = await nora.get(f"{path}?view=manual")
        assert key_on(manual) == key_on(await nora.get(f"{path}?view=manual"))
        assert (await nora.get(path)).text.count("<svg") == 1
        world.clock.advance(minutes=3)
        assert key_on(await nora.get(f"{path}?view=manual")) == key_on(manual)
        wrong = await nora.follow(await nora.submit(manual, path, code="12345"))
        assert key_on(wrong) == key_on(manual), "a wrong code leads back to the manual page"
        phone = Phone(key_on(manual), world.clock)
        gate = await send(nora, wrong, code=phone.code())
        assert recovery_code_on(gate) == recovery_code_on(await nora.get(path))
        late = await nora.follow(await nora.submit(manual, path, code=phone.code()))
        assert recovery_code_on(late) == recovery_code_on(gate), "an old page shows the present step"


async def test_a_gate_left_open_comes_back_at_the_next_login(world: World) -> None:  # D14
    await demanding(world)
    async with world.browser() as first, world.browser() as nora:
        page = await up_to_enrolment(world, first)
        phone = Phone(key_on(await first.get(f"{page.request.url.path}?view=manual")), world.clock)
        gate = await send(first, page, code=phone.code())
        page = await nora.follow(await nora.sign_in())
        assert title(page) == "Verify Your Identity | Portico", "the factor is active"
        others = await nora.get(f"{page.request.url.path}?view=others")
        assert "view=recovery_code" not in others.text, "none was kept"
        page = await send(nora, page, code=phone.wait())
        assert title(page) == "Almost There! | Portico"
        assert recovery_code_on(page) != recovery_code_on(gate)


async def test_a_wrong_clock_is_told_kindly_and_lets_nobody_in(world: World) -> None:  # D13
    await demanding(world)
    async with world.browser() as first, world.browser() as nora:
        phone, _ = await set_up(world, first)
        world.clock.advance(hours=1)
        phone.off = timedelta(minutes=-4)
        page = await nora.follow(await nora.sign_in())
        told = await send(nora, page, code=phone.code())
        assert "about 4 minutes slow" in told.text
        assert not nora.cookie("session")


async def test_a_code_is_good_once_whoever_brings_it(world: World) -> None:  # D13
    await demanding(world)
    async with world.browser() as first, world.browser() as nora, world.browser() as thief:
        phone, _ = await set_up(world, first)
        code = phone.wait()
        own, his = await nora.follow(await nora.sign_in()), await thief.follow(await thief.sign_in())
        assert (await enter(nora, own, code=code)).headers["location"] == "/account"
        assert "has been used already" in (await send(thief, his, code=code)).text
        assert not thief.cookie("session")


async def test_the_mailbox_comes_first_unless_the_organization_waives_it(world: World) -> None:  # D12
    await demanding(world, PolicyFields(mfa=Mfa.REQUIRED, enrolment_proof=EnrolmentProof.PASSWORD))
    async with world.browser() as nora:
        page = await nora.follow(await nora.sign_in())
        assert title(page) == "Secure Your Account | Portico"


async def test_whoever_only_has_the_password_cannot_enrol_first(world: World) -> None:  # D12
    await demanding(world)
    async with world.browser() as thief:
        page = await thief.follow(await thief.sign_in())
        path = page.request.url.path
        assert "mailbox" in page.text
        skipped = await thief.submit(page, path, step="enrol_totp", code="123456")
        assert "mailbox" in (await thief.follow(skipped)).text
        assert "This code is not right" in (await send(thief, page, code="000000")).text or await mailed_code(world)
        assert not thief.cookie("session")
    assert EventKind.FACTOR_ENROLLED not in await kinds(world)


async def test_a_method_the_page_did_not_offer_changes_nothing(world: World) -> None:
    await demanding(world)
    async with world.browser() as nora:
        page = await up_to_enrolment(world, nora)
        path = page.request.url.path
        for step in ("prove_totp", "prove_recovery_code", "save_recovery_code", "prove_password", "create_account"):
            shown = await nora.follow(await nora.submit(page, path, step=step, code="123456", confirmed="yes"))
            assert title(shown) == "Secure Your Account | Portico"
        assert not nora.cookie("session")


async def test_where_nobody_asks_for_it_nothing_changes(world: World) -> None:  # S81
    clinic = await found(world)
    await join(world, clinic, await world.get_account())
    await ask(world, clinic, PolicyFields(mfa=Mfa.OPTIONAL))
    async with world.browser() as nora:
        assert (await nora.sign_in()).headers["location"] == "/account"


async def test_an_organization_that_takes_passkeys_only_is_offered_nothing_else(world: World) -> None:
    await demanding(world, PolicyFields(mfa=Mfa.REQUIRED, allowed_factors=(SecondFactor.PASSKEY,)))
    async with world.browser() as nora:
        page = await up_to_enrolment(world, nora)
        assert "North Clinic" in page.text
        assert 'value="enrol_passkey"' in page.text
        assert "authenticator app" not in page.text


async def test_the_codes_of_another_organization_do_not_stand_in(world: World) -> None:  # D9
    """Enrolled for one, refused by the other: neither the app nor its recovery code meets what takes passkeys only."""
    await demanding(world)
    async with world.browser() as first, world.browser() as nora:
        phone, recovery_code = await set_up(world, first)
        south = await found(world, "South Clinic")
        await join(world, south, await world.get_account())
        await ask(world, south, PolicyFields(mfa=Mfa.REQUIRED, allowed_factors=(SecondFactor.PASSKEY,)))
        world.clock.advance(minutes=1)
        page = await nora.follow(await nora.sign_in())
        page = await send(nora, page, code=phone.code())
        assert "South Clinic asks you" in page.text
        assert not nora.cookie("session")
    assert recovery_code


async def test_a_reset_neither_asks_for_the_second_factor_nor_removes_it(world: World) -> None:  # D7
    await demanding(world)
    async with world.browser() as first, world.browser() as nora:
        phone, _ = await set_up(world, first)
        await nora.submit(await nora.get("/account/passwordreset"), "/account/passwordreset", identifier=ADDRESS)
        page = await nora.follow(await nora.get(await world.reset_link()))
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        await nora.submit(page, "/account/passwordreset/new", **new)
        page = await nora.follow(await nora.sign_in(password=NEW_PASSWORD))
        assert title(page) == "Verify Your Identity | Portico"
        account = await world.get_account()
        before = await world.house.password.find_credential(world.house.database, account.id)
        assert before is not None
        assert before.properties.through_mailbox
        assert (await enter(nora, page, code=phone.wait())).headers["location"] == "/account"
        after = await world.house.password.find_credential(world.house.database, account.id)
        assert after is not None
        assert not after.properties.through_mailbox, "proven together with the app, the password is one's own again"


async def test_setting_it_up_with_a_mailed_password_does_not_vouch_for_it(world: World) -> None:  # D7
    """The mailbox alone gave the password, the code and so the app: the mark stays until the app is proven anew."""
    async with world.browser() as nora:
        await nora.submit(await nora.get("/account/passwordreset"), "/account/passwordreset", identifier=ADDRESS)
        page = await nora.follow(await nora.get(await world.reset_link()))
        new = {"new_password": PASSWORD + "x", "repeat_password": PASSWORD + "x"}
        await nora.submit(page, "/account/passwordreset/new", **new)
        await demanding(world)
        page = await nora.follow(await nora.sign_in(password=PASSWORD + "x"))
        page = await send(nora, page, code=await mailed_code(world))
        phone = Phone(key_on(await nora.get(f"{page.request.url.path}?view=manual")), world.clock)
        gate = await send(nora, page, code=phone.code())
        assert (await enter(nora, gate, confirmed="yes")).headers["location"] == "/account"
    stored = await world.house.password.find_credential(world.house.database, (await world.get_account()).id)
    assert stored is not None
    assert stored.properties.through_mailbox


async def test_set_up_in_another_browser_meanwhile_is_told(world: World) -> None:
    await demanding(world, PolicyFields(mfa=Mfa.REQUIRED, email_code=False))  # or the mailed code would do now
    async with world.browser() as one, world.browser() as other:
        page = await up_to_enrolment(world, one)
        mine = Phone(key_on(await one.get(f"{page.request.url.path}?view=manual")), world.clock)
        world.clock.advance(minutes=1)
        theirs, _ = await set_up(world, other)
        assert theirs.key != mine.key
        told = await send(one, page, code=mine.code())
        assert "set up in another window" in told.text
        assert title(told) == "Verify Your Identity | Portico"
        assert (await enter(one, told, code=theirs.wait())).headers["location"] == "/account"


async def test_where_nothing_is_missing_any_more_one_goes_on(world: World) -> None:  # D12
    """The mailed code that came before a set-up stands in for the factor that was set up elsewhere meanwhile."""
    await demanding(world)
    async with world.browser() as one, world.browser() as other, world.browser() as third:
        page = await up_to_enrolment(world, one)
        world.clock.advance(minutes=1)
        waiting = await up_to_enrolment(world, third)
        world.clock.advance(minutes=1)
        await set_up(world, other)
        shown = await one.get(page.request.url.path)
        assert title(shown) == "Nothing Is Missing Any More | Portico"
        assert not one.cookie("session"), "looking changes nothing"
        assert (await enter(one, shown)).headers["location"] == "/account"
        assert one.cookie("session")
        done = await third.submit(waiting, waiting.request.url.path, code="123456")
        assert (done.headers["location"], bool(third.cookie("session"))) == ("/account", True)


async def test_an_old_page_is_worth_nothing_once_everything_was_ended(world: World) -> None:  # D22
    await demanding(world)
    async with world.browser() as nora:
        page = await up_to_enrolment(world, nora)
        phone = Phone(key_on(await nora.get(f"{page.request.url.path}?view=manual")), world.clock)
        account = await world.get_account()
        house = world.house
        await house.database.transact(
            lambda tx: house.accounts.end_everything(tx, world.clock.now(), account.id, epoch=account.epoch)
        )
        told = await send(nora, page, code=phone.code())
        assert_refused(told, 410)
    assert EventKind.FACTOR_ENROLLED not in await kinds(world)


async def test_what_is_announced_can_be_put_off_or_done_now(world: World) -> None:  # D10
    clinic = await found(world)
    await join(world, clinic, await world.get_account())
    await ask(world, clinic, MFA, ahead=timedelta(days=14))
    async with world.browser() as nora, world.browser() as other:
        page = await nora.follow(await nora.sign_in())
        assert "authenticator app" in page.text
        assert (await nora.submit(page, page.request.url.path, now="")).headers["location"] == "/account"
        page = await other.follow(await other.sign_in())
        page = await send(other, page, now="yes")
        page = await send(other, page, code=await mailed_code(world))
        assert title(page) == "Secure Your Account | Portico"


async def test_open_sessions_are_led_there_when_it_is_newly_asked(world: World) -> None:  # D9
    clinic = await found(world)
    await join(world, clinic, await world.get_account())
    async with world.browser() as nora:
        await nora.sign_in()
        world.clock.advance(days=1)
        await ask(world, clinic, MFA)
        page = await nora.follow(await nora.get("/account/profile"))
        assert "authenticator app" in page.text or "show once more" in page.text
        page = await nora.follow(await nora.submit(page, "/renew"))
        page = await send(nora, page, password=PASSWORD)
        page = await send(nora, page, code=await mailed_code(world))
        phone = Phone(key_on(await nora.get(f"{page.request.url.path}?view=manual")), world.clock)
        gate = await send(nora, page, code=phone.code())
        done = await enter(nora, gate, confirmed="yes")
        assert done.headers["location"] == "/account/profile"
        assert (await nora.get("/account/profile")).status_code == 200


async def test_many_wrong_codes_slow_down_and_are_counted(world: World) -> None:  # D20
    await demanding(world)
    async with world.browser() as first, world.browser() as nora:
        phone, _ = await set_up(world, first)
        world.clock.advance(hours=1)
        page = await nora.follow(await nora.sign_in())
        wrong = "000000" if phone.code() != "000000" else "000001"
        for _ in range(10):
            page = await send(nora, page, code=wrong)
        blocked = await nora.submit(page, page.request.url.path, code=phone.code())
        assert_refused(blocked, 429)
        world.clock.advance(seconds=30)
        page = await nora.get(page.request.url.path)
        assert (await enter(nora, page, code=phone.code())).headers["location"] == "/account"


async def test_a_hundred_failures_switch_the_app_off_until_something_else_is_proven(world: World) -> None:
    await demanding(world)
    async with world.browser() as first, world.browser() as nora, world.browser() as again:
        phone, recovery_code = await set_up(world, first)
        account = await world.get_account()
        house, now = world.house, world.clock.now
        for _ in range(100):
            world.clock.advance(seconds=30)
            await house.database.transact(lambda tx: house.throttle.take_factor_try(tx, now(), f"totp {account.id}"))
        world.clock.advance(days=1)
        page = await nora.follow(await nora.sign_in())
        path = page.request.url.path
        assert_refused(await nora.submit(page, path, code=phone.code()), 429)
        page = await send(nora, await nora.get(f"{path}?view=recovery_code"), code=recovery_code)
        assert (await enter(nora, page, confirmed="yes")).headers["location"] == "/account"
        page = await again.follow(await again.sign_in())
        assert (await enter(again, page, code=phone.code())).headers["location"] == "/account"


async def test_the_api_lives_the_same_steps(world: World) -> None:  # S46 S54 S55 S56 S57 S58 S59 S72 S78
    await demanding(world)
    async with world.native() as client, world.native() as again:
        attempt = (await client.sign_in()).json()
        assert attempt["step"]["step"] == "verify_email"
        assert attempt["step"]["why"] == "enrol"
        assert attempt["step"]["organizations"] == ["North Clinic"]
        attempt = (await client.answer(attempt, {"answer": "email_code", "code": await mailed_code(world)})).json()
        assert attempt["step"] == {"step": "enrol", "kinds": ["totp"], "organizations": ["North Clinic"]}
        name, key = scanned(attempt["setup"]["totp_uri"])
        assert name == ADDRESS
        assert key == attempt["setup"]["totp_key"]
        assert re.fullmatch("[A-Z2-7]{32}", key)
        phone = Phone(key, world.clock)
        attempt = (await client.answer(attempt, {"answer": "totp_enrolment", "code": "12"})).json()
        assert attempt["failure"]["code"] == "totp.wrong"
        attempt = (await client.answer(attempt, {"answer": "totp_enrolment", "code": phone.code()})).json()
        assert attempt["step"] == {"step": "save_recovery_code", "why": "first"}
        recovery_code = attempt["setup"]["recovery_code"]
        assert re.fullmatch("[A-Z0-9]{24}", recovery_code)
        attempt = (await client.answer(attempt, {"answer": "recovery_saved", "confirmed": False})).json()
        assert attempt["failure"]["code"] == "recovery_code.not_confirmed"
        attempt = (await client.answer(attempt, {"answer": "recovery_saved", "confirmed": True})).json()
        assert attempt["step"]["step"] == "finished"
        assert "setup" not in attempt
        assert (await client.refresh()).status_code == 200

        attempt = (await again.sign_in()).json()
        assert attempt["step"]["kinds"] == ["totp", "email_code", "recovery_code"]
        attempt = (await again.answer(attempt, {"answer": "totp", "code": phone.code()})).json()
        assert attempt["failure"]["code"] == "totp.used"
        attempt = (await again.answer(attempt, {"answer": "recovery_code", "code": recovery_code})).json()
        assert attempt["step"] == {"step": "save_recovery_code", "why": "spent"}
        attempt = (await again.answer(attempt, {"answer": "recovery_saved", "confirmed": True})).json()
        assert attempt["step"]["step"] == "finished"


@pytest.mark.parametrize("column", ["attempts", "credentials"])
async def test_no_secret_lies_open_in_the_database(world: World, column: str) -> None:  # D13 D14
    await demanding(world)
    async with world.browser() as nora:
        page = await up_to_enrolment(world, nora)
        key = key_on(await nora.get(f"{page.request.url.path}?view=manual"))
        gate = await send(nora, page, code=Phone(key, world.clock).code())
        code = recovery_code_on(gate)
        rows = await world.house.database.list_rows(f"SELECT * FROM {column}")  # noqa: S608 - named above
        assert rows
        assert not any(secret in repr(tuple(cast("Iterable[object]", row))) for row in rows for secret in (key, code))
        shown = await send(nora, gate, confirmed="yes")
        attempt_id = shown.request.url.path.rpartition("/")[2]
        attempt = await attempts.find_attempt(world.house.database, attempt_id)
        assert attempt is not None
        assert world.house.setups.get(attempt).recovery_code == "", "the sealed copy is erased"
        assert (await enter(nora, shown)).headers["location"] == "/account"
        attempt = await attempts.find_attempt(world.house.database, attempt_id)
        assert attempt is not None
        assert attempt.pending is None, "and in the end all of it"
