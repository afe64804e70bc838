"""The JSON API of deleting one's account."""

from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import BadInput, Busy, Conflict, NotSignedIn, Throttled, TooLarge
from portico.kernel.messages import Catalogues
from portico.my_account.deletion.service import Deletions
from portico.sessions.door import SessionGate
from portico.signin.api import FailureView, failure_view
from portico.signin.door import Visitors
from portico.web.body import read_json
from portico.web.json import json_response, no_content
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint


class DeletionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The present password."""

    current_password: str


class DeletionView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When the account will be erased, if it will; why a wish for that was not taken, if it was not."""

    delete_at: datetime | None = None
    failure: FailureView | None = None


class DeletionApi:
    """The end of one's own account, for programs."""

    def __init__(
        self, *, pages: Pages, gate: SessionGate, visitors: Visitors, deletions: Deletions, catalogues: Catalogues
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._deletions = deletions
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint(
                "GET", "/api/v1/account/deletion", self.show, Access.SIGNED_IN,
                "Whether one's account is to be erased, and when.", output=DeletionView, errors=(NotSignedIn, Busy),
            ),
            Endpoint(
                "POST", "/api/v1/account/deletion", self.ask, Access.SIGNED_IN,
                "Have one's account erased after two weeks. All other sessions end.",
                body=DeletionBody, output=DeletionView,
                errors=(BadInput, TooLarge, NotSignedIn, Busy, Conflict, Throttled),
            ),
            Endpoint(
                "DELETE", "/api/v1/account/deletion", self.keep, Access.SIGNED_IN, "Keep one's account after all.",
                status=204, errors=(NotSignedIn, Busy),
            ),
        )  # fmt: skip

    async def show(self, request: Request) -> Response:
        """Whether and when."""
        signed_in = await self._gate.get_signed_in(request)
        return json_response(DeletionView(delete_at=signed_in.account.delete_at))

    async def ask(self, request: Request) -> Response:
        """Have the account erased after two weeks."""
        body: DeletionBody = await read_json(request, DeletionBody)
        failure = await self._deletions.ask(await self._visitors.native(request), body.current_password)
        if failure is not None:
            shown = failure_view(failure, self._catalogues, self._pages.language(request))
            return json_response(DeletionView(failure=shown))
        del request.state.signed_in
        return await self.show(request)

    async def keep(self, request: Request) -> Response:
        """Keep the account after all."""
        await self._deletions.keep(await self._visitors.native(request))
        return no_content()
