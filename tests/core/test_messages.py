"""Every sentence: in both languages, with the same values, in use, compiled; and how kernel/messages reads it."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, nodes

import portico
from portico.development.people import PEOPLE
from portico.factors.mailed_link import LinkState
from portico.factors.password_rules import PasswordPolicy, criteria
from portico.kernel import errors
from portico.kernel.messages import DEFAULT_LANGUAGE, PSEUDO, Catalogues, message, pseudo
from portico.signin.facts import ChangeReason
from portico.signin.steps import RefusedReason
from tools import catalogues as tool

PACKAGE = Path(portico.__file__).parent
CATALOGUES = Catalogues(PACKAGE / "locale")
ENTRIES = {language: tool.entries(tool.read_catalogue(language)) for language in tool.LANGUAGES}
CODES = frozenset(ENTRIES[DEFAULT_LANGUAGE])
CODE_FORM = re.compile(r"[a-z_]+(\.[a-z_0-9]+)+")
_CALLS = {"message", "Message", "Failure"}


def placeholders(language: str, code: str) -> list[set[str]]:
    """The names of the values in each form of a sentence."""
    forms = tool.forms_of(ENTRIES[language][code])
    return [{name for _, name, _, _ in string.Formatter().parse(form) if name is not None} for form in forms]


def template_expressions() -> Iterator[nodes.Node]:
    """Every node of every page's template."""
    environment = Environment(autoescape=True)
    for path in sorted((PACKAGE / "templates").rglob("*.html")):
        if "emails" not in path.parts:
            yield from environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Node)


def codes_in_templates() -> set[str]:
    """The codes that templates translate by name."""
    filters = (node for node in template_expressions() if isinstance(node, nodes.Filter) and node.name == "t")
    constants = (node.node.find_all(nodes.Const) for node in filters if isinstance(node.node, nodes.CondExpr))
    named = [node.value for group in constants for node in group]
    named += [
        node.node.value
        for node in template_expressions()
        if isinstance(node, nodes.Filter) and node.name == "t" and isinstance(node.node, nodes.Const)
    ]
    return {value for value in named if CODE_FORM.fullmatch(str(value))}


def prefixes_in_templates() -> set[str]:
    """The beginnings of codes that templates put together: ``("password.criterion." ~ code)|t``."""
    joined = (node for node in template_expressions() if isinstance(node, nodes.Concat))
    return {node.nodes[0].value for node in joined if isinstance(node.nodes[0], nodes.Const)}


def python_nodes() -> Iterator[ast.AST]:
    """Every node of every module."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def strings_in_python() -> set[str]:
    """Every text that stands in a module."""
    return {node.value for node in python_nodes() if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def prefixes_in_python() -> set[str]:
    """The constant beginnings of texts put together: ``f"signin.refused.{reason}"``."""
    joined = (node.values[0] for node in python_nodes() if isinstance(node, ast.JoinedStr) and node.values)
    return {str(first.value) for first in joined if isinstance(first, ast.Constant)}


def codes_in_python() -> set[str]:
    """The codes that modules make messages and failures of."""
    found = set()
    for node in python_nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
            given_codes = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "code")]
            found |= {code.value for code in given_codes if isinstance(code, ast.Constant)}
    return {str(code) for code in found if CODE_FORM.fullmatch(str(code))}


def test_both_languages_have_the_same_sentences() -> None:
    assert set(ENTRIES["de"]) == CODES
    assert set(CATALOGUES.languages()) == set(tool.LANGUAGES)


def test_a_sentence_takes_the_same_values_in_every_language() -> None:
    for code in CODES:
        assert set().union(*placeholders("en", code)) == set().union(*placeholders("de", code)), code
        assert isinstance(ENTRIES["en"][code].id, str) == isinstance(ENTRIES["de"][code].id, str), code


@pytest.mark.parametrize("language", tool.LANGUAGES)
def test_whatever_counts_has_a_plural_and_nothing_is_empty(language: str) -> None:
    for code, entry in ENTRIES[language].items():
        has_plural = not isinstance(entry.id, str)
        assert has_plural or "count" not in set().union(*placeholders(language, code)), code
        assert all(form.strip() == form and form for form in tool.forms_of(entry)), code
        assert "fuzzy" not in entry.flags, code


def test_what_the_server_reads_is_what_was_written() -> None:
    assert tool.main(["--check"]) == 0, "run tools/catalogues.py"


def test_every_code_in_use_has_a_sentence() -> None:
    assert codes_in_templates() - CODES == set()
    assert codes_in_python() - CODES == set()


def test_every_code_that_is_put_together_has_a_sentence() -> None:
    refused = [f"signin.refused.{reason}" for reason in RefusedReason]
    faults = [str(vars(kind)["code"]) for kind in vars(errors).values() if "code" in getattr(kind, "__dict__", {})]
    wanted = {
        *refused,
        *(f"{code}.next" for code in refused),
        *(f"signin.change_password.why.{reason}" for reason in ChangeReason),
        *(f"reset.link.{state}" for state in LinkState if state is not LinkState.LIVE),
        *(f"password.criterion.{criterion.code}" for criterion in criteria(PasswordPolicy())),
        *(person.about for person in PEOPLE),
        *(f"error.{code}" for code in faults),
        *(f"error.{code}.next" for code in faults),
    }
    assert wanted - CODES == set()


def test_no_sentence_is_there_for_nobody() -> None:
    used = codes_in_templates() | strings_in_python()
    prefixes = tuple(prefix for prefix in prefixes_in_templates() | prefixes_in_python() if "." in prefix)
    unused = {code for code in CODES - used if not code.startswith(prefixes)}
    assert unused == set()


@pytest.mark.parametrize("language", [*tool.LANGUAGES, PSEUDO])
def test_a_number_chooses_the_plural(language: str) -> None:
    one, two = (CATALOGUES.text(message("mail.reset_link.active", count=count), language) for count in (1, 2))
    assert one != two.replace("2", "1")
    assert "1" in one
    assert "2" in two


def test_an_unknown_language_is_read_as_english_and_an_unknown_code_shows_itself() -> None:
    assert CATALOGUES.text(message("menu.sign_out"), "xx") == CATALOGUES.text(message("menu.sign_out"), "en")
    assert CATALOGUES.pattern("no.such.code", "de") == "no.such.code"


@given(st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"])), st.text("abc", min_size=1))
def test_the_pseudo_language_keeps_what_is_filled_in(words: str, value: str) -> None:
    shown = pseudo(words + "{name}" + words).format_map({"name": value})
    assert shown.startswith("[")
    assert shown.endswith("]")
    assert value in shown
