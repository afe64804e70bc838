"""The JSON API of an organization's domains: claimed, proven by DNS or by an operator's word, released (D19)."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from portico.admin.door import ORGANIZATION, get_actor
from portico.admin.organizations_api import OPERATOR
from portico.kernel.errors import BadInput, Busy, NotAllowed, NotFound, NotSignedIn, TooLarge
from portico.kernel.messages import Catalogues
from portico.organizations.changes import OrganizationChanges
from portico.organizations.domains.model import Domain
from portico.organizations.domains.service import Domains
from portico.organizations.faults import DomainTaken, OrganizationSuspended, PublicDomain, TooManyDomains
from portico.sessions.door import SessionGate
from portico.signin.api import FailureView, failure_view
from portico.web.body import read_json
from portico.web.json import json_response, no_content
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

DOMAINS = ORGANIZATION + "/domains"
DOMAIN = DOMAINS + "/{domain}"


class DomainBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A domain such as ``north-clinic.example``."""

    domain: Annotated[str, Meta(max_length=253)]


class DomainView(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed domain: the TXT record that proves it, and when it was proven."""

    domain: str
    record_name: str
    record_value: str
    claimed_at: datetime
    verified_at: datetime | None


class DomainsView(msgspec.Struct, frozen=True, kw_only=True):
    """All domains an organization claims, in alphabetical order."""

    domains: list[DomainView]


class VerificationView(msgspec.Struct, frozen=True, kw_only=True):
    """The domain after a try to prove it; why it is not proven, if it is not."""

    domain: DomainView
    failure: FailureView | None = None


class DomainsApi:
    """Domains, for programs."""

    def __init__(
        self,
        *,
        pages: Pages,
        gate: SessionGate,
        changes: OrganizationChanges,
        domains: Domains,
        catalogues: Catalogues,
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._changes = changes
        self._domains = domains
        self._catalogues = catalogues

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        seen = (NotSignedIn, NotAllowed, Busy, NotFound)
        done = (BadInput, *seen, OrganizationSuspended)
        return (
            Endpoint(
                "GET", DOMAINS, self.list_claimed, Access.SUPPORT, "The domains an organization claims.",
                output=DomainsView, errors=seen,
            ),
            Endpoint(
                "POST", DOMAINS, self.claim, Access.ADMIN,
                "Claim a domain, and get the record that proves it. Claiming again changes nothing.",
                body=DomainBody, output=DomainView,
                errors=(*done, TooLarge, PublicDomain, DomainTaken, TooManyDomains),
            ),
            Endpoint(
                "POST", DOMAIN + "/verify", self.verify, Access.ADMIN, "Look for the record that proves a domain.",
                output=VerificationView, errors=(*done, DomainTaken),
            ),
            Endpoint(
                "DELETE", DOMAIN, self.release, Access.ADMIN, "Release a domain, proven or not.", status=204,
                errors=done,
            ),
            Endpoint(
                "POST", OPERATOR + "/{organization_id}/domains/{domain}/verify", self.verify_by_word, Access.OPERATOR,
                "Take a claimed domain for proven, by an operator's word.",
                output=DomainView, errors=(BadInput, *seen, DomainTaken),
            ),
        )  # fmt: skip

    async def list_claimed(self, request: Request) -> Response:
        """The claimed domains."""
        organization = await self._changes.get(request.path_params["organization_id"])
        claimed = await self._domains.list_claimed(organization.id)
        return json_response(DomainsView(domains=[_view(each) for each in claimed]))

    async def claim(self, request: Request) -> Response:
        """Claim a domain."""
        body: DomainBody = await read_json(request, DomainBody)
        actor, organization_id = await get_actor(self._gate, request), request.path_params["organization_id"]
        return json_response(_view(await self._domains.claim(actor, organization_id, body.domain)))

    async def verify(self, request: Request) -> Response:
        """Prove it."""
        done = await self._domains.verify(await get_actor(self._gate, request), *_named(request))
        shown = failure_view(done.failure, self._catalogues, self._pages.language(request))
        return json_response(VerificationView(domain=_view(done.domain), failure=shown))

    async def verify_by_word(self, request: Request) -> Response:
        """Take it for proven."""
        actor = await get_actor(self._gate, request)
        return json_response(_view(await self._domains.verify_by_word(actor, *_named(request))))

    async def release(self, request: Request) -> Response:
        """Give it up."""
        await self._domains.release(await get_actor(self._gate, request), *_named(request))
        return no_content()


def _view(domain: Domain) -> DomainView:
    return DomainView(
        domain=domain.domain,
        record_name=domain.record_name,
        record_value=domain.record_value,
        claimed_at=domain.claimed_at,
        verified_at=domain.verified_at,
    )


def _named(request: Request) -> tuple[str, str]:
    """The organization and the domain the path names."""
    return request.path_params["organization_id"], request.path_params["domain"]
