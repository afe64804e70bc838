"""The plain CBOR that authenticators write: read as another program writes it, and nothing else."""

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portico.factors.passkeys.cbor import read_item

NUMBERS = st.integers(-(2**64), 2**64 - 1)
LEAVES = NUMBERS | st.binary(max_size=300) | st.text(max_size=30) | st.none() | st.booleans()
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NUMBERS | st.text(max_size=9), inner, max_size=5),
    max_leaves=4,
)


@settings(max_examples=150)
@given(value=PLAIN, before=st.binary(max_size=3), cut=st.integers(1, 400))
def test_what_another_program_writes_is_read(value: object, before: bytes, cut: int) -> None:  # D15
    written = cbor2.dumps(value)
    assert read_item(before + written + b"\xff", len(before), depth=9) == (value, len(before) + len(written))
    with pytest.raises((ValueError, LookupError)):
        read_item(written[: -min(cut, len(written))], 0, depth=9)


@settings(max_examples=300)
@given(data=st.binary(min_size=1, max_size=12))
def test_what_is_read_has_one_spelling(data: bytes) -> None:  # D15
    try:
        value, end = read_item(data, 0)
    except (ValueError, LookupError):
        return
    assert cbor2.dumps(value) == data[:end]


@pytest.mark.parametrize(
    "written",
    ["", "1817", "190017", "1a00000017", "1b0000000000000017", "5801", "5f4101ff", "9f01ff", "bf0102ff", "c100",
     "d90102", "f4f5", "f7", "f818", "f90000", "fa00000000", "1c", "1f", "ff", "62c328", "a201010102", "a2010118010a",
     "a1800a", "a1f50a", "9bffffffffffffffff01", "bbffffffffffffffff01", "5bffffffffffffffff", "818181818100"],
)  # fmt: skip
def test_everything_else_is_refused(written: str) -> None:  # D15
    data = bytes.fromhex(written)
    try:
        _, end = read_item(data, 0)
    except (ValueError, LookupError):
        return
    assert end < len(data), "it was read, and all of it"
