"""CBOR as authenticators write it (RFC 8949, in the canonical form of CTAP2), and no other.

Web Authentication Level 3, section 2.4, binds authenticators to that form: no tags, no indefinite lengths, every number
in its shortest form, four levels deep at most, no key twice (Client to Authenticator Protocol 2.1, section 8). What
strangers send is read here first, so that only such plain items get as far as a general parser: that would make dates,
patterns, mails of them, or an array as long as a number says. There are no fractions in what we read.
"""

from typing import Any

_, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLES = {20: False, 21: True, 22: None}
_NUMBER_MAX = 23
_WIDTHS = {24: (1, 24), 25: (2, 2**8), 26: (4, 2**16), 27: (8, 2**32)}
"""By what the first byte says: of how many bytes the number behind it is, and the least that needs so many."""


def read_item(data: bytes, at: int, depth: int = 4) -> tuple[Any, int]:
    """The item that begins there, and where it ends. ValueError, LookupError: it is none of this form."""
    kind, number, at = _read_head(data, at)
    if kind in {_ARRAY, _MAP}:
        if number and not depth:
            raise ValueError("too deep")
        found, at = _read_items(data, at, number if kind == _ARRAY else 2 * number, depth - 1)
        return (found if kind == _ARRAY else _map(found)), at
    if kind in {_BYTES, _TEXT}:
        said, at = data[at : at + number], at + number
        if at > len(data):
            raise ValueError("cut off")
        return (said if kind == _BYTES else said.decode()), at
    if kind == _TAG:
        raise ValueError("tagged")
    return (_SIMPLES[number] if kind == _SIMPLE else -1 - number if kind == _NEGATIVE else number), at


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """The kind of the item, the number that belongs to it, and where that ends."""
    kind, number = data[at] >> 5, data[at] & 0b11111
    at += 1
    if number <= _NUMBER_MAX:
        return kind, number, at
    width, least = _WIDTHS[number]
    number = int.from_bytes(data[at : at + width])
    if number < least or at + width > len(data):
        raise ValueError("not the shortest form, or cut off")
    return kind, number, at + width


def _read_items(data: bytes, at: int, count: int, depth: int) -> tuple[list[Any], int]:
    found = []
    for _ in range(count):  # each takes a byte at least, so that a large number ends with the data
        item, at = read_item(data, at, depth)
        found.append(item)
    return found, at


def _map(flat: list[Any]) -> dict[Any, Any]:
    keys = flat[::2]
    if any(type(key) not in {int, str, bytes} for key in keys) or len(set(keys)) != len(keys):
        raise ValueError("keys of another type, or one said twice")
    return dict(zip(keys, flat[1::2], strict=True))
