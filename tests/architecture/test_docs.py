"""The documents: links lead somewhere, decisions are numbered, and every dependency has its reason and licence."""

import re
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, shown, tracked_files
from tests.architecture.test_locks import asked, asked_by_the_server

DECISIONS = ROOT / "docs" / "decisions"
PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-CMU", "MPL-2.0"}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_DEPENDENCY = re.compile(r"^\| ([a-z][\w-]*) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def documents() -> list[Path]:
    """Every document in the project."""
    return [path for path in tracked_files() if path.suffix == ".md"]


def anchors(document: Path) -> set[str]:
    """The names under which the headings of a document can be linked to."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall(document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name) if name else document
        assert target.exists(), f"{shown(document)} links to {link}"
        assert not anchor or anchor in anchors(target), f"{shown(document)} links to {link}"


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name.split("-")[0]) for path in sorted(DECISIONS.glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_decision_says_what_it_costs() -> None:
    for path in sorted(DECISIONS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        number = path.name.split("-")[0]
        assert text.startswith(f"# {number}. "), shown(path)
        for heading in ("## Why", "## What we decided", "## What follows"):
            assert f"\n{heading}\n" in text, f"{shown(path)} lacks {heading}"


def test_every_dependency_has_a_reason_and_a_licence() -> None:
    rows = _DEPENDENCY.findall((DECISIONS / "0002-dependencies.md").read_text(encoding="utf-8"))
    named = {name: licence for name, licence, _reason in rows if name != "package"}
    wanted = asked_by_the_server() | asked("test") | asked("build")
    assert named.keys() == wanted
    for name, licence in named.items():
        assert set(re.split(r" (?:OR|AND) ", licence)) <= PERMISSIVE, f"{name}: {licence}"
