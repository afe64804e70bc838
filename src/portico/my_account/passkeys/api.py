"""The JSON API of one's passkeys by their names, one's default method, and being asked again to trust a device."""

from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.factors.passkeys.model import NAME_MAX
from portico.factors.proof import Failure, ProofKind
from portico.kernel.errors import BadInput, Busy, NotFound, NotSignedIn, Throttled, TooLarge
from portico.kernel.messages import Catalogues
from portico.my_account.authenticator.api import PLACE, PasskeyView, passkey_view
from portico.my_account.authenticator.service import Authenticators
from portico.my_account.passkeys.service import OwnPasskeys
from portico.sessions.door import SessionGate
from portico.signin.api import FailureView, failure_view
from portico.signin.door import Visitors
from portico.web.body import read_json
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint


class PasskeysView(msgspec.Struct, frozen=True, kw_only=True):
    """One's passkeys, the oldest first."""

    passkeys: list[PasskeyView]


class NameBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a passkey is to be called, and one's present password."""

    name: Annotated[str, msgspec.Meta(max_length=NAME_MAX)]
    current_password: str


class DefaultBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The method to be asked for first, none to leave it to the device; and one's present password."""

    method: Literal["passkey", "totp", "email_code"] | None
    current_password: str


class ChangedView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether it was done; if not, why."""

    is_done: bool
    failure: FailureView | None = None


class PasskeyApi:
    """One's passkeys, and how one wants to be asked, for programs."""

    def __init__(
        self,
        *,
        pages: Pages,
        gate: SessionGate,
        visitors: Visitors,
        authenticators: Authenticators,
        passkeys: OwnPasskeys,
        catalogues: Catalogues,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._authenticators = authenticators
        self._passkeys = passkeys
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, Busy)
        sent = (BadInput, TooLarge, NotSignedIn, Busy, Throttled)
        return (
            Endpoint(
                "GET", PLACE + "/passkeys", self.list_passkeys, Access.SIGNED_IN, "One's passkeys.",
                output=PasskeysView, errors=seen,
            ),
            Endpoint(
                "GET", PLACE + "/passkeys/{passkey_id}", self.show, Access.SIGNED_IN, "One of one's passkeys.",
                output=PasskeyView, errors=(*seen, NotFound),
            ),
            Endpoint(
                "PATCH", PLACE + "/passkeys/{passkey_id}", self.rename, Access.SIGNED_IN, "Rename a passkey.",
                body=NameBody, output=ChangedView, errors=(*sent, NotFound),
            ),
            Endpoint(
                "PUT", PLACE + "/default", self.prefer, Access.SIGNED_IN,
                "Choose the method one is asked for first. Only a usable one can be chosen.",
                body=DefaultBody, output=ChangedView, errors=sent,
            ),
            Endpoint(
                "DELETE", PLACE + "/this-device", self.ask_again, Access.SIGNED_IN,
                "Be asked again whether to trust the device one is on.", output=ChangedView, errors=seen,
            ),
        )  # fmt: skip

    async def list_passkeys(self, request: Request) -> Response:
        """One's passkeys."""
        own = await self._authenticators.look(await self._gate.get_signed_in(request))
        return json_response(PasskeysView(passkeys=[passkey_view(passkey) for passkey in own.passkeys]))

    async def show(self, request: Request) -> Response:
        """One of them."""
        signed_in = await self._gate.get_signed_in(request)
        passkey = await self._authenticators.get_passkey(signed_in, request.path_params["passkey_id"])
        return json_response(passkey_view(passkey))

    async def rename(self, request: Request) -> Response:
        """Give a passkey another name."""
        body: NameBody = await read_json(request, NameBody)
        visitor = await self._visitors.native(request)
        passkey_id = request.path_params["passkey_id"]
        return self._changed(
            request, await self._passkeys.rename(visitor, passkey_id, body.name, body.current_password)
        )

    async def prefer(self, request: Request) -> Response:
        """Choose the default method."""
        body: DefaultBody = await read_json(request, DefaultBody)
        visitor = await self._visitors.native(request)
        kind = ProofKind(body.method) if body.method else None
        return self._changed(request, await self._passkeys.prefer(visitor, kind, body.current_password))

    async def ask_again(self, request: Request) -> Response:
        """Forget that this device is not to be trusted."""
        return self._changed(request, await self._passkeys.ask_again(await self._gate.get_signed_in(request)))

    def _changed(self, request: Request, failed: Failure | None) -> Response:
        failure = failure_view(failed, self._catalogues, self._pages.language(request))
        return json_response(ChangedView(is_done=failure is None, failure=failure))
