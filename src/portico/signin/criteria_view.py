"""The criteria for a new password as the JSON API shows them."""

import msgspec

from portico.factors.password_rules import PasswordPolicy, criteria
from portico.kernel.messages import Catalogues, Message, message
from portico.kernel.normalise import PASSWORD_MAX


class CriterionView(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion for a program: its code, its number and its sentence."""

    code: str
    count: int
    text: str


class CriteriaView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is asked of a new password."""

    criteria: list[CriterionView]
    max_length: int = PASSWORD_MAX


def criteria_view(policy: PasswordPolicy, catalogues: Catalogues, language: str) -> CriteriaView:
    """The criteria of a policy for the JSON API."""
    return CriteriaView(
        criteria=[
            CriterionView(
                code=criterion.code,
                count=criterion.count,
                text=catalogues.text(_sentence(criterion.code, criterion.count), language),
            )
            for criterion in criteria(policy)
        ]
    )


def _sentence(code: str, count: int) -> Message:
    return (
        message("password.criterion.length", count=count) if code == "length" else message(f"password.criterion.{code}")
    )
