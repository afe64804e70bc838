"""What one whole deployment costs, seen from outside: the start, memory at rest, and the sign-in page's weight.

These measure the real ``portico serve``, with settings as an operator would have them.
"""

import asyncio
import http.client
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Running, run_to_end, started
from bench.works import Visitor

_ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')
_MAX_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Start:
    """One start, up to the first page answered."""

    cpu_seconds: float
    wall_seconds: float
    resident_mib: float


@dataclass(frozen=True, slots=True)
class Weight:
    """The sign-in page with all it brings along."""

    requests: int
    bytes: int


async def prepare(folder: Path) -> None:
    """Make database and keys, so that a start finds what it finds every day."""
    await _start(folder, at_rest=0)


async def measure_start(folder: Path) -> Start:
    """Start ``portico serve``, ask for the sign-in page, let it rest for a second."""
    return await _start(folder, at_rest=1)


async def measure_first_start(folder: Path) -> Start:
    """The very first start, which also makes the database."""
    return await _start(folder, at_rest=0)


async def bare_python_seconds(times: int) -> float:
    """What an interpreter costs that does nothing."""
    return sum([await run_to_end(["-c", "pass"]) for _ in range(times)]) / times


def measure_weight(port: int) -> Weight:
    """Everything a browser fetches to show the sign-in page, heads of answers included; nothing is compressed."""
    visitor, jar = Visitor(port), dict[str, str]()
    _, page, total = visitor.open("/signin", jar)
    assets = sorted(set(_ASSET.findall(page)))
    return Weight(1 + len(assets), total + sum(visitor.open(asset, jar)[2] for asset in assets))


async def _start(folder: Path, *, at_rest: float) -> Start:
    port = _free_port()
    environment = {"PORTICO_DATA": str(folder), "PORTICO_PORT": str(port), "PORTICO_MAIL_TRANSPORT": "maildir"}
    began = time.perf_counter()
    with started(["-m", "portico", "serve"], environment) as server:
        await _first_answer(server, port)
        cpu, wall = server.cpu_seconds, time.perf_counter() - began
        await asyncio.sleep(at_rest)
        return Start(cpu, wall, server.resident_mib)


async def _first_answer(server: Running, port: int) -> None:
    began = time.perf_counter()
    while time.perf_counter() - began < _MAX_WAIT:
        try:
            if Visitor(port).open("/signin", {})[0] == http.HTTPStatus.OK:
                return
        except ConnectionRefusedError:
            await asyncio.sleep(0.002)
    raise RuntimeError(f"portico serve ({server.pid}) did not answer; run it by hand to see why")


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port
