"""What an app shows where a new password is due, and where it asks for the way to the page (S90, S91)."""

import msgspec

from portico.kernel.messages import Catalogues, message
from portico.signin.attempt import ClientKind
from portico.signin.reasons import why_change
from portico.signin.situation import Situation
from portico.signin.steps import ChangePassword


class UpdatePasswordView(msgspec.Struct, frozen=True, kw_only=True):
    """The error a sign-in stops with, in words and with who asks; what the button says, and what it calls.

    `POST` to ``hand_off`` gives an address for the browser. An app with a form of its own may answer the step instead.
    """

    code: str
    text: str
    why: str
    button: str
    hand_off: str


def hand_off_path(attempt_id: str) -> str:
    """Where an attempt asks for its hand-off."""
    return f"/api/v1/signin/{attempt_id}/handoff"


def update_password_view(situation: Situation, catalogues: Catalogues, language: str) -> UpdatePasswordView | None:
    """What an app is told whose attempt stands at a new password; None where it stands elsewhere."""
    attempt, step = situation.attempt, situation.step
    if attempt.client_kind is not ClientKind.NATIVE or not isinstance(step, ChangePassword):
        return None
    told = message(f"hand_off.told.{step.why.value}")
    return UpdatePasswordView(
        code=told.code,
        text=catalogues.text(told, language),
        why=catalogues.text(why_change(step), language),
        button=catalogues.text(message("hand_off.update.submit"), language),
        hand_off=hand_off_path(attempt.id),
    )
