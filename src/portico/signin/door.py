"""Who stands at a door: makes a :class:`Visitor` of a request."""

from starlette.requests import Request

from portico.kernel.errors import NotFound
from portico.kernel.tokens import token_hash
from portico.sessions.door import SessionGate
from portico.sessions.model import SignedIn
from portico.signin.attempt import Attempt
from portico.signin.service import SignIn
from portico.signin.situation import Visitor
from portico.web.client_address import ClientAddresses
from portico.web.pages import Pages

_USER_AGENT_MAX = 512


class Visitors:
    """Knows how to recognise browsers and native clients."""

    def __init__(self, pages: Pages, gate: SessionGate, addresses: ClientAddresses, sign_in: SignIn) -> None:
        self._pages = pages
        self._sign_in = sign_in
        self._gate = gate
        self._addresses = addresses

    async def browser(self, request: Request) -> Visitor:
        """A browser: its cookie is both what holds attempts and what names the device."""
        browser = self._pages.browser(request)
        signed_in = await self._gate.find_signed_in(request)
        return self._visitor(request, browser.hash, browser.hash, signed_in)

    async def find_attempt(self, request: Request) -> Attempt | None:
        """The attempt of this browser that the address names with ``?attempt=``: the page one came from."""
        attempt_id = request.query_params.get("attempt")
        if not attempt_id:
            return None
        try:
            return (await self._sign_in.look(attempt_id, await self.browser(request))).attempt
        except NotFound:
            return None

    async def native(self, request: Request, *, ticket: str = "", installation: str = "") -> Visitor:
        """A native client: the ticket holds one attempt, the installation secret names the device."""
        signed_in = await self._gate.find_signed_in(request)
        device_hash = token_hash(installation) if installation else None
        return self._visitor(request, token_hash(ticket), device_hash, signed_in)

    def _visitor(
        self, request: Request, holder_hash: bytes, device_hash: bytes | None, signed_in: SignedIn | None
    ) -> Visitor:
        return Visitor(
            holder_hash=holder_hash,
            device_hash=device_hash,
            network=self._addresses.find(request),
            user_agent=request.headers.get("user-agent", "")[:_USER_AGENT_MAX],
            language=self._pages.language(request),
            signed_in=signed_in,
        )
