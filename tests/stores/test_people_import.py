"""Importing people: line by line, whatever is in a line, from where it stopped, twice the same as once (D4)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from portico.audit.model import EventKind
from portico.kernel.errors import BadInput, Conflict
from portico.people_import.lines import LINE_MAX, Line, read_lines
from portico.people_import.model import Progress, Verdict
from portico.people_import.service import BATCH
from tests.support import foreign
from tests.support.dump import Dump, dump
from tests.support.foreign import CREDENTIALS, STRINGS
from tests.support.world import LIFTED, World, open_world

PASSWORD = "Harbour-Lamp-27"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A deployment without anybody."""
    async with open_world(tmp_path, database_url, limits=LIFTED) as opened:
        yield opened


class Desk:
    """Where files are handed in."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.file = folder / "people.jsonl"
        self.report = folder / "report.jsonl"
        self.seen: list[tuple[int, int]] = []

    def write(self, *lines: Mapping[str, Any] | bytes | str) -> None:
        """A file of these lines."""
        self.file.write_bytes(b"".join(_line(line) + b"\n" for line in lines))

    async def run(self, **options: Any) -> tuple[Progress, bool]:
        """Import the file."""
        watch = self._watch
        return await self.world.house.people_import.run(self.file, report=self.report, watch=watch, **options)

    async def rehearse(self) -> Progress:
        """Import the file, and do not."""
        return await self.world.house.people_import.rehearse(self.file, report=self.report, watch=self._watch)

    def told(self) -> list[tuple[int, str, str]]:
        """The report: line, verdict, code."""
        lines = self.report.read_text(encoding="utf-8").splitlines()
        return [(each["line"], each["verdict"], each.get("code", "")) for each in map(json.loads, lines)]

    async def people(self) -> Dump:
        """Everything in the database but how far imports have come."""
        return {name: rows for name, rows in (await dump(self.world.house.database)).items() if name != "imports"}

    def _watch(self, done: int, total: int) -> None:
        self.seen.append((done, total))


def _line(line: Mapping[str, Any] | bytes | str) -> bytes:
    if isinstance(line, bytes):
        return line
    return line.encode() if isinstance(line, str) else json.dumps(line, ensure_ascii=False).encode()


def person(name: str, **more: Any) -> dict[str, Any]:
    """Somebody's line."""
    return {"address": f"{name}@north-clinic.example", **more}


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Desk:
    return Desk(world, tmp_path)


async def test_people_arrive_with_all_that_is_said_of_them(desk: Desk) -> None:  # D4, rule 11
    desk.write(
        person(
            "Nora", handle="Nora.L", first_name=" Nora ", last_name="Lindqvist", language="de-AT",
            time_zone="Europe/Vienna", created_at="2019-03-04T05:06:07+02:00", password_hash=foreign.argon2(PASSWORD),
        ),
        person("tom", is_disabled=True),
    )  # fmt: skip
    progress, is_new = await desk.run(language="en")
    assert is_new
    assert (progress.added, progress.present, progress.refused, progress.lines_done) == (2, 0, 0, 2)
    nora = await desk.world.get_account("nora@north-clinic.example")
    assert (nora.address, nora.handle, nora.first_name, nora.last_name) == (
        "Nora@north-clinic.example", "nora.l", "Nora", "Lindqvist",
    )  # fmt: skip
    assert (nora.language, nora.time_zone, nora.state.value) == ("de", "Europe/Vienna", "active")
    assert nora.created_at.isoformat() == "2019-03-04T03:06:07+00:00"
    assert nora.address_confirmed_at == desk.world.clock.now(), "whoever imports vouches for the mailbox"
    tom = await desk.world.get_account("tom@north-clinic.example")
    assert (tom.handle, tom.language, tom.state.value, tom.created_at) == (
        "tom.member" if len("tom") < 3 else "tom", "en", "disabled", desk.world.clock.now(),
    )  # fmt: skip
    (event,) = await desk.world.house.audit.list_events(desk.world.house.database, nora.id)
    assert event.event.kind is EventKind.ACCOUNT_IMPORTED
    assert event.event.details == {"import": progress.digest[:16], "line": 1}
    assert not await desk.world.letters(), "nobody is sent anything"
    assert desk.seen[-1] == (desk.file.stat().st_size, desk.file.stat().st_size)


