"""Organizations as operators and owners change them: by the version they saw, told to everybody (S44, S84, D27)."""

import asyncio
from typing import Any

import pytest

from portico.audit.model import EventKind
from portico.database.deployment import POLICY_REVISION, find_number
from portico.database.engine import Database
from portico.kernel.errors import BadInput, Conflict, NotAllowed, NotFound
from portico.organizations.faults import NameTaken, OrganizationSuspended
from portico.organizations.model import Feature, OrganizationState, Role
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.acting import actor
from tests.support.clinics import Clinics

ENFORCEMENT = Feature.PASSWORD_ENFORCEMENT


@pytest.fixture
def clinics(database: Database) -> Clinics:
    """Organizations in a fresh database."""
    return Clinics(database)


async def test_operators_found_organizations_and_nobody_else_does(clinics: Clinics) -> None:  # D27
    operator, nora = await clinics.person("Olga", is_operator=True), await clinics.person("Nora")
    made = await clinics.changes.add(actor(operator.id), "  North\u00a0Clinic ")
    assert (made.name, made.version, made.features) == ("North Clinic", 1, frozenset())
    assert await clinics.changes.get(made.id) == made
    assert await clinics.changes.find_by_name("NORTH clinic") == made
    assert await clinics.kinds(made) == [EventKind.ORGANIZATION_CREATED]
    with pytest.raises(NotAllowed):
        await clinics.changes.add(actor(nora.id), "South Clinic")
    for name in ("north clinic", "ＮＯＲＴＨ Clinic"):  # noqa: RUF001 - full-width letters are the point
        with pytest.raises(NameTaken):
            await clinics.changes.add(AT_THE_MACHINE, name)
    for name in ("", " ", "\u200b", "x" * 101):
        with pytest.raises(BadInput):
            await clinics.changes.add(AT_THE_MACHINE, name)


async def test_owners_rename_and_admins_do_not(clinics: Clinics) -> None:
    north, south = await clinics.open(), await clinics.open("South Clinic")
    _, owner = await clinics.member(north, "Nora", Role.OWNER)
    _, admin = await clinics.member(north, "Ada", Role.ADMIN)
    _, stranger = await clinics.member(south, "Mallory", Role.OWNER)
    renamed = await clinics.changes.rename(owner, north.id, 1, "North Harbour Clinic")
    assert (renamed.name, renamed.version) == ("North Harbour Clinic", 2)
    assert (await clinics.changes.rename(owner, north.id, 2, "NORTH harbour clinic")).version == 3
    with pytest.raises(NameTaken):
        await clinics.changes.rename(owner, north.id, 3, "south clinic")
    with pytest.raises(NotAllowed):
        await clinics.changes.rename(admin, north.id, 3, "Mine")
    with pytest.raises(NotFound):
        await clinics.changes.rename(stranger, north.id, 3, "Mine")
    with pytest.raises(Conflict):
        await clinics.changes.rename(owner, north.id, 2, "Too late")
    assert (await clinics.changes.get(north.id)).name == "NORTH harbour clinic"


@pytest.mark.parametrize("wrong", ["", "north", "01900000-0000-7000-8000-000000000000", "x" * 4_000, "\0"])
async def test_ids_that_are_none_find_nothing(clinics: Clinics, wrong: str) -> None:
    for work in (
        clinics.changes.get(wrong),
        clinics.changes.rename(AT_THE_MACHINE, wrong, 1, "North"),
        clinics.changes.set_state(AT_THE_MACHINE, wrong, 1, OrganizationState.SUSPENDED),
        clinics.changes.set_feature(AT_THE_MACHINE, wrong, 1, ENFORCEMENT, is_on=True),
    ):
        with pytest.raises(NotFound):
            await work


