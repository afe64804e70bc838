"""Organizations and members through the JSON API: what operators, owners, admins and support are told (S44, D27)."""

from typing import Any

import httpx
import pytest

from portico.organizations.model import MemberType, Role
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.world import ADDRESS, PASSWORD, Native, World

OLGA, ADA, MIA = (f"{name}@north-clinic.example" for name in ("olga", "ada", "mia"))
OPERATOR = "/operator/organizations"


async def operator(world: World, client: Native) -> None:
    """Olga runs the deployment, and signs in."""
    await world.add_person(OLGA, PASSWORD, handle="olga", first_name="Olga", is_operator=True)
    await client.sign_in(OLGA)


async def add(world: World, organization_id: str, address: str, role: Role, first_name: str = "Mia") -> str:
    """Somebody new in an organization; their account's id."""
    if await world.house.accounts.find_by_identifier(world.house.database, address) is None:
        await world.add_person(address, PASSWORD, handle=address.partition("@")[0], first_name=first_name)
    account = await world.get_account(address)
    await world.house.memberships.add(AT_THE_MACHINE, organization_id, account, MemberType.STAFF, role)
    return account.id


def problem(answer: httpx.Response) -> tuple[int, str]:
    """A refusal: its status and its code."""
    return answer.status_code, answer.json()["code"]


async def test_an_operator_founds_an_organization_and_names_its_owner(free_world: World) -> None:  # S44, S84, D27
    async with free_world.native() as olga, free_world.native() as nora:
        await operator(free_world, olga)
        made = await olga.call("POST", OPERATOR, {"name": " North  Clinic"})
        assert made.status_code == 201
        organization = made.json()
        assert organization == {
            "id": organization["id"], "name": "North Clinic", "state": "active", "features": [], "version": 1,
            "created_at": "2026-05-04T09:00:00Z",
        }  # fmt: skip
        place = f"{OPERATOR}/{organization['id']}"
        assert problem(await olga.call("POST", OPERATOR, {"name": "north clinic"})) == (409, "organization_name_taken")
        named = await olga.call("POST", f"{place}/owners", {"account": "NORA", "member_type": "provider"})
        assert (named.json()["role"], named.json()["member_type"], named.json()["address"]) == (
            "owner", "provider", ADDRESS,
        )  # fmt: skip
        assert problem(await olga.call("POST", f"{place}/owners", {"account": "nobody"})) == (404, "not_found")
        switched = await olga.call(
            "POST", f"{place}/features", {"feature": "password_enforcement", "is_on": True, "version": 1}
        )
        assert (switched.json()["features"], switched.json()["version"]) == (["password_enforcement"], 2)
        late = await olga.call("POST", f"{place}/suspend", {"version": 1})
        assert problem(late) == (409, "conflict")
        listed = (await olga.call("GET", f"{OPERATOR}?search=north")).json()
        assert listed["after"] is None
        assert [(each["name"], each["members"], each["owners"]) for each in listed["organizations"]] == [
            ("North Clinic", 1, 1)
        ]
        await nora.sign_in()
        shown = (await nora.call("GET", f"/organizations/{organization['id']}")).json()
        assert shown == switched.json()
        assert problem(await nora.call("POST", f"{place}/suspend", {"version": 2})) == (403, "not_allowed")


async def test_operators_switch_mfa_on_upon_request(free_world: World) -> None:  # S44, D27
    async with free_world.native() as olga:
        await operator(free_world, olga)
        organization = (await olga.call("POST", OPERATOR, {"name": "North Clinic"})).json()
        body = {"feature": "mfa", "is_on": True, "version": 1}
        switched = await olga.call("POST", f"{OPERATOR}/{organization['id']}/features", body)
        assert (switched.status_code, switched.json()["features"]) == (200, ["mfa"])


