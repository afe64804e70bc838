"""Admins make support and members, by whatever door; admins and owners are made and unmade by owners (D19, D27)."""

from portico.organizations.model import Role
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.organizations import found, join
from tests.support.world import Native, World

ADA, BO, MIA = (f"{name}@north-clinic.example" for name in ("ada", "bo", "mia"))


async def answers(world: World, client: Native, organization_id: str) -> list[int]:
    """What becomes of making Mia an admin, by invitation and by changing her; and of unmaking Bo, in every way."""
    place = f"/organizations/{organization_id}"
    mia, bo = [f"{place}/members/{(await world.get_account(address)).id}" for address in (MIA, BO)]
    invited = {"address": "ida@south-clinic.example", "member_type": "staff", "role": "admin"}
    calls: list[tuple[str, str, object]] = [
        ("POST", f"{place}/invitations", invited),
        ("PATCH", mia, {"version": 1, "role": "admin"}),
        ("PATCH", bo, {"version": 1, "role": "support"}),
        ("PATCH", bo, {"version": 1, "member_type": "guest"}),
        ("POST", f"{bo}/suspend", None),
        ("DELETE", bo, None),
    ]
    told = [await client.call(method, path, body) for method, path, body in calls]
    assert all(answer.json()["code"] in {"owners_only", "not_allowed"} for answer in told if answer.status_code == 403)
    return [answer.status_code for answer in told]


async def test_an_admin_makes_and_unmakes_no_admin_by_any_door(free_world: World) -> None:  # D19, D27
    clinic = await found(free_world)
    await join(free_world, clinic, await free_world.get_account(), role=Role.OWNER)
    for address, role in ((ADA, Role.ADMIN), (BO, Role.ADMIN), (MIA, Role.MEMBER)):
        await join(free_world, clinic, await free_world.add_person(address), role=role)
    async with free_world.native() as ada, free_world.native() as nora:
        await ada.sign_in(ADA)
        assert await answers(free_world, ada, clinic.id) == [403] * 6
        mia = await free_world.get_account(MIA)
        place = f"/organizations/{clinic.id}/members/{mia.id}"
        raised = await ada.call("PATCH", place, {"version": 1, "role": "support"})
        assert raised.json()["role"] == "support"
        lowered = await ada.call("PATCH", place, {"version": 2, "role": "member"})
        assert lowered.json()["role"] == "member"
        await free_world.house.memberships.remove(AT_THE_MACHINE, clinic.id, mia.id)
        await join(free_world, clinic, mia)
        await nora.sign_in()
        assert await answers(free_world, nora, clinic.id) == [201, 200, 200, 409, 200, 204]
