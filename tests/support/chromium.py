"""Debian's Chromium in a test's hands, and an eye on what every page of ours must never do.

A :class:`Watch` notes requests to elsewhere, violations of the Content Security Policy, script errors and answers that
are not good. It looks at everything a context does, in each of its tabs.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, async_playwright

PROGRAM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 15_000
Scheme: TypeAlias = Literal["light", "dark"]

# Layout shifts are only noted while a page is loading, so the observer must be there before the page.
_OBSERVE_SHIFTS = """
globalThis.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) shifts.push([entry.value, entry.sources.map(({node}) => node?.nodeName).join(" ")]);
  }
}).observe({type: "layout-shift", buffered: true});
"""


@dataclass(frozen=True)
class Size:
    """How much of a page is seen."""

    width: int
    height: int
    scale: float = 1.0


DESKTOP, PHONE = Size(1280, 860), Size(390, 844)
ZOOMED = Size(640, 430, 2.0)
"""The desktop's window at 200 %: half as many pixels of the page either way, each twice as large."""


@dataclass
class Watch:
    """What a context did that it must not."""

    base: str
    faults: list[str] = field(default_factory=list)

    def put_on(self, context: BrowserContext) -> None:
        """Begin to watch a context, before it has a page."""
        context.on("request", self._on_request)
        context.on("response", self._on_response)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.faults.append(f"script error: {error.error}"))

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.base}/", "data:")):
            self.faults.append(f"a request left the origin: {request.method} {request.url}")

    def _on_response(self, response: Response) -> None:
        # A page may say no (410, 429 ...); whatever a page loads must be there.
        is_page = response.request.is_navigation_request()
        if response.status >= 500 or (response.status >= 400 and not is_page):
            self.faults.append(f"{response.status} for {response.url}")

    def _on_console(self, said: ConsoleMessage) -> None:
        # Statuses are judged above, where it is known what they were the answer to.
        if said.type in {"error", "warning"} and not said.text.startswith("Failed to load resource"):
            self.faults.append(f"console {said.type}: {said.text}")

    def check(self) -> None:
        """Fail if there was anything."""
        assert not self.faults, "\n".join(self.faults)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser program; contexts in it are as separate as browsers of different people."""
    assert shutil.which(PROGRAM), "these tests need Debian's package 'chromium'"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def watched_context(
    browser: Browser,
    base: str,
    *,
    has_script: bool = True,
    size: Size = DESKTOP,
    scheme: Scheme = "light",
    language: str = "en",
    cookies: BrowserContext | None = None,
) -> AsyncIterator[BrowserContext]:
    """A fresh browser of somebody, watched. ``cookies``: of an earlier one, those that outlive its closing."""
    context = await browser.new_context(
        base_url=base,
        java_script_enabled=has_script,
        viewport={"width": size.width, "height": size.height},
        device_scale_factor=size.scale,
        color_scheme=scheme,
        reduced_motion="reduce",
        locale=language,
    )
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(_OBSERVE_SHIFTS)
    watch = Watch(base)
    watch.put_on(context)
    if cookies is not None:
        kept = [cookie for cookie in await cookies.cookies() if cookie.get("expires", -1) != -1]
        await context.add_cookies([{**cookie} for cookie in kept])  # type: ignore[typeddict-item]
    try:
        yield context
    finally:
        await context.close()
    watch.check()


async def layout_shift(page: Page) -> tuple[float, str]:
    """How much of a page moved by itself since it was opened (CLS), and what did."""
    shifts: list[tuple[float, str]] = await page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(shifts), 0)))"
    )
    return sum(value for value, _ in shifts), ", ".join(names for _, names in shifts)
