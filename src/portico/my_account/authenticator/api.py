"""The JSON API of one's second factors. A change goes on by the answers of ``/api/v1/signin/{attempt_id}``."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.factors.passkeys.model import StoredPasskey, Trust, TrustedDevice
from portico.factors.proof import Failure, ProofKind
from portico.kernel.chance import Chance
from portico.kernel.errors import BadInput, Busy, NotFound, NotSignedIn, Throttled, TooLarge
from portico.kernel.messages import Catalogues
from portico.kernel.tokens import new_token
from portico.my_account.authenticator.service import Authenticators
from portico.sessions.door import SessionGate
from portico.signin.api import AttemptView, FailureView, SignInApi, failure_view
from portico.signin.attempt import FactorChange
from portico.signin.door import Visitors
from portico.web.body import read_json
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

PLACE = "/api/v1/account/authenticator"
_CHANGES = {
    "add": (FactorChange.ADD_TOTP, "Begin to set up an authenticator app."),
    "remove": (FactorChange.REMOVE_TOTP, "Begin to remove the app; with the last factor the recovery code goes too."),
    "passkeys": (FactorChange.ADD_PASSKEY, "Begin to make a passkey."),
    "passkeys/{passkey_id}/remove": (FactorChange.REMOVE_PASSKEY, "Begin to remove a passkey."),
    "recovery-code": (FactorChange.NEW_RECOVERY_CODE, "Begin to make a new recovery code."),
}


class PasskeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One of one's passkeys. ``is_synced``: it is kept by an account elsewhere too, and not on one device alone."""

    id: str
    name: str
    added_at: datetime
    used_at: datetime | None
    is_synced: bool


class DeviceAnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered on this device when it was asked whether to trust it; a put-off ends at ``ask_again_at``."""

    answer: Trust
    passkey_id: str | None
    ask_again_at: datetime | None


class AuthenticatorView(msgspec.Struct, frozen=True, kw_only=True):
    """One's second factors: the app and the recovery code by when they were set up, the passkeys by their names.

    ``may_add`` and ``may_add_passkey``: whether one can be set up now. ``usable_methods`` are those one may be asked
    for first; ``default_method`` is the one that was chosen, none where it is left to the device.
    """

    added_at: datetime | None
    used_at: datetime | None
    recovery_code_at: datetime | None
    passkeys: list[PasskeyView]
    may_add: bool
    may_add_passkey: bool
    usable_methods: tuple[ProofKind, ...]
    default_method: ProofKind | None
    this_device: DeviceAnswerView | None
    refusal: FailureView | None


class ChangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One's present password."""

    current_password: str


class ChangeBegunView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The attempt in which the change goes on, with its ticket; or why there is none."""

    attempt: AttemptView | None = None
    failure: FailureView | None = None


class AuthenticatorApi:
    """One's own second factors, for programs."""

    def __init__(
        self,
        *,
        pages: Pages,
        gate: SessionGate,
        visitors: Visitors,
        authenticators: Authenticators,
        sign_in_api: SignInApi,
        catalogues: Catalogues,
        chance: Chance,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._authenticators = authenticators
        self._sign_in_api = sign_in_api
        self._catalogues = catalogues
        self._chance = chance

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        sent = (BadInput, TooLarge, NotSignedIn, Busy, Throttled)
        rows = [
            Endpoint(
                "GET", PLACE, self.show, Access.SIGNED_IN, "One's second factors, and how one is asked for them.",
                output=AuthenticatorView, errors=(NotSignedIn, Busy),
            )
        ]  # fmt: skip
        for name, (change, summary) in _CHANGES.items():
            rows.append(
                Endpoint(
                    "POST", f"{PLACE}/{name}", self._handler(change), Access.SIGNED_IN, summary,
                    body=ChangeBody, output=ChangeBegunView,
                    errors=(*sent, NotFound) if change is FactorChange.REMOVE_PASSKEY else sent,
                )
            )  # fmt: skip
        return tuple(rows)

    async def show(self, request: Request) -> Response:
        """What there is."""
        own = await self._authenticators.look(await self._gate.get_signed_in(request))
        view = AuthenticatorView(
            added_at=own.added_at,
            used_at=own.used_at,
            recovery_code_at=own.recovery_code_at,
            passkeys=[passkey_view(passkey) for passkey in own.passkeys],
            may_add=own.may_add and own.refusal is None,
            may_add_passkey=own.may_add_passkey and own.refusal is None,
            usable_methods=own.usable,
            default_method=own.preferred,
            this_device=_device_view(own.here) if own.here else None,
            refusal=self._failure(request, own.refusal),
        )
        return json_response(view)

    def _handler(self, change: FactorChange) -> Callable[[Request], Awaitable[Response]]:
        """What answers a request for one change."""

        async def begin(request: Request) -> Response:
            body: ChangeBody = await read_json(request, ChangeBody)
            ticket = new_token(self._chance)
            visitor = await self._visitors.native(request, ticket=ticket)
            passkey_id = request.path_params.get("passkey_id")
            begun = await self._authenticators.begin(visitor, change, body.current_password, passkey_id=passkey_id)
            if isinstance(begun, Failure):
                return json_response(ChangeBegunView(failure=self._failure(request, begun)))
            return json_response(ChangeBegunView(attempt=self._sign_in_api.view(request, begun, ticket=ticket)))

        return begin

    def _failure(self, request: Request, failure: Failure | None) -> FailureView | None:
        return failure_view(failure, self._catalogues, self._pages.language(request))


def passkey_view(passkey: StoredPasskey) -> PasskeyView:
    """A passkey as its owner's programs see it."""
    return PasskeyView(
        id=passkey.id,
        name=passkey.name,
        added_at=passkey.created_at,
        used_at=passkey.used_at,
        is_synced=passkey.backed_up,
    )


def _device_view(here: TrustedDevice) -> DeviceAnswerView:
    return DeviceAnswerView(answer=here.answer, passkey_id=here.passkey_id, ask_again_at=here.ask_again_at)
