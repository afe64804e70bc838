"""SQLite behind the port: the standard library's sqlite3, called on the event loop.

A point read takes some ten microseconds, less than handing it to a thread would. So point reads and the statements of
transactions run on the loop, each on a connection of its own; what can be slow runs beside it: the commit (which
waits for the disk) in a thread while nothing touches its connection, and lists on read-only connections in threads.
The file is in WAL mode (https://www.sqlite.org/wal.html) with ``synchronous=FULL``: what was committed survives
a crash.

One server process owns the file; the command line is a second, occasional writer. Nothing here ever waits for its
lock on the loop: it asks again after a pause, for :data:`~portico.database.patience.PATIENCE`.
"""

import asyncio
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from portico.database.patience import PATIENCE, REVISION_AGE, busy, to_the_end
from portico.database.port import Row, Transaction, TransactionSuspended, Value
from portico.kernel.errors import BadInput, Conflict, Misconfigured

T = TypeVar("T")

SQLITE_PREFIX = "sqlite:///"
_PAUSE = 0.005
_STATEMENTS = 256
"""Prepared statements kept per connection; more than the stores have."""
_LISTS = 2
"""Lists read at the same time, so that one long export does not hold up the pages."""
_PLACEHOLDER = re.compile(r"\$(\d+)")
_ERRORS = (sqlite3.Error, OverflowError, UnicodeEncodeError)
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNWELL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_TAKEN = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID}

Fetch = Callable[[sqlite3.Cursor], T]


def sqlite_path(url: str) -> Path:
    """The file an address names."""
    name = url.removeprefix(SQLITE_PREFIX)
    if not name or name == ":memory:" or "\0" in name:
        raise Misconfigured("the database address sqlite:/// must go on with the path of a file")
    return Path(name)


async def open_sqlite(path: Path) -> "SqliteDatabase":
    """Open a file, making it (readable by its owner alone) if it is missing."""
    return await asyncio.get_running_loop().run_in_executor(None, SqliteDatabase, path)


def create_file(path: Path) -> None:
    """Make an empty file for the owner's eyes only; SQLite gives its side files the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Misconfigured(f"the database file {path} cannot be opened: {error.strerror}") from error


class SqliteDatabase:
    """One SQLite file: a connection that writes, one for point reads, and a few for lists."""

    kind: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: Path) -> None:
        """Open the file. This waits for the disk: see :func:`open_sqlite`."""
        create_file(path)
        self._path = path
        try:
            self._writer = _connect(path)
            self._points = _connect(path, read_only=True)
        except sqlite3.Error as error:
            if _is_locked(error):
                _raise_fault(error)
            raise Misconfigured(f"the database file {path} cannot be opened: {error}") from error
        self._writing = asyncio.Lock()
        self._committer = ThreadPoolExecutor(1, "portico-commit")
        self._listers = ThreadPoolExecutor(_LISTS, "portico-list")
        self._lists: list[sqlite3.Connection] = []
        self._in_body = False
        self._revision = 0
        self._data_version = 0
        self._looked_at = float("-inf")

    async def find_row(self, sql: str, *values: Value) -> Row | None:
        """See :class:`~portico.database.port.Reader`. Read at once, on the loop."""
        if self._in_body:
            _refuse_foreign_read()
        try:
            return self._points.execute(*_spell(sql, values)).fetchone()  # type: ignore[no-any-return]
        except _ERRORS as error:
            if not _is_locked(error):
                _raise_fault(error)
        return await _patiently(lambda: self._points.execute(*_spell(sql, values)).fetchone())

    async def list_rows(self, sql: str, *values: Value) -> list[Row]:
        """See :class:`~portico.database.port.Reader`. Read in a thread, so it may be long."""
        if self._in_body:
            _refuse_foreign_read()
        work = asyncio.get_running_loop().run_in_executor(self._listers, self._list, *_spell(sql, values))
        try:
            return await work
        except _ERRORS as error:
            _raise_fault(error)

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """See :class:`~portico.database.port.Database`."""
        async with _Turn(self._writing):
            await _patiently(lambda: self._writer.execute("BEGIN IMMEDIATE"))
            before = self._writer.total_changes
            transaction = _SqliteTransaction(self._writer)
            try:
                result = self._run(body, transaction)
                await self._commit(transaction, has_changes=self._writer.total_changes != before)
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                transaction.tell()
            return result

    async def revision(self) -> int:
        """See :class:`~portico.database.port.Database`. SQLite's data_version tells of other connections' commits."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= REVISION_AGE.total_seconds():
            version = await _patiently(lambda: self._points.execute("PRAGMA data_version").fetchone()[0])
            self._looked_at = now
            self._revision += version != self._data_version
            self._data_version = version
        return self._revision

    async def close(self) -> None:
        """See :class:`~portico.database.port.Database`."""
        async with self._writing:
            await asyncio.to_thread(self._listers.shutdown)
            self._committer.shutdown()
            for connection in (*self._lists, self._points, self._writer):
                connection.close()

    def _run(self, body: Callable[[Transaction], Awaitable[T]], transaction: "_SqliteTransaction") -> T:
        """Drive a body to its end without giving the loop a chance to run anything else."""
        self._in_body = True
        try:
            result = _drive(body(transaction))
        finally:
            self._in_body = False
            transaction.is_over = True
        if transaction.error is not None:
            _raise_fault(transaction.error)
        return result

    async def _commit(self, transaction: "_SqliteTransaction", *, has_changes: bool) -> None:
        """Commit; beside the loop if there is a disk to wait for."""
        try:
            if has_changes:
                loop = asyncio.get_running_loop()
                await to_the_end(loop.run_in_executor(self._committer, transaction.commit))
                self._revision += 1
            else:
                transaction.commit()
        except sqlite3.Error as error:
            _raise_fault(error)

    def _list(self, sql: str, values: tuple[Value, ...]) -> list[Row]:
        """Read a list; called in a thread. The connections are kept from one list to the next."""
        try:
            connection = self._lists.pop()
        except IndexError:
            connection = _connect(self._path, read_only=True, wait=PATIENCE.total_seconds())
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            self._lists.append(connection)


