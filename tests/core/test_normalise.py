"""When two spellings mean the same address, handle or password, and when they must not (D1)."""

import string
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portico.kernel.normalise import (
    ADDRESS_MAX,
    IDENTIFIER_MAX,
    LOCAL_PART_MAX,
    PASSWORD_MAX,
    address_key,
    handle_key,
    identifier_key,
    one_line,
    password_form,
    throttle_form,
)
from tests.support.amounts import FEWER

UPPER_ONLY = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
local_parts = st.text(string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~äöüßéñ日", min_size=1, max_size=20)
labels = st.text(string.ascii_letters + string.digits, min_size=1, max_size=12)
addresses = st.builds("{}@{}.{}".format, local_parts, labels, st.sampled_from(["example", "EXAMPLE", "co.example"]))
handles = st.builds(
    "{}{}".format, st.sampled_from(string.ascii_lowercase), st.text("abcxyz0189._-", min_size=2, max_size=29)
)
typed = st.text(max_size=60) | addresses | st.text(string.printable, max_size=40) | handles | handles.map(str.title)


@FEWER
@given(addresses)
def test_every_usual_address_has_a_key(address: str) -> None:  # D1
    assert address_key(address) is not None


@FEWER
@given(typed)
def test_a_key_is_its_own_key(text: str) -> None:  # D1
    for key_of in (address_key, handle_key, identifier_key):
        key = key_of(text)
        assert key is None or key_of(key) == key
    assert throttle_form(throttle_form(text)) == throttle_form(text)
    assert one_line(one_line(text)) == one_line(text)


@FEWER
@given(typed)
def test_a_key_can_be_stored_and_shown(text: str) -> None:  # D1
    key = identifier_key(text)
    assume(key is not None)
    assert key is not None
    assert len(key.encode()) <= ADDRESS_MAX
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in key)
    assert " " not in key
    assert key == unicodedata.normalize("NFC", key)


@FEWER
@given(typed)
def test_a_string_with_an_at_sign_is_only_ever_an_address(text: str) -> None:  # D1
    key = identifier_key(text)
    assert key is None or ("@" in key) == ("@" in text)
    assert identifier_key(text) == (address_key(text) if "@" in text else handle_key(text))
    assert handle_key(text) is None or "@" not in text


@FEWER
@given(addresses)
def test_case_of_a_to_z_does_not_matter_in_an_address(address: str) -> None:  # D1
    assert address_key(address.translate(UPPER_ONLY)) == address_key(address)


@FEWER
@given(handles)
def test_case_does_not_matter_in_a_handle(handle: str) -> None:  # D1
    assert handle_key(handle) == handle
    assert handle_key(handle.upper()) == handle


@FEWER
@given(typed)
def test_composed_and_decomposed_spellings_are_one(text: str) -> None:  # D1
    decomposed = unicodedata.normalize("NFD", text)
    assert identifier_key(decomposed) == identifier_key(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Nora@Example.COM", "nora@example.com"),
        ("NORA+Lists@example.com", "nora+lists@example.com"),
        ("n.o.r.a@example.com", "n.o.r.a@example.com"),
        ("  nora@example.com\t", "nora@example.com"),
        ("nora@ex\u00adample.com", "nora@example.com"),  # a soft hyphen, as copied from a printed page
        ("\ufeffnora@example.com\u200b", "nora@example.com"),
        ("Zoë@example.com", "zoë@example.com"),
        ("Zoe\u0308@example.com", "zoë@example.com"),
        ("ÄRZTIN@example.com", "Ärztin@example.com"),  # only A-Z lowered: Ä stays
        ("nora@Bücher.example", "nora@xn--bcher-kva.example"),
        ("nora@BU\u0308CHER.example", "nora@xn--bcher-kva.example"),
        ("nora@xn--bcher-kva.example", "nora@xn--bcher-kva.example"),
        ("nora@XN--BCHER-KVA.example", "nora@xn--bcher-kva.example"),
        ("nora@faß.example", "nora@xn--fa-hia.example"),  # UTS-46, non-transitional: ß is not ss
        ("nora@fass.example", "nora@fass.example"),
        ("nora@例え.テスト", "nora@xn--r8jz45g.xn--zckzah"),
        ("nora@例え。テスト", "nora@xn--r8jz45g.xn--zckzah"),  # UTS-46 maps the ideographic full stop
        ("nora@EXAMPLE.example", "nora@example.example"),
        ("nora@\uff45xample.example", "nora@example.example"),  # a full-width e
        ("o'neil&co=x/y@example.com", "o'neil&co=x/y@example.com"),
    ],
)
def test_spellings_of_an_address_have_this_key(text: str, key: str) -> None:  # D1
    assert address_key(text) == unicodedata.normalize("NFC", key)


