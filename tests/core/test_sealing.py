"""What is sealed opens as it was, for its purpose and context only, and not at all once anything was touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.kernel.chance import SystemChance
from portico.kernel.sealing import KEY_BYTES, SealingKeys
from portico.kernel.tokens import from_base64url

CHANCE = SystemChance()
OLD, NEW, FOREIGN = bytes(KEY_BYTES), b"\x01" * KEY_BYTES, b"\x02" * KEY_BYTES
KEYS = SealingKeys((OLD,))
PINNED = "0103f27925" + "07" * 24 + "6bda177c94ca218ca57dd6cee8106e62b5885c7d0c46"
"""``secret`` as the first release sealed it, under the key 00 01 02 ... 1f."""


def seal(plain: bytes = b"secret", keys: SealingKeys = KEYS) -> bytes:
    return keys.seal(plain, purpose="outbox", context="mail-1", chance=CHANCE)


def unseal(sealed: bytes, keys: SealingKeys = KEYS) -> bytes | None:
    return keys.unseal(sealed, purpose="outbox", context="mail-1")


@given(plain=st.binary(max_size=300), purpose=st.text(max_size=20), context=st.text(max_size=20))
def test_what_was_sealed_opens_as_it_was(plain: bytes, purpose: str, context: str) -> None:
    purpose, context = (text.encode(errors="replace").decode() for text in (purpose, context))
    sealed = KEYS.seal(plain, purpose=purpose, context=context, chance=CHANCE)
    assert KEYS.unseal(sealed, purpose=purpose, context=context) == plain
    text = KEYS.seal_text(plain, purpose=purpose, context=context, chance=CHANCE)
    assert KEYS.unseal_text(text, purpose=purpose, context=context) == plain
    assert text.isascii()


@pytest.mark.parametrize(
    ("purpose", "context"),
    [
        ("outbox", "mail-2"),
        ("outbox", ""),
        ("outbox", "mail-1\0"),
        ("form", "mail-1"),
        ("", "outboxmail-1"),
        ("outboxmail-1", ""),
        ("outboxmail", "-1"),
        ("outbo", "xmail-1"),
    ],
)
def test_it_opens_for_no_other_purpose_or_context(purpose: str, context: str) -> None:
    assert KEYS.unseal(seal(), purpose=purpose, context=context) is None


def test_one_flipped_bit_anywhere_and_it_does_not_open() -> None:
    sealed = seal()
    for place in range(len(sealed) * 8):
        touched = bytearray(sealed)
        touched[place // 8] ^= 1 << place % 8
        assert unseal(bytes(touched)) is None, place
    assert unseal(sealed) == b"secret"


def test_a_byte_more_or_less_and_it_does_not_open() -> None:
    sealed = seal()
    for length in range(len(sealed)):
        assert unseal(sealed[:length]) is None
        assert unseal(sealed[length + 1 :]) is None
    assert unseal(sealed + b"\0") is None
    assert unseal(b"\0" + sealed) is None
    assert unseal(sealed + sealed) is None


@given(st.binary(max_size=200))
def test_garbage_does_not_open(garbage: bytes) -> None:
    assert unseal(garbage) is None
    assert unseal(seal()[:5] + garbage) is None


@given(st.text(max_size=200))
def test_garbage_text_does_not_open(garbage: str) -> None:
    assert KEYS.unseal_text(garbage, purpose="outbox", context="mail-1") is None


def test_a_foreign_key_does_not_open_it() -> None:
    assert unseal(seal(), SealingKeys((FOREIGN,))) is None


def test_keys_can_be_rotated() -> None:
    rotated = SealingKeys((NEW, OLD))
    before, after = seal(), seal(keys=rotated)
    assert unseal(before, rotated) == b"secret"
    assert unseal(after, rotated) == b"secret"
    assert unseal(after, SealingKeys((NEW,))) == b"secret"
    assert unseal(after) is None, "the newest key seals"
    assert unseal(before, SealingKeys((NEW,))) is None, "a key that was taken out of the ring opens nothing"


def test_the_same_thing_sealed_twice_cannot_be_told_from_two_things() -> None:
    made = {seal() for _ in range(100)}
    assert len(made) == 100
    assert all(b"secret" not in sealed for sealed in made)
    assert len({sealed[5:29] for sealed in made}) == 100, "each has a salt of its own"


def test_what_was_sealed_by_an_earlier_release_still_opens() -> None:
    sealed = bytes.fromhex(PINNED)
    assert SealingKeys((bytes(range(32)),)).unseal(sealed, purpose="outbox", context="mail-1") == b"secret"


def test_a_digest_is_good_under_every_key_of_the_ring_for_its_purpose_and_data() -> None:
    rotated = SealingKeys((NEW, OLD))
    mac = KEYS.mac(b"data", purpose="form")
    assert len(mac) == 32
    assert KEYS.is_mac(mac, b"data", purpose="form")
    assert rotated.is_mac(mac, b"data", purpose="form")
    assert rotated.mac(b"data", purpose="form") != mac
    assert not SealingKeys((NEW,)).is_mac(mac, b"data", purpose="form")
    assert not KEYS.is_mac(mac, b"data", purpose="other")
    assert not KEYS.is_mac(mac, b"datA", purpose="form")
    assert not KEYS.is_mac(mac[:-1], b"data", purpose="form")
    assert not KEYS.is_mac(b"", b"data", purpose="form")
    assert KEYS.mac(b"ab", purpose="c") != KEYS.mac(b"b", purpose="ca")


@pytest.mark.parametrize("keys", [(), (b"",), (bytes(31),), (bytes(33),), (bytes(32), bytes(16))])
def test_a_ring_needs_keys_of_32_bytes(keys: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SealingKeys(keys)


def test_keys_are_named_by_fingerprints_that_do_not_tell_them() -> None:
    rotated = SealingKeys((NEW, OLD))
    assert rotated.fingerprints() == {KEYS.newest_fingerprint(), SealingKeys((NEW,)).newest_fingerprint()}
    assert rotated.newest_fingerprint() == SealingKeys.fingerprint(NEW).hex()
    assert len(rotated.newest_fingerprint()) == 8
    assert all(bytes.fromhex(name) not in NEW + OLD for name in rotated.fingerprints())
    assert repr(NEW) not in repr(rotated)


def test_a_sealed_text_fits_into_an_address_or_a_cookie() -> None:
    text = KEYS.seal_text(b"x" * 100, purpose="form", context="", chance=CHANCE)
    assert len(text) < 200
    assert from_base64url(text) is not None
