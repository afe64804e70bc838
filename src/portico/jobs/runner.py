"""Running jobs beside the requests: each every so often, and at once when somebody has work for it.

A job that fails is logged and tried again; it never takes the server with it.

Some jobs run in every server: what they work on is taken by one conditional statement, so nothing is done twice. Others
run in one server alone, the one that holds the lease (``database/lease``); when it falls silent another takes over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from portico.database.lease import Lease, LeaseLost
from portico.kernel.errors import PorticoError

LEASE = "lease"
JOBS = "jobs"
"""The lease of the jobs that one server does for all."""
_RENEWALS = 3
"""How often the lease is renewed while it lasts."""
_PAUSE_AFTER_FAULT = timedelta(seconds=5)
_log = structlog.get_logger("portico.jobs")


@dataclass(slots=True)
class Job:
    """Something to do again and again."""

    name: str
    work: Callable[[], Awaitable[object]]
    every: timedelta
    in_one_server: bool = False
    """Whether only the server that holds the lease does it."""
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

    def __init__(self, jobs: tuple[Job, ...], lease: Lease | None = None) -> None:
        """Without a lease there are no other servers, and every job runs here."""
        self.lease = lease
        self.jobs = jobs if lease is None else (Job(LEASE, self._keep_lease, lease.span / _RENEWALS), *jobs)
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
        if self.lease is not None:
            with suppress(PorticoError):  # then the next one waits until it has run out
                await self.lease.release()

    def wake(self, name: str) -> None:
        """Tell one job that there is something to do."""
        for job in self.jobs:
            if job.name == name:
                job.wake()

    async def run_all_once(self) -> None:
        """Do every job once, one after the other, in the order in which they feed each other."""
        for job in self.jobs:
            await self._do(job)

    async def _do(self, job: Job) -> None:
        """Run a job, unless another server does it."""
        if job.in_one_server and self.lease is not None and self.lease.fence is None:
            return
        try:
            await job.run_once()
        except LeaseLost:
            _log.warning("another server has taken over", job=job.name)

    async def _keep_lease(self) -> None:
        """Take or renew the lease; what waited for it is done at once."""
        if self.lease is None:
            return
        before = self.lease.fence
        await self.lease.keep()
        if self.lease.fence not in {None, before}:
            _log.info("does the jobs of all servers now", fence=self.lease.fence)
            for job in self.jobs:
                if job.in_one_server:
                    job.wake()

    async def _run(self, job: Job) -> None:
        while True:
            try:
                await self._do(job)
            except Exception:  # noqa: BLE001 - a job that fails is tried again, and never takes the server with it
                _log.exception("job failed", job=job.name)
                await asyncio.sleep(_PAUSE_AFTER_FAULT.total_seconds())
            with suppress(TimeoutError):
                async with asyncio.timeout(job.every.total_seconds()):
                    await job.wanted.wait()
