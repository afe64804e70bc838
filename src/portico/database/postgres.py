"""PostgreSQL behind the port: asyncpg with a pool and prepared statements, READ COMMITTED.

Works with a server that several processes share. The revision is read off the server's snapshot
(``pg_current_snapshot()``, the list of transactions a statement sees): it changes exactly when a transaction that wrote
becomes visible. Compared with NOTIFY it costs a commit nothing (NOTIFY takes one lock for the whole server), needs no
connection of its own, and tells also of commits whose process died before it could tell anyone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar

import asyncpg

from portico.database.patience import PATIENCE, REVISION_AGE, busy, to_the_end
from portico.database.port import Row, Transaction, TransactionSuspended, Value
from portico.kernel.errors import BadInput, Busy, Conflict, Misconfigured

T = TypeVar("T")
Connection: TypeAlias = Any
"""asyncpg's connection; it has no types of its own."""

_POOL = 10
_STATEMENT_PATIENCE = 30.0
"""Seconds a statement may take, so that a server that has gone silent is found out."""
_STATEMENTS = 256
"""Prepared statements kept per connection; more than the stores have."""
_TRIES = 5
"""How often a body is run when the server asks for that."""
_SETTINGS = {
    "application_name": "portico",
    "lock_timeout": str(int(PATIENCE.total_seconds() * 1000)),
    "idle_in_transaction_session_timeout": "60000",
    "jit": "off",
}
_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_RUN_AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # a migration ran beside us
)
_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
_WRONG = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
)


async def open_postgres(url: str) -> "PostgresDatabase":
    """Connect to a server; see :func:`portico.database.engine.open_database`."""
    with _opening_faults():
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=_POOL,
            timeout=PATIENCE.total_seconds(),
            command_timeout=_STATEMENT_PATIENCE,
            statement_cache_size=_STATEMENTS,
            max_cached_statement_lifetime=0,
            server_settings=_SETTINGS,
            reset=_leave_as_it_is,
        )
    return PostgresDatabase(pool)


async def connect_postgres(url: str) -> Connection:
    """One bare connection, for whoever drives it by other means than the port; faults as above."""
    with _opening_faults():
        return await asyncpg.connect(url, timeout=PATIENCE.total_seconds())


