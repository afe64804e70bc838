"""An export proves itself without a database: whatever is done to its lines is found, by us and by the book."""

import io
import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from portico.audit.sealing.chain import (
    Head,
    Link,
    SealedEvent,
    beginning,
    canonical,
    frame,
    instant_text,
    link_hash,
    name_digest,
)
from portico.audit.sealing.file_verifier import verify_file
from portico.audit.sealing.heads import read_head, write_head
from portico.audit.sealing.lines import Line, opening
from portico.audit.sealing.verifier import Verified
from portico.audit.search.model import SaltedName, SoughtLink
from portico.audit.search.service import write_line
from portico.kernel.clock import to_micros
from portico.kernel.errors import BadInput
from tests.support.trail import NORTH, SOUTH, changed, verify_by_the_book

AT = datetime(2026, 5, 4, 9, tzinfo=UTC)
SALT = b"0123456789abcdef"
NAME, ADDRESS = "Nóra\u2028", "nora@north-clinic.example"


def make(chain: str, count: int, start: int = 0) -> tuple[Head, list[Line]]:
    """A chain as an export has it."""
    head, lines = beginning(chain), []
    for number in range(1, count + 1):
        event = SealedEvent(
            id=f"event-{chain}-{start + number}", at=instant_text(to_micros(AT) + number), kind="account.enabled",
            subject_id="nora", actor_id=None, session_id="s", details='{"reason":"wörd"}',
            subject_digest=name_digest(SALT, NAME, ADDRESS).hex(), actor_digest=None,
        )  # fmt: skip
        made = link_hash(head.hash, number, canonical(event))
        link = Link(number=number, event_id=event.id, hash=made, event=event)
        name = SaltedName(name=NAME, address=ADDRESS, salt=SALT)
        written = write_line(chain, SoughtLink(link=link, subject=name, actor=None), after=number - 1)
        assert written is not None
        lines.append(written)
        head = Head(organization_id=chain, number=number, hash=made)
    return head, lines


def write(*chains: tuple[Head, list[Line]], is_whole: bool = True) -> list[bytes]:
    """The lines of a file."""
    first = opening([head for head, _ in chains], AT, is_whole=is_whole)
    return [_json(first), *(_json(each) for _, lines in chains for each in lines)]


def _json(record: object) -> bytes:
    return msgspec.json.encode(record) + b"\n"


def find(lines: list[bytes], *noted: Head) -> list[str]:
    """What the verifier says."""
    return [finding.sentence for finding in verify_file(io.BytesIO(b"".join(lines)), noted, Verified())]


@pytest.fixture
def whole() -> list[bytes]:
    """A file of two chains with five and three links: lines 1 to 5, and 6 to 8."""
    return write(make(NORTH, 5), make(SOUTH, 3))


def test_a_file_as_it_was_written_is_well(whole: list[bytes]) -> None:
    assert find(whole) == []
    assert verify_by_the_book(whole)
    assert find(write(make("", 0))) == []
    assert find(write()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", "2026-05-04T09:00:00.000099Z"), ("kind", "account.disabled"), ("subject_id", "tom"),
        ("subject_id", None),
        ("actor_id", "nora"), ("session_id", None), ("session_id", "-"), ("details", '{"reason": "wörd"}'),
        ("subject_digest", None), ("actor_digest", "00"), ("id", "event-x"),
    ],
)  # fmt: skip
def test_an_altered_field_is_found_at_its_line(whole: list[bytes], field: str, value: str | None) -> None:
    for at in (1, 3, 5, 8):
        altered = changed(whole, at, **{field: value})
        found = find(altered)
        named = json.loads(altered[at])["id"]
        assert any(f"event {named}, link" in sentence and "altered" in sentence for sentence in found)
        assert len(found) <= 2, "what follows is well"
        assert not verify_by_the_book(altered)


