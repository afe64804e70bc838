"""The criteria for a new password as the JSON API shows them."""

import msgspec

from portico.factors.password_rules import REFUSED
from portico.kernel.messages import Catalogues, Message, message
from portico.kernel.normalise import PASSWORD_MAX
from portico.signin.password_criteria import HISTORY, AskedCriteria

_COUNTED = ("length", HISTORY)
"""The criteria whose sentence has a number."""


class CriterionView(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion for a program: its code, its number and its sentence."""

    code: str
    count: int
    text: str


class RefusedView(msgspec.Struct, frozen=True, kw_only=True):
    """Something a new password is refused for that only the server can judge: its code and its sentence."""

    code: str
    text: str


class AskingView(msgspec.Struct, frozen=True, kw_only=True):
    """An organization that asks for more than the deployment does, and for what."""

    organization: str
    text: str


class CriteriaView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is asked of a new password. ``refused`` is to be told, and not to be waited for."""

    criteria: list[CriterionView]
    refused: list[RefusedView]
    asked: list[AskingView] = []
    max_length: int = PASSWORD_MAX


def criteria_view(asked: AskedCriteria, catalogues: Catalogues, language: str) -> CriteriaView:
    """The criteria for somebody's new password for the JSON API."""
    return CriteriaView(
        criteria=[
            CriterionView(
                code=criterion.code,
                count=criterion.count,
                text=catalogues.text(_sentence(criterion.code, criterion.count), language),
            )
            for criterion in asked.criteria
        ],
        refused=[
            RefusedView(code=code, text=catalogues.text(message(f"password.refused.{code}"), language))
            for code in REFUSED
        ],
        asked=[
            AskingView(organization=str(said.params["organization"]), text=catalogues.text(said, language))
            for said in asked.asked
        ],
    )


def _sentence(code: str, count: int) -> Message:
    said = f"password.criterion.{code}"
    return message(said, count=count) if code in _COUNTED else message(said)
