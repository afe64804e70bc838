"""Shows every page as people see it: renders the samples, serves them on loopback, and takes pictures.

    python -m tools.preview FOLDER                                  every page in every look
    python -m tools.preview FOLDER --only reset --look phone-dark   some of them
    python -m tools.preview FOLDER --check                          also asks axe what stands in people's way

Pictures need Debian's Chromium and Playwright (development dependencies); nothing is loaded from elsewhere.
"""

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from portico.kernel.brand import Brand
from portico.kernel.messages import PSEUDO
from portico.web.headers import CONTENT_SECURITY_POLICY
from tests.support.chromium import ARGUMENTS, DESKTOP, PHONE, PROGRAM, ZOOMED, Scheme, Size
from tests.support.page_samples import MAIL, PAGES, PageSample, make_assets, make_templates, render

AXE = "/axe.js"
"""Where axe is served beside the samples."""
_KEPT = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at a page."""

    name: str
    size: Size
    scheme: Scheme = "light"
    language: str = "en"
    forced_colors: bool = False
    has_script: bool = True

    @property
    def is_checkable(self) -> bool:
        """Whether axe can judge it: it is a script itself, and does not see the colours a system forces."""
        return self.has_script and not self.forced_colors


LOOKS = (
    Look("desktop-light", DESKTOP),
    Look("desktop-dark", DESKTOP, "dark"),
    Look("phone-light", PHONE),
    Look("phone-dark", PHONE, "dark"),
    Look("desktop-german", DESKTOP, language="de"),
    Look("phone-german", PHONE, language="de"),
    Look("phone-pseudo", PHONE, language=PSEUDO),
    Look("zoomed", ZOOMED, language="de"),
    Look("forced-colors", DESKTOP, "dark", forced_colors=True),
    Look("no-script", DESKTOP, has_script=False),
)


def main(arguments: list[str]) -> int:
    """Take the pictures that were asked for; 1 if axe found something serious."""
    asked = _parser().parse_args(arguments)
    samples = [sample for sample in PAGES if asked.only in sample.label]
    looks = [look for look in LOOKS if not asked.look or look.name in asked.look]
    asked.folder.mkdir(parents=True, exist_ok=True)
    brand = Brand(name=asked.brand, accent=asked.accent)
    found = 0
    with serving(brand) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        for look in looks:
            for sample, page in _pages(browser, address, look, samples):
                page.screenshot(path=asked.folder / f"{sample.label}-{look.name}.png", full_page=not asked.fold)
                if asked.check and look.is_checkable:
                    found += _report(f"{sample.label} {look.name}", page)
        browser.close()
    return 1 if found else 0


@contextmanager
def serving(brand: Brand) -> Iterator[str]:
    """The samples on a free port of loopback: ``/<language>/<label>``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(brand))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serious_findings(page: Page) -> list[str]:
    """What axe calls serious or critical on a page, in one line each, with the first element it names."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {violation['help']} ({violation['nodes'][0]['html'][:120]})"
        for violation in violations
        if violation["impact"] in {"serious", "critical"}
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="samples whose label contains this")
    parser.add_argument("--look", action="append", choices=[look.name for look in LOOKS])
    parser.add_argument("--fold", action="store_true", help="only what is seen without scrolling")
    parser.add_argument("--check", action="store_true", help="run axe on each page")
    parser.add_argument("--brand", default=Brand().name)
    parser.add_argument("--accent", default=Brand().accent)
    return parser


def _pages(browser: Browser, address: str, look: Look, samples: list[PageSample]) -> Iterator[tuple[PageSample, Page]]:
    """Each sample, open and looked at in one way."""
    context = browser.new_context(
        viewport={"width": look.size.width, "height": look.size.height},
        color_scheme=look.scheme,
        forced_colors="active" if look.forced_colors else "none",
        java_script_enabled=look.has_script,
        reduced_motion="reduce",
        device_scale_factor=look.size.scale,
    )
    page = context.new_page()
    page.on("console", lambda said: print(f"{look.name}: {said.text}"))
    for sample in samples:
        page.goto(f"{address}/{look.language}/{sample.label}", wait_until="load")
        yield sample, page
    context.close()


def _report(where: str, page: Page) -> int:
    findings = serious_findings(page)
    for finding in findings:
        print(f"{where}: {finding}")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        findings.append("wider than the window")
        print(f"{where}: the page is wider than the window")
    return len(findings)


def _handler(brand: Brand) -> type[BaseHTTPRequestHandler]:
    assets, templates = make_assets(brand), make_templates(brand)
    samples = {sample.label: sample for sample in PAGES}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asset = assets.find(self.path)
            if asset is not None:
                self._answer(asset.content, asset.content_type, CONTENT_SECURITY_POLICY, _KEPT)
            elif self.path == AXE:
                self._answer(AXE_SCRIPT.encode(), "text/javascript; charset=utf-8", CONTENT_SECURITY_POLICY, _KEPT)
            elif self.path == MAIL.html_address:
                self._answer(b"<!doctype html><title>Mail</title><p>A letter", "text/html", "default-src 'none'")
            else:
                _, language, label = self.path.split("/", 2)
                page = render(templates, samples[label], language).encode()
                self._answer(page, "text/html; charset=utf-8", f"{CONTENT_SECURITY_POLICY}; frame-src 'self'")

        def _answer(self, content: bytes, kind: str, policy: str, keep: str = "no-store") -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.send_header("content-security-policy", policy)
            self.send_header("cache-control", keep)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
