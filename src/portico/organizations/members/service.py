"""Memberships: listed, changed, suspended, resumed, removed, left.

Each change holds the organization, so that changes of its members follow one another; looks again at who the actor is
by then; and is one conditional statement, which an organization's last owner does not get past. The account's own list
of its memberships is written in the same transaction.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Reader, Transaction
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput, Conflict, NotFound
from portico.kernel.tokens import is_id
from portico.organizations.authority import Authority
from portico.organizations.faults import LastOwner, OwnersOnly
from portico.organizations.members import store
from portico.organizations.model import (
    Member,
    MemberFilter,
    Membership,
    MembershipState,
    MemberType,
    Organization,
    Role,
)
from portico.organizations.rules import Actor, Held, may_change
from portico.organizations.searching import starting_with
from portico.organizations.service import Organizations

PAGE = 50


class Memberships:
    """Who belongs to organizations, in whole transactions."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        audit: Audit,
        organizations: Organizations,
        authority: Authority,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._audit = audit
        self._organizations = organizations
        self._authority = authority

    async def list_page(
        self, organization_id: str, asked: MemberFilter, *, after: str = "", limit: int = PAGE
    ) -> list[Member]:
        """Members, the oldest accounts first; ``after`` goes on behind one of them."""
        patterns = starting_with(asked.search)
        return await store.list_members(self._database, organization_id, asked, patterns, after, limit)

    async def get(self, organization_id: str, account_id: str) -> Member:
        """One member; raises NotFound."""
        return await get_member(self._database, organization_id, account_id)

    async def change(
        self,
        actor: Actor,
        organization_id: str,
        account_id: str,
        version: int,
        *,
        member_type: MemberType | None = None,
        role: Role | None = None,
    ) -> Member:
        """Change what a member is and may do; what is None stays.

        Raises OwnersOnly, LastOwner, Conflict where the member has changed since ``version``.
        """
        if member_type is None and role is None:
            raise BadInput("nothing to change", field="role")
        now = self._clock.now()

        async def change(tx: Transaction, held: Held, before: Membership) -> Event:
            if before.version != version:
                raise Conflict("the member has changed since they were looked at")
            new_type, new_role = member_type or before.member_type, role or before.role
            _require(held, before, new_role)
            if not await store.change_membership(tx, before, new_type, new_role, now):
                raise LastOwner("nobody else could act as its owner: name another one first")
            details = {"member_type": new_type.value, "role": new_role.value, "role_before": before.role.value}
            return held.event(EventKind.MEMBER_CHANGED, account_id, details)

        await self._change(actor, organization_id, account_id, now, change)
        return await self.get(organization_id, account_id)

    async def suspend(self, actor: Actor, organization_id: str, account_id: str) -> Member:
        """Let a membership ask and give nothing. Raises OwnersOnly, LastOwner, Conflict where it is so already."""
        return await self._set_state(
            actor, organization_id, account_id, MembershipState.SUSPENDED, EventKind.MEMBER_SUSPENDED
        )

    async def resume(self, actor: Actor, organization_id: str, account_id: str) -> Member:
        """Let a membership count again. Raises OwnersOnly, Conflict where it is so already."""
        return await self._set_state(
            actor, organization_id, account_id, MembershipState.ACTIVE, EventKind.MEMBER_RESUMED
        )

    async def remove(self, actor: Actor, organization_id: str, account_id: str) -> None:
        """End a membership; the account stays. Raises OwnersOnly, LastOwner, NotFound."""

        async def remove(tx: Transaction, held: Held, before: Membership) -> Event:
            _require(held, before, before.role)
            return await self._remove(tx, before, held.event(EventKind.MEMBER_REMOVED, account_id))

        await self._change(actor, organization_id, account_id, self._clock.now(), remove)

    async def leave(self, actor: Actor, organization_id: str) -> None:
        """End one's own membership. Raises LastOwner, NotFound where one is no member, suspended or not."""
        account_id = actor.account_id or ""

        async def leave(tx: Transaction, held: Held, before: Membership) -> Event:
            return await self._remove(tx, before, held.event(EventKind.MEMBER_LEFT, account_id))

        now = self._clock.now()

        async def body(tx: Transaction) -> None:
            held = await self._authority.hold_for_oneself(tx, actor, organization_id)
            await self._apply(tx, now, held, account_id, leave)

        await self._database.transact(body)

    async def name_owner(
        self, actor: Actor, organization_id: str, account: Account, member_type: MemberType = MemberType.STAFF
    ) -> Member:
        """Make somebody an owner, whether they are a member or not; for operators. Changes nothing for an owner."""
        now = self._clock.now()

        async def body(tx: Transaction) -> None:
            held = await self._authority.hold_as_operator(tx, actor, organization_id)
            before = await store.find_member(tx, organization_id, account.id)
            if before is None:
                await self._join(tx, now, held, account.id, member_type, Role.OWNER)
            else:
                await self._raise_to_owner(tx, now, held, before.membership)

        await self._database.transact(body)
        return await self.get(organization_id, account.id)

    async def add(
        self, actor: Actor, organization_id: str, account: Account, member_type: MemberType, role: Role
    ) -> Member:
        """Make an account a member without asking its owner; for operators. Raises Conflict for a member."""
        now = self._clock.now()

        async def body(tx: Transaction) -> None:
            held = await self._authority.hold_as_operator(tx, actor, organization_id)
            await self._join(tx, now, held, account.id, member_type, role)

        await self._database.transact(body)
        return await self.get(organization_id, account.id)

    async def find_left_alone(self, tx: Transaction, account_id: str) -> Organization | None:
        """An organization that would have no owner who can act without this account; None if there is none.

        Holds all organizations the account owns to the end of ``tx``, so that what was found stays so.
        """
        owned = [
            membership
            for membership in await self._organizations.list_memberships(tx, account_id)
            if membership.role is Role.OWNER and membership.state is MembershipState.ACTIVE
        ]
        for membership in sorted(owned, key=lambda each: each.organization_id):
            organization = await self._organizations.hold(tx, membership.organization_id)
            is_member = await store.find_member(tx, membership.organization_id, account_id) is not None
            if organization and is_member and not await store.would_keep_an_owner(tx, membership):
                return organization
        return None

    async def erase(self, tx: Transaction, now: datetime, account: Account) -> None:
        """Delete the memberships of an account that is being erased; each organization's trail tells of it."""
        for membership in await self._organizations.list_memberships(tx, account.id):
            event = Event(
                kind=EventKind.MEMBER_REMOVED,
                subject_id=account.id,
                organizations=(membership.organization_id,),
                details={"why": "erased"},
            )
            await self._audit.append(tx, now, event)
        await store.erase(tx, account.id)

    async def _set_state(
        self, actor: Actor, organization_id: str, account_id: str, state: MembershipState, kind: EventKind
    ) -> Member:
        now = self._clock.now()

        async def change(tx: Transaction, held: Held, before: Membership) -> Event:
            _require(held, before, before.role)
            if before.state is state:
                raise Conflict("it is so already")
            if not await store.set_membership_state(tx, before, state, now):
                raise LastOwner("nobody else could act as its owner: name another one first")
            return held.event(kind, account_id)

        await self._change(actor, organization_id, account_id, now, change)
        return await self.get(organization_id, account_id)

    async def _remove(self, tx: Transaction, before: Membership, event: Event) -> Event:
        if not await store.remove_membership(tx, before):
            raise LastOwner("nobody else could act as its owner: name another one first")
        return event

    async def _raise_to_owner(self, tx: Transaction, now: datetime, held: Held, before: Membership) -> None:
        if before.role is Role.OWNER and before.state is MembershipState.ACTIVE:
            return

        async def change(tx: Transaction, held: Held, before: Membership) -> Event:
            await store.change_membership(tx, before, before.member_type, Role.OWNER, now)
            changed = (await get_member(tx, before.organization_id, before.account_id)).membership
            if before.state is not MembershipState.ACTIVE:
                await store.set_membership_state(tx, changed, MembershipState.ACTIVE, now)
            details = {"member_type": before.member_type.value, "role": "owner", "role_before": before.role.value}
            return held.event(EventKind.MEMBER_CHANGED, before.account_id, details)

        await self._apply(tx, now, held, before.account_id, change)

    async def _join(
        self, tx: Transaction, now: datetime, held: Held, account_id: str, member_type: MemberType, role: Role
    ) -> None:
        await self._organizations.join(
            tx,
            now,
            organization_id=held.organization.id,
            account_id=account_id,
            member_type=member_type,
            role=role,
            actor_id=held.actor.account_id,
            by=held.by,
        )

    async def _change(
        self, actor: Actor, organization_id: str, account_id: str, now: datetime, change: "Change"
    ) -> None:
        """A change by an admin or an operator."""

        async def body(tx: Transaction) -> None:
            held = await self._authority.hold(tx, actor, organization_id, Role.ADMIN)
            await self._apply(tx, now, held, account_id, change)

        await self._database.transact(body)

    async def _apply(self, tx: Transaction, now: datetime, held: Held, account_id: str, change: "Change") -> None:
        """Change one member, write the account's own list anew, and record what was done."""
        if is_id(account_id):
            await self._accounts.hold(tx, account_id)
        before = await get_member(tx, held.organization.id, account_id)
        event = await change(tx, held, before.membership)
        await self._organizations.write_belongings(tx, account_id)
        await self._audit.append(tx, now, event)


Change = Callable[[Transaction, Held, Membership], Awaitable[Event]]
"""Changes a member in an organization that is held, and says what to record."""


async def get_member(reader: Reader, organization_id: str, account_id: str) -> Member:
    """One member; raises NotFound."""
    is_possible = is_id(organization_id) and is_id(account_id)
    found = await store.find_member(reader, organization_id, account_id) if is_possible else None
    if found is None:
        raise NotFound("no such member")
    return found


def _require(held: Held, before: Membership, after: Role) -> None:
    """Raises OwnersOnly where an admin would change an owner or another admin, or make one."""
    if not may_change(held.role, before.role, after):
        raise OwnersOnly("for owners only")
