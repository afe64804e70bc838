"""My Account in a browser: one's name, password, sessions and devices."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.password import PasswordFactor
from portico.factors.password_rules import criteria
from portico.kernel.errors import BadInput, Conflict, NotFound
from portico.kernel.messages import Message, message
from portico.my_account.service import MyAccount
from portico.sessions.door import SessionGate
from portico.sessions.model import OpenSession, SignedIn
from portico.signin.answers import NewPasswordAnswer
from portico.signin.door import Visitors
from portico.web.body import Form
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint
from portico.web.templates import ShownPerson

OVERVIEW = "/account"
NAME = "/account/name"
PASSWORD = "/account/password"
SESSIONS = "/account/sessions"


class NameForm(Form, frozen=True, kw_only=True):
    """First and last name, and the version of the profile they replace."""

    first_name: str = ""
    last_name: str = ""
    version: int = 0


class PasswordForm(Form, frozen=True, kw_only=True):
    """The present password and the new one, twice; ``username`` is there for password managers."""

    username: str = ""
    current_password: str = ""
    new_password: str = ""
    repeat_password: str = ""


@dataclass(frozen=True, slots=True)
class ShownSession:
    """One session as the page lists it."""

    id: str
    device_name: str
    opened_at: datetime
    last_seen_at: datetime
    is_current: bool


class MyAccountPages:
    """One's own account."""

    def __init__(
        self,
        *,
        pages: Pages,
        gate: SessionGate,
        visitors: Visitors,
        my_account: MyAccount,
        password: PasswordFactor,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._my_account = my_account
        self._password = password

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", OVERVIEW, self.show_overview, Access.SIGNED_IN),
            Endpoint("GET", NAME, self.show_name, Access.SIGNED_IN),
            Endpoint("POST", NAME, self.rename, Access.SIGNED_IN),
            Endpoint("GET", PASSWORD, self.show_password, Access.SIGNED_IN),
            Endpoint("POST", PASSWORD, self.change_password, Access.SIGNED_IN),
            Endpoint("GET", SESSIONS, self.show_sessions, Access.SIGNED_IN),
            Endpoint("POST", SESSIONS + "/end-others", self.end_others, Access.SIGNED_IN),
            Endpoint("POST", SESSIONS + "/{session_id}/end", self.end_session, Access.SIGNED_IN),
        )

    async def show_overview(self, request: Request) -> Response:
        """Who one is, and what keeps one safe."""
        signed_in = await self._gate.get_signed_in(request)
        notice = self._pages.find_notice(request)
        account = signed_in.account
        return self._show(
            request,
            signed_in,
            "my_account/overview.html",
            first_name=account.first_name,
            last_name=account.last_name,
            address=account.address,
            handle=account.handle,
            delete_at=account.delete_at,
            sessions=len(await self._my_account.list_sessions(signed_in)),
            notice=notice.said_message(),
            failure=notice.shown_failure(),
        )

    async def show_name(self, request: Request) -> Response:
        """Where the name is changed."""
        signed_in = await self._gate.get_signed_in(request)
        notice = self._pages.find_notice(request)
        account = signed_in.account
        return self._show(
            request,
            signed_in,
            "my_account/name.html",
            first_name=notice.values.get("first_name", account.first_name),
            last_name=notice.values.get("last_name", account.last_name),
            version=account.version,
            failure=notice.shown_failure(),
        )

    async def rename(self, request: Request) -> Response:
        """Change the name."""
        signed_in = await self._gate.get_signed_in(request)
        form = await self._pages.read(request, NameForm, bound_to=signed_in.session.id)
        values = {"first_name": form.first_name[:200], "last_name": form.last_name[:200]}
        try:
            await self._my_account.rename(signed_in, form.first_name, form.last_name, form.version)
        except Conflict:
            failure, field = message("my_account.name.changed_meanwhile"), None
        except BadInput as error:
            if "field" not in error.params:
                raise
            field = str(error.params["field"])
            failure = message(f"my_account.name.{error.params['reason']}")
        else:
            return self._say(request, OVERVIEW, message("my_account.name.saved"))
        response = self._pages.go(request, NAME)
        return self._pages.leave_notice(request, response, NAME, failure=failure, field=field, values=values)

    async def show_password(self, request: Request) -> Response:
        """Where the password is changed."""
        signed_in = await self._gate.get_signed_in(request)
        return self._show(
            request,
            signed_in,
            "my_account/password.html",
            identifier=signed_in.account.address,
            criteria=criteria(self._password.policy),
            failure=self._pages.find_notice(request).shown_failure(),
        )

    async def change_password(self, request: Request) -> Response:
        """Change the password; other sessions end, this one goes on under a new secret."""
        signed_in = await self._gate.get_signed_in(request)
        form = await self._pages.read(request, PasswordForm, bound_to=signed_in.session.id)
        answer = NewPasswordAnswer(new_password=form.new_password, repeat_password=form.repeat_password)
        visitor = await self._visitors.browser(request)
        changed = await self._my_account.change_password(visitor, form.current_password, answer)
        if changed.failure is not None:
            failure = Message(changed.failure.code, changed.failure.params)
            response = self._pages.go(request, PASSWORD)
            return self._pages.leave_notice(request, response, PASSWORD, failure=failure, field=changed.failure.field)
        response = self._say(request, OVERVIEW, message("my_account.password.saved"))
        if changed.browser is not None:
            self._gate.keep(response, changed.browser)
        return response

    async def show_sessions(self, request: Request) -> Response:
        """Where one is signed in."""
        signed_in = await self._gate.get_signed_in(request)
        notice = self._pages.find_notice(request)
        sessions = await self._my_account.list_sessions(signed_in)
        return self._show(
            request,
            signed_in,
            "my_account/sessions.html",
            sessions=[_shown(session, signed_in.session.id) for session in sessions],
            notice=notice.said_message(),
            failure=notice.shown_failure(),
        )

    async def end_session(self, request: Request) -> Response:
        """End one session; ending the present one signs out."""
        signed_in = await self._gate.get_signed_in(request)
        await self._pages.read(request, Form, bound_to=signed_in.session.id)
        session_id = request.path_params["session_id"]
        try:
            await self._my_account.end_session(signed_in, session_id)
        except NotFound:
            return self._say(request, SESSIONS, message("my_account.sessions.ended"))
        if session_id == signed_in.session.id:
            response = self._pages.go(request, "/signed-out")
            self._gate.forget(response)
            return response
        return self._say(request, SESSIONS, message("my_account.sessions.ended"))

    async def end_others(self, request: Request) -> Response:
        """End every session but this one."""
        signed_in = await self._gate.get_signed_in(request)
        await self._pages.read(request, Form, bound_to=signed_in.session.id)
        ended = await self._my_account.end_others(signed_in)
        return self._say(request, SESSIONS, message("my_account.sessions.others_ended", count=ended))

    def _show(self, request: Request, signed_in: SignedIn, template: str, /, **values: Any) -> Response:
        account = signed_in.account
        person = ShownPerson.named(account.name, account.handle)
        return self._pages.show(request, template, person=person, bound_to=signed_in.session.id, **values)

    def _say(self, request: Request, path: str, said: Message) -> Response:
        return self._pages.leave_notice(request, self._pages.go(request, path), path, said=said)


def _shown(session: OpenSession, current_id: str) -> ShownSession:
    return ShownSession(
        id=session.id,
        device_name=session.device_name,
        opened_at=session.opened_at,
        last_seen_at=session.last_seen_at,
        is_current=session.id == current_id,
    )
