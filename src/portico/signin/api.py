"""The JSON API of signing in: the same attempts, steps and answers as the pages, for native clients.

A client begins an attempt and is given its secret *ticket*, which it keeps in memory and sends as ``Portico-Ticket``.
Each answer names the version it answers. An answer that leads to ``finished`` is answered with the tokens, once.

Looking takes nothing: where the last thing missing was done elsewhere, or is no longer asked (a password updated by a
hand-off, a factor set up in another window), a GET shows ``finished`` without tokens. One more answer takes them:
``{"answer": "go_on"}``.
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import Failure
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.errors import (
    BadInput,
    Busy,
    Conflict,
    InteractionRequired,
    NotFound,
    NotSignedIn,
    Throttled,
    TooLarge,
)
from portico.kernel.messages import Catalogues, Message
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.kernel.tokens import new_token
from portico.sessions.door import SessionGate
from portico.sessions.model import TokenPair
from portico.signin.answers import Answer
from portico.signin.attempt import Attempt, ClientKind, Demands
from portico.signin.criteria_view import CriteriaView, criteria_view
from portico.signin.door import Visitors
from portico.signin.expiry.rules import UpdateDue
from portico.signin.password_criteria import PasswordCriteria
from portico.signin.renewal import Renewal, Renewed
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Setup, Situation
from portico.signin.steps import Announced, Finished, Refused, RefusedReason, RemindPassword, Step
from portico.signin.update_view import UpdatePasswordView, update_password_view
from portico.web.body import read_json
from portico.web.json import json_response, no_content
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

TICKET_HEADER = "portico-ticket"


class BeginBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Begin to sign in. ``installation``: a secret of 43 base64url characters the client made once and keeps.

    ``passkeys``: whether the client can make and use passkeys itself, rather than in a browser.
    """

    installation: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{43}$")]
    identifier: Annotated[str, msgspec.Meta(max_length=IDENTIFIER_MAX)] = ""
    passkeys: bool = False


class AnswerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An answer to the step that was shown at ``version``."""

    version: int
    answer: Answer


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A refresh token, good once."""

    refresh_token: str


class RenewalBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An unused refresh token of the session, and the installation's secret as in ``BeginBody``."""

    refresh_token: str
    installation: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{43}$")]


