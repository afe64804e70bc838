"""Passkeys, mailed codes and trusted devices through the JSON API: the article lived, and everything bad."""

import asyncio

import pytest

from portico.audit.model import EventKind
from portico.factors.methods import list_methods
from portico.factors.model import SignInMethod
from portico.organizations.policy import Mfa, PolicyFields, SecondFactor
from tests.support.authenticator import VERIFIED, Twist
from tests.support.authenticators import demanding, give_totp, mailed_code, up_to_enrolment
from tests.support.organizations import join
from tests.support.passkeys import device, failure_of, proven, set_up_app, set_up_passkey, step_of
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, World

PASSKEY_ONLY = PolicyFields(mfa=Mfa.REQUIRED, allowed_factors=(SecondFactor.PASSKEY,))
TOTP_ONLY = PolicyFields(mfa=Mfa.REQUIRED, allowed_factors=(SecondFactor.TOTP,))
TOM = "tom@north-clinic.example"

FOREIGN = {
    "rp": {"id": "login.portico.example"},
    "user": {"id": "AAAA"},
    "challenge": "AAAA",
    "pubKeyCredParams": [{"alg": -7}],
}
"""What somebody else asked for on this domain."""


async def passkeys_of(world: World, address: str) -> list[SignInMethod]:
    """Somebody's passkeys."""
    methods = await list_methods(world.house.database, (await world.get_account(address)).id)
    return [each for each in methods if each.kind == "passkey"]


async def kinds(world: World) -> list[EventKind]:
    """What happened to Nora, newest first."""
    events = await world.house.audit.list_events(world.house.database, (await world.get_account()).id)
    return [recorded.event.kind for recorded in events]


async def test_the_device_is_trusted_once_and_asked_for_from_then_on(
    world: World,
) -> None:  # S61 S62 S63 S64 S67 S68 S71 D15 D17
    await demanding(world)
    async with device(world) as phone:
        view, _ = await set_up_app(world, phone)
        assert step_of(view) == "trust_device"
        options = view["setup"]["passkey"]
        assert options["authenticatorSelection"]["residentKey"] == "required"
        assert options["authenticatorSelection"]["userVerification"] == "required"
        view = await phone.make(view)
        assert (step_of(view), view["step"]["name"]) == ("device_registered", "Nora\u2019s device (Unknown device)")
        view = await phone.give(view, "device_name", name=" Nora's  phone ")
        assert step_of(view) == "finished"
        assert view["tokens"]
        methods = await list_methods(world.house.database, (await world.get_account()).id)
        assert {each.name for each in methods} == {"", "Nora's phone"}

        view = await proven(world, phone)
        assert view["step"]["kinds"] == ["passkey", "totp", "email_code", "recovery_code"]
        assert step_of(await phone.use(view)) == "finished"
    assert EventKind.PASSKEY_ADDED in await kinds(world)
    assert any("A passkey was made" in letter.text for letter in await world.letters("nora@north-clinic.example"))


async def test_later_asks_again_after_a_week_and_never_only_elsewhere(world: World) -> None:  # S62 S66 D15
    await demanding(world)
    async with device(world) as phone, device(world) as other:
        view, app = await set_up_app(world, phone)
        assert step_of(await phone.give(view, "trust", never=False)) == "finished"
        for days, step in ((6, "finished"), (1, "trust_device")):
            world.clock.advance(days=days)
            view = await phone.give(await proven(world, phone), "totp", code=app.code())
            assert step_of(view) == step
        assert step_of(await phone.give(view, "trust", never=True)) == "finished"
        world.clock.advance(days=300)
        assert step_of(await phone.give(await proven(world, phone), "totp", code=app.code())) == "finished"
        world.clock.advance(minutes=1)
        assert step_of(await other.give(await proven(world, other), "totp", code=app.code())) == "trust_device"


async def test_a_passkey_signs_in_without_a_name(world: World) -> None:  # D16
    await demanding(world)
    async with device(world) as phone, device(world) as stranger:
        await set_up_passkey(world, phone)
        view = await phone.begin("")
        assert step_of(view) == "identify"
        assert "allowCredentials" not in view["setup"]["passkey"] or not view["setup"]["passkey"]["allowCredentials"]
        view = await phone.use(view)
        assert (step_of(view), view["identifier"]) == ("finished", "nora@north-clinic.example")
        stranger.authenticator.create(FOREIGN, origin="https://login.portico.example")
        view = await stranger.use(await stranger.begin(""))
        assert (step_of(view), failure_of(view)) == ("identify", "passkey.unknown")
        silent = await phone.use(await phone.begin(""), Twist(without_handle=True))
        assert (step_of(silent), failure_of(silent)) == ("identify", "passkey.unreadable")