class PostgresDatabase:
    """A pool of connections to one database."""

    kind: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._revision = 0
        self._snapshot = ""
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    async def find_row(self, sql: str, *values: Value) -> Row | None:
        """See :class:`~portico.database.port.Reader`."""
        async with self._connection() as connection:
            with _faults():
                return await connection.fetchrow(sql, *values)  # type: ignore[no-any-return]

    async def list_rows(self, sql: str, *values: Value) -> list[Row]:
        """See :class:`~portico.database.port.Reader`."""
        async with self._connection() as connection:
            with _faults():
                return await connection.fetch(sql, *values)  # type: ignore[no-any-return]

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """See :class:`~portico.database.port.Database`. The body is run again when the server asks for it."""
        async with self._connection() as connection:
            for _ in range(_TRIES - 1):
                try:
                    return await self._try(connection, body)
                except Busy as fault:
                    if not isinstance(fault.__cause__, _RUN_AGAIN):
                        raise
            return await self._try(connection, body)

    async def revision(self) -> int:
        """See :class:`~portico.database.port.Database`."""
        now = asyncio.get_running_loop().time
        async with self._looking:  # whoever comes meanwhile waits for the same look
            if now() - self._looked_at >= REVISION_AGE.total_seconds():
                asked_at = now()
                row = await self.find_row("SELECT CAST(pg_current_snapshot() AS TEXT) AS snapshot")
                snapshot = row["snapshot"] if row is not None else ""
                self._looked_at = asked_at
                self._revision += snapshot != self._snapshot
                self._snapshot = snapshot
        return self._revision

    async def close(self) -> None:
        """See :class:`~portico.database.port.Database`."""
        await self._pool.close()

    async def _try(self, connection: Connection, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a body once and commit."""
        transaction = _PostgresTransaction(connection)
        try:
            with _faults():
                await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            result = await body(transaction)
            if transaction.error is not None:  # a COMMIT would roll back and say nothing
                _raise_fault(transaction.error)
            with _faults():
                await to_the_end(asyncio.ensure_future(transaction.commit()))
        finally:
            transaction.is_over = True
            await _roll_back_if_open(connection)
            transaction.tell()
        self._revision += 1
        return result

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool."""
        with _faults():
            connection = await self._pool.acquire(timeout=PATIENCE.total_seconds())
        try:
            yield connection
        except Busy as fault:
            if isinstance(fault.__cause__, asyncpg.InternalClientError):
                connection.terminate()
            raise
        finally:
            await self._pool.release(connection)


class _PostgresTransaction:
    """The statements of one transaction; see :class:`~portico.database.port.Transaction`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.error: Exception | None = None
        self.is_over = False
        self._is_committed = False
        self._calls: list[Callable[[], None]] = []

    async def find_row(self, sql: str, *values: Value) -> Row | None:
        """The first row; None if there is none."""
        with self._statement():
            return await self._connection.fetchrow(sql, *values)  # type: ignore[no-any-return]

    async def list_rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows."""
        with self._statement():
            return await self._connection.fetch(sql, *values)  # type: ignore[no-any-return]

    async def execute(self, sql: str, *values: Value) -> int:
        """The number of rows touched: the last word of the server's answer, as in ``INSERT 0 1``."""
        with self._statement():
            last = (await self._connection.execute(sql, *values)).rpartition(" ")[2]
            return int(last) if last.isdecimal() else 0

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have something called once the commit is on disk."""
        self._calls.append(call)

    async def commit(self) -> None:
        """Commit."""
        await self._connection.execute("COMMIT")
        self._is_committed = True

    def tell(self) -> None:
        """Call what was to be called, if there was a commit."""
        if self._is_committed:
            for call in self._calls:
                call()

    @contextmanager
    def _statement(self) -> Iterator[None]:
        if self.is_over:
            raise TransactionSuspended("a statement came after its transaction had ended")
        try:
            yield
        except _ERRORS as error:
            self.error = error
            _raise_fault(error)


async def _leave_as_it_is(_connection: Connection) -> None:
    """Nothing to reset when a connection goes back to the pool: we leave no settings, locks or cursors behind."""


async def _roll_back_if_open(connection: Connection) -> None:
    """Undo what was not committed; a connection that cannot do even that is thrown away."""
    try:
        if connection.is_in_transaction():
            await to_the_end(asyncio.ensure_future(connection.execute("ROLLBACK")))
    except _ERRORS:
        with suppress(asyncpg.InterfaceError):  # it is gone already
            connection.terminate()


@contextmanager
def _opening_faults() -> Iterator[None]:
    """As :func:`_faults`, for a first connection: what is wrong now will be wrong later too."""
    try:
        yield
    except (*_WRONG, ValueError) as error:
        raise Misconfigured(f"the database cannot be opened: {error}") from error
    except _ERRORS as error:
        _raise_fault(error)


@contextmanager
def _faults() -> Iterator[None]:
    """What goes wrong inside comes out as a fault of the kernel."""
    try:
        yield
    except _ERRORS as error:
        _raise_fault(error)


def _raise_fault(error: Exception) -> NoReturn:
    """Raise the kernel's fault for an error of the driver, or the error itself if it is a mistake of ours."""
    if isinstance(error, _RUN_AGAIN):
        raise busy("the transaction collided with others too often") from error
    if isinstance(error, _AWAY) or _is_disconnected(error):
        raise busy(f"the database does not answer: {error}") from error
    if isinstance(error, asyncpg.UniqueViolationError):
        raise Conflict(str(error)) from error
    if _is_unstorable(error):
        raise BadInput("a value cannot be stored") from error
    raise error


def _is_disconnected(error: Exception) -> bool:
    """Whether the connection was lost earlier: the pool has taken it back, or the driver is just finding out."""
    if isinstance(error, asyncpg.InternalClientError):  # the server's farewell came between two statements
        return True
    return isinstance(error, asyncpg.InterfaceError) and ("closed" in str(error) or "released" in str(error))


def _is_unstorable(error: Exception) -> bool:
    """Whether a value was refused for what it is, not for the type the statement gave it."""
    return isinstance(error, asyncpg.CharacterNotInRepertoireError) or isinstance(
        error.__cause__, OverflowError | UnicodeEncodeError
    )
