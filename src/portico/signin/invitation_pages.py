"""The pages of an invitation: who invites to what, and the button that accepts.

Opening a link only moves its token from the address into a short-lived cookie; the page behind it shows and changes
nothing. What accepting takes (a password, an account) is asked where all steps are, by ``signin/pages``.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import Conflict
from portico.kernel.messages import Message, message
from portico.kernel.normalise import IDENTIFIER_MAX, one_line
from portico.organizations.invitations.model import InvitationState
from portico.organizations.model import Role
from portico.sessions.door import SessionGate
from portico.sessions.model import SignedIn
from portico.signin.accepting import Accepting, InvitationGone, InvitedAnother, Look, NextMove
from portico.signin.attempt import ClientKind
from portico.signin.door import Visitors
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation
from portico.signin.steps import Finished
from portico.web import cookies
from portico.web.body import Form
from portico.web.link_cookie import LinkCookie
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

INVITATION = "/invitation"
SIGN_OUT = "/invitation/sign-out"


class AcceptForm(Form, frozen=True, kw_only=True):
    """Who one is, where one has to sign in."""

    identifier: str = ""


class InvitationPages:
    """Accepting an invitation in a browser."""

    def __init__(
        self, *, pages: Pages, visitors: Visitors, gate: SessionGate, accepting: Accepting, sign_in: SignIn
    ) -> None:
        self._pages = pages
        self._link = LinkCookie(pages, cookies.INVITATION_LINK, cookies.INVITATION_LINK_LIFETIME)
        self._visitors = visitors
        self._gate = gate
        self._accepting = accepting
        self._sign_in = sign_in

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", INVITATION, self.show, Access.ANYONE),
            Endpoint("POST", INVITATION, self.accept, Access.ANYONE),
            Endpoint("POST", SIGN_OUT, self.sign_out, Access.ANYONE),
            Endpoint("GET", INVITATION + "/{token}", self.open_link, Access.ANYONE),
        )

    async def open_link(self, request: Request) -> Response:
        """Move a token into its cookie; say so where the link is none of ours."""
        token = request.path_params["token"]
        look = await self._accepting.look(token, await self._gate.find_signed_in(request))
        if look.has_joined or look.next_move is not None:
            response = self._pages.go(request, INVITATION)
            self._link.keep(response, token)
            return response
        return self._gone(request, look)

    async def show(self, request: Request) -> Response:
        """Who invites, to what, as what, and what accepting takes."""
        signed_in = await self._gate.find_signed_in(request)
        look = await self._accepting.look(self._link.token(request), signed_in)
        if look.has_joined:
            return self._show_joined(request, look)
        if look.next_move is None or look.offered.invitation is None:
            return self._gone(request, look)
        notice = self._pages.find_notice(request)
        invitation = look.offered.invitation
        return self._pages.show(
            request,
            "invitation/show.html",
            bound_to=self._binding(request, signed_in),
            next_move=look.next_move.value,
            organization=look.offered.organization,
            inviter=look.offered.inviter,
            member_type=message(f"invitation.as.{invitation.member_type.value}"),
            role=_role(invitation.role, look.offered.organization),
            address=look.address,
            name=signed_in.account.name if signed_in else "",
            expires_at=invitation.expires_at,
            identifier=notice.values.get("identifier", ""),
            failure=notice.shown_failure(),
        )

    async def accept(self, request: Request) -> Response:
        """Begin to accept, and lead to the step that is missing, or back to what has become of it."""
        signed_in = await self._gate.find_signed_in(request)
        form = await self._pages.read(request, AcceptForm, bound_to=self._binding(request, signed_in))
        token, identifier = self._link.token(request), one_line(form.identifier)
        look = await self._accepting.look(token, signed_in)
        if look.next_move is NextMove.SIGN_IN and not 0 < len(identifier) <= IDENTIFIER_MAX:
            code = "signin.identifier.too_long" if identifier else "signin.identifier.missing"
            response = self._pages.go(request, INVITATION)
            values = {"identifier": identifier[:IDENTIFIER_MAX]}
            return self._pages.leave_notice(
                request, response, INVITATION, failure=message(code), field="identifier", values=values
            )
        beginning = Beginning(client_kind=ClientKind.BROWSER, identifier=identifier, return_to=INVITATION)
        try:
            situation = await self._accepting.begin(token, beginning, await self._visitors.browser(request))
        except (InvitationGone, InvitedAnother, Conflict):
            return self._pages.go(request, INVITATION)
        return self._lead_on(request, situation)

    async def sign_out(self, request: Request) -> Response:
        """Let somebody else who uses this browser go on: end the session, and show the invitation again."""
        signed_in = await self._gate.find_signed_in(request)
        response = self._pages.go(request, INVITATION)
        if signed_in is not None:
            await self._pages.read(request, Form, bound_to=self._binding(request, signed_in))
            await self._sign_in.sign_out(signed_in)
            self._gate.forget(response)
        return response

    def _lead_on(self, request: Request, situation: Situation) -> Response:
        if not isinstance(situation.step, Finished):
            return self._pages.go(request, f"/signin/{situation.attempt.id}")
        response = self._pages.go(request, INVITATION)
        if situation.opened is not None and situation.opened.browser is not None:
            self._gate.keep(response, situation.opened.browser)
        return response

    def _show_joined(self, request: Request, look: Look) -> Response:
        """What somebody is told who belongs to the organization, by this invitation or before it."""
        is_new = look.offered.state is InvitationState.ACCEPTED
        code = "invitation.joined" if is_new else "invitation.member_already"
        lead = message("invitation.joined.lead") if is_new else message("invitation.member_already.lead")
        return self._pages.show(
            request,
            "invitation/joined.html",
            heading=Message(code, {"organization": look.offered.organization}),
            lead=lead,
        )

    def _gone(self, request: Request, look: Look) -> Response:
        """Why there is nothing to accept, and what to do about it."""
        code = f"invitation.gone.{look.offered.state.value}"
        is_ours = look.offered.state is not InvitationState.INVALID
        params = {"organization": look.offered.organization}
        return self._pages.show(
            request,
            "invitation/gone.html",
            status=HTTPStatus.GONE if is_ours else HTTPStatus.NOT_FOUND,
            why=Message(code, params),
            next=Message(f"{code}.next", params),
            is_accepted=look.offered.state is InvitationState.ACCEPTED,
        )

    def _binding(self, request: Request, signed_in: SignedIn | None) -> str:
        """The forms belong to the link, and to whoever was signed in when they were shown."""
        return f"{self._link.binding(request)} {signed_in.session.id if signed_in else ''}"


def _role(role: Role, organization: str) -> Message | None:
    """What somebody would be allowed there, if it is more than to be a member."""
    return None if role is Role.MEMBER else message(f"invitation.role.{role.value}", organization=organization)
