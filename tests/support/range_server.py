"""A breached-password service for tests: real HTTP on a port of this machine, which remembers what it was asked.

It knows some passwords, answers as the published protocol says, and has bad days.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

PADDING = "0" * 34 + "F:0\r\n"


@dataclass
class RangeServer:
    """A service that is running; ``answer``, if set, is sent as it stands instead of a range."""

    port: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """The passwords it knows, and how often each was seen."""
    answer: bytes | None = None
    is_mute: bool = False
    """Take the question and never answer."""
    drip: bytes = b""
    """Sent again and again, for ever."""
    requests: list[str] = field(default_factory=list)
    """The heads of the requests that came."""
    connections: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first request."""

    @property
    def base(self) -> str:
        """Its address, as it is written in the settings."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[str]:
        """The paths it was asked for."""
        return [request.split()[1] for request in self.requests]

    def range_of(self, prefix: str) -> bytes:
        """The answer to a prefix, padding among it."""
        known = {hashlib.sha1(each.encode()).hexdigest().upper(): count for each, count in self.counts.items()}  # noqa: S324 - the protocol's hash
        lines = [f"{sha1[5:]}:{count}\r\n" for sha1, count in known.items() if sha1.startswith(prefix)]
        return "".join([PADDING, *lines]).encode()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with as many questions as come."""
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.requests.append(head)
                self.arrived.set()
                if self.is_mute:
                    await reader.read()
                if self.drip:
                    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    while True:
                        writer.write(self.drip)
                        await writer.drain()
                        await asyncio.sleep(0)
                body = self.range_of(head.split()[1].rpartition("/")[2])
                writer.write(self.answer or http(200, body))
                await writer.drain()
        writer.close()


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    """An answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Content-Type: text/plain", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def range_server(**counts: int) -> AsyncIterator[RangeServer]:
    """A service on a free port."""
    running = RangeServer(counts=dict(counts))
    talks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.get_running_loop().create_task(running.talk(reader, writer))
        talks.add(talk)
        talk.add_done_callback(talks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