def test_an_altered_hash_is_told_from_an_altered_event(whole: list[bytes]) -> None:
    (sentence,) = find(changed(whole, 2, hash="00" * 32))
    assert sentence.endswith("is as it was sealed, but its link was altered")
    (sentence,) = find(changed(whole, 8, hash="00" * 32))
    assert sentence.endswith("is as it was sealed, but its link was altered")


@pytest.mark.parametrize("who", [{"name": "Tom"}, {"address": "x@y.example"}, {"salt": "00"}, {"salt": "no hex"}])
def test_an_altered_name_is_found(whole: list[bytes], who: dict[str, str]) -> None:
    subject = {**json.loads(whole[4])["subject"], **who}
    (sentence,) = find(changed(whole, 4, subject=subject))
    assert "line 5 of the file: what somebody in event" in sentence


def test_a_removed_line_is_missed(whole: list[bytes]) -> None:
    assert find([*whole[:3], *whole[4:]]) == [f"link 3 is missing in the chain of {NORTH}"]
    assert find([*whole[:2], *whole[5:]]) == [f"links 2 to 4 are missing in the chain of {NORTH}"]
    assert find([whole[0], *whole[2:]]) == [f"link 1 is missing in the chain of {NORTH}"]


def test_lines_cut_off_at_the_end_are_missed(whole: list[bytes]) -> None:
    for length in range(1, 9):
        found = find(whole[:length])
        assert len(found) == (2 if length < 6 else 1), found
        assert all("is cut off at the end" in sentence for sentence in found)
    assert "unreadable" not in find([*whole[:8], whole[8][:50]])[0]
    assert find([*whole[:8], whole[8][:50]])[0] == "line 9 of the file cannot be read"


def test_an_inserted_line_is_found(whole: list[bytes]) -> None:
    doubled = [*whole[:4], whole[3], *whole[4:]]
    (sentence,) = find(doubled)
    assert "has the same number as the one before it: inserted" in sentence
    beyond = [*whole, changed(whole, 8, number=4)[8]]
    assert any("goes on to link 4, though its head says 3: inserted" in sentence for sentence in find(beyond))
    foreign = [*whole, changed(whole, 8, organization_id="someone")[8]]
    assert find(foreign) == ["line 10 of the file belongs to a chain the first line does not name"]


def test_lines_in_another_order_are_found(whole: list[bytes]) -> None:
    found = find([*whole[:2], whole[3], whole[2], *whole[4:]])
    assert any("not in its order" in sentence for sentence in found)
    late = find([*whole[:5], *whole[6:], whole[5]])
    assert any("belongs to a chain that had ended before" in sentence for sentence in late)
    one, other = json.loads(whole[2]), json.loads(whole[4])
    moved = {"number": one["number"], "hash": one["hash"]}, {"number": other["number"], "hash": other["hash"]}
    swapped = [*whole[:2], _json({**other, **moved[0]}), whole[3], _json({**one, **moved[1]}), *whole[5:]]
    assert any("the two were exchanged" in sentence for sentence in find(swapped))


def test_links_of_another_chain_do_not_pass(whole: list[bytes]) -> None:
    _, others = make(SOUTH, 5)
    as_own = [structs.replace(each, organization_id=NORTH) for each in others]
    passed_off = write((make(NORTH, 5)[0], as_own))
    assert find(passed_off)
    assert not verify_by_the_book(passed_off)


def test_a_file_made_anew_is_found_by_a_head_noted_earlier(whole: list[bytes]) -> None:
    noted = make(NORTH, 4)[0]
    assert find(whole, noted) == []
    anew = write(make(NORTH, 5, start=1), make(SOUTH, 3))
    assert find(anew) == []
    assert find(anew, noted) == [
        f"link 4 of the chain of {NORTH} is another one than was noted: the chain was written anew"
    ]
    assert find(write(make(NORTH, 3)), noted) == [
        f"link 4 of the chain of {NORTH} was noted and is not there: the chain was cut off"
    ]
    assert len(find(write(make(SOUTH, 3)), noted)) == 1


