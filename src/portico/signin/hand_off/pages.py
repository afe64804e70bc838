"""The pages of a hand-off: who is meant, the new password, and what comes next (D26, S91-S97).

Opening the address only moves its token into a short-lived cookie and leads to a clean address. The POST of *Continue
as* uses it up; nothing here reads, replaces or ends the session of the browser.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from portico.accounts.model import Account
from portico.factors.password import WRONG
from portico.factors.proof import ProofKind
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound, Throttled
from portico.kernel.messages import message
from portico.sessions.door import SessionGate
from portico.signin.answers import NewPasswordAnswer
from portico.signin.door import Visitors
from portico.signin.hand_off.service import DONE, HandedOver, HandOffs, Updated
from portico.signin.reasons import why_change
from portico.signin.situation import Situation
from portico.signin.step_pages import attempt_failure
from portico.signin.steps import ChangePassword, Finished, Prove, Refused, RefusedReason
from portico.signin.waiting.model import HandOffState
from portico.web import cookies
from portico.web.body import Form
from portico.web.link_cookie import LinkCookie
from portico.web.pages import Pages, shown_failure
from portico.web.routing import Access, Endpoint
from portico.web.templates import Failure

HAND_OFF = "/handoff"
UPDATE = "/handoff/update"
_GOES_ON = "app_goes_on"
_PRESENT_WRONG = message("my_account.password.current_wrong")


class UpdateForm(Form, frozen=True, kw_only=True):
    """The present password, and the new one twice; ``username`` is there for password managers."""

    version: int = 0
    username: str = ""
    password: str = ""
    new_password: str = ""
    repeat_password: str = ""


class HandOffPages:
    """What an app has handed over, in a browser."""

    def __init__(
        self, *, pages: Pages, visitors: Visitors, gate: SessionGate, hand_offs: HandOffs, clock: Clock
    ) -> None:
        self._pages = pages
        self._link = LinkCookie(pages, cookies.HAND_OFF, cookies.HAND_OFF_LIFETIME)
        self._visitors = visitors
        self._gate = gate
        self._hand_offs = hand_offs
        self._clock = clock

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", HAND_OFF, self.show, Access.ANYONE),
            Endpoint("POST", HAND_OFF, self.take_up, Access.ANYONE),
            Endpoint("GET", DONE, self.show_done, Access.ANYONE),
            Endpoint("GET", UPDATE + "/{attempt_id}", self.show_update, Access.ATTEMPT_HOLDER),
            Endpoint("POST", UPDATE + "/{attempt_id}", self.update, Access.ATTEMPT_HOLDER),
            Endpoint("GET", HAND_OFF + "/{token}", self.open, Access.ANYONE),
        )

    async def open(self, request: Request) -> Response:
        """Move a live token into its cookie; say so where it is dead."""
        token = request.path_params["token"]
        hand_off = await self._hand_offs.open(token)
        if hand_off.state is not HandOffState.LIVE:
            return self._gone(request, hand_off.state)
        response = self._pages.go(request, HAND_OFF)
        self._link.keep(response, token)
        return response

    async def show(self, request: Request) -> Response:
        """Who is meant; and that whoever else is signed in here stays so."""
        hand_off = await self._hand_offs.open(self._link.token(request))
        if hand_off.account is None:
            return self._gone(request, hand_off.state)
        account, signed_in = hand_off.account, await self._gate.find_signed_in(request)
        is_other = signed_in is not None and signed_in.account.id != account.id
        return self._pages.show(
            request,
            "hand_off/show.html",
            bound_to=self._link.binding(request),
            name=_called(account),
            address=account.address,
            other=_called(signed_in.account) if signed_in is not None and is_other else "",
        )

    async def take_up(self, request: Request) -> Response:
        """Use the hand-off up, and lead to what it is for."""
        await self._pages.read(request, Form, bound_to=self._link.binding(request))
        begun = await self._hand_offs.take_up(self._link.token(request), await self._visitors.browser(request))
        if isinstance(begun, HandOffState):
            return self._gone(request, begun)
        response = self._pages.go(request, f"{UPDATE}/{begun.attempt.id}")
        self._link.forget(response)
        return response

    async def show_update(self, request: Request) -> Response:
        """Where the new password is chosen."""
        visitor = await self._visitors.browser(request)
        try:
            handed_over = await self._hand_offs.look(request.path_params["attempt_id"], visitor)
        except NotFound:
            return self._gone(request, HandOffState.OVER, HTTPStatus.NOT_FOUND)
        if handed_over is None:
            return self._to_sign_in(request)
        match handed_over.situation.step:
            case Prove(kinds=kinds) if ProofKind.PASSWORD in kinds:
                return self._update(request, handed_over, asks_present=True)
            case ChangePassword():
                return self._update(request, handed_over, asks_present=False)
            case Refused(reason=RefusedReason.ATTEMPT_OVER):
                return self._gone(request, HandOffState.OVER)
            case _:
                return self._to_sign_in(request)

    async def update(self, request: Request) -> Response:
        """Take the passwords; lead to the success page, or back to what is to be mended."""
        form = await self._pages.read(request, UpdateForm)
        new = NewPasswordAnswer(new_password=form.new_password, repeat_password=form.repeat_password)
        visitor, attempt_id = await self._visitors.browser(request), request.path_params["attempt_id"]
        try:
            updated = await self._hand_offs.update(attempt_id, form.version, form.password, new, visitor)
        except NotFound:
            return self._gone(request, HandOffState.OVER, HTTPStatus.NOT_FOUND)
        if updated is None:
            return self._to_sign_in(request)
        match updated.situation.step:
            case Finished():
                return self._finished(request, updated)
            case Refused(reason=RefusedReason.TOO_MANY_TRIES, until=until) if until is not None:
                raise Throttled(until - self._clock.now())
            case _:
                return self._pages.go(request, f"{UPDATE}/{attempt_id}")

    async def show_done(self, request: Request) -> Response:
        """The success page, with the three next steps."""
        values = self._pages.find_notice(request).values
        return self._pages.show(request, "hand_off/done.html", app_goes_on=bool(values.get(_GOES_ON)))

    def _to_sign_in(self, request: Request) -> Response:
        """To where every step of every attempt has its page."""
        return self._pages.go(request, f"/signin/{request.path_params['attempt_id']}")

    def _finished(self, request: Request, updated: Updated) -> Response:
        values = {_GOES_ON: "yes"} if updated.app_goes_on else {}
        return self._pages.leave_notice(request, self._pages.go(request, DONE), DONE, values=values)

    def _update(self, request: Request, handed_over: HandedOver, *, asks_present: bool) -> Response:
        attempt = handed_over.situation.attempt
        return self._pages.show(
            request,
            "hand_off/update.html",
            attempt_id=attempt.id,
            version=attempt.version,
            identifier=attempt.identifier,
            why=why_change(handed_over.why),
            asks_present=asks_present,
            asked=handed_over.criteria,
            failure=_failure(handed_over.situation),
        )

    def _gone(self, request: Request, state: HandOffState, status: HTTPStatus | None = None) -> Response:
        """What has happened, and what to do next: it is always the app that one goes back to."""
        usual = HTTPStatus.NOT_FOUND if state is HandOffState.INVALID else HTTPStatus.GONE
        return self._pages.show(
            request,
            "hand_off/gone.html",
            status=status or usual,
            why=message(f"hand_off.gone.{state.value}"),
            next=message(f"hand_off.gone.{state.value}.next"),
        )


def _called(account: Account) -> str:
    return account.name or account.handle


def _failure(situation: Situation) -> Failure | None:
    """Why the form came back; the sign-in's words for a wrong password speak of another page."""
    failure = situation.attempt.failure
    is_present = failure is not None and failure.code == WRONG.code
    return shown_failure(_PRESENT_WRONG, WRONG.field) if is_present else attempt_failure(situation)
