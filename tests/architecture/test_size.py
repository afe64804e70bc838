"""Files and functions stay short enough to be read in one go, and every module says what it owns."""

import ast

from tests.architecture.source import PACKAGE, modules, shown, tracked_files

FILE_LINES = 400
FUNCTION_LINES = 50
WRITTEN_BY_HAND = {".css", ".html", ".js", ".py", ".sql"}

EXCEPTIONS: dict[str, str] = {
    "src/portico/database/snapshot.sql": "the whole schema in one piece, to be read beside a database",
}
"""What may be longer, and why: a path, or a path and a function (``src/portico/x.py::f``), with the reason."""


def test_no_file_is_too_long() -> None:
    long = [
        f"{shown(path)} has {lines} lines"
        for path in tracked_files()
        if path.is_relative_to(PACKAGE) and path.suffix in WRITTEN_BY_HAND and shown(path) not in EXCEPTIONS
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES
    ]
    assert not long, f"split what grows past {FILE_LINES} lines:\n" + "\n".join(long)


def test_no_function_is_too_long() -> None:
    long = []
    for module in modules():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.end_lineno is None:
                continue
            name, lines = f"{shown(module.path)}::{node.name}", node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES and name not in EXCEPTIONS:
                long.append(f"{name} has {lines} lines")
    assert not long, f"split what grows past {FUNCTION_LINES} lines:\n" + "\n".join(long)


def test_every_module_says_what_it_owns() -> None:
    silent = [shown(module.path) for module in modules() if not ast.get_docstring(module.tree)]
    assert not silent, f"modules without a docstring: {silent}"


def test_exceptions_have_a_reason_and_are_still_there() -> None:
    there = {shown(path) for path in tracked_files()}
    for name, reason in EXCEPTIONS.items():
        assert name.split("::")[0] in there
        assert reason.strip()
