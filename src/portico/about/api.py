"""What a program can ask without being anybody: the OpenAPI document and the deployment's public facts."""

from collections.abc import Callable, Iterable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.about.pages import OPENAPI
from portico.kernel.brand import Brand
from portico.web.base_url import BaseUrl
from portico.web.json import json_response
from portico.web.openapi import openapi_document
from portico.web.routing import Access, Endpoint


class DeploymentView(msgspec.Struct, frozen=True, kw_only=True):
    """What a client shows before anybody signs in."""

    name: str
    accent: str
    support_address: str
    help_url: str
    languages: list[str]
    version: str
    offers_sign_up: bool


class AboutApi:
    """Facts anyone may read."""

    def __init__(
        self,
        *,
        base_url: BaseUrl,
        brand: Brand,
        languages: tuple[str, ...],
        version: str,
        offers_sign_up: bool,
        endpoints: Callable[[], Iterable[Endpoint]],
    ) -> None:
        self._base_url = base_url
        self._brand = brand
        self._languages = languages
        self._version = version
        self._offers_sign_up = offers_sign_up
        self._all_endpoints = endpoints

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", OPENAPI, self.show_openapi, Access.ANYONE, "This API as an OpenAPI 3.1 document."),
            Endpoint(
                "GET",
                "/api/v1/deployment",
                self.show_deployment,
                Access.ANYONE,
                "What the deployment calls itself, and where it sends people for help.",
                output=DeploymentView,
            ),
        )

    async def show_openapi(self, _request: Request) -> Response:
        """The OpenAPI document."""
        return json_response(self.document())

    async def show_deployment(self, _request: Request) -> Response:
        """The deployment's public facts."""
        view = DeploymentView(
            name=self._brand.name,
            accent=self._brand.accent,
            support_address=self._brand.support_address,
            help_url=self._brand.help_url or self._base_url.to("/help"),
            languages=list(self._languages),
            version=self._version,
            offers_sign_up=self._offers_sign_up,
        )
        return json_response(view)

    def document(self) -> dict[str, object]:
        """The description of every operation."""
        return openapi_document(
            self._all_endpoints(),
            title=f"{self._brand.name} API",
            version=self._version,
            server=self._base_url.origin,
        )
