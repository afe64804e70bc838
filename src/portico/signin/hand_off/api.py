"""The JSON API of hand-offs: an app asks for the way to the browser, and goes on once all is done there."""

from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import BadInput, Busy, NotFound
from portico.signin.api import TICKET_HEADER, SignInApi
from portico.signin.door import Visitors
from portico.signin.hand_off.pages import HAND_OFF
from portico.signin.hand_off.service import HandOffs, NothingToHandOff
from portico.web.base_url import BaseUrl
from portico.web.json import json_response
from portico.web.routing import Access, Endpoint


class HandOffView(msgspec.Struct, frozen=True, kw_only=True):
    """The address to open in the system's browser: good once, for a minute. Look at the attempt meanwhile."""

    address: str
    expires_at: datetime


class HandOffApi:
    """Handing over, for programs."""

    def __init__(self, *, base_url: BaseUrl, visitors: Visitors, hand_offs: HandOffs, sign_in_api: SignInApi) -> None:
        self._base_url = base_url
        self._visitors = visitors
        self._hand_offs = hand_offs
        self._sign_in_api = sign_in_api

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        usual = (BadInput, NotFound, Busy)
        return (
            Endpoint(
                "POST", "/api/v1/signin/{attempt_id}/handoff", self.issue, Access.ATTEMPT_HOLDER,
                "Ask for an address at which the step is taken in the browser: a new password.",
                output=HandOffView, status=201, errors=(*usual, NothingToHandOff),
            ),
        )  # fmt: skip

    async def issue(self, request: Request) -> Response:
        """Make a hand-off; its address is told once."""
        visitor = await self._visitors.native(request, ticket=request.headers.get(TICKET_HEADER, ""))
        issued = await self._hand_offs.issue(request.path_params["attempt_id"], visitor)
        address = self._base_url.to(f"{HAND_OFF}/{issued.token}")
        return json_response(HandOffView(address=address, expires_at=issued.expires_at), status=201)
