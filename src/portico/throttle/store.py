"""Counters in the database. Imported by this feature and ``app`` only.

``take`` is the one statement that claims a try (architecture rule 2): its row count is the answer.
"""

from dataclasses import dataclass
from datetime import datetime

from portico.database.engine import Reader, Transaction
from portico.kernel.clock import from_micros, span_micros, to_micros
from portico.throttle.rates import Rate


@dataclass(frozen=True, slots=True)
class Counter:
    """What is kept for one key."""

    full_at: datetime
    failures: int


async def take(tx: Transaction, key: bytes, rate: Rate, now: datetime) -> bool:
    """Claim one try and count it as a failure until it is given back; False if none is free."""
    taken = await tx.execute(
        "INSERT INTO throttle (key, full_at, failures) VALUES ($1, $2, 1) "
        "ON CONFLICT (key) DO UPDATE SET failures = throttle.failures + 1, "
        "full_at = CASE WHEN throttle.full_at > $3 THEN throttle.full_at ELSE $3 END + $4 "
        "WHERE throttle.full_at <= $5 AND (throttle.failures < $6 OR $6 = 0)",
        key,
        to_micros(now + rate.every),
        to_micros(now),
        span_micros(rate.every),
        to_micros(now + rate.tolerance),
        rate.consecutive,
    )
    return taken == 1


async def give_back(tx: Transaction, key: bytes, rate: Rate) -> None:
    """A success: the try was none, and the run of failures is over."""
    sql = "UPDATE throttle SET full_at = full_at - $1, failures = 0 WHERE key = $2"
    await tx.execute(sql, span_micros(rate.every), key)


async def untake(tx: Transaction, key: bytes, rate: Rate) -> None:
    """The try was refused elsewhere and nothing was judged: neither a failure nor the end of a run of them."""
    sql = "UPDATE throttle SET full_at = full_at - $1, failures = failures - 1 WHERE key = $2"
    await tx.execute(sql, span_micros(rate.every), key)


async def forgive(tx: Transaction, key: bytes) -> None:
    """Forget a key altogether: its owner has proven something else."""
    await tx.execute("DELETE FROM throttle WHERE key = $1", key)


async def find_counter(reader: Reader, key: bytes) -> Counter | None:
    """What is kept for a key."""
    row = await reader.find_row("SELECT full_at, failures FROM throttle WHERE key = $1", key)
    return Counter(full_at=from_micros(row["full_at"]), failures=row["failures"]) if row else None


async def add_failing(tx: Transaction, network: bytes, identifier: bytes, now: datetime) -> bool:
    """Note that an identifier is failing from a network; False if that is known since ``network_memory``."""
    added = await tx.execute(
        "INSERT INTO throttle_networks (network, identifier, failed_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (network, identifier) DO UPDATE SET failed_at = $3 WHERE throttle_networks.failed_at IS NULL",
        network,
        identifier,
        to_micros(now),
    )
    return added == 1


async def remove_failing(tx: Transaction, network: bytes, identifier: bytes) -> None:
    """Take back a note of :func:`add_failing` whose try was refused."""
    sql = "UPDATE throttle_networks SET failed_at = NULL WHERE network = $1 AND identifier = $2"
    await tx.execute(sql, network, identifier)


async def clear_failing(tx: Transaction, network: bytes, identifier: bytes, now: datetime) -> bool:
    """Note a success from a network; True if the identifier counted as failing there."""
    was_failing = (
        await tx.execute(
            "UPDATE throttle_networks SET failed_at = NULL "
            "WHERE network = $1 AND identifier = $2 AND failed_at IS NOT NULL",
            network,
            identifier,
        )
        == 1
    )
    await tx.execute(
        "INSERT INTO throttle_networks (network, identifier, succeeded_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (network, identifier) DO UPDATE SET succeeded_at = $3",
        network,
        identifier,
        to_micros(now),
    )
    return was_failing


async def has_succeeded_since(reader: Reader, network: bytes, identifier: bytes, since: datetime) -> bool:
    """Whether an identifier was signed in from a network lately."""
    sql = "SELECT 1 AS yes FROM throttle_networks WHERE network = $1 AND identifier = $2 AND succeeded_at > $3"
    return await reader.find_row(sql, network, identifier, to_micros(since)) is not None


async def sweep(tx: Transaction, counters_before: datetime, networks_before: datetime, limit: int) -> int:
    """Forget counters that have long been full, failures included, and networks not seen for long."""
    swept = await tx.execute(
        "DELETE FROM throttle WHERE key IN (SELECT key FROM throttle WHERE full_at < $1 LIMIT $2)",
        to_micros(counters_before),
        limit,
    )
    return swept + await tx.execute(
        "DELETE FROM throttle_networks WHERE (failed_at IS NULL OR failed_at < $1) "
        "AND (succeeded_at IS NULL OR succeeded_at < $1)",
        to_micros(networks_before),
    )
