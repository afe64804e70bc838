"""A server that is killed and comes back: ``portico serve`` as a process, each time on the same port and data."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from portico.settings import Settings, read_settings
from tests.support.databases import child_environment

START_SECONDS = 60.0


class CrashServer:
    """One deployment, whose process comes and goes."""

    def __init__(self, folder: Path, database_url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.base = f"http://localhost:{self.port}"
        self.environment: Mapping[str, str] = {
            "PORTICO_BASE_URL": self.base,
            "PORTICO_PORT": str(self.port),
            "PORTICO_DATA": str(folder / "data"),
            "PORTICO_DATABASE_URL": database_url,
            "PORTICO_MAIL_TRANSPORT": "maildir",
            "PORTICO_ARGON2_MEMORY_KIB": "8",
            "PORTICO_ARGON2_PASSES": "1",
            "PORTICO_LOG_LEVEL": "warning",
        }
        self.log = folder / "server.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> Settings:
        """Its settings, for whoever opens the same house from here."""
        return read_settings(self.environment)

    async def start(self) -> float:
        """Start, and come back when it is ready; how many seconds that took."""
        started = time.perf_counter()
        outside = {name: value for name, value in child_environment().items() if not name.startswith("PORTICO_")}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - to start a process takes a moment only
                [sys.executable, "-m", "portico", "serve"],
                env={**outside, **self.environment},
                cwd=self._folder,
                stdout=output,
                stderr=output,
            )
        async with httpx.AsyncClient(base_url=self.base, timeout=5) as client:
            while time.perf_counter() < started + START_SECONDS:
                with suppress(httpx.TransportError):
                    if (await client.get("/readyz")).status_code == 200:
                        return time.perf_counter() - started
                assert self._process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.02)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


@contextmanager
def crash_server(folder: Path, database_url: str) -> Iterator[CrashServer]:
    """A deployment that is not running yet, and is not when the block has ended."""
    server = CrashServer(folder, database_url)
    try:
        yield server
    finally:
        server.kill()
