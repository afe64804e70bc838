"""The pages of a password reset: asking for a link, opening it, choosing a password, and what comes next.

Opening a link only moves its token from the address into a short-lived cookie and leads to a clean address; mail
scanners may do so as often as they like. The POST of the new password is what burns it.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.mailed_link import LinkState
from portico.kernel.messages import Message, message
from portico.kernel.normalise import IDENTIFIER_MAX, one_line
from portico.signin.answers import NewPasswordAnswer
from portico.signin.door import Visitors
from portico.signin.password_criteria import PasswordCriteria
from portico.signin.reset import OpenLink, PasswordReset
from portico.web import cookies
from portico.web.body import Form
from portico.web.link_cookie import LinkCookie
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

REQUEST = "/account/passwordreset"
SENT = "/account/passwordreset/sent"
CHOOSE = "/account/passwordreset/new"
DONE = "/account/passwordreset/done"

_GONE = {
    LinkState.USED: HTTPStatus.GONE,
    LinkState.EXPIRED: HTTPStatus.GONE,
    LinkState.INVALID: HTTPStatus.NOT_FOUND,
}


class RequestForm(Form, frozen=True, kw_only=True):
    """Whose password."""

    identifier: str = ""


class ChooseForm(Form, frozen=True, kw_only=True):
    """The new password, twice; ``username`` is there for password managers."""

    username: str = ""
    new_password: str = ""
    repeat_password: str = ""


class ResetPages:
    """Resetting a password in a browser."""

    def __init__(self, *, pages: Pages, visitors: Visitors, reset: PasswordReset, criteria: PasswordCriteria) -> None:
        self._pages = pages
        self._link = LinkCookie(pages, cookies.RESET_LINK, cookies.RESET_LINK_LIFETIME)
        self._visitors = visitors
        self._reset = reset
        self._criteria = criteria

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", REQUEST, self.show_request, Access.ANYONE),
            Endpoint("POST", REQUEST, self.request, Access.ANYONE),
            Endpoint("GET", SENT, self.show_sent, Access.ANYONE),
            Endpoint("GET", CHOOSE, self.show_choose, Access.ANYONE),
            Endpoint("POST", CHOOSE, self.choose, Access.ANYONE),
            Endpoint("GET", DONE, self.show_done, Access.ANYONE),
            Endpoint("GET", REQUEST + "/{token}", self.open_link, Access.ANYONE),
        )

    async def show_request(self, request: Request) -> Response:
        """Where a link is asked for."""
        notice = self._pages.find_notice(request)
        earlier = await self._visitors.find_attempt(request)
        return self._pages.show(
            request,
            "reset/request.html",
            identifier=earlier.identifier if earlier else notice.values.get("identifier", ""),
            failure=notice.shown_failure(),
        )

    async def request(self, request: Request) -> Response:
        """Take a request; the answer is the same whoever is meant."""
        form = await self._pages.read(request, RequestForm)
        identifier = one_line(form.identifier)
        values = {"identifier": identifier[:IDENTIFIER_MAX]}
        if not identifier:
            return self._pages.leave_notice(
                request,
                self._pages.go(request, REQUEST),
                REQUEST,
                failure=message("signin.identifier.missing"),
                field="identifier",
            )
        await self._reset.request(identifier, await self._visitors.browser(request))
        return self._pages.leave_notice(request, self._pages.go(request, SENT), SENT, values=values)

    async def show_sent(self, request: Request) -> Response:
        """Where to look for the mail. Without a request just made there is nothing to say."""
        identifier = self._pages.find_notice(request).values.get("identifier")
        if identifier is None:
            return self._pages.go(request, REQUEST)
        return self._pages.show(request, "reset/sent.html", identifier=identifier)

    async def open_link(self, request: Request) -> Response:
        """Move a live token into its cookie; say so where the link is dead."""
        token = request.path_params["token"]
        link = await self._reset.open_link(token)
        if link.state is not LinkState.LIVE:
            return self._gone(request, link.state)
        response = self._pages.go(request, CHOOSE)
        self._link.keep(response, token)
        return response

    async def show_choose(self, request: Request) -> Response:
        """Where the new password is chosen, as long as the link lives."""
        link = await self._open(request)
        if link.account is None:
            return self._gone(request, link.state)
        return self._pages.show(
            request,
            "reset/choose.html",
            bound_to=self._link.binding(request),
            identifier=link.account.address,
            asked=await self._criteria.get(link.account.id),
            failure=self._pages.find_notice(request).shown_failure(),
        )

    async def choose(self, request: Request) -> Response:
        """Burn the link and set the password."""
        form = await self._pages.read(request, ChooseForm, bound_to=self._link.binding(request))
        answer = NewPasswordAnswer(new_password=form.new_password, repeat_password=form.repeat_password)
        done = await self._reset.finish(self._link.token(request), answer, await self._visitors.browser(request))
        if done.is_done:
            response = self._pages.go(request, DONE)
            self._link.forget(response)
            return response
        if done.refused is not None:
            code = f"signin.refused.{done.refused.reason.value}"
            return self._pages.show(
                request, "signin/refused.html", status=403, reason=message(code), next=message(f"{code}.next")
            )
        response = self._pages.go(request, CHOOSE)
        if done.failure is None:
            return response
        failure = Message(done.failure.code, done.failure.params)
        return self._pages.leave_notice(request, response, CHOOSE, failure=failure, field=done.failure.field)

    async def show_done(self, request: Request) -> Response:
        """The success page, with the three next steps."""
        return self._pages.show(request, "reset/done.html")

    async def _open(self, request: Request) -> OpenLink:
        return await self._reset.open_link(self._link.token(request))

    def _gone(self, request: Request, state: LinkState) -> Response:
        """The page for a dead link, which offers a new one."""
        status = _GONE.get(state, HTTPStatus.NOT_FOUND)
        return self._pages.show(
            request, "reset/link_gone.html", status=status, why=message(f"reset.link.{state.value}")
        )
