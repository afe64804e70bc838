"""The criteria for a new password as the JSON API shows them."""

from datetime import UTC, datetime

import msgspec

from portico.factors.password_rules import REFUSED
from portico.kernel.messages import Catalogues, Message, message
from portico.kernel.normalise import PASSWORD_MAX
from portico.signin.password_criteria import HISTORY, AskedCriteria, Asking

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


class AskingView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An organization that asks for more than the deployment does, and for what; ``since`` when, if it is announced."""

    organization: str
    text: str
    since: datetime | None = None


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
            AskingView(
                organization=str(one.said.params["organization"]),
                text=catalogues.text(_with_day(one, catalogues, language), language),
                since=one.since,
            )
            for one in asked.asked
        ],
    )


def _with_day(asking: Asking, catalogues: Catalogues, language: str) -> Message:
    """The sentence, with the instant from which on it is so."""
    if asking.since is None:
        return asking.said
    at = asking.since.astimezone(UTC)
    month = catalogues.text(message(f"date.month.{at.month}"), language)
    instant = message("date.instant", day=at.day, month=month, year=at.year, time=f"{at:%H:%M}")
    return Message(asking.said.code, {**asking.said.params, "day": catalogues.text(instant, language)})


def _sentence(code: str, count: int) -> Message:
    said = f"password.criterion.{code}"
    return message(said, count=count) if code in _COUNTED else message(said)
