"""What is set up while "This was not me" bars changes: what is demanded, which lifts and vouches for nothing (D22)."""

from datetime import timedelta

from portico.factors.methods import list_methods
from portico.organizations.policy import Mfa, PolicyFields
from tests.support.authenticators import Phone, demanding
from tests.support.organizations import ask, found, join
from tests.support.passkeys import Device, View, device, proven, set_up_app, step_of
from tests.support.safety import kinds_of_events, not_me_token
from tests.support.world import PASSWORD, World

REQUIRED = PolicyFields(mfa=Mfa.REQUIRED)
LOST = {"current_password": PASSWORD, "new_address": "thea@south.example", "without_mailbox": True}


async def is_frozen(world: World) -> bool:
    """Whether Nora's account is."""
    return (await world.get_account()).is_frozen(world.clock.now())


async def is_mailed(world: World) -> bool:
    """Whether Nora's password is known as one that was set through her mailbox."""
    methods = await list_methods(world.house.database, (await world.get_account()).id)
    return any(method.through_mailbox for method in methods)


async def told_of_a_stranger(world: World) -> str:
    """What the link in the mail about a new device is worth, that Nora has not pressed yet."""
    async with world.native() as nora, world.native() as stranger:
        await nora.sign_in()
        await stranger.sign_in()
    return await not_me_token(world)


async def come_back(world: World, thief: Device, app: Phone) -> View:
    """Sign in once more, with the app."""
    view = await thief.give(await proven(world, thief), "totp", code=app.wait())
    if step_of(view) == "trust_device":
        view = await thief.give(view, "trust", never=False)
    assert step_of(view) == "finished", view
    thief.native.keep(view["tokens"])
    return view


async def test_a_factor_set_up_while_frozen_neither_lifts_nor_vouches(world: World) -> None:  # D10, D22
    token = await told_of_a_stranger(world)
    clinic = await found(world)
    await join(world, clinic, await world.get_account())
    await world.house.security.say_not_me(token, "en")
    world.clock.advance(minutes=1)
    async with world.native() as thief:
        link = (await world.reset_link()).rpartition("/")[2]
        body = {"token": link, "new_password": PASSWORD}
        assert (await thief.call("POST", "/password-reset", body)).json()["is_done"]
    await ask(world, clinic, REQUIRED, ahead=timedelta(days=7))
    async with device(world) as thief:
        assert step_of(await proven(world, thief)) == "finished", "nothing is set up ahead"
        await ask(world, clinic, REQUIRED)
        view, app = await set_up_app(world, thief)
        assert step_of(view) == "finished", "what is demanded is, and nobody is kept out; no device is trusted"
        await come_back(world, thief, app)
        assert await is_frozen(world)
        assert await is_mailed(world), "and nobody has vouched for the password that was set by mail"
        changed = (await thief.native.call("POST", "/account/address-change", LOST)).json()
        assert [each["code"] for each in changed["failures"]] == ["my_account.address.frozen"]

        world.clock.advance(minutes=1)
        async with device(world) as another:
            await come_back(world, another, app)
        await world.house.security.say_not_me(await not_me_token(world, about="New sign-in"), "en")
        await come_back(world, thief, app)
        assert await is_frozen(world), "what one freeze put in doubt is no surer under the next"
        world.clock.advance(hours=72)
        await come_back(world, thief, app)
        changed = (await thief.native.call("POST", "/account/address-change", LOST)).json()
        assert [each["code"] for each in changed["failures"]] == ["my_account.address.needs_administrator"]
    assert "account.freeze_lifted" not in await kinds_of_events(world, (await world.get_account()).id)


async def test_what_the_mail_told_of_lifts_nothing_and_what_was_there_before_does(world: World) -> None:  # D22
    account = await world.get_account()
    await demanding(world)
    async with device(world) as thief, device(world) as nora:
        _, app = await set_up_app(world, thief)
        await world.house.security.say_not_me(await not_me_token(world, about="app"), "en")
        await come_back(world, thief, app)
        assert await is_frozen(world), "the app is what the mail was about"

        await world.house.database.transact(
            lambda tx: world.house.protection.lift_freeze(tx, world.clock.now(), account.id)
        )
        await come_back(world, nora, app)
        world.clock.advance(minutes=1)
        await world.house.database.transact(lambda tx: world.house.protection.freeze(tx, world.clock.now(), account.id))
        await come_back(world, nora, app)
        assert not await is_frozen(world), "this one was there before"
