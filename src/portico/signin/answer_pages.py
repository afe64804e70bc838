"""The form of every step, and the answer it gives. Which fields are filled depends on the step."""

from typing import Any

import msgspec

from portico.accounts.service import TYPED_NAME_MAX
from portico.factors.contract import EmailCodeAnswer, PasskeyAnswer, PasswordAnswer, RecoveryCodeAnswer, TotpAnswer
from portico.factors.passkeys.model import NAME_MAX
from portico.kernel.errors import BadInput
from portico.signin.answers import (
    AnnouncementAnswer,
    Answer,
    CreateAccountAnswer,
    DeviceNameAnswer,
    GoOnAnswer,
    NewPasswordAnswer,
    PasskeyEnrolmentAnswer,
    RecoverySavedAnswer,
    ReminderAnswer,
    ResendAnswer,
    TotpEnrolmentAnswer,
    TrustAnswer,
)
from portico.web.body import Form

_CODE_MAX = 64


class StepForm(Form, frozen=True, kw_only=True):
    """The answer to a step. ``view`` names the way of showing the step that it was given on."""

    step: str = ""
    version: int = 0
    view: str = ""
    username: str = ""
    password: str = ""
    stay_signed_in: str = ""
    new_password: str = ""
    repeat_password: str = ""
    code: str = ""
    resend: str = ""
    credential: str = ""
    never: str = ""
    name: str = ""
    now: str = ""
    confirmed: str = ""
    first_name: str = ""
    last_name: str = ""
    accepts_terms: str = ""
    time_zone: str = ""


def read_answer(form: StepForm) -> Answer:
    """The answer a form gives, by the step it was shown for."""
    code = form.code[:_CODE_MAX]
    mailed = ResendAnswer() if form.resend else EmailCodeAnswer(code=code)
    answers: dict[str, Answer] = {
        "prove_password": PasswordAnswer(password=form.password, stay_signed_in=bool(form.stay_signed_in)),
        "prove_totp": TotpAnswer(code=code),
        "prove_recovery_code": RecoveryCodeAnswer(code=code),
        "prove_passkey": PasskeyAnswer(
            credential=read_credential(form.credential), stay_signed_in=bool(form.stay_signed_in)
        ),
        "prove_email_code": mailed,
        "verify_email": mailed,
        "enrol_totp": TotpEnrolmentAnswer(code=code),
        "enrol_passkey": PasskeyEnrolmentAnswer(credential=read_credential(form.credential)),
        "trust_device": TrustAnswer(never=bool(form.never)),
        "device_registered": DeviceNameAnswer(name=form.name[:NAME_MAX]),
        "save_recovery_code": RecoverySavedAnswer(confirmed=bool(form.confirmed)),
        "change_password": NewPasswordAnswer(new_password=form.new_password, repeat_password=form.repeat_password),
        "announced": AnnouncementAnswer(now=bool(form.now)),
        "go_on": GoOnAnswer(),
        "reminder": ReminderAnswer(now=bool(form.now)),
        "create_account": _new_account(form),
    }
    answer = answers.get(form.step)
    if answer is None:
        raise BadInput("no such step")
    return answer


def read_credential(text: str) -> dict[str, Any]:
    """What a browser answered about a passkey; empty where it is none, which is as bad as any that cannot be read."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError):
        return {}


def _new_account(form: StepForm) -> CreateAccountAnswer:
    return CreateAccountAnswer(
        first_name=form.first_name[:TYPED_NAME_MAX],
        last_name=form.last_name[:TYPED_NAME_MAX],
        new_password=form.new_password,
        repeat_password=form.repeat_password,
        accepts_terms=bool(form.accepts_terms),
        stay_signed_in=bool(form.stay_signed_in),
        time_zone=form.time_zone[:64],
    )
