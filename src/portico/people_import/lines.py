"""The lines of a file, one after the other, whatever its length and whatever is in it.

A line that is longer than :data:`LINE_MAX` is passed over in pieces and comes out as None, so no file can fill the
memory.
"""

import hashlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import msgspec

from portico.kernel.errors import BadInput

LINE_MAX = 32 * 1024
"""Bytes of one line; a person takes some five hundred, with many former passwords some fifteen thousand."""
_PIECE = 1024 * 1024


class Line(msgspec.Struct, frozen=True):
    """One line: its number from 1, its bytes without the line's end (None: too long), and where the next begins."""

    number: int
    data: bytes | None
    end: int


def open_file(path: Path) -> BufferedReader:
    """Open a file to import; raises BadInput for what cannot be read twice."""
    try:
        if not path.is_file():
            raise BadInput(f"{path} is not a file; an import can go on only where it can be read again")
        return path.open("rb")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error


def measure(stream: BufferedReader) -> tuple[str, int]:
    """The SHA-256 of a file in hexadecimal, and its length; it is read once, from its beginning."""
    stream.seek(0)
    digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return digest, stream.tell()


def read_lines(stream: BufferedReader, *, start: int = 0, done: int = 0) -> Iterator[Line]:
    """The lines from an offset on; ``done`` lines lie before it."""
    stream.seek(start)
    number, end = done, start
    while data := stream.readline(LINE_MAX + 2):
        number += 1
        end += len(data)
        if len(data) > LINE_MAX and not data.endswith(b"\n"):
            while data and not data.endswith(b"\n"):
                data = stream.readline(_PIECE)
                end += len(data)
            yield Line(number, None, end)
        else:
            yield Line(number, data.removesuffix(b"\n").removesuffix(b"\r"), end)
