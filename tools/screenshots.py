"""Takes the pictures in docs/screenshots: every page of a demo of its own and every mail, light and dark, by language.

    python -m tools.screenshots                writes docs/screenshots and its list of pictures anew
    python -m tools.screenshots --to FOLDER     writes them elsewhere
    python -m tools.screenshots --only choose   some of them

The demo is served from a temporary folder; the pages are met on the walks of tests/support/tour.py, the mails are the
samples of ``mail/samples``. A page is shown on a desktop in light and on a phone in dark, as is a mail. What differs
from one day to the next (instants, tokens, numbers of requests) is overwritten before a picture is taken. Needs
Debian's Chromium and Playwright; loads nothing from elsewhere.
"""

import argparse
import asyncio
import io
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, Route

from portico.development.people import PEOPLE
from portico.ground import PACKAGE
from portico.house import House
from portico.kernel.brand import Brand
from portico.kernel.messages import Catalogues
from portico.mail.letters import compose
from portico.mail.model import kind_of
from portico.mail.samples import SAMPLES
from portico.mail.stationery import Stationery
from tests.support.chromium import DESKTOP, PHONE, Scheme, Size, chromium
from tests.support.invitations import invite_to
from tests.support.organizations import have_asked
from tests.support.reminding import wear_out
from tests.support.server import RunningServer, running_server
from tests.support.storytellers import BrowserTeller
from tests.support.tour import WALKS, Guests, Walk
from tests.support.town import Person, open_town

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screenshots"
LOOKS: tuple[tuple[str, Size, Scheme], ...] = (("desktop", DESKTOP, "light"), ("phone", PHONE, "dark"))
LANGUAGES = ("en", "de")
LONGEST = 1300
"""How much of a long page is shown."""
FRAME_MS = 500
COLOURS = 64
"""Few colours make small pictures, and pages have few."""

_BY_HANDLE = {
    one.handle: Person(one.first_name, one.last_name, one.address, one.handle, one.password) for one in PEOPLE
}


def guests(house: House) -> Guests:
    """The people of the demo, and whom an organization invites there."""
    clinics = iter(("North Clinic", "Harbour Practice"))
    others = iter(("South Practice", "Bridge Hospital", "Meadow Clinic"))
    return Guests(
        active=_BY_HANDLE["nora"],
        must_change=_BY_HANDLE["priya.raman"],
        disabled=_BY_HANDLE["tom.okafor"],
        wear_out=lambda person: wear_out(house, person.address),
        worn_out=_BY_HANDLE["juergen"],
        invite=lambda address: invite_to(house, next(clinics), address),
        ask=lambda address, ahead: have_asked(house, next(others), address, ahead),
    )


_DIFFERS = (
    (re.compile(r"localhost:\d+"), "localhost:8000"),
    (re.compile(r"(passwordreset/)[\w-]{43}"), r"\1q3Zt8-vWmXc5LhYdR2nKf7sBgJ0pUeTaQ9iHxMw4oE1"),
    (re.compile(r"\d{4}-\d\d-\d\d at \d\d:\d\d"), "2026-05-05 at 09:41"),
)
# The same picture on every day.
_FREEZE = """
(language) => {
  const when = new Date("2026-05-04T09:41:00Z");
  const options = {dateStyle: "long", timeStyle: "short", timeZone: "UTC"};
  for (const time of document.querySelectorAll("time")) {
    time.textContent = new Intl.DateTimeFormat(language, options).format(when);
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    texts.currentNode.data = texts.currentNode.data
      .replace(/localhost:\\d+/g, "localhost:8000")
      .replace(/(passwordreset\\/)[\\w-]{43}/g, "$1q3Zt8-vWmXc5LhYdR2nKf7sBgJ0pUeTaQ9iHxMw4oE1")
      .replace(/\\d{4}-\\d\\d-\\d\\d at \\d\\d:\\d\\d/g, "2026-05-05 at 09:41")
      .replace(/\\b(error \\d+, )[\\w-]{12}/g, "$1a1B2c3D4e5F6");
  }
  for (const code of document.querySelectorAll(".aside code")) code.textContent = "a1B2c3D4e5F6";
}
"""


