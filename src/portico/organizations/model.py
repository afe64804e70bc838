"""What an organization and a membership are. Pure.

An organization asks something of its members by their *type* (what they are there: S102); what a member may do there is
their *role*. The two have nothing to do with each other: a patient may be an owner.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

from portico.accounts.model import AccountState


class MemberType(StrEnum):
    """What a member is in an organization. Policies are made for each of these."""

    PROVIDER = "provider"
    STAFF = "staff"
    PATIENT = "patient"
    GUEST = "guest"


class Role(StrEnum):
    """What a member may do in an organization, from the least to the most; each may what those before it may.

    ``member``: see what is asked of them. ``support``: see the members, help them in. ``admin``: make and unmake
    support and members, by invitation or otherwise; policies, domains, the audit trail. ``owner``: also make and
    unmake admins and owners.
    """

    MEMBER = "member"
    SUPPORT = "support"
    ADMIN = "admin"
    OWNER = "owner"

    def reaches(self, needed: "Role") -> bool:
        """Whether this role may what ``needed`` may."""
        return _RANKS[self] >= _RANKS[needed]


_RANKS = {role: rank for rank, role in enumerate(Role)}


class Feature(StrEnum):
    """What an operator switches on for an organization, at its request (S44, S84, D27)."""

    MFA = "mfa"
    PASSWORD_ENFORCEMENT = "password_enforcement"


class OrganizationState(StrEnum):
    """Whether an organization is in business. A suspended one cannot change anything; what it asks stays asked."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class MembershipState(StrEnum):
    """Whether a membership counts. A suspended one asks nothing and gives nothing."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """One organization. ``name`` is what people are shown as who asks; ``version`` counts its changes."""

    id: str
    name: str
    name_key: str
    state: OrganizationState
    features: frozenset[Feature]
    version: int
    created_at: datetime


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """That an account belongs to an organization; ``version`` counts its changes."""

    organization_id: str
    account_id: str
    member_type: MemberType
    role: Role
    state: MembershipState
    version: int
    joined_at: datetime
    changed_at: datetime


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A membership with what the organization's admins see of the account behind it."""

    membership: Membership
    address: str
    handle: str
    first_name: str
    last_name: str
    account_state: AccountState


class MemberFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which members: whose name, address or Portico ID begins so; of one type, role or state."""

    search: str = ""
    member_type: MemberType | None = None
    role: Role | None = None
    state: MembershipState | None = None


class OrganizationRow(msgspec.Struct, frozen=True, kw_only=True):
    """An organization as operators see it in a list; ``members`` and ``owners`` count the active ones."""

    organization: Organization
    members: int
    owners: int


class Belonging(msgspec.Struct, frozen=True, array_like=True):
    """An active membership in short, as the account itself carries it."""

    organization_id: str
    member_type: MemberType
    role: Role = Role.MEMBER


_BELONGINGS = msgspec.json.Decoder(tuple[Belonging, ...])


@lru_cache(maxsize=4096)
def belongings_of(memberships: str) -> tuple[Belonging, ...]:
    """What an account's ``memberships`` say, in the order of the organizations' ids."""
    return _BELONGINGS.decode(memberships) if memberships else ()


def write_belongings(memberships: Iterable[Membership]) -> str:
    """The active ones of an account's memberships, as the account carries them; the same ones give the same text."""
    active = [
        Belonging(membership.organization_id, membership.member_type, membership.role)
        for membership in memberships
        if membership.state is MembershipState.ACTIVE
    ]
    if not active:
        return ""
    return msgspec.json.encode(sorted(active, key=lambda belonging: belonging.organization_id)).decode()


def role_in(memberships: str, organization_id: str) -> Role | None:
    """What somebody with these ``memberships`` may do in an organization; None for those who do not belong to it."""
    for belonging in belongings_of(memberships):
        if belonging.organization_id == organization_id:
            return belonging.role
    return None
