"""My Account shows what each organization asks, since when, and what it comes to."""

import re
from datetime import timedelta

from portico.organizations.model import MemberType, Role
from portico.organizations.policy import Mfa, PolicyFields, Preset, preset_fields
from tests.support.organizations import NORTH, SOUTH, ask, found, join
from tests.support.world import World

THIRTY = PolicyFields(max_age_days=30, min_length=12)


async def test_each_organization_says_what_it_asks_and_since_when(world: World) -> None:  # D9, D10
    north, south = await found(world), await found(world, SOUTH)
    nora = await world.get_account()
    await join(world, north, nora)
    world.clock.advance(minutes=1)
    await join(world, south, nora)
    await ask(world, north, preset_fields(Preset.CLASSIC))
    world.clock.advance(days=1)
    await ask(world, south, THIRTY)
    async with world.browser() as browser, world.native() as client:
        await browser.sign_in()
        page = re.sub(r"<[^>]+>", "", (await browser.get("/account/organizations")).text)
        for said in (
            NORTH,
            SOUTH,
            "Asked since 4 May 2026, 9:01",
            "Asked since 5 May 2026, 9:01",
            "The password is changed every 60 days.",
            "The password is changed every 30 days.",
            "Your last 6 passwords cannot be used again.",
            "A new password has at least 12 characters.",
            "What it comes to",
        ):
            assert said in page, said
        await client.sign_in()
        told = (await client.call("GET", "/account/organizations")).json()
    assert [one["name"] for one in told["organizations"]] == [NORTH, SOUTH]
    assert told["organizations"][1]["asks"]["since"] == "2026-05-05T09:01:00Z"
    whose = {one["asked"]["code"]: (one["asked"]["params"], one["organizations"]) for one in told["in_the_end"]}
    assert whose["policy.asks.max_age_days"] == ({"count": 30}, [SOUTH])
    assert whose["policy.asks.history"] == ({"count": 6}, [NORTH])
    assert whose["policy.asks.min_length"] == ({"count": 12}, [SOUTH])


async def test_what_is_announced_stands_beside_what_is_asked(world: World) -> None:  # D10
    north = await found(world)
    await join(world, north, await world.get_account())
    await ask(world, north, preset_fields(Preset.CLASSIC))
    await ask(world, north, THIRTY, ahead=timedelta(days=14))
    async with world.native() as client:
        await client.sign_in()
        (own,) = (await client.call("GET", "/account/organizations")).json()["organizations"]
    assert own["announced"]["since"] == own["dropped"]["since"] == "2026-05-18T09:00:00Z"
    assert {one["code"] for one in own["announced"]["sentences"]} == {
        "policy.asks.max_age_days",
        "policy.asks.min_length",
    }
    assert "policy.asks.composition" in {one["code"] for one in own["dropped"]["sentences"]}


async def test_what_a_feature_does_not_allow_is_not_asked(world: World) -> None:  # S44, S84, D27
    north = await found(world, features=frozenset())
    await join(world, north, await world.get_account())
    await ask(world, north, preset_fields(Preset.STRICT, mfa=Mfa.REQUIRED))
    async with world.browser() as browser:
        await browser.sign_in()
        page = (await browser.get("/account/organizations")).text
    assert "second proof" not in page
    assert "The password is changed" not in page
    assert "You stay signed in for 24 hours at most." in page


async def test_policies_are_for_one_type_of_member(world: World) -> None:  # S85, S102
    north = await found(world)
    await join(world, north, await world.get_account(), MemberType.PATIENT)
    await ask(world, north, THIRTY, member_type=MemberType.PROVIDER)
    world.clock.advance(days=31)
    async with world.browser() as browser:
        assert (await browser.sign_in()).headers["location"] == "/account"
        page = (await browser.get("/account/organizations")).text
    assert "Asks nothing beyond what holds for everybody." in page
    assert "What it comes to" not in page


async def test_who_belongs_nowhere_is_told_so(world: World) -> None:  # S81
    async with world.browser() as browser:
        await browser.sign_in()
        overview = await browser.get("/account")
        assert "/account/organizations" in overview.text
        assert "You belong to no organization." in (await browser.get("/account/organizations")).text


async def test_one_leaves_an_organization(world: World) -> None:
    north = await found(world)
    nora = await world.get_account()
    await join(world, north, nora)
    await ask(world, north, THIRTY)
    async with world.browser() as browser:
        await browser.sign_in()
        path = f"/account/organizations/{north.id}/leave"
        page = await browser.get(path)
        assert f"Leave {NORTH}?" in page.text
        left = await browser.follow(await browser.submit(page, path))
        assert f"You have left {NORTH}." in left.text
        assert "You belong to no organization." in left.text
        assert (await browser.get(path)).status_code == 404
        assert (await browser.get("/account")).status_code == 200
    assert (await world.get_account()).memberships == ""


async def test_the_last_owner_cannot_leave_and_is_told_what_to_do(world: World) -> None:
    north = await found(world)
    await join(world, north, await world.get_account(), role=Role.OWNER)
    async with world.browser() as browser:
        await browser.sign_in()
        path = f"/account/organizations/{north.id}/leave"
        told = await browser.follow(await browser.submit(await browser.get(path), path))
        assert f"Nobody else could act as the owner of {NORTH}." in told.text
    assert (await world.get_account()).memberships != ""
