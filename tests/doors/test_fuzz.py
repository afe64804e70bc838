"""Thousands of generated requests over every door: never a 5xx, never a hang, never an answer without its headers."""

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from portico.logs import configure_logs
from tests.support.databases import Kind, Templates
from tests.support.fuzz import Fuzzer, Got, Sent, send
from tests.support.refusals import CARRIED
from tests.support.world import ADDRESS, LIFTED, PASSWORD, open_world

SEEDS: list[tuple[Kind, int]] = [("sqlite", 1), ("sqlite", 2), ("sqlite", 3), ("postgresql", 4)]
_KINDS = (
    "text/html; charset=utf-8", "application/json", "application/problem+json", "text/css; charset=utf-8", "image/webp",
)  # fmt: skip


@pytest.fixture
def quiet() -> Iterator[io.StringIO]:
    """A log that holds faults and nothing else."""
    written = io.StringIO()
    configure_logs("json", "error")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(written))
    yield written
    structlog.reset_defaults()


@pytest.mark.parametrize(("kind", "seed"), SEEDS)
@pytest.mark.timeout(0)
async def test_whatever_is_sent_is_answered(
    kind: Kind, seed: int, templates: Templates, tmp_path: Path, fuzzed_requests: int, quiet: io.StringIO
) -> None:  # V2.2.1, V16.5.1, V16.5.4, S43
    statuses: Counter[int] = Counter()
    async with templates.url(kind, tmp_path) as url, open_world(tmp_path, url, limits=LIFTED) as world:
        await world.add_person(handle="nora")
        fuzzer = Fuzzer(seed, world.app.routes.endpoints)
        for number in range(fuzzed_requests // len(SEEDS)):
            person, sent = fuzzer.next_request()
            try:
                got = await send(world.app, sent)
            except TimeoutError:
                raise AssertionError(f"request {number} of seed {seed} hangs: {sent}") from None
            assert_well(got, sent, f"request {number} of seed {seed}", quiet)
            person.learn(sent, got)
            statuses[got.status] += 1
            if number % 1_000 == 0:
                world.clock.advance(minutes=7)
                await world.house.runner.run_all_once()
        async with world.native() as client:  # it is still a house one can get into
            told = (await client.sign_in(ADDRESS, PASSWORD)).json()
            assert told["step"]["step"] in ("finished", "prove"), "somebody may have changed the password on the way"
    assert not quiet.getvalue()
    for status in (200, 201, 303, 307, 400, 401, 403, 404, 405, 413):
        assert statuses[status] >= fuzzed_requests // 20_000, f"the grammar never leads to {status}: {statuses}"


def assert_well(got: Got, sent: Sent, which: str, log: io.StringIO) -> None:
    """An answer like any of ours."""
    assert 200 <= got.status < 500, f"{which}: {got.status} for {sent}\n{log.getvalue()}"
    for name, value in CARRIED.items():
        assert got.values(name) == [value], f"{which}: {name} of {sent}"
    assert len(got.values("cache-control")) == 1
    assert len(got.values("x-request-id")) == 1
    kinds = got.values("content-type")
    assert not got.body or kinds[0].startswith(_KINDS), f"{which}: {kinds} for {sent}"
    for name in ("location", "set-cookie"):
        for value in got.values(name):
            assert not set(value) & set("\r\n\0"), f"{which}: {value!r} for {sent}"
    for location in got.values("location"):
        assert location.startswith(("/", "https://login.portico.example/")), f"{which}: {location} for {sent}"
        assert not location.startswith(("//", "/\\")), f"{which}: {location} for {sent}"
