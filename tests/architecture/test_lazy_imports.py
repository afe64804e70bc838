"""Imports stand at the top of a file, but for the few that decision 0004 names and gives a reason for."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import ROOT, Module, modules

DECISION = ROOT / "docs" / "decisions" / "0004-lazy-imports.md"
_ROW = re.compile(r"^\| `(portico[\w.]*)` \| `([\w.]+)` \| (.+) \|$", re.MULTILINE)


def named() -> set[tuple[str, str]]:
    """The pairs (importing module, imported module) the decision names."""
    rows = _ROW.findall(DECISION.read_text(encoding="utf-8"))
    return {(importer, imported) for importer, imported, _why in rows}


def imports_in_functions(module: Module) -> Iterator[tuple[str, int]]:
    """What a module imports elsewhere than at its top, and at which line; importing by a string counts too."""
    for function in ast.walk(module.tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module or "", node.lineno
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "__import__",
            "import_module",
            "importlib.import_module",
        }:
            yield ast.unparse(node), node.lineno


def test_imports_in_functions_are_named_in_the_decision() -> None:
    unnamed = [
        f"{module.name} imports {imported} at line {line}"
        for module in modules()
        for imported, line in imports_in_functions(module)
        if (module.name, imported) not in named()
    ]
    assert not unnamed, "move these to the top of their files:\n" + "\n".join(unnamed)


def test_the_decision_names_nothing_that_is_gone() -> None:
    found = {(module.name, imported) for module in modules() for imported, _line in imports_in_functions(module)}
    assert named() <= found, f"no longer imported in a function: {sorted(named() - found)}"
