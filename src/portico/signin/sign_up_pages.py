"""The pages of signing up that come before and beside the steps: the address, and the link from the mail.

The steps themselves (the code, names and password) are shown where all steps are, by ``signin/pages``. Opening a link
only moves its token from the address into a short-lived cookie; the POST burns it and takes the sign-up over to this
browser.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.mailed_link import LinkState
from portico.kernel.clock import Clock
from portico.kernel.errors import Conflict
from portico.kernel.messages import message
from portico.kernel.normalise import IDENTIFIER_MAX, address_key, one_line
from portico.sessions.door import SessionGate
from portico.signin.attempt import ClientKind
from portico.signin.door import Visitors
from portico.signin.form import FORM_LIFETIME, PURPOSE, SignInForm, decode_form, encode_form, spent_hash
from portico.signin.sign_up import SignUp
from portico.signin.situation import Beginning
from portico.web import cookies
from portico.web.body import Form
from portico.web.link_cookie import LinkCookie
from portico.web.pages import Pages
from portico.web.return_to import own_path
from portico.web.routing import Access, Endpoint

ADDRESS = "/signup"
LINK = "/signup/link"

_GONE = {
    LinkState.USED: HTTPStatus.GONE,
    LinkState.EXPIRED: HTTPStatus.GONE,
    LinkState.INVALID: HTTPStatus.NOT_FOUND,
}


class AddressForm(Form, frozen=True, kw_only=True):
    """The address, and the sealed value the form was shown with."""

    form: str = ""
    address: str = ""


class SignUpPages:
    """Signing up, in a browser."""

    def __init__(self, *, pages: Pages, visitors: Visitors, gate: SessionGate, sign_up: SignUp, clock: Clock) -> None:
        self._pages = pages
        self._link = LinkCookie(pages, cookies.SIGN_UP_LINK, cookies.SIGN_UP_LINK_LIFETIME)
        self._visitors = visitors
        self._gate = gate
        self._sign_up = sign_up
        self._clock = clock

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", ADDRESS, self.show_address, Access.ANYONE),
            Endpoint("POST", ADDRESS, self.begin, Access.ANYONE),
            Endpoint("GET", LINK, self.show_link, Access.ANYONE),
            Endpoint("POST", LINK, self.go_on, Access.ANYONE),
            Endpoint("GET", LINK + "/{token}", self.open_link, Access.ANYONE),
        )

    async def show_address(self, request: Request) -> Response:
        """Where the address is asked for; whoever is signed in has an account and is led to it."""
        self._sign_up.require_open()
        if await self._gate.find_signed_in(request) is not None:
            return self._pages.go(request, "/signin")
        notice = self._pages.find_notice(request)
        earlier = await self._visitors.find_attempt(request)
        return_to = earlier.return_to if earlier else own_path(request.query_params.get("return_to", ""))
        form = SignInForm(return_to=return_to, expires_at=self._clock.now() + FORM_LIFETIME)
        return self._pages.show(
            request,
            "signin/sign_up.html",
            form=self._pages.seal_form(request, encode_form(form), PURPOSE),
            address=notice.values.get("address", earlier.identifier if earlier else ""),
            failure=notice.shown_failure(),
        )

    async def begin(self, request: Request) -> Response:
        """Begin a sign-up; the answer is the same whether the address is taken or not."""
        form = await self._pages.read(request, AddressForm)
        sealed = decode_form(self._pages.unseal_form(request, form.form, PURPOSE), self._clock.now())
        address = one_line(form.address)
        if address_key(address) is None:
            return self._pages.leave_notice(
                request,
                self._pages.go(request, ADDRESS),
                ADDRESS,
                failure=message("signup.address.missing" if not address else "signup.address.impossible"),
                field="address",
                values={"address": address[:IDENTIFIER_MAX]},
            )
        beginning = Beginning(
            client_kind=ClientKind.BROWSER,
            identifier=address,
            return_to=sealed.return_to if sealed else "",
            spends=spent_hash(form.form) if sealed else None,
            spent_until=sealed.expires_at if sealed else None,
        )
        situation = await self._sign_up.begin(beginning, await self._visitors.browser(request))
        return self._pages.go(request, f"/signin/{situation.attempt.id}")

    async def open_link(self, request: Request) -> Response:
        """Move a live token into its cookie; say so where the link is dead."""
        token = request.path_params["token"]
        link = await self._sign_up.open_link(token)
        if link.state is not LinkState.LIVE:
            return self._gone(request, link.state)
        response = self._pages.go(request, LINK)
        self._link.keep(response, token)
        return response

    async def show_link(self, request: Request) -> Response:
        """Ask whether to go on in this browser."""
        link = await self._sign_up.open_link(self._link.token(request))
        if link.state is not LinkState.LIVE:
            return self._gone(request, link.state)
        return self._pages.show(
            request, "signin/sign_up_link.html", bound_to=self._link.binding(request), address=link.address
        )

    async def go_on(self, request: Request) -> Response:
        """Burn the link and go on with the sign-up in this browser."""
        await self._pages.read(request, Form, bound_to=self._link.binding(request))
        try:
            attempt = await self._sign_up.go_on(self._link.token(request), await self._visitors.browser(request))
        except Conflict:
            attempt = None
        if attempt is None:
            return self._pages.go(request, LINK)
        response = self._pages.go(request, f"/signin/{attempt.id}")
        self._link.forget(response)
        return response

    def _gone(self, request: Request, state: LinkState) -> Response:
        """The page for a dead link."""
        return self._pages.show(
            request,
            "signin/sign_up_link_gone.html",
            status=_GONE.get(state, HTTPStatus.NOT_FOUND),
            why=message(f"reset.link.{state.value}"),
            next=message(f"signup.link_gone.{state.value}"),
        )
