"""Memberships: who may change whom, the last owner who stays, and the account's own list that equals the rows (D19)."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import pytest

from portico.accounts.model import Account, AccountState
from portico.accounts.protection import Protection
from portico.audit.model import EventKind
from portico.database.engine import Database, Transaction
from portico.kernel.errors import BadInput, Conflict, NotAllowed, NotFound, PorticoError
from portico.organizations.faults import LastOwner, OwnersOnly
from portico.organizations.model import MemberFilter, MembershipState, MemberType, Organization, Role
from portico.organizations.rules import AT_THE_MACHINE, Actor, may_change
from tests.support.acting import actor
from tests.support.clinics import Clinics
from tests.support.fuzz import Dice
from tests.support.rows import NOW

MEMBER, SUPPORT, ADMIN, OWNER = Role


@pytest.fixture
def clinics(database: Database) -> Clinics:
    """Organizations in a fresh database."""
    return Clinics(database)


@pytest.fixture
async def north(clinics: Clinics) -> Organization:
    """The North Clinic, without anybody."""
    return await clinics.open()


def test_only_owners_make_and_unmake_owners_and_admins() -> None:  # D19, D27
    allowed = {(a, b, c) for a in Role for b in Role for c in Role if may_change(a, b, c)}
    below = (MEMBER, SUPPORT)
    assert allowed == {(OWNER, b, c) for b in Role for c in Role} | {(ADMIN, b, c) for b in below for c in below}


async def test_admins_change_members_and_never_owners_or_admins(
    clinics: Clinics, north: Organization
) -> None:  # D27, S102
    nora, owner = await clinics.member(north, "Nora", OWNER)
    await clinics.member(north, "Olaf", OWNER)
    _, admin = await clinics.member(north, "Ada", ADMIN)
    bo, _ = await clinics.member(north, "Bo", ADMIN)
    mia, _ = await clinics.member(north, "Mia")
    members = clinics.memberships
    changed = await members.change(admin, north.id, mia.id, 1, member_type=MemberType.PROVIDER, role=SUPPORT)
    assert (changed.membership.member_type, changed.membership.role) == (MemberType.PROVIDER, SUPPORT)
    assert (await members.change(admin, north.id, mia.id, 2, member_type=MemberType.PATIENT)).membership.role is SUPPORT
    with pytest.raises(BadInput):
        await members.change(admin, north.id, mia.id, 3)
    for work in (
        members.change(admin, north.id, nora.id, 1, role=MEMBER),
        members.change(admin, north.id, nora.id, 1, member_type=MemberType.GUEST),
        members.change(admin, north.id, bo.id, 1, role=MEMBER),
        members.change(admin, north.id, mia.id, 3, role=ADMIN),
        members.change(admin, north.id, mia.id, 3, role=OWNER),
        *(members.suspend(admin, north.id, fellow.id) for fellow in (nora, bo)),
        *(members.resume(admin, north.id, fellow.id) for fellow in (nora, bo)),
        *(members.remove(admin, north.id, fellow.id) for fellow in (nora, bo)),
    ):
        with pytest.raises(OwnersOnly):
            await work
    assert (await members.change(owner, north.id, mia.id, 3, role=OWNER)).membership.role is OWNER
    assert (await members.change(owner, north.id, mia.id, 4, role=SUPPORT)).membership.role is SUPPORT
    await clinics.assert_told(mia)
    assert (await clinics.kinds(north))[-4:] == [EventKind.MEMBER_CHANGED] * 4


@pytest.mark.parametrize("role", [MEMBER, SUPPORT])
async def test_support_and_members_change_nobody(clinics: Clinics, north: Organization, role: Role) -> None:  # D27
    mia, _ = await clinics.member(north, "Mia")
    _, actor = await clinics.member(north, "Sam", role)
    members = clinics.memberships
    for work in changes(clinics, actor, north, mia):
        with pytest.raises(NotAllowed):
            await work
    assert (await members.get(north.id, mia.id)).membership.version == 1


async def test_another_organizations_owner_finds_nobody(clinics: Clinics, north: Organization) -> None:  # D19
    south = await clinics.open("South Clinic")
    mia, _ = await clinics.member(north, "Mia")
    _, mallory = await clinics.member(south, "Mallory", OWNER)
    for organization in (north, south):
        for work in changes(clinics, mallory, organization, mia):
            with pytest.raises(NotFound):
                await work
    await clinics.assert_told(mia)


async def test_a_suspended_admin_changes_nobody(clinics: Clinics, north: Organization) -> None:
    mia, _ = await clinics.member(north, "Mia")
    ada, admin = await clinics.member(north, "Ada", ADMIN)
    await clinics.memberships.suspend(AT_THE_MACHINE, north.id, ada.id)
    for work in changes(clinics, admin, north, mia):
        with pytest.raises(NotFound):
            await work


def changes(clinics: Clinics, actor: Actor, organization: Organization, account: Account) -> list[Awaitable[Any]]:
    """Everything that can be done to a member."""
    members = clinics.memberships
    return [
        members.change(actor, organization.id, account.id, 1, role=ADMIN),
        members.suspend(actor, organization.id, account.id),
        members.resume(actor, organization.id, account.id),
        members.remove(actor, organization.id, account.id),
    ]


async def test_suspended_resumed_removed_and_back(clinics: Clinics, north: Organization) -> None:  # D19
    _, admin = await clinics.member(north, "Ada", ADMIN)
    mia, _ = await clinics.member(north, "Mia")
    members = clinics.memberships
    assert (await members.suspend(admin, north.id, mia.id)).membership.state is MembershipState.SUSPENDED
    found = await clinics.accounts.find_account(clinics.database, mia.id)
    assert found is not None
    assert found.memberships == ""
    with pytest.raises(Conflict):
        await members.suspend(admin, north.id, mia.id)
    await members.resume(admin, north.id, mia.id)
    with pytest.raises(Conflict):
        await members.resume(admin, north.id, mia.id)
    await members.remove(admin, north.id, mia.id)
    with pytest.raises(NotFound):
        await members.remove(admin, north.id, mia.id)
    assert await clinics.rows(mia) == []
    await clinics.assert_told(mia)
    await clinics.join(north, mia)
    with pytest.raises(Conflict):
        await clinics.join(north, mia)
    kinds = [kind for kind in await clinics.kinds(north) if kind is not EventKind.ORGANIZATION_CREATED]
    assert kinds == [
        EventKind.MEMBER_JOINED, EventKind.MEMBER_JOINED, EventKind.MEMBER_SUSPENDED, EventKind.MEMBER_RESUMED,
        EventKind.MEMBER_REMOVED, EventKind.MEMBER_JOINED,
    ]  # fmt: skip


async def test_of_two_admins_who_change_one_member_the_second_is_told(clinics: Clinics, north: Organization) -> None:
    _, ada = await clinics.member(north, "Ada", ADMIN)
    _, bo = await clinics.member(north, "Bo", ADMIN)
    mia, _ = await clinics.member(north, "Mia")
    seen = await clinics.version(north, mia)
    await clinics.memberships.change(ada, north.id, mia.id, seen, role=SUPPORT)
    with pytest.raises(Conflict):
        await clinics.memberships.change(bo, north.id, mia.id, seen, member_type=MemberType.GUEST)
    found = await clinics.memberships.get(north.id, mia.id)
    assert (found.membership.role, found.membership.member_type) == (SUPPORT, MemberType.STAFF)


async def test_of_many_who_change_one_member_at_once_one_succeeds(
    clinics: Clinics, north: Organization, race_width: int
) -> None:
    mia, _ = await clinics.member(north, "Mia")
    work = [
        clinics.memberships.change(AT_THE_MACHINE, north.id, mia.id, 1, role=role)
        for role in (SUPPORT, ADMIN) * (race_width // 2)
    ]
    done = await asyncio.gather(*work, return_exceptions=True)
    assert sum(isinstance(each, Conflict) for each in done) == race_width - 1
    assert (await clinics.memberships.get(north.id, mia.id)).membership.version == 2
    await clinics.assert_told(mia)


async def last_owner_in_every_way(clinics: Clinics, organization: Organization, owner: Account) -> None:
    """Whatever is tried, by the owner and by operators, the last owner stays one."""
    members, themself = clinics.memberships, actor(owner.id)
    version = await clinics.version(organization, owner)
    for work in (
        *(members.change(who, organization.id, owner.id, version, role=ADMIN) for who in (themself, AT_THE_MACHINE)),
        *(members.suspend(who, organization.id, owner.id) for who in (themself, AT_THE_MACHINE)),
        *(members.remove(who, organization.id, owner.id) for who in (themself, AT_THE_MACHINE)),
        members.leave(themself, organization.id),
    ):
        with pytest.raises(LastOwner):
            await work
    assert await clinics.version(organization, owner) == version
    left_alone = await clinics.database.transact(lambda tx: members.find_left_alone(tx, owner.id))
    assert left_alone is not None
    assert left_alone.id == organization.id
    await clinics.assert_told(owner)


async def test_the_last_owner_stays(clinics: Clinics, north: Organization) -> None:  # D19
    nora, themself = await clinics.member(north, "Nora", OWNER)
    olaf, _ = await clinics.member(north, "Olaf", ADMIN)
    await last_owner_in_every_way(clinics, north, nora)
    changed = await clinics.memberships.change(themself, north.id, nora.id, 1, member_type=MemberType.PROVIDER)
    assert changed.membership.role is OWNER, "what an owner is may change"
    await clinics.memberships.change(themself, north.id, olaf.id, 1, role=OWNER)
    assert await clinics.database.transact(lambda tx: clinics.memberships.find_left_alone(tx, nora.id)) is None
    await clinics.memberships.leave(themself, north.id)
    await last_owner_in_every_way(clinics, north, olaf)


@pytest.mark.parametrize("why", ["suspended", "disabled", "deleting", "admin"])
async def test_an_owner_who_cannot_act_is_none(clinics: Clinics, north: Organization, why: str) -> None:  # D19
    nora, _ = await clinics.member(north, "Nora", OWNER)
    olaf, _ = await clinics.member(north, "Olaf", ADMIN if why == "admin" else OWNER)
    now, protection = clinics.clock.now(), Protection(clinics.audit)

    async def body(tx: Transaction) -> None:
        if why == "disabled":
            await clinics.accounts.set_state(tx, now, olaf.id, AccountState.DISABLED)
        elif why == "deleting":
            await protection.plan_deletion(tx, now, olaf)

    await clinics.database.transact(body)
    if why == "suspended":
        await clinics.memberships.suspend(AT_THE_MACHINE, north.id, olaf.id)
    await last_owner_in_every_way(clinics, north, nora)
    mia = await clinics.person("Mia")
    await clinics.memberships.name_owner(AT_THE_MACHINE, north.id, mia)
    await clinics.memberships.remove(AT_THE_MACHINE, north.id, nora.id)
    assert await clinics.rows(nora) == []


async def test_operators_name_owners_whoever_it_is(clinics: Clinics, north: Organization) -> None:  # D19
    members, olga = clinics.memberships, await clinics.person("Olga", is_operator=True)
    operator = actor(olga.id)
    new = await clinics.person("Nora")
    named = await members.name_owner(operator, north.id, new, MemberType.PROVIDER)
    assert (named.membership.role, named.membership.member_type) == (OWNER, MemberType.PROVIDER)
    mia, _ = await clinics.member(north, "Mia")
    await members.suspend(operator, north.id, mia.id)
    again = await members.name_owner(operator, north.id, mia)
    assert (again.membership.role, again.membership.state) == (OWNER, MembershipState.ACTIVE)
    before = await clinics.kinds(north)
    await members.name_owner(operator, north.id, mia)
    assert await clinics.kinds(north) == before, "who is an owner becomes one no more"
    for account in (new, mia):
        await clinics.assert_told(account)
    with pytest.raises(NotAllowed):
        await members.name_owner(actor(mia.id), north.id, await clinics.person("Tom"))
    row = await clinics.database.find_row(
        "SELECT details, actor_id FROM audit_events WHERE kind = 'member.joined' AND subject_id = $1", new.id
    )
    assert row is not None
    assert (row["actor_id"], '"by":"operator"' in row["details"]) == (olga.id, True)


async def test_of_two_owners_who_remove_each_other_one_wins(
    clinics: Clinics, north: Organization, race_rounds: int
) -> None:  # D19
    nora, noras = await clinics.member(north, "Nora", OWNER)
    olaf, olafs = await clinics.member(north, "Olaf", OWNER)
    members = clinics.memberships
    for _ in range(race_rounds):
        done = await asyncio.gather(
            members.remove(noras, north.id, olaf.id), members.remove(olafs, north.id, nora.id), return_exceptions=True
        )
        assert sum(each is None for each in done) == 1, done
        assert await clinics.owners(north) == 1
        for account in (nora, olaf):
            await clinics.assert_told(account)
            await members.name_owner(AT_THE_MACHINE, north.id, account)


async def test_of_fifty_owners_who_all_go_at_once_one_stays(
    clinics: Clinics, north: Organization, race_width: int
) -> None:  # D19
    owners = [await clinics.member(north, f"Owner{number}", OWNER) for number in range(race_width)]
    members = clinics.memberships

    def work(number: int) -> Awaitable[Any]:
        (account, actor), (after, _) = owners[number], owners[(number + 1) % race_width]
        match number % 4:
            case 0:
                return members.leave(actor, north.id)
            case 1:
                return members.remove(actor, north.id, after.id)
            case 2:
                return members.suspend(actor, north.id, after.id)
            case _:
                return members.change(actor, north.id, account.id, 1, role=MEMBER)

    done = await asyncio.gather(*(work(number) for number in range(race_width)), return_exceptions=True)
    assert await clinics.owners(north) >= 1
    assert all(isinstance(each, PorticoError) for each in done if isinstance(each, BaseException)), done
    for account, themself in owners:
        with_error = await asyncio.gather(members.leave(themself, north.id), return_exceptions=True)
        assert with_error[0] is None or isinstance(with_error[0], LastOwner | NotFound)
        await clinics.assert_told(account)
    assert await clinics.owners(north) == 1


async def test_of_owners_who_all_ask_for_their_end_one_stays(
    clinics: Clinics, north: Organization, race_width: int
) -> None:  # D19, D22
    owners = [(await clinics.member(north, f"Owner{number}", OWNER))[0] for number in range(race_width)]
    protection = Protection(clinics.audit)

    async def ask(account: Account) -> bool:
        async def body(tx: Transaction) -> bool:
            if await clinics.memberships.find_left_alone(tx, account.id) is not None:
                return False
            return await protection.plan_deletion(tx, NOW, account) is not None

        return await clinics.database.transact(body)

    done = await asyncio.gather(*(ask(account) for account in owners))
    assert sum(done) == race_width - 1


async def test_what_an_account_says_equals_the_rows_whatever_happens(
    clinics: Clinics, race_rounds: int
) -> None:  # D19, S102
    """Drawn changes in three organizations, twelve at once; then what every account carries is compared."""
    dice = Dice(7)
    organizations = [await clinics.open(f"Clinic {number}") for number in range(3)]
    people = [await clinics.person(f"Person{number}") for number in range(6)]
    members = clinics.memberships

    async def one() -> None:
        organization, account = dice.one(organizations), dice.one(people)
        who = dice.one([AT_THE_MACHINE, actor(dice.one(people).id)])
        role, member_type = dice.one(list(Role)), dice.one(list(MemberType))
        version = dice.below(4) + 1
        which = dice.below(7)
        with suppress(Conflict, NotFound, NotAllowed):
            await (
                lambda: members.add(AT_THE_MACHINE, organization.id, account, member_type, role),
                lambda: members.change(who, organization.id, account.id, version, member_type=member_type, role=role),
                lambda: members.suspend(who, organization.id, account.id),
                lambda: members.resume(who, organization.id, account.id),
                lambda: members.remove(who, organization.id, account.id),
                lambda: members.leave(actor(account.id), organization.id),
                lambda: members.name_owner(AT_THE_MACHINE, organization.id, account),
            )[which]()

    had_owner: set[str] = set()
    for _ in range(25 * race_rounds):
        await asyncio.gather(*(one() for _ in range(12)))
        for account in people:
            await clinics.assert_told(account)
        for organization in organizations:
            owners = await clinics.owners(organization)
            assert owners or organization.id not in had_owner
            had_owner |= {organization.id} if owners else set()
    assert had_owner


async def test_one_leaves_by_oneself(clinics: Clinics, north: Organization) -> None:
    await clinics.member(north, "Nora", OWNER)
    mia, themself = await clinics.member(north, "Mia")
    await clinics.memberships.suspend(AT_THE_MACHINE, north.id, mia.id)
    await clinics.memberships.leave(themself, north.id)
    assert await clinics.rows(mia) == []
    assert (await clinics.kinds(north))[-1] is EventKind.MEMBER_LEFT
    for wrong in (north.id, "", "nothing"):
        with pytest.raises(NotFound):
            await clinics.memberships.leave(themself, wrong)


async def test_members_are_found_by_the_beginning_of_a_name_and_in_pages(clinics: Clinics, north: Organization) -> None:
    names = ("Nora", "Åsa", "Öz_gür", "Noah", "Nick%")
    people: dict[str, Account] = {}
    for number, name in enumerate(names):
        last_name = "Berg" if name != "Noah" else "O'Neill"

        async def add(tx: Transaction, number: int = number, name: str = name, last_name: str = last_name) -> Account:
            address, handle = f"x{number}@north-clinic.example", f"h{number}.x"
            return await clinics.accounts.add_account(
                tx, clinics.clock.now(), address=address, handle=handle, first_name=name, last_name=last_name
            )

        account = await clinics.database.transact(add)
        people[name] = account
        await clinics.join(north, account, member_type=MemberType.PATIENT if name == "Noah" else MemberType.STAFF)

    async def found(search: str = "", **asked: Any) -> list[str]:
        listed = await clinics.memberships.list_page(north.id, MemberFilter(search=search, **asked))
        return [each.first_name for each in listed]

    assert await found() == list(names)
    for search, expected in {
        "no": ["Nora", "Noah"], "NORA B": ["Nora"], "nora berg": ["Nora"], "berg": ["Nora", "Åsa", "Öz_gür", "Nick%"],
        "o'n": ["Noah"], "å": ["Åsa"], "Å": ["Åsa"], "öz_": ["Öz_gür"], "n%": [], "nick%": ["Nick%"], "x1@": ["Åsa"],
        "X1@NORTH": ["Åsa"], "h0.": ["Nora"], "_": [], "ora": [], "zzz": [],
    }.items():  # fmt: skip
        assert await found(search) == expected, search
    assert await found(member_type=MemberType.PATIENT) == ["Noah"]
    assert await found(role=OWNER) == []
    await clinics.memberships.suspend(AT_THE_MACHINE, north.id, people["Åsa"].id)
    assert await found(state=MembershipState.SUSPENDED) == ["Åsa"]
    first = await clinics.memberships.list_page(north.id, MemberFilter(), limit=2)
    rest = await clinics.memberships.list_page(north.id, MemberFilter(), after=first[-1].membership.account_id)
    assert [each.first_name for each in (*first, *rest)] == list(names)


async def test_an_erased_account_leaves_its_organizations(clinics: Clinics, north: Organization) -> None:  # D22
    await clinics.member(north, "Nora", OWNER)
    mia, _ = await clinics.member(north, "Mia")
    await clinics.database.transact(lambda tx: clinics.memberships.erase(tx, clinics.clock.now(), mia))
    assert await clinics.rows(mia) == []
    assert (await clinics.kinds(north))[-1] is EventKind.MEMBER_REMOVED


@pytest.mark.parametrize("wrong", ["", "nobody", "01900000-0000-7000-8000-000000000000", "x" * 4_000, "\0"])
async def test_ids_that_are_none_find_nobody(clinics: Clinics, north: Organization, wrong: str) -> None:
    _, admin = await clinics.member(north, "Ada", ADMIN)
    members = clinics.memberships
    for work in (
        members.get(north.id, wrong),
        members.get(wrong, wrong),
        members.change(admin, north.id, wrong, 1, role=SUPPORT),
        members.suspend(admin, north.id, wrong),
        members.remove(admin, north.id, wrong),
        members.remove(admin, wrong, wrong),
    ):
        with pytest.raises(NotFound):
            await work
