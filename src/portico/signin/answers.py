"""The closed set of answers a person can give, and which step each of them fits. Pure.

The JSON API decodes its bodies straight into these; the pages build them from their forms.
"""

from typing import Annotated, TypeAlias

import msgspec

from portico.accounts.service import TYPED_NAME_MAX
from portico.factors.contract import (
    EmailCodeAnswer,
    MailedLinkAnswer,
    PasswordAnswer,
    ProofAnswer,
    RecoveryCodeAnswer,
    TotpAnswer,
)
from portico.factors.proof import ProofKind
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.signin.attempt import Mark
from portico.signin.steps import (
    Announced,
    ChangePassword,
    CreateAccount,
    Enrol,
    Identify,
    Prove,
    RemindPassword,
    SaveRecoveryCode,
    Step,
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


class RecoverySavedAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="answer", tag="recovery_saved"
):
    """Whether the recovery code is kept somewhere safe; nothing goes on before it is."""

    confirmed: bool


Answer: TypeAlias = (
    IdentifierAnswer
    | PasswordAnswer
    | EmailCodeAnswer
    | TotpAnswer
    | RecoveryCodeAnswer
    | TotpEnrolmentAnswer
    | RecoverySavedAnswer
    | ResendAnswer
    | CreateAccountAnswer
    | NewPasswordAnswer
    | AnnouncementAnswer
    | ReminderAnswer
)

PROOF_KINDS: dict[type[ProofAnswer], ProofKind] = {
    PasswordAnswer: ProofKind.PASSWORD,
    MailedLinkAnswer: ProofKind.MAILED_LINK,
    EmailCodeAnswer: ProofKind.EMAIL_CODE,
    TotpAnswer: ProofKind.TOTP,
    RecoveryCodeAnswer: ProofKind.RECOVERY_CODE,
}


_STEPS: dict[type[Answer], type[Step]] = {
    IdentifierAnswer: Identify,
    PasswordAnswer: Prove,
    TotpAnswer: Prove,
    RecoveryCodeAnswer: Prove,
    EmailCodeAnswer: VerifyEmail,
    ResendAnswer: VerifyEmail,
    CreateAccountAnswer: CreateAccount,
    TotpEnrolmentAnswer: Enrol,
    RecoverySavedAnswer: SaveRecoveryCode,
    NewPasswordAnswer: ChangePassword,
    AnnouncementAnswer: Announced,
    ReminderAnswer: RemindPassword,
}
"""Which step each answer is one to; a test holds that none is missing."""


def is_fitting(answer: Answer, step: Step) -> bool:
    """Whether an answer is one to this step. One that is not changes nothing and costs no try."""
    if not isinstance(step, _STEPS[type(answer)]):
        return False
    match step:
        case Prove(kinds=kinds):
            return any(isinstance(answer, kind) and PROOF_KINDS[kind] in kinds for kind in PROOF_KINDS)
        case Enrol(kinds=kinds):
            return ProofKind.TOTP in kinds
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
