"""An organization's last owner cannot have their account deleted; the page and the API say which, and what to do."""

from datetime import timedelta

from portico.organizations.model import MemberType, Role
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.world import ADDRESS, PASSWORD, World

TOM = "tom@north-clinic.example"


async def make_owner(world: World, name: str, address: str = ADDRESS) -> str:
    """Somebody owns an organization; its id."""
    changes, members = world.house.organization_changes, world.house.memberships
    organization = await changes.find_by_name(name) or await changes.add(AT_THE_MACHINE, name)
    await members.add(AT_THE_MACHINE, organization.id, await world.get_account(address), MemberType.STAFF, Role.OWNER)
    return organization.id


async def test_the_last_owner_is_told_why_the_account_stays(free_world: World) -> None:  # D19, S43
    await make_owner(free_world, "North Clinic & Sons")
    async with free_world.browser() as browser, free_world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        page = await browser.get("/account/delete")
        told = await browser.follow(await browser.submit(page, "/account/delete", current_password=PASSWORD))
        assert "only owner of North Clinic &amp; Sons who can act" in told.text
        assert "Make another member an owner first" in told.text
        answer = (await client.call("POST", "/account/deletion", {"current_password": PASSWORD})).json()
        assert answer["failure"]["code"] == "my_account.delete.last_owner"
        assert answer["failure"]["params"] == {"organization": "North Clinic & Sons"}
        assert "North Clinic & Sons" in answer["failure"]["text"]
        assert (await free_world.get_account()).delete_at is None
        assert (await browser.get("/account")).status_code == 200, "nothing was ended"


async def test_with_another_owner_the_account_goes_and_leaves(free_world: World) -> None:  # D19, D22
    await free_world.add_person(TOM, PASSWORD, handle="tom")
    organization_id = await make_owner(free_world, "North Clinic")
    await make_owner(free_world, "North Clinic", TOM)
    nora = await free_world.get_account()
    async with free_world.native() as noras, free_world.native() as toms:
        await noras.sign_in()
        await toms.sign_in(TOM)
        asked = await noras.call("POST", "/account/deletion", {"current_password": PASSWORD})
        assert "delete_at" in asked.json()
        refused = await toms.call("POST", "/account/deletion", {"current_password": PASSWORD})
        assert refused.json()["failure"]["code"] == "my_account.delete.last_owner", "Nora is as good as gone"
        again = await noras.call("POST", "/account/deletion", {"current_password": PASSWORD})
        assert "failure" not in again.json(), "asking again changes nothing"
        free_world.clock.at += timedelta(days=14, seconds=1)
        await free_world.house.runner.run_all_once()
    house = free_world.house
    assert await house.accounts.find_account(house.database, nora.id) is None
    assert await house.organizations.list_memberships(house.database, nora.id) == []
    assert (await house.memberships.get(organization_id, (await free_world.get_account(TOM)).id)).handle == "tom"
