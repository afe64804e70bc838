"""Writes the last column of docs/specification.md: which tests prove each number.

A test names the numbers it proves in a comment on its first line (``# S14, D5``) or at the start of its docstring.
``--check`` changes nothing and fails when the document is out of date or a number stands on one side only.
"""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "specification.md"
_NUMBER = re.compile(r"\b[SD]\d{1,3}\b")
_ROW = re.compile(r"^\| ([SD]\d+) \| (.*?) \| [^|]*\|$")


def named_numbers() -> dict[str, list[str]]:
    """Every number the tests name, with the tests that name it, as ``file::test``."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for number in _numbers(node, lines):
                    found[number].append(f"{path.relative_to(ROOT / 'tests')}::{node.name}")
    return found


def written(text: str, numbers: dict[str, list[str]]) -> str:
    """The document with its last column made anew."""
    return "\n".join(_row(line, numbers) for line in text.split("\n"))


def problems(text: str, numbers: dict[str, list[str]]) -> list[str]:
    """What is wrong with the document."""
    rows = [match[1] for match in map(_ROW.match, text.split("\n")) if match]
    found = [f"{number} stands twice" for number in sorted(set(rows)) if rows.count(number) > 1]
    found += [f"{number} has no test" for number in rows if not numbers.get(number)]
    found += [f"{number} is named by a test and has no row" for number in sorted(set(numbers) - set(rows))]
    if written(text, numbers) != text:
        found.append("docs/specification.md is out of date: run make docs")
    return found


def main() -> int:
    """Write, or check."""
    text, numbers = DOCUMENT.read_text(encoding="utf-8"), named_numbers()
    if "--check" not in sys.argv:
        text = written(text, numbers)
        DOCUMENT.write_text(text, encoding="utf-8")
    wrong = problems(text, numbers)
    for problem in wrong:
        print(problem)
    return 1 if wrong else 0


def _numbers(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> list[str]:
    """The numbers in the comments of a test's first lines, and in the first line of its docstring."""
    head = lines[node.lineno - 1 : node.body[0].lineno - 1] or [lines[node.lineno - 1]]
    comments = " ".join(line.partition("  # ")[2] for line in head)
    docstring = (ast.get_docstring(node) or "").partition("\n")[0]
    return list(dict.fromkeys(_NUMBER.findall(f"{comments} {docstring.partition(':')[0]}")))


def _row(line: str, numbers: dict[str, list[str]]) -> str:
    match = _ROW.match(line)
    if match is None:
        return line
    tests = "<br>".join(f"`{test}`" for test in numbers.get(match[1], []))
    return f"| {match[1]} | {match[2]} | {tests} |" if tests else f"| {match[1]} | {match[2]} | |"


if __name__ == "__main__":
    sys.exit(main())