async def test_everybody_signs_in_with_the_password_they_have(desk: Desk) -> None:  # D4
    """By every form of hash, through the door; the hash is today's from then on, and no password opens another's."""
    password = "Zoë-Harbour-27"
    forms = [*STRINGS, *CREDENTIALS]
    desk.write(
        *(person(f"p{at}", password_hash=STRINGS[form](password)) for at, form in enumerate(STRINGS)),
        *(person(f"k{at}", keycloak=CREDENTIALS[form](password)) for at, form in enumerate(CREDENTIALS)),
    )
    progress, _ = await desk.run()
    assert progress.added == len(forms)
    house = desk.world.house
    names = [*(f"p{at}" for at in range(len(STRINGS))), *(f"k{at}" for at in range(len(CREDENTIALS)))]
    for name in names:
        address = f"{name}@north-clinic.example"
        account = await desk.world.get_account(address)
        before = await stored_hash(desk.world, account.id)
        assert house.hasher.is_outdated(before)
        async with desk.world.native() as client:
            assert "tokens" not in (await client.sign_in(address, password + "x")).json(), name
            assert await stored_hash(desk.world, account.id) == before
            assert "tokens" in (await client.sign_in(address, password)).json(), name
        after = await stored_hash(desk.world, account.id)
        assert not house.hasher.is_outdated(after)
        assert after.startswith(b"$argon2id$v=19$m=8,t=1,p=1$")
        async with desk.world.browser() as browser:
            signed_in = await browser.sign_in(address, password)
            assert (await browser.follow(signed_in)).status_code == 200
    rows = await house.database.list_rows("SELECT version, changed_at FROM credentials")
    assert {row["version"] for row in rows} == {1}, "an upgrade is no change of the password"


async def stored_hash(world: World, account_id: str) -> bytes:
    row = await world.house.database.find_row("SELECT secret FROM credentials WHERE account_id = $1", account_id)
    assert row is not None
    return bytes(row["secret"])


DAMAGED: list[tuple[str, Mapping[str, Any] | bytes | str]] = [
    ("bad_json", "{"),
    ("bad_json", b"\0\0\0\0"),
    ("bad_field", "[" * 10_000),
    ("bad_json", '{"address": "a@example.org", "keycloak": {"secretData": {"value": ' + "[" * 10_000),
    ("bad_json", '{"address": "a@example.org"} {"address": "b@example.org"}'),
    ("bad_field", "[]"),
    ("bad_field", "null"),
    ("bad_field", "{}"),
    ("bad_field", person("a", nonsense=1)),
    ("bad_field", person("a", is_operator=True)),
    ("bad_field", person("a", is_disabled="yes")),
    ("bad_field", person("a", handle=5)),
    ("bad_field", person("a", created_at="2019-03-04T05:06:07")),
    ("bad_field", person("a", created_at="yesterday")),
    ("bad_field", person("a", keycloak={"secretData": 1})),
    ("bad_utf8", b'{"address": "a\xff@example.org"}'),
    ("too_long", person("a", first_name="x" * LINE_MAX)),
    ("too_long", b"x" * 3_000_000),
    ("empty", ""),
    ("empty", "   "),
    ("unwritable", '{"address": "a@example.org", "first_name": "N\\u0000ora"}'),
    ("address_impossible", {"address": ""}),
    ("address_impossible", {"address": "nobody"}),
    ("address_impossible", {"address": "a@b@example.org"}),
    ("address_impossible", {"address": "a@" + "b" * 300 + ".example"}),
    ("handle_impossible", person("a", handle="x")),
    ("handle_impossible", person("a", handle="no@handle")),
    ("handle_impossible", person("a", handle="admin")),
    ("handle_impossible", person("a", handle="x" * 31)),
    ("name_too_long", person("a", first_name="x" * 101)),
    ("language_unknown", person("a", language="tlh")),
    ("time_zone_unknown", person("a", time_zone="Europe/Atlantis")),
    ("time_zone_unknown", person("a", time_zone="../../etc/passwd")),
    ("created_at_impossible", person("a", created_at="2999-01-01T00:00:00Z")),
    ("created_at_impossible", person("a", created_at="1900-01-01T00:00:00Z")),
    ("hash_unknown", person("a", password_hash="5f4dcc3b5aa765d61d8327deb882cf99")),
    ("hash_damaged", person("a", password_hash="$2b$12$short")),
    ("hash_damaged", person("a", password_hash="$2b$12$" + "a" * 5000)),
    ("hash_too_costly", person("a", password_hash="$2b$31$" + "a" * 53)),
    ("hash_too_costly", person("a", password_hash=f"$argon2id$v=19$m=10485760,t=1,p=1${'A' * 22}${'A' * 43}")),
    ("two_hashes", person("a", password_hash=foreign.argon2("x"), keycloak=foreign.keycloak_argon2("x"))),
]


