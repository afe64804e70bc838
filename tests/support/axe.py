"""axe-core in a page, for what it finds serious: put into a document once, however often the document is looked at."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

# Of the other outcomes nothing is asked, so axe need not describe them; what comes back is what is told.
_LOOK = """
async () => {
  const {violations} = await axe.run({resultTypes: ["violations"]});
  return violations.filter(({impact}) => impact === "serious" || impact === "critical")
    .map(({id, help, nodes}) => [id, help, nodes.slice(0, 3).map(({html, failureSummary}) => [html, failureSummary])]);
}
"""


async def find_serious(page: Page, program: str = "") -> list[str]:
    """What axe calls serious or critical on a page as it is now, with the elements it names.

    ``program``: where the page's own server has axe, if it has; a browser keeps what it has loaded and compiled once.
    """
    if not await page.evaluate("'axe' in globalThis"):
        if program:
            await page.add_script_tag(url=program)
        else:
            await page.evaluate(AXE_SCRIPT)
    found: list[Any] = await page.evaluate(_LOOK)
    return [f"{rule}: {what}: {nodes}" for rule, what, nodes in found]
