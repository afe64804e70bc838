"""A real server for journeys: ``portico demo``, then ``portico serve --dev``, as processes on a free port of loopback.

The log is part of what is tested: :meth:`RunningServer.check_log` fails on a traceback, an answer of 500 or above, or a
warning, and is asked after every story.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx

from portico.settings import Settings, read_settings
from tests.support.databases import child_environment

START_SECONDS = 60.0
STOP_SECONDS = 30.0
CHEAP_HASHES = {"PORTICO_ARGON2_MEMORY_KIB": "8", "PORTICO_ARGON2_PASSES": "1", "PORTICO_HASH_THREADS": "1"}
_TRIES = 3
_TELLING = {"warning", "error", "critical"}


class ServerDidNotStart(Exception):
    """It ended before it was ready; the text is its log."""


@dataclass
class RunningServer:
    """A server that answers."""

    base: str
    """Its address, ``http://localhost:<port>``."""
    environment: Mapping[str, str]
    """The settings it was started with."""
    log: Path
    process: "subprocess.Popen[bytes]"
    _read_until: int = field(default=0, init=False)

    @property
    def settings(self) -> Settings:
        """Its settings, for whoever opens the same house from here."""
        return read_settings({name: value for name, value in self.environment.items() if name.startswith("PORTICO_")})

    async def advance(self, **span: float) -> None:
        """Let time pass on the server: ``advance(hours=24)``. Every job has run when this comes back."""
        seconds = int(timedelta(**span).total_seconds())
        async with httpx.AsyncClient(base_url=self.base, timeout=30) as client:
            answer = await client.post("/dev/api/clock", json={"advance_seconds": seconds})
        assert answer.status_code == 200, answer.text

    def check_log(self) -> None:
        """Fail if the log has grown by anything that must not be in it."""
        with self.log.open("rb") as file:
            file.seek(self._read_until)
            grown = file.read()
            self._read_until = file.tell()
        bad = [line for line in grown.decode().splitlines() if _is_bad(line)]
        assert not bad, "the server's log holds:\n" + "\n".join(bad)


@contextmanager
def running_server(folder: Path, database_url: str = "", **settings: str) -> Iterator[RunningServer]:
    """A server with the demo's people in it, until the block ends; its data lie in ``folder``.

    ``database_url`` leads to a migrated database; without one an embedded one is made in the folder.
    """
    for tries_left in reversed(range(_TRIES)):
        port = _free_port()
        environment = {
            **{name: value for name, value in child_environment().items() if not name.startswith("PORTICO_")},
            **CHEAP_HASHES,
            "PORTICO_PORT": str(port),
            "PORTICO_DATA": str(folder / "data"),
            "PORTICO_LOG_FORMAT": "json",
            "PORTICO_LOG_LEVEL": "info",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "error",
            **({"PORTICO_DATABASE_URL": database_url} if database_url else {}),
            **{f"PORTICO_{name.upper()}": value for name, value in settings.items()},
        }
        try:
            with _serving(folder, environment, f"http://localhost:{port}") as server:
                yield server
                server.check_log()
        except ServerDidNotStart as refusal:
            # Somebody else took the port between our looking and the server's binding.
            if tries_left == 0 or "address already in use" not in str(refusal).lower():
                raise
        else:
            return


@contextmanager
def _serving(folder: Path, environment: dict[str, str], base: str) -> Iterator[RunningServer]:
    command = [sys.executable, "-m", "portico"]
    seeded = subprocess.run(
        [*command, "demo"], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert seeded.returncode == 0, f"portico demo failed: {seeded.stdout}{seeded.stderr}"
    log = folder / f"server-{environment['PORTICO_PORT']}.log"
    with log.open("wb") as output:
        # The kernel stops the server should this process be killed.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command, "serve", "--dev"],
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    server = RunningServer(base=base, environment=environment, log=log, process=process)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        _stop(process)
    # A graceful stop gives the signal back to its sender; anything else was not graceful.
    assert process.returncode in {0, -signal.SIGTERM}, f"the server ended with {process.returncode}: {log.read_text()}"


def _wait_until_ready(server: RunningServer) -> None:
    deadline = time.perf_counter() + START_SECONDS
    with httpx.Client(base_url=server.base, timeout=START_SECONDS) as client:
        while True:
            with suppress(httpx.TransportError):
                if client.get("/readyz").status_code == 200:
                    return
            with suppress(subprocess.TimeoutExpired):
                server.process.wait(0.03)
            if server.process.returncode is not None or time.perf_counter() > deadline:
                raise ServerDidNotStart(server.log.read_text())


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to stop; only if it does not, make it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_bad(line: str) -> bool:
    """Whether a line of the log must not be there."""
    if line.startswith("Traceback") or "Warning:" in line:
        return True
    with suppress(json.JSONDecodeError):
        entry = json.loads(line)
        return "exception" in entry or entry.get("level") in _TELLING or int(entry.get("status", 0)) >= 500
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
