"""Which language a page is in: RFC 9110 section 12.5.4 and the Lookup of RFC 4647 section 3.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.kernel.messages import PSEUDO
from portico.web.language import MAX_HEADER, find_language, negotiate_language, offered_languages

AVAILABLE = ("en", "de")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH-1996", "de"),
        ("DE-at", "de"),
        ("fr, de;q=0.9, en;q=0.8", "de"),
        ("en;q=0.1, de;q=0.2", "de"),
        ("de;q=0, *", "en"),
        ("en;q=0, *;q=0.5", "de"),
        ("*", "en"),
        ("fr", "en"),
        ("de;q=0", "en"),
        ("de; Q = 0.5", "de"),
        ("de;q=1.5, en", "en"),
        ("de;q=abc, en", "en"),
        (";;,,=, de", "de"),
        ("-de, de-", "de"),
        (PSEUDO, "en"),
    ],
)
def test_the_header_is_read_by_its_standard(header: str, language: str) -> None:
    assert negotiate_language(AVAILABLE, accept_language=header, allows_pseudo=True) == language


@pytest.mark.parametrize(
    ("chosen", "language"),
    [("de", "de"), ("de-CH", "de"), ("", "en"), ("fr", "en"), ("../de", "en"), ("d" * 999, "en")],
)
def test_what_a_person_picks_comes_before_the_header(chosen: str, language: str) -> None:
    assert negotiate_language(AVAILABLE, chosen=chosen, accept_language="en") == language


def test_the_pseudo_language_is_there_only_where_allowed() -> None:
    assert offered_languages(AVAILABLE, allows_pseudo=False) == AVAILABLE
    assert offered_languages(AVAILABLE, allows_pseudo=True) == (*AVAILABLE, PSEUDO)
    assert negotiate_language(AVAILABLE, chosen=PSEUDO, allows_pseudo=True) == PSEUDO
    assert negotiate_language(AVAILABLE, chosen=PSEUDO, allows_pseudo=False) == "en"


def test_lookup_drops_a_subtag_of_one_letter_with_the_one_after_it() -> None:
    assert find_language(("zh-Hant", "zh"), "zh-Hant-x-private") == "zh-Hant"
    assert find_language(("zh-Hant-x",), "zh-Hant-x-private") is None


@given(st.text(max_size=2 * MAX_HEADER), st.text(max_size=200))
def test_any_header_gives_a_language_we_have(header: str, chosen: str) -> None:
    assert negotiate_language(AVAILABLE, chosen=chosen, accept_language=header) in AVAILABLE
