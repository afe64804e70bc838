"""A new password holds nothing that its owner or the deployment is called (D2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.factors.model import OwnData, own_data_of
from portico.factors.password_rules import PART_MIN, holds_own_data

NORA = OwnData(
    address="nora.lind@north-clinic.example", first_name="Eleonora Jo", last_name="Lindqvist-Müller", handle="night.owl"
)
BRAND = "Portico Messenger"


@pytest.mark.parametrize(
    "password",
    """Lindqvist-27! lindqvist xxLINDQVISTxx L1ndqv1st-27 l!ndqvist Eleonora-27 El30n0ra_9 n.o.r.a-window Nora-Window-8
    Night-Train-84 NightOwl-27 N1ght-0wl Clinic-Lamp-27 NorthClinic7! North-Window-8 p0rt1co-Lamp Messenger-84
    Mueller-Lamp-27 Muller-Lamp-27 Müller-Lamp-27 MÜLLER-7 noralind-X7 NŌRA-Lamp-27""".split(),
)
def test_what_one_is_called_is_refused_in_disguise(password: str) -> None:  # D2
    assert holds_own_data(password, NORA, BRAND)


@pytest.mark.parametrize(
    "password",
    "Harbour-Lamp-27 Copper-Bridge-19 Jo-Window-84 Owl-Window-84 Port-Window-84 example-Lamp-27 Jo-Owl-84".split(),
)
def test_other_words_and_short_parts_are_not(password: str) -> None:  # D2
    assert not holds_own_data(password, NORA, BRAND)


def test_separators_hide_nothing() -> None:
    assert holds_own_data("No-Rabbit-Around-4", NORA, BRAND), "nora, as whoever reads it aloud hears"


def test_a_year_in_the_address_counts_as_it_stands() -> None:
    about = OwnData(address="kim1984@mail.example")
    assert holds_own_data("Kim1984-Lamp", about, BRAND)
    assert not holds_own_data("Harbour-Lamp-1984", about, BRAND)


def test_who_is_nobody_yet_has_the_brand_alone() -> None:
    assert own_data_of(None) == OwnData()
    assert not holds_own_data("Harbour-Lamp-27", OwnData(), "")
    assert holds_own_data("Portico-Lamp-27", OwnData(), BRAND)


NAMES = st.text(st.characters(categories=["L", "Nd"]), min_size=PART_MIN, max_size=20)
FIELDS = st.sampled_from(["first_name", "last_name", "handle"])


@given(FIELDS, st.text("abcdefghijklmnopqrstuvwxyz", min_size=PART_MIN), st.text(max_size=20), st.text(max_size=20))
def test_a_word_is_found_wherever_it_stands(field: str, word: str, before: str, after: str) -> None:  # D2
    assert holds_own_data(before + word.upper() + after, OwnData(**{field: word}), "")


@given(FIELDS, st.text("abcdefghijklmnopqrstuvwxyz", max_size=PART_MIN - 1), st.text(max_size=60))
def test_short_words_never_refuse(field: str, word: str, password: str) -> None:
    assert not holds_own_data(password, OwnData(**{field: word}), "")


@given(st.text(), st.text(), st.text(), st.text(), st.text(max_size=256))
def test_every_text_gets_an_answer(first: str, last: str, address: str, brand: str, password: str) -> None:
    about = OwnData(address=address, first_name=first, last_name=last)
    assert holds_own_data(password, about, brand) in {True, False}
