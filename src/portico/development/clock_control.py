"""The development clock: how far it runs ahead lies in the database, only grows, and is read by server and CLI."""

from datetime import timedelta

from portico.database.deployment import CLOCK_OFFSET, find_number, keep_fact
from portico.database.engine import Database, Reader, Transaction
from portico.kernel.clock import SystemClock, span_from_micros, span_micros


async def find_offset(reader: Reader) -> timedelta:
    """How far the clock runs ahead of the wall."""
    return span_from_micros(await find_number(reader, CLOCK_OFFSET))


async def advance(database: Database, clock: SystemClock, span: timedelta) -> timedelta:
    """Let the clock run ``span`` further ahead; gives how far it is ahead now."""

    async def body(tx: Transaction) -> timedelta:
        offset = await find_offset(tx) + span
        await keep_fact(tx, CLOCK_OFFSET, str(span_micros(offset)))
        return offset

    clock.offset = await database.transact(body)
    return clock.offset
