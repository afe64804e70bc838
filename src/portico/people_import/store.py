"""How far each import has come, in the database. Imported by this feature and ``app`` only."""

from datetime import datetime

from portico.database.engine import Reader, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.people_import.model import Progress


async def find_progress(reader: Reader, digest: str) -> Progress | None:
    """How far the import of the file with this digest has come; None if it was never begun."""
    row = await reader.find_row(
        "SELECT digest, bytes_done, lines_done, added, present, refused, finished_at FROM imports WHERE digest = $1",
        digest,
    )
    if row is None:
        return None
    return Progress(
        digest=row["digest"],
        bytes_done=row["bytes_done"],
        lines_done=row["lines_done"],
        added=row["added"],
        present=row["present"],
        refused=row["refused"],
        finished_at=None if row["finished_at"] is None else from_micros(row["finished_at"]),
    )


async def begin(tx: Transaction, digest: str, now: datetime) -> None:
    """Note that a file is being imported, unless it is noted already."""
    await tx.execute(
        "INSERT INTO imports (digest, bytes_done, lines_done, added, present, refused, updated_at) "
        "VALUES ($1, 0, 0, 0, 0, 0, $2) ON CONFLICT DO NOTHING",
        digest,
        to_micros(now),
    )


async def advance(tx: Transaction, before: Progress, after: Progress, now: datetime) -> bool:
    """Note the lines that this transaction deals with; False if another process has dealt with them meanwhile."""
    advanced = await tx.execute(
        "UPDATE imports SET bytes_done = $3, lines_done = $4, added = $5, present = $6, refused = $7, updated_at = $8 "
        "WHERE digest = $1 AND lines_done = $2 AND finished_at IS NULL",
        before.digest,
        before.lines_done,
        after.bytes_done,
        after.lines_done,
        after.added,
        after.present,
        after.refused,
        to_micros(now),
    )
    return advanced == 1


async def finish(tx: Transaction, done: Progress, now: datetime) -> bool:
    """Note that a file was imported to its end; False if it was noted before."""
    finished = await tx.execute(
        "UPDATE imports SET finished_at = $3, updated_at = $3 "
        "WHERE digest = $1 AND lines_done = $2 AND finished_at IS NULL",
        done.digest,
        done.lines_done,
        to_micros(now),
    )
    return finished == 1
