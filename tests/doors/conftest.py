"""Fixtures of the doors' tests: a whole deployment, on both databases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import Kind, Templates
from tests.support.world import LIFTED, MakeWorld, World, open_world


@pytest.fixture
def make_world(database_kind: Kind, templates: Templates, tmp_path: Path) -> MakeWorld:
    """Opens deployments with Nora in them, with the settings, limits and hasher a test asks for."""

    @asynccontextmanager
    async def make(**options: Any) -> AsyncIterator[World]:
        async with templates.url(database_kind, tmp_path) as url, open_world(tmp_path, url, **options) as opened:
            await opened.add_person(handle="nora")
            yield opened

    return make


@pytest.fixture
async def world(make_world: MakeWorld) -> AsyncIterator[World]:
    """A deployment with Nora in it, limits as they are in production."""
    async with make_world() as opened:
        yield opened


@pytest.fixture
async def free_world(make_world: MakeWorld) -> AsyncIterator[World]:
    """The same without limits, for tests that send much."""
    async with make_world(limits=LIFTED) as opened:
        yield opened