class FailureView(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last answer was not good, for programs and in words."""

    code: str
    text: str
    params: dict[str, str | int]
    field: str | None


class TokensView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An access token for ``Authorization: Bearer``, and the refresh token that buys the next pair.

    ``announced`` is what organizations are going to ask of the owner, where that takes doing something; ``reminder``
    says that their password expires soon, ``update_password`` that it has expired: until then the session goes on, and
    an app shows that the password is to be updated, which `POST /api/v1/renewals` begins.
    """

    access_token: str
    expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime
    announced: Announced | None = None
    reminder: RemindPassword | None = None
    update_password: UpdateDue | None = None


class SetupView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the step shows to set up: the key of an authenticator app, and the same as its QR code; a recovery code.

    ``passkey`` are the options of ``navigator.credentials``: for ``create()`` where the step sets a passkey up, for
    ``get()`` where it proves one.
    """

    totp_uri: str = ""
    totp_key: str = ""
    recovery_code: str = ""
    passkey: dict[str, Any] | None = None


class AttemptView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an attempt stands. A client that does not know the step opens the browser at ``/signin``.

    ``tokens`` come with the answer that leads to the step ``finished``. Where a GET shows that step, because the last
    thing missing was done elsewhere, there are none yet: the answer `go_on` takes them.
    """

    id: str
    version: int
    identifier: str
    expires_at: datetime
    step: Step
    ticket: str | None = None
    failure: FailureView | None = None
    criteria: CriteriaView | None = None
    setup: SetupView | None = None
    tokens: TokensView | None = None
    update_password: UpdatePasswordView | None = None


class SignInApi:
    """Signing in, for programs."""

    def __init__(
        self,
        *,
        pages: Pages,
        visitors: Visitors,
        gate: SessionGate,
        sign_in: SignIn,
        renewal: Renewal,
        criteria: PasswordCriteria,
        catalogues: Catalogues,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._pages = pages
        self._visitors = visitors
        self._gate = gate
        self._sign_in = sign_in
        self._renewal = renewal
        self._criteria = criteria
        self._catalogues = catalogues
        self._clock = clock
        self._chance = chance

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        usual = (BadInput, TooLarge, Busy)
        return (
            Endpoint(
                "POST", "/api/v1/signin", self.begin, Access.ANYONE, "Begin to sign in.",
                body=BeginBody, output=AttemptView, status=201, errors=usual,
            ),
            Endpoint(
                "GET", "/api/v1/signin/{attempt_id}", self.look, Access.ATTEMPT_HOLDER, "Look where an attempt stands.",
                output=AttemptView, errors=(BadInput, NotFound, Busy),
            ),
            Endpoint(
                "POST", "/api/v1/signin/{attempt_id}", self.answer, Access.ATTEMPT_HOLDER, "Answer the present step.",
                body=AnswerBody, output=AttemptView, errors=(*usual, NotFound, Conflict, Throttled),
            ),
            Endpoint(
                "POST", "/api/v1/tokens/refresh", self.refresh, Access.ANYONE, "Exchange a refresh token.",
                body=RefreshBody, output=TokensView, errors=(*usual, NotSignedIn, InteractionRequired),
            ),
            Endpoint(
                "POST", "/api/v1/renewals", self.begin_renewal, Access.ANYONE,
                "Begin the step a refresh asks for. The refresh token stays unused; refresh once the step is finished.",
                body=RenewalBody, output=AttemptView, status=201, errors=(*usual, NotSignedIn),
            ),
            Endpoint(
                "POST", "/api/v1/tokens/revoke", self.revoke, Access.SIGNED_IN,
                "Sign out: end the session of the token.", status=204, errors=(NotSignedIn, Busy),
            ),
            Endpoint(
                "GET", "/api/v1/password-criteria", self.show_criteria, Access.ANYONE,
                "What a new password must be; for whoever is signed in, with what their organizations ask.",
                output=CriteriaView,
            ),
        )  # fmt: skip

    async def begin(self, request: Request) -> Response:
        """Begin an attempt; the answer carries its ticket, once."""
        body: BeginBody = await read_json(request, BeginBody)
        ticket = new_token(self._chance)
        visitor = await self._visitors.native(request, ticket=ticket, installation=body.installation)
        demands = Demands(passkeys=body.passkeys)
        beginning = Beginning(client_kind=ClientKind.NATIVE, identifier=body.identifier, demands=demands)
        situation = await self._sign_in.begin(beginning, visitor)
        return json_response(self.view(request, situation, ticket=ticket), status=201)

    async def look(self, request: Request) -> Response:
        """The present step."""
        visitor = await self._visitors.native(request, ticket=self._ticket(request))
        situation = await self._sign_in.look(request.path_params["attempt_id"], visitor)
        return json_response(self.view(request, situation))

    async def answer(self, request: Request) -> Response:
        """Take an answer and show what comes next."""
        body: AnswerBody = await read_json(request, AnswerBody)
        visitor = await self._visitors.native(request, ticket=self._ticket(request))
        attempt_id = request.path_params["attempt_id"]
        situation = await self._sign_in.answer(attempt_id, body.version, body.answer, visitor)
        match situation.step:
            case Refused(reason=RefusedReason.TOO_MANY_TRIES, until=until) if until is not None:
                raise Throttled(until - self._clock.now())
        return json_response(self.view(request, situation))

    async def refresh(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair. A token used twice ends its session."""
        body: RefreshBody = await read_json(request, RefreshBody)
        renewed = await self._renewal.refresh(body.refresh_token)
        match renewed:
            case Renewed():
                return json_response(_renewed(renewed))
            case None:
                raise NotSignedIn("the refresh token is worthless")
            case _:
                raise InteractionRequired(step=str(renewed.__struct_config__.tag))

    async def begin_renewal(self, request: Request) -> Response:
        """Begin an attempt in which the step is taken that a session has to take; the answer carries its ticket."""
        body: RenewalBody = await read_json(request, RenewalBody)
        ticket = new_token(self._chance)
        visitor = await self._visitors.native(request, ticket=ticket, installation=body.installation)
        situation = await self._renewal.begin_by_token(body.refresh_token, visitor)
        if situation is None:
            raise NotSignedIn("the refresh token is worthless")
        return json_response(self.view(request, situation, ticket=ticket), status=201)

    async def revoke(self, request: Request) -> Response:
        """End the session the access token belongs to."""
        await self._sign_in.sign_out(await self._gate.get_signed_in(request))
        return no_content()

    async def show_criteria(self, request: Request) -> Response:
        """The criteria for new passwords."""
        signed_in = await self._gate.find_signed_in(request)
        asked = await self._criteria.get(signed_in.account.id if signed_in else None)
        return json_response(criteria_view(asked, self._catalogues, self._pages.language(request)))

    def _ticket(self, request: Request) -> str:
        return request.headers.get(TICKET_HEADER, "")

    def view(self, request: Request, situation: Situation, ticket: str | None = None) -> AttemptView:
        """Where an attempt stands, as a document."""
        attempt, step, opened, asked = situation.attempt, situation.step, situation.opened, situation.criteria
        return AttemptView(
            id=attempt.id,
            version=attempt.version,
            identifier=attempt.identifier,
            expires_at=attempt.expires_at,
            step=step,
            ticket=ticket,
            failure=self._failure(request, attempt) if not isinstance(step, Finished | Refused) else None,
            criteria=criteria_view(asked, self._catalogues, self._pages.language(request)) if asked else None,
            setup=_setup(situation.setup),
            tokens=_tokens(opened.tokens) if opened and opened.tokens else None,
            update_password=update_password_view(situation, self._catalogues, self._pages.language(request)),
        )

    def _failure(self, request: Request, attempt: Attempt) -> FailureView | None:
        return failure_view(attempt.failure, self._catalogues, self._pages.language(request))


def failure_view(failure: Failure | None, catalogues: Catalogues, language: str) -> FailureView | None:
    """A failure as the API sends it."""
    if failure is None:
        return None
    text = catalogues.text(Message(failure.code, failure.params), language)
    return FailureView(code=failure.code, text=text, params=dict(failure.params), field=failure.field)


def _setup(setup: Setup | None) -> SetupView | None:
    if setup is None:
        return None
    return SetupView(
        totp_uri=setup.totp_uri,
        totp_key=setup.totp_key,
        recovery_code=setup.recovery_code,
        passkey=setup.passkey,
    )


def _renewed(renewed: Renewed) -> TokensView:
    """The next tokens, and what a refresh has to say besides."""
    return msgspec.structs.replace(
        _tokens(renewed.tokens),
        announced=renewed.announced,
        reminder=renewed.reminder,
        update_password=renewed.update_due,
    )


def _tokens(pair: TokenPair) -> TokensView:
    return TokensView(
        access_token=pair.access_token,
        expires_at=pair.expires_at,
        refresh_token=pair.refresh_token,
        refresh_expires_at=pair.refresh_expires_at,
    )
