"""Building a filter file from a published list of hashes, in one pass and in bounded memory (D2).

The list has a line for each password: its SHA-1 in 40 hexadecimal digits, and a colon and how often it was seen if that
is known; in any order, plain or packed with gzip. What is read is kept in pieces that are sorted one at a time and laid
down beside the output; the pieces are then merged, or only put together where the list was in order. Nobody sees the
output before it is whole and on disk.
"""

import gzip
import hashlib
import heapq
import os
import re
import tempfile
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from portico.factors.breach_filter import ENTRIES_AT, ENTRY_BYTES, HEADER, KEPT_BYTES, PLACE, PLACES, Header
from portico.kernel.errors import Misconfigured

PIECE_ENTRIES = 1 << 18
READ_AHEAD = 1 << 20
"""Entries that all pieces together hold in memory while they are merged."""
PROGRESS_LINES = 1 << 19
TOLD_DAMAGE = 20
"""How many damaged lines are named; the others are counted."""
LINE_MAX = 200
_READ = 1 << 18
_WRITE = 1 << 16
_LINE = re.compile(rb"([0-9A-Fa-f]{16})[0-9A-Fa-f]{24}(?:[ \t]*:[ \t]*(\d{1,18}))?[ \t\r]*")
_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Built:
    """How it went."""

    lines: int = 0
    kept: int = 0
    rare: int = 0
    """Lines left out because the password was seen less often than was asked for."""
    damaged: int = 0
    damaged_lines: list[int] = field(default_factory=list)
    """The numbers of the first of them. What they say is not repeated: it may be a password."""


Progress = Callable[[int, float], None]
"""Is told now and then how many lines were read, and which part of the list that is."""


def build_filter(
    hashes: Path,
    output: Path,
    *,
    min_count: int = 1,
    progress: Progress = lambda _lines, _share: None,
    piece_entries: int = PIECE_ENTRIES,
) -> Built:
    """Build ``output`` from ``hashes``; an older file there stays until the new one is whole.

    Raises Misconfigured for a list that cannot be read to its end or holds nothing, and for a place that cannot be
    written. Damaged lines are left out and told.
    """
    built = Built()
    try:
        if output.exists() and hashes.samefile(output):
            raise Misconfigured("the list and the filter file are the same file")
        with tempfile.TemporaryFile(dir=output.parent) as spill:
            pieces = _Pieces(spill)
            for piece in _sorted_pieces(_entries(hashes, built, min_count, progress), piece_entries):
                pieces.add(piece)
            if not pieces.lengths:
                raise Misconfigured(_nothing_left(hashes, built))
            _write_whole(output, pieces.merged(), built)
    except OSError as error:
        raise Misconfigured(f"the filter cannot be built: {error.filename or output}: {error.strerror}") from error
    return built


def _entries(hashes: Path, built: Built, min_count: int, progress: Progress) -> Iterator[int]:
    """The first eight bytes of each hash that counts, as a number."""
    with hashes.open("rb") as file:
        size = os.fstat(file.fileno()).st_size or 1
        for line in _lines(file, hashes, built):
            built.lines += 1
            if not built.lines % PROGRESS_LINES:
                progress(built.lines, min(1.0, file.tell() / size))
            found = _LINE.fullmatch(line)
            if found is None:
                if line.strip():
                    built.damaged += 1
                    if len(built.damaged_lines) < TOLD_DAMAGE:
                        built.damaged_lines.append(built.lines)
            elif int(found[2] or 1) < min_count:
                built.rare += 1
            else:
                yield int(found[1], 16)
        progress(built.lines, 1.0)


def _lines(file: BinaryIO, hashes: Path, built: Built) -> Iterator[bytes]:
    """The lines of a list, unpacked if need be. One that never ends costs no memory: only its beginning is kept."""
    is_packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    stream = gzip.GzipFile(fileobj=file) if is_packed else file
    rest = b""
    try:
        while piece := stream.read(_READ):
            *whole, rest = (rest + piece).removeprefix(_BYTE_ORDER_MARK if built.lines == 0 else b"").split(b"\n")
            yield from whole
            rest = rest[:LINE_MAX]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Misconfigured(f"{hashes} cannot be unpacked beyond line {built.lines}: {error}") from error
    if rest:
        yield rest


def _sorted_pieces(entries: Iterable[int], piece_entries: int) -> Iterator[list[int]]:
    """The entries in pieces, each sorted and without repetition."""
    piece: list[int] = []
    for entry in entries:
        piece.append(entry)
        if len(piece) >= piece_entries:
            yield sorted(set(piece))
            piece.clear()
    if piece:
        yield sorted(set(piece))


class _Pieces:
    """Sorted pieces laid down in one file, for any number of which one descriptor is enough."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.lengths: list[int] = []
        self._last = -1
        self._is_in_order = True

    def add(self, piece: list[int]) -> None:
        """Lay one down."""
        self._is_in_order = self._is_in_order and piece[0] >= self._last
        self._last = piece[-1]
        self.lengths.append(len(piece))
        array("Q", piece).tofile(self._file)

    def merged(self) -> Iterator[int]:
        """All entries in order; those that stand in several pieces several times."""
        self._file.flush()
        starts, at = [], 0
        for length in self.lengths:
            starts.append((at, length))
            at += length
        share = max(64, READ_AHEAD // len(self.lengths))
        pieces = [self._read(start, length, share) for start, length in starts]
        return chain.from_iterable(pieces) if self._is_in_order else heapq.merge(*pieces)

    def _read(self, start: int, length: int, share: int) -> Iterator[int]:
        for at in range(start, start + length, share):
            entries = array("Q")
            wanted = min(share, start + length - at)
            entries.frombytes(os.pread(self._file.fileno(), wanted * entries.itemsize, at * entries.itemsize))
            yield from entries


def _write_whole(output: Path, entries: Iterator[int], built: Built) -> None:
    """Write beside the output, bring to disk, rename into place."""
    descriptor, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write(file, entries, built)
            os.fchmod(file.fileno(), 0o644)  # it holds nothing secret, and the server may run as somebody else
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(output)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(output.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(file: BinaryIO, entries: Iterator[int], built: Built) -> None:
    """The entries, and then what can only be known after them: index and header."""
    filled = array("Q", bytes(8 * PLACES))
    hashed = hashlib.sha256()
    file.seek(ENTRIES_AT)
    before, waiting = -1, bytearray()
    for entry in entries:
        if entry == before:
            continue
        before = entry
        filled[entry >> 48] += 1
        built.kept += 1
        waiting += entry.to_bytes(KEPT_BYTES)[-ENTRY_BYTES:]
        if len(waiting) >= _WRITE:
            hashed.update(waiting)
            file.write(waiting)
            waiting.clear()
    hashed.update(waiting)
    file.write(waiting)
    index, place = bytearray(PLACE.pack(0)), 0
    for number in filled:
        place += number
        index += PLACE.pack(place)
    file.seek(0)
    header = Header(built.kept, hashlib.sha256(index).digest(), hashed.digest()).to_bytes()
    file.write(header.ljust(HEADER.size, b"\0") + index)


def _nothing_left(hashes: Path, built: Built) -> str:
    """Why there is nothing to write."""
    if built.damaged:
        return f"{hashes} holds no usable line: {built.damaged} damaged, {built.rare} seen too seldom"
    return f"{hashes} holds nothing" if not built.rare else f"no password of {hashes} was seen so often"