async def test_instead_of_the_password_the_passkey_is_two_factors(world: World) -> None:  # D16
    await demanding(world)
    async with device(world) as phone:
        await set_up_passkey(world, phone)
        view = await phone.begin()
        assert view["step"]["kinds"] == ["password", "passkey"]
        assert step_of(await phone.use(view)) == "finished"


async def test_who_is_known_is_not_told_by_the_options(world: World) -> None:  # D20
    async with device(world) as phone:
        known, unknown = await phone.begin(), await phone.begin("nobody@north-clinic.example")
    for view in (known, unknown):
        view["setup"]["passkey"].pop("challenge")
        assert not view["setup"]["passkey"].get("allowCredentials")
    assert known["setup"] == unknown["setup"]
    assert known["step"] == unknown["step"]


async def test_an_organization_that_takes_passkeys_only_leads_there(world: World) -> None:  # D9 D12 S46
    await demanding(world, PASSKEY_ONLY)
    async with device(world) as phone:
        view = await phone.give(await proven(world, phone), "email_code", code=await mailed_code(world))
        assert (step_of(view), view["step"]["kinds"]) == ("enrol", ["passkey"])
        assert "totp_key" not in view["setup"]
        ignored = await phone.give(view, "totp_enrolment", code="123456")
        assert (step_of(ignored), ignored["version"]) == ("enrol", view["version"])
        view = await phone.make(view)
        assert step_of(view) == "save_recovery_code"
        view = await phone.give(view, "recovery_saved", confirmed=True)
        assert step_of(view) == "device_registered"
        assert step_of(await phone.give(view, "device_name", name="")) == "finished"


async def test_where_only_the_app_counts_a_passkey_is_not_enough(world: World) -> None:  # D9
    account = await world.get_account()
    await demanding(world, TOTP_ONLY)
    app = await give_totp(world, account)
    async with device(world) as phone:
        view = await phone.give(await proven(world, phone), "totp", code=app.code())
        assert step_of(view) == "finished", "nobody is asked to trust a device that would spare them nothing"


async def test_a_mailed_code_stands_in_for_the_app(world: World) -> None:  # S74 S75 S76 S77 D18
    await demanding(world)
    await give_totp(world, await world.get_account())
    async with device(world) as phone:
        view = await proven(world, phone)
        assert view["step"]["kinds"] == ["totp", "email_code", "recovery_code"]
        assert (view["step"]["mailbox"], view["step"]["resend_at"]) == ("n*****@north****", None)
        assert not [one for one in await world.letters("nora@north-clinic.example") if "code" in one.subject]
        view = await phone.give(view, "resend")
        assert view["step"]["resend_at"]
        again = await phone.give(view, "resend")
        assert failure_of(again) == "email_code.resend_too_soon"
        code = await mailed_code(world)
        wrong = await phone.give(again, "email_code", code="000000" if code != "000000" else "111111")
        assert failure_of(wrong) == "email_code.wrong"
        assert step_of(await phone.give(wrong, "email_code", code=f"{code[:3]} {code[3:]}")) == "finished"


async def test_mail_is_no_way_where_a_policy_forbids_it(world: World) -> None:  # D9 D12
    await demanding(world, PolicyFields(mfa=Mfa.REQUIRED, email_code=False))
    await give_totp(world, await world.get_account())
    async with device(world) as phone:
        view = await proven(world, phone)
        assert view["step"]["kinds"] == ["totp", "recovery_code"]
        ignored = await phone.give(view, "resend")
        assert ignored["version"] == view["version"]
        assert step_of(await phone.give(view, "email_code", code="123456")) == "prove"
    assert not [one for one in await world.letters("nora@north-clinic.example") if "code" in one.subject]


async def test_one_mailbox_does_not_count_twice(world: World) -> None:  # D7
    await give_totp(world, await world.get_account())
    async with world.browser() as nora, device(world) as phone:
        await nora.submit(await nora.get("/account/passwordreset"), "/account/passwordreset", identifier="nora")
        page = await nora.follow(await nora.get(await world.reset_link()))
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        await nora.submit(page, "/account/passwordreset/new", **new)
        view = await phone.give(await phone.begin(), "password", password=NEW_PASSWORD)
        assert view["step"]["kinds"] == ["totp", "recovery_code"]
        assert view["step"]["no_mail"] is True
        assert step_of(await phone.give(view, "email_code", code="123456")) == "prove"


