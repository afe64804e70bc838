"""The locks: every package pinned by hash, and nothing in them that ties them to one machine or one index."""

import re
import tomllib

import pytest

from tests.architecture.source import ROOT

LOCKS = ("run", "test", "build")
# An address, a folder, a link to look at, or a package named by where it lies.
_PLACE = re.compile(
    r"://|file:|(?<!requirements)/(?!requirements)\w|--(extra-)?index-url|--find-links|^-[fi]\b| @ ", re.MULTILINE
)
_PIN = re.compile(
    r"^([a-z0-9][a-z0-9._-]*)==(\S+)(?: ; .+?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def lock_text(name: str) -> str:
    """A lock as it is written."""
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    """The packages of a lock and their versions."""
    return {package: version for package, version, _hashes in _PIN.findall(lock_text(name))}


def normal(requirement: str) -> str:
    """The name in a requirement, as indexes compare names."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def asked(name: str) -> set[str]:
    """What ``requirements/<name>.in`` asks for."""
    lines = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return {normal(line) for line in lines if line and not line.startswith("#")}


def asked_by_the_server() -> set[str]:
    """What pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {normal(requirement) for requirement in project["dependencies"]}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place(name: str) -> None:
    assert [match[0] for match in _PLACE.finditer(lock_text(name))] == []


@pytest.mark.parametrize("name", LOCKS)
def test_everything_in_a_lock_is_pinned_with_hashes(name: str) -> None:
    requirements = [line for line in lock_text(name).splitlines() if line and line[0] not in " #"]
    assert requirements
    assert len(requirements) == len(pins(name))


def test_the_locks_hold_what_is_asked_for() -> None:
    assert asked_by_the_server() <= pins("run").keys()
    assert asked_by_the_server() | asked("test") <= pins("test").keys()
    assert asked("build") <= pins("build").keys()


def test_tests_run_with_the_versions_the_server_runs_with() -> None:
    run, tested = pins("run"), pins("test")
    assert run.items() <= tested.items()


def test_the_server_brings_no_test_tools() -> None:
    assert not asked("test") & pins("run").keys()
