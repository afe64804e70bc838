"""Load: conversations over kept-alive connections, as many at once as asked for.

A conversation yields requests and is sent the answers; each time it is through, one operation is done. The parser is
httptools and the loop uvloop, so that the load costs less than what it measures.
"""

import asyncio
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import httptools

Conversation = Generator[bytes, "Answer", None]


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int = 0
    body: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class Load:
    """Operations done, and in what time of the wall."""

    operations: int
    seconds: float


class WrongAnswer(Exception):
    """An answer that nobody meant to measure."""


class _Connection(asyncio.Protocol):
    """Lives one conversation after another."""

    def __init__(self, begin: Callable[[], Conversation]) -> None:
        self.operations = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_last = False
        self._begin = begin
        self._conversation = begin()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer = Answer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._say(next(self._conversation))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for this connection
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or WrongAnswer("the server closed a connection"))

    def on_body(self, body: bytes) -> None:
        self._answer.body += body

    def on_message_complete(self) -> None:
        answer, self._answer = self._answer, Answer()
        answer.status = self._parser.get_status_code()
        self._parser = httptools.HttpResponseParser(self)
        try:
            self._say(self._conversation.send(answer))
        except StopIteration:
            self.operations += 1
            if self.is_last:
                self._end(None)
                return
            self._conversation = self._begin()
            self._say(next(self._conversation))

    def _say(self, request: bytes) -> None:
        if self._transport is not None:
            self._transport.write(request)

    def _end(self, error: BaseException | None) -> None:
        if self._transport is not None:
            self._transport.abort()
        if self.over.done():
            return
        if error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(error)


async def put_load(port: int, begin: Callable[[], Conversation], *, connections: int, seconds: float) -> Load:
    """Let ``connections`` connections converse for a while; every conversation that was begun is finished."""
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    lines = [
        (await loop.create_connection(lambda: _Connection(begin), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    for line in lines:
        line.is_last = True
    async with asyncio.timeout(60):
        await asyncio.gather(*(line.over for line in lines))
    return Load(sum(line.operations for line in lines), time.perf_counter() - started)
