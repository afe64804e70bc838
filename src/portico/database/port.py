"""The database port: what stores may ask of a database, whichever of the two it is.

SQL is written once, in the part both databases share, with ``$1``, ``$2`` ... for the values:

* INSERT .. ON CONFLICT, UPDATE .. WHERE, DELETE .. WHERE, RETURNING; never a trigger or a stored procedure;
* instants are BIGINT microseconds UTC, spans likewise, ids TEXT, truth 0 or 1, hashes BYTEA, structured
  values JSON text;
* PostgreSQL infers the type of each placeholder: where it cannot (``SELECT $1``), write ``CAST($1 AS BIGINT)``;
* text compares byte by byte on both, so an ORDER BY means the same.

Faults are those of :mod:`portico.kernel.errors`: ``Busy`` when the database cannot take the work now (locked, full,
unreachable), ``Conflict`` when a unique key is taken, ``BadInput`` for a value no database of ours can hold (NUL or a
lone surrogate in text, a number beyond 64 bits). A statement that failed takes its transaction with it, whatever
the body does with the exception.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from portico.kernel.errors import PorticoError

Value: TypeAlias = str | int | bytes | None
T = TypeVar("T")


class Row(Protocol):
    """One row of a result; :class:`sqlite3.Row` and ``asyncpg.Record`` both are one."""

    def __getitem__(self, column: str) -> Any:
        """The value of a column."""
        ...


class Reader(Protocol):
    """Whatever can be read from: a transaction, or the database outside of one."""

    async def find_row(self, sql: str, *values: Value) -> Row | None:
        """The first row of a statement that reads a row or a few by an index; None if there is none."""
        ...

    async def list_rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows of a statement: few inside a transaction, any number on a database."""
        ...


class Transaction(Reader, Protocol):
    """Statements that are committed together or not at all."""

    async def execute(self, sql: str, *values: Value) -> int:
        """Run an INSERT, UPDATE or DELETE; the number of rows it touched."""
        ...

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have something short called once the commit is on disk, such as a line for the log; never if it fails."""
        ...


class Database(Reader, Protocol):
    """An open database. Its own reads see what was committed before they began."""

    kind: Literal["sqlite", "postgresql"]

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a body and commit; return what it returned. Any exception from it rolls everything back.

        The body awaits nothing but the statements of its transaction: hashing, rendering and network come before.
        It may be run again from its start, so it changes nothing but the database. Once this returns, the commit is
        on disk; if the caller is cancelled while committing, the commit still comes to its end.
        """
        ...

    async def revision(self) -> int:
        """A number that moves whenever something was committed, by anyone: at once if by us, else within the second."""
        ...

    async def close(self) -> None:
        """Let running transactions end, then give everything back."""
        ...


class TransactionSuspended(PorticoError):
    """A transaction body awaited something other than its own statements: a mistake in the code that wrote it."""