async def test_the_mailed_code_is_the_default_without_app_or_device(world: World) -> None:  # S71 D17
    await demanding(world)
    async with device(world) as phone, device(world) as elsewhere:
        await set_up_passkey(world, phone)
        account = await world.get_account()
        await world.house.database.transact(lambda tx: world.house.totp.remove(tx, account.id))
        world.clock.advance(minutes=1)
        view = await proven(world, elsewhere)
        assert view["step"]["kinds"] == ["email_code", "passkey", "recovery_code"]
        assert view["step"]["resend_at"], "it was mailed without being asked for"
        assert step_of(await elsewhere.give(view, "email_code", code=await mailed_code(world))) == "finished"


def _turned(good: bytes) -> bytes:
    return good[:-1] + bytes([good[-1] ^ 1])


BAD = {
    "origin": (Twist(), "https://login.portico.example.evil.example", "passkey.failed"),
    "challenge": (Twist(challenge=b"x" * 32), "https://login.portico.example", "passkey.failed"),
    "domain": (Twist(rp_id="evil.example"), "https://login.portico.example", "passkey.failed"),
    "type": (Twist(kind="webauthn.create"), "https://login.portico.example", "passkey.failed"),
    "not verified": (Twist(flags_off=VERIFIED), "https://login.portico.example", "passkey.not_verified"),
    "signature": (Twist(signature=_turned), "https://login.portico.example", "passkey.failed"),
    "counter": (Twist(count=0), "https://login.portico.example", "passkey.copied"),
    "handle": (Twist(user_handle=b"another"), "https://login.portico.example", "passkey.other_account"),
}


async def test_bad_answers_are_told_and_lose_nothing(world: World) -> None:  # D16
    await demanding(world)
    async with device(world) as phone:
        await set_up_passkey(world, phone)
        view = await phone.use(await phone.begin())
        view = await proven(world, phone)
        for name, (twist, origin, code) in BAD.items():
            shown = await phone.use(view, twist, origin=origin)
            assert (step_of(shown), failure_of(shown)) == ("prove", code), name
            assert shown["setup"]["passkey"]["challenge"] != view["setup"]["passkey"]["challenge"]
            view = shown
        for nonsense in ({}, {"id": "x"}, {"id": 1, "response": []}, {"response": {"clientDataJSON": "e30"}}):
            view = await phone.give(view, "passkey", credential=nonsense)
            assert failure_of(view) == "passkey.unreadable"
        assert step_of(await phone.use(view)) == "finished"


async def test_an_answer_is_good_once(world: World) -> None:  # D16
    await demanding(world)
    async with device(world) as phone, device(world) as thief:
        await set_up_passkey(world, phone)
        view = await proven(world, phone)
        his = await proven(world, thief)
        answer = phone.answer(view)
        elsewhere = await thief.give(his, "passkey", credential=answer)
        assert failure_of(elsewhere) == "passkey.failed", "it answers another attempt's challenge"
        given = {"answer": "passkey", "credential": answer}
        all_at_once = await asyncio.gather(*(phone.native.answer(view, given) for _ in range(8)))
        assert sum("tokens" in one.json() for one in all_at_once) == 1, [one.json()["step"] for one in all_at_once]
        late = await phone.give(view, "passkey", credential=answer)
        assert step_of(late) == "refused"


async def test_the_passkey_of_somebody_else_is_refused(world: World) -> None:  # D16 S73
    await demanding(world)
    await world.add_person("tom@north-clinic.example", handle="tom")
    async with device(world) as phone:
        await set_up_passkey(world, phone)
        for name in ("tom@north-clinic.example", "nobody@north-clinic.example"):
            view = await phone.use(await phone.begin(name))
            assert (step_of(view), failure_of(view)) == ("prove", "passkey.other_account")


