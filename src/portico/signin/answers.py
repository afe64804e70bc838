"""The closed set of answers a person can give, and which step each of them fits. Pure.

The JSON API decodes its bodies straight into these; the pages build them from their forms.
"""

from typing import Annotated, TypeAlias

import msgspec

from portico.factors.contract import MailedLinkAnswer, PasswordAnswer
from portico.factors.proof import ProofKind
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.signin.steps import ChangePassword, Identify, Prove, Step


class IdentifierAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="identifier"):
    """Who one is: a mail address or a Portico ID."""

    identifier: Annotated[str, msgspec.Meta(max_length=IDENTIFIER_MAX)]


class NewPasswordAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="new_password"
):
    """A new password. ``repeat`` is checked where a form asks to type it twice."""

    new_password: str
    repeat_password: str | None = None


Answer: TypeAlias = IdentifierAnswer | PasswordAnswer | NewPasswordAnswer

PROOF_KINDS: dict[type[PasswordAnswer | MailedLinkAnswer], ProofKind] = {
    PasswordAnswer: ProofKind.PASSWORD,
    MailedLinkAnswer: ProofKind.MAILED_LINK,
}


def is_fitting(answer: Answer, step: Step) -> bool:
    """Whether an answer is one to this step. One that is not changes nothing and costs no try."""
    match answer:
        case IdentifierAnswer():
            return isinstance(step, Identify)
        case PasswordAnswer():
            return isinstance(step, Prove) and PROOF_KINDS[type(answer)] in step.kinds
        case NewPasswordAnswer():
            return isinstance(step, ChangePassword)
