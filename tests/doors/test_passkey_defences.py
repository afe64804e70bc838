"""What must not come of passkeys, mailed codes and clients that have none: replays, lock-outs, ways around."""

import json
from datetime import timedelta

from portico.accounts.model import AccountState
from portico.factors.proof import Proof, ProofClass, ProofKind
from portico.organizations.policy import EnrolmentProof, Mfa, PolicyFields, SecondFactor
from portico.signin.attempt import Attempt, ClientKind, Purpose
from portico.signin.decide import next_step
from portico.signin.facts import Demand, Facts, Person, Policy
from portico.signin.steps import Prove
from tests.doors.test_accepting import joined, opened
from tests.doors.test_passkey_pages import IN, answer, begin, sign_out, trusting
from tests.support.authenticators import (
    Phone,
    demanding,
    enter,
    give_totp,
    key_on,
    mailed_code,
    recovery_code_on,
    send,
)
from tests.support.generated_facts import CLASSES, NOW
from tests.support.invitations import ADMIN, add_admin, invite, is_member, mailed_invitation
from tests.support.organizations import ask, found, join
from tests.support.passkeys import device, failure_of, proven, set_up_passkey, step_of
from tests.support.world import ADDRESS, PASSWORD, World, hidden_fields

PASSKEY_ONLY = PolicyFields(mfa=Mfa.REQUIRED, allowed_factors=(SecondFactor.PASSKEY,))


async def test_what_the_first_page_was_answered_with_is_good_once(world: World) -> None:  # D16
    """Also for a passkey that does not count, in the same browser, after its session was ended."""
    async with world.browser() as nora:
        phone, _ = await trusting(world, nora)
        phone.counts = False
        page = await nora.get("/signin")
        body = {**hidden_fields(page, "/signin"), "credential": answer(page, phone)}
        assert (await nora.post("/signin", body)).headers["location"] == IN
        await sign_out(nora)
        for _ in range(2):
            shown = await nora.follow(await nora.post("/signin", body))
            assert "no longer valid" in shown.text or "again" in shown.text
            assert not nora.cookie("session")


async def test_a_bad_answer_burns_the_form_as_well(world: World) -> None:  # D16
    async with world.browser() as nora:
        phone, _ = await trusting(world, nora)
        page = await nora.get("/signin")
        good = answer(page, phone)
        await begin(nora, page, json.dumps({**json.loads(good), "type": "nothing"}))
        await begin(nora, page, good)
        assert not nora.cookie("session")


async def test_strangers_use_up_nothing_of_the_owners_codes(world: World) -> None:  # D18, D20
    """Whatever is typed and mailed for an address by whoever signs up with it, its owner still gets in."""
    await demanding(world)
    await give_totp(world, await world.get_account())
    house, now = world.house, world.clock.now()
    for _ in range(101):
        await house.database.transact(lambda tx: house.throttle.take_code_try(tx, now, ADDRESS))
        await house.database.transact(lambda tx: house.throttle.take_code_mail(tx, now, ADDRESS))
    async with device(world) as phone:
        view = await phone.give(await proven(world, phone), "resend")
        assert step_of(await phone.give(view, "email_code", code=await mailed_code(world))) == "finished"


async def test_two_devices_that_are_set_up_at_once_both_work(world: World) -> None:  # D15
    await demanding(world)
    app = await give_totp(world, await world.get_account())
    async with device(world) as laptop, device(world) as phone:
        first = await laptop.give(await proven(world, laptop), "totp", code=app.code())
        world.clock.advance(minutes=1)
        second = await phone.give(await proven(world, phone), "totp", code=app.code())
        assert (step_of(first), step_of(second)) == ("trust_device", "trust_device")
        for each, view in ((laptop, first), (phone, second)):
            assert step_of(await each.give(await each.make(view), "device_name", name="")) == "finished"
        for each in (laptop, phone):
            assert step_of(await each.use(await proven(world, each))) == "finished"


async def test_a_client_without_passkeys_sets_up_nothing_beside_one(world: World) -> None:  # D7, D26
    """Not by password and mailbox: what proves its owner is the passkey, which another client can use."""
    async with device(world) as phone, world.native() as other:
        await demanding(world)
        await set_up_passkey(world, phone)
        account = await world.get_account()
        house = world.house
        await house.database.transact(lambda tx: house.totp.remove(tx, account.id))
        await house.database.transact(lambda tx: house.recovery_code.remove(tx, account.id))
        await ask(world, await found(world, "South Clinic"), PASSKEY_ONLY)
        begun = await other.begin()
        step = (await other.answer(begun, {"answer": "password", "password": PASSWORD})).json()["step"]
        assert (step["step"], step.get("kinds")) == ("prove", ["email_code"]), "which stands in, and sets up nothing"
        clinic = await found(world, "East Clinic")
        await join(world, clinic, account)
        world.clock.advance(minutes=1)
        await ask(world, clinic, PolicyFields(mfa=Mfa.REQUIRED, email_code=False))
        begun = await other.begin()
        step = (await other.answer(begun, {"answer": "password", "password": PASSWORD})).json()["step"]
        assert (step["step"], step["reason"]) == ("refused", "needs_passkeys")


