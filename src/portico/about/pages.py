"""The help page and the reference of the JSON API."""

from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response

from portico.web.openapi import operation_rows
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

OPENAPI = "/api/v1/openapi.json"
REFERENCE = "/api"


class AboutPages:
    """Pages anyone may read."""

    def __init__(self, *, pages: Pages, endpoints: Callable[[], Iterable[Endpoint]]) -> None:
        self._pages = pages
        self._all_endpoints = endpoints

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", "/help", self.show_help, Access.ANYONE),
            Endpoint("GET", REFERENCE, self.show_reference, Access.ANYONE),
        )

    async def show_help(self, request: Request) -> Response:
        """What to do when signing in fails or a mail does not come."""
        return self._pages.show(request, "help.html")

    async def show_reference(self, request: Request) -> Response:
        """Every operation of the JSON API, readable without script and loading nothing from elsewhere."""
        return self._pages.show(
            request, "api/reference.html", operations=operation_rows(self._all_endpoints()), openapi=OPENAPI
        )
