"""The organizations one belongs to, and what each asks of oneself."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from portico.accounts.service import Accounts
from portico.database.engine import Database
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound, NotSignedIn
from portico.kernel.messages import Message
from portico.organizations.folding import AskedBy
from portico.organizations.members.service import Memberships
from portico.organizations.model import Membership, Organization
from portico.organizations.policies.standing import OrganizationAsks, Standings
from portico.organizations.rules import Actor
from portico.organizations.service import Organizations
from portico.organizations.wording import list_asks, list_folded
from portico.reminders.model import Expiry
from portico.reminders.service import Reminders
from portico.sessions.model import SignedIn


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization asks: a sentence for each thing, and from when on."""

    sentences: list[Message]
    since: datetime


class OwnOrganization(msgspec.Struct, frozen=True, kw_only=True):
    """One organization as its member sees it. A suspended membership asks nothing.

    ``announced`` is what comes on top of what is asked, ``dropped`` what is then not asked any more.
    """

    organization: Organization
    membership: Membership
    asks: Ask | None = None
    announced: Ask | None = None
    dropped: Ask | None = None


class InTheEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What several organizations together come to, and whose word it is."""

    sentence: Message
    organizations: tuple[str, ...]


class OwnOrganizations(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; ``in_the_end`` is empty where fewer than two ask for anything. ``expiry`` is that of the password."""

    organizations: list[OwnOrganization]
    in_the_end: list[InTheEnd]
    expiry: Expiry | None = None


class Belongings:
    """What signed-in people see of their organizations."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        organizations: Organizations,
        memberships: Memberships,
        reminders: Reminders,
        standings: Standings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._organizations = organizations
        self._memberships = memberships
        self._reminders = reminders
        self._standings = standings

    async def look(self, signed_in: SignedIn) -> OwnOrganizations:
        """One's organizations, the first joined first."""
        account = await self._accounts.find_account(self._database, signed_in.account.id)
        if account is None:
            raise NotSignedIn("the account is gone")
        memberships = await self._organizations.list_memberships(self._database, account.id)
        standing = await self._standings.find(self._database, account.memberships, self._clock.now())
        asks = {one.belonging.organization_id: one for one in standing.asks}
        found = [await self._own(membership, asks.get(membership.organization_id)) for membership in memberships]
        in_the_end = [
            InTheEnd(sentence=sentence, organizations=names) for sentence, names in list_folded(standing.enforced)
        ]
        is_several = sum(1 for one in found if one.asks and one.asks.sentences) > 1
        return OwnOrganizations(
            organizations=found,
            in_the_end=in_the_end if is_several else [],
            expiry=await self._reminders.find_own_expiry(account),
        )

    async def get(self, signed_in: SignedIn, organization_id: str) -> OwnOrganization:
        """One of one's organizations; raises NotFound for any other."""
        for own in (await self.look(signed_in)).organizations:
            if own.organization.id == organization_id:
                return own
        raise NotFound("none of one's own organizations")

    async def leave(self, signed_in: SignedIn, organization_id: str) -> None:
        """End one's membership. Raises LastOwner, and NotFound where one is no member."""
        actor = Actor(account_id=signed_in.account.id, session_id=signed_in.session.id)
        await self._memberships.leave(actor, organization_id)

    async def _own(self, membership: Membership, asks: OrganizationAsks | None) -> OwnOrganization:
        organization = await self._organizations.get_organization(self._database, membership.organization_id)
        return own_organization(organization, membership, asks)


def own_organization(
    organization: Organization, membership: Membership, asks: OrganizationAsks | None
) -> OwnOrganization:
    """An organization as its member sees it."""
    enforced = asks.enforced if asks else None
    announced = asks.announced if asks else None
    now = list_asks(enforced.fields) if enforced else []
    then = list_asks(announced.fields) if announced else []
    return OwnOrganization(
        organization=organization,
        membership=membership,
        asks=Ask(sentences=now, since=enforced.since) if enforced else None,
        announced=_new(then, now, announced),
        dropped=_new(now, then, announced),
    )


def _new(these: list[Message], those: list[Message], announced: AskedBy | None) -> Ask | None:
    """The sentences among these that are not among those; None where nothing is announced, or nothing is new."""
    new = [sentence for sentence in these if sentence not in those]
    return Ask(sentences=new, since=announced.since) if announced and new else None


def member_words(membership: Membership) -> Sequence[Message]:
    """What a member is, and may do, in words."""
    return (
        Message(f"organization.member_type.{membership.member_type.value}", {}),
        Message(f"organization.role.{membership.role.value}", {}),
    )
