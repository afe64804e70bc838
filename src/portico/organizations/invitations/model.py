"""What an invitation is, and what becomes of it. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from portico.kernel.errors import Conflict
from portico.organizations.model import MemberType, Role

LIFETIME = timedelta(days=14)
LAST_SECOND = timedelta(seconds=1)
"""14 days 0 s is the last valid second."""
BULK_MAX = 500
"""Addresses of one request; the command line takes files of any length."""


class AlreadyMember(Conflict):
    """The person belongs to the organization already."""

    code = "already_member"


class MemberSuspended(Conflict):
    """The person's membership is suspended; an invitation does not revive it, whoever suspended it does."""

    code = "member_suspended"


class InvitationOver(Conflict):
    """The invitation was accepted or revoked; send a new one."""

    code = "invitation_over"


class InvitationStatus(StrEnum):
    """What has become of an invitation, as those who sent it see it."""

    OPEN = "open"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    REVOKED = "revoked"


class InvitationState(StrEnum):
    """What an invitation is worth to whoever holds its link. ``paused``: its organization is suspended."""

    OPEN = "open"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    REVOKED = "revoked"
    PAUSED = "paused"
    INVALID = "invalid"


class InviteOutcome(StrEnum):
    """What became of one address that was to be invited."""

    INVITED = "invited"
    SENT_AGAIN = "sent_again"
    ALREADY_MEMBER = "already_member"
    MEMBER_SUSPENDED = "member_suspended"
    ALREADY_INVITED = "already_invited"
    NOT_AN_ADDRESS = "not_an_address"
    NOT_ALLOWED = "not_allowed"
    UNREADABLE = "unreadable"
    """A line of a file that cannot be understood."""
    LIMIT = "limit"


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """One invitation. ``token_hash`` is that of the newest link, None until it is mailed; ``mails`` counts them.

    ``mail_id`` is the newest mail. ``invited_by`` is None for those sent from the command line.
    """

    id: str
    organization_id: str
    address: str
    address_key: str
    member_type: MemberType
    role: Role
    language: str
    token_hash: bytes | None
    invited_by: str | None
    mails: int
    mailed_at: datetime | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None = None
    accepted_by: str | None = None
    revoked_at: datetime | None = None
    mail_id: str | None = None

    def status(self, now: datetime) -> InvitationStatus:
        """What has become of it by ``now``."""
        if self.accepted_at is not None:
            return InvitationStatus.ACCEPTED
        if self.revoked_at is not None:
            return InvitationStatus.REVOKED
        return InvitationStatus.OPEN if now < self.expires_at else InvitationStatus.EXPIRED


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """As what somebody is invited; the mail's language is used where the person has not chosen one."""

    member_type: MemberType = MemberType.STAFF
    role: Role = Role.MEMBER
    language: str = ""


class LineReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one line, counted from 1; ``address`` as it was written, cut where it is too long."""

    line: int
    address: str
    outcome: InviteOutcome