def test_a_part_is_verified_link_by_link() -> None:
    head, lines = make(NORTH, 6)
    part = [structs.replace(each, previous=lines[each.number - 2].hash) for each in lines if each.number in {2, 4, 5}]
    written = write((head, part), is_whole=False)
    assert find(written) == []
    (sentence,) = find(changed(written, 2, kind="account.disabled"))
    assert "link 4" in sentence
    assert find([written[0], *written[2:]]) == [], "of a part nobody can say what is missing"
    assert "names another link before it" in find(changed(written, 3, previous="00" * 32))[0]


@pytest.mark.parametrize(
    "first",
    [
        b"", b"\n", b"{}\n", b"nonsense\n", b'{"format":"portico-audit"}\n', b"\xff\xfe\n", b"[" * 100_000,
        b'{"format":"other","version":1,"exported_at":"2026-05-04T09:00:00Z","is_whole":true,"chains":[]}\n',
        b'{"format":"portico-audit","version":2,"exported_at":"2026-05-04T09:00:00Z","is_whole":true,"chains":[]}\n',
        (
            b'{"format":"portico-audit","version":1,"exported_at":"2026-05-04T09:00:00Z","is_whole":true,"chains":'
            b'[{"organization_id":"","number":1,"hash":"xyz"}]}\n'
        ),
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused(first: bytes) -> None:
    with pytest.raises(BadInput):
        find([first])


def test_lines_that_are_none_are_named_and_the_rest_is_verified(whole: list[bytes]) -> None:
    nonsense = [b"nonsense\n", b"\xff\n", b"{}\n", b"x" * 2_000_000 + b"\n", b"[" * 5000 + b"\n"]
    found = find([*whole, *nonsense])
    assert all("cannot be read" in sentence for sentence in found)
    assert 5 <= len(found) <= 7
    assert find([*whole[:4], b"\n", *whole[4:]]) == [], "an empty line says nothing"


@given(st.data())
@settings(max_examples=200)
def test_no_change_of_a_byte_goes_unseen(data: st.DataObject) -> None:
    lines = write(make(NORTH, 4))
    at = data.draw(st.integers(1, 4))
    place = data.draw(st.integers(0, len(lines[at]) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != lines[at][place]))
    altered = [*lines[:at], lines[at][:place] + bytes([byte]) + lines[at][place + 1 :], *lines[at + 1 :]]
    same = _meaning(altered[at]) == _meaning(lines[at])
    assert same or find(altered)


def _meaning(text: bytes) -> object:
    """What a line says; hexadecimal digits may be large or small."""
    try:
        said = json.loads(text)
        said["hash"], said["subject"]["salt"] = said["hash"].lower(), said["subject"]["salt"].lower()
    except (ValueError, LookupError, TypeError, AttributeError):
        return text
    return said


def test_heads_are_written_and_read() -> None:
    for head in (make(NORTH, 3)[0], make("", 2)[0], beginning(SOUTH)):
        assert read_head(write_head(head)) == head
        assert read_head(f" {write_head(head)}\n") == head


NO_HEADS = (
    "", "x", "deployment", "deployment:1", "deployment:1:00", f"nobody:1:{'0' * 64}", f"deployment:-1:{'0' * 64}",
    f"deployment:²:{'0' * 64}", f"{NORTH}:1:{'g' * 64}", f":1:{'0' * 64}",
)  # fmt: skip


@pytest.mark.parametrize("text", NO_HEADS)
def test_a_head_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_head(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "bc"], ["ab", "c"]),
        ([None, ""], ["", None]),
        (["1:a,", "b"], ["1:a,1", ":b"]),
        (["-,"], [None]),
    ],
)
def test_no_two_rows_of_texts_have_the_same_bytes(one: list[str | None], other: list[str | None]) -> None:
    assert b"".join(map(frame, one)) != b"".join(map(frame, other))
