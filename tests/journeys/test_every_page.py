"""Every page, looked at closely: by axe in light and dark, with a ruler from phone to desktop, in every language."""

import itertools

import pytest
from playwright.async_api import Browser, Page

from portico.accounts.model import AccountState
from portico.kernel.messages import PSEUDO
from portico.signin.facts import ChangeReason
from tests.conftest import VERIFY
from tests.support.axe import find_serious
from tests.support.chromium import DESKTOP, PHONE, ZOOMED, Scheme, Size, layout_shift
from tests.support.invitations import invite_to
from tests.support.organizations import have_asked
from tests.support.reminding import wear_out
from tests.support.storytellers import browser_teller
from tests.support.tour import WALKS, Guests, Walk
from tests.support.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="session")

LANGUAGES = ("en", "de", PSEUDO)
LOOKS: tuple[tuple[Size, Scheme], ...] = (
    ((DESKTOP, "dark"), (DESKTOP, "light"), (PHONE, "light"), (PHONE, "dark")) if VERIFY else ((DESKTOP, "dark"),)
)
"""How axe looks at each page: in the upper tier at both sizes in both schemes.

A sample or more of every template is looked at on a light desktop and a dark phone by
``tests/doors/test_pages_in_browser.py``.
"""
NARROW = Size(320, 640)
"""What is left of a desktop's window at 400 % (WCAG 2.2, 1.4.10)."""
SHIFT_MAX = 0.02

# Whether the page scrolls sideways; what is seen and reaches out of the window, but for what lies in a box that
# scrolls by itself; and the text that its own box cuts off.
_MEASURE = """
() => [document.documentElement.scrollWidth > innerWidth, [...document.querySelectorAll("body *")].filter((element) => {
  if (element.closest(".scroll, .unseen, .skip, iframe") || !element.checkVisibility()) return false;
  const box = element.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map((element) => element.outerHTML.slice(0, 160)),
[...document.querySelectorAll("h1, h2, button, .button, label, .tabs a, .version, .foot a")].filter((element) =>
  element.checkVisibility() && !element.closest(".unseen, .skip") && element.scrollWidth > element.clientWidth + 1
  && getComputedStyle(element).display !== "inline"
).map((element) => element.outerHTML.slice(0, 160))]
"""

_clinics = itertools.count(1)

every_walk = pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)


@pytest.mark.long
@pytest.mark.parametrize("language", LANGUAGES)
@every_walk
async def test_every_page_fits_every_window_lies_still_and_is_nothing_serious_to_axe(  # S43
    browser: Browser, town: Town, walk: Walk, language: str
) -> None:
    """From 400 % zoom over a phone to the desktop, nothing is cut off and nothing moves while a page loads."""
    findings: list[str] = []
    async with browser_teller(browser, town.base) as teller:
        await teller.page.goto(f"/signin?language={language}")
        teller.language = language
        async for stop in walk(teller, await move_in(town, language)):
            moved, what = await layout_shift(teller.page)
            if moved >= SHIFT_MAX:
                findings.append(f"{stop}: moves by {moved:.3f}: {what}")
            for size in (NARROW, PHONE, ZOOMED, DESKTOP):
                await _resize(teller.page, size)
                findings += [f"{stop}, {size.width} wide: {outside}" for outside in await _outside(teller.page)]
            findings += await _ask_axe(teller.page, stop) if language == LANGUAGES[0] else []
    assert not findings, "\n".join(findings)


@every_walk
async def test_every_page_is_whole_without_script(browser: Browser, town: Town, walk: Walk) -> None:  # S43, S82, D3
    """Each has a title, one heading, a way to help; no button needs script, and none that does is seen."""
    async with browser_teller(browser, town.base, has_script=False) as teller:
        async for stop in walk(teller, await move_in(town)):
            page = teller.page
            assert (await page.title()).endswith(" | Portico"), stop
            assert await page.locator("h1").count() == 1, stop
            assert await page.locator("main").count() == 1, stop
            assert await page.locator("footer").get_by_role("link", name="Help", exact=True).count() == 1, stop
            assert await page.locator("button[type=button]:visible").count() == 0, stop
            assert await page.locator("form button:disabled").count() == 0, stop
            assert not await _outside(page), stop


async def move_in(town: Town, language: str = "en") -> Guests:
    """The people of one walk. Nobody's own language is the pseudo-language: it is picked in the browser only."""
    return Guests(
        active=await town.move_in("Nora", language="en" if language == PSEUDO else language),
        invite=lambda address: invite_to(town.house, f"Clinic for {address}", address),
        wear_out=lambda person: wear_out(town.house, person.address),
        worn_out=await town.move_in("Wanda"),
        ask=lambda address, ahead: have_asked(town.house, f"Clinic {next(_clinics)} of {address}", address, ahead),
        must_change=await town.move_in("Priya", must_change=ChangeReason.FORCED),
        disabled=await town.move_in("Tom", state=AccountState.DISABLED),
    )


async def _ask_axe(page: Page, stop: str) -> list[str]:
    """What axe finds serious on a page that is as wide as a desktop, and is so again afterwards."""
    findings: list[str] = []
    for size, scheme in LOOKS:
        await _resize(page, size)
        await page.emulate_media(color_scheme=scheme)
        where = f"{stop} ({scheme}, {size.width} wide)"
        findings += [f"{where}: {finding}" for finding in await find_serious(page)]
    await _resize(page, DESKTOP)
    return findings


async def _resize(page: Page, size: Size) -> None:
    """Have the window so large; to say so of one that is takes time for nothing."""
    wanted = {"width": size.width, "height": size.height}
    if page.viewport_size != wanted:
        await page.set_viewport_size({"width": size.width, "height": size.height})


async def _outside(page: Page) -> list[str]:
    """What reaches out of the window or is cut off."""
    wide, outside, cut = await page.evaluate(_MEASURE)
    scrolls = ["the page scrolls sideways"] if wide else []
    return [*scrolls, *(f"outside: {one}" for one in outside), *(f"cut off: {one}" for one in cut)]
