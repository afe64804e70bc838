"""The closed set of steps. Pages, JSON API and desktop render these and nothing else.

Each is frozen and carries only what a renderer may show before the person is fully proven.
"""

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec

from portico.factors.proof import ProofKind
from portico.signin.facts import ChangeReason


class ProveReason(StrEnum):
    """Why a proof is asked for."""

    FIRST = "first"
    SECOND = "second"
    FRESH = "fresh"


class RefusedReason(StrEnum):
    """Why an attempt goes no further."""

    ATTEMPT_OVER = "attempt_over"
    TOO_MANY_TRIES = "too_many_tries"
    DISABLED = "disabled"
    CLOSED = "closed"
    NO_USABLE_FACTOR = "no_usable_factor"
    NEEDS_PASSKEYS = "needs_passkeys"
    """The client cannot make or use passkeys, and nothing else would do."""
    CONTINUED_ELSEWHERE = "continued_elsewhere"
    INTERACTION_REQUIRED = "interaction_required"
    INVITATION_OVER = "invitation_over"
    """The invitation was accepted, revoked or sent anew, has expired, or waits."""
    INVITED_ANOTHER = "invited_another"
    ALREADY_MEMBER = "already_member"


class Outcome(StrEnum):
    """What a finished attempt brings about."""

    OPEN_SESSION = "open_session"
    ADD_PROOFS = "add_proofs"
    STAMP_POLICY = "stamp_policy"
    NOTHING = "nothing"


class Identify(msgspec.Struct, frozen=True, tag_field="step", tag="identify"):
    """Say who you are."""


class Prove(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="prove"):
    """Give one of these proofs; the first is the default. ``organization`` asks for it, if one does.

    Where a mailed code is one of them, ``mailbox`` is the masked address it goes to; ``resend_at`` is empty while none
    was asked for. ``no_mail``: it would be one, had the password not been set by a mailed link (D7).
    """

    kinds: tuple[ProofKind, ...]
    why: ProveReason
    organization: str | None = None
    mailbox: str | None = None
    resend_at: datetime | None = None
    no_mail: bool = False


class VerifyReason(StrEnum):
    """Why the mailbox has to be shown to be one's own."""

    SIGN_UP = "sign_up"
    ENROL = "enrol"
    """A second factor is about to be set up for the first time (D12)."""


class VerifyEmail(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="verify_email"):
    """Enter the code that was mailed to ``address``. Another is free at ``resend_at``.

    A sign-up may open the link beside the code instead, and is shown the address as typed; elsewhere it is masked.
    ``organizations`` ask for what is to be set up, if any do.
    """

    address: str
    resend_at: datetime | None = None
    why: VerifyReason = VerifyReason.SIGN_UP
    organizations: tuple[str, ...] = ()


class Enrol(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="enrol"):
    """Set up one of these kinds of second factor, the first being the default. ``organizations`` ask for it, if any."""

    kinds: tuple[ProofKind, ...]
    organizations: tuple[str, ...] = ()


class SaveReason(StrEnum):
    """Why a new recovery code is shown."""

    FIRST = "first"
    SPENT = "spent"
    """The one before was used just now."""
    ASKED = "asked"


class SaveRecoveryCode(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="save_recovery_code"):
    """Keep the recovery code that is shown, and say so."""

    why: SaveReason


class TrustDevice(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="trust_device"):
    """Make a passkey on this device to sign in faster from now on; or not now; or never here (D15)."""


class DeviceRegistered(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="device_registered"):
    """A passkey was made: give it a name one knows it by, or keep the one that is proposed."""

    name: str


class CreateAccount(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="create_account"):
    """Say one's name and choose a password; ``terms_url`` is what has to be accepted, if anything has."""

    address: str
    terms_url: str | None = None


class ChangePassword(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="step", tag="change_password"
):
    """Choose a new password. ``organizations`` ask for it, if any do; every ``days`` days, if it is for its age."""

    why: ChangeReason
    organizations: tuple[str, ...] = ()
    days: int | None = None


class Announcement(StrEnum):
    """What is going to be asked."""

    CHANGE_PASSWORD = "change_password"
    ENROL = "enrol"
    """Set up a second factor."""


class Announced(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="announced"):
    """Do now what ``organizations`` will ask from ``enforced_from`` on, or put it off (D10)."""

    what: Announcement
    organizations: tuple[str, ...]
    enforced_from: datetime


class RemindPassword(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="remind_password"):
    """Change a password now that expires in so many ``days``, at ``expires_at``, or put that off for a day.

    ``organizations`` ask for a new one every ``every_days`` days.
    """

    days: int
    expires_at: datetime
    organizations: tuple[str, ...]
    every_days: int


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="finished"):
    """Nothing is missing."""

    outcome: Outcome


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="step", tag="refused"):
    """It goes no further, at least not before ``until``. ``organization`` is whose demand cannot be met."""

    reason: RefusedReason
    until: datetime | None = None
    organization: str | None = None


Step: TypeAlias = (
    Identify
    | Prove
    | VerifyEmail
    | CreateAccount
    | Enrol
    | SaveRecoveryCode
    | TrustDevice
    | DeviceRegistered
    | ChangePassword
    | Announced
    | RemindPassword
    | Finished
    | Refused
)
