"""Tokens are 256 unguessable bits, identifiers UUIDv7 that sort by time."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.kernel.chance import SystemChance
from portico.kernel.tokens import (
    NOBODY,
    from_base64url,
    is_id,
    is_token,
    new_id,
    new_token,
    to_base64url,
    token_hash,
)

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


class Loaded:
    """Dice that always show the same."""

    def __init__(self, shown: bytes) -> None:
        self.shown = shown

    def draw_bytes(self, count: int) -> bytes:
        """The bytes it was loaded with."""
        assert count == len(self.shown)
        return self.shown

    def draw_below(self, limit: int) -> int:
        """Zero."""
        return 0 * limit


def test_tokens_are_of_256_bits_and_never_the_same() -> None:
    made = {new_token(SystemChance()) for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(is_token(token) and len(from_base64url(token) or b"") == 32 for token in made)
    assert new_token(Loaded(bytes(32))) == "A" * 43


def test_a_token_is_stored_as_its_sha_256() -> None:
    assert token_hash("A" * 43) == hashlib.sha256(b"A" * 43).digest()
    # FIPS 180-4, the example "abc"
    assert token_hash("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.text())
def test_anything_may_be_presented_as_a_token(text: str) -> None:
    assert len(token_hash(text)) == 32
    assert is_token(text) == (len(text) == 43 and text.isascii() and text.replace("-", "").replace("_", "").isalnum())


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "A" * 43 + "\n", "A" * 42 + "=", "A" * 42 + "é", " " * 43])
def test_what_has_another_shape_is_no_token(text: str) -> None:
    assert not is_token(text)


def test_an_id_is_the_example_of_the_standard() -> None:
    """RFC 9562, appendix A.6."""
    at = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    assert new_id(Loaded(bytes.fromhex("0CC318C4DC0C0C07398F")), at) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(st.binary(min_size=10, max_size=10), st.integers(min_value=0, max_value=253_402_300_799_999))
def test_every_id_is_a_uuid_of_version_7_that_tells_its_millisecond(random: bytes, millis: int) -> None:
    made = new_id(Loaded(random), datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis))
    assert is_id(made)
    assert made[14] == "7"
    assert made[19] in "89ab"
    assert int(made.replace("-", "")[:12], 16) == millis


def test_ids_sort_by_time() -> None:
    made = [new_id(SystemChance(), NOW + timedelta(milliseconds=n)) for n in range(500)]
    assert made == sorted(made)
    assert len(set(made)) == 500


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
        "../../etc/passwd",
    ],
)
def test_an_id_has_one_spelling(text: str) -> None:
    assert not is_id(text)


def test_nobody_is_an_id_that_is_never_made() -> None:
    assert is_id(NOBODY)
    assert NOBODY[14] != "7"


@given(st.binary(max_size=200))
def test_bytes_come_back_from_base64url(data: bytes) -> None:
    text = to_base64url(data)
    assert from_base64url(text) == data
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize("text", ["A", "AAAAA", "AA==", "A+A/", "AA A", "AA\n", "é", "A\0AA"])
def test_what_is_no_base64url_gives_nothing(text: str) -> None:
    assert from_base64url(text) is None


@given(st.text(max_size=50))
def test_any_text_may_be_read_as_base64url(text: str) -> None:
    found = from_base64url(text)
    assert found is None or len(found) == len(text) * 3 // 4


def test_the_systems_chance_draws_evenly_below_a_limit() -> None:
    chance = SystemChance()
    drawn = [chance.draw_below(10) for _ in range(20_000)]
    assert set(drawn) == set(range(10))
    assert all(1_500 < drawn.count(number) < 2_500 for number in range(10))
    assert len(chance.draw_bytes(7)) == 7
