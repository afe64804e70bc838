"""The JSON API of changing one's address."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import Failure
from portico.kernel.errors import BadInput, Busy, Conflict, NotFound, NotSignedIn, Throttled, TooLarge
from portico.kernel.messages import Catalogues
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.my_account.address.model import WAITING
from portico.my_account.address.service import AddressChanges
from portico.security.rules import may_change_without_mailbox
from portico.sessions.door import SessionGate
from portico.signin.api import FailureView, failure_view
from portico.signin.door import Visitors
from portico.web.body import read_json
from portico.web.json import json_response, no_content
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

PATH = "/api/v1/account/address-change"
_CODE_MAX = 40

TypedCode = Annotated[str, msgspec.Meta(max_length=_CODE_MAX)]


class ChangeStage(StrEnum):
    """How far a change of address has come."""

    NONE = "none"
    CODES = "codes"
    WAITING = "waiting"


class AddressChangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The address to be, and the present password. ``without_mailbox``: the present mailbox is lost."""

    new_address: Annotated[str, msgspec.Meta(max_length=IDENTIFIER_MAX)]
    current_password: str
    without_mailbox: bool = False


class AddressCodesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The codes that were mailed, one or both."""

    old_code: TypedCode = ""
    new_code: TypedCode = ""


class AddressChangeView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change of address as it stands, and why the last wish was not met, field by field.

    ``codes``: wait for the codes that are ``asked``, ``old`` or ``new``, until ``expires_at``. ``waiting``: it is
    carried out at ``effective_at``. ``none``: there is no change on its way; after the last code that means it is done.
    Before ``frozen_until``, where it is set, none can be asked for.
    ``may_change_without_mailbox``: the session has proven a factor that is neither password nor mailbox, nor in
    doubt since "This was not me".
    """

    stage: ChangeStage
    address: str
    may_change_without_mailbox: bool
    new_address: str | None = None
    asked: tuple[str, ...] = ()
    expires_at: datetime | None = None
    effective_at: datetime | None = None
    frozen_until: datetime | None = None
    failures: tuple[FailureView, ...] = ()


class AddressApi:
    """One's own address, for programs."""

    def __init__(
        self, *, pages: Pages, gate: SessionGate, visitors: Visitors, changes: AddressChanges, catalogues: Catalogues
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._changes = changes
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, Busy)
        sent = (BadInput, TooLarge, NotSignedIn, Busy)
        return (
            Endpoint(
                "GET", PATH, self.show, Access.SIGNED_IN, "A change of address as it stands.",
                output=AddressChangeView, errors=seen,
            ),
            Endpoint(
                "POST", PATH, self.begin, Access.SIGNED_IN,
                "Ask for a change of address. The answer is the same whoever has the new one.",
                body=AddressChangeBody, output=AddressChangeView, errors=(*sent, Throttled),
            ),
            Endpoint(
                "POST", PATH + "/codes", self.confirm, Access.SIGNED_IN,
                "Give the mailed codes. With the last one the address changes, and all other sessions end.",
                body=AddressCodesBody, output=AddressChangeView, errors=(*sent, Conflict),
            ),
            Endpoint(
                "POST", PATH + "/resend", self.send_again, Access.SIGNED_IN, "Have new codes mailed.",
                output=AddressChangeView, errors=(*seen, NotFound, Throttled),
            ),
            Endpoint(
                "DELETE", PATH, self.cancel, Access.SIGNED_IN, "Take a change of address back.",
                status=204, errors=seen,
            ),
        )  # fmt: skip

    async def show(self, request: Request) -> Response:
        """A change as it stands."""
        return await self._view(request)

    async def begin(self, request: Request) -> Response:
        """Ask for a change."""
        body: AddressChangeBody = await read_json(request, AddressChangeBody)
        visitor = await self._visitors.native(request)
        failure = await self._changes.begin(
            visitor, body.current_password, body.new_address, without_mailbox=body.without_mailbox
        )
        return await self._view(request, (failure,) if failure else ())

    async def confirm(self, request: Request) -> Response:
        """Give codes."""
        body: AddressCodesBody = await read_json(request, AddressCodesBody)
        visitor = await self._visitors.native(request)
        confirmed = await self._changes.confirm(visitor, body.old_code, body.new_code)
        del request.state.signed_in
        return await self._view(request, confirmed.failures)

    async def send_again(self, request: Request) -> Response:
        """Have new codes mailed."""
        failure = await self._changes.send_again(await self._visitors.native(request))
        return await self._view(request, (failure,) if failure else ())

    async def cancel(self, request: Request) -> Response:
        """Take a change back."""
        await self._changes.cancel(await self._gate.get_signed_in(request))
        return no_content()

    async def _view(self, request: Request, failures: tuple[Failure, ...] = ()) -> Response:
        signed_in = await self._gate.get_signed_in(request)
        change, language = await self._changes.find_open(signed_in), self._pages.language(request)
        shown = (failure_view(failure, self._catalogues, language) for failure in failures)
        view = AddressChangeView(
            stage=ChangeStage.NONE,
            address=signed_in.account.address,
            may_change_without_mailbox=may_change_without_mailbox(signed_in.session.proofs, signed_in.account),
            frozen_until=self._changes.find_freeze(signed_in),
            failures=tuple(each for each in shown if each),
        )
        if change is not None:
            is_waiting = change.state in WAITING
            view = msgspec.structs.replace(
                view,
                stage=ChangeStage.WAITING if is_waiting else ChangeStage.CODES,
                new_address=change.new_address,
                asked=tuple(side for side in ("old", "new") if not is_waiting and change.is_asked(side)),
                expires_at=None if is_waiting else change.expires_at,
                effective_at=change.effective_at,
            )
        return json_response(view)