class _SqliteTransaction:
    """The statements of one transaction; see :class:`~portico.database.port.Transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.error: Exception | None = None
        self.is_over = False
        self._is_committed = False
        self._calls: list[Callable[[], None]] = []

    async def find_row(self, sql: str, *values: Value) -> Row | None:
        """The first row; None if there is none."""
        return self._execute(sql, values, sqlite3.Cursor.fetchone)  # type: ignore[no-any-return]

    async def list_rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows."""
        return self._execute(sql, values, sqlite3.Cursor.fetchall)

    async def execute(self, sql: str, *values: Value) -> int:
        """The number of rows touched."""
        before = self._connection.total_changes
        self._execute(sql, values, sqlite3.Cursor.fetchall)  # a RETURNING nobody reads must still be run to its end
        return self._connection.total_changes - before

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have something called once the commit is on disk."""
        self._calls.append(call)

    def commit(self) -> None:
        """Commit; this waits for the disk."""
        self._connection.execute("COMMIT")
        self._is_committed = True

    def tell(self) -> None:
        """Call what was to be called, if there was a commit."""
        if self._is_committed:
            for call in self._calls:
                call()

    def _execute(self, sql: str, values: tuple[Value, ...], fetch: Fetch[T]) -> T:
        if self.is_over:
            raise TransactionSuspended("a statement came after its transaction had ended")
        try:
            return fetch(self._connection.execute(*_spell(sql, values)))
        except (*_ERRORS, BadInput) as error:
            self.error = error
            _raise_fault(error)


class _Turn:
    """The writers' queue: one at a time, first come first served, and Busy for who waits too long."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock

    async def __aenter__(self) -> None:
        if not self._lock.locked():  # then this does not wait, and needs no clock
            await self._lock.acquire()
            return
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._lock.acquire()
        except TimeoutError:
            raise busy("too many transactions are waiting for the database") from None

    async def __aexit__(self, *_exception: object) -> None:
        self._lock.release()


def _connect(path: Path, *, read_only: bool = False, wait: float = 0.0) -> sqlite3.Connection:
    """A connection with our settings; ``wait`` is how many seconds a statement may wait for a lock."""
    connection = sqlite3.connect(
        path,
        timeout=PATIENCE.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = {-8 * 1024}")
        connection.execute(f"PRAGMA query_only = {int(read_only)}")
        connection.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
    except BaseException:
        connection.close()
        raise
    return connection


def _spell(sql: str, values: tuple[Value, ...]) -> tuple[str, tuple[Value, ...]]:
    """A statement as SQLite spells it, with its values in that order."""
    for value in values:
        if value.__class__ is str and "\0" in value:
            raise BadInput("a text has a NUL in it")  # PostgreSQL cannot hold one, so SQLite may not either
    spelt, order = _dialect(sql)
    return spelt, values if order is None else tuple(values[index] for index in order)


@lru_cache(maxsize=2048)
def _dialect(sql: str) -> tuple[str, tuple[int, ...] | None]:
    """A statement with ``?`` for ``$1``, and which value goes where; None if they stand in their order.

    SQLite knows ``?1`` as well, but Python 3.12.0 to 3.12.3 warn of every use (python/cpython#117995).
    """
    order = tuple(int(found[1]) - 1 for found in _PLACEHOLDER.finditer(sql))
    return _PLACEHOLDER.sub("?", sql), None if order == tuple(range(len(order))) else order


def _drive(body: Awaitable[T]) -> T:
    """Run an awaitable to its end; a fault if it waits for anything."""
    steps = body.__await__()
    try:
        next(steps)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    if hasattr(steps, "close"):
        steps.close()
    raise TransactionSuspended("a transaction body awaited something other than its own statements")


async def _patiently(ask: Callable[[], T]) -> T:
    """Do something short; while another process has the lock, ask again, never waiting on the loop."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE.total_seconds()
    while True:
        try:
            return ask()
        except _ERRORS as error:
            if not _is_locked(error) or loop.time() >= deadline:
                _raise_fault(error)
        await asyncio.sleep(_PAUSE)


def _refuse_foreign_read() -> NoReturn:
    raise TransactionSuspended("a transaction body read from the database instead of from its transaction")


def _is_locked(error: Exception) -> bool:
    return _code(error) & 0xFF in _LOCKED


def _raise_fault(error: Exception) -> NoReturn:
    """Raise the kernel's fault for an error of SQLite, or the error itself if it is a mistake of ours."""
    code = _code(error)
    if code & 0xFF in _LOCKED:
        raise busy("another process is writing to the database") from error
    if code & 0xFF in _UNWELL:
        raise busy(f"the database file cannot be read or written: {error}") from error
    if code in _TAKEN:
        raise Conflict(str(error)) from error
    if isinstance(error, OverflowError | UnicodeEncodeError):
        raise BadInput("a value cannot be stored") from error
    raise error


def _code(error: Exception) -> int:
    """SQLite's extended result code; 0 if the error did not come from SQLite."""
    code: Any = getattr(error, "sqlite_errorcode", 0)
    return int(code)
