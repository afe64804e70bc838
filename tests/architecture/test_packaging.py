"""The package and its surroundings: what is built holds what the server reads, and every verb is told."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.architecture.source import PACKAGE, ROOT, SOURCE, tracked_files


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(SOURCE, copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    told = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, copy],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    expected = {path.relative_to(SOURCE).as_posix() for path in tracked_files() if path.is_relative_to(PACKAGE)}
    assert expected <= packed, f"left out of the wheel: {sorted(expected - packed)}"


def test_make_alone_tells_every_verb() -> None:
    told = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for verb in phony.split():
        assert re.search(rf"^  make {verb} +\S", told, re.MULTILINE), f"make does not tell what {verb} does"


def test_every_proposed_change_passes_make_test() -> None:
    commands = [line for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert commands == ["set -eu", 'cd "$(dirname "$0")/.."', "make test"]