LOOK_ALIKES = [
    ("nora@example.com", "nоra@example.com"),  # noqa: RUF001 - a Cyrillic o
    ("nora@example.com", "nora@exаmple.com"),  # noqa: RUF001 - a Cyrillic a
    ("nora@example.com", "nora+a@example.com"),
    ("nora@example.com", "n.ora@example.com"),
    ("paypal@example.com", "paypaI@example.com"),
    ("zoe@example.com", "zoë@example.com"),
    ("strasse@example.com", "straße@example.com"),
    ("ﬁn@example.com", "fin@example.com"),  # a ligature
    ("ı@example.com", "i@example.com"),  # noqa: RUF001 - a Turkish dotless i
    ("nora@faß.example", "nora@fass.example"),
    ("nora@example.com", "nora@example.org"),
    ("nora@mail.example.com", "nora@example.com"),
    ("1@example.com", "l@example.com"),
    ("①@example.com", "1@example.com"),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_look_alikes_are_not_merged(one: str, other: str) -> None:  # D1
    assert address_key(one) is not None
    assert address_key(one) != address_key(other)


def test_what_unicode_says_is_the_same_letter_is_the_same_letter() -> None:  # D1
    """The Kelvin sign is K by canonical equivalence, so NFC makes them one."""
    assert address_key("\u212a@example.com") == address_key("K@example.com") == "k@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "nora",
        "nora@",
        "@example.com",
        "nora@localhost",
        "nora@example",
        "nora@.example.com",
        "nora@example..com",
        "nora@-example.com",
        "nora@exa_mple.com",
        "nora@exa mple.com",
        "nora@example.com/x",
        "nora@[127.0.0.1]",
        "nora@xn--\u00fc.example",
        "nora@xn--a.example",
        "nora@\u200d.example",
        "a@b@example.com",
        ".nora@example.com",
        "nora.@example.com",
        "no..ra@example.com",
        "no ra@example.com",
        '"nora"@example.com',
        "nora<x>@example.com",
        "nora,tom@example.com",
        "nora;tom@example.com",
        "nora(x)@example.com",
        "no\\ra@example.com",
        "nora:x@example.com",
        "mailto:nora@example.com",
        "n" * (LOCAL_PART_MAX + 1) + "@example.com",
        "ä" * (LOCAL_PART_MAX // 2 + 1) + "@example.com",
        "nora@" + "e" * 64 + ".example",
        "nora@" + ".".join(["e" * 60] * 5),
    ],
)
def test_what_no_mail_can_be_sent_to_has_no_key(text: str) -> None:  # D1
    assert address_key(text) is None


def test_the_longest_address_has_a_key() -> None:  # D1
    local = "n" * LOCAL_PART_MAX
    host = ".".join(["e" * 60, "e" * 60, "e" * 60, "e" * (ADDRESS_MAX - LOCAL_PART_MAX - 1 - 183)])
    assert len(f"{local}@{host}") == ADDRESS_MAX
    assert address_key(f"{local}@{host}") == f"{local}@{host}"
    assert address_key(f"{local}@{host}e") is None


@FEWER
@given(local=local_parts, bad=st.sampled_from(["\0", "\x01", "\x1f", "\x7f", "\x85", "\u200b", "\u202e", "\ud800"]))
def test_control_and_formatting_characters_are_not_part_of_any_key(local: str, bad: str) -> None:  # D1
    """They cannot be seen, so they must not make another person of somebody."""
    key = address_key(f"{local[:3]}{bad}{local[3:]}@example.com")
    if bad.isspace():
        assert key is None or key == address_key(f"{local}@example.com")
    else:
        assert key == address_key(f"{local}@example.com")


