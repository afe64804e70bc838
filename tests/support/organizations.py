"""Organizations in a test's world: founded, joined, and asking for things."""

from datetime import datetime, timedelta

from portico.accounts.model import Account
from portico.database.engine import Transaction
from portico.house import House
from portico.organizations.model import Feature, MemberType, Organization, Role
from portico.organizations.policies import store
from portico.organizations.policies.model import Draft
from portico.organizations.policies.standing import note_change
from portico.organizations.policy import PolicyFields, PolicyVersion
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.world import World

ALL_FEATURES = frozenset(Feature)
NORTH, SOUTH = "North Clinic", "South Practice"


async def found(world: World, name: str = NORTH, features: frozenset[Feature] = ALL_FEATURES) -> Organization:
    """A new organization."""

    async def body(tx: Transaction) -> Organization:
        organizations = world.house.organizations
        return await organizations.add_organization(tx, world.clock.now(), name=name, features=features)

    return await world.house.database.transact(body)


async def join(
    world: World,
    organization: Organization,
    account: Account,
    member_type: MemberType = MemberType.PROVIDER,
    role: Role = Role.MEMBER,
) -> None:
    """Make somebody a member."""

    async def body(tx: Transaction) -> None:
        await world.house.organizations.join(
            tx,
            world.clock.now(),
            organization_id=organization.id,
            account_id=account.id,
            member_type=member_type,
            role=role,
        )

    await world.house.database.transact(body)
    forget(world)


async def ask(
    world: World,
    organization: Organization,
    fields: PolicyFields,
    *,
    ahead: timedelta = timedelta(0),
    member_type: MemberType = MemberType.PROVIDER,
    rehearsal: bool = False,
) -> PolicyVersion:
    """Have an organization ask something from now, or from some time ahead, on."""
    now = world.clock.now()

    async def body(tx: Transaction) -> PolicyVersion:
        earlier = await store.list_versions(tx, organization.id, member_type)
        version = PolicyVersion(
            organization_id=organization.id,
            member_type=member_type,
            number=len(earlier) + 1,
            fields=fields,
            rehearsal=rehearsal,
            enforced_from=now + ahead,
            created_at=now,
        )
        assert await store.add_version(tx, version)
        await note_change(tx)
        return version

    made = await world.house.database.transact(body)
    forget(world)
    return made


def forget(world: World) -> None:
    """Have this server look at once whether something is asked anew; it would within the second."""
    world.house.policy_stamps.forget()


async def stamp_of(world: World, address: str, now: datetime | None = None) -> str:
    """What a session of somebody has to have met."""
    account = await world.get_account(address)
    return await world.house.policy_stamps.find(account.memberships, now or world.clock.now())


async def have_asked(house: House, name: str, address: str, ahead: timedelta) -> None:
    """Found an organization that somebody belongs to, and that has passwords changed from some time ahead on."""
    account = await house.accounts.find_by_identifier(house.database, address)
    assert account is not None
    organization = await house.organization_changes.add(AT_THE_MACHINE, name)
    await house.organization_changes.set_feature(
        AT_THE_MACHINE, organization.id, organization.version, Feature.PASSWORD_ENFORCEMENT, is_on=True
    )
    await house.memberships.add(AT_THE_MACHINE, organization.id, account, MemberType.PROVIDER, Role.MEMBER)
    fields = PolicyFields(max_age_days=60, min_length=12, force_change=True)
    draft = Draft(
        fields=fields, based_on=0, enforced_from=house.clock.now() + ahead if ahead else None, at_once=not ahead
    )
    await house.policies.save(organization.id, MemberType.PROVIDER, draft, AT_THE_MACHINE)
