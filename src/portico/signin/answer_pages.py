"""What the forms of the steps send, read as the answers they give."""

from portico.accounts.service import TYPED_NAME_MAX
from portico.factors.contract import EmailCodeAnswer, PasswordAnswer
from portico.kernel.errors import BadInput
from portico.signin.answers import (
    AnnouncementAnswer,
    Answer,
    CreateAccountAnswer,
    NewPasswordAnswer,
    ReminderAnswer,
    ResendAnswer,
)
from portico.web.body import Form


class StepForm(Form, frozen=True, kw_only=True):
    """The answer to a step. Which fields are filled depends on the step."""

    step: str = ""
    version: int = 0
    username: str = ""
    password: str = ""
    stay_signed_in: str = ""
    new_password: str = ""
    repeat_password: str = ""
    code: str = ""
    resend: str = ""
    now: str = ""
    first_name: str = ""
    last_name: str = ""
    accepts_terms: str = ""
    time_zone: str = ""


def read_answer(form: StepForm) -> Answer:
    """The answer a form gives, by the step it was shown for."""
    match form.step:
        case "prove_password":
            return PasswordAnswer(password=form.password, stay_signed_in=bool(form.stay_signed_in))
        case "verify_email":
            return ResendAnswer() if form.resend else EmailCodeAnswer(code=form.code[:64])
        case "create_account":
            return CreateAccountAnswer(
                first_name=form.first_name[:TYPED_NAME_MAX],
                last_name=form.last_name[:TYPED_NAME_MAX],
                new_password=form.new_password,
                repeat_password=form.repeat_password,
                accepts_terms=bool(form.accepts_terms),
                stay_signed_in=bool(form.stay_signed_in),
                time_zone=form.time_zone[:64],
            )
        case "change_password":
            return NewPasswordAnswer(new_password=form.new_password, repeat_password=form.repeat_password)
        case "announced":
            return AnnouncementAnswer(now=bool(form.now))
        case "reminder":
            return ReminderAnswer(now=bool(form.now))
        case _:
            raise BadInput("no such step")