async def test_damaged_lines_are_refused_singly_and_stop_nobody(desk: Desk) -> None:  # D4
    lines: list[Mapping[str, Any] | bytes | str] = []
    for at, (_code, line) in enumerate(DAMAGED):
        lines += [line, person(f"good{at}")]
    desk.write(*lines)
    progress, _ = await desk.run()
    told = desk.told()
    assert [line for line, _, _ in told] == list(range(1, 2 * len(DAMAGED) + 1))
    assert [(verdict, code) for _, verdict, code in told[::2]] == [("refused", code) for code, _ in DAMAGED]
    assert {verdict for _, verdict, _ in told[1::2]} == {"added"}
    assert (progress.added, progress.refused) == (len(DAMAGED), len(DAMAGED))
    report = desk.report.read_text(encoding="utf-8")
    assert "@" not in report, "the report names nobody"
    assert desk.report.stat().st_mode & 0o777 == 0o600


async def test_the_database_decides_who_is_there_already(desk: Desk) -> None:  # D1, D4
    await desk.world.add_person("nora@north-clinic.example", PASSWORD, handle="nora")
    before = await stored_hash(desk.world, (await desk.world.get_account("nora@north-clinic.example")).id)
    desk.write(
        person("NORA", password_hash=foreign.argon2("Another-Password-1")),
        person("tom", handle="Nora"),
        person("mia", handle="mia"),
        person("Mia", handle="mia2"),
        person("max", handle="MIA"),
        person("nora.b"),
        {"address": "nora@other.example"},
    )
    progress, _ = await desk.run()
    assert [told[1:] for told in desk.told()] == [
        ("present", ""),
        ("refused", "handle_taken"),
        ("added", ""),
        ("refused", "address_doubled"),
        ("refused", "handle_taken"),
        ("added", ""),
        ("added", ""),
    ]
    assert (progress.added, progress.present, progress.refused) == (3, 1, 3)
    nora = await desk.world.get_account("nora@north-clinic.example")
    assert await stored_hash(desk.world, nora.id) == before, "who is there is left alone"
    other = await desk.world.get_account("nora@other.example")
    assert other.handle.startswith("nora")
    assert other.handle != "nora"


def a_crowd(count: int) -> Iterator[dict[str, Any]]:
    """Many people, some of them twice, some damaged."""
    for at in range(count):
        match at % 10:
            case 3:
                yield person(f"anna{at - 1}")
            case 5:
                yield person(f"anna{at}", handle="nora")
            case 7:
                yield person(f"anna{at}", language="tlh")
            case _:
                yield person(f"anna{at}", handle=f"handle{at}" if at % 2 else None)


async def test_a_dry_run_says_the_same_and_changes_nothing(desk: Desk) -> None:  # D4
    await desk.world.add_person("anna1@north-clinic.example", PASSWORD, handle="nora")
    crowd = [*a_crowd(BATCH * 2 + 30)]
    desk.write(*crowd, *crowd[:20], person("zoe", handle="anna2"), person("late", handle="anna0"))
    before = await dump(desk.world.house.database)
    rehearsed = await desk.rehearse()
    assert await dump(desk.world.house.database) == before
    told = desk.told()
    assert told[-2:] == [(len(told) - 1, "refused", "handle_taken"), (len(told), "refused", "handle_taken")]
    progress, is_new = await desk.run()
    assert is_new
    assert desk.told() == told
    assert (progress.added, progress.present, progress.refused) == (
        rehearsed.added, rehearsed.present, rehearsed.refused,
    )  # fmt: skip
    assert progress.present == 2


