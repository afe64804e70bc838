"""Fixtures of the journeys: real servers, a real browser, and whoever tells the story.

The servers and the browser live as long as the test process, on one event loop that all journeys share. Before each
story an hour passes, so that what earlier stories have tried too often counts no longer; after it the server's log is
read.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support.chromium import chromium
from tests.support.databases import KINDS as DATABASES
from tests.support.databases import Kind as DatabaseKind
from tests.support.databases import Templates
from tests.support.server import running_server
from tests.support.storytellers import BROWSERS, KINDS, BrowserTeller, Kind, Storyteller, browser_teller, storyteller
from tests.support.town import Town, open_town

Meet: TypeAlias = Callable[..., Awaitable[Storyteller]]
Browse: TypeAlias = Callable[..., Awaitable[BrowserTeller]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_towns(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Callable[[DatabaseKind], Awaitable[Town]]]:
    """The town on each database, built when it is first asked for."""
    towns: dict[DatabaseKind, Town] = {}
    async with AsyncExitStack() as stack:

        async def open_one(kind: DatabaseKind) -> Town:
            if kind not in towns:
                folder = tmp_path_factory.mktemp(kind)
                url = await stack.enter_async_context(templates.url(kind, folder))
                server = stack.enter_context(running_server(folder, url))
                towns[kind] = await stack.enter_async_context(open_town(server))
            return towns[kind]

        yield open_one


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser program."""
    async with chromium() as started:
        yield started


@pytest.fixture
def database_kind() -> DatabaseKind:
    """On which database the story is told; ``on_both_databases`` tells it twice."""
    return "sqlite"


on_both_databases = pytest.mark.parametrize("database_kind", DATABASES)


@pytest_asyncio.fixture(loop_scope="session")
async def town(
    database_kind: DatabaseKind, open_towns: Callable[[DatabaseKind], Awaitable[Town]]
) -> AsyncIterator[Town]:
    """Where the story happens."""
    opened = await open_towns(database_kind)
    await opened.advance(hours=1)
    yield opened
    opened.server.check_log()


@pytest_asyncio.fixture(loop_scope="session", params=KINDS)
async def meet(request: pytest.FixtureRequest, town: Town, browser: Browser) -> AsyncIterator[Meet]:
    """Who tells the story: each call gives one more device of the same kind."""
    kind: Kind = request.param
    async with AsyncExitStack() as stack:

        async def one_more(language: str = "en") -> Storyteller:
            return await stack.enter_async_context(storyteller(kind, town.base, browser, language))

        yield one_more


@pytest_asyncio.fixture(loop_scope="session", params=BROWSERS)
async def browse(request: pytest.FixtureRequest, town: Town, browser: Browser) -> AsyncIterator[Browse]:
    """For what only browsers have: each call gives one more of them, with script or without."""
    has_script = request.param == "with script"
    async with AsyncExitStack() as stack:

        async def one_more(language: str = "en", *, restarted: BrowserTeller | None = None) -> BrowserTeller:
            cookies = restarted.context if restarted else None
            opened = browser_teller(browser, town.base, has_script=has_script, language=language, cookies=cookies)
            return await stack.enter_async_context(opened)

        yield one_more
