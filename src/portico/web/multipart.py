"""Forms with a file: ``multipart/form-data`` (RFC 7578) as browsers write it, and nothing else.

A part has a ``Content-Disposition`` with a name; a file has a filename besides, and perhaps a ``Content-Type``, and
neither is believed. Whatever a browser would not write is refused: other headers, encodings, anything before the first
boundary or after the last, names that are quoted in other ways.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from portico.kernel.errors import BadInput

PARTS_MAX = 20
HEAD_MAX = 1024
_TYPE = re.compile(r'multipart/form-data; ?boundary="?([0-9A-Za-z\'()+_,./:=?-]{1,70})"?', re.IGNORECASE)
_DISPOSITION = re.compile(rb'form-data; name="([^"\r\n]{1,100})"(; filename="[^"\r\n]*")?')


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form."""

    name: str
    is_file: bool
    content: bytes


def find_boundary(content_type: str) -> bytes:
    """What stands between the parts; raises BadInput for another kind of body."""
    found = _TYPE.fullmatch(content_type)
    if found is None:
        raise BadInput("a form with a file was expected")
    return b"--" + found[1].encode("ascii")


def read_parts(body: bytes, boundary: bytes) -> Iterator[Part]:
    """The parts of a body, in their order; raises BadInput where it is not what a browser writes."""
    first, *parts = (b"\r\n" + body).split(b"\r\n" + boundary, PARTS_MAX + 1)
    if first or not parts or parts.pop() not in (b"--\r\n", b"--"):
        raise BadInput("the form has no beginning, no end, or too many parts")
    for part in parts:
        if not part.startswith(b"\r\n"):
            raise BadInput("a boundary is cut off")
        head, blank, content = part[2:].partition(b"\r\n\r\n")
        if not blank or len(head) > HEAD_MAX:
            raise BadInput("a part has no head, or too long a one")
        yield _read_part(head, content)


def _read_part(head: bytes, content: bytes) -> Part:
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or name in headers or name not in (b"content-disposition", b"content-type"):
            raise BadInput("a part has a head no browser writes")
        headers[name] = value.strip()
    found = _DISPOSITION.fullmatch(headers.get(b"content-disposition", b""))
    if found is None:
        raise BadInput("a part has no name")
    try:
        return Part(found[1].decode(), found[2] is not None, content)
    except UnicodeDecodeError as error:
        raise BadInput("a part's name is not UTF-8") from error