@pytest.mark.parametrize(
    "text", ["a\r\nBcc: tom@example.com", "nora@example.com\r\nBcc: tom@example.com", "a\nb@example.com"]
)
def test_a_line_break_never_makes_a_second_recipient(text: str) -> None:
    assert address_key(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "a", "ab", "1ab", ".ab", "-ab", "_ab", "a" * 31, "a b", "norä", "n\u043era", "a@b", "a\0 bc", "a/b"],
)
def test_what_cannot_be_a_handle_has_no_key(text: str) -> None:  # D1
    assert handle_key(text) is None


@pytest.mark.parametrize("text", ["abc", "a" * 30, "nora.lind", "n-1_2", " Nora ", "\u200bnora"])
def test_what_can_be_a_handle_has_one(text: str) -> None:  # D1
    assert handle_key(text) == one_line(text).lower()


@FEWER
@given(typed)
def test_tries_are_counted_under_the_same_form_for_all_spellings(text: str) -> None:  # D20
    form = throttle_form(text)
    assert throttle_form(f"  {text}\t") == form
    key = identifier_key(text)
    assert key is None or form == key


@FEWER
@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert line == line.strip()
    assert "  " not in line
    assert not set(line) & set("\r\n\0\x85\u2028\u2029\u202e\ud800")
    assert len(line.splitlines()) <= 1
    line.encode()


@FEWER
@given(st.text(max_size=PASSWORD_MAX))
def test_a_password_is_brought_into_nfc_and_nothing_else(password: str) -> None:  # D1
    form = password_form(password)
    normal = unicodedata.normalize("NFC", password)
    has_surrogates = any("\ud800" <= character <= "\udfff" for character in password)
    if has_surrogates or len(normal) > PASSWORD_MAX:
        assert form is None
    else:
        assert form == normal
        assert password_form(form) == form


@pytest.mark.parametrize(
    "password", [" ", "  leading and trailing  ", "\t\n", "\0", "a\0b", "a\tb", "\u200b", "\u202e", "\U0001f511", "é"]
)
def test_a_password_is_never_trimmed_or_folded(password: str) -> None:  # D1
    assert password_form(password) == password
    assert password_form("Password") != password_form("password")


def test_a_password_typed_on_either_keyboard_is_the_same() -> None:  # D1
    assert password_form("Zoe\u0308-pass") == password_form("Zoë-pass")
    assert password_form("①②③") == "①②③", "compatibility is not equality"


def test_a_password_of_256_characters_is_taken_and_one_more_is_not() -> None:  # D1
    assert password_form("a" * PASSWORD_MAX) == "a" * PASSWORD_MAX
    assert password_form("a" * (PASSWORD_MAX + 1)) is None
    assert password_form("\U0001f511" * PASSWORD_MAX) is not None
    assert password_form("a" * 1_000_000) is None
    # U+FB2C becomes three characters in NFC: what is hashed may not be longer than what is allowed
    assert password_form("\ufb2c" * PASSWORD_MAX) is None
    assert password_form("\ufb2c" * (PASSWORD_MAX // 3)) is not None


@pytest.mark.parametrize("password", ["\ud800", "abc\udfff", "\udc80\udc81"])
def test_a_password_that_cannot_be_written_is_none(password: str) -> None:  # D1
    assert password_form(password) is None


def test_the_limits_stand_in_the_order_that_keeps_any_address_typable() -> None:
    assert IDENTIFIER_MAX > ADDRESS_MAX > LOCAL_PART_MAX


def test_a_key_stays_a_key_when_something_invisible_kept_an_accent_apart() -> None:  # D1
    typed = "e\u00ad\u0301x@example.org"
    assert address_key(typed) == address_key(one_line(typed)) == "\u00e9x@example.org"


def test_a_domain_with_a_dot_at_its_end_is_no_second_spelling() -> None:  # D1
    assert address_key("nora@example.org.") is None
