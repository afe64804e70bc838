"""Running jobs beside the requests: each every so often, and at once when somebody has work for it.

A job that fails is logged and tried again; it never takes the server with it. Jobs may run in several servers at a
time: what they work on is taken by one conditional statement, so nothing is done twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

_PAUSE_AFTER_FAULT = timedelta(seconds=5)
_log = structlog.get_logger("portico.jobs")


@dataclass(slots=True)
class Job:
    """Something to do again and again."""

    name: str
    work: Callable[[], Awaitable[object]]
    every: timedelta
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def wake(self) -> None:
        """There is something to do now."""
        self.wanted.set()

    async def run_once(self) -> None:
        """Do it now; waits if it is being done already, and then does it again."""
        async with self._turn:
            self.wanted.clear()
            await self.work()


class Runner:
    """The jobs of one server."""

    def __init__(self, jobs: tuple[Job, ...]) -> None:
        self.jobs = jobs
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to run the jobs, in the loop that is running."""
        self._tasks = [asyncio.create_task(self._run(job), name=job.name) for job in self.jobs]

    async def stop(self) -> None:
        """Stop between two pieces of work where possible; what was begun is rolled back by its transaction."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def wake(self, name: str) -> None:
        """Tell one job that there is something to do."""
        for job in self.jobs:
            if job.name == name:
                job.wake()

    async def run_all_once(self) -> None:
        """Do every job once, one after the other, in the order in which they feed each other."""
        for job in self.jobs:
            await job.run_once()

    async def _run(self, job: Job) -> None:
        while True:
            try:
                await job.run_once()
            except Exception:  # noqa: BLE001 - a job that fails is tried again, and never takes the server with it
                _log.exception("job failed", job=job.name)
                await asyncio.sleep(_PAUSE_AFTER_FAULT.total_seconds())
            with suppress(TimeoutError):
                async with asyncio.timeout(job.every.total_seconds()):
                    await job.wanted.wait()
