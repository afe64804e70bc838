"""Takes the pictures in docs/screenshots: every page of a demo of its own, in light and dark, on a desktop and a phone.

    python -m tools.screenshots                writes docs/screenshots anew
    python -m tools.screenshots --to FOLDER     writes them elsewhere
    python -m tools.screenshots --only choose   some of them

The demo is served from a temporary folder; the pages are met on the walks of tests/support/tour.py. What differs from
one day to the next (instants, tokens, numbers of requests) is overwritten before a picture is taken. Pictures are
written with a palette, so that they stay small. Needs Debian's Chromium and Playwright; loads nothing from elsewhere.
"""

import argparse
import asyncio
import base64
import re
import struct
import sys
import tempfile
import zlib
from pathlib import Path

from playwright.async_api import Browser, Page, Route

from portico.development.people import PEOPLE
from tests.support.chromium import DESKTOP, PHONE, Scheme, Size, chromium
from tests.support.server import RunningServer, running_server
from tests.support.storytellers import BrowserTeller
from tests.support.tour import WALKS, Guests, Walk
from tests.support.town import Person

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screenshots"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SIZES = {"desktop": DESKTOP, "phone": PHONE}
IN_GERMAN = {"identify", "password-wrong", "choose", "reset-done", "my-account"}
LONGEST = 1300
"""How much of a long page is shown."""

FRAME_MS = 500
FAMILIAR = ("-empty", "-failed", "-missing", "-wrong", "-over", "-throttled")
"""Endings of the names of states that look much like the page they belong to."""

_BY_HANDLE = {
    one.handle: Person(one.first_name, one.last_name, one.address, one.handle, one.password) for one in PEOPLE
}
GUESTS = Guests(active=_BY_HANDLE["nora"], must_change=_BY_HANDLE["priya.raman"], disabled=_BY_HANDLE["tom.okafor"])

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

# A picture as at most 256 colours: the most frequent ones that differ enough, everything else as the nearest of them.
_REDUCE = """
async (png) => {
  const bytes = Uint8Array.from(atob(png), (character) => character.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const {data} = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const pixels = new Uint32Array(data.length / 4), counts = new Map();
  for (let at = 0; at < pixels.length; at++) {
    const colour = (data[4 * at] << 16) | (data[4 * at + 1] << 8) | data[4 * at + 2];
    pixels[at] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const far = (a, b) => Math.abs((a >> 16) - (b >> 16)) + Math.abs(((a >> 8) & 255) - ((b >> 8) & 255))
    + Math.abs((a & 255) - (b & 255));
  const frequent = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  let palette;
  for (let apart = 0; ; apart++) {
    palette = [];
    for (const colour of frequent) {
      if (palette.every((chosen) => far(chosen, colour) > apart)) palette.push(colour);
      if (palette.length > 256) break;
    }
    if (palette.length <= 256) break;
  }
  const nearest = new Map(frequent.map((colour) => [
    colour, palette.reduce((best, chosen, n) => (far(chosen, colour) < far(palette[best], colour) ? n : best), 0),
  ]));
  let text = "";
  for (let at = 0; at < pixels.length; at += 8192) {
    text += String.fromCharCode(...pixels.subarray(at, at + 8192).map((colour) => nearest.get(colour)));
  }
  return {width: bitmap.width, height: bitmap.height, palette, pixels: btoa(text)};
}
"""


