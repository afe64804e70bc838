"""The version in every footer: what people call it, and the number of the build. S12."""

import re
import tomllib
from pathlib import Path

import pytest

import portico
from portico.version import BUILD, SHOWN_VERSION, VERSION, read_build
from tests.architecture.source import ROOT


def test_the_version_is_shown_with_its_build() -> None:  # S12
    assert re.fullmatch(r"\d+\.\d+(\.[1-9]\d*)? \(\d+\)", SHOWN_VERSION)
    assert SHOWN_VERSION.endswith(f"({BUILD})")


@pytest.mark.parametrize(("written", "number"), [("412\n", 412), ("", 0), ("later", 0), ("-3", 0), ("é", 0)])
def test_a_build_number_that_makes_no_sense_is_0(tmp_path: Path, written: str, number: int) -> None:
    file = tmp_path / "_build.txt"
    file.write_text(written, encoding="utf-8")
    assert read_build(file) == number


def test_a_copy_nobody_built_is_0(tmp_path: Path) -> None:
    assert read_build(tmp_path / "_build.txt") == 0


def test_the_version_is_written_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "portico.version.VERSION"}
    assert getattr(portico, "__version__", VERSION) == VERSION
