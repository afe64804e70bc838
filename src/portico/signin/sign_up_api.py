"""The JSON API of signing up: begin here; the steps are answered where those of signing in are."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.chance import Chance
from portico.kernel.errors import BadInput, Busy, Throttled, TooLarge
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.kernel.tokens import new_token
from portico.signin.api import AttemptView, SignInApi
from portico.signin.attempt import ClientKind, Demands
from portico.signin.door import Visitors
from portico.signin.sign_up import SignUp, SignUpClosed
from portico.signin.situation import Beginning
from portico.web.body import read_json
from portico.web.json import json_response
from portico.web.routing import Access, Endpoint


class SignUpBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Begin to sign up. ``installation``: a secret of 43 base64url characters the client made once and keeps.

    ``passkeys``: whether the client can make and use passkeys itself.
    """

    installation: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{43}$")]
    address: Annotated[str, msgspec.Meta(max_length=IDENTIFIER_MAX)]
    passkeys: bool = False


class SignUpApi:
    """Signing up, for programs."""

    def __init__(self, *, visitors: Visitors, sign_up: SignUp, sign_in_api: SignInApi, chance: Chance) -> None:
        self._visitors = visitors
        self._sign_up = sign_up
        self._sign_in_api = sign_in_api
        self._chance = chance

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint(
                "POST", "/api/v1/signup", self.begin, Access.ANYONE,
                "Begin to sign up. The answer is the same whether the address is taken or not; go on by "
                "`POST /api/v1/signin/{attempt_id}`.",
                body=SignUpBody, output=AttemptView, status=201,
                errors=(BadInput, TooLarge, Busy, Throttled, SignUpClosed),
            ),
        )  # fmt: skip

    async def begin(self, request: Request) -> Response:
        """Begin a sign-up; the answer carries its ticket, once."""
        body: SignUpBody = await read_json(request, SignUpBody)
        ticket = new_token(self._chance)
        visitor = await self._visitors.native(request, ticket=ticket, installation=body.installation)
        demands = Demands(passkeys=body.passkeys)
        beginning = Beginning(client_kind=ClientKind.NATIVE, identifier=body.address, demands=demands)
        situation = await self._sign_up.begin(beginning, visitor)
        return json_response(self._sign_in_api.view(request, situation, ticket=ticket), status=201)
