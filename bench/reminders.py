"""What it costs to find and remind those whose passwords are about to expire, in a deployment of many accounts.

python -m bench.reminders                         100,000 accounts, 1,000 of them due, on a SQLite file of its own
python -m bench.reminders --accounts 1000000 --due 10000
python -m bench.reminders --database postgresql://... the same in an empty, migrated database of yours

The accounts are written straight into the tables, with one hash for all; what is measured is the job itself.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from portico.database.engine import Transaction
from portico.database.port import Value
from portico.house import House, open_house
from portico.kernel.clock import Clock, to_micros
from portico.kernel.tokens import new_id
from portico.logs import configure_logs
from portico.organizations.model import Feature, MemberType, Organization
from portico.organizations.policies.model import Draft
from portico.organizations.policy import PolicyFields
from portico.organizations.rules import AT_THE_MACHINE
from portico.settings import read_settings

NOW = datetime(2026, 6, 23, 8, 0, tzinfo=UTC)
"""The morning of everybody in UTC."""
DAYS = 60
CLASSIC = PolicyFields(max_age_days=DAYS, reminder_days=(10, 3, 1))
_AT_A_TIME = 2_000
_ROWS = 50
"""Rows of one statement."""


class StillClock:
    """A clock that stands."""

    def now(self) -> datetime:
        """Always the same."""
        return NOW


async def measure(folder: Path, accounts: int, due: int, database_url: str) -> None:
    """Fill a deployment, run the job twice, print what it took."""
    environment = {"PORTICO_DATA": str(folder), "PORTICO_MAIL_TRANSPORT": "maildir"}
    if database_url:
        environment["PORTICO_DATABASE_URL"] = database_url
    clock: Clock = StillClock()
    house = await open_house(read_settings(environment), clock=clock)
    try:
        began = time.perf_counter()
        await fill(house, accounts, due)
        print(f"{house.database.kind}: {accounts} accounts in {time.perf_counter() - began:.0f} s", flush=True)
        before = _memory()
        for run in ("first", "second"):
            wall, cpu = time.perf_counter(), time.process_time()
            reminded = await house.reminding.remind()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            grown = _memory() - before
            print(
                f"{run} run: {reminded} reminded in {wall:.1f} s ({cpu:.1f} s CPU here), memory +{grown} MiB",
                flush=True,
            )
    finally:
        await house.close()


async def fill(house: House, accounts: int, due: int) -> None:
    """Providers of one clinic, their passwords set evenly over the last days; so many on the day that is due now."""
    clinic = await house.database.transact(
        lambda tx: house.organizations.add_organization(
            tx, NOW, name="North Clinic", features=frozenset({Feature.PASSWORD_ENFORCEMENT})
        )
    )
    draft = Draft(fields=CLASSIC, based_on=0, at_once=True)
    await house.policies.save(clinic.id, MemberType.PROVIDER, draft, AT_THE_MACHINE)
    for start in range(0, accounts, _AT_A_TIME):
        numbers = range(start, min(start + _AT_A_TIME, accounts))
        await house.database.transact(lambda tx, numbers=numbers: _add(tx, house, clinic, numbers, due))  # type: ignore[misc]
    if house.database.kind == "postgresql":
        await house.database.transact(lambda tx: tx.execute("ANALYZE"))


async def _add(tx: Transaction, house: House, clinic: Organization, numbers: range, due: int) -> None:
    at = to_micros(NOW - timedelta(days=DAYS + 1))
    belonging = json.dumps([[clinic.id, "provider", "member"]], separators=(",", ":"))
    ids = {number: new_id(house.chance, NOW) for number in numbers}
    people: list[tuple[Value, ...]] = [
        (
            ids[number], f"p{number}@bench.example", f"p{number}@bench.example", f"p{number}", f"p{number}", 1, "P",
            "B", "en", "active", 0, at, 1, 1, at, belonging,
        )
        for number in numbers
    ]  # fmt: skip
    await _insert(
        tx,
        "accounts (id, address, address_key, handle, handle_key, normaliser, first_name, last_name, language, state, "
        "is_operator, address_confirmed_at, epoch, version, created_at, memberships)",
        people,
    )
    credentials = [
        (new_id(house.chance, NOW), ids[number], "password", b"hash", "{}", 1, 0, at, to_micros(_set_at(number, due)))
        for number in numbers
    ]
    await _insert(
        tx,
        "credentials (id, account_id, kind, secret, properties, version, failures, created_at, changed_at)",
        credentials,
    )
    memberships = [(clinic.id, ids[number], "provider", "member", "active", 1, at, at) for number in numbers]
    await _insert(
        tx,
        "memberships (organization_id, account_id, member_type, role, state, version, joined_at, changed_at)",
        memberships,
    )


def _set_at(number: int, due: int) -> datetime:
    """On the day whose tenth-last morning is now, for the first; for the others on a day from which all is far away."""
    if number < due:
        return NOW - timedelta(days=DAYS - 10) + timedelta(seconds=number % 50_000)
    return NOW - timedelta(seconds=number * 7_919 % (45 * 86_400))


async def _insert(tx: Transaction, into: str, rows: Sequence[tuple[Value, ...]]) -> None:
    for chunk in _chunks(rows):
        width = len(chunk[0])
        places = ", ".join(
            "(" + ", ".join(f"${row * width + place + 1}" for place in range(width)) + ")" for row in range(len(chunk))
        )
        values: list[Value] = [value for row in chunk for value in row]  # type: ignore[misc]
        await tx.execute(f"INSERT INTO {into} VALUES {places}", *values)  # noqa: S608 - written above


def _chunks(rows: Sequence[tuple[Value, ...]]) -> Iterator[list[tuple[object, ...]]]:
    for start in range(0, len(rows), _ROWS):
        yield list(rows[start : start + _ROWS])


def _memory() -> int:
    """The most memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.reminders", description="What reminders cost.")
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=1_000)
    parser.add_argument("--database", default="", help="an empty, migrated database; otherwise a file of its own")
    asked = parser.parse_args()
    configure_logs("json", "error")
    with tempfile.TemporaryDirectory(prefix="portico-bench-") as folder:
        asyncio.run(measure(Path(folder), asked.accounts, asked.due, asked.database))


if __name__ == "__main__":
    main()
