"""``portico import`` as a process: killed and begun again, beside a server, over a file of any length (D4)."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import VERIFY
from tests.support import foreign
from tests.support.databases import Templates, child_environment
from tests.support.dump import dump
from tests.support.world import LIFTED, World, open_world

PASSWORD = "Harbour-Lamp-27"
KILLS = 20 if VERIFY else 3
LINES = 20_000 if VERIFY else 3_000
MANY = 1_000_000 if VERIFY else 12_000
GROWTH_KIB = 24 * 1024
"""What a long file may take more than a short one: caches that fill, and nothing that grows with it."""
_MEASURED = """
import resource, sys
from portico.__main__ import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


class Operator:
    """Somebody who imports."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.file, self.report = folder / "people.jsonl", folder / "report.jsonl"
        self.environment = {
            **{name: value for name, value in child_environment().items() if not name.startswith("PORTICO_")},
            "PORTICO_DATA": str(folder / "data"),
            "PORTICO_DATABASE_URL": database_url,
            "PORTICO_ARGON2_MEMORY_KIB": "8",
            "PORTICO_ARGON2_PASSES": "1",
        }

    def start(self, *words: str, code: str = "") -> "subprocess.Popen[str]":
        """Begin ``portico import``."""
        command = ["-c", code] if code else ["-m", "portico"]
        return subprocess.Popen(
            [sys.executable, *command, "import", str(self.file), *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def finish(self, process: "subprocess.Popen[str]") -> tuple[str, str]:
        """Wait for its end, which must be a good one; what it said."""
        said, complained = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, complained
        return said, complained

    async def wait_until_written(self, more_than: int, process: "subprocess.Popen[str]") -> None:
        """Until the report is longer."""
        async with asyncio.timeout(60):
            while not self.report.exists() or self.report.stat().st_size <= more_than:
                assert process.poll() is None, "it was done before it could be killed"
                await asyncio.sleep(0.001)

    def write(self, count: int, password_hash: str) -> None:
        """A file of so many people."""
        with self.file.open("w", encoding="utf-8") as file:
            for at in range(count):
                address = f"anna{at - 1 if at % 50 == 7 else at}@north-clinic.example"
                line = {"address": address, "first_name": "Anna", "password_hash": password_hash}
                file.write(json.dumps(line) + "\n")


@pytest.fixture
def operator(tmp_path: Path, database_url: str) -> Operator:
    return Operator(tmp_path, database_url)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, database_url, limits=LIFTED) as opened:
        yield opened


@pytest.mark.timeout(0)
async def test_a_killed_import_goes_on_and_doubles_nobody(operator: Operator, world: World) -> None:  # D4
    operator.write(LINES, foreign.django_pbkdf2(PASSWORD))
    written = 0
    for _ in range(KILLS):
        process = operator.start("--report", str(operator.report))
        await operator.wait_until_written(written, process)
        process.kill()
        await asyncio.to_thread(process.communicate)
        written = operator.report.stat().st_size
        async with world.native() as client:  # a server works beside it
            assert "tokens" in (await client.sign_in("anna0@north-clinic.example", PASSWORD)).json()
    said, _ = await operator.finish(operator.start("--report", str(operator.report)))
    doubled = len(range(7, LINES, 50))
    assert said == f"{LINES} lines are done: {LINES - doubled} added, 0 already there, {doubled} refused.\n"
    people = await world.house.database.find_row("SELECT COUNT(*) AS people FROM accounts")
    events = await world.house.database.find_row(
        "SELECT COUNT(*) AS events FROM audit_events WHERE kind = $1", "account.imported"
    )
    assert people is not None
    assert events is not None
    assert people["people"] == events["events"] == LINES - doubled
    told = [json.loads(line) for line in operator.report.read_text(encoding="utf-8").splitlines()]
    assert told == [
        {"line": at + 1, "verdict": "refused", "code": "address_doubled"}
        if at % 50 == 7
        else {"line": at + 1, "verdict": "added"}
        for at in range(LINES)
    ]
    before = await dump(world.house.database)
    again, _ = await operator.finish(operator.start())
    assert "imported before" in again
    assert await dump(world.house.database) == before


async def test_a_dry_run_at_the_terminal_changes_nothing(operator: Operator, world: World) -> None:  # D4
    operator.write(20, foreign.argon2(PASSWORD))
    before = await dump(world.house.database)
    said, complained = await operator.finish(operator.start("--dry-run", "--report", str(operator.report)))
    assert said == "A dry run over 20 lines, nothing was changed: 19 added, 0 already there, 1 refused.\n"
    assert complained == ""
    assert len(operator.report.read_text(encoding="utf-8").splitlines()) == 20
    assert await dump(world.house.database) == before
    for words in (["--language", "tlh"], ["--report", str(operator.folder)]):
        process = operator.start(*words)
        _, complained = await asyncio.to_thread(process.communicate)
        assert process.returncode == 1
        assert complained.startswith("portico: ")
        assert "Traceback" not in complained


@pytest.mark.timeout(0)
async def test_a_long_file_takes_no_more_memory_than_a_short_one(templates: Templates, tmp_path: Path) -> None:  # D4
    taken = []
    for count in (2_000, MANY):
        async with templates.url("sqlite", tmp_path) as url:
            operator = Operator(tmp_path, url)
            operator.write(count, foreign.bcrypt_hash(PASSWORD))
            for words in (["--dry-run"], []):
                _, peak = await operator.finish(operator.start(*words, code=_MEASURED))
                taken.append(int(peak))
    assert max(taken[2:]) - max(taken[:2]) < GROWTH_KIB, taken
