"""A process killed at any moment: what it had acknowledged is there, what it had not finished is not."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from portico.database.engine import open_database
from tests.support.databases import child_environment

WRITE = """
import asyncio, sys
from portico.database.engine import open_database

async def main(url, writer):
    database = await open_database(url)
    number = 0
    while True:
        number += 1
        async def body(transaction):
            await transaction.execute("INSERT INTO deployment VALUES ($1, 'left')", f"{writer}-{number}-left")
            await transaction.execute("INSERT INTO deployment VALUES ($1, 'right')", f"{writer}-{number}-right")
        await database.transact(body)
        print(f"{writer}-{number}", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def start_writer(url: str, name: str) -> Process:
    """Another process that writes pairs of rows and tells of each pair it has committed."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITE, url, name, stdout=PIPE, env=child_environment()
    )


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
async def test_what_was_acknowledged_survives_a_kill(database_url: str, acknowledged: int) -> None:
    writer = await start_writer(database_url, "w")
    assert writer.stdout is not None
    told = [await writer.stdout.readline() for _ in range(acknowledged)]
    writer.kill()
    told += (await writer.stdout.read()).splitlines(keepends=True)
    await writer.wait()

    database = await open_database(database_url)
    rows = await database.list_rows("SELECT name FROM deployment")
    await database.close()
    names = {row["name"] for row in rows}
    whole = {line.decode().strip() for line in told if line.endswith(b"\n")}
    assert {f"{name}-{side}" for name in whole for side in ("left", "right")} <= names
    assert {name.rpartition("-")[0] for name in names if name.endswith("left")} == {
        name.rpartition("-")[0] for name in names if name.endswith("right")
    }


async def test_two_processes_write_beside_each_other(database_url: str) -> None:
    writers = [await start_writer(database_url, name) for name in ("w", "v")]
    for writer in writers:
        assert writer.stdout is not None
        for _ in range(20):
            assert await writer.stdout.readline()
    for writer in writers:
        writer.kill()
        await writer.communicate()
