"""Documents that are made from the code, or speak of it by name, say what is so."""

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from portico.cli import cli
from portico.settings import PREFIX, Settings, read_settings
from tests.architecture.source import PACKAGE, ROOT, shown
from tools.documents import documents, list_endpoints

DOCS = ROOT / "docs"
OPERATING = sorted((DOCS / "operating").glob("*.md"))
THREATS = DOCS / "threat-model.md"
_TEST = re.compile(r"`([a-z_]+/test_\w+\.py)(?:::(test_\w+))?`")
_SOURCE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*\.py)`")
_COMMAND = re.compile(r"portico (?:--\S+ )*([a-z][a-z-]+)")
_VARIABLE = re.compile(rf"{PREFIX}[A-Z_]+[A-Z]")
_NOT_SETTINGS = {"PORTICO_CONFIG", "PORTICO_VERIFY", "PORTICO_TEST_POSTGRES_URL"}


@pytest.fixture(scope="module")
def generated() -> dict[Path, bytes]:
    """What should stand in the generated documents."""
    return documents()


def commands() -> dict[str, Any]:
    """The commands of the command line, by name."""
    group: Any = typer.main.get_command(cli)
    return dict(group.commands)


def test_generated_documents_are_up_to_date(generated: dict[Path, bytes]) -> None:
    old = [shown(path) for path, content in generated.items() if not path.exists() or path.read_bytes() != content]
    assert not old, f"run make docs: {old}"


def test_generated_documents_are_the_same_every_time_and_everywhere(generated: dict[Path, bytes]) -> None:
    assert documents() == generated
    for path, content in generated.items():
        assert str(ROOT).encode() not in content, shown(path)
        assert os.uname().nodename.encode() not in content.split(), shown(path)


def test_every_setting_is_explained() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    for each in dataclasses.fields(Settings):
        row = re.search(rf"^\| `{each.name}` \| `{PREFIX}{each.name.upper()}` \| .+ \| .{{5,}} \|$", text, re.MULTILINE)
        assert row, each.name


def test_every_command_is_explained_and_used_in_a_guide() -> None:
    reference = (DOCS / "commands.md").read_text(encoding="utf-8")
    guides = "\n".join(path.read_text(encoding="utf-8") for path in [*OPERATING, ROOT / "README.md"])
    for name, command in commands().items():
        assert f"\n## portico {name}\n" in reference
        assert command.help, name
        assert re.search(rf"\b(portico|make) {name}\b", guides), f"no guide says when to use portico {name}"


def test_guides_name_only_commands_and_settings_that_exist() -> None:
    known = {PREFIX + each.name.upper() for each in dataclasses.fields(Settings)} | _NOT_SETTINGS
    deployed = [path for path in sorted((ROOT / "deploy").iterdir()) if path.is_file()]
    for path in [*OPERATING, *deployed, ROOT / "README.md", THREATS]:
        text = path.read_text(encoding="utf-8")
        unknown = set(_VARIABLE.findall(text)) - known
        assert not unknown, f"{shown(path)}: {unknown}"
        for line in re.findall(r"(?:^|/bin/|`)(portico [a-z-]+.*)", text, re.MULTILINE):
            found = _COMMAND.match(line)
            name = found[1] if found else ""
            assert name in commands(), f"{shown(path)}: {line}"


def test_every_page_is_in_the_documents() -> None:
    text = (DOCS / "access.md").read_text(encoding="utf-8")
    for endpoint in list_endpoints(is_development=True):
        assert re.search(rf"^\| {endpoint.method} \| `{re.escape(endpoint.path)}` \| .+ \| .+ \|$", text, re.MULTILINE)


def test_the_example_settings_can_be_read() -> None:
    settings = read_settings({}, file=ROOT / "deploy" / "portico.toml")
    assert settings.base_url.is_secure
    assert settings.trusted_proxies


@pytest.mark.parametrize("document", [THREATS, *OPERATING], ids=shown)
def test_tests_and_sources_that_are_named_are_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for file, test in _TEST.findall(text):
        path = ROOT / "tests" / file
        assert path.exists(), file
        assert not test or re.search(rf"\bdef {test}\(", path.read_text(encoding="utf-8")), f"{file}::{test}"
    for file in _SOURCE.findall(text):
        assert (ROOT / file).exists() or list(PACKAGE.rglob(file)) or (ROOT / "tests" / file).exists(), file


def test_every_row_of_the_standard_is_settled() -> None:
    """The rows of OWASP ASVS 5.0, chapters V6 to V10, counted from the standard's own tables."""
    rows = {"6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4}
    rows |= {"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2, "8.1": 4, "8.2": 4, "8.3": 3, "8.4": 2}
    settled: set[str] = set()
    for first, last in re.findall(
        r"^\| (\d+\.\d+\.\d+(?:, \d+\.\d+\.\d+)*)(?: to (\d+\.\d+\.\d+))? \|", text_of(THREATS), re.MULTILINE
    ):
        settled.update(span(first.rpartition(", ")[2], last) if last else first.split(", "))
    missing = [
        f"{section}.{n}"
        for section, count in rows.items()
        for n in range(1, count + 1)
        if f"{section}.{n}" not in settled
    ]
    assert not missing


def span(first: str, last: str) -> list[str]:
    """Every row from one to another of the same section."""
    section, _, start = first.rpartition(".")
    return [f"{section}.{number}" for number in range(int(start), int(last.rpartition(".")[2]) + 1)]


def text_of(path: Path) -> str:
    """A document's text."""
    return path.read_text(encoding="utf-8")
