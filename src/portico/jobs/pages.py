"""Health, for supervisors and load balancers: is the process alive, and can it serve."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from portico.database.engine import Database
from portico.database.schema import check_schema
from portico.kernel.clock import Clock, SystemClock
from portico.kernel.errors import PorticoError
from portico.web.json import json_response
from portico.web.routing import Access, Endpoint


class ReadyView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether requests can be served, and what stands in the way; ``clock_behind`` in seconds."""

    is_ready: bool
    database: str
    clock_behind: int


class Health:
    """Two questions that are asked every few seconds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", "/healthz", self.show_alive, Access.ANYONE),
            Endpoint("GET", "/readyz", self.show_ready, Access.ANYONE),
        )

    async def show_alive(self, _request: Request) -> Response:
        """The process answers."""
        return json_response({"is_alive": True})

    async def show_ready(self, _request: Request) -> Response:
        """The database answers and has the schema this code works with."""
        try:
            state: str = (await check_schema(self._database)).state
        except PorticoError:
            state = "unreachable"
        behind = self._clock.behind() if isinstance(self._clock, SystemClock) else None
        view = ReadyView(
            is_ready=state == "current", database=state, clock_behind=int(behind.total_seconds()) if behind else 0
        )
        return json_response(view, status=200 if view.is_ready else 503)