async def test_a_passkey_is_nobodys_twice(world: World) -> None:  # D15
    clinic = await demanding(world)
    tom = await world.add_person(TOM, handle="tom")
    async with device(world) as phone:
        view, _ = await set_up_app(world, phone)
        made = phone.authenticator.create(view["setup"]["passkey"], origin="https://login.portico.example")
        first = await phone.give(view, "passkey_enrolment", credential=made)
        assert step_of(first) == "device_registered"
        late = await phone.give(view, "passkey_enrolment", credential=made)
        assert (step_of(late), late["version"]) == ("device_registered", first["version"])
    (nora,) = await passkeys_of(world, ADDRESS)
    await join(world, clinic, tom)
    async with device(world) as toms, world.browser() as browser:
        view = await toms.give(await toms.begin(TOM), "password", password=PASSWORD)
        view = await toms.give(view, "email_code", code=await mailed_code(world, TOM))
        view = await toms.make(view, Twist(credential_id=phone.authenticator.passkeys[0].id))
        assert (step_of(view), failure_of(view)) == ("enrol", "passkey.exists")
        assert "if it belongs to another account, make a new one" in view["failure"]["text"]
        world.clock.advance(minutes=1)
        page = await up_to_enrolment(world, browser, TOM)
        page = await browser.get(f"{page.request.url.path}?view=passkey")
        assert "This device already has a passkey for your account." in page.text, "what a browser says of one's own"
    assert await passkeys_of(world, TOM) == []
    assert await passkeys_of(world, ADDRESS) == [nora]


@pytest.mark.parametrize("days", [30])
async def test_an_old_trusted_device_is_vouched_for_anew(world: World, days: int) -> None:  # D9 D12
    await demanding(world, PolicyFields(mfa=Mfa.REQUIRED, trusted_device_days=days))
    async with device(world) as phone:
        view, app = await set_up_app(world, phone)
        await phone.give(await phone.make(view), "device_name", name="")
        world.clock.advance(days=days - 1)
        assert step_of(await phone.use(await proven(world, phone))) == "finished"
        world.clock.advance(days=2)
        view = await phone.use(await proven(world, phone))
        assert view["step"]["kinds"] == ["totp", "email_code", "recovery_code"]
        assert step_of(await phone.give(view, "totp", code=app.code())) == "finished"
        world.clock.advance(days=days - 1)
        assert step_of(await phone.use(await proven(world, phone))) == "finished"


async def test_passkeys_outlive_a_reset_of_the_password(world: World) -> None:  # D7 D15
    await demanding(world)
    async with world.browser() as nora, device(world) as phone:
        await set_up_passkey(world, phone)
        world.clock.advance(hours=1)
        await nora.submit(await nora.get("/account/passwordreset"), "/account/passwordreset", identifier="nora")
        page = await nora.follow(await nora.get(await world.reset_link()))
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        await nora.submit(page, "/account/passwordreset/new", **new)
        view = await phone.give(await phone.begin(), "password", password=NEW_PASSWORD)
        assert view["step"]["kinds"][0] == "passkey"
        assert step_of(await phone.use(view)) == "finished"
        view = await phone.give(await phone.begin(), "password", password=PASSWORD)
        assert failure_of(view)


async def test_a_client_without_passkeys_is_not_asked_for_one(world: World) -> None:  # D15
    await demanding(world)
    app = await give_totp(world, await world.get_account())
    async with world.native() as native:
        begun = await native.begin()
        assert begun["step"] == {"step": "prove", "kinds": ["password"], "why": "first", **_NOTHING}
        answer = await native.answer(begun, {"answer": "password", "password": PASSWORD})
        assert (await native.answer(answer.json(), {"answer": "totp", "code": app.code()})).json()["tokens"]


_NOTHING = {"organization": None, "mailbox": None, "resend_at": None, "no_mail": False}


async def test_setting_up_elsewhere_ends_with_an_admins_reset(world: World) -> None:  # D19 D22
    """An old page of a set-up is worth nothing after everything was ended."""
    await demanding(world)
    account = await world.get_account()
    async with device(world) as phone:
        view, _ = await set_up_app(world, phone)
        now = world.clock.now()
        house = world.house
        ending = house.accounts.end_everything
        await house.database.transact(lambda tx: ending(tx, now, account.id, epoch=account.epoch))
        late = await phone.make(view)
        assert step_of(late) == "refused"
    assert not [each for each in await list_methods(house.database, account.id) if each.kind == "passkey"]


async def test_mailing_is_limited(world: World) -> None:  # D18
    await demanding(world)
    await give_totp(world, await world.get_account())
    async with device(world) as phone:
        view = await phone.give(await proven(world, phone), "resend")
        for _ in range(4):
            world.clock.advance(seconds=31)
            view = await phone.give(view, "resend")
        assert not failure_of(view)
        world.clock.advance(seconds=31)
        assert failure_of(await phone.give(view, "resend")) == "email_code.resend_later"