async def test_features_are_switched_by_operators_and_everybody_is_told(clinics: Clinics) -> None:  # S44, S84, D27
    north = await clinics.open()
    _, owner = await clinics.member(north, "Nora", Role.OWNER)
    before = await find_number(clinics.database, POLICY_REVISION)
    on = await clinics.changes.set_feature(AT_THE_MACHINE, north.id, 1, ENFORCEMENT, is_on=True)
    assert (on.features, on.version) == (frozenset({ENFORCEMENT}), 2)
    assert await find_number(clinics.database, POLICY_REVISION) > before
    with pytest.raises(NotAllowed):
        await clinics.changes.set_feature(owner, north.id, 2, ENFORCEMENT, is_on=False)
    for version, is_on in ((2, True), (1, False)):
        with pytest.raises(Conflict):
            await clinics.changes.set_feature(AT_THE_MACHINE, north.id, version, ENFORCEMENT, is_on=is_on)
    off = await clinics.changes.set_feature(AT_THE_MACHINE, north.id, 2, ENFORCEMENT, is_on=False)
    assert off.features == frozenset()
    assert (await clinics.kinds(north))[-2:] == [EventKind.FEATURES_CHANGED] * 2


async def test_a_suspended_organization_can_change_nothing_and_operators_can(clinics: Clinics) -> None:
    north = await clinics.open()
    _, owner = await clinics.member(north, "Nora", Role.OWNER)
    mia, _ = await clinics.member(north, "Mia")
    suspended = await clinics.changes.set_state(AT_THE_MACHINE, north.id, 1, OrganizationState.SUSPENDED)
    assert suspended.version == 2
    with pytest.raises(Conflict):
        await clinics.changes.set_state(AT_THE_MACHINE, north.id, 2, OrganizationState.SUSPENDED)
    members = clinics.memberships
    for work in (
        clinics.changes.rename(owner, north.id, 2, "Other"),
        members.change(owner, north.id, mia.id, 1, role=Role.ADMIN),
        members.suspend(owner, north.id, mia.id),
        members.resume(owner, north.id, mia.id),
        members.remove(owner, north.id, mia.id),
    ):
        with pytest.raises(OrganizationSuspended):
            await work
    with pytest.raises(NotAllowed):
        await clinics.changes.set_state(owner, north.id, 2, OrganizationState.ACTIVE)
    assert (await members.suspend(AT_THE_MACHINE, north.id, mia.id)).membership.version == 2
    await members.leave(actor(mia.id), north.id)
    await clinics.changes.set_state(AT_THE_MACHINE, north.id, 2, OrganizationState.ACTIVE)
    assert (await clinics.changes.rename(owner, north.id, 3, "Other")).name == "Other"


async def test_of_many_who_change_one_version_one_succeeds(clinics: Clinics, race_width: int) -> None:
    north = await clinics.open()
    done: list[Any] = await asyncio.gather(
        *(clinics.changes.rename(AT_THE_MACHINE, north.id, 1, f"Clinic {number}") for number in range(race_width)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in done) == race_width - 1
    assert (await clinics.changes.get(north.id)).version == 2


async def test_of_many_who_take_one_name_one_gets_it(clinics: Clinics, race_width: int) -> None:
    clinics_made = [await clinics.open(f"Clinic {number}") for number in range(10)]
    done: list[Any] = await asyncio.gather(
        *(clinics.changes.rename(AT_THE_MACHINE, each.id, 1, "The Clinic") for each in clinics_made),
        *(clinics.changes.add(AT_THE_MACHINE, "the clinic") for _ in range(race_width)),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, BaseException) for each in done) == 1
    assert all(isinstance(each, Conflict) for each in done if isinstance(each, BaseException)), done


async def test_organizations_are_listed_searched_and_counted(clinics: Clinics) -> None:
    made = [await clinics.open(f"{name} Clinic") for name in ("Alpha", "Beta", "Ärztehaus", "100%", "100x")]
    await clinics.member(made[0], "Nora", Role.OWNER)
    mia, _ = await clinics.member(made[0], "Mia")
    await clinics.memberships.suspend(AT_THE_MACHINE, made[0].id, mia.id)
    rows = await clinics.changes.list_page()
    assert [row.organization for row in rows] == made
    assert (rows[0].members, rows[0].owners) == (1, 1)
    assert [row.organization for row in await clinics.changes.list_page(limit=2)] == made[:2]
    assert [row.organization for row in await clinics.changes.list_page(after=made[1].id)] == made[2:]
    for typed, found in (("alpha c", made[:1]), ("ärzte", made[2:3]), ("ÄRZTE", made[2:3]), ("100%", made[3:4])):
        assert [row.organization for row in await clinics.changes.list_page(search=typed)] == found, typed
    assert await clinics.changes.list_page(search="linic") == []
