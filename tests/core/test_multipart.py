"""Forms with a file: what browsers write is read, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.kernel.errors import BadInput
from portico.web.multipart import Part, find_boundary, read_parts

EDGE = b"--edge"
CSRF = b'\r\nContent-Disposition: form-data; name="csrf"\r\n\r\ntoken'
FILE = b'\r\nContent-Disposition: form-data; name="picture"; filename="a b.png"\r\nContent-Type: image/png\r\n\r\n'


def body(*parts: bytes, end: bytes = b"--\r\n") -> bytes:
    """Parts with boundaries between them."""
    return b"".join(b"--edge" + part + b"\r\n" for part in parts) + b"--edge" + end


def test_a_form_of_a_browser_is_read() -> None:
    content = b"\x89PNG\r\n--edg\r\n\r\n--\r\n\0\xff"
    assert list(read_parts(body(CSRF, FILE + content), EDGE)) == [
        Part("csrf", is_file=False, content=b"token"),
        Part("picture", is_file=True, content=content),
    ]


def test_a_form_without_a_file_chosen_has_an_empty_one() -> None:
    empty = FILE.replace(b"a b.png", b"").replace(b"image/png", b"application/octet-stream")
    assert [part.content for part in read_parts(body(empty), EDGE)] == [b""]


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        (
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            b"------WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
        ("multipart/form-data; boundary=----geckoformboundary1", b"------geckoformboundary1"),
        ('multipart/form-data;boundary="a.b"', b"--a.b"),
    ],
)
def test_boundaries_of_browsers_are_found(header: str, boundary: bytes) -> None:
    assert find_boundary(header) == boundary


@pytest.mark.parametrize(
    "header",
    [
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "a" * 71,
        "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=a\r\nb",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/mixed; boundary=a",
        "application/x-www-form-urlencoded",
        "text/plain; boundary=a",
    ],
)
def test_other_kinds_of_bodies_are_refused(header: str) -> None:
    with pytest.raises(BadInput):
        find_boundary(header)


HOSTILE = {
    "nothing": b"",
    "no boundary": b"hello",
    "an end only": b"--edge--\r\n\r\n--edge",
    "no end": b"--edge" + CSRF + b"\r\n",
    "an end cut off": body(CSRF, end=b"-"),
    "something before": b"hello\r\n" + body(CSRF),
    "something after": body(CSRF) + b"hello",
    "a boundary that goes on": b"--edgeX" + CSRF + b"\r\n--edge--\r\n",
    "no head": body(b"\r\ntoken"),
    "an empty head": body(b"\r\n\r\n\r\ntoken"),
    "no name": body(b"\r\nContent-Disposition: form-data\r\n\r\nx"),
    "an empty name": body(b'\r\nContent-Disposition: form-data; name=""\r\n\r\nx'),
    "a name without quotes": body(b"\r\nContent-Disposition: form-data; name=csrf\r\n\r\nx"),
    "another disposition": body(b'\r\nContent-Disposition: attachment; name="csrf"\r\n\r\nx'),
    "a name twice": body(b'\r\nContent-Disposition: form-data; name="a"; name="b"\r\n\r\nx'),
    "a name in another coding": body(b"\r\nContent-Disposition: form-data; name*=utf-8''a\r\n\r\nx"),
    "a name that is not UTF-8": body(b'\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx'),
    "a head twice": body(CSRF.replace(b"\r\n\r\n", b'\r\nContent-Disposition: form-data; name="x"\r\n\r\n')),
    "a transfer encoding": body(CSRF.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n")),
    "a head that goes on": body(b'\r\nContent-Disposition: form-data;\r\n name="csrf"\r\n\r\nx'),
    "a head too long": body(FILE.replace(b"a b", b"a" * 2_000)),
    "too many parts": body(*[CSRF] * 30),
}


@pytest.mark.parametrize("sent", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_no_browser_writes_is_refused(sent: bytes) -> None:
    with pytest.raises(BadInput):
        list(read_parts(sent, EDGE))


@given(st.lists(st.sampled_from([b"--edge", b"--", b"\r\n", CSRF, FILE, b"x", b"\0", b":"]), max_size=12))
def test_whatever_is_sent_is_read_or_refused(pieces: list[bytes]) -> None:
    try:
        parts = list(read_parts(b"".join(pieces), EDGE))
    except BadInput:
        return
    assert all(part.name in {"csrf", "picture"} for part in parts)


@given(st.binary(max_size=300).filter(lambda content: b"\r\n--edge" not in b"\r\n" + content))
def test_a_file_comes_out_as_it_went_in(content: bytes) -> None:
    assert [part.content for part in read_parts(body(FILE + content, CSRF), EDGE)] == [content, b"token"]
