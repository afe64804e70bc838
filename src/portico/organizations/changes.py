"""Changes of organizations: founded, renamed, suspended and resumed, features switched on and off (S44, S84, D27).

Each raises the version its caller saw, by one conditional statement; who saw another one is told so.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from portico.audit.model import EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.kernel.clock import Clock
from portico.kernel.errors import Conflict
from portico.organizations import store
from portico.organizations.authority import Authority
from portico.organizations.faults import NameTaken
from portico.organizations.model import Feature, Organization, OrganizationRow, OrganizationState, Role
from portico.organizations.policies.standing import note_change
from portico.organizations.rules import Actor, Held
from portico.organizations.searching import starting_with
from portico.organizations.service import Organizations, clean_name

PAGE = 50
_STATE_EVENTS = {
    OrganizationState.ACTIVE: EventKind.ORGANIZATION_RESUMED,
    OrganizationState.SUSPENDED: EventKind.ORGANIZATION_SUSPENDED,
}
T = TypeVar("T")


class OrganizationChanges:
    """What operators and owners do to organizations, in whole transactions."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: Audit,
        organizations: Organizations,
        authority: Authority,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._organizations = organizations
        self._authority = authority

    async def add(self, actor: Actor, name: str) -> Organization:
        """Create an organization; for operators. Raises BadInput for an impossible name, NameTaken."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Organization:
            by = await self._authority.require_operator(tx, actor)
            return await self._organizations.add_organization(tx, now, name=name, actor_id=actor.account_id, by=by)

        return await self._database.transact(body)

    async def get(self, organization_id: str) -> Organization:
        """One organization; raises NotFound."""
        return await self._organizations.get_organization(self._database, organization_id)

    async def find_by_name(self, name: str) -> Organization | None:
        """The organization with this name, however it is spelt."""
        return await self._organizations.find_by_name(self._database, name)

    async def list_page(self, *, search: str = "", after: str = "", limit: int = PAGE) -> list[OrganizationRow]:
        """Organizations whose name begins so, the first created first; ``after`` goes on behind one of them."""
        return await store.list_organizations(self._database, starting_with(search)[1], after, limit)

    async def rename(self, actor: Actor, organization_id: str, version: int, name: str) -> Organization:
        """Give an organization another name; for owners. Raises BadInput, NameTaken, Conflict."""
        shown, key = clean_name(name)

        async def change(tx: Transaction, held: Held) -> None:
            if not await store.rename(tx, held.organization.id, version, shown, key):
                raise NameTaken("another organization has this name", field="name")

        return await self._change(actor, organization_id, version, change, EventKind.ORGANIZATION_RENAMED, Role.OWNER)

    async def set_state(
        self, actor: Actor, organization_id: str, version: int, state: OrganizationState
    ) -> Organization:
        """Suspend or resume an organization; for operators. Raises Conflict, also where it is so already."""

        async def change(tx: Transaction, held: Held) -> None:
            if not await store.set_state(tx, held.organization.id, version, state):
                raise Conflict("it is so already")

        return await self._change(actor, organization_id, version, change, _STATE_EVENTS[state])

    async def set_feature(
        self, actor: Actor, organization_id: str, version: int, feature: Feature, *, is_on: bool
    ) -> Organization:
        """Switch a feature on or off; for operators. Raises Conflict, also where it is so already."""

        async def change(tx: Transaction, held: Held) -> None:
            before = held.organization.features
            features = before | {feature} if is_on else before - {feature}
            if features == before or not await store.set_features(tx, held.organization.id, version, features):
                raise Conflict("it is so already")

        details: dict[str, str | int] = {"feature": feature.value, "is_on": int(is_on)}
        return await self._change(actor, organization_id, version, change, EventKind.FEATURES_CHANGED, details=details)

    async def _change(
        self,
        actor: Actor,
        organization_id: str,
        version: int,
        change: Callable[[Transaction, Held], Awaitable[None]],
        kind: EventKind,
        needed: Role | None = None,
        details: Mapping[str, str | int] | None = None,
    ) -> Organization:
        """Hold the organization, change it, record that and tell whoever keeps what it asks in memory.

        ``needed`` is the role it takes; None: for operators.
        """
        now = self._clock.now()

        async def body(tx: Transaction) -> Organization:
            if needed is None:
                held = await self._authority.hold_as_operator(tx, actor, organization_id)
            else:
                held = await self._authority.hold(tx, actor, organization_id, needed)
            if held.organization.version != version:
                raise Conflict("the organization has changed since it was looked at")
            await change(tx, held)
            await self._audit.append(tx, now, held.event(kind, details=details))
            await note_change(tx)
            return await self._organizations.get_organization(tx, organization_id)

        return await self._database.transact(body)
