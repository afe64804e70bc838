"""The table of endpoints: what can be asked of us, and by whom.

One row per method and path. The table makes the routes, guards them (``access``), and for the JSON API makes OpenAPI;
a request that has no row is answered 404 or 405, so nothing can be reached that the table does not name.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.errors import PorticoError

API_PREFIXES = ("/api/v1/", "/dev/api/")

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Access(StrEnum):
    """Who may call an endpoint."""

    ANYONE = "anyone"
    ATTEMPT_HOLDER = "attempt_holder"
    """Whoever holds the attempt's secret; the service checks it against the attempt itself."""
    SIGNED_IN = "signed_in"
    OPERATOR = "operator"
    """Whoever is signed in to an operator's account."""
    SUPPORT = "support"
    ADMIN = "admin"
    OWNER = "owner"
    """Whoever has at least this role in the organization the path names (``{organization_id}``), and operators."""
    DEVELOPMENT = "development"
    """Exists in development mode only."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row. ``query``, ``body`` and ``output`` are structs of the JSON API; ``status`` is that of success.

    ``takes`` and ``gives`` are the content types of what is no JSON; several that are given have ", " between them.
    ``opens_when_due``: also to a session whose owner has to take a step first.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    summary: str = ""
    query: Any = None
    body: Any = None
    output: Any = None
    status: int = 200
    errors: tuple[type[PorticoError], ...] = ()
    takes: str = ""
    gives: str = ""
    opens_when_due: bool = False

    @property
    def is_api(self) -> bool:
        """Whether the endpoint speaks JSON to programs."""
        return is_api(self.path)

    @property
    def is_read(self) -> bool:
        """Whether the endpoint only shows: GET shows, POST does."""
        return self.method == "GET"


@dataclass(frozen=True, slots=True)
class Found:
    """An endpoint, with the values of the variables in its path."""

    endpoint: Endpoint
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """The path exists, but not for this method."""

    allowed: tuple[str, ...]


@dataclass(slots=True)
class _Place:
    """The endpoints of one path, and what lies below it."""

    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    below: dict[str, "_Place"] = field(default_factory=dict)
    variable: "tuple[str, _Place] | None" = None


class Routes:
    """Finds the endpoint for a path: by dictionary, segment by segment; a fixed name wins over a variable."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        """Raises ValueError when two rows claim the same method and path."""
        self.endpoints = tuple(endpoints)
        self._root = _Place()
        for endpoint in self.endpoints:
            place = self._place(endpoint.path)
            if endpoint.method in place.endpoints:
                raise ValueError(f"{endpoint.method} {endpoint.path} stands in the table twice")
            place.endpoints[endpoint.method] = endpoint

    def find(self, method: str, path: str) -> Found | WrongMethod | None:
        """The endpoint for a request; HEAD is answered like GET."""
        if not path.startswith("/"):
            return None
        params: dict[str, str] = {}
        place: _Place | None = self._root
        for segment in path.split("/")[1:]:
            if place is None:
                return None
            fixed = place.below.get(segment)
            if fixed is None and place.variable is not None and segment:
                name, fixed = place.variable
                params[name] = segment
            place = fixed
        if place is None or not place.endpoints:
            return None
        endpoint = place.endpoints.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            return WrongMethod(tuple(sorted({*place.endpoints, *(["HEAD"] if "GET" in place.endpoints else [])})))
        return Found(endpoint, params)

    def _place(self, path: str) -> _Place:
        place = self._root
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                place.variable = place.variable or (segment.strip("{}"), _Place())
                place = place.variable[1]
            else:
                place = place.below.setdefault(segment, _Place())
        return place


def is_api(path: str) -> bool:
    """Whether a path belongs to the JSON API."""
    return path.startswith(API_PREFIXES)
