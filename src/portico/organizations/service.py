"""Organizations and who belongs to them.

An account carries its active memberships in short (:func:`~portico.organizations.model.write_belongings`), so that a
request knows them without asking again. :meth:`Organizations.join` and whatever else changes a membership write both in
one transaction.
"""

from collections.abc import Sequence
from datetime import datetime

from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Reader, Transaction
from portico.kernel.chance import Chance
from portico.kernel.errors import BadInput, Conflict, NotFound
from portico.kernel.normalise import name_key, one_line
from portico.kernel.tokens import is_id, new_id
from portico.organizations import store
from portico.organizations.faults import NameTaken
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

NAME_MAX = 100


class Organizations:
    """What may be done to organizations and memberships."""

    def __init__(self, *, chance: Chance, accounts: Accounts, audit: Audit) -> None:
        self._chance = chance
        self._accounts = accounts
        self._audit = audit

    async def add_organization(
        self,
        tx: Transaction,
        now: datetime,
        *,
        name: str,
        features: frozenset[Feature] = frozenset(),
        actor_id: str | None = None,
        by: str = "",
    ) -> Organization:
        """Create an organization. Raises BadInput for an impossible name, NameTaken."""
        shown, key = clean_name(name)
        organization = Organization(
            id=new_id(self._chance, now),
            name=shown,
            name_key=key,
            state=OrganizationState.ACTIVE,
            features=features,
            version=1,
            created_at=now,
        )
        if not await store.add_organization(tx, organization):
            raise NameTaken("another organization has this name", field="name")
        event = Event(
            kind=EventKind.ORGANIZATION_CREATED,
            actor_id=actor_id,
            organizations=(organization.id,),
            details={"by": by} if by else {},
        )
        await self._audit.append(tx, now, event)
        return organization

    async def get_organization(self, reader: Reader, organization_id: str) -> Organization:
        """The organization with this id; raises NotFound."""
        found = await store.find_organization(reader, organization_id) if is_id(organization_id) else None
        if found is None:
            raise NotFound("no such organization")
        return found

    async def hold(self, tx: Transaction, organization_id: str) -> Organization | None:
        """Have changes of an organization and its members follow one another to the end of ``tx``."""
        return await store.hold_organization(tx, organization_id)

    async def find_by_name(self, reader: Reader, name: str) -> Organization | None:
        """The organization with this name, however it is spelt."""
        return await store.find_by_name_key(reader, name_key(name))

    async def list_memberships(self, reader: Reader, account_id: str) -> Sequence[Membership]:
        """An account's memberships, the first joined first."""
        return await store.list_memberships(reader, account_id)

    async def join(
        self,
        tx: Transaction,
        now: datetime,
        *,
        organization_id: str,
        account_id: str,
        member_type: MemberType,
        role: Role,
        actor_id: str | None = None,
        by: str = "",
    ) -> Membership:
        """Make an account a member. Raises Conflict if it is one already, suspended or not, NotFound for no account.

        ``by``: in which capacity the actor does so, if not as a member.
        """
        membership = Membership(
            organization_id=organization_id,
            account_id=account_id,
            member_type=member_type,
            role=role,
            state=MembershipState.ACTIVE,
            version=1,
            joined_at=now,
            changed_at=now,
        )
        if not await self._accounts.hold(tx, account_id):
            raise NotFound("no such account")
        if not await store.add_membership(tx, membership):
            raise Conflict("a member already")
        await self.write_belongings(tx, account_id)
        event = Event(
            kind=EventKind.MEMBER_JOINED,
            subject_id=account_id,
            actor_id=actor_id,
            organizations=(organization_id,),
            details={"member_type": member_type.value, "role": role.value, **({"by": by} if by else {})},
        )
        await self._audit.append(tx, now, event)
        return membership

    async def write_belongings(self, tx: Transaction, account_id: str) -> None:
        """Have the account carry its memberships as they are now, in the transaction that changed one of them.

        Changes in several organizations at once follow one another here, so that none writes what another has made old.
        """
        await self._accounts.hold(tx, account_id)
        memberships = await store.list_memberships(tx, account_id)
        await self._accounts.set_memberships(tx, account_id, write_belongings(memberships))


def clean_name(name: str) -> tuple[str, str]:
    """An organization's name on one line, and its comparison key; raises BadInput for what is no name."""
    shown = one_line(name)
    if not shown or len(shown) > NAME_MAX:
        raise BadInput("not the name of an organization", field="name")
    return shown, name_key(shown)
