"""The JSON API of one's organizations."""

from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import Busy, NotSignedIn
from portico.kernel.messages import Catalogues, Message
from portico.my_account.organizations import Ask, Belongings
from portico.organizations.model import MembershipState, MemberType, Role
from portico.sessions.door import SessionGate
from portico.web.json import json_response
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint


class SentenceView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is asked, for programs and in words."""

    code: str
    params: dict[str, str | int]
    text: str


class AskView(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization asks, and from when on."""

    since: datetime
    sentences: list[SentenceView]


class OwnOrganizationView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An organization one belongs to, what one is there, and what it asks.

    ``announced`` is what comes on top of that, ``dropped`` what is then not asked any more.
    """

    id: str
    name: str
    member_type: MemberType
    role: Role
    state: MembershipState
    joined_at: datetime
    asks: AskView | None = None
    announced: AskView | None = None
    dropped: AskView | None = None


class InTheEndView(msgspec.Struct, frozen=True, kw_only=True):
    """What several organizations come to together, and whose word it is."""

    asked: SentenceView
    organizations: list[str]


class OwnOrganizationsView(msgspec.Struct, frozen=True, kw_only=True):
    """One's organizations; ``in_the_end`` is empty where fewer than two ask for anything.

    ``password_expires_at``: when one's password has to be changed, because ``password_asked_by`` ask for that.
    """

    organizations: list[OwnOrganizationView]
    in_the_end: list[InTheEndView]
    password_expires_at: datetime | None = None
    password_asked_by: tuple[str, ...] = ()


class OwnOrganizationsApi:
    """One's organizations, for programs."""

    def __init__(self, *, pages: Pages, gate: SessionGate, belongings: Belongings, catalogues: Catalogues) -> None:
        self._pages = pages
        self._gate = gate
        self._belongings = belongings
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint(
                "GET", "/api/v1/account/organizations", self.show, Access.SIGNED_IN,
                "The organizations one belongs to, and what each asks since when.",
                output=OwnOrganizationsView, errors=(NotSignedIn, Busy),
            ),
        )  # fmt: skip

    async def show(self, request: Request) -> Response:
        """One's organizations."""
        own = await self._belongings.look(await self._gate.get_signed_in(request))
        language = self._pages.language(request)
        organizations = [
            OwnOrganizationView(
                id=one.organization.id,
                name=one.organization.name,
                member_type=one.membership.member_type,
                role=one.membership.role,
                state=one.membership.state,
                joined_at=one.membership.joined_at,
                asks=self._ask(one.asks, language),
                announced=self._ask(one.announced, language),
                dropped=self._ask(one.dropped, language),
            )
            for one in own.organizations
        ]
        in_the_end = [
            InTheEndView(asked=self._sentence(one.sentence, language), organizations=list(one.organizations))
            for one in own.in_the_end
        ]
        view = OwnOrganizationsView(
            organizations=organizations,
            in_the_end=in_the_end,
            password_expires_at=own.expiry.expires_at if own.expiry else None,
            password_asked_by=own.expiry.organizations if own.expiry else (),
        )
        return json_response(view)

    def _ask(self, ask: Ask | None, language: str) -> AskView | None:
        if ask is None:
            return None
        return AskView(since=ask.since, sentences=[self._sentence(one, language) for one in ask.sentences])

    def _sentence(self, said: Message, language: str) -> SentenceView:
        return SentenceView(code=said.code, params=dict(said.params), text=self._catalogues.text(said, language))