async def test_a_finished_file_is_not_imported_again(desk: Desk) -> None:  # D4
    desk.write(*a_crowd(30))
    first, _ = await desk.run()
    before, report = await dump(desk.world.house.database), desk.report.read_bytes()
    desk.world.clock.advance(days=1)
    again, is_new = await desk.run()
    assert not is_new
    assert again == first
    assert await dump(desk.world.house.database) == before
    assert desk.report.read_bytes() == report


class Stopped(Exception):
    """The process was ended here."""


@pytest.mark.parametrize("stop_after", [0, 1, 2])
@pytest.mark.parametrize("is_report_lost", [False, True])
async def test_what_was_stopped_goes_on_where_it_stopped(desk: Desk, stop_after: int, is_report_lost: bool) -> None:
    # D4
    desk.write(*a_crowd(BATCH * 3 + 10))
    await desk.rehearse()
    told = desk.told()
    desk.report.unlink()

    desk.seen.clear()

    def stop(done: int, total: int) -> None:
        if len(desk.seen) == stop_after:
            raise Stopped
        desk.seen.append((done, total))

    with pytest.raises(Stopped):
        await desk.world.house.people_import.run(desk.file, report=desk.report, watch=stop)
    found = await desk.world.house.database.find_row("SELECT lines_done FROM imports")
    assert found is not None
    assert found["lines_done"] == stop_after * BATCH
    if is_report_lost:
        desk.report.unlink()
    elif stop_after:
        content = desk.report.read_bytes()
        desk.report.write_bytes(content[: len(content) // 2 + 3])  # what was committed and never written down
    progress, is_new = await desk.run()
    assert is_new
    assert progress.lines_done == BATCH * 3 + 10
    assert desk.told() == told
    accounts = await desk.world.house.database.find_row("SELECT COUNT(*) AS people FROM accounts")
    assert accounts is not None
    assert accounts["people"] == progress.added


async def test_of_several_at_once_one_deals_with_a_line(desk: Desk) -> None:  # D4
    desk.write(*a_crowd(BATCH * 2))
    imports = [desk.world.house.people_import.run(desk.file, watch=lambda _done, _total: None) for _ in range(3)]
    results = await asyncio.gather(*imports, return_exceptions=True)
    assert all(isinstance(result, Conflict | tuple) for result in results), results
    assert any(isinstance(result, Conflict) for result in results)
    progress, _ = await desk.run()
    assert progress.lines_done == BATCH * 2
    counted = await desk.world.house.database.find_row("SELECT COUNT(*) AS people FROM accounts")
    assert counted is not None
    assert counted["people"] == progress.added


@pytest.mark.parametrize("language", ["tlh", "EN", "de-AT"])
async def test_a_language_we_do_not_speak_is_refused_before_anything(desk: Desk, language: str) -> None:
    desk.write(person("nora"))
    with pytest.raises(BadInput, match="languages"):
        await desk.run(language=language)
    assert not desk.report.exists()


async def test_what_is_no_file_is_refused(desk: Desk, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        desk.file = path
        with pytest.raises(BadInput, match="not a file"):
            await desk.run()


def cut(tmp_path: Path, content: bytes) -> list[Line]:
    file = tmp_path / "lines"
    file.write_bytes(content)
    with file.open("rb") as stream:
        return list(read_lines(stream))


def test_lines_are_cut_whatever_ends_them(tmp_path: Path) -> None:
    assert cut(tmp_path, b"") == []
    assert cut(tmp_path, b"a\r\nb\n\nc") == [Line(1, b"a", 3), Line(2, b"b", 5), Line(3, b"", 6), Line(4, b"c", 7)]
    whole = b"x" * LINE_MAX
    assert [line.data for line in cut(tmp_path, whole + b"\n" + whole + b"\r\n" + whole)] == [whole] * 3
    long = b"x" * (LINE_MAX + 1) + b"\r" * 5
    for size in (0, 10, 5_000_000):
        assert [line.data for line in cut(tmp_path, long + b"y" * size + b"\nb\n")] == [None, b"b"]
    assert [line.data for line in cut(tmp_path, long)] == [None]


async def test_a_byte_order_mark_is_no_part_of_the_first_line(desk: Desk) -> None:
    desk.write(b"\xef\xbb\xbf" + _line(person("nora")), b"\xef\xbb\xbf" + _line(person("tom")))
    await desk.run()
    assert [told[1:] for told in desk.told()] == [("added", ""), ("refused", "bad_json")]
    assert Verdict.ADDED.value == "added"
