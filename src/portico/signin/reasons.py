"""Why a step is asked, in words: which organizations ask, and for what."""

from collections.abc import Sequence

from portico.kernel.messages import Message
from portico.signin.steps import Announced, ChangePassword, RemindPassword


def why_change(step: ChangePassword) -> Message:
    """Why a new password is to be chosen."""
    params: dict[str, str | int] = {"organizations": names(step.organizations)}
    if step.days is not None:
        params["count"] = step.days
    by_whom = ".by" if step.organizations else ""
    return Message(f"signin.change_password.why.{step.why.value}{by_whom}", params)


def announcement(step: Announced) -> Message:
    """What is going to be asked, and by whom."""
    return Message(f"signin.announced.{step.what.value}", {"organizations": names(step.organizations)})


def reminding(step: RemindPassword) -> Message:
    """Who asks for a new password, and how often."""
    return Message("signin.reminder.why", {"count": step.every_days, "organizations": names(step.organizations)})


def names(organizations: Sequence[str]) -> str:
    """Names in a row: of organizations, so there is no "and" to translate."""
    return ", ".join(organizations)
