"""The runner of jobs: each in its time, at once when woken, never twice at once, and no fault takes it along."""

import asyncio
from datetime import timedelta

import pytest

from portico.jobs import runner as runner_module
from portico.jobs.runner import Job, Runner

HOUR = timedelta(hours=1)
SOON = timedelta(milliseconds=5)


class Work:
    """Counts how often it was done, and shows when it was."""

    def __init__(self, *, fails: int = 0, takes: float = 0) -> None:
        self.done = 0
        self.together = 0
        self.most_together = 0
        self._fails = fails
        self._takes = takes
        self._changed = asyncio.Condition()

    async def __call__(self) -> None:
        """Do it."""
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        await asyncio.sleep(self._takes)
        self.together -= 1
        async with self._changed:
            self.done += 1
            self._changed.notify_all()
        if self.done <= self._fails:
            raise RuntimeError("a bad day")

    async def wait_until(self, count: int) -> None:
        """Come back when it was done so often."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: self.done >= count)


async def test_a_job_runs_at_once_and_then_every_so_often() -> None:
    work = Work()
    runner = Runner((Job("often", work, SOON),))
    runner.start()
    await work.wait_until(5)
    await runner.stop()


async def test_a_job_that_is_woken_does_not_wait_for_its_time() -> None:
    work, other = Work(), Work()
    runner = Runner((Job("rare", work, HOUR), Job("other", other, HOUR)))
    runner.start()
    await work.wait_until(1)
    for count in (2, 3):
        runner.wake("rare")
        await work.wait_until(count)
    assert other.done == 1
    runner.wake("nobody")
    await runner.stop()


async def test_work_that_comes_while_it_is_being_done_is_done_afterwards() -> None:
    work = Work(takes=0.02)
    runner = Runner((Job("slow", work, HOUR),))
    runner.start()
    await asyncio.sleep(0.005)
    runner.wake("slow")
    await work.wait_until(2)
    await runner.stop()


async def test_many_wakes_at_once_are_one_piece_of_work() -> None:
    work = Work()
    runner = Runner((Job("rare", work, HOUR),))
    runner.start()
    await work.wait_until(1)
    for _ in range(50):
        runner.wake("rare")
    await work.wait_until(2)
    await asyncio.sleep(0.02)
    assert work.done == 2
    await runner.stop()


async def test_a_fault_is_logged_and_the_job_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner_module, "_PAUSE_AFTER_FAULT", SOON)
    work, other = Work(fails=2), Work()
    runner = Runner((Job("shaky", work, SOON), Job("steady", other, SOON)))
    runner.start()
    await work.wait_until(4)
    await other.wait_until(4)
    await runner.stop()
    printed = "".join(capsys.readouterr())
    assert "shaky" in printed
    assert "a bad day" in printed


async def test_a_job_never_runs_beside_itself() -> None:
    work = Work(takes=0.003)
    job = Job("one", work, SOON)
    runner = Runner((job,))
    runner.start()
    await asyncio.gather(*(job.run_once() for _ in range(10)))
    await runner.stop()
    assert work.most_together == 1
    assert work.done >= 10


async def test_all_jobs_are_run_once_in_their_order() -> None:
    order: list[str] = []

    def job(name: str) -> Job:
        async def work() -> None:
            await asyncio.sleep(0)
            order.append(name)

        return Job(name, work, HOUR)

    runner = Runner(tuple(map(job, ["clock", "queue", "send"])))
    await runner.run_all_once()
    assert order == ["clock", "queue", "send"]
    await runner.run_all_once()
    assert len(order) == 6


async def test_after_stop_nothing_runs_any_more() -> None:
    work = Work()
    runner = Runner((Job("often", work, SOON), Job("endless", asyncio.Event().wait, HOUR)))
    runner.start()
    await work.wait_until(2)
    await runner.stop()
    done = work.done
    await asyncio.sleep(0.03)
    assert work.done == done
    await runner.stop()
