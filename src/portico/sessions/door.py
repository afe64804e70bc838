"""The gate of all doors: who is calling, by cookie or by access token, and may they (the table says).

Pages are opened by the browser's session cookie, the JSON API by ``Authorization: Bearer`` alone; neither takes the
other's, so a foreign page can never use the API through a browser's cookie.
"""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from portico.accounts.model import Account
from portico.database.engine import Database
from portico.kernel.clock import Clock
from portico.kernel.errors import InteractionRequired, NotAllowed, NotFound, NotSignedIn
from portico.organizations.model import Role, role_in
from portico.organizations.policies.standing import PolicyStamps
from portico.sessions.model import BrowserToken, SignedIn
from portico.sessions.service import Sessions
from portico.web import cookies
from portico.web.cookies import Cookies
from portico.web.language import Preferences
from portico.web.routing import Access, Endpoint


class IsDue(Protocol):
    """Decides again about a session: whether its owner must act before a page is shown, or a form taken."""

    async def __call__(self, signed_in: SignedIn, *, is_read: bool) -> bool:
        """True if so; ``is_read`` says that a page is asked for."""
        ...


_BEARER = "bearer "
_ROLES = {Access.SUPPORT: Role.SUPPORT, Access.ADMIN: Role.ADMIN, Access.OWNER: Role.OWNER}
_SIGNED_IN = frozenset({Access.SIGNED_IN, Access.OPERATOR, *_ROLES})


class SessionGate:
    """Admits callers, and writes the session cookie."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        sessions: Sessions,
        jar: Cookies,
        stamps: PolicyStamps,
        is_due: IsDue,
    ) -> None:
        """``is_due`` decides again about a session whose stamp is not current: whether its owner must act first."""
        self._database = database
        self._clock = clock
        self._sessions = sessions
        self._cookies = jar
        self._stamps = stamps
        self._is_due = is_due

    async def admit(self, request: Request, endpoint: Endpoint) -> None:
        """Raises NotSignedIn where the table asks for a session and none came, NotAllowed where it is not enough.

        Raises NotFound for an organization the caller does not belong to, InteractionRequired where a step is due.
        """
        if endpoint.access not in _SIGNED_IN:
            return
        signed_in = await self.get_signed_in(request)
        if endpoint.access is Access.OPERATOR and not signed_in.account.is_operator:
            raise NotAllowed("for operators only")
        if endpoint.access in _ROLES:
            _admit_role(signed_in.account, request.path_params["organization_id"], _ROLES[endpoint.access])
        if not endpoint.is_api and not endpoint.opens_when_due:
            await self._refuse_when_due(signed_in, is_read=endpoint.is_read)

    async def _refuse_when_due(self, signed_in: SignedIn, *, is_read: bool) -> None:
        """Ask for the step a session has to take, once its organizations ask something new.

        Only of browsers: a native client is asked when it refreshes, minutes later. While nothing is new, and the
        password has not expired, this is a few comparisons.
        """
        now = self._clock.now()
        stamp = await self._stamps.find(signed_in.account.memberships, now)
        if not signed_in.session.has_met(stamp, now) and await self._is_due(signed_in, is_read=is_read):
            raise InteractionRequired("a policy asks for a step")

    async def find_signed_in(self, request: Request) -> SignedIn | None:
        """The caller's live session, looked up once for each request."""
        if not hasattr(request.state, "signed_in"):
            request.state.signed_in = await self._look_up(request)
            found_now: SignedIn | None = request.state.signed_in
            if found_now is not None and not request.state.is_api:
                account = found_now.account
                request.state.preferences = Preferences(account.language, account.time_zone)
        found: SignedIn | None = request.state.signed_in
        return found

    async def get_signed_in(self, request: Request) -> SignedIn:
        """The caller's live session; raises NotSignedIn without one."""
        found = await self.find_signed_in(request)
        if found is None:
            raise NotSignedIn("no live session")
        return found

    def keep(self, response: Response, token: BrowserToken) -> None:
        """Give the browser its session: until it is closed, or until the session ends."""
        ends_at = token.ends_at if token.persistent else None
        self._cookies.set_until(response, cookies.SESSION, token.token, self._clock.now(), ends_at)

    def forget(self, response: Response) -> None:
        """Take the session away from the browser."""
        self._cookies.clear(response, cookies.SESSION)

    async def _look_up(self, request: Request) -> SignedIn | None:
        now = self._clock.now()
        if request.state.is_api:
            authorization = request.headers.get("authorization", "")
            if not authorization.lower().startswith(_BEARER):
                return None
            return await self._sessions.find_by_access_token(self._database, authorization[len(_BEARER) :], now)
        token = self._cookies.find(request, cookies.SESSION)
        return await self._sessions.find_by_cookie(self._database, token, now) if token else None


def _admit_role(account: Account, organization_id: str, needed: Role) -> None:
    """To those outside it, an organization is not there; to its members, what is not theirs is shut."""
    if account.is_operator:
        return
    role = role_in(account.memberships, organization_id)
    if role is None:
        raise NotFound("no such organization")
    if not role.reaches(needed):
        raise NotAllowed(f"for those only whose role is {needed.value}")
