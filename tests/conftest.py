"""What every test shares: how much is enough, in the two tiers of proof.

``make test`` tries every behaviour once, within minutes. ``make verify`` sets ``PORTICO_VERIFY=1`` and runs the same
tests with the full numbers, and those marked ``verify`` besides. Nothing is ever skipped: a test of the upper tier is
left out of the lower one as a whole, and a program that is missing fails the test that needs it.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from portico.database.engine import Database
from tests.support.databases import KINDS, Kind, Templates, database_templates

VERIFY = os.environ.get("PORTICO_VERIFY") == "1"

# No deadline and no "too slow": how fast this machine is today says nothing about whether the code is right.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("test", _CALM, max_examples=2_000)
settings.register_profile("verify", _CALM, max_examples=100_000)
settings.register_profile("quick", _CALM, max_examples=100, phases=tuple(set(Phase) - {Phase.explain}))
settings.load_profile("verify" if VERIFY else "test")


@pytest.hookimpl(trylast=True)  # after the order was drawn
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the tests marked ``long``, and leave those marked ``verify`` to ``make verify``."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if VERIFY:
        return
    left_out = [item for item in items if item.get_closest_marker("verify")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def race_width() -> int:
    """How many callers run at once for something only one may have."""
    return 50


@pytest.fixture(scope="session")
def race_rounds() -> int:
    """How often such a race is run."""
    return 100 if VERIFY else 3


@pytest.fixture(scope="session")
def fuzzed_requests() -> int:
    """How many generated requests the doors are tried with."""
    return 1_000_000 if VERIFY else 20_000


@pytest.fixture(scope="session")
def templates() -> Iterator[Templates]:
    """What fresh databases are copied from."""
    with database_templates() as made:
        yield made


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> Kind:
    """Which of the two databases a test runs on: each test that asks runs on both."""
    kind: Kind = request.param
    return kind


@pytest.fixture
async def database(database_kind: Kind, templates: Templates, tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh migrated database."""
    async with templates.open(database_kind, tmp_path) as opened:
        yield opened


@pytest.fixture
async def database_url(database_kind: Kind, templates: Templates, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a fresh migrated database, for tests that open it more than once."""
    async with templates.url(database_kind, tmp_path) as url:
        yield url
