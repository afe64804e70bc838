"""What the pages of all steps share: where a step is shown and in which way, and what each of its pages carries."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import ProofKind
from portico.kernel.messages import Message
from portico.signin.situation import Situation
from portico.web.pages import Pages, shown_failure
from portico.web.templates import Failure

MANUAL, OTHERS, PASSKEY = "manual", "others", ProofKind.PASSKEY.value
FIRST = "first"
"""What ``resend`` says where no code was mailed before."""
SHOWN = frozenset({ProofKind.TOTP, ProofKind.PASSKEY, ProofKind.EMAIL_CODE, ProofKind.RECOVERY_CODE})
"""The kinds of proof that have a page here."""


def step_path(attempt_id: str, view: str = "") -> str:
    """Where a step is shown, in a certain way if it has several."""
    known = {MANUAL, *(kind.value for kind in SHOWN)}
    return f"/signin/{attempt_id}" + (f"?{urlencode({'view': view})}" if view in known else "")


def show_step(pages: Pages, request: Request, template: str, situation: Situation, **values: Any) -> Response:
    """A step as a page, with what its forms send along and with why the last answer was not good."""
    attempt = situation.attempt
    return pages.show(
        request,
        template,
        **{"attempt_id": attempt.id, "version": attempt.version, "failure": attempt_failure(situation), **values},
    )


def options_text(options: Mapping[str, Any] | None) -> str:
    """What a browser is asked about passkeys, as its page carries it; empty where it is asked nothing."""
    return msgspec.json.encode(options).decode() if options else ""


def wait_seconds(free_at: datetime | None, now: datetime) -> int:
    """How long until another code may be asked for, in whole seconds."""
    return max(0, -(-(free_at - now) // timedelta(seconds=1))) if free_at else 0


def attempt_failure(situation: Situation) -> Failure | None:
    """Why the last answer was not good, as templates show it."""
    failure = situation.attempt.failure
    return shown_failure(Message(failure.code, failure.params), failure.field) if failure else None


def failure_here(kind: ProofKind, situation: Situation) -> Failure | None:
    """The same on the page of one method: what was not good about another is not said there."""
    failure = situation.attempt.failure
    about = failure.code.split(".")[0] if failure else ""
    return None if about != kind and about in {other.value for other in SHOWN} else attempt_failure(situation)
