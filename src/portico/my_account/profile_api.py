"""The JSON API of one's profile: the account, its Portico ID, its picture, its ways to sign in."""

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.accounts.model import Account
from portico.accounts.pictures import CONTENT_TYPE, UPLOAD_MAX
from portico.accounts.service import TYPED_NAME_MAX
from portico.factors.proof import ProofKind
from portico.kernel.errors import BadInput, Busy, Conflict, NotFound, NotSignedIn, Throttled, TooLarge
from portico.kernel.messages import Catalogues
from portico.my_account.profile import OwnProfile, profile_of
from portico.sessions.door import SessionGate
from portico.signin.api import FailureView, failure_view
from portico.signin.door import Visitors
from portico.web.body import read_bytes, read_json
from portico.web.json import json_response, no_content
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

_Name = Annotated[str, msgspec.Meta(max_length=TYPED_NAME_MAX)]
_Short = Annotated[str, msgspec.Meta(max_length=100)]


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """One's own account. ``version`` goes back with a change of profile; an empty language is the browser's.

    ``picture`` is the digest of the picture, empty for none. The Portico ID can be changed once.
    """

    id: str
    address: str
    handle: str
    may_change_handle: bool
    first_name: str
    last_name: str
    language: str
    time_zone: str
    picture: str
    version: int


class ProfileBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The profile to be, and the version of the one it replaces. What is left out stays as it is."""

    first_name: _Name | None = None
    last_name: _Name | None = None
    language: _Short | None = None
    time_zone: _Short | None = None
    version: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class HandleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The new Portico ID and the present password."""

    handle: _Short
    current_password: str


class HandleView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the Portico ID was changed; if not, why."""

    is_done: bool
    failure: FailureView | None = None


class PictureView(msgspec.Struct, frozen=True, kw_only=True):
    """The digest of the picture as it is kept: cut to a square, without metadata."""

    picture: str


class MethodView(msgspec.Struct, frozen=True, kw_only=True):
    """A way to sign in; passkeys have a ``name``. ``through_mailbox``: it was set by way of the mailbox alone.

    ``expires_at``: when the password has to be changed, because ``expires_asked_by`` ask for that.
    """

    kind: ProofKind
    name: str
    added_at: datetime
    changed_at: datetime
    used_at: datetime | None
    through_mailbox: bool
    expires_at: datetime | None = None
    expires_asked_by: tuple[str, ...] = ()


class MethodsView(msgspec.Struct, frozen=True, kw_only=True):
    """The ways in which one can sign in, the oldest first."""

    methods: list[MethodView]


class ProfileApi:
    """One's own profile, for programs."""

    def __init__(
        self,
        *,
        pages: Pages,
        gate: SessionGate,
        visitors: Visitors,
        profile: OwnProfile,
        catalogues: Catalogues,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._profile = profile
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, Busy)
        sent = (BadInput, TooLarge, NotSignedIn, Busy)
        return (
            Endpoint(
                "GET", "/api/v1/account", self.show, Access.SIGNED_IN, "One's own account.",
                output=AccountView, errors=seen,
            ),
            Endpoint(
                "PATCH", "/api/v1/account", self.change, Access.SIGNED_IN, "Change one's profile.",
                body=ProfileBody, output=AccountView, errors=(*sent, Conflict),
            ),
            Endpoint(
                "POST", "/api/v1/account/handle", self.change_handle, Access.SIGNED_IN,
                "Change one's Portico ID. It can be changed once; nobody ever gets the old one.",
                body=HandleBody, output=HandleView, errors=(*sent, Throttled),
            ),
            Endpoint(
                "GET", "/api/v1/account/picture", self.show_picture, Access.SIGNED_IN, "One's picture.",
                gives=CONTENT_TYPE, errors=(*seen, NotFound),
            ),
            Endpoint(
                "PUT", "/api/v1/account/picture", self.set_picture, Access.SIGNED_IN,
                "Replace one's picture by a JPEG, PNG or WebP of at most 5 MB and 40 megapixels.",
                takes="application/octet-stream", output=PictureView, errors=sent,
            ),
            Endpoint(
                "DELETE", "/api/v1/account/picture", self.remove_picture, Access.SIGNED_IN, "Remove one's picture.",
                status=204, errors=(*seen, NotFound),
            ),
            Endpoint(
                "GET", "/api/v1/account/methods", self.list_methods, Access.SIGNED_IN, "How one can sign in.",
                output=MethodsView, errors=seen,
            ),
        )  # fmt: skip

    async def show(self, request: Request) -> Response:
        """One's own account."""
        account = (await self._gate.get_signed_in(request)).account
        return json_response(self._view(account))

    async def change(self, request: Request) -> Response:
        """Change one's profile."""
        body: ProfileBody = await read_json(request, ProfileBody)
        signed_in = await self._gate.get_signed_in(request)
        profile = profile_of(signed_in, body.first_name, body.last_name, body.language, body.time_zone)
        await self._profile.change(signed_in, profile, body.version)
        del request.state.signed_in
        return await self.show(request)

    async def change_handle(self, request: Request) -> Response:
        """Change one's Portico ID."""
        body: HandleBody = await read_json(request, HandleBody)
        visitor = await self._visitors.native(request)
        failed = await self._profile.change_handle(visitor, body.handle, body.current_password)
        failure = failure_view(failed, self._catalogues, self._pages.language(request))
        return json_response(HandleView(is_done=failure is None, failure=failure))

    async def show_picture(self, request: Request) -> Response:
        """One's picture."""
        picture = await self._profile.get_picture(await self._gate.get_signed_in(request))
        return Response(picture.image, media_type=CONTENT_TYPE)

    async def set_picture(self, request: Request) -> Response:
        """Replace one's picture."""
        signed_in = await self._gate.get_signed_in(request)
        picture = await self._profile.set_picture(signed_in, await read_bytes(request, UPLOAD_MAX))
        return json_response(PictureView(picture=picture.digest))

    async def remove_picture(self, request: Request) -> Response:
        """Remove one's picture."""
        if not await self._profile.remove_picture(await self._gate.get_signed_in(request)):
            raise NotFound("no picture")
        return no_content()

    async def list_methods(self, request: Request) -> Response:
        """How one can sign in."""
        signed_in = await self._gate.get_signed_in(request)
        methods = await self._profile.list_methods(signed_in)
        expiry = await self._profile.find_expiry(signed_in)
        views = [
            MethodView(
                kind=method.kind,
                name=method.name,
                added_at=method.added_at,
                changed_at=method.changed_at,
                used_at=method.used_at,
                through_mailbox=method.through_mailbox,
                expires_at=expiry.expires_at if expiry and method.kind is ProofKind.PASSWORD else None,
                expires_asked_by=expiry.organizations if expiry and method.kind is ProofKind.PASSWORD else (),
            )
            for method in methods
        ]
        return json_response(MethodsView(methods=views))

    def _view(self, account: Account) -> AccountView:
        return AccountView(
            id=account.id,
            address=account.address,
            handle=account.handle,
            may_change_handle=self._profile.find_handle_refusal(account) is None,
            first_name=account.first_name,
            last_name=account.last_name,
            language=account.language,
            time_zone=account.time_zone,
            picture=account.picture,
            version=account.version,
        )
