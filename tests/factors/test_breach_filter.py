"""The filter file: what was put in is found, nothing else is, and what is not whole is refused (D2)."""

import gzip
import hashlib
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portico.factors.breach_filter import ENTRIES_AT, ENTRY_BYTES, HEADER, BreachFilter
from portico.factors.filter_builder import TOLD_DAMAGE, build_filter
from portico.factors.screening import sha1_of
from portico.kernel.errors import Misconfigured
from tests.architecture.source import ROOT

WORDS = [f"word {number}" for number in range(2_000)]


def lines(words: Iterable[str], count: int | None = 3) -> bytes:
    """A published list."""
    return b"".join(
        sha1_of(word).hex().upper().encode() + (b"" if count is None else b":%d" % count) + b"\r\n" for word in words
    )


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of words, in no order."""
    path = tmp_path / "hashes.txt"
    path.write_bytes(lines(WORDS))
    return path


@pytest.fixture
def built(listed: Path, tmp_path: Path) -> Path:
    """A filter file of those words."""
    path = tmp_path / "breached.filter"
    assert build_filter(listed, path).kept == len(WORDS)
    return path


def test_what_was_put_in_is_found_and_nothing_else(built: Path) -> None:  # D2
    known = BreachFilter(built)
    assert known.count == len(WORDS)
    assert all(known.is_known(sha1_of(word)) for word in WORDS)
    assert not any(known.is_known(sha1_of(f"other {number}")) for number in range(2_000))
    known.check_entries()
    known.close()


def test_the_file_is_as_its_description_says(tmp_path: Path) -> None:  # D2
    """Written here from docs/operating/passwords.md alone, as another program would."""
    entries = sorted({hashlib.sha1(word.encode()).digest()[:8] for word in WORDS})  # noqa: S324 - the format's hash
    places = [sum(entry[:2] < place.to_bytes(2) for entry in entries) for place in range(0, 1 << 16, 257)]
    body = b"".join(entry[2:] for entry in entries)
    index, at = b"", 0
    for place in range(1 << 16):
        while at < len(entries) and int.from_bytes(entries[at][:2]) < place:
            at += 1
        index += struct.pack(">Q", at)
    index += struct.pack(">Q", len(entries))
    assert [struct.unpack_from(">Q", index, 8 * place)[0] for place in range(0, 1 << 16, 257)] == places
    head = b"Portico breached" + struct.pack(">IIQ", 1, 0, len(entries))
    head += hashlib.sha256(index).digest() + hashlib.sha256(body).digest()
    written = head + hashlib.sha256(head).digest() + index + body
    (tmp_path / "hashes").write_bytes(lines(WORDS))
    build_filter(tmp_path / "hashes", tmp_path / "filter")
    assert (tmp_path / "filter").read_bytes() == written


@pytest.mark.parametrize("order", ["as it comes", "sorted", "reversed", "doubled"])
@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("piece", [7, 1_000, 1_000_000])
def test_order_packing_and_pieces_change_nothing(
    built: Path, tmp_path: Path, order: str, piece: int, *, is_packed: bool
) -> None:
    text = lines(WORDS).splitlines(keepends=True)
    text = {"sorted": sorted(text), "reversed": sorted(text)[::-1], "doubled": text * 2}.get(order, text)
    path, output = tmp_path / "list", tmp_path / "other"
    path.write_bytes(gzip.compress(b"".join(text)) if is_packed else b"".join(text))
    build_filter(path, output, piece_entries=piece)
    assert output.read_bytes() == built.read_bytes()


@settings(max_examples=50)
@given(st.lists(st.binary(min_size=20, max_size=20), min_size=1, max_size=40), st.integers(1, 10))
def test_any_hashes_are_found_again(tmp_path_factory: pytest.TempPathFactory, hashes: list[bytes], piece: int) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "any").write_bytes(b"".join(each.hex().encode() + b"\n" for each in hashes))
    assert build_filter(folder / "any", folder / "made", piece_entries=piece).kept == len({each[:8] for each in hashes})
    known = BreachFilter(folder / "made")
    assert all(known.is_known(each) for each in hashes)
    assert not any(known.is_known(bytes([each[0] ^ 1, *each[1:]])) for each in hashes if len(hashes) == 1)
    known.close()


def test_what_was_seen_too_seldom_is_left_out(tmp_path: Path) -> None:  # D2
    (tmp_path / "list").write_bytes(lines(["often"], 10) + lines(["seldom"], 2) + lines(["once"], None))
    built = build_filter(tmp_path / "list", tmp_path / "filter", min_count=3)
    assert (built.kept, built.rare, built.damaged) == (1, 2, 0)
    known = BreachFilter(tmp_path / "filter")
    assert [known.is_known(sha1_of(word)) for word in ("often", "seldom", "once")] == [True, False, False]
    with pytest.raises(Misconfigured, match="seen so often"):
        build_filter(tmp_path / "list", tmp_path / "filter", min_count=11)


def test_padding_of_a_range_answer_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(lines(["made up"], 0) + lines(["real"], 1))
    assert build_filter(tmp_path / "list", tmp_path / "filter").kept == 1


def test_damaged_lines_are_told_by_number_and_left_out(tmp_path: Path) -> None:  # D2
    good = lines(["one"]).strip()
    text = [
        b"\xef\xbb\xbf" + good,
        b"",
        b"no hash",
        good[:-3] + b":x",
        b"Hunter2:1",
        good[1:],
        b"\0" * 50,
        b"f" * 1_000_000,
    ]
    (tmp_path / "list").write_bytes(b"\n".join([*text, lines(["two"]).strip()]))
    built = build_filter(tmp_path / "list", tmp_path / "filter")
    assert (built.kept, built.lines, built.damaged) == (2, 9, 6)
    assert built.damaged_lines == [3, 4, 5, 6, 7, 8]


def test_a_list_of_nothing_but_damage_is_refused_and_the_old_filter_stays(built: Path, tmp_path: Path) -> None:
    before = built.read_bytes()
    (tmp_path / "list").write_bytes(b"this is no list\n" * 100)
    with pytest.raises(Misconfigured, match="no usable line: 100 damaged"):
        build_filter(tmp_path / "list", built)
    (tmp_path / "list").write_bytes(b"")
    with pytest.raises(Misconfigured, match="holds nothing"):
        build_filter(tmp_path / "list", built)
    assert built.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["breached.filter", "hashes.txt", "list"]


@pytest.mark.parametrize("damage", ["cut", "bent"])
def test_a_packed_list_that_is_not_whole_makes_no_filter(tmp_path: Path, damage: str) -> None:
    packed = bytearray(gzip.compress(lines(WORDS)))
    if damage == "cut":
        del packed[len(packed) // 2 :]
    else:
        packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "list").write_bytes(packed)
    with pytest.raises(Misconfigured, match="cannot be unpacked"):
        build_filter(tmp_path / "list", tmp_path / "filter")
    assert [path.name for path in tmp_path.iterdir()] == ["list"]


def test_a_list_and_a_filter_that_are_one_file_are_refused(listed: Path) -> None:
    with pytest.raises(Misconfigured, match="same file"):
        build_filter(listed, listed)
    assert listed.read_bytes() == lines(WORDS)


def test_places_that_are_not_there_are_told(listed: Path, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No such file"):
        build_filter(tmp_path / "nothing", tmp_path / "filter")
    with pytest.raises(Misconfigured, match="No such file"):
        build_filter(listed, tmp_path / "nowhere" / "filter")
    with pytest.raises(Misconfigured, match="Is a directory"):
        build_filter(listed, tmp_path)


def test_a_full_disk_leaves_the_old_filter(listed: Path, built: Path) -> None:
    before = built.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(Misconfigured, match="too large"):
            build_filter(listed, built)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert built.read_bytes() == before
    assert sorted(path.name for path in built.parent.iterdir()) == ["breached.filter", "hashes.txt"]


def test_a_running_server_keeps_the_file_it_has_opened(built: Path, tmp_path: Path) -> None:
    known = BreachFilter(built)
    (tmp_path / "list").write_bytes(lines(["something else"]))
    build_filter(tmp_path / "list", built)
    assert known.is_known(sha1_of(WORDS[0]))
    assert not BreachFilter(built).is_known(sha1_of(WORDS[0]))


@pytest.mark.parametrize("place", [0, 20, 24, 40, 70, 100, HEADER.size, HEADER.size + 70_001, ENTRIES_AT, -1])
def test_one_bit_anywhere_and_the_file_is_refused(built: Path, place: int) -> None:  # D2
    data = bytearray(built.read_bytes())
    data[place] ^= 0x10
    built.write_bytes(data)
    with pytest.raises(Misconfigured, match=r"is damaged.*build it again|is no filter file"):
        BreachFilter(built)


def test_a_large_file_is_checked_by_the_doctor_alone(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portico.factors.breach_filter.CHECKED_AT_ONCE", 1)
    data = bytearray(built.read_bytes())
    data[-1] ^= 1
    built.write_bytes(data)
    known = BreachFilter(built)
    with pytest.raises(Misconfigured, match="is damaged"):
        known.check_entries()


def test_foreign_files_are_refused(built: Path, tmp_path: Path) -> None:  # D2
    whole = built.read_bytes()
    later = bytearray(whole[:96])
    later[19] = 2
    index = bytearray(whole[HEADER.size : ENTRIES_AT])
    index[8:16] = struct.pack(">Q", 1 << 40)
    bent = whole[:32] + hashlib.sha256(index).digest() + whole[64:96]
    for data, why in (
        (b"", "is empty"),
        (b"just a text", "no filter file"),
        (lines(WORDS), "no filter file"),
        (whole[:50], "damaged"),
        (whole[: HEADER.size], "damaged"),
        (whole[:-ENTRY_BYTES], "damaged"),
        (whole + b"\0", "damaged"),
        (bytes(later) + hashlib.sha256(later).digest() + whole[HEADER.size :], "version 2"),
        (bent + hashlib.sha256(bent).digest() + index + whole[ENTRIES_AT:], "not in order"),
    ):
        (tmp_path / "file").write_bytes(data)
        with pytest.raises(Misconfigured, match=why):
            BreachFilter(tmp_path / "file")
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(Misconfigured, match="cannot be read"):
            BreachFilter(path)


def test_an_operator_builds_one(listed: Path, tmp_path: Path) -> None:  # D2
    with listed.open("ab") as file:
        file.write(b"damaged\n" * (TOLD_DAMAGE + 5))
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "portico",
        "passwords",
        "build-filter",
        listed,
        tmp_path / "filter",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'filter'} knows 2,000 passwords from 2,025 lines.\n"
    assert "2,025 lines read, 100%" in done.stderr
    assert "line 2001 is damaged" in done.stderr
    assert "and 5 more damaged lines" in done.stderr
    assert (tmp_path / "filter").stat().st_mode & 0o777 == 0o644
    again = subprocess.run([*command, "--min-count", "9"], cwd=ROOT, capture_output=True, check=False, text=True)
    assert again.returncode == 1
    assert "portico: " in again.stderr
    assert "Traceback" not in again.stderr


def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from portico.factors.filter_builder import build_filter
build_filter(Path(sys.argv[1]), Path(sys.argv[2]), piece_entries=5_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    used = []
    for count in (20_000, 200_000):
        path = tmp_path / f"{count}"
        with path.open("wb") as file:
            for number in range(count):
                file.write(hashlib.sha256(b"%d" % number).hexdigest()[:40].encode() + b":1\n")
        command: list[str | Path] = [sys.executable, "-c", code, path, tmp_path / "filter"]
        done = subprocess.run(command, env={**os.environ}, capture_output=True, check=True, text=True)
        used.append(int(done.stdout))
    assert used[1] < used[0] + 12 * 1024, f"{used} KiB"
