"""A real server on a real socket, and bytes no browser sends: nothing hangs, nothing is smuggled, others are served."""

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from portico.server import HEADERS_MAX_BYTES
from tests.support.server import RunningServer, running_server

PATIENCE = 20.0
NO_HTTP = [
    b"\r\n\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS where none is spoken
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: {host}\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GE\x00T / HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /help?\xff\xfe HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : {host}\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: {host}\r\nX: a\rb\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: {host}\r\nX: a\x00b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: {host}\r\n folded\r\n\r\n",
    b"POST /signin HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5, 6\r\n\r\nhello",
    b"POST /signin HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\nhello",
    b"POST /signin HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
    b"POST /signin HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /signin HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
]
SMUGGLED = b"GET /api/v1/smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n"
SMUGGLING = [
    b"POST /signin HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    b"POST /signin HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    b"POST /signin HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n" + SMUGGLED,
    b"POST /signin HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    b"POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
]
"""A proxy and we might disagree about where these end."""


@dataclass(frozen=True)
class Wire:
    """A server, and sockets to it."""

    server: RunningServer

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.base.rpartition(":")[2])

    def connect(self) -> socket.socket:
        """One connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def say(self, data: bytes) -> bytes:
        """Send bytes and give what comes back until the other side hangs up or has nothing more to say."""
        with self.connect() as line:
            line.sendall(data.replace(b"{host}", f"localhost:{self.port}".encode()))
            line.shutdown(socket.SHUT_WR)
            heard = b""
            while True:
                try:
                    piece = line.recv(65_536)
                except ConnectionResetError:
                    return heard
                if not piece:
                    return heard
                heard += piece

    def is_well(self) -> bool:
        """Whether others are served meanwhile, and soon."""
        started = time.perf_counter()
        told = httpx.get(f"{self.server.base}/signin", timeout=PATIENCE)
        return told.status_code == 200 and time.perf_counter() - started < PATIENCE / 2


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One server for all of this."""
    with running_server(tmp_path_factory.mktemp("wire")) as server:
        yield Wire(server)


def statuses(heard: bytes) -> list[int]:
    """The statuses of the answers in what was heard."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", heard)]


def test_what_is_not_http_is_refused_or_cut(wire: Wire) -> None:  # V4.2.1, V16.5.4
    for data in NO_HTTP:
        told = statuses(wire.say(data))
        assert all(200 <= status < 500 for status in told), (data, told)
        assert 200 not in told or b"/help?" in data, (data, told)
    assert wire.is_well()


def test_no_second_request_is_smuggled_into_one(wire: Wire) -> None:  # V4.2.1
    for data in SMUGGLING:
        heard = wire.say(data)
        told = statuses(heard)
        assert len(told) <= 1, (data, told)
        assert all(400 <= status < 500 for status in told), (data, told)
        assert b"not_found" not in heard
    assert wire.is_well()


def test_an_endless_head_is_cut_off(wire: Wire) -> None:  # X15, X17
    for start in (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"GET /", b"GET / HTTP/1.1\r\n"):
        piece = b"X: y\r\n" * 200 if start.endswith(b"\r\n") else b"a" * 1_200
        with wire.connect() as line:
            line.sendall(start)
            sent = 0
            try:
                while sent < 200 * HEADERS_MAX_BYTES:
                    sent += line.send(piece)
            except OSError:
                pass
            assert sent < 200 * HEADERS_MAX_BYTES, "it would have taken any number"
        assert wire.is_well()


def test_a_head_and_a_body_that_are_just_small_enough_are_taken(wire: Wire) -> None:  # D1
    body = b"a" * 60_000
    head = b"POST /signin HTTP/1.1\r\nHost: {host}\r\nX: " + b"b" * (HEADERS_MAX_BYTES - 1_000)
    head += f"\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    whole = (head + body) * 2
    assert statuses(wire.say(whole)) == [403, 403], "both are read to their ends; no origin was given"
    assert statuses(wire.say(head.replace(b"X: ", b"X: " + b"b" * 2_000) + body)) == [400]


def test_people_who_dawdle_keep_nobody_waiting(wire: Wire) -> None:  # X15
    lines = [wire.connect() for _ in range(100)]
    try:
        for number, line in enumerate(lines):
            line.sendall(
                (b"GET / HTTP/1.1\r\nHos", b"POST /signin HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na")[
                    number % 2
                ]
            )
        assert wire.is_well()
        with ThreadPoolExecutor(20) as many:
            assert all(many.map(lambda _: wire.is_well(), range(40)))
    finally:
        for line in lines:
            line.close()
    assert wire.is_well()


def test_somebody_who_hangs_up_in_the_middle_is_no_fault(wire: Wire) -> None:  # V16.5.4
    for number in range(30):
        with wire.connect() as line:
            head = f"POST /api/v1/signin HTTP/1.1\r\nHost: localhost:{wire.port}\r\nContent-Type: application/json\r\n"
            line.sendall(f"{head}Content-Length: 100\r\n\r\n{'x' * number}".encode())
    assert wire.is_well()
    wire.server.check_log()


def test_no_banner_tells_what_we_run_on(wire: Wire) -> None:  # V13.4.6
    for data in (
        b"GET /signin HTTP/1.1\r\nHost: {host}\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: {host}\r\n\r\n",
        b"rubbish\r\n\r\n",
    ):
        heard = wire.say(data).partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nserver:" not in heard
        assert b"uvicorn" not in heard
        assert heard.count(b"\r\ndate:") == 1


def test_the_log_is_one_record_a_line_whatever_was_sent(wire: Wire) -> None:  # V16.4.1
    nasty = "a%0d%0a%7b%22event%22:%22forged%22%7d%1b[31m"
    httpx.get(f"{wire.server.base}/{nasty}", headers={"user-agent": 'x"}\\n{"event":"forged"}'}, timeout=PATIENCE)
    httpx.post(
        f"{wire.server.base}/api/v1/password-reset/requests",
        json={"identifier": '\n{"event":"forged"}'},
        timeout=PATIENCE,
    )
    lines = Path(wire.server.log).read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines if line.startswith("{")]
    assert records
    assert not [record for record in records if record["event"] == "forged"]
    for record in records:
        assert record["timestamp"].endswith("Z")
        assert record["level"] in ("info", "warning")
