"""The pages of second factors: proving one, choosing another, setting one up, the recovery code (S54-S60, S72-S79).

A step may be shown in more than one way, which the address says as ``?view=``: by which of the offered methods one goes
on, or that the key of an authenticator app is typed instead of scanned. Showing one changes nothing: a code is mailed
because a button was pressed, or where it is the default, and never because somebody looks.
"""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import ProofKind
from portico.kernel.clock import Clock
from portico.kernel.errors import Conflict
from portico.signin.reasons import names
from portico.signin.situation import Setup, Situation
from portico.signin.step_pages import (
    MANUAL,
    OTHERS,
    PASSKEY,
    SHOWN,
    failure_here,
    options_text,
    show_step,
    wait_seconds,
)
from portico.signin.steps import Enrol, Prove, SaveRecoveryCode
from portico.web.pages import Pages
from portico.web.qr import draw_qr

_GROUP = 4


class SecondFactorPages:
    """Shows the steps about second factors."""

    def __init__(self, pages: Pages, clock: Clock) -> None:
        self._pages = pages
        self._clock = clock

    def show_prove(self, request: Request, step: Prove, situation: Situation) -> Response:
        """The method that was chosen, else the default; or the list of all there are."""
        view = request.query_params.get("view", "")
        kinds = tuple(kind for kind in step.kinds if kind in SHOWN)
        chosen = next((kind for kind in kinds if kind.value == view), kinds[0])
        mailed: dict[str, Any] = {"is_mailed": step.resend_at is not None, "mailbox": step.mailbox}
        if view == OTHERS and len(kinds) > 1:
            shown = {"kinds": [kind.value for kind in kinds], "no_mail": step.no_mail, **mailed}
            return show_step(self._pages, request, "signin/other_methods.html", situation, **shown)
        values: dict[str, Any] = {}
        if chosen is ProofKind.PASSKEY:
            values = {"passkey": options_text(_setup(situation).passkey)}
        elif chosen is ProofKind.EMAIL_CODE:
            wait = wait_seconds(step.resend_at, self._clock.now())
            values = {**mailed, "wait_seconds": wait, "notice": self._pages.find_notice(request).said_message()}
        return show_step(
            self._pages,
            request,
            f"signin/prove_{chosen.value}.html",
            situation,
            view=chosen.value,
            has_others=len(kinds) > 1,
            no_mail=step.no_mail,
            asked_by=step.organization,
            failure=failure_here(chosen, situation),
            **values,
        )

    async def show_enrol(self, request: Request, step: Enrol, situation: Situation) -> Response:
        """The QR code; or the key, for whoever cannot scan it; or a passkey, where one may be set up instead."""
        setup, view = _setup(situation), request.query_params.get("view")
        has_app, has_passkey = ProofKind.TOTP in step.kinds, ProofKind.PASSKEY in step.kinds
        values: dict[str, Any] = {"asked_by": names(step.organizations)}
        if has_passkey and (view == PASSKEY or not has_app):
            values |= {"view": PASSKEY, "passkey": options_text(setup.passkey), "has_app": has_app}
            values["failure"] = failure_here(ProofKind.PASSKEY, situation)
            return show_step(self._pages, request, "signin/enrol_passkey.html", situation, **values)
        values |= {"has_passkey": has_passkey, "failure": failure_here(ProofKind.TOTP, situation)}
        if view == MANUAL:
            key = setup.totp_key
            values["groups"] = [key[start : start + _GROUP] for start in range(0, len(key), _GROUP)]
            return show_step(
                self._pages, request, "signin/enrol_manual.html", situation, view=MANUAL, key=key, **values
            )
        qr = await asyncio.to_thread(draw_qr, setup.totp_uri)
        return show_step(self._pages, request, "signin/enrol_totp.html", situation, view="", qr=qr, **values)

    def show_recovery_code(self, request: Request, step: SaveRecoveryCode, situation: Situation) -> Response:
        """The new recovery code, behind its gate."""
        code = _setup(situation).recovery_code
        return show_step(
            self._pages, request, "signin/save_recovery_code.html", situation, code=code, why=step.why.value
        )


def _setup(situation: Situation) -> Setup:
    if situation.setup is None:
        raise Conflict("there is nothing to set up")
    return situation.setup
