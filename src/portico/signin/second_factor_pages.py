"""The pages of second factors: proving one, choosing another, setting one up, keeping the recovery code (S54-S60, S72).

A step may be shown in more than one way, which the address says as ``?view=``: by which of the offered methods one goes
on, or that the key of an authenticator app is typed instead of scanned. Every way leads on by the same form.
"""

import asyncio
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import ProofKind
from portico.kernel.errors import Conflict
from portico.kernel.messages import Message
from portico.signin.reasons import names
from portico.signin.situation import Setup, Situation
from portico.signin.steps import Enrol, Prove, SaveRecoveryCode
from portico.web.pages import Pages, shown_failure
from portico.web.qr import draw_qr
from portico.web.templates import Failure

MANUAL, OTHERS = "manual", "others"
_GROUP = 4
SHOWN = frozenset({ProofKind.TOTP, ProofKind.RECOVERY_CODE})
"""The kinds of proof that have a page here."""


def step_path(attempt_id: str, view: str = "") -> str:
    """Where a step is shown, in a certain way if it has several."""
    known = {MANUAL, *(kind.value for kind in SHOWN)}
    return f"/signin/{attempt_id}" + (f"?{urlencode({'view': view})}" if view in known else "")


class SecondFactorPages:
    """Shows the steps about second factors."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def show_prove(self, request: Request, step: Prove, situation: Situation) -> Response:
        """The method that was chosen, else the default; or the list of all there are."""
        view = request.query_params.get("view", "")
        kinds = tuple(kind for kind in step.kinds if kind in SHOWN)
        chosen = next((kind for kind in kinds if kind.value == view), kinds[0])
        if view == OTHERS and len(kinds) > 1:
            return self._show(request, "signin/other_methods.html", situation, kinds=[kind.value for kind in kinds])
        return self._show(
            request,
            f"signin/prove_{chosen.value}.html",
            situation,
            view=chosen.value,
            has_others=len(kinds) > 1,
            asked_by=step.organization,
        )

    async def show_enrol(self, request: Request, step: Enrol, situation: Situation) -> Response:
        """The QR code; or the key, for whoever cannot scan it."""
        setup, asked_by = _setup(situation), names(step.organizations)
        if request.query_params.get("view") == MANUAL:
            key = setup.totp_key
            groups = [key[start : start + _GROUP] for start in range(0, len(key), _GROUP)]
            return self._show(
                request, "signin/enrol_manual.html", situation, view=MANUAL, key=key, groups=groups, asked_by=asked_by
            )
        qr = await asyncio.to_thread(draw_qr, setup.totp_uri)
        return self._show(request, "signin/enrol_totp.html", situation, view="", qr=qr, asked_by=asked_by)

    def show_recovery_code(self, request: Request, step: SaveRecoveryCode, situation: Situation) -> Response:
        """The new recovery code, behind its gate."""
        code = _setup(situation).recovery_code
        return self._show(request, "signin/save_recovery_code.html", situation, code=code, why=step.why.value)

    def _show(self, request: Request, template: str, situation: Situation, **values: Any) -> Response:
        attempt = situation.attempt
        return self._pages.show(
            request,
            template,
            attempt_id=attempt.id,
            version=attempt.version,
            failure=attempt_failure(situation),
            **values,
        )


def attempt_failure(situation: Situation) -> Failure | None:
    """Why the last answer was not good, as templates show it."""
    failure = situation.attempt.failure
    return shown_failure(Message(failure.code, failure.params), failure.field) if failure else None


def _setup(situation: Situation) -> Setup:
    if situation.setup is None:
        raise Conflict("there is nothing to set up")
    return situation.setup
