"""The floors of the house: who may import whom. Read docs/architecture.md first; this is what keeps it true."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.floors import FEATURES, Floor, feature_of, floor_of
from tests.architecture.source import ROOT, SOURCE, graph, modules

# What a core module may take from the standard library is everything but what talks to the world outside.
WORLD = frozenset(
    "asyncio concurrent http logging multiprocessing os pathlib queue random secrets select selectors shutil signal "
    "smtplib socket socketserver sqlite3 ssl subprocess tempfile threading time urllib".split()
)

# Other people's packages have one home each, so that replacing one touches one folder.
HOMES = {
    "aiosmtplib": ("portico.mail",),
    "alembic": ("portico.database",),
    "asyncpg": ("portico.database",),
    "bcrypt": ("portico.factors",),
    "cryptography": ("portico.kernel", "portico.factors"),
    "dns": ("portico.organizations",),
    "httpx": ("portico.factors",),
    "idna": ("portico.kernel",),
    "jinja2": ("portico.web", "portico.mail"),
    "nacl": ("portico.factors",),
    "pyotp": ("portico.factors",),
    "segno": ("portico.web",),
    "sqlalchemy": ("portico.database",),
    "sqlite3": ("portico.database",),
    "typer": (
        "portico.accounts_cli",
        "portico.audit_cli",
        "portico.cli",
        "portico.invitations_cli",
        "portico.keys_cli",
        "portico.organizations_cli",
        "portico.passwords_cli",
        "portico.policies_cli",
        "portico.reminders_cli",
        "portico.terminal",
        "portico.__main__",
    ),
    "uvicorn": ("portico.server",),
    "webauthn": ("portico.factors",),
}


def imports() -> Iterator[tuple[str, str]]:
    """Every pair (importer, imported) among Portico's own modules."""
    for importer in sorted(graph().modules):
        if importer.startswith("portico."):
            for imported in sorted(graph().find_modules_directly_imported_by(importer)):
                if imported.startswith("portico."):
                    yield importer, imported


def imported_roots(importer: str) -> set[str]:
    """The packages outside Portico that a module imports, the standard library's among them."""
    found = graph().find_modules_directly_imported_by(importer)
    return {name.split(".")[0] for name in found if not name.startswith("portico")}


def test_imports_keep_the_order_of_the_features() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    told = subprocess.run(
        [linter, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "NO_COLOR": "1"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_no_module_imports_from_a_floor_above() -> None:
    upward = []
    for importer, imported in imports():
        above, below = floor_of(importer), floor_of(imported)
        if above is not None and below is not None and below > above:
            upward.append(f"{importer} ({above.name}) imports {imported} ({below.name})")
    assert not upward, "\n".join(upward)


def test_only_doors_and_the_top_import_web() -> None:
    strangers = [
        f"{importer} imports {imported}"
        for importer, imported in imports()
        if imported.startswith("portico.web") and (floor := floor_of(importer)) is not None and floor < Floor.DOOR
    ]
    assert not strangers, "\n".join(strangers)


def test_a_store_is_imported_by_its_own_feature_and_the_app_only() -> None:
    strangers = [
        f"{importer} imports {imported}"
        for importer, imported in imports()
        if floor_of(imported) is Floor.STORE
        and importer != "portico.app"
        and feature_of(importer) != feature_of(imported)
    ]
    assert not strangers, "\n".join(strangers)


def test_the_core_is_pure() -> None:
    impure = []
    for module in modules():
        if floor_of(module.name) is not Floor.CORE:
            continue
        allowed = (set(sys.stdlib_module_names) - WORLD) | {"msgspec"}
        impure += [f"{module.name} imports {root}" for root in sorted(imported_roots(module.name) - allowed)]
        impure += [
            f"{module.name} is asynchronous at line {node.lineno}"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await)
        ]
    assert not impure, "\n".join(impure)


def test_the_kernel_needs_only_the_standard_library_and_two_packages() -> None:
    allowed = sys.stdlib_module_names | {"cryptography", "idna"}
    foreign = [
        f"{module} imports {root}"
        for module in sorted(graph().modules)
        if module.startswith("portico.kernel")
        for root in sorted(imported_roots(module) - allowed)
    ]
    assert not foreign, "\n".join(foreign)


@pytest.mark.parametrize("package", sorted(HOMES))
def test_other_peoples_packages_stay_at_home(package: str) -> None:
    if package not in graph().modules:
        return  # nobody imports it yet
    strangers = [
        importer
        for importer in sorted(graph().find_modules_that_directly_import(package))
        if not any(importer == home or importer.startswith(f"{home}.") for home in HOMES[package])
    ]
    assert not strangers, f"{package} belongs to {HOMES[package]}, but these import it: {strangers}"


def test_the_file_of_a_package_imports_nothing() -> None:
    # Else importing one module of a feature would bring in others, and the floors would mean nothing.
    busy = [
        f"{module.name} at line {node.lineno}"
        for module in modules()
        if module.is_package
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not busy, "\n".join(busy)


def test_floors_are_told_by_name() -> None:
    assert [floor_of(f"portico.{name}") for name in ("kernel.clock", "signin.rules", "database.sqlite")] == [0, 1, 2]
    assert [floor_of(f"portico.{name}") for name in ("mail.outbox", "factors.password", "signin.api")] == [3, 4, 5]
    assert [floor_of(f"portico.{name}") for name in ("jobs.sweeping", "app", "something_new")] == [5, 6, 6]
    assert floor_of("portico.signin.reset_pages") is Floor.DOOR
    assert floor_of("portico.web.cookies") is None
    assert feature_of("portico.signin.grants.refresh") == "signin"
    assert feature_of("portico.kernel") is None


def test_the_order_is_the_same_for_the_linter_and_for_these_tests() -> None:
    written = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    places = [written.index(f'"({feature})"') for feature in FEATURES]
    assert places == sorted(places, reverse=True)
