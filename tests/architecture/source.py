"""The source of Portico as these tests read it: its files, its modules, and which imports which."""

import ast
import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "portico"


@dataclass(frozen=True)
class Module:
    """One Python file below ``src``: its dotted name, and what is written in it."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether the file speaks for a folder."""
        return self.path.name == "__init__.py"


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every module of Portico, by name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Module(module_name(path), path, text, ast.parse(text, str(path))))
    return tuple(found)


def module_name(path: Path) -> str:
    """The dotted name of a file below ``src``."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def graph() -> grimp.ImportGraph:
    """Who imports whom, with other packages as single points; imports inside functions count like any other."""
    return grimp.build_graph("portico", include_external_packages=True, cache_dir=None)


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that is, or with the next commit could be, part of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in sorted(set(listed.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file())


def shown(path: Path) -> str:
    """A path as it is told to people: from the root of the project."""
    return path.relative_to(ROOT).as_posix()
