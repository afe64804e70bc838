"""Other processes, seen from outside: what they have cost so far, and on which core they run."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TICK = 1 / os.sysconf("SC_CLK_TCK")
"""Seconds in one unit of /proc/<pid>/stat, commonly a hundredth."""
_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = {_CORES[0]}
LOAD_CORES = set(_CORES[1:]) or SERVER_CORE


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs in a process of its own, and what it said when it was ready."""

    pid: int
    said: dict[str, Any]
    last_words: list[str] = field(default_factory=list)
    """What it printed after that, once it has stopped."""

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far, user and system (proc(5), fields 14 and 15 of stat)."""
        after_name = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) * TICK

    @property
    def resident_mib(self) -> float:
        """Memory it holds now (VmRSS)."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(kib) / 1024


@contextmanager
def serving(kind: str, *arguments: str) -> Iterator[Running]:
    """One of the programs of :mod:`bench.server`, on one core, until the end of the block."""
    program = [sys.executable, "-m", "bench.server", kind, *arguments]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment()
    ) as process:
        try:
            os.sched_setaffinity(process.pid, SERVER_CORE)
            said = process.stdout.readline() if process.stdout else b""
            if not said:
                raise RuntimeError(f"bench.server {kind} did not start; run it by hand to see why")
            running = Running(process.pid, json.loads(said))
            yield running
            process.send_signal(signal.SIGTERM)
            running.last_words.append(process.communicate()[0].decode())
        finally:
            process.kill()


@contextmanager
def started(arguments: list[str], environment: Mapping[str, str]) -> Iterator[Running]:
    """Any Python program, on one core, from the instant it is started."""

    def take_core() -> None:
        os.sched_setaffinity(0, SERVER_CORE)

    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**clean_environment(), **environment},
        preexec_fn=take_core,  # noqa: PLW1509 - nothing here has threads yet, and the start is what is measured
    )
    try:
        yield Running(process.pid, {})
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


async def run_to_end(arguments: list[str]) -> float:
    """The CPU seconds of a whole run of Python."""
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=clean_environment())
    before = os.times()
    await process.wait()
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def clean_environment() -> dict[str, str]:
    """The environment without settings of Portico, which would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PORTICO_")}
