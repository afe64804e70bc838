"""The page a browser is led to when its session has to take a step, or is shown one that is to come.

``GET /renew`` says who asks for what; its form begins the attempt. Only a POST begins one.
"""

from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.messages import Message, message
from portico.sessions.door import SessionGate
from portico.signin.answers import AnnouncementAnswer
from portico.signin.door import Visitors
from portico.signin.pages import HOME
from portico.signin.reasons import announcement, names, why_change
from portico.signin.renewal import Renewal
from portico.signin.service import SignIn
from portico.signin.steps import Announced, ChangePassword, Enrol, Finished, Prove, Refused, Step, VerifyEmail
from portico.web.body import Form
from portico.web.pages import Pages
from portico.web.return_to import own_path
from portico.web.routing import Access, Endpoint


class RenewForm(Form, frozen=True, kw_only=True):
    """Whether to go on now or later, and where to go afterwards."""

    now: str = ""
    return_to: str = ""


class RenewalPages:
    """Deciding again about a browser's session."""

    def __init__(
        self, *, pages: Pages, visitors: Visitors, gate: SessionGate, renewal: Renewal, sign_in: SignIn
    ) -> None:
        self._pages = pages
        self._visitors = visitors
        self._gate = gate
        self._renewal = renewal
        self._sign_in = sign_in

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", "/renew", self.show, Access.SIGNED_IN, opens_when_due=True),
            Endpoint("POST", "/renew", self.begin, Access.SIGNED_IN, opens_when_due=True),
        )

    async def show(self, request: Request) -> Response:
        """Who asks for what, and from when on; on to the page that was wanted if nobody asks anything."""
        signed_in = await self._gate.get_signed_in(request)
        return_to = own_path(request.query_params.get("return_to", ""))
        step = await self._renewal.find_due(signed_in)
        if step is None:
            return self._pages.go(request, return_to or HOME)
        return self._pages.show(
            request,
            "signin/renew.html",
            bound_to=signed_in.session.id,
            return_to=return_to,
            why=_why(step),
            kind=step.what.value if isinstance(step, Announced) else "",
            enforced_from=step.enforced_from if isinstance(step, Announced) else None,
            is_unsent=bool(request.query_params.get("unsent")),
        )

    async def begin(self, request: Request) -> Response:
        """Begin the attempt in which the step is taken, or put it off where it may be."""
        signed_in = await self._gate.get_signed_in(request)
        form = await self._pages.read(request, RenewForm, bound_to=signed_in.session.id)
        visitor = await self._visitors.browser(request)
        situation = await self._renewal.begin(visitor, signed_in, own_path(form.return_to))
        attempt = situation.attempt
        if isinstance(situation.step, Announced):
            answer = AnnouncementAnswer(now=bool(form.now))
            situation = await self._sign_in.answer(attempt.id, attempt.version, answer, visitor)
        if isinstance(situation.step, Finished):
            return self._pages.go(request, attempt.return_to or HOME)
        return self._pages.go(request, f"/signin/{attempt.id}")


def _why(step: Step) -> Message:
    """Why somebody who is signed in is asked for something."""
    match step:
        case ChangePassword():
            return why_change(step)
        case VerifyEmail(organizations=asking) | Enrol(organizations=asking) if asking:
            return Message("signin.renew.why.enrol.by", {"organizations": names(asking)})
        case Announced():
            return announcement(step)
        case Prove(organization=organization) | Refused(organization=organization) if organization:
            return Message("signin.renew.why.prove.by", {"organizations": names((organization,))})
        case _:
            return message("signin.renew.why")
