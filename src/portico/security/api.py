"""The JSON API behind "This was not me"."""

from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.factors.mailed_link import LinkState
from portico.kernel.errors import BadInput, Busy, Conflict, NotFound, TooLarge
from portico.security.model import Restored
from portico.security.service import SecurityLinks
from portico.web.body import read_json
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint


class SecurityLinkGone(NotFound):
    """The link was used, has expired or was never ours; ``state`` says which. A password reset is still open."""

    code = "security_link_gone"


class SecurityLinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The token at the end of a security mail's link."""

    token: str


class SecurityLinkView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a link is worth now, which mail it came with, and the address it would bring back. Looking uses none up."""

    state: LinkState
    event: str | None = None
    restores: str | None = None


class SecuredView(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: everything was ended, and a link for a new password is mailed.

    Until ``frozen_until`` address, handle and factors cannot be changed.
    """

    frozen_until: datetime
    restored: Restored


class SecurityApi:
    """Saying "This was not me", for programs."""

    def __init__(self, *, pages: Pages, security: SecurityLinks) -> None:
        self._pages = pages
        self._security = security

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        usual = (BadInput, TooLarge, Busy)
        return (
            Endpoint(
                "POST", "/api/v1/security-links/look", self.look, Access.ANYONE,
                "Look what the link of a security mail is worth.",
                body=SecurityLinkBody, output=SecurityLinkView, errors=usual,
            ),
            Endpoint(
                "POST", "/api/v1/security-links/not-me", self.say_not_me, Access.ANYONE,
                'Say "This was not me": ends everything, bars changes, mails a link for a new password.',
                body=SecurityLinkBody, output=SecuredView, errors=(*usual, SecurityLinkGone, Conflict),
            ),
        )  # fmt: skip

    async def look(self, request: Request) -> Response:
        """What a link is worth."""
        body: SecurityLinkBody = await read_json(request, SecurityLinkBody)
        look = await self._security.look(body.token)
        return json_response(SecurityLinkView(state=look.state, event=look.event or None, restores=look.restores))

    async def say_not_me(self, request: Request) -> Response:
        """Use a link up and act."""
        body: SecurityLinkBody = await read_json(request, SecurityLinkBody)
        done = await self._security.say_not_me(body.token, self._pages.language(request))
        if isinstance(done, LinkState):
            raise SecurityLinkGone(state=done.value)
        return json_response(SecuredView(frozen_until=done.frozen_until, restored=done.restored))
