"""The order in which things are measured: every work once in each round, so that a noisy minute hits them all alike."""

import asyncio
import json
import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.house import Start, Weight, bare_python_seconds, measure_first_start, measure_start, measure_weight
from bench.load import put_load
from bench.processes import LOAD_CORES, SERVER_CORE, Running, clean_environment, serving
from bench.works import Work, bare_work, portico_works

_WARM_UP = 0.3
ALONE = {
    "hash": "one argon2id comparison, nothing around it",
    "fold": "folding what ten organizations ask",
    "stamp": "the stamp of somebody in ten organizations, once known",
    "es256": "one ES256 signature checked, nothing around it",
    "passkey": "an answer with a passkey checked (ES256)",
    "totp": "a code of an authenticator app, judged and used up",
}


@dataclass(slots=True)
class Figures:
    """Everything that was measured."""

    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """CPU microseconds of one operation, by the name of the work; one value for each round."""
    rate: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Operations in one second of the wall."""
    what: dict[str, str] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)
    first_start: Start | None = None
    bare_python: list[float] = field(default_factory=list)
    loaded_mib: float = 0
    weight: Weight = field(default_factory=lambda: Weight(0, 0))

    load_before: float = 0
    """How many processes wanted to run before we began (the load average of a minute)."""

    @property
    def is_busy(self) -> bool:
        """Whether others had the machine as well, so that no verdict can be given."""
        return self.load_before > 0.5 * (os.cpu_count() or 1)

    def cost(self, work: str) -> float:
        """The median CPU microseconds of one operation."""
        return median(self.cpu[work])


async def measure(folder: Path, *, rounds: int, seconds: float) -> Figures:
    """Measure everything, in interleaved rounds."""
    os.sched_setaffinity(0, LOAD_CORES)
    figures = Figures(load_before=os.getloadavg()[0])
    figures.first_start = await measure_first_start(folder / "house")
    with serving("bare") as bare, serving("portico", str(folder / "load")) as portico:
        port: int = portico.said["port"]
        figures.weight = measure_weight(port)
        works = portico_works(port, portico.said["people"], portico.said["password"])
        for number in range(rounds):
            print(f"round {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
            await _measure_work(figures, bare, bare_work(bare.said["port"]), seconds)
            for work in works:
                await _measure_work(figures, portico, work, seconds)
            for name in ALONE:
                await _measure_alone(figures, name, seconds)
            figures.starts.append(await measure_start(folder / "house"))
            figures.bare_python.append(await bare_python_seconds(5))
        figures.loaded_mib = portico.resident_mib
    return figures


async def profile(folder: Path, name: str, *, seconds: float) -> str:
    """Where Portico's time goes during one work."""
    os.sched_setaffinity(0, LOAD_CORES)
    with serving("portico", str(folder / "load"), "profile") as portico:
        port: int = portico.said["port"]
        works = portico_works(port, portico.said["people"], portico.said["password"])
        work = next(work for work in works if work.name == name)
        await put_load(port, work.begin, connections=work.connections, seconds=seconds)
    return "".join(portico.last_words)


async def _measure_work(figures: Figures, server: Running, work: Work, seconds: float) -> None:
    """Warm up, then put load for a while and see what it has cost the server."""
    port = server.said["port"]
    await put_load(port, work.begin, connections=work.connections, seconds=_WARM_UP)
    before = server.cpu_seconds
    load = await put_load(port, work.begin, connections=work.connections, seconds=seconds)
    figures.what[work.name] = work.what
    figures.cpu[work.name].append((server.cpu_seconds - before) / load.operations * 1e6)
    figures.rate[work.name].append(load.operations / load.seconds)


async def _measure_alone(figures: Figures, name: str, seconds: float) -> None:
    """What has nothing around it, in a process of its own on the server's core."""

    def take_core() -> None:
        os.sched_setaffinity(0, SERVER_CORE)

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.server", name, str(seconds),
        stdout=asyncio.subprocess.PIPE, env=clean_environment(), preexec_fn=take_core,
    )  # fmt: skip
    said, _ = await process.communicate()
    cost: float = json.loads(said)["cpu_microseconds"]
    figures.what[name] = ALONE[name]
    figures.cpu[name].append(cost)
    figures.rate[name].append(1e6 / cost)
