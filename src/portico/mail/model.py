"""What the mail room knows: the messages we send and the rows of the outbox.

A message is a small record; its words are chosen only when it is sent (:mod:`portico.mail.letters`), so the outbox
never holds a rendered body. A field annotated :data:`Secret` opens something: it is sealed in the outbox, erased once
the mail is settled and never shown to operators. To add a kind: a struct here with its line in
:data:`MailMessage` and, if it can come too late, in :func:`dead_at`; a case in ``letters``; sentences; a sample.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, assert_never, get_args, get_type_hints

import msgspec

from portico.kernel.normalise import address_key, one_line

Secret: TypeAlias = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""A text that opens something: a token or a code."""


class _Parameters(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every message has in common: secrets stay out of its repr."""

    def __repr__(self) -> str:
        plain, _ = split_secrets(self)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in plain.items())})"


class PasswordResetLink(_Parameters, frozen=True, kw_only=True, tag="password_reset_link"):
    """Somebody asked to reset the password of this account (S26); also reminds of the Portico ID (S30)."""

    handle: str
    link_token: Secret
    expires_at: datetime
    active_hours: int = 24
    """How long the link lives from its making; an organization may shorten it (D5)."""
    time_zone: str = ""


class SecurityNotice(_Parameters, frozen=True, kw_only=True):
    """What every security mail tells: whose account, when, on which coarse device, and how to say it was not oneself.

    ``time_zone`` is the reader's, by its IANA name; empty means UTC. The link goes with the mail (D22).
    """

    handle: str
    at: datetime
    device: str = ""
    time_zone: str = ""
    not_me_token: Secret | None = None
    not_me_until: datetime | None = None


class NewDevice(SecurityNotice, frozen=True, kw_only=True, tag="new_device"):
    """The account was signed in to on a device it had not seen before."""


class PasswordChanged(SecurityNotice, frozen=True, kw_only=True, tag="password_changed"):
    """The password was changed: what to do if it was somebody else."""

    how: Literal["reset", "change"]
    """``reset`` through a mailed link, or ``change`` by somebody signed in."""


class SecondFactorChanged(SecurityNotice, frozen=True, kw_only=True, tag="second_factor_changed"):
    """A second factor, or the recovery code that goes with it, was set up, used up, removed or reset."""

    what: Literal[
        "totp_added", "totp_removed", "passkey_added", "passkey_removed", "recovery_code_new", "recovery_code_used"
    ]


class EnrolmentCode(SecurityNotice, frozen=True, kw_only=True, tag="enrolment_code"):
    """Somebody who knows the password is about to set up a second factor: the code that shows they read this mail."""

    code: Secret
    code_until: datetime


class SignInCode(SecurityNotice, frozen=True, kw_only=True, tag="sign_in_code"):
    """Somebody who knows the password is signing in, and has the code mailed that stands in for a second factor."""

    code: Secret
    code_until: datetime


class AddressChangeAsked(SecurityNotice, frozen=True, kw_only=True, tag="address_change_asked"):
    """Somebody signed in wants to change the address of the account: the code of the present mailbox."""

    new_address: str
    code: Secret
    code_until: datetime


class NewAddressCode(_Parameters, frozen=True, kw_only=True, tag="new_address_code"):
    """Somebody entered this address as the new one of their account: the code that shows they read its mail.

    The reader may be a stranger to the account, so nothing of it is told.
    """

    code: Secret
    code_until: datetime
    time_zone: str = ""


class AddressTaken(_Parameters, frozen=True, kw_only=True, tag="address_taken"):
    """Somebody wanted the address of this account for another one."""

    handle: str
    at: datetime
    time_zone: str = ""


class AddressChangeWaiting(SecurityNotice, frozen=True, kw_only=True, tag="address_change_waiting"):
    """The address will change without the old mailbox having agreed, unless somebody stops it."""

    new_address: str
    effective_at: datetime
    is_reminder: bool = False


class AddressChanged(SecurityNotice, frozen=True, kw_only=True, tag="address_changed"):
    """The address was changed; told to both. Which of the two this mail goes to decides what its link can do."""

    old_address: str
    new_address: str
    to: Literal["old", "new"]


class DeletionAsked(SecurityNotice, frozen=True, kw_only=True, tag="deletion_asked"):
    """The account will be erased, unless somebody takes that back."""

    delete_at: datetime


class DeletionTakenBack(SecurityNotice, frozen=True, kw_only=True, tag="deletion_taken_back"):
    """The account will not be erased after all."""


class NotMeDone(_Parameters, frozen=True, kw_only=True, tag="not_me_done"):
    """Somebody said "This was not me": what that did. There is nothing in it to undo, so it has no such link."""

    handle: str
    at: datetime
    frozen_until: datetime
    restored: Literal["no", "yes", "taken"] = "no"
    """Whether the address from before was brought back, or belonged to somebody else by then."""
    time_zone: str = ""


class AdminActed(_Parameters, frozen=True, kw_only=True, tag="admin_acted"):
    """An admin of the managing organization, or an operator, did something to this account (D19).

    Nothing in it is a stranger's doing, so it has no "This was not me"; it names who did it instead.
    """

    handle: str
    at: datetime
    action: Literal["reset_link", "force_change", "end_sessions", "suspend", "resume", "lift_freeze", "reset_mfa"]
    organization: str | None = None
    """The name of the organization; None: the operators."""
    time_zone: str = ""


class TestMessage(_Parameters, frozen=True, kw_only=True, tag="test_message"):
    """Sent by an operator to see whether mail works."""


class SignUpCode(_Parameters, frozen=True, kw_only=True, tag="sign_up_code"):
    """Somebody wants an account for this address: the code, or the link, that goes on."""

    code: Secret
    link_token: Secret
    code_minutes: int
    expires_at: datetime
    """When the link ends; the code ends before."""


class AccountExists(_Parameters, frozen=True, kw_only=True, tag="account_exists"):
    """Somebody wants an account for this address, which has one."""

    handle: str


class OrganizationInvitation(_Parameters, frozen=True, kw_only=True, tag="organization_invitation"):
    """An organization invites whoever reads this address: who it is, who asks, and what they would be there.

    ``handle`` is the Portico ID of the account this mailbox belongs to, if it has one; ``inviter`` is empty where
    nobody in particular asks.
    """

    organization: str
    inviter: str = ""
    member_type: str
    role: str
    handle: str = ""
    link_token: Secret
    expires_at: datetime
    time_zone: str = ""


class PasswordExpiring(_Parameters, frozen=True, kw_only=True, tag="password_expiring"):
    """The password expires in ``days`` days (S88, S89): by whose word, after how many days, and when exactly."""

    handle: str
    days: int
    expires_at: datetime
    max_age_days: int
    organizations: tuple[str, ...]
    time_zone: str = ""


MailMessage: TypeAlias = (
    PasswordResetLink
    | PasswordChanged
    | NewDevice
    | SecondFactorChanged
    | EnrolmentCode
    | SignInCode
    | AddressChangeAsked
    | NewAddressCode
    | AddressTaken
    | AddressChangeWaiting
    | AddressChanged
    | DeletionAsked
    | DeletionTakenBack
    | NotMeDone
    | AdminActed
    | SignUpCode
    | AccountExists
    | OrganizationInvitation
    | PasswordExpiring
    | TestMessage
)


class MailStatus(StrEnum):
    """What has become of a mail. Only a queued one is ever sent, and every other has lost its secrets."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    """A mail server has taken it; where it goes from there is not ours to know."""
    DROPPED = "dropped"
    """What it carries would have been dead on arrival."""
    DEAD = "dead"
    """Refused for good, or refused for too long."""


class MailRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asked for a mail: for whom, as a comparison key, in which language, and what else it is about."""

    id: str
    kind: str
    identifier_key: str
    language: str
    requested_at: datetime
    subject_id: str | None = None


class MailFate(StrEnum):
    """What operators are told of a mail, in the words of mail servers."""

    QUEUED = "queued"
    """It waits for its first try."""
    ACCEPTED = "accepted"
    """A mail server has taken it."""
    DEFERRED = "deferred"
    """A try has failed, and another follows."""
    BOUNCED = "bounced"
    """Refused for good or for too long, or reported as undeliverable after it was accepted."""
    DROPPED = "dropped"
    """Never sent, because what it carries would have been dead on arrival."""


def fate_of(status: MailStatus, *, has_failed: bool, has_bounced: bool) -> MailFate:
    """The operators' word for a mail; ``has_failed``: the last try did, ``has_bounced``: that was reported later."""
    if has_bounced:
        return MailFate.BOUNCED
    match status:
        case MailStatus.QUEUED:
            return MailFate.DEFERRED if has_failed else MailFate.QUEUED
        case MailStatus.DELIVERED:
            return MailFate.ACCEPTED
        case MailStatus.DEAD:
            return MailFate.BOUNCED
        case MailStatus.DROPPED:
            return MailFate.DROPPED
        case _:
            assert_never(status)


class NewMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as it enters the outbox."""

    id: str
    kind: str
    recipient: str
    language: str
    params: str
    sealed: bytes | None
    account_id: str | None
    created_at: datetime
    useless_at: datetime | None


class ClaimedMail(NewMail, frozen=True, kw_only=True):
    """A mail that one sender has taken for a while; ``tries`` counts this try."""

    tries: int


class MailRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as operators see it: whatever opens something is not here."""

    id: str
    kind: str
    recipient: str
    language: str
    params: Mapping[str, Any]
    account_id: str | None
    created_at: datetime
    useless_at: datetime | None
    status: MailStatus
    tries: int
    next_try_at: datetime
    settled_at: datetime | None
    last_error: str | None
    bounced_at: datetime | None = None
    bounce: str | None = None
    """What the mail system said when it came back."""

    @property
    def fate(self) -> MailFate:
        """What operators are told of it."""
        has_failed, has_bounced = self.last_error is not None, self.bounced_at is not None
        return fate_of(self.status, has_failed=has_failed, has_bounced=has_bounced)


def kind_of(message: MailMessage) -> str:
    """The stable name of a message's kind."""
    return str(message.__struct_config__.tag)


def dead_at(message: MailMessage) -> datetime | None:
    """When what a message carries stops working; None if it carries nothing that does."""
    match message:
        case PasswordResetLink() | SignUpCode() | OrganizationInvitation() | PasswordExpiring():
            return message.expires_at
        case AddressChangeAsked() | NewAddressCode() | EnrolmentCode() | SignInCode():
            return message.code_until
        case SecurityNotice():
            return message.not_me_until
        case AccountExists() | AddressTaken() | NotMeDone() | AdminActed() | TestMessage():
            return None
        case _:
            assert_never(message)


def split_secrets(message: _Parameters) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters that may lie open in the outbox, and those that open something."""
    values = msgspec.to_builtins(message)
    values.pop("kind")
    secret = {name: values.pop(name) for name in _secret_names(type(message)) if values[name] is not None}
    return values, secret


def read_message(kind: str, plain: Mapping[str, Any], secret: Mapping[str, str]) -> MailMessage | None:
    """The message that was split; None if no such kind can be made of it."""
    try:
        return msgspec.convert({**plain, **secret, "kind": kind}, MailMessage)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        return None


def wire_address(address: str) -> str | None:
    """An address as it is written on the envelope: the local part as stored, the domain as A-labels (RFC 5891).

    None if it is not an address we can deliver to. Whatever could end a header or a command is no address.
    """
    key = address_key(address)
    if key is None:
        return None
    local = one_line(address).rpartition("@")[0]
    return f"{local}@{key.rpartition('@')[2]}"


@cache
def _secret_names(kind: type[_Parameters]) -> tuple[str, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(name for name in kind.__struct_fields__ if _is_secret(hints[name]))


def _is_secret(hint: Any) -> bool:
    """Whether a type is :data:`Secret` or has it among its parts."""
    if isinstance(hint, msgspec.Meta):
        return bool((hint.extra or {}).get("secret"))
    return any(_is_secret(part) for part in get_args(hint))
