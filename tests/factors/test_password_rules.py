"""What a new password must be (S33, D3; the preset classic)."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.factors.password_rules import PasswordPolicy, criteria, unmet_criteria
from portico.kernel.normalise import PASSWORD_MAX

CLASSIC = PasswordPolicy()
NIST = PasswordPolicy(min_length=15, composition=False)


def test_classic_asks_for_eight_characters_of_four_kinds() -> None:  # S33, D2
    assert [(each.code, each.count) for each in criteria(CLASSIC)] == [
        ("length", 8),
        ("upper", 1),
        ("lower", 1),
        ("digit", 1),
        ("symbol", 1),
    ]


def test_nist_asks_for_length_alone() -> None:  # D2
    assert [(each.code, each.count) for each in criteria(NIST)] == [("length", 15)]
    assert unmet_criteria(NIST, "fourteen chars") == ("length",)
    assert unmet_criteria(NIST, "fifteen  chars.") == ()


@pytest.mark.parametrize(
    ("password", "unmet"),
    [
        ("Abcdef1!", ""),
        ("Abcdef1 ", ""),  # a space is a character like any other
        ("Abcdef1é", ""),  # "English" letters are meant: any other is another character
        ("Abcdef1ß", ""),
        ("Ábcdef1!", "upper"),
        ("ABCDEF1é", "lower"),
        ("Abcdefg!", "digit"),
        ("Abcdef\u0661!", "digit"),  # an Arabic one
        ("Abcdef①!", "digit"),
        ("Abcdefg1", "symbol"),
        ("Abcde1!", "length"),
        ("abcdef1!", "upper"),
        ("ABCDEF1!", "lower"),
        ("", "length upper lower digit symbol"),
        ("        ", "upper lower digit"),
        ("\U0001f511" * 8, "upper lower digit"),
        ("Ab1!\U0001f511\U0001f511\U0001f511\U0001f511", ""),
        ("Ab1!\U0001f511\U0001f511\U0001f511", "length"),
        ("Ab1!\0\0\0\0", ""),
        ("Abcdef1_", ""),
        ("Abcdef1@", ""),
        ("Abcdef1#", ""),
        ("Abcdef1$", ""),
        ("Abcdef1&", ""),
    ],
)
def test_each_password_is_told_what_it_lacks(password: str, unmet: str) -> None:  # S33
    assert unmet_criteria(CLASSIC, password) == tuple(unmet.split())


def test_length_is_counted_in_composed_characters() -> None:  # D1
    assert unmet_criteria(CLASSIC, "Ab1!e\u0301e\u0301e\u0301") == ("length",)
    assert unmet_criteria(CLASSIC, "Ab1!e\u0301e\u0301e\u0301e\u0301") == ()


@pytest.mark.parametrize("policy", [CLASSIC, NIST])
def test_what_is_too_long_or_cannot_be_written_is_told_alone(policy: PasswordPolicy) -> None:  # D1
    assert unmet_criteria(policy, "Aa1!" * 64) == ()
    assert unmet_criteria(policy, "Aa1!" * 64 + "x") == ("too_long",)
    assert unmet_criteria(policy, "x" * 1_000_000) == ("too_long",)
    assert unmet_criteria(policy, "Abcdefghijklmno1!\ud800") == ("unwritable",)


policies = st.builds(PasswordPolicy, min_length=st.integers(1, 64), composition=st.booleans())
passwords = st.text(max_size=PASSWORD_MAX) | st.text(string.printable, max_size=40)


@given(policies, passwords)
def test_only_what_is_asked_can_be_unmet_and_each_thing_once(policy: PasswordPolicy, password: str) -> None:
    unmet = unmet_criteria(policy, password)
    asked = [each.code for each in criteria(policy)]
    assert unmet in {("too_long",), ("unwritable",)} or list(unmet) == [code for code in asked if code in unmet]


@given(policies, st.text(string.printable, max_size=40), st.text(string.printable, max_size=20))
def test_more_characters_never_lack_more(policy: PasswordPolicy, password: str, more: str) -> None:  # D3
    """Or a criterion would be unticked while one types on."""
    assert set(unmet_criteria(policy, password + more)) <= set(unmet_criteria(policy, password))


@given(policies, st.text(string.printable, max_size=40))
def test_a_stricter_policy_never_takes_what_a_milder_one_refuses(policy: PasswordPolicy, password: str) -> None:
    stricter = PasswordPolicy(min_length=policy.min_length + 1, composition=True)
    assert set(unmet_criteria(policy, password)) <= set(unmet_criteria(stricter, password))