async def test_passkeys_only_is_said_to_a_client_without(world: World) -> None:  # D26
    await demanding(world, PASSKEY_ONLY)
    async with world.native() as client:
        step = (await client.sign_in()).json()["step"]
        assert (step["step"], step["reason"], step["organization"]) == ("refused", "needs_passkeys", "North Clinic")


async def test_an_app_can_be_set_up_after_the_recovery_code_was_kept(world: World) -> None:  # D10, D14
    """One organization has a passkey made and its code kept; another announces the app, which is taken at once."""
    await demanding(world, PASSKEY_ONLY)
    south = await found(world, "South Clinic")
    await join(world, south, await world.get_account())
    waived, apps = EnrolmentProof.PASSWORD, (SecondFactor.TOTP,)
    fields = PolicyFields(mfa=Mfa.REQUIRED, allowed_factors=apps, enrolment_proof=waived)
    await ask(world, south, fields, ahead=timedelta(days=3))
    async with device(world) as phone:
        view = await phone.give(await proven(world, phone), "email_code", code=await mailed_code(world))
        view = await phone.make(view)
        view = await phone.give(view, "recovery_saved", confirmed=True)
        view = await phone.give(view, "device_name", name="")
        assert step_of(view) == "announced"
        view = await phone.give(view, "announcement", now=True)
        assert step_of(view) == "enrol"
        app = Phone(view["setup"]["totp_key"], world.clock)
        view = await phone.give(view, "totp_enrolment", code=app.code())
        assert (step_of(view), failure_of(view)) == ("finished", "")


async def test_who_is_signed_in_joins_where_a_second_factor_is_asked(world: World) -> None:  # D27, D12
    """What is missing is asked for, and can be set up, in the attempt that joins."""
    clinic = await found(world)
    await add_admin(world, clinic)
    async with world.native() as admin, world.browser() as nora:
        await admin.sign_in(ADMIN)
        await invite(admin, clinic, ADDRESS)
        link = await mailed_invitation(world, ADDRESS)
        await ask(world, clinic, PolicyFields(mfa=Mfa.REQUIRED, enrolment_proof=EnrolmentProof.PASSWORD))
        await nora.sign_in()
        page = await joined(nora, await opened(nora, link))
        app = Phone(key_on(await nora.get(f"{page.request.url.path}?view=manual")), world.clock)
        page = await send(nora, page, code=app.code())
        assert recovery_code_on(page)
        await enter(nora, page, confirmed="yes")
    assert await is_member(world, clinic, await world.get_account())


def test_a_renewal_takes_a_second_factor_from_now_to_set_up_another() -> None:  # D12, D22
    """An open session, even one that has proven the app long ago, and the password are not enough."""

    def proof(kind: ProofKind, age: timedelta) -> Proof:
        return Proof(kind=kind, classes=frozenset(ProofClass(each) for each in CLASSES[kind]), at=NOW - age)

    attempt = Attempt(
        id="attempt",
        purpose=Purpose.RENEW,
        client_kind=ClientKind.BROWSER,
        holder_hash=b"",
        account_id="account",
        session_id="session",
        epoch=1,
        proofs=(proof(ProofKind.TOTP, timedelta(days=3)), proof(ProofKind.PASSWORD, timedelta(0))),
        created_at=NOW - timedelta(minutes=1),
        expires_at=NOW + timedelta(minutes=29),
    )
    facts = Facts(
        now=NOW,
        attempt=attempt,
        person=Person(state=AccountState.ACTIVE, epoch=1),
        enrolled=(ProofKind.PASSWORD, ProofKind.TOTP, ProofKind.RECOVERY_CODE),
        enrollable=(ProofKind.TOTP, ProofKind.PASSKEY),
        policy=Policy(
            demands=(Demand(classes=2, kinds=frozenset({ProofKind.PASSKEY}), organization="North Clinic"),),
            mailbox_first=False,
        ),
    )
    step = next_step(facts)
    assert isinstance(step, Prove)
    assert step.kinds == (ProofKind.TOTP, ProofKind.RECOVERY_CODE)
