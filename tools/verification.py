"""Writes docs/verification.md: what `make verify` has found, when, and for which commit.

    python tools/verification.py RESULTS    measures and writes, after tests that wrote RESULTS (JUnit's XML)

Without RESULTS it measures only and keeps what the document says about the tests.
"""

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from portico.kernel.clock import SystemClock

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "verification.md"
NEVER = "The full numbers have not been run yet.\n"

HEAD = """# Verification

What `make verify` found when it was last run: every test with its full numbers, then the figures. Written by
`tools/verification.py`; do not edit.

"""

FIGURES = """\
What the columns mean and how to repeat this with public tools: [bench](../bench/README.md). The goals were set on
another, slower machine, where a bare ASGI route reached 22,000 a second of one core; a ratio to it holds anywhere.
"""


def main(arguments: list[str]) -> int:
    """Measure, and write the document anew."""
    tests = tests_paragraph(Path(arguments[0])) if arguments else kept_paragraph()
    DOCUMENT.write_text(
        f"{HEAD}## Tests\n\n{tests}\n## Figures\n\n{stamp()}\n\n{FIGURES}\n{measured()}", encoding="utf-8"
    )
    print(f"written: {DOCUMENT.relative_to(ROOT)}")
    return 0


def tests_paragraph(results: Path) -> str:
    """How the tests went. They are our own file, so its XML is trusted."""
    suite = ET.parse(results).getroot().find("testsuite")  # noqa: S314
    if suite is None:
        raise SystemExit(f"{results} holds no results")
    minutes = float(suite.get("time", "0")) / 60
    failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
    told = f"{suite.get('tests')} tests in {minutes:.0f} minutes, {failed} failed, {suite.get('skipped')} skipped"
    return f"{stamp()} {told}.\n"


def kept_paragraph() -> str:
    """What the document says about the tests."""
    old = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    found = re.search(r"^## Tests\n\n(.*?)\n## ", old, re.DOTALL | re.MULTILINE)
    return found[1] if found else NEVER


def stamp() -> str:
    """When, and of what."""
    commit = said("git", "rev-parse", "--short=12", "HEAD")
    changed = " with changes" if said("git", "status", "--porcelain", "src") else ""
    return f"{SystemClock().now():%Y-%m-%d}, commit {commit}{changed}."


def measured() -> str:
    """The table of a run of the benchmarks."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.md"
        subprocess.run([sys.executable, "-m", "bench", "--markdown", str(table)], cwd=ROOT, check=True)
        return table.read_text(encoding="utf-8")


def said(*command: str) -> str:
    """What a program prints."""
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
