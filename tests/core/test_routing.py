"""The table of endpoints finds what was asked for, and nothing that only looks like it."""

from starlette.requests import Request
from starlette.responses import Response

from portico.web.routing import Access, Endpoint, Routes


async def _answer(_request: Request) -> Response:
    return Response()


def test_a_path_that_does_not_begin_with_a_slash_leads_nowhere() -> None:
    """Else it would be answered as a path it is not: a page guarded as one of the API, say."""
    routes = Routes([Endpoint("GET", "/api/v1/account", _answer, Access.SIGNED_IN)])
    assert routes.find("GET", "/api/v1/account") is not None
    for path in ("\0/api/v1/account", "x/api/v1/account", "api/v1/account", "", "*"):
        assert routes.find("GET", path) is None, path
