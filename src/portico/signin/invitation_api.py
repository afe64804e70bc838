"""The JSON API of accepting an invitation: look, begin here; the steps are answered where those of signing in are."""

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.chance import Chance
from portico.kernel.errors import BadInput, Busy, Conflict, TooLarge
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.kernel.tokens import new_token
from portico.organizations.invitations.model import InvitationState
from portico.organizations.model import MemberType, Role
from portico.sessions.door import SessionGate
from portico.signin.accepting import Accepting, InvitationGone, InvitedAnother, NextMove
from portico.signin.api import AttemptView, SignInApi
from portico.signin.attempt import ClientKind, Demands
from portico.signin.door import Visitors
from portico.signin.situation import Beginning
from portico.web.body import read_json
from portico.web.json import json_response
from portico.web.routing import Access, Endpoint


class InvitationLookBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The token at the end of a mailed link."""

    token: str


class AcceptBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The token of the mailed link; who one is, where one has to sign in.

    ``installation``: a secret of 43 base64url characters the client made once and keeps. ``passkeys``: whether the
    client can make and use passkeys itself.
    """

    token: str
    installation: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{43}$")]
    identifier: Annotated[str, msgspec.Meta(max_length=IDENTIFIER_MAX)] = ""
    passkeys: bool = False


class InvitationLookView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an invitation is worth to whoever asks. The address is whole for its owner alone, who is signed in.

    ``next_move`` is what accepting takes; nothing where there is nothing to accept.
    """

    state: InvitationState
    has_joined: bool = False
    organization: str = ""
    inviter: str = ""
    member_type: MemberType | None = None
    role: Role | None = None
    address: str = ""
    expires_at: datetime | None = None
    next_move: NextMove | None = None


class InvitationApi:
    """Accepting an invitation, for programs."""

    def __init__(
        self,
        *,
        visitors: Visitors,
        gate: SessionGate,
        accepting: Accepting,
        sign_in_api: SignInApi,
        chance: Chance,
    ) -> None:
        self._visitors = visitors
        self._gate = gate
        self._accepting = accepting
        self._sign_in_api = sign_in_api
        self._chance = chance

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        usual = (BadInput, TooLarge, Busy)
        return (
            Endpoint(
                "POST", "/api/v1/invitations/look", self.look, Access.ANYONE,
                "Look what an invitation is worth. Looking changes nothing.",
                body=InvitationLookBody, output=InvitationLookView, errors=usual,
            ),
            Endpoint(
                "POST", "/api/v1/invitations/accept", self.accept, Access.ANYONE,
                "Begin to accept an invitation; go on by `POST /api/v1/signin/{attempt_id}`. With the access token of "
                "the account that is invited, its session goes on, and may have joined at once.",
                body=AcceptBody, output=AttemptView, status=201,
                errors=(*usual, InvitationGone, InvitedAnother, Conflict),
            ),
        )  # fmt: skip

    async def look(self, request: Request) -> Response:
        """What an invitation is worth."""
        body: InvitationLookBody = await read_json(request, InvitationLookBody)
        look = await self._accepting.look(body.token, await self._gate.find_signed_in(request))
        invitation = look.offered.invitation
        if invitation is None:
            return json_response(InvitationLookView(state=look.offered.state))
        return json_response(
            InvitationLookView(
                state=look.offered.state,
                has_joined=look.has_joined,
                organization=look.offered.organization,
                inviter=look.offered.inviter,
                member_type=invitation.member_type,
                role=invitation.role,
                address=look.address,
                expires_at=invitation.expires_at,
                next_move=look.next_move,
            )
        )

    async def accept(self, request: Request) -> Response:
        """Begin to accept; the answer carries the attempt's ticket, once."""
        body: AcceptBody = await read_json(request, AcceptBody)
        ticket = new_token(self._chance)
        visitor = await self._visitors.native(request, ticket=ticket, installation=body.installation)
        demands = Demands(passkeys=body.passkeys)
        beginning = Beginning(client_kind=ClientKind.NATIVE, identifier=body.identifier, demands=demands)
        situation = await self._accepting.begin(body.token, beginning, visitor)
        return json_response(self._sign_in_api.view(request, situation, ticket=ticket), status=201)
