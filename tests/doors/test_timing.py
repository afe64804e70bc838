"""The time of an answer does not tell who has an account (D20, D6): known against unknown, interleaved and ranked.

Samples of both are taken in turn and in random order, so that whatever else the machine does meets both alike. The
verdict is by ranks (Mann and Whitney 1947): ``z`` is how many standard deviations the order of the two lies from
chance. With equal times it is beyond 4 once in fifteen thousand runs, however noisy the machine; times that never
overlap give more than 9 with the fewest samples taken here.
"""

import math
import time
from collections.abc import Awaitable, Callable

import pytest

from portico.kernel.chance import SystemChance
from tests.conftest import VERIFY
from tests.support.sign_ups import begin_by_api
from tests.support.world import ADDRESS, LIFTED, MakeWorld, Native, World

SAMPLES = 300 if VERIFY else 60
TOO_FAR = 4.0 if VERIFY else 6.0
CHANCE = SystemChance()
UNKNOWN = "olga@north-clinic.example"
ARGON2 = {"argon2_memory_kib": str(19 * 1024), "argon2_passes": "2"}


async def guess(_world: World, client: Native, name: str) -> int:
    """A wrong password."""
    attempt = await client.begin(name)
    return await timed(client.answer(attempt, {"answer": "password", "password": "wrong"}))


async def forget(_world: World, client: Native, name: str) -> int:
    """A reset asked for."""
    return await timed(client.call("POST", "/password-reset/requests", {"identifier": name}))


async def join(_world: World, client: Native, name: str) -> int:
    """A sign-up begun."""
    return await timed(client.call("POST", "/signup", {"installation": client.installation, "address": name}))


async def resend(world: World, client: Native, name: str) -> int:
    """Another code asked for, half a minute later."""
    attempt = await begin_by_api(client, name)
    world.clock.advance(seconds=31)
    return await timed(client.answer(attempt, {"answer": "resend"}))


async def timed(call: Awaitable[object]) -> int:
    """How long a call takes, in nanoseconds."""
    started = time.perf_counter_ns()
    await call
    return time.perf_counter_ns() - started


@pytest.mark.parametrize(
    ("act", "settings"),
    [(guess, ARGON2), (forget, {}), (join, {}), (resend, {})],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_known_and_unknown_take_the_same_time(
    make_world: MakeWorld, act: Callable[[World, Native, str], Awaitable[int]], settings: dict[str, str]
) -> None:
    # D20, D6, S53, rule 7
    order = sorted([ADDRESS, UNKNOWN] * SAMPLES, key=lambda _name: CHANCE.draw_below(2**32))
    taken: dict[str, list[int]] = {ADDRESS: [], UNKNOWN: []}
    async with make_world(limits=LIFTED, **settings) as world:
        for warm in (ADDRESS, UNKNOWN):
            async with world.native() as client:
                await act(world, client, warm)
        for name in order:
            async with world.native() as client:
                taken[name].append(await act(world, client, name))
    z = rank_distance(taken[ADDRESS], taken[UNKNOWN])
    assert abs(z) < TOO_FAR, f"the times of known and unknown differ: z = {z:.1f}"


def test_times_that_differ_are_noticed() -> None:
    known, unknown = [1_000 + number for number in range(SAMPLES)], [3_000 + number for number in range(SAMPLES)]
    assert abs(rank_distance(known, unknown)) > TOO_FAR
    assert abs(rank_distance(known, known)) < 1


def rank_distance(left: list[int], right: list[int]) -> float:
    """How far the ranks of two samples lie from chance, in standard deviations."""
    ranks = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    rank_sum = sum(rank for rank, (_value, side) in enumerate(ranks, 1) if side == 0)
    count, other = len(left), len(right)
    expected = count * (count + other + 1) / 2
    return (rank_sum - expected) / math.sqrt(count * other * (count + other + 1) / 12)