def main(arguments: list[str]) -> int:
    """Take the pictures that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="FOLDER", help="where the pictures are written")
    parser.add_argument("--only", default="", help="pages and mails whose name contains this")
    asked = parser.parse_args(arguments)
    asked.to.mkdir(parents=True, exist_ok=True)
    if not asked.only:
        for old in asked.to.glob("*.webp"):
            old.unlink()
    names = asyncio.run(_take_all(asked.to, asked.only))
    if not asked.only:
        (asked.to / "README.md").write_text(gallery(names), encoding="utf-8")
    size = sum(path.stat().st_size for path in asked.to.glob("*.webp")) // 1024
    print(f"{len(names)} pages and mails, {size} KiB in {asked.to}")
    return 0


def gallery(names: list[str]) -> str:
    """The list of all pictures, as a document."""
    text = "# Every page and every mail\n\nMade by `python -m tools.screenshots`; do not edit.\n"
    for name in names:
        text += f"\n## {name}\n\n<p>\n"
        for language in LANGUAGES:
            for look, _size, scheme in LOOKS:
                said = f"{name}, {look}, {scheme}, {language}"
                width = 480 if look == "desktop" else 180
                text += f'<img src="{file_name(name, look, scheme, language)}" alt="{said}" width="{width}">\n'
        text += "</p>\n"
    return text


def file_name(name: str, look: str, scheme: str, language: str) -> str:
    """What a picture is called."""
    return f"{name}-{look}-{scheme}{'' if language == 'en' else f'-{language}'}.webp"


async def _take_all(folder: Path, only: str) -> list[str]:
    """Follow every walk in each language, on a fresh demo for each, for walks change passwords; then the mails."""
    names: dict[str, None] = {}
    async with chromium() as browser:
        for language in LANGUAGES:
            for walk in WALKS:
                with (
                    tempfile.TemporaryDirectory(prefix="portico-screenshots-") as data,
                    running_server(Path(data)) as server,
                ):
                    names |= dict.fromkeys(await _follow(browser, server, walk, language, folder, only))
        for language in LANGUAGES:
            names |= dict.fromkeys(await _take_mails(browser, language, folder, only))
    return list(names)


async def _follow(
    browser: Browser, server: RunningServer, walk: Walk, language: str, folder: Path, only: str
) -> list[str]:
    """Take pictures at each stop of a walk; the names of the stops."""
    names = []
    context = await browser.new_context(base_url=server.base, locale=language, reduced_motion="reduce")
    await context.route("**/dev/mailbox/*/html", _freeze_letter)
    page = await context.new_page()
    await page.goto(f"/signin?language={language}")  # comes before the language of whoever signs in
    async with open_town(server) as town:
        async for stop in walk(
            BrowserTeller(server.base, language, context, page, has_script=True), guests(town.house)
        ):
            if only not in stop:
                continue
            names.append(stop)
            await page.evaluate(_FREEZE, language)
            await _take(page, folder, stop, language)
            await _look(page, DESKTOP, "light")
    await context.close()
    return names


async def _take_mails(browser: Browser, language: str, folder: Path, only: str) -> list[str]:
    """Take pictures of the sample of every message."""
    names: list[str] = []
    catalogues = Catalogues(PACKAGE / "locale")
    stationery = Stationery(
        brand=Brand(), base_url="http://localhost:8000", from_address="portico@example.org", catalogues=catalogues
    )
    page = await browser.new_page(reduced_motion="reduce")
    for sample in SAMPLES:
        kind = kind_of(sample).replace("_", "-")
        name = f"mail-{kind}" if f"mail-{kind}" not in names else f"mail-{kind}-{names.count(f'mail-{kind}') + 1}"
        if only not in name:
            continue
        names.append(name)
        letter = compose(sample, language, Brand(), "http://localhost:8000", catalogues)
        await page.set_content(stationery.html(letter))
        await _take(page, folder, name, language)
    await page.close()
    return names


async def _freeze_letter(route: Route) -> None:
    """The HTML of a mail runs no script, so what differs is overwritten on its way."""
    letter = await route.fetch()
    text = await letter.text()
    for pattern, replacement in _DIFFERS:
        text = pattern.sub(replacement, text)
    await route.fulfill(response=letter, body=text)


async def _take(page: Page, folder: Path, name: str, language: str) -> None:
    """Take the pictures of what a page shows now."""
    for look, size, scheme in LOOKS:
        await _look(page, size, scheme)
        height = await page.evaluate("Math.max(innerHeight, document.documentElement.scrollHeight)")
        # A frame is painted by a process of its own, once it is in the window.
        await _look(page, Size(size.width, min(LONGEST, height)), scheme)
        if await page.locator("iframe").count():
            await page.wait_for_timeout(FRAME_MS)
        picture = Image.open(io.BytesIO(await page.screenshot()))
        flat = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB")
        flat.save(folder / file_name(name, look, scheme, language), lossless=True, quality=100, method=6)


async def _look(page: Page, size: Size, scheme: Scheme) -> None:
    """Look at the page in one way."""
    await page.set_viewport_size({"width": size.width, "height": size.height})
    await page.emulate_media(color_scheme=scheme)
    await page.evaluate("document.fonts.ready")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