async def test_admins_change_members_and_are_told_what_is_not_theirs(free_world: World) -> None:  # D19, D27, S102
    organization = await free_world.house.organization_changes.add(AT_THE_MACHINE, "North Clinic")
    place = f"/organizations/{organization.id}"
    nora_id = await add(free_world, organization.id, ADDRESS, Role.OWNER)
    await add(free_world, organization.id, ADA, Role.ADMIN, "Ada")
    mia_id = await add(free_world, organization.id, MIA, Role.MEMBER)
    mia = f"{place}/members/{mia_id}"
    async with free_world.native() as ada, free_world.native() as nora, free_world.native() as mias:
        await ada.sign_in(ADA)
        await nora.sign_in()
        await mias.sign_in(MIA)
        told = (await ada.call("GET", f"{place}/members?search=mi")).json()["members"]
        assert [each["account_id"] for each in told] == [mia_id]
        assert set(told[0]) == {
            "account_id", "address", "handle", "first_name", "last_name", "account_state", "member_type", "role",
            "state", "version", "joined_at", "changed_at",
        }  # fmt: skip
        changed = await ada.call("PATCH", mia, {"version": 1, "member_type": "patient", "role": "support"})
        assert (changed.json()["member_type"], changed.json()["role"], changed.json()["version"]) == (
            "patient", "support", 2,
        )  # fmt: skip
        assert problem(await nora.call("PATCH", mia, {"version": 1, "role": "admin"})) == (409, "conflict")
        assert problem(await ada.call("PATCH", mia, {"version": 2, "role": "owner"})) == (403, "owners_only")
        assert problem(await ada.call("DELETE", f"{place}/members/{nora_id}")) == (403, "owners_only")
        assert problem(await nora.call("POST", f"{place}/leave")) == (409, "last_owner")
        last = await nora.call("POST", f"{place}/members/{nora_id}/suspend")
        assert problem(last) == (409, "last_owner")
        assert last.json()["detail"].startswith("Nobody else could act as its owner")
        assert (await mias.call("GET", f"{place}/members")).status_code == 200, "support sees the members"
        assert problem(await mias.call("DELETE", mia)) == (403, "not_allowed")
        assert (await ada.call("POST", f"{mia}/suspend")).json()["state"] == "suspended"
        assert problem(await mias.call("GET", f"{place}/members")) == (404, "not_found")
        assert (await ada.call("POST", f"{mia}/resume")).json()["state"] == "active"
        assert (await mias.call("POST", f"{place}/leave")).status_code == 204
        assert problem(await ada.call("GET", mia)) == (404, "not_found")
        assert (await mias.call("GET", "/account")).status_code == 200, "the account is theirs"
        renamed = await nora.call("PATCH", place, {"name": "Clinic of the North", "version": 1})
        assert renamed.json()["name"] == "Clinic of the North"


async def test_another_organizations_ids_open_nothing(free_world: World) -> None:  # D19, V8.2.2
    """The owner of one organization with the ids of another in every place of the path."""
    changes = free_world.house.organization_changes
    north, south = [await changes.add(AT_THE_MACHINE, f"{name} Clinic") for name in ("North", "South")]
    mia_id = await add(free_world, north.id, MIA, Role.MEMBER)
    nora_id = await add(free_world, south.id, ADDRESS, Role.OWNER)
    async with free_world.native() as nora:
        await nora.sign_in()
        for organization, account_id in ((north, mia_id), (north, nora_id), (south, mia_id)):
            member = f"/organizations/{organization.id}/members/{account_id}"
            calls: list[tuple[str, str, Any]] = [
                ("GET", member, None), ("PATCH", member, {"version": 1, "role": "admin"}), ("DELETE", member, None),
                ("POST", f"{member}/suspend", None), ("POST", f"{member}/resume", None),
            ]  # fmt: skip
            for method, path, body in calls:
                answer = await nora.call(method, path, body)
                assert problem(answer) == (404, "not_found"), (method, path)
                assert "mia" not in answer.text.lower()


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "role=king",
        "member_type=",
        "state=gone",
        "search=" + "x" * 201,
        "nonsense=1",
        "role=owner&role=owner",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(free_world: World, query: str) -> None:
    organization = await free_world.house.organization_changes.add(AT_THE_MACHINE, "North Clinic")
    await add(free_world, organization.id, ADDRESS, Role.OWNER)
    async with free_world.native() as nora:
        await nora.sign_in()
        answer = await nora.call("GET", f"/organizations/{organization.id}/members?{query}")
        assert problem(answer) == (400, "bad_input")


async def test_members_come_in_pages(free_world: World) -> None:
    organization = await free_world.house.organization_changes.add(AT_THE_MACHINE, "North Clinic")
    await add(free_world, organization.id, ADDRESS, Role.OWNER)
    for number in range(52):
        account = await free_world.add_person(f"m{number}@north-clinic.example", "", handle=f"m{number}.x")
        await free_world.house.memberships.add(
            AT_THE_MACHINE, organization.id, account, MemberType.PATIENT, Role.MEMBER
        )
    async with free_world.native() as nora:
        await nora.sign_in()
        place = f"/organizations/{organization.id}/members"
        first = (await nora.call("GET", place)).json()
        assert len(first["members"]) == 50
        rest = (await nora.call("GET", f"{place}?after={first['after']}")).json()
        assert (len(rest["members"]), rest["after"]) == (3, None)
        ids = [each["account_id"] for each in first["members"] + rest["members"]]
        assert len(set(ids)) == 53
