"""Everything a decision may know, gathered before it is made. Pure and frozen."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from portico.accounts.model import AccountState
from portico.factors.proof import ProofKind
from portico.organizations.invitations.model import Invitation
from portico.signin.attempt import Attempt


class ChangeReason(StrEnum):
    """Why a new password is asked for."""

    RESET = "reset"
    FORCED = "forced"
    ASKED = "asked"
    """An organization has all passwords changed that are older than its policy."""
    EXPIRED = "expired"
    EXPIRES_SOON = "expires_soon"
    """Chosen by its owner, who was reminded."""
    WANTED = "wanted"
    """Nobody asks for it any more; its owner is there for it."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms a deployment has people accept: where they stand, and by which name their acceptance is kept."""

    url: str
    version: str


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What one organization demands: so many classes of proof, the ones after the first by these kinds.

    ``stand_ins`` count as well, but only for somebody who has enrolled one of the ``kinds``: no mailed code and no
    recovery code is a factor by itself (D7). ``organization`` is its name, None for what the deployment itself asks.
    Demands of several organizations are met separately, never intersected (D9). A passkey counts where it was made, or
    proven together with another factor, no longer than ``passkey_within`` ago, if somebody has another factor.
    """

    classes: int = 1
    kinds: frozenset[ProofKind] = frozenset(ProofKind)
    stand_ins: frozenset[ProofKind] = frozenset()
    organization: str | None = None
    passkey_within: timedelta | None = None


class PasswordRule(msgspec.Struct, frozen=True, kw_only=True):
    """How old a password may be: not over ``max_age``, and not from before ``changed_since``; and who asks for that.

    Its owner is reminded at sign-in from ``remind_within`` before its end on, if anybody wants that.
    """

    max_age: timedelta | None = None
    max_age_asked_by: tuple[str, ...] = ()
    remind_within: timedelta | None = None
    changed_since: datetime | None = None
    changed_since_asked_by: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a person's organizations ask together; ``version`` names the state of the policies it was folded from.

    ``announced`` is what they will ask from ``announced_from`` on (D10), ``rehearsed`` what they would ask if what they
    rehearse were in force; the ids of who does so stand beside them. A session may last no longer than
    ``session_span``, and unused no longer than ``idle_span``.
    """

    version: str = "0"
    demands: tuple[Demand, ...] = (Demand(),)
    mailbox_first: bool = True
    """Whether the first enrolment asks for a code from the mailbox, besides the password (D12)."""
    email_code: bool = True
    """Whether a mailed code may stand in for the second factor somebody has."""
    trusted_device: bool = True
    """Whether people are asked to trust their device."""
    password: PasswordRule = PasswordRule()
    session_span: timedelta | None = None
    idle_span: timedelta | None = None
    announced: "Policy | None" = None
    announced_from: datetime | None = None
    announced_by: tuple[str, ...] = ()
    rehearsed: "Policy | None" = None
    rehearsed_by: tuple[str, ...] = ()


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision needs of the account that was named."""

    state: AccountState
    epoch: int
    must_change_password: ChangeReason | None = None
    password_set_at: datetime | None = None
    mailbox: str = ""
    """Where mail reaches them, masked: enough to recognise one's own (D18)."""
    is_frozen: bool = False
    """Whether "This was not me" bars changes for the time being (D22)."""


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """The invitation an attempt accepts, by the name of the ``organization``.

    ``is_open``: it can be accepted now, by this attempt. ``is_theirs``: the account that was named has the address that
    is invited, or there is none yet and the mailbox is proven. ``is_member``: it belongs to the organization already.
    """

    invitation: Invitation
    organization: str
    is_open: bool
    is_theirs: bool
    is_member: bool


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. ``person`` is None when nobody by that name exists; ``enrolled`` lists usable factors, default first.

    ``enrollable`` are the kinds of second factor that can be set up here, the one to offer first in front.
    ``blocked_until`` is set when a try was refused: the instant when one will be free again. ``resend_at`` is when
    another code may be asked for, where one was mailed. ``terms`` are those whoever creates an account must accept.
    ``reminder_rests``: reminded that the password expires soon, its owner has said "later" less than a day ago.
    ``preferred`` is the second factor they want to be asked for first. ``passkey_here``: a passkey is used on this
    device; ``trust_rests``: they were asked whether to trust it, and are not to be asked again yet.
    ``registered_name`` is what the passkey is called that this attempt has made.
    """

    now: datetime
    attempt: Attempt
    person: Person | None = None
    enrolled: tuple[ProofKind, ...] = ()
    enrollable: tuple[ProofKind, ...] = ()
    policy: Policy = Policy()
    blocked_until: datetime | None = None
    resend_at: datetime | None = None
    terms: Terms | None = None
    invited: Invited | None = None
    reminder_rests: bool = False
    preferred: ProofKind | None = None
    passkey_here: bool = False
    trust_rests: bool = True
    registered_name: str = ""
