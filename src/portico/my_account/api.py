"""The JSON API of My Account: one's password, sessions and devices."""

from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import BadInput, Busy, Conflict, NotFound, NotSignedIn, Throttled, TooLarge
from portico.kernel.messages import Catalogues
from portico.my_account.service import MyAccount
from portico.sessions.door import SessionGate
from portico.sessions.model import SessionKind
from portico.signin.answers import NewPasswordAnswer
from portico.signin.api import FailureView, failure_view
from portico.signin.door import Visitors
from portico.web.body import read_json
from portico.web.json import json_response, no_content
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint


class PasswordBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The present password and the new one."""

    current_password: str
    new_password: str


class PasswordView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the password was changed; if not, why."""

    is_done: bool
    failure: FailureView | None = None


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """One open session."""

    id: str
    kind: SessionKind
    device_id: str
    device_name: str
    opened_at: datetime
    last_seen_at: datetime
    is_current: bool


class SessionsView(msgspec.Struct, frozen=True, kw_only=True):
    """All open sessions, the last used first."""

    sessions: list[SessionView]


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One device one has signed in on; ``sessions`` counts those that live there.

    ``is_trusted``: one signs in there with a passkey.
    """

    id: str
    kind: SessionKind
    name: str
    first_signed_in_at: datetime
    last_signed_in_at: datetime
    sessions: int
    is_current: bool
    is_trusted: bool


class DevicesView(msgspec.Struct, frozen=True, kw_only=True):
    """All devices one has signed in on, the last used first."""

    devices: list[DeviceView]


class EndedView(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions were ended."""

    ended: int


class MyAccountApi:
    """One's own account, for programs."""

    def __init__(
        self,
        *,
        pages: Pages,
        gate: SessionGate,
        visitors: Visitors,
        my_account: MyAccount,
        catalogues: Catalogues,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._my_account = my_account
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, Busy)
        sent = (BadInput, TooLarge, NotSignedIn, Busy)
        return (
            Endpoint(
                "POST", "/api/v1/account/password", self.change_password, Access.SIGNED_IN,
                "Change one's password. All other sessions end.",
                body=PasswordBody, output=PasswordView, errors=(*sent, Conflict, Throttled),
            ),
            Endpoint(
                "GET", "/api/v1/account/sessions", self.list_sessions, Access.SIGNED_IN, "Where one is signed in.",
                output=SessionsView, errors=seen,
            ),
            Endpoint(
                "DELETE", "/api/v1/account/sessions", self.end_others, Access.SIGNED_IN, "End all other sessions.",
                output=EndedView, errors=seen,
            ),
            Endpoint(
                "DELETE", "/api/v1/account/sessions/{session_id}", self.end_session, Access.SIGNED_IN,
                "End one session.", status=204, errors=(BadInput, *seen, NotFound),
            ),
            Endpoint(
                "GET", "/api/v1/account/devices", self.list_devices, Access.SIGNED_IN,
                "The devices one has signed in on.", output=DevicesView, errors=seen,
            ),
            Endpoint(
                "DELETE", "/api/v1/account/devices/{device_id}", self.forget_device, Access.SIGNED_IN,
                "Forget a device and end the sessions on it.", status=204, errors=(BadInput, *seen, NotFound),
            ),
        )  # fmt: skip

    async def change_password(self, request: Request) -> Response:
        """Change one's password; the access token stays good, all other sessions end."""
        body: PasswordBody = await read_json(request, PasswordBody)
        answer = NewPasswordAnswer(new_password=body.new_password)
        visitor = await self._visitors.native(request)
        changed = await self._my_account.change_password(visitor, body.current_password, answer)
        failure = failure_view(changed.failure, self._catalogues, self._pages.language(request))
        return json_response(PasswordView(is_done=failure is None, failure=failure))

    async def list_sessions(self, request: Request) -> Response:
        """Where one is signed in."""
        signed_in = await self._gate.get_signed_in(request)
        sessions = [
            SessionView(
                id=session.id,
                kind=session.kind,
                device_id=session.device_id,
                device_name=session.device_name,
                opened_at=session.opened_at,
                last_seen_at=session.last_seen_at,
                is_current=session.id == signed_in.session.id,
            )
            for session in await self._my_account.list_sessions(signed_in)
        ]
        return json_response(SessionsView(sessions=sessions))

    async def end_others(self, request: Request) -> Response:
        """End all other sessions."""
        ended = await self._my_account.end_others(await self._gate.get_signed_in(request))
        return json_response(EndedView(ended=ended))

    async def end_session(self, request: Request) -> Response:
        """End one session."""
        signed_in = await self._gate.get_signed_in(request)
        await self._my_account.end_session(signed_in, request.path_params["session_id"])
        return no_content()

    async def list_devices(self, request: Request) -> Response:
        """The devices one has signed in on."""
        signed_in = await self._gate.get_signed_in(request)
        trusted = await self._my_account.list_trusted(signed_in)
        devices = [
            DeviceView(
                id=device.id,
                kind=device.kind,
                name=device.name,
                first_signed_in_at=device.first_signed_in_at,
                last_signed_in_at=device.last_signed_in_at,
                sessions=device.sessions,
                is_current=device.id == signed_in.session.device_id,
                is_trusted=device.secret_hash in trusted,
            )
            for device in await self._my_account.list_devices(signed_in)
        ]
        return json_response(DevicesView(devices=devices))

    async def forget_device(self, request: Request) -> Response:
        """Forget a device and end the sessions on it."""
        signed_in = await self._gate.get_signed_in(request)
        await self._my_account.forget_device(signed_in, request.path_params["device_id"])
        return no_content()
