"""The form of every step, and the answer it gives. Which fields are filled depends on the step."""

from portico.accounts.service import TYPED_NAME_MAX
from portico.factors.contract import EmailCodeAnswer, PasswordAnswer, RecoveryCodeAnswer, TotpAnswer
from portico.kernel.errors import BadInput
from portico.signin.answers import (
    AnnouncementAnswer,
    Answer,
    CreateAccountAnswer,
    NewPasswordAnswer,
    RecoverySavedAnswer,
    ReminderAnswer,
    ResendAnswer,
    TotpEnrolmentAnswer,
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
    now: str = ""
    confirmed: str = ""
    first_name: str = ""
    last_name: str = ""
    accepts_terms: str = ""
    time_zone: str = ""


def read_answer(form: StepForm) -> Answer:
    """The answer a form gives, by the step it was shown for."""
    code = form.code[:_CODE_MAX]
    answers: dict[str, Answer] = {
        "prove_password": PasswordAnswer(password=form.password, stay_signed_in=bool(form.stay_signed_in)),
        "prove_totp": TotpAnswer(code=code),
        "prove_recovery_code": RecoveryCodeAnswer(code=code),
        "verify_email": ResendAnswer() if form.resend else EmailCodeAnswer(code=code),
        "enrol_totp": TotpEnrolmentAnswer(code=code),
        "save_recovery_code": RecoverySavedAnswer(confirmed=bool(form.confirmed)),
        "change_password": NewPasswordAnswer(new_password=form.new_password, repeat_password=form.repeat_password),
        "announced": AnnouncementAnswer(now=bool(form.now)),
        "reminder": ReminderAnswer(now=bool(form.now)),
        "create_account": _new_account(form),
    }
    answer = answers.get(form.step)
    if answer is None:
        raise BadInput("no such step")
    return answer


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
