"""A trail to seal, to tamper with and to verify; and a verifier written from docs/operating/audit.md alone."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from portico.accounts.people import KnownPeople
from portico.audit.model import Event, EventKind
from portico.audit.sealing.chain import Head
from portico.audit.sealing.sealer import seal_batch
from portico.audit.sealing.verifier import Verified, verify_database
from portico.audit.search.model import Filter
from portico.audit.search.service import TrailSearch
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction, Value
from portico.kernel.chance import SystemChance
from portico.kernel.tokens import new_id
from tests.support.rows import NOW

CHANCE = SystemChance()
AUDIT = Audit(CHANCE, KnownPeople())
NORTH, SOUTH = (new_id(CHANCE, NOW) for _ in range(2))
"""Two clinics."""


async def record(
    database: Database,
    *organizations: str,
    kind: EventKind = EventKind.SIGN_IN_SUCCEEDED,
    subject_id: str | None = None,
    actor_id: str | None = None,
    at: datetime = NOW,
    count: int = 1,
) -> None:
    """Events, a second apart from each other."""

    async def body(tx: Transaction) -> None:
        for number in range(count):
            event = Event(
                kind=kind,
                subject_id=subject_id,
                actor_id=actor_id,
                organizations=organizations,
                details={"reason": "wörd", "count": number},
            )
            await AUDIT.append(tx, at + timedelta(seconds=number), event)

    await database.transact(body)


async def seal(database: Database) -> int:
    """Seal all there is; how many events that were."""
    sealed = 0
    while batch := await seal_batch(database):
        sealed += batch
    return sealed


async def fill(database: Database) -> None:
    """Twelve events in three chains, sealed: eight concern the north, six the south, two nobody."""
    await record(database, NORTH, count=4)
    await record(database, SOUTH, count=2, at=NOW + timedelta(minutes=1))
    await record(database, SOUTH, NORTH, count=4, at=NOW + timedelta(minutes=2))
    await record(database, count=2, at=NOW + timedelta(minutes=3))
    assert await seal(database) == 12


async def change(database: Database, sql: str, *values: Value) -> None:
    """What somebody with a hand in the database does."""

    async def body(tx: Transaction) -> None:
        assert await tx.execute(sql, *values)

    await database.transact(body)


async def find(database: Database, *noted: Head) -> list[str]:
    """What the verifier says."""
    return [finding.sentence async for finding in verify_database(database, noted, Verified())]


async def list_ids(database: Database, chain: str) -> list[str]:
    """The events of a chain, in its order."""
    sql = "SELECT event_id FROM audit_links WHERE organization_id = $1 ORDER BY number"
    return [row["event_id"] for row in await database.list_rows(sql, chain)]


async def export(database: Database, sought: Filter | None = None) -> list[bytes]:
    """The lines of an export."""
    pieces = [piece async for piece in TrailSearch(database).write_lines(sought or Filter(), NOW)]
    return b"".join(pieces).splitlines(keepends=True)


def verify_by_the_book(lines: Iterable[bytes]) -> bool:
    """Whether an export is whole and unaltered, by what docs/operating/audit.md says and nothing else."""
    first, *rest = map(json.loads, lines)
    fields = "id at kind subject_id actor_id session_id details subject_digest actor_digest".split()
    ends = {chain["organization_id"]: (chain["number"], chain["hash"]) for chain in first["chains"]}
    reached = {chain: (0, _sha(b"portico-audit-1" + _frame(chain))) for chain in ends}
    for line in rest:
        number, last = reached[line["organization_id"]]
        event = b"".join(_frame(line[field]) for field in fields)
        made = _sha(bytes.fromhex(last) + _frame(str(line["number"])) + event)
        if (line["number"], line["hash"]) != (number + 1, made):
            return False
        for who in ("subject", "actor"):
            if who in line:
                called = line[who]
                salted = bytes.fromhex(called["salt"]) + _frame(called["name"]) + _frame(called["address"])
                if _sha(salted) != line[f"{who}_digest"]:
                    return False
        reached[line["organization_id"]] = number + 1, made
    return reached == ends


def _frame(text: str | None) -> bytes:
    if text is None:
        return b"-,"
    return str(len(text.encode())).encode() + b":" + text.encode() + b","


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def changed(lines: Sequence[bytes], at: int, /, **fields: object) -> list[bytes]:
    """An export one of whose lines says something else."""
    line = {**json.loads(lines[at]), **fields}
    return [*lines[:at], json.dumps(line).encode() + b"\n", *lines[at + 1 :]]
