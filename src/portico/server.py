"""Running the application: uvicorn with uvloop and httptools, stopped gracefully."""

import asyncio
from contextlib import suppress

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from portico.app import build_app
from portico.house import open_house
from portico.kernel.errors import Misconfigured
from portico.settings import Settings
from portico.web.base_url import is_loopback

DRAIN_SECONDS = 15
"""How long requests under way may take after a stop was asked for."""
KEEP_ALIVE_SECONDS = 20
HEADERS_MAX_BYTES = 32 * 1024


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it over httptools, with an end to what may stand before a body.

    httptools itself has none: it gathers a single endless header in memory, and takes ever longer for each piece of it.
    """

    _head = 0
    """Bytes since the last head or request ended, as far as they came in pieces of their own."""
    _is_in_head = True

    def data_received(self, data: bytes) -> None:
        """More bytes from the other side; counted while they belong to one head and nothing else."""
        self._head += len(data)
        super().data_received(data)
        if self._is_in_head and self._head > HEADERS_MAX_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        """The head has come to its end; whatever is raised here is answered 400."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEADERS_MAX_BYTES:
            raise ValueError("the head of the request is too large")
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request has come to its end; what follows on the connection is another head."""
        self._is_in_head = True
        self._head = 0
        super().on_message_complete()


def serve(settings: Settings, *, is_development: bool) -> None:
    """Serve until asked to stop (SIGTERM, SIGINT). Raises Misconfigured with what to mend."""
    if is_development:
        require_local(settings)
    # Ctrl+C is a wish to stop like any other, and by the time it is raised here everything has stopped.
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, is_development=is_development))


def require_local(settings: Settings) -> None:
    """Development mode shows mails and moves the clock: only this machine may reach it."""
    if not is_loopback(settings.host):
        raise Misconfigured(f"development mode listens on this machine only; host is {settings.host}")
    if not settings.base_url.is_local:
        raise Misconfigured(f"development mode needs a localhost address; base_url is {settings.base_url.origin}")


def server_config(app: ASGIApp, *, host: str, port: int) -> uvicorn.Config:
    """How uvicorn serves us; ``bench`` measures what runs under it."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Protocol,
        loop="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ws="none",
    )


async def _serve(settings: Settings, *, is_development: bool) -> None:
    house = await open_house(settings, is_development=is_development)
    await house.resealing.tell_missing(house.database)
    await uvicorn.Server(server_config(build_app(house), host=settings.host, port=settings.port)).serve()
