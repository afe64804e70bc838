"""The JSON API of a password reset."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.factors.mailed_link import LinkState
from portico.kernel.errors import BadInput, Busy, Conflict, NotAllowed, NotFound, Throttled, TooLarge
from portico.kernel.messages import Catalogues
from portico.kernel.normalise import IDENTIFIER_MAX, one_line
from portico.signin.answers import NewPasswordAnswer
from portico.signin.api import FailureView, failure_view
from portico.signin.criteria_view import CriteriaView, criteria_view
from portico.signin.door import Visitors
from portico.signin.password_criteria import PasswordCriteria
from portico.signin.reset import PasswordReset
from portico.web.body import read_json
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint


class LinkGone(NotFound):
    """The reset link was used, has expired or was never ours; ``state`` says which. Ask for a new one."""

    code = "link_gone"


class AccountUnusable(NotAllowed):
    """The account is disabled or closed; support can tell why."""

    code = "account_unusable"


class ResetRequestBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose password: a mail address or a Portico ID."""

    identifier: Annotated[str, msgspec.Meta(min_length=1, max_length=IDENTIFIER_MAX)]


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The token at the end of a mailed link."""

    token: str


class ResetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The token of a mailed link, and the new password."""

    token: str
    new_password: str


class LinkView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a link is worth now. Looking uses nothing up."""

    state: LinkState
    identifier: str | None = None
    criteria: CriteriaView | None = None


class ResetView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the password was set; if not, why. A password that cannot be taken leaves the link as it was."""

    is_done: bool
    failure: FailureView | None = None


class ResetApi:
    """Resetting a password, for programs."""

    def __init__(
        self,
        *,
        pages: Pages,
        visitors: Visitors,
        reset: PasswordReset,
        criteria: PasswordCriteria,
        catalogues: Catalogues,
    ) -> None:
        self._pages = pages
        self._visitors = visitors
        self._reset = reset
        self._criteria = criteria
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        usual = (BadInput, TooLarge, Busy)
        return (
            Endpoint(
                "POST", "/api/v1/password-reset/requests", self.request, Access.ANYONE,
                "Ask for a reset link. The answer is the same whoever is meant.",
                body=ResetRequestBody, status=202, errors=(*usual, Throttled),
            ),
            Endpoint(
                "POST", "/api/v1/password-reset/link", self.look, Access.ANYONE, "Look what a link is worth.",
                body=LinkBody, output=LinkView, errors=usual,
            ),
            Endpoint(
                "POST", "/api/v1/password-reset", self.finish, Access.ANYONE, "Use a link up and set the password.",
                body=ResetBody, output=ResetView, errors=(*usual, LinkGone, AccountUnusable, Conflict),
            ),
        )  # fmt: skip

    async def request(self, request: Request) -> Response:
        """Take a request for a link."""
        body: ResetRequestBody = await read_json(request, ResetRequestBody)
        identifier = one_line(body.identifier)
        if not identifier:
            raise BadInput("not an identifier", field="identifier")
        await self._reset.request(identifier, await self._visitors.native(request))
        return json_response({}, status=202)

    async def look(self, request: Request) -> Response:
        """What a link is worth."""
        body: LinkBody = await read_json(request, LinkBody)
        link = await self._reset.open_link(body.token)
        view = LinkView(state=link.state)
        if link.account is not None:
            asked = await self._criteria.get(link.account.id)
            criteria = criteria_view(asked, self._catalogues, self._pages.language(request))
            view = LinkView(state=link.state, identifier=link.account.address, criteria=criteria)
        return json_response(view)

    async def finish(self, request: Request) -> Response:
        """Use a link up and set the password, both or neither."""
        body: ResetBody = await read_json(request, ResetBody)
        answer = NewPasswordAnswer(new_password=body.new_password)
        done = await self._reset.finish(body.token, answer, await self._visitors.native(request))
        if done.link is not LinkState.LIVE:
            raise LinkGone(state=done.link.value)
        if done.refused is not None:
            raise AccountUnusable(reason=done.refused.reason.value)
        failure = failure_view(done.failure, self._catalogues, self._pages.language(request))
        return json_response(ResetView(is_done=done.is_done, failure=failure))
