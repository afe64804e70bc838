"""Who may change something in an organization: asked again inside the transaction that changes it.

The door has looked at the role before; by the time the change is made it may be another one. So whoever changes
something *holds* the organization first, which lets such changes follow one another, and then looks.
"""

from portico.accounts.service import Accounts
from portico.database.engine import Transaction
from portico.kernel.errors import NotAllowed, NotFound
from portico.kernel.tokens import is_id
from portico.organizations import store
from portico.organizations.faults import OrganizationSuspended
from portico.organizations.model import MembershipState, Organization, OrganizationState, Role
from portico.organizations.rules import Actor, Held


class Authority:
    """Holds organizations for those who may change something there."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def hold(self, tx: Transaction, actor: Actor, organization_id: str, needed: Role) -> Held:
        """The organization, for somebody whose role there reaches ``needed``, or an operator.

        Raises NotFound for those it is not there for, NotAllowed for those whose role is less, OrganizationSuspended
        where only operators may change anything.
        """
        organization = await self._hold(tx, organization_id)
        is_active = organization.state is OrganizationState.ACTIVE
        role = await self._find_role(tx, actor, organization_id)
        by = "" if role is Role.OWNER and is_active else await self._find_capacity(tx, actor)
        if by:
            return Held(organization=organization, actor=actor, role=Role.OWNER, by=by)
        if role is None:
            raise NotFound("no such organization")
        if not role.reaches(needed):
            raise NotAllowed(f"for those only whose role is {needed.value}")
        if not is_active:
            raise OrganizationSuspended("the organization is suspended")
        return Held(organization=organization, actor=actor, role=role)

    async def hold_as_operator(self, tx: Transaction, actor: Actor, organization_id: str) -> Held:
        """The organization, for operators alone; raises NotFound, NotAllowed."""
        by = await self.require_operator(tx, actor)
        organization = await self._hold(tx, organization_id)
        return Held(organization=organization, actor=actor, role=Role.OWNER, by=by)

    async def hold_for_oneself(self, tx: Transaction, actor: Actor, organization_id: str) -> Held:
        """The organization, for somebody who leaves it; raises NotFound for those who do not belong to it.

        Neither a suspended membership nor a suspended organization keeps anybody.
        """
        organization = await self._hold(tx, organization_id)
        membership = await store.find_membership(tx, organization_id, actor.account_id or "")
        if membership is None:
            raise NotFound("no such organization")
        return Held(organization=organization, actor=actor, role=membership.role)

    async def require_operator(self, tx: Transaction, actor: Actor) -> str:
        """In which capacity an operator acts: "operator" or "machine"; raises NotAllowed for others."""
        capacity = await self._find_capacity(tx, actor)
        if not capacity:
            raise NotAllowed("for operators only")
        return capacity

    async def _hold(self, tx: Transaction, organization_id: str) -> Organization:
        organization = await store.hold_organization(tx, organization_id) if is_id(organization_id) else None
        if organization is None:
            raise NotFound("no such organization")
        return organization

    async def _find_role(self, tx: Transaction, actor: Actor, organization_id: str) -> Role | None:
        if actor.account_id is None:
            return None
        membership = await store.find_membership(tx, organization_id, actor.account_id)
        return membership.role if membership and membership.state is MembershipState.ACTIVE else None

    async def _find_capacity(self, tx: Transaction, actor: Actor) -> str:
        if actor.account_id is None:
            return "machine"
        account = await self._accounts.find_account(tx, actor.account_id)
        return "operator" if account is not None and account.is_operator else ""
