"""The closed set of answers a person can give, and which step each of them fits. Pure.

The JSON API decodes its bodies straight into these; the pages build them from their forms.
"""

from typing import Annotated, Any, TypeAlias

import msgspec

from portico.accounts.service import TYPED_NAME_MAX
from portico.factors.contract import (
    EmailCodeAnswer,
    MailedLinkAnswer,
    PasskeyAnswer,
    PasswordAnswer,
    RecoveryCodeAnswer,
    TotpAnswer,
)
from portico.factors.passkeys.model import NAME_MAX
from portico.factors.proof import ProofKind
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.signin.attempt import Mark
from portico.signin.steps import (
    Announced,
    ChangePassword,
    CreateAccount,
    DeviceRegistered,
    Enrol,
    Finished,
    Identify,
    Prove,
    RemindPassword,
    SaveRecoveryCode,
    Step,
    TrustDevice,
    VerifyEmail,
)


class IdentifierAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="identifier"):
    """Who one is: a mail address or a Portico ID."""

    identifier: Annotated[str, msgspec.Meta(max_length=IDENTIFIER_MAX)]


class NewPasswordAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="new_password"
):
    """A new password. ``repeat`` is checked where a form asks to type it twice."""

    new_password: str
    repeat_password: str | None = None


class ResendAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="resend"):
    """Mail another code."""


class CreateAccountAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="answer", tag="create_account"
):
    """Who one is to be. ``repeat_password`` is checked where a form asks to type it twice.

    ``time_zone`` is a name of the IANA time zone database; one that does not exist counts as none.
    """

    first_name: Annotated[str, msgspec.Meta(max_length=TYPED_NAME_MAX)]
    last_name: Annotated[str, msgspec.Meta(max_length=TYPED_NAME_MAX)] = ""
    new_password: str
    repeat_password: str | None = None
    accepts_terms: bool = False
    stay_signed_in: bool = True
    time_zone: Annotated[str, msgspec.Meta(max_length=64)] = ""


class NowOrLater(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether to do ``now`` what may also be done later."""

    now: bool


class AnnouncementAnswer(
    NowOrLater, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="answer", tag="announcement"
):
    """Whether to do ``now`` what will be asked, or later."""


class ReminderAnswer(
    NowOrLater, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="answer", tag="reminder"
):
    """Whether to change ``now`` the password that expires soon, or later."""


class TotpEnrolmentAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="totp_enrolment"
):
    """A first code of the authenticator app that is being set up, as typed: spaces do not count."""

    code: Annotated[str, msgspec.Meta(max_length=64)]


class PasskeyEnrolmentAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="passkey_enrolment"
):
    """What ``navigator.credentials.create()`` gave, as its ``toJSON()`` (Web Authentication Level 3, section 5.1)."""

    credential: dict[str, Any]


class TrustAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="answer", tag="trust"
):
    """Not to make a passkey on this device: to be asked again in a week, or ``never``."""

    never: bool


class DeviceNameAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="device_name"):
    """What the passkey that was made is to be called; empty keeps the name that was proposed."""

    name: Annotated[str, msgspec.Meta(max_length=NAME_MAX)]


class RecoverySavedAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="answer", tag="recovery_saved"
):
    """Whether the recovery code is kept somewhere safe; nothing goes on before it is."""

    confirmed: bool


class GoOnAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="go_on"):
    """Go on where nothing is missing any more: what was asked for was done elsewhere, or is no longer asked."""


Answer: TypeAlias = (
    IdentifierAnswer
    | PasswordAnswer
    | EmailCodeAnswer
    | TotpAnswer
    | RecoveryCodeAnswer
    | PasskeyAnswer
    | TotpEnrolmentAnswer
    | PasskeyEnrolmentAnswer
    | RecoverySavedAnswer
    | TrustAnswer
    | DeviceNameAnswer
    | ResendAnswer
    | CreateAccountAnswer
    | NewPasswordAnswer
    | AnnouncementAnswer
    | ReminderAnswer
    | GoOnAnswer
)

GivenProof: TypeAlias = PasswordAnswer | EmailCodeAnswer | TotpAnswer | RecoveryCodeAnswer | PasskeyAnswer
"""The answers that prove something to a step of an attempt."""

PROOF_KINDS: dict[type[msgspec.Struct], ProofKind] = {
    PasswordAnswer: ProofKind.PASSWORD,
    MailedLinkAnswer: ProofKind.MAILED_LINK,
    EmailCodeAnswer: ProofKind.EMAIL_CODE,
    TotpAnswer: ProofKind.TOTP,
    RecoveryCodeAnswer: ProofKind.RECOVERY_CODE,
    PasskeyAnswer: ProofKind.PASSKEY,
}


_STEPS: dict[type[Answer], tuple[type[Step], ...]] = {
    IdentifierAnswer: (Identify,),
    PasswordAnswer: (Prove,),
    TotpAnswer: (Prove,),
    RecoveryCodeAnswer: (Prove,),
    PasskeyAnswer: (Identify, Prove),
    EmailCodeAnswer: (VerifyEmail, Prove),
    ResendAnswer: (VerifyEmail, Prove),
    CreateAccountAnswer: (CreateAccount,),
    TotpEnrolmentAnswer: (Enrol,),
    PasskeyEnrolmentAnswer: (Enrol, TrustDevice),
    RecoverySavedAnswer: (SaveRecoveryCode,),
    TrustAnswer: (TrustDevice,),
    DeviceNameAnswer: (DeviceRegistered,),
    NewPasswordAnswer: (ChangePassword,),
    AnnouncementAnswer: (Announced,),
    ReminderAnswer: (RemindPassword,),
    GoOnAnswer: (Finished,),
}
"""Which steps each answer is one to; a test holds that none is missing."""

_PROVES: dict[type[msgspec.Struct], ProofKind] = {**PROOF_KINDS, ResendAnswer: ProofKind.EMAIL_CODE}
_ENROLS: dict[type[msgspec.Struct], ProofKind] = {
    TotpEnrolmentAnswer: ProofKind.TOTP,
    PasskeyEnrolmentAnswer: ProofKind.PASSKEY,
}


def is_fitting(answer: Answer, step: Step) -> bool:
    """Whether an answer is one to this step. One that is not changes nothing and costs no try."""
    if not isinstance(step, _STEPS[type(answer)]):
        return False
    match step:
        case Prove(kinds=kinds):
            return _PROVES.get(type(answer)) in kinds
        case Enrol(kinds=kinds):
            return _ENROLS.get(type(answer)) in kinds
        case _:
            return True


def is_overtaken(answer: Answer, step: Step) -> bool:
    """Whether somebody is setting up what has been set up elsewhere meanwhile, which they are told."""
    return isinstance(answer, TotpEnrolmentAnswer) and isinstance(step, Prove) and ProofKind.TOTP in step.kinds


def mark_of(answer: NowOrLater) -> Mark:
    """What an answer leaves with the attempt."""
    if isinstance(answer, ReminderAnswer):
        return Mark.REMINDER_TAKEN if answer.now else Mark.REMINDER_PUT_OFF
    return Mark.ANNOUNCED_TAKEN if answer.now else Mark.ANNOUNCED_PUT_OFF
