"""Many callers at once for something only one may have."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from portico.database.engine import Database, Transaction

T = TypeVar("T")


async def race(database: Database, width: int, body: Callable[[Transaction, int], Awaitable[T]]) -> list[T]:
    """What each of ``width`` transactions returned that were begun together; a body is told which one it is."""

    def numbered(number: int) -> Callable[[Transaction], Awaitable[T]]:
        return lambda tx: body(tx, number)

    return await asyncio.gather(*(database.transact(numbered(number)) for number in range(width)))
