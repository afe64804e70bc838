"""Who does what only one server may do: a lease in the database, with a fence.

A server that wants the lease takes or renews it by one conditional statement. It holds for a span of our own clock;
the *fence* is a number that rises with every change of hands. Clocks may differ and processes may be stopped and wake
up again, so nobody trusts the span for more than peace: every transaction of the work takes the lease's row and names
the fence it works under. If the row has another one by now, it raises :class:`LeaseLost` and nothing of it happens.
While it runs nobody else can take the lease.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal, TypeVar

from portico.database.port import Database, Row, Transaction, Value
from portico.kernel.clock import Clock, to_micros
from portico.kernel.errors import PorticoError

T = TypeVar("T")


class LeaseLost(PorticoError):
    """Somebody else does the work now; what was begun has not happened."""


class Lease:
    """One process's claim to some work."""

    def __init__(self, database: Database, clock: Clock, *, name: str, holder: str, span: timedelta) -> None:
        """``holder``: a name no other process has. ``span``: how long a silent holder keeps the work."""
        self.name = name
        self.holder = holder
        self.span = span
        self.fence: int | None = None
        """Under which number this process holds the lease, as far as it knows."""
        self._database = database
        self._clock = clock

    async def keep(self) -> bool:
        """Take the lease if it is free, renew it if it is ours; whether this process holds it now."""
        self.fence = await self._database.transact(self._take)
        return self.fence is not None

    async def release(self) -> None:
        """Let the next one take over at once."""
        if self.fence is None:
            return
        fence, self.fence = self.fence, None

        async def body(tx: Transaction) -> None:
            sql = "UPDATE job_leases SET expires_at = 0 WHERE name = $1 AND holder = $2 AND fence = $3"
            await tx.execute(sql, self.name, self.holder, fence)

        await self._database.transact(body)

    async def guard(self, tx: Transaction) -> None:
        """Make ``tx`` part of the work: it takes the lease's row, and raises LeaseLost if the hands have changed."""
        still = self.fence is not None and await tx.execute(
            "UPDATE job_leases SET expires_at = $1 WHERE name = $2 AND holder = $3 AND fence = $4",
            self._expires_at(),
            self.name,
            self.holder,
            self.fence,
        )
        if not still:
            raise LeaseLost(f"{self.name} is done by another server now")

    def lose(self) -> None:
        """Believe no longer that this process holds the lease."""
        self.fence = None

    async def _take(self, tx: Transaction) -> int | None:
        row = await tx.find_row(
            "INSERT INTO job_leases (name, holder, fence, expires_at) VALUES ($1, $2, 1, $3) "
            "ON CONFLICT (name) DO UPDATE SET holder = $2, expires_at = $3, "
            "fence = CASE WHEN job_leases.holder = $2 THEN job_leases.fence ELSE job_leases.fence + 1 END "
            "WHERE job_leases.holder = $2 OR job_leases.expires_at <= $4 RETURNING fence",
            self.name,
            self.holder,
            self._expires_at(),
            to_micros(self._clock.now()),
        )
        return int(row["fence"]) if row else None

    def _expires_at(self) -> int:
        return to_micros(self._clock.now() + self.span)


class Fenced:
    """A database whose transactions happen only as long as a lease is held."""

    def __init__(self, database: Database, lease: Lease) -> None:
        self.kind: Literal["sqlite", "postgresql"] = database.kind
        self._database = database
        self._lease = lease

    async def find_row(self, sql: str, *values: Value) -> Row | None:
        """See :class:`~portico.database.port.Reader`."""
        return await self._database.find_row(sql, *values)

    async def list_rows(self, sql: str, *values: Value) -> list[Row]:
        """See :class:`~portico.database.port.Reader`."""
        return await self._database.list_rows(sql, *values)

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a body under the lease; raises LeaseLost, and nothing of it happened."""

        async def guarded(tx: Transaction) -> T:
            await self._lease.guard(tx)
            return await body(tx)

        try:
            return await self._database.transact(guarded)
        except LeaseLost:
            self._lease.lose()
            raise

    async def revision(self) -> int:
        """See :class:`~portico.database.port.Database`."""
        return await self._database.revision()

    async def close(self) -> None:
        """Nothing: whoever opened the database closes it."""