def main(arguments: list[str]) -> int:
    """Take the pictures that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="FOLDER", help="where the pictures are written")
    parser.add_argument("--only", default="", help="pages whose name contains this")
    asked = parser.parse_args(arguments)
    asked.to.mkdir(parents=True, exist_ok=True)
    if not asked.only:
        for old in asked.to.glob("*.png"):
            old.unlink()
    written = asyncio.run(_take_all(asked.to, asked.only))
    print(
        f"{written} pictures, {sum(path.stat().st_size for path in asked.to.glob('*.png')) // 1024} KiB in {asked.to}"
    )
    return 0


async def _take_all(folder: Path, only: str) -> int:
    """Follow every walk in each language, on a fresh demo for each: walks change passwords."""
    written = 0
    async with chromium() as browser:
        for language in ("en", "de"):
            for walk in WALKS:
                with (
                    tempfile.TemporaryDirectory(prefix="portico-screenshots-") as data,
                    running_server(Path(data)) as server,
                ):
                    written += await _follow(browser, server, walk, language, folder, only)
    return written


async def _follow(browser: Browser, server: RunningServer, walk: Walk, language: str, folder: Path, only: str) -> int:
    """Take pictures at each stop of a walk."""
    written = 0
    context = await browser.new_context(base_url=server.base, locale=language, reduced_motion="reduce")
    await context.route("**/dev/mailbox/*/html", _freeze_letter)
    page, darkroom = await context.new_page(), await browser.new_page()
    await page.goto(f"/signin?language={language}")  # comes before the language of whoever signs in
    async for stop in walk(BrowserTeller(server.base, language, context, page, has_script=True), GUESTS):
        if only not in stop or (language != "en" and stop not in IN_GERMAN):
            continue
        await page.evaluate(_FREEZE, language)
        for size_name, scheme in _looks(stop, language):
            picture = await _take(page, darkroom, SIZES[size_name], scheme)
            suffix = "" if language == "en" else f"-{language}"
            (folder / f"{stop}-{size_name}-{scheme}{suffix}.png").write_bytes(picture)
            written += 1
        await _look(page, DESKTOP, "light")
    await darkroom.close()
    await context.close()
    return written


def _looks(stop: str, language: str) -> list[tuple[str, Scheme]]:
    """In which sizes and schemes a page is shown: all four, or two where it differs little from another page."""
    if language != "en":
        return [("desktop", "light"), ("phone", "light")]
    if stop.endswith(FAMILIAR):
        return [("desktop", "light"), ("phone", "dark")]
    return [(size, scheme) for size in SIZES for scheme in SCHEMES]


async def _freeze_letter(route: Route) -> None:
    """The HTML of a mail runs no script, so what differs is overwritten on its way."""
    letter = await route.fetch()
    text = await letter.text()
    for pattern, replacement in _DIFFERS:
        text = pattern.sub(replacement, text)
    await route.fulfill(response=letter, body=text)


async def _take(page: Page, darkroom: Page, size: Size, scheme: Scheme) -> bytes:
    """One picture, with a palette."""
    await _look(page, size, scheme)
    height = await page.evaluate("Math.max(innerHeight, document.documentElement.scrollHeight)")
    # A frame is painted by a process of its own, once it is in the window.
    await _look(page, Size(size.width, min(LONGEST, height)), scheme)
    if await page.locator("iframe").count():
        await page.wait_for_timeout(FRAME_MS)
    reduced = await darkroom.evaluate(_REDUCE, base64.b64encode(await page.screenshot()).decode())
    return encode_png(reduced["width"], reduced["height"], reduced["palette"], base64.b64decode(reduced["pixels"]))


async def _look(page: Page, size: Size, scheme: Scheme) -> None:
    """Look at the page in one way."""
    await page.set_viewport_size({"width": size.width, "height": size.height})
    await page.emulate_media(color_scheme=scheme)
    await page.evaluate("document.fonts.ready")


def encode_png(width: int, height: int, palette: list[int], pixels: bytes) -> bytes:
    """A PNG of one byte a pixel, each the number of a colour (PNG third edition, section 11)."""
    depth, row_bytes = 8, [pixels[row * width : (row + 1) * width] for row in range(height)]
    if len(palette) <= 16:
        depth, row_bytes = 4, [_packed(row) for row in row_bytes]
    rows = b"".join(b"\0" + row for row in row_bytes)  # no filter: neighbours in a palette are no neighbours in colour
    header = struct.pack(">IIBBBBB", width, height, depth, 3, 0, 0, 0)
    colours = b"".join(colour.to_bytes(3, "big") for colour in palette)
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _packed(row: bytes) -> bytes:
    """Two pixels to a byte."""
    even = row + b"\0" if len(row) % 2 else row
    return bytes(high << 4 | low for high, low in zip(even[::2], even[1::2], strict=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
