"""What an import must not do: give away an ID that was given up, or write its report over the people it brings."""

import pytest

from portico.accounts.service import handle_hash
from portico.kernel.errors import BadInput
from tests.stores.test_people_import import Desk, desk, person, world
from tests.support.rows import NOW

__all__ = ["desk", "world"]


async def test_a_portico_id_that_was_given_up_is_given_to_nobody(desk: Desk) -> None:  # D1, D4
    database = desk.world.house.database
    await database.transact(
        lambda tx: tx.execute(
            "INSERT INTO retired_handles (hash, retired_at) VALUES ($1, $2)", handle_hash("anna"), NOW.year
        )
    )
    desk.write(person("anna.b", handle="anna"), person("bert", handle="bert"))
    rehearsed = await desk.rehearse()
    assert (rehearsed.added, rehearsed.refused) == (1, 1)
    progress, _ = await desk.run()
    assert (progress.added, progress.present, progress.refused) == (1, 0, 1)
    assert desk.told() == [(1, "refused", "handle_taken"), (2, "added", "")]
    rows = await database.list_rows("SELECT handle FROM accounts")
    assert [row["handle"] for row in rows] == ["bert"]


async def test_the_report_is_never_written_over_the_file(desk: Desk) -> None:  # D4
    desk.write(person("anna"))
    before = desk.file.read_bytes()
    desk.report = desk.file
    for run in (desk.rehearse, desk.run):
        with pytest.raises(BadInput, match="over the file"):
            await run()
    assert desk.file.read_bytes() == before
