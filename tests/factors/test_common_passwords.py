"""Common passwords are refused in every thin disguise, and several words together never are (D2)."""

import itertools
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portico.development.people import PEOPLE
from portico.factors.common_passwords import DECORATION_MAX, LIST, STEM_MAX, CommonPasswords
from portico.factors.spelling import count_runs, fold, readings, run_counts, shortest_period
from tests.support.world import NEW_PASSWORD, PASSWORD
from tools import common_passwords as tool

COMMON = CommonPasswords()
ENTRIES = LIST.read_text(encoding="utf-8").partition("\n\n")[2].split()
LONG = [entry for entry in ENTRIES if len(entry) >= 4]
DECORATED = [entry for entry in LONG if any(each.isalpha() for each in entry)]
FEWER = settings(max_examples=300)
PLAIN = [entry for entry in LONG if not set(entry) & set("0134570@$!")]
WORDS = "harbour lamp window maple bridge copper orchard silver cloud river garden stone candle feather".split()


def test_the_list_is_what_its_package_has() -> None:  # D2
    assert tool.main(["--check"]) == 0, "run tools/common_passwords.py"
    assert len(ENTRIES) == 30_000
    assert max(map(len, ENTRIES)) < STEM_MAX


def test_the_list_is_credited() -> None:
    head = LIST.read_text(encoding="utf-8").partition("\n\n")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    assert "MIT License" in head
    assert "Copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc." in head


def test_every_entry_is_found_and_what_stands_between_two_is_not() -> None:  # D2
    assert all(map(COMMON.is_listed, ENTRIES))
    listed = set(ENTRIES)
    assert not any(COMMON.is_listed(entry + "\x01") for entry in ENTRIES[::100])
    assert not any(COMMON.is_listed(entry[:-1]) for entry in ENTRIES[::100] if entry[:-1] not in listed)
    assert not any(map(COMMON.is_listed, ["", "#", "# Common passwords.", "\x00", "\U0010ffff", "x" * 256]))


@pytest.mark.parametrize(
    "password",
    """password Password1! PASSWORD p@ssw0rd P@ssw0rd! p455w0rd Pa$$w0rd2024 passw0rd!! !!password!! 2024-Password
    Summer2024! Sommer2024! Qwertz123! Copper-19 Dragon123456789!!! iloveyou!! 1l0veyou! !loveyou1 Letme1n! l3tm31n--
    Aa123456! PasswordPassword1! password-password p.a.s.s.w.o.r.d!! Abcdefgh1234! 1234567890123456 aaaaaaaaaaaaaaa
    QWERTYUIOPqwertyuiop Football_7 (monkey)9 ÇOPPER-84""".split(),
)
def test_a_common_password_is_refused_in_disguise(password: str) -> None:  # D2
    assert COMMON.is_common(password)
    assert COMMON.is_common("".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in password))


def test_spaces_around_and_within_are_no_disguise() -> None:  # D2
    assert all(map(COMMON.is_common, ["  password  ", "pass word 1!", "p a s s w o r d"]))


GOOD = {
    PASSWORD, NEW_PASSWORD, *(person.password for person in PEOPLE if person.password),
    "Harbour-Lamp-27", "Maple-Window-84", "Copper-Bridge-19", "Silver-Orchard-63", "Hafen-Lampe-27",
    "correct horse battery staple", "Dragon+9471638205713", "passwords are a nuisance", "Kx7#mQ2!vLp9",
    "password-summer-dragon-monkey", "9471638205713062", "Aa1!" * 64, "Blåbär-Tårta-5",
}  # fmt: skip


@pytest.mark.parametrize("password", sorted(GOOD))
def test_good_passwords_stay_good(password: str) -> None:  # D2
    assert not COMMON.is_common(password)


@FEWER
@given(
    st.sampled_from(DECORATED),
    st.text("0123456789!?.-_", max_size=3),
    st.text("0123456789!?.-_", max_size=3),
)
def test_capitals_and_decoration_change_nothing(entry: str, before: str, after: str) -> None:  # D2
    capitals = "".join(each.upper() if index % 3 == 0 else each for index, each in enumerate(entry))
    assert COMMON.is_common(before + capitals + after)


@FEWER
@given(st.sampled_from(PLAIN), st.integers(0, 2**20 - 1))
def test_look_alikes_change_nothing(entry: str, swapped: int) -> None:  # D2
    figures = {"o": "0", "e": "3", "a": "@", "s": "$", "t": "7", "i": "!"}
    disguised = "".join(figures.get(each, each) if swapped >> at & 1 else each for at, each in enumerate(entry))
    assert COMMON.is_common(disguised)


@FEWER
@given(st.lists(st.sampled_from(WORDS), min_size=3, max_size=6, unique=True), st.sampled_from(["-", " ", ".", ""]))
def test_a_passphrase_is_never_refused(words: list[str], between: str) -> None:  # D2
    assert not COMMON.is_common(between.join(words))


@FEWER
@given(
    st.sampled_from([entry for entry in DECORATED if entry.isalpha()]),
    st.lists(st.sampled_from([1, 2]), min_size=12, max_size=20),
    st.booleans(),
)
def test_a_decoration_that_has_to_be_guessed_is_none(entry: str, moves: list[int], has_fours: bool) -> None:
    places = itertools.accumulate(moves, lambda place, move: (place + move) % 3)
    number = "".join("268"[place % 3] for place in places)
    assert count_runs(number) > DECORATION_MAX
    number = number.replace("6", "4") if has_fours else number
    assert not COMMON.is_common(entry + number)


@FEWER
@given(st.text(max_size=256))
def test_every_text_gets_an_answer(text: str) -> None:
    assert COMMON.is_common(text) in {True, False}


@FEWER
@given(st.text("0123456789!$@-", min_size=200, max_size=256))
def test_long_decoration_costs_no_time(text: str) -> None:
    assert COMMON.is_common(text[:100] + "x" + text[100:]) in {True, False}


@pytest.mark.parametrize(
    ("text", "runs"), [("", 0), ("a", 1), ("aaaa", 1), ("1234", 1), ("cba", 1), ("2024!", 5), ("123456789!!!", 2),
                       ("abcabc", 2), ("1212", 2), ("aab", 2)],
)  # fmt: skip
def test_runs_are_counted_as_one_types_them(text: str, runs: int) -> None:
    assert count_runs(text) == runs


@FEWER
@given(st.text("ab12!"))
def test_runs_are_as_many_from_the_other_end(text: str) -> None:
    assert count_runs(text) == count_runs(text[::-1])
    assert run_counts(text) == [count_runs(text[:end]) for end in range(len(text) + 1)]


def test_folding_and_readings() -> None:
    assert fold("  CAFÉ ﬁ ẞ ") == "cafe fi ss"
    assert readings("p4$$1") == ("p4$$1", "passl", "passi")
    assert shortest_period("abab") == "ab"
    assert shortest_period("aba") == "aba"
    assert shortest_period("") == ""


def test_the_list_is_not_read_before_the_first_question() -> None:
    code = f"""
import portico.app, pathlib
from portico.factors.common_passwords import CommonPasswords
maps = pathlib.Path("/proc/self/maps")
common = CommonPasswords()
assert {LIST.name!r} not in maps.read_text()
assert common.is_common("Password1!")
assert {LIST.name!r} in maps.read_text()
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
