"""My Account in a browser: the overview, one's password, sessions and devices."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import NotFound
from portico.kernel.messages import Message, message
from portico.my_account.door import OVERVIEW, Room
from portico.my_account.profile import OwnProfile
from portico.my_account.service import MyAccount
from portico.sessions.devices import device_words
from portico.sessions.model import KnownDevice, OpenSession
from portico.signin.answers import NewPasswordAnswer
from portico.signin.door import Visitors
from portico.signin.password_criteria import PasswordCriteria
from portico.web.body import Form
from portico.web.routing import Access, Endpoint

PASSWORD = "/account/password"
SESSIONS = "/account/sessions"


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
    device: Message
    opened_at: datetime
    last_seen_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class ShownDevice:
    """One known device as the page lists it."""

    id: str
    device: Message
    first_signed_in_at: datetime
    last_signed_in_at: datetime
    is_current: bool
    is_signed_in: bool
    is_trusted: bool = False


class MyAccountPages:
    """One's own account."""

    def __init__(
        self,
        *,
        room: Room,
        visitors: Visitors,
        my_account: MyAccount,
        profile: OwnProfile,
        criteria: PasswordCriteria,
    ) -> None:
        self._room = room
        self._visitors = visitors
        self._my_account = my_account
        self._profile = profile
        self._criteria = criteria

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", OVERVIEW, self.show_overview, Access.SIGNED_IN),
            Endpoint("GET", PASSWORD, self.show_password, Access.SIGNED_IN),
            Endpoint("POST", PASSWORD, self.change_password, Access.SIGNED_IN),
            Endpoint("GET", SESSIONS, self.show_sessions, Access.SIGNED_IN),
            Endpoint("POST", SESSIONS + "/end-others", self.end_others, Access.SIGNED_IN),
            Endpoint("POST", SESSIONS + "/{session_id}/end", self.end_session, Access.SIGNED_IN),
            Endpoint("POST", "/account/devices/{device_id}/forget", self.forget_device, Access.SIGNED_IN),
        )

    async def show_overview(self, request: Request) -> Response:
        """Who one is, and what keeps one safe."""
        signed_in = await self._room.gate.get_signed_in(request)
        notice = self._room.pages.find_notice(request)
        account = signed_in.account
        return self._room.show(
            request,
            signed_in,
            "my_account/overview.html",
            first_name=account.first_name,
            last_name=account.last_name,
            address=account.address,
            handle=account.handle,
            delete_at=account.delete_at,
            may_change_handle=self._profile.find_handle_refusal(account) is None,
            language=account.language,
            time_zone=account.time_zone.replace("_", " "),
            methods=await self._profile.list_methods(signed_in),
            expiry=await self._profile.find_expiry(signed_in),
            sessions=len(await self._my_account.list_sessions(signed_in)),
            notice=notice.said_message(),
            failure=notice.shown_failure(),
        )

    async def show_password(self, request: Request) -> Response:
        """Where the password is changed."""
        signed_in = await self._room.gate.get_signed_in(request)
        return self._room.show(
            request,
            signed_in,
            "my_account/password.html",
            identifier=signed_in.account.address,
            asked=await self._criteria.get(signed_in.account.id),
            failure=self._room.pages.find_notice(request).shown_failure(),
        )

    async def change_password(self, request: Request) -> Response:
        """Change the password; other sessions end, this one goes on under a new secret."""
        signed_in = await self._room.gate.get_signed_in(request)
        form = await self._room.pages.read(request, PasswordForm, bound_to=signed_in.session.id)
        answer = NewPasswordAnswer(new_password=form.new_password, repeat_password=form.repeat_password)
        visitor = await self._visitors.browser(request)
        changed = await self._my_account.change_password(visitor, form.current_password, answer)
        if changed.failure is not None:
            failure = Message(changed.failure.code, changed.failure.params)
            response = self._room.pages.go(request, PASSWORD)
            return self._room.pages.leave_notice(
                request, response, PASSWORD, failure=failure, field=changed.failure.field
            )
        response = self._room.say(request, OVERVIEW, message("my_account.password.saved"))
        if changed.browser is not None:
            self._room.gate.keep(response, changed.browser)
        return response

    async def show_sessions(self, request: Request) -> Response:
        """Where one is signed in."""
        signed_in = await self._room.gate.get_signed_in(request)
        notice = self._room.pages.find_notice(request)
        sessions = await self._my_account.list_sessions(signed_in)
        trusted = await self._my_account.list_trusted(signed_in)
        return self._room.show(
            request,
            signed_in,
            "my_account/sessions.html",
            sessions=[_shown(session, signed_in.session.id) for session in sessions],
            devices=[
                _shown_device(device, signed_in.session.device_id, trusted)
                for device in await self._my_account.list_devices(signed_in)
            ],
            notice=notice.said_message(),
            failure=notice.shown_failure(),
        )

    async def end_session(self, request: Request) -> Response:
        """End one session; ending the present one signs out."""
        signed_in = await self._room.gate.get_signed_in(request)
        await self._room.pages.read(request, Form, bound_to=signed_in.session.id)
        session_id = request.path_params["session_id"]
        try:
            await self._my_account.end_session(signed_in, session_id)
        except NotFound:
            return self._room.say(request, SESSIONS, message("my_account.sessions.ended"))
        if session_id == signed_in.session.id:
            response = self._room.pages.go(request, "/signed-out")
            self._room.gate.forget(response)
            return response
        return self._room.say(request, SESSIONS, message("my_account.sessions.ended"))

    async def forget_device(self, request: Request) -> Response:
        """Forget a device and end the sessions on it; forgetting the present one signs out."""
        signed_in = await self._room.gate.get_signed_in(request)
        await self._room.read(request, signed_in, Form)
        device_id = request.path_params["device_id"]
        try:
            await self._my_account.forget_device(signed_in, device_id)
        except NotFound:
            return self._room.say(request, SESSIONS, message("my_account.devices.forgotten"))
        if device_id == signed_in.session.device_id:
            response = self._room.pages.go(request, "/signed-out")
            self._room.gate.forget(response)
            return response
        return self._room.say(request, SESSIONS, message("my_account.devices.forgotten"))

    async def end_others(self, request: Request) -> Response:
        """End every session but this one."""
        signed_in = await self._room.gate.get_signed_in(request)
        await self._room.pages.read(request, Form, bound_to=signed_in.session.id)
        ended = await self._my_account.end_others(signed_in)
        return self._room.say(request, SESSIONS, message("my_account.sessions.others_ended", count=ended))


def _shown(session: OpenSession, current_id: str) -> ShownSession:
    return ShownSession(
        id=session.id,
        device=device_words(session.device_name),
        opened_at=session.opened_at,
        last_seen_at=session.last_seen_at,
        is_current=session.id == current_id,
    )


def _shown_device(device: KnownDevice, current_id: str, trusted: Container[bytes]) -> ShownDevice:
    return ShownDevice(
        id=device.id,
        device=device_words(device.name),
        first_signed_in_at=device.first_signed_in_at,
        last_signed_in_at=device.last_signed_in_at,
        is_current=device.id == current_id,
        is_signed_in=device.sessions > 0,
        is_trusted=device.secret_hash in trusted,
    )
