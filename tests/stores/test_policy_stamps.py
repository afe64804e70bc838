"""The stamp a session is compared with: known without a query, and new as soon as something new is asked."""

from datetime import UTC, datetime, timedelta

import pytest

from portico.database.engine import Database, Transaction
from portico.database.port import Reader
from portico.kernel.chance import SystemChance
from portico.kernel.tokens import new_id
from portico.organizations import store as organizations
from portico.organizations.model import (
    Feature,
    Membership,
    MembershipState,
    MemberType,
    Organization,
    OrganizationState,
    Role,
    write_belongings,
)
from portico.organizations.policies import store
from portico.organizations.policies.standing import (
    NOTHING_TO_MEET,
    PolicyStamps,
    Standing,
    Standings,
    note_change,
)
from portico.organizations.policy import PolicyFields, PolicyVersion

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
CLINIC = new_id(SystemChance(), NOW)
MEMBER = write_belongings(
    [
        Membership(
            organization_id=CLINIC,
            account_id="account",
            member_type=MemberType.PROVIDER,
            role=Role.MEMBER,
            state=MembershipState.ACTIVE,
            version=1,
            joined_at=NOW,
            changed_at=NOW,
        )
    ]
)


class Counted(Standings):
    """Standings that count how often they are worked out."""

    count = 0

    async def find(self, reader: Reader, memberships: str, now: datetime, **more: object) -> Standing:
        """Count, and work it out."""
        self.count += 1
        return await super().find(reader, memberships, now)


@pytest.fixture
async def clinic(database: Database) -> Database:
    """A database with an organization in it."""
    organization = Organization(
        id=CLINIC,
        name="North Clinic",
        name_key="north clinic",
        state=OrganizationState.ACTIVE,
        features=frozenset(Feature),
        version=1,
        created_at=NOW,
    )
    assert await database.transact(lambda tx: organizations.add_organization(tx, organization))
    return database


async def save(database: Database, number: int, *, ahead: timedelta = timedelta(0)) -> None:
    """One more version of what the clinic asks."""

    async def body(tx: Transaction) -> None:
        version = PolicyVersion(
            organization_id=CLINIC,
            member_type=MemberType.PROVIDER,
            number=number,
            fields=PolicyFields(max_age_days=60),
            rehearsal=False,
            enforced_from=NOW + ahead,
            created_at=NOW,
        )
        assert await store.add_version(tx, version)
        await note_change(tx)

    await database.transact(body)


async def test_a_stamp_that_is_known_costs_no_query(clinic: Database) -> None:
    await save(clinic, 1)
    standings = Counted()
    stamps = PolicyStamps(clinic, standings)
    found = {await stamps.find(MEMBER, NOW) for _ in range(100)}
    assert len(found) == 1
    assert standings.count == 1
    assert await stamps.find("", NOW) == NOTHING_TO_MEET
    assert standings.count == 1


async def test_a_new_version_gives_a_new_stamp(clinic: Database) -> None:
    stamps = PolicyStamps(clinic, Standings())
    told = [await stamps.find(MEMBER, NOW)]
    for number in (1, 2):
        await save(clinic, number)
        stamps.forget()
        told.append(await stamps.find(MEMBER, NOW))
    assert told[0] == NOTHING_TO_MEET
    assert len(set(told)) == 3


async def test_the_day_that_was_announced_gives_a_new_stamp_by_itself(clinic: Database) -> None:
    await save(clinic, 1, ahead=timedelta(days=14))
    stamps = PolicyStamps(clinic, Standings())
    before = await stamps.find(MEMBER, NOW)
    assert before != NOTHING_TO_MEET
    assert await stamps.find(MEMBER, NOW + timedelta(days=14, microseconds=-1)) == before
    assert await stamps.find(MEMBER, NOW + timedelta(days=14)) not in {before, NOTHING_TO_MEET}


async def test_another_server_finds_out_by_itself(clinic: Database) -> None:
    """Each server keeps its own memory; the number in the database tells them all."""
    here, there = PolicyStamps(clinic, Standings()), PolicyStamps(clinic, Standings())
    assert await here.find(MEMBER, NOW) == await there.find(MEMBER, NOW) == NOTHING_TO_MEET
    await save(clinic, 1)
    here.forget()
    there.forget()
    assert await here.find(MEMBER, NOW) == await there.find(MEMBER, NOW) != NOTHING_TO_MEET
