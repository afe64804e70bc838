"""A PostgreSQL server for tests: the one PORTICO_TEST_POSTGRES_URL names, or a private one.

The private server is made of Debian's binaries in a temporary folder, listens on a socket there and nowhere else, and
ends with the process that started it, however that ends. PostgreSQL refuses to run as root, so root lends it another
user. It does not wait for the disk: nothing here has to survive a power cut.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

URL_VARIABLE = "PORTICO_TEST_POSTGRES_URL"
PACKAGE = "postgresql"
BINARIES = Path("/usr/lib/postgresql")
START_SECONDS = 60.0
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "deadlock_timeout": "100ms",
    "log_min_messages": "fatal",
}


@dataclass(frozen=True)
class PostgresServer:
    """A server on which tests may make databases; ``url`` leads to a database that is always there."""

    url: str

    def database_url(self, name: str) -> str:
        """The address of another database on the same server."""
        parts = urlsplit(self.url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}/{name}{query}"

    async def create(self, template: str | None = None) -> str:
        """Make a database, empty or a copy of another; its name."""
        name = f"portico_test_{os.getpid()}_{time.perf_counter_ns()}"
        connection = await asyncpg.connect(self.url)
        try:
            # Copying files takes a sixth of the time of copying pages through the log (PostgreSQL 15 and later).
            strategy = "STRATEGY FILE_COPY" if connection.get_server_version() >= (15,) else ""
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'} {strategy}")
        finally:
            await connection.close()
        return name

    async def drop(self, name: str) -> None:
        """Remove a database, even if somebody is still connected."""
        await self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @asynccontextmanager
    async def database(self, template: str | None = None) -> AsyncIterator[str]:
        """The address of a database that exists for as long as it is needed."""
        name = await self.create(template)
        try:
            yield self.database_url(name)
        finally:
            await self.drop(name)

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """The server for this test process: one per process, started once and shared by its tests."""
    url = os.environ.get(URL_VARIABLE)
    if url:
        yield PostgresServer(url)
        return
    binaries = find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="portico-pg-", dir="/tmp"))  # a socket's path may have 107 bytes at most
    try:
        with _running(binaries, folder):
            yield PostgresServer(f"postgresql://portico@/postgres?host={folder}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_binaries() -> Path:
    """The folder of the newest server installed."""
    found = [path.parent for path in BINARIES.glob("*/bin/postgres")]
    if not found:
        raise RuntimeError(
            f"these tests need a PostgreSQL server: install the package {PACKAGE!r} or set {URL_VARIABLE}."
        )
    return max(found, key=lambda folder: float(folder.parent.name))


@contextmanager
def _running(binaries: Path, folder: Path) -> Iterator[None]:
    """A server on a socket in a folder, from its making to its end."""
    data = folder / "data"
    as_server = _server_user(folder)
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "portico", "-A", "trust", "-E", "UTF8", "--no-locale"]
    made = subprocess.run(
        [*as_server, *initdb, "--no-sync", "--no-instructions"], capture_output=True, text=True, cwd=folder, check=False
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stderr}")
    settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
    # The kernel ends the server should this process be killed.
    command = [*as_server, "--pdeathsig", "INT", str(binaries / "postgres"), "-D", str(data), "-k", str(folder)]
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen([*command, *settings], stdout=log, stderr=log, cwd=folder)
        try:
            _wait_until_ready(server, folder, log.name)
            yield
        finally:
            server.send_signal(signal.SIGINT)  # ends it at once and in good order, whoever is connected
            server.wait()


def _server_user(folder: Path) -> list[str]:
    """How to start a program that may be a server: as ourselves, or as somebody else if we are root."""
    if os.geteuid() != 0:
        return ["setpriv"]
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]


def _wait_until_ready(server: "subprocess.Popen[bytes]", folder: Path, log: str) -> None:
    """Until it says so in its folder (the last line of postmaster.pid)."""
    status = folder / "data" / "postmaster.pid"
    deadline = time.perf_counter() + START_SECONDS
    while not (status.exists() and status.read_text().rstrip().endswith("ready")):
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.02)
        if server.returncode is not None or time.perf_counter() > deadline:
            raise RuntimeError(f"the test's PostgreSQL server did not start: {Path(log).read_text()}")
