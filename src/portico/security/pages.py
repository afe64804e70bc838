"""The pages behind "This was not me": what the button will do, and what it has done.

Opening a link only moves its token from the address into a short-lived cookie and leads to a clean address; mail
scanners may do so as often as they like. Only the button acts.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.mailed_link import LinkState
from portico.kernel.messages import message
from portico.security.model import Restored
from portico.security.service import SecurityLinks
from portico.web import cookies
from portico.web.body import Form
from portico.web.link_cookie import LinkCookie
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

NOT_ME = "/account/not-me"
DONE = "/account/not-me/done"

_GONE = {
    LinkState.USED: HTTPStatus.GONE,
    LinkState.EXPIRED: HTTPStatus.GONE,
    LinkState.INVALID: HTTPStatus.NOT_FOUND,
}


class SecurityPages:
    """Saying "This was not me" in a browser."""

    def __init__(self, *, pages: Pages, security: SecurityLinks) -> None:
        self._pages = pages
        self._link = LinkCookie(pages, cookies.SECURITY_LINK, cookies.SECURITY_LINK_LIFETIME)
        self._security = security

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", NOT_ME, self.show, Access.ANYONE),
            Endpoint("POST", NOT_ME, self.say_not_me, Access.ANYONE),
            Endpoint("GET", DONE, self.show_done, Access.ANYONE),
            Endpoint("GET", NOT_ME + "/{token}", self.open_link, Access.ANYONE),
        )

    async def open_link(self, request: Request) -> Response:
        """Move a live token into its cookie; say so where the link is dead."""
        token = request.path_params["token"]
        look = await self._security.look(token)
        if look.state is not LinkState.LIVE:
            return self._gone(request, look.state)
        response = self._pages.go(request, NOT_ME)
        self._link.keep(response, token)
        return response

    async def show(self, request: Request) -> Response:
        """What happened, and what the button will do."""
        look = await self._security.look(self._link.token(request))
        if look.state is not LinkState.LIVE:
            return self._gone(request, look.state)
        return self._pages.show(
            request,
            "security/not_me.html",
            bound_to=self._link.binding(request),
            what=message(f"security.event.{look.event}"),
            restores=look.restores,
        )

    async def say_not_me(self, request: Request) -> Response:
        """Burn the link and act."""
        await self._pages.read(request, Form, bound_to=self._link.binding(request))
        done = await self._security.say_not_me(self._link.token(request), self._pages.language(request))
        if isinstance(done, LinkState):
            return self._pages.go(request, NOT_ME)
        response = self._pages.go(request, DONE)
        self._link.forget(response)
        if done.restored is Restored.NO:
            return response
        restored = message(f"security.done.restored.{done.restored.value}")
        return self._pages.leave_notice(request, response, DONE, said=restored)

    async def show_done(self, request: Request) -> Response:
        """What was done, and what comes next."""
        return self._pages.show(request, "security/done.html", restored=self._pages.find_notice(request).said_message())

    def _gone(self, request: Request, state: LinkState) -> Response:
        """The page for a dead link, which offers a reset."""
        status = _GONE.get(state, HTTPStatus.NOT_FOUND)
        return self._pages.show(
            request, "security/link_gone.html", status=status, why=message(f"security.link.{state.value}")
        )
