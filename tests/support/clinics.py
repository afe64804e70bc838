"""Organizations and their members, on a database without doors."""

from datetime import datetime

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.audit.model import EventKind
from portico.audit.service import Audit
from portico.database.engine import Database
from portico.kernel.chance import SystemChance
from portico.kernel.sealing import SealingKeys
from portico.mail.service import Mail
from portico.organizations.changes import OrganizationChanges
from portico.organizations.domains.lookup import DnsRecords, Records
from portico.organizations.domains.service import Domains
from portico.organizations.members.service import Memberships
from portico.organizations.model import Membership, MemberType, Organization, Role, write_belongings
from portico.organizations.rules import AT_THE_MACHINE, Actor
from portico.organizations.service import Organizations
from tests.support.acting import actor, authority
from tests.support.rows import NOW, let_act
from tests.support.world import SetClock


class Ticking(SetClock):
    """A clock that tells a later instant each time, so that what happened has an order."""

    def now(self) -> datetime:
        """What time it is said to be."""
        self.advance(milliseconds=1)
        return self.at


class Clinics:
    """The services about organizations, and short ways to fill them."""

    def __init__(self, database: Database, records: Records | None = None) -> None:
        chance = SystemChance()
        self.database = database
        self.clock = Ticking(NOW)
        self.audit = Audit(chance)
        self.accounts = Accounts(chance, self.audit, Mail(SealingKeys((bytes(32),)), chance))
        self.organizations = Organizations(chance=chance, accounts=self.accounts, audit=self.audit)
        self.authority = authority(self.clock)
        self.changes = OrganizationChanges(
            database=database,
            clock=self.clock,
            audit=self.audit,
            organizations=self.organizations,
            authority=self.authority,
        )
        self.domains = Domains(
            database=database,
            clock=self.clock,
            chance=chance,
            audit=self.audit,
            authority=self.authority,
            records=records or DnsRecords("127.0.0.1:9"),
        )
        self.memberships = Memberships(
            database=database,
            clock=self.clock,
            accounts=self.accounts,
            audit=self.audit,
            organizations=self.organizations,
            authority=self.authority,
        )

    async def open(self, name: str = "North Clinic") -> Organization:
        """A new organization."""
        return await self.changes.add(AT_THE_MACHINE, name)

    async def person(self, name: str, *, is_operator: bool = False) -> Account:
        """Somebody with an account, who is signed in."""
        account = await self.database.transact(
            lambda tx: self.accounts.add_account(
                tx,
                self.clock.now(),
                address=f"{name.lower()}@north-clinic.example",
                handle=f"{name.lower()}.north",
                first_name=name,
                last_name="Berg",
                is_operator=is_operator,
            )
        )
        await let_act(self.database, account.id)
        return account

    async def join(
        self,
        organization: Organization,
        account: Account,
        role: Role = Role.MEMBER,
        member_type: MemberType = MemberType.STAFF,
    ) -> Actor:
        """Make somebody a member; the way they act from now on."""
        await self.memberships.add(AT_THE_MACHINE, organization.id, account, member_type, role)
        return actor(account.id)

    async def member(self, organization: Organization, name: str, role: Role = Role.MEMBER) -> tuple[Account, Actor]:
        """A new person who is a member."""
        account = await self.person(name)
        return account, await self.join(organization, account, role)

    async def version(self, organization: Organization, account: Account) -> int:
        """The version of a membership as it is now."""
        return (await self.memberships.get(organization.id, account.id)).membership.version

    async def rows(self, account: Account) -> list[Membership]:
        """An account's memberships."""
        return list(await self.organizations.list_memberships(self.database, account.id))

    async def assert_told(self, account: Account) -> None:
        """What an account says of its memberships is what the rows say."""
        found = await self.accounts.find_account(self.database, account.id)
        assert found is not None
        assert found.memberships == write_belongings(await self.rows(account)), account.handle

    async def owners(self, organization: Organization) -> int:
        """How many active owners there are."""
        row = await self.database.find_row(
            "SELECT COUNT(*) AS owners FROM memberships WHERE organization_id = $1 AND role = 'owner' "
            "AND state = 'active'",
            organization.id,
        )
        assert row is not None
        return int(row["owners"])

    async def kinds(self, organization: Organization) -> list[EventKind]:
        """What was recorded about an organization, the first first."""
        rows = await self.database.list_rows(
            "SELECT kind FROM audit_events WHERE organizations LIKE $1 ORDER BY at, id", f'%"{organization.id}"%'
        )
        return [EventKind(row["kind"]) for row in rows]
