"""Every behaviour that is built has its row in docs/specification.md and a test that names it."""

from tools.specification import DOCUMENT, named_numbers, problems


def test_every_number_has_a_row_and_a_test() -> None:
    assert problems(DOCUMENT.read_text(encoding="utf-8"), named_numbers()) == []
