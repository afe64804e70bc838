"""An organization with members and policies, straight on a database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from portico.accounts.service import Accounts
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.factors import store as factors_store
from portico.factors.model import PasswordProperties
from portico.kernel.chance import SystemChance
from portico.kernel.sealing import SealingKeys
from portico.mail.service import Mail
from portico.organizations.model import Feature, MemberType, Organization, Role
from portico.organizations.policies.model import Draft
from portico.organizations.policies.service import Policies
from portico.organizations.policies.standing import Standing, Standings
from portico.organizations.policy import PolicyFields, PolicyVersion
from portico.organizations.rules import AT_THE_MACHINE, Actor
from portico.organizations.service import Organizations
from tests.support.acting import authority
from tests.support.rows import add_account, let_act
from tests.support.world import SetClock

CHANCE = SystemChance()
AUDIT = Audit(CHANCE)
ALL_FEATURES = frozenset(Feature)


@dataclass
class Clinic:
    """One organization of a database, and the services about it."""

    database: Database
    clock: SetClock
    organizations: Organizations
    policies: Policies
    organization: Organization
    standings: Standings

    async def save(
        self,
        fields: PolicyFields,
        *,
        member_type: MemberType = MemberType.STAFF,
        based_on: int | None = None,
        in_days: int | None = None,
        rehearsal: bool = False,
        reason: str = "",
        by: Actor = AT_THE_MACHINE,
    ) -> PolicyVersion:
        """Save a version: at once, or so many days ahead; based on the newest unless it is said on which."""
        current = await self.policies.get_current(self.organization.id, member_type)
        draft = Draft(
            fields=fields,
            based_on=current.newest if based_on is None else based_on,
            at_once=in_days is None,
            enforced_from=None if in_days is None else self.clock.now() + timedelta(days=in_days),
            rehearsal=rehearsal,
            reason=reason,
        )
        return await self.policies.save(self.organization.id, member_type, draft, by)

    async def set(self, column: str, value: str) -> None:
        """Change a column of the organization as an operator's own tools would."""

        async def body(tx: Transaction) -> None:
            await tx.execute(
                f"UPDATE organizations SET {column} = $1 WHERE id = $2",  # noqa: S608 - a test names the column
                value,
                self.organization.id,
            )

        await self.database.transact(body)

    async def join(
        self,
        name: str,
        member_type: MemberType = MemberType.STAFF,
        *,
        role: Role = Role.MEMBER,
        password_at: datetime | None = None,
    ) -> str:
        """Somebody new who belongs to it; with a password set at an instant, if one is given. Their account's id.

        Whoever is more than a member is signed in.
        """
        account = await add_account(self.database, name)

        async def body(tx: Transaction) -> None:
            await self.organizations.join(
                tx,
                self.clock.now(),
                organization_id=self.organization.id,
                account_id=account.id,
                member_type=member_type,
                role=role,
            )
            if password_at is not None:
                await factors_store.add_password(
                    tx, f"credential-{name}", account.id, b"hash", PasswordProperties(), password_at
                )

        await self.database.transact(body)
        if role is not Role.MEMBER:
            await let_act(self.database, account.id)
        return account.id

    async def stand(self, account_id: str) -> Standing:
        """What is asked of somebody now."""
        row = await self.database.find_row("SELECT memberships FROM accounts WHERE id = $1", account_id)
        assert row is not None
        return await self.standings.find(self.database, row["memberships"], self.clock.now())


async def open_clinic(
    database: Database,
    name: str = "North Clinic",
    *,
    features: frozenset[Feature] = ALL_FEATURES,
    has_breach_source: bool = True,
    clock: SetClock | None = None,
) -> Clinic:
    """A new organization."""
    clock = clock or SetClock()
    accounts = Accounts(CHANCE, AUDIT, Mail(SealingKeys((bytes(32),)), CHANCE))
    organizations = Organizations(chance=CHANCE, accounts=accounts, audit=AUDIT)
    policies = Policies(
        database=database,
        clock=clock,
        accounts=accounts,
        organizations=organizations,
        authority=authority(clock),
        audit=AUDIT,
        has_breach_source=has_breach_source,
    )
    organization = await database.transact(
        lambda tx: organizations.add_organization(tx, clock.now(), name=name, features=features)
    )
    return Clinic(database, clock, organizations, policies, organization, Standings())
