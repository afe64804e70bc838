"""The demo's three clinics: what each asks of whom, and who belongs to which."""

from dataclasses import dataclass, field
from datetime import datetime

from portico.accounts.service import Accounts
from portico.database.engine import Database, Transaction
from portico.kernel.clock import Clock
from portico.organizations.domains.service import Domains
from portico.organizations.model import Feature, MemberType, Organization, Role
from portico.organizations.policies.model import Draft
from portico.organizations.policies.service import Policies
from portico.organizations.policy import Mfa, PolicyFields, Preset, preset_fields
from portico.organizations.rules import AT_THE_MACHINE
from portico.organizations.service import Organizations


@dataclass(frozen=True, slots=True)
class DemoMember:
    """Somebody who belongs to a clinic, by their Portico ID."""

    handle: str
    member_type: MemberType
    role: Role = Role.MEMBER


@dataclass(frozen=True, slots=True)
class DemoClinic:
    """One clinic. Of its providers it asks ``asks`` from the start, and ``announces`` in two weeks, if anything.

    It manages the accounts of its people where their addresses lie in its own ``domain``, if it has proven one.
    """

    name: str
    asks: PolicyFields
    announces: PolicyFields | None = None
    members: tuple[DemoMember, ...] = field(default=())
    features: frozenset[Feature] = frozenset({Feature.PASSWORD_ENFORCEMENT})
    domain: str = ""


NORTH = DemoClinic(
    "North Clinic",
    preset_fields(Preset.CLASSIC),
    members=(
        DemoMember("olga", MemberType.STAFF, Role.OWNER),
        DemoMember("nora", MemberType.PROVIDER, Role.ADMIN),
        DemoMember("juergen", MemberType.PROVIDER),
        DemoMember("priya.raman", MemberType.PROVIDER),
        DemoMember("tom.okafor", MemberType.STAFF),
        DemoMember("mia.santos", MemberType.PATIENT),
        DemoMember("sven.holm", MemberType.PROVIDER),
    ),
)
HARBOUR = DemoClinic(
    "Harbour Practice",
    PolicyFields(max_age_days=30, history=12, reminder_days=(7, 1), min_length=12, composition=True),
    announces=PolicyFields(
        max_age_days=30, history=12, reminder_days=(7, 1), min_length=15, composition=True, force_change=True
    ),
    members=(
        DemoMember("helen.park", MemberType.PROVIDER, Role.OWNER),
        DemoMember("sven.holm", MemberType.PROVIDER),
    ),
)
LAKESIDE = DemoClinic(
    "Lakeside Clinic",
    PolicyFields(mfa=Mfa.REQUIRED),
    members=(
        DemoMember("ravi.menon", MemberType.PROVIDER, Role.OWNER),
        DemoMember("elif.demir", MemberType.PROVIDER),
        DemoMember("greta.vogel", MemberType.PROVIDER),
    ),
    features=frozenset({Feature.MFA}),
    domain="lakeside-clinic.example",
)
CLINICS = (NORTH, HARBOUR, LAKESIDE)


class DemoClinics:
    """Founds the clinics, once their people have moved in."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        organizations: Organizations,
        domains: Domains,
        policies: Policies,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._organizations = organizations
        self._domains = domains
        self._policies = policies

    async def seed(self) -> int:
        """Found those that are not there yet; gives how many were."""
        founded = 0
        for clinic in CLINICS:
            founded += await self._seed(clinic)
        return founded

    async def _seed(self, clinic: DemoClinic) -> bool:
        now = self._clock.now()
        organization = await self._database.transact(lambda tx: self._found(tx, now, clinic))
        if organization is None:
            return False
        if clinic.domain:
            await self._domains.claim(AT_THE_MACHINE, organization.id, clinic.domain)
            await self._domains.verify_by_word(AT_THE_MACHINE, organization.id, clinic.domain)
        await self._ask(clinic, organization.id)
        return True

    async def _found(self, tx: Transaction, now: datetime, clinic: DemoClinic) -> Organization | None:
        """A clinic with its members; None if there is one of this name."""
        if await self._organizations.find_by_name(tx, clinic.name) is not None:
            return None
        organization = await self._organizations.add_organization(tx, now, name=clinic.name, features=clinic.features)
        for member in clinic.members:
            account = await self._accounts.find_by_identifier(tx, member.handle)
            if account is not None:
                await self._organizations.join(
                    tx,
                    now,
                    organization_id=organization.id,
                    account_id=account.id,
                    member_type=member.member_type,
                    role=member.role,
                )
        return organization

    async def _ask(self, clinic: DemoClinic, organization_id: str) -> None:
        """What the clinic asks of its providers."""
        first = Draft(fields=clinic.asks, based_on=0, at_once=True)
        saved = await self._policies.save(organization_id, MemberType.PROVIDER, first, AT_THE_MACHINE)
        if clinic.announces is not None:
            second = Draft(fields=clinic.announces, based_on=saved.number)
            await self._policies.save(organization_id, MemberType.PROVIDER, second, AT_THE_MACHINE)
