"""Who may change something in an organization: asked again inside the transaction that changes it.

The door has looked at session and role before; by the time the change is made they may be others, for whoever sends a
request can keep its body back. So whoever changes something *holds* the organization first, which lets such changes
follow one another, and then looks: is the account active, its session alive, and the role enough?
"""

from collections.abc import Awaitable, Callable

from portico.accounts.model import Account, AccountState
from portico.database.engine import Reader, Transaction
from portico.kernel.errors import NotAllowed, NotFound, NotSignedIn
from portico.kernel.tokens import is_id
from portico.organizations import store
from portico.organizations.faults import OrganizationSuspended
from portico.organizations.model import MembershipState, Organization, OrganizationState, Role
from portico.organizations.rules import Actor, Held

FindSignedIn = Callable[[Reader, str], Awaitable[Account | None]]
"""Finds whose a session is, by its id, if it is alive."""


class Authority:
    """Holds organizations for those who may change something there.

    Everything here raises NotSignedIn for an actor whose session is over or whose account is not active any more.
    """

    def __init__(self, find_signed_in: FindSignedIn) -> None:
        self._find_signed_in = find_signed_in

    async def hold(self, tx: Transaction, actor: Actor, organization_id: str, needed: Role) -> Held:
        """The organization, for somebody whose role there reaches ``needed``, or an operator.

        Raises NotFound for those it is not there for, NotAllowed for those whose role is less, OrganizationSuspended
        where only operators may change anything.
        """
        held = await self.hold_to_read(tx, actor, organization_id, needed)
        if not held.by and held.organization.state is not OrganizationState.ACTIVE:
            raise OrganizationSuspended("the organization is suspended")
        return held

    async def hold_to_read(self, tx: Transaction, actor: Actor, organization_id: str, needed: Role) -> Held:
        """As :meth:`hold`, for what changes nothing in the organization itself: its being suspended bars nobody."""
        organization, account = await self._hold(tx, actor, organization_id)
        is_active = organization.state is OrganizationState.ACTIVE
        role = await self._find_role(tx, actor, organization_id)
        by = "" if role is Role.OWNER and is_active else _capacity(account)
        if by:
            return Held(organization=organization, actor=actor, role=Role.OWNER, by=by)
        if role is None:
            raise NotFound("no such organization")
        if not role.reaches(needed):
            raise NotAllowed(f"for those only whose role is {needed.value}")
        return Held(organization=organization, actor=actor, role=role)

    async def hold_as_operator(self, tx: Transaction, actor: Actor, organization_id: str) -> Held:
        """The organization, for operators alone; raises NotFound, NotAllowed."""
        by = await self.require_operator(tx, actor)
        organization, _ = await self._hold(tx, actor, organization_id)
        return Held(organization=organization, actor=actor, role=Role.OWNER, by=by)

    async def hold_for_oneself(self, tx: Transaction, actor: Actor, organization_id: str) -> Held:
        """The organization, for somebody who leaves it; raises NotFound for those who do not belong to it.

        Neither a suspended membership nor a suspended organization keeps anybody.
        """
        organization, _ = await self._hold(tx, actor, organization_id)
        membership = await store.find_membership(tx, organization_id, actor.account_id or "")
        if membership is None:
            raise NotFound("no such organization")
        return Held(organization=organization, actor=actor, role=membership.role)

    async def require_operator(self, tx: Transaction, actor: Actor) -> str:
        """In which capacity an operator acts: "operator" or "machine"; raises NotAllowed for others."""
        capacity = _capacity(await self._get_account(tx, actor))
        if not capacity:
            raise NotAllowed("for operators only")
        return capacity

    async def _hold(self, tx: Transaction, actor: Actor, organization_id: str) -> tuple[Organization, Account | None]:
        """The organization, and who is at it, as they are once it is our turn."""
        organization = await store.hold_organization(tx, organization_id) if is_id(organization_id) else None
        account = await self._get_account(tx, actor)
        if organization is None:
            raise NotFound("no such organization")
        return organization, account

    async def _get_account(self, tx: Transaction, actor: Actor) -> Account | None:
        """Whose live session this is; None at the machine. Raises NotSignedIn."""
        if actor.account_id is None:
            return None
        account = await self._find_signed_in(tx, actor.session_id or "")
        if account is None or account.id != actor.account_id or account.state is not AccountState.ACTIVE:
            raise NotSignedIn("the session was ended, or the account disabled")
        return account

    async def _find_role(self, tx: Transaction, actor: Actor, organization_id: str) -> Role | None:
        if actor.account_id is None:
            return None
        membership = await store.find_membership(tx, organization_id, actor.account_id)
        return membership.role if membership and membership.state is MembershipState.ACTIVE else None


def _capacity(account: Account | None) -> str:
    """As what somebody acts who is no member: "operator", "machine", or, for everybody else, as nothing."""
    if account is None:
        return "machine"
    return "operator" if account.is_operator else ""
