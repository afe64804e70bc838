"""The filter file: hashes of passwords known from breaches, for networks that ask nobody outside (D2).

Read here; made by ``filter_builder``; described for other programs in ``docs/operating/passwords.md``. All numbers are
big-endian and unsigned:

    offset  bytes
    0       16         the text ``Portico breached``
    16      4          version of the format: 1
    20      4          zero
    24      8          count of entries
    32      32         SHA-256 of the index
    64      32         SHA-256 of the entries
    96      32         SHA-256 of the 96 bytes before
    128     65537 x 8  index: for each value of a hash's first two bytes, the number of the first entry that has them
                       or more; the last one is the count
    524424  count x 6  entries: bytes 3 to 8 of each SHA-1, ascending within their place in the index, none twice

So eight bytes of each hash are compared. The chance that a password which is not in the list seems to be is the count
divided by 2 to the power of 64: for a thousand million entries, one in eighteen thousand million.
"""

import hashlib
import mmap
import struct
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from portico.kernel.errors import Misconfigured

MAGIC = b"Portico breached"
VERSION = 1
PLACES = 1 << 16
HEADER = struct.Struct(">16sIIQ32s32s32s")
PLACE = struct.Struct(">Q")
INDEX_BYTES = (PLACES + 1) * PLACE.size
ENTRIES_AT = HEADER.size + INDEX_BYTES
ENTRY_BYTES = 6
KEPT_BYTES = 8
"""How much of each hash is kept: the place in the index, and the entry."""
CHECKED_AT_ONCE = 64 * 1024 * 1024
"""Up to this size the entries too are checked when a file is opened; ``portico doctor`` checks them always."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """The first 128 bytes of a file."""

    count: int
    index_hash: bytes
    entries_hash: bytes

    def to_bytes(self) -> bytes:
        """As it is written."""
        head = HEADER.pack(MAGIC, VERSION, 0, self.count, self.index_hash, self.entries_hash, b"")[:96]
        return head + hashlib.sha256(head).digest()


class BreachFilter:
    """An opened filter file. It is mapped, so that it costs no memory of ours however large it is."""

    def __init__(self, path: Path) -> None:
        """Raises Misconfigured for a file that cannot be read, is not one of ours or is damaged."""
        self.path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
            reason = error.strerror if isinstance(error, OSError) else "it is empty"
            raise Misconfigured(f"breached_password_filter: {path} cannot be read: {reason}") from error
        self._header = self._read_header()
        self._check_index()
        if len(self._data) <= CHECKED_AT_ONCE:
            self.check_entries()

    @property
    def count(self) -> int:
        """How many passwords it knows."""
        return self._header.count

    def is_known(self, sha1: bytes) -> bool:
        """Whether the SHA-1 of a password is in the file. May wait for the disk."""
        low, high = (self._place(int.from_bytes(sha1[:2]) + further) for further in (0, 1))
        wanted = sha1[2:KEPT_BYTES]
        found = bisect_left(range(low, high), wanted, key=self._entry) + low
        return found < high and self._entry(found) == wanted

    def check_entries(self) -> None:
        """Read all of it; raises Misconfigured if one bit is not as it was written."""
        hashed = hashlib.sha256()
        for start in range(ENTRIES_AT, len(self._data), _PIECE):
            hashed.update(self._data[start : start + _PIECE])
        if hashed.digest() != self._header.entries_hash:
            raise self._damaged("its entries do not have the checksum of its header")

    def close(self) -> None:
        """Let go of the file."""
        self._data.close()

    def _read_header(self) -> Header:
        head = self._data[: HEADER.size]
        if not head.startswith(MAGIC):
            raise Misconfigured(
                f"breached_password_filter: {self.path} is no filter file; make one with portico passwords build-filter"
            )
        if len(head) < HEADER.size or hashlib.sha256(head[:96]).digest() != head[96:]:
            raise self._damaged("its header does not have its checksum")
        _magic, version, _zero, count, index_hash, entries_hash, _own = HEADER.unpack(head)
        if version != VERSION:
            raise Misconfigured(
                f"breached_password_filter: {self.path} has version {version} of the format, and not {VERSION}"
            )
        if len(self._data) != ENTRIES_AT + count * ENTRY_BYTES:
            raise self._damaged(f"it has {len(self._data)} bytes, which is not what {count} entries take")
        return Header(count, index_hash, entries_hash)

    def _check_index(self) -> None:
        index = self._data[HEADER.size : ENTRIES_AT]
        if hashlib.sha256(index).digest() != self._header.index_hash:
            raise self._damaged("its index does not have the checksum of its header")
        places = [place for (place,) in PLACE.iter_unpack(index)]
        if places[0] != 0 or places[-1] != self.count or places != sorted(places):
            raise self._damaged("its index is not in order")

    def _place(self, number: int) -> int:
        (place,) = PLACE.unpack_from(self._data, HEADER.size + number * PLACE.size)
        return int(place)

    def _entry(self, number: int) -> bytes:
        start = ENTRIES_AT + number * ENTRY_BYTES
        return self._data[start : start + ENTRY_BYTES]

    def _damaged(self, how: str) -> Misconfigured:
        return Misconfigured(f"breached_password_filter: {self.path} is damaged: {how}; build it again")
