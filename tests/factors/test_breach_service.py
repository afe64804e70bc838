"""Asking a breached-password service: by the published protocol, with patience that ends, believing nothing else."""

import asyncio
import gzip
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from portico.factors.breach_service import ANSWER_MAX_BYTES, BreachService
from portico.factors.screening import sha1_of
from tests.support.range_server import RangeServer, http, range_server

PATIENCE = timedelta(seconds=10)


@asynccontextmanager
async def asked(server: RangeServer, patience: timedelta = PATIENCE) -> AsyncIterator[BreachService]:
    """A client of a server."""
    service = BreachService(server.base + "/", patience)
    try:
        yield service
    finally:
        await service.close()


async def test_five_digits_are_sent_and_nothing_else() -> None:  # D2
    async with range_server(password=9) as server, asked(server) as service:
        assert await service.find_count(sha1_of("password")) == 9
        (head,) = server.requests
        assert head.startswith("GET /range/5BAA6 HTTP/1.1\r\n")
        assert "\r\nadd-padding: true\r\n" in head.lower()
        assert "1E4C9" not in head.upper()


async def test_what_is_not_in_the_range_was_never_seen() -> None:  # D2
    async with range_server(password=9) as server, asked(server) as service:
        assert await service.find_count(sha1_of("Harbour-Lamp-27")) == 0


async def test_padding_was_seen_zero_times() -> None:  # D2
    async with range_server(password=0) as server, asked(server) as service:
        assert await service.find_count(sha1_of("password")) == 0


async def test_small_letters_and_plain_line_ends_are_read_too() -> None:
    digits = hashlib.sha1(b"password").hexdigest()  # noqa: S324 - the protocol's hash
    async with range_server() as server, asked(server) as service:
        server.answer = http(200, f"{digits[5:]}:3\n\n".encode())
        assert await service.find_count(sha1_of("password")) == 3


async def test_an_empty_range_knows_nothing() -> None:
    async with range_server() as server, asked(server) as service:
        server.answer = http(200)
        assert await service.find_count(sha1_of("password")) == 0


async def test_the_connection_is_used_again() -> None:
    async with range_server() as server, asked(server) as service:
        for password in ("one", "two", "three"):
            await service.find_count(sha1_of(password))
        assert len(server.requests) == 3
        assert server.connections == 1


LINE = b"1E4C9B93F3F0682250B6CF8331B7EE68FD8:9\r\n"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http(500, LINE), "it answers 500"),
        (http(404), "it answers 404"),
        (http(204), "it answers 204"),
        (http(302, b"", "Location: http://127.0.0.1:9/range/5BAA6"), "it answers 302"),
        (http(200, b"<!doctype html><title>Please sign in to the hotel</title>"), "not that of a range search"),
        (http(200, LINE + b"1E4C9:9\r\n"), "not that of a range search"),
        (http(200, LINE.replace(b":9", b":many")), "not that of a range search"),
        (http(200, b"\0\xff\xfe" * 50), "not that of a range search"),
        (http(200, gzip.compress(LINE), "Content-Encoding: gzip"), "packed"),
        (http(200, LINE * (ANSWER_MAX_BYTES // len(LINE) + 1)), "more than"),
        (b"220 mail.example ESMTP\r\n\r\n", "the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + LINE, "no answer within"),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_told_as_none(answer: bytes, why: str) -> None:  # D2
    async with range_server() as server, asked(server, timedelta(milliseconds=300)) as service:
        server.answer = answer
        told = await service.find_count(sha1_of("password"))
        assert isinstance(told, str)
        assert why in told
        assert server.asked == ["/range/5BAA6"], "it is asked once and not followed elsewhere"


async def test_patience_ends_for_who_never_answers() -> None:  # D2
    async with range_server() as server, asked(server, timedelta(milliseconds=50)) as service:
        server.is_mute = True
        assert await service.find_count(sha1_of("password")) == "no answer within 0.05 s"


@pytest.mark.parametrize("drip", [b"\r\n", LINE * 100])
async def test_an_answer_without_end_is_cut_off(drip: bytes) -> None:
    async with range_server() as server, asked(server, timedelta(milliseconds=200)) as service:
        server.drip = drip
        assert isinstance(await service.find_count(sha1_of("password")), str)


async def test_nobody_there_is_told() -> None:
    async with range_server() as server:
        pass
    async with asked(server) as service:
        told = await service.find_count(sha1_of("password"))
        assert isinstance(told, str)
        assert told.startswith("it cannot be reached")


async def test_many_ask_at_once_over_a_few_connections() -> None:
    async with range_server(password=9) as server, asked(server) as service:
        counts = await asyncio.gather(*(service.find_count(sha1_of("password")) for _ in range(50)))
        assert counts == [9] * 50
        assert server.connections <= 8


def test_a_deployment_without_a_service_does_not_carry_its_client() -> None:
    code = "import sys, portico.app; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
