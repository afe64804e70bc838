"""A new password is asked what its owner's organizations ask, at every door, and every door says who asks (D2, D9)."""

import asyncio
from datetime import timedelta

import pytest

from portico.kernel.normalise import address_key
from portico.organizations.model import Feature, Organization
from portico.organizations.policy import PolicyFields
from tests.support.hashers import WatchedHasher, watched
from tests.support.invitations import ADMIN, INVITEE, add_admin, invite, mailed_invitation
from tests.support.new_passwords import DOORS, INVITED_DOORS, PRIYA, Chooser, PageChooser
from tests.support.organizations import NORTH, SOUTH, ask, forget, found, join
from tests.support.sign_ups import create
from tests.support.world import ADDRESS, LIFTED, MakeWorld, World

GOOD, LONG = "Silver-Orchard-63", "Silver-Orchard-63 by the Harbour"
"""Enough for the deployment, and enough for those who ask for 25 characters."""
TWENTY_FIVE = PolicyFields(min_length=25)
ALL_DOORS = {**DOORS, **INVITED_DOORS}
doors = pytest.mark.parametrize("door", ALL_DOORS)


async def gather_in(world: World, *organizations: Organization) -> None:
    """Make members of whoever of the two is there."""
    for address in (ADDRESS, PRIYA):
        account = await world.house.accounts.find_by_key(world.house.database, address_key(address) or "")
        for organization in organizations if account is not None else ():
            if organization.id not in (account.memberships if account else ""):
                assert account is not None
                await join(world, organization, account)


@doors
async def test_every_door_asks_what_the_organization_asks(free_world: World, door: str) -> None:  # D2, D9
    clinic = await found(free_world)
    await ask(free_world, clinic, TWENTY_FIVE)
    async with ALL_DOORS[door](free_world) as chooser:
        await gather_in(free_world, clinic)
        assert await chooser.choose(GOOD) == "password.unmet"
        assert await chooser.choose(LONG) == ""


@doors
async def test_what_is_asked_while_a_password_is_hashed_counts_and_nothing_is_lost(  # D9
    make_world: MakeWorld, door: str
) -> None:
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world:
        clinic = await found(world)
        async with ALL_DOORS[door](world) as chooser:
            await gather_in(world, clinic)
            assert await choose_meanwhile(world, chooser, clinic) == "password.unmet_now"
            assert await chooser.choose(GOOD) == "password.unmet"
            assert await chooser.choose(LONG) == ""


async def choose_meanwhile(world: World, chooser: Chooser, clinic: Organization) -> str:
    """Send a good password; as soon as it is hashed, and before it is stored, the clinic asks for a longer one."""
    hasher = watched(world)
    made = hasher.made
    hasher.hold()
    choosing = asyncio.create_task(chooser.choose(GOOD))
    while hasher.made == made:  # what comes before it only compares hashes
        await hasher.wait_until_held()
        if hasher.made == made:
            hasher.release()
            hasher.hold()
            await asyncio.sleep(0)
    await hasher.wait_until_held()
    await ask(world, clinic, TWENTY_FIVE)
    hasher.release()
    return await choosing


async def test_nothing_is_lost_that_was_typed_when_a_policy_is_tightened_meanwhile(make_world: MakeWorld) -> None:  # D9
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world:
        clinic = await found(world)
        async with INVITED_DOORS["invitation page"](world) as chooser:
            assert isinstance(chooser, PageChooser)
            assert await choose_meanwhile(world, chooser, clinic) == "password.unmet_now"
            assert 'value="Ida"' in chooser.page.text
            assert 'value="Holm"' in chooser.page.text
        assert await world.house.accounts.find_by_identifier(world.house.database, INVITEE) is None


async def test_pages_and_api_say_who_asks(free_world: World) -> None:  # D9
    north, south = await found(free_world), await found(free_world, SOUTH)
    await ask(free_world, north, TWENTY_FIVE)
    await ask(free_world, south, PolicyFields(min_length=12, composition=True))
    await gather_in(free_world, north, south)
    said = f"{NORTH} asks for at least 25 characters."
    async with free_world.browser() as browser, free_world.native() as client:
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        link = await free_world.reset_link()
        pages = [await browser.follow(await browser.get(link))]
        looked = await client.call("POST", "/password-reset/link", {"token": link.rpartition("/")[2]})
        await browser.sign_in()
        pages.append(await browser.get("/account/password"))
        for page in pages:
            assert said in page.text
            assert 'data-criterion="length" data-count="25"' in page.text
            assert SOUTH not in page.text, "what it asks is asked by the deployment or surpassed by others"
        await client.sign_in()
        mine = await client.call("GET", "/password-criteria")
        for told in (looked.json()["criteria"], mine.json()):
            assert told["criteria"][0]["count"] == 25
            assert told["asked"] == [{"organization": NORTH, "text": said}]


async def test_whoever_asks_for_kinds_of_characters_is_named(make_world: MakeWorld) -> None:  # D2, D9
    async with make_world(limits=LIFTED, password_composition="no", password_min_length="15") as world:
        clinic = await found(world)
        await ask(world, clinic, PolicyFields(composition=True, min_length=10))
        await gather_in(world, clinic)
        async with world.browser() as browser:
            await browser.sign_in()
            page = (await browser.get("/account/password")).text
            assert f"{NORTH} asks for a capital letter, a small letter, a digit and another character." in page
            assert 'data-criterion="length" data-count="15"' in page
            assert f"{NORTH} asks for at least" not in page


async def test_whoever_does_now_what_is_announced_does_it_as_it_will_be_asked(free_world: World) -> None:  # D10
    clinic = await found(free_world)
    await gather_in(free_world, clinic)
    free_world.clock.advance(minutes=1)
    await ask(free_world, clinic, PolicyFields(min_length=25, force_change=True), ahead=timedelta(days=14))
    async with free_world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        path = page.request.url.path
        page = await browser.follow(await browser.submit(page, path, now="yes"))
        assert f"{NORTH} asks for at least 25 characters from" in page.text
        page = await browser.follow(await browser.submit(page, path, **twice(GOOD)))
        assert "This password is not enough yet" in page.text
        done = await browser.submit(page, path, **twice(LONG))
        assert done.headers["location"] == "/account"


async def test_who_is_invited_is_asked_what_is_asked_there(make_world: MakeWorld) -> None:  # D9, D27
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world, world.browser() as ida:
        clinic = await found(world)
        await add_admin(world, clinic)
        async with world.native() as client:
            await client.sign_in(ADMIN)
            await invite(client, clinic)
        await ask(world, clinic, PolicyFields(min_length=18))
        page = await ida.follow(await ida.get(await mailed_invitation(world)))
        form = await ida.follow(await ida.submit(page, "/invitation"))
        assert f"{NORTH} asks for at least 18 characters." in form.text
        form = await ida.follow(await create(ida, form, **twice(GOOD)))
        assert "This password is not enough yet" in form.text

        hasher = watched(world)
        hasher.hold()
        creating = asyncio.create_task(create(ida, form, **twice("Silver-Orchard-6377")))
        await hasher.wait_until_held()
        await ask(world, clinic, TWENTY_FIVE)
        hasher.release()
        form = await ida.follow(await creating)
        assert "has just changed" in form.text
        assert await world.house.accounts.find_by_identifier(world.house.database, INVITEE) is None
        done = await ida.follow(await create(ida, form, **twice(LONG)))
        assert f"You belong to {NORTH} now" in done.text


def twice(password: str) -> dict[str, str]:
    """The fields of a new password."""
    return {"new_password": password, "repeat_password": password}


async def test_strangers_are_told_what_the_deployment_asks(free_world: World) -> None:  # D2
    clinic = await found(free_world)
    await ask(free_world, clinic, TWENTY_FIVE)
    async with free_world.native() as client:
        told = (await client.call("GET", "/password-criteria")).json()
        assert (told["criteria"][0]["count"], told["asked"]) == (8, [])


async def test_a_feature_switched_off_asks_nothing_of_passwords(free_world: World) -> None:  # D27
    clinic = await found(free_world, features=frozenset({Feature.MFA}))
    await ask(free_world, clinic, TWENTY_FIVE)
    await gather_in(free_world, clinic)
    async with DOORS["my account page"](free_world) as chooser:
        assert await chooser.choose(GOOD) == ""


async def test_a_policy_tightened_while_somebody_is_on_the_page_is_told_there(free_world: World) -> None:  # D9
    clinic = await found(free_world)
    await gather_in(free_world, clinic)
    async with DOORS["reset page"](free_world) as chooser:
        await ask(free_world, clinic, TWENTY_FIVE)
        forget(free_world)
        assert await chooser.choose(GOOD) == "password.unmet"
        assert await chooser.choose(LONG) == ""
