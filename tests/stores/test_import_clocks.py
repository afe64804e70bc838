"""People who are imported keep the age of their password and the ones they had before (S87, S100, D4)."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from portico.factors.methods import count_former_passwords
from portico.factors.model import IMPORTED_HISTORY_KEPT
from portico.organizations.policy import PolicyFields
from portico.people_import.lines import LINE_MAX
from portico.people_import.model import Progress
from tests.support import foreign
from tests.support.dump import dump
from tests.support.foreign import CREDENTIALS, STRINGS
from tests.support.organizations import ask, found, join
from tests.support.world import ADDRESS, LIFTED, NEW_PASSWORD, PASSWORD, START, World, open_world

LATER = ["Amber-Kettle-77", "Bronze-Lantern-66", "Copper-Basket-55", "Dusty-Ladder-44", "Early-Marble-33"]
"""What Nora had before, newest first."""


class Desk:
    """Where files are handed in."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.file = folder / "people.jsonl"
        self.report = folder / "report.jsonl"

    async def bring(self, *lines: Mapping[str, Any], dry: bool = False) -> Progress:
        """Import a file of these lines, or go through it only."""
        self.file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        people = self.world.house.people_import
        if dry:
            return await people.rehearse(self.file, report=self.report, watch=lambda _done, _total: None)
        return (await people.run(self.file, report=self.report, watch=lambda _done, _total: None))[0]

    def told(self) -> list[dict[str, Any]]:
        """The report."""
        return [json.loads(line) for line in self.report.read_text(encoding="utf-8").splitlines()]

    async def kept(self) -> int:
        """How many former passwords there are of Nora's."""
        return await count_former_passwords(self.world.house.database, (await self.world.get_account()).id)


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A deployment without anybody."""
    async with open_world(tmp_path, database_url, limits=LIFTED) as world:
        yield Desk(world, tmp_path)


def nora(**more: Any) -> dict[str, Any]:
    """Her line."""
    return {"address": ADDRESS, "handle": "nora", "password_hash": foreign.bcrypt_hash(PASSWORD), **more}


async def test_a_password_is_as_old_as_it_was_elsewhere(desk: Desk) -> None:  # S86, S100, D4
    """The hash becomes ours at the first sign-in, which does not make the password younger."""
    await desk.bring(nora(password_changed_at="2026-03-05T11:00:00+02:00"))
    world = desk.world
    clinic = await found(world)
    await ask(world, clinic, PolicyFields(max_age_days=61))
    await join(world, clinic, await world.get_account())
    async with world.native() as client:
        assert "tokens" in (await client.sign_in()).json()
    stored = await world.house.password.find_credential(world.house.database, (await world.get_account()).id)
    assert stored is not None
    assert not world.house.hasher.is_outdated(stored.secret)
    assert stored.changed_at == START - timedelta(days=60)
    world.clock.advance(days=1, seconds=-1)
    async with world.native() as client:
        assert "tokens" in (await client.sign_in()).json()
    world.clock.advance(seconds=1)
    async with world.native() as client:
        answer = (await client.sign_in()).json()
        assert (answer["step"]["step"], answer["step"]["why"]) == ("change_password", "expired")


async def test_without_a_date_it_is_as_old_as_the_import(desk: Desk) -> None:
    await desk.bring(nora())
    stored = await desk.world.house.password.find_credential(
        desk.world.house.database, (await desk.world.get_account()).id
    )
    assert stored is not None
    assert stored.changed_at == START


async def test_passwords_from_elsewhere_are_not_used_again(desk: Desk) -> None:  # S87, D4
    world = desk.world
    makers = [*STRINGS.values(), *CREDENTIALS.values()]
    await desk.bring(nora(password_history=[make(word) for make, word in zip(makers[3:], LATER, strict=False)]))
    assert await desk.kept() == 5
    clinic = await found(world)
    await ask(world, clinic, PolicyFields(history=5))
    await join(world, clinic, await world.get_account())
    async with world.native() as client:
        await client.sign_in()

        async def choose(word: str) -> str:
            body = {"current_password": PASSWORD, "new_password": word}
            failure = (await client.call("POST", "/account/password", body)).json().get("failure")
            return str(failure["code"]) if failure else ""

        for word in (PASSWORD, *LATER[:4]):
            assert await choose(word) == "password.reused.by_one", word
        assert await choose(LATER[4]) == ""


async def test_every_form_can_stand_in_a_history(desk: Desk) -> None:  # D4
    forms = [make(NEW_PASSWORD) for make in (*STRINGS.values(), *CREDENTIALS.values())]
    await desk.bring(nora(password_history=forms))
    assert await desk.kept() == len(forms)


async def test_as_many_as_there_may_be_fit_a_line(desk: Desk) -> None:
    line = nora(password_history=[foreign.keycloak_pbkdf2(word) for word in [NEW_PASSWORD] * 24])
    assert len(json.dumps(line)) < LINE_MAX
    progress = await desk.bring(line)
    assert (progress.added, await desk.kept()) == (1, 24)


async def test_they_wait_for_somebody_who_asks_and_not_for_ever(desk: Desk) -> None:
    await desk.bring(nora(password_history=[foreign.argon2(word) for word in LATER]))
    await desk.world.house.runner.run_all_once()
    assert await desk.kept() == 5
    desk.world.clock.advance(seconds=(IMPORTED_HISTORY_KEPT - timedelta(seconds=1)).total_seconds())
    await desk.world.house.runner.run_all_once()
    assert await desk.kept() == 5
    desk.world.clock.advance(seconds=1)
    await desk.world.house.runner.run_all_once()
    assert await desk.kept() == 0


GOOD = foreign.argon2(NEW_PASSWORD)
IMPOSSIBLE: list[tuple[str, str, dict[str, Any]]] = [
    ("password_changed_at_impossible", "", {"password_changed_at": "2026-05-04T09:00:01Z"}),
    ("password_changed_at_impossible", "", {"password_changed_at": "2999-01-01T00:00:00Z"}),
    ("password_changed_at_impossible", "", {"password_changed_at": "1969-12-31T23:59:59Z"}),
    ("bad_field", "password_changed_at", {"password_changed_at": "2026-01-01T00:00:00"}),
    ("bad_field", "password_changed_at", {"password_changed_at": "last week"}),
    ("bad_field", "password_changed_at", {"password_changed_at": "2026-02-30T00:00:00Z"}),
    ("bad_field", "password_changed_at", {"password_changed_at": 5}),
    ("password_missing", "", {"password_hash": None, "password_changed_at": "2026-01-01T00:00:00Z"}),
    ("password_missing", "", {"password_hash": None, "password_history": [GOOD]}),
    ("bad_field", "password_history", {"password_history": [GOOD] * 25}),
    ("bad_field", "password_history", {"password_history": GOOD}),
    ("bad_field", "password_history", {"password_history": None}),
    ("bad_field", "password_history", {"password_history": [None]}),
    ("bad_field", "password_history", {"password_history": [5]}),
    ("bad_field", "password_history", {"password_history": [[GOOD]]}),
    ("bad_field", "password_history", {"password_history": [{"secretData": 1}]}),
    ("hash_unknown", "password_history[0]", {"password_history": ["5f4dcc3b5aa765d61d8327deb882cf99"]}),
    ("hash_unknown", "password_history[1]", {"password_history": [GOOD, PASSWORD]}),
    ("hash_unknown", "password_history[0]", {"password_history": [""]}),
    ("hash_damaged", "password_history[2]", {"password_history": [GOOD, GOOD, "$2b$12$short", "nonsense"]}),
    ("hash_damaged", "password_history[0]", {"password_history": [{"secretData": "{", "credentialData": "{}"}]}),
    ("hash_too_costly", "password_history[1]", {"password_history": [GOOD, "$2b$31$" + "a" * 53]}),
    (
        "hash_too_costly",
        "password_history[0]",
        {"password_history": [f"$argon2id$v=19$m=10485760,t=1,p=1${'A' * 22}${'A' * 43}"]},
    ),
]


async def test_what_cannot_be_is_refused_by_dry_run_and_import_alike(desk: Desk) -> None:  # D4
    lines = [
        nora(address=f"p{at}@north-clinic.example", handle=None, **more) for at, (*_, more) in enumerate(IMPOSSIBLE)
    ]
    lines.append(nora(password_changed_at="2026-05-04T09:00:00Z", password_history=[GOOD]))
    before = await dump(desk.world.house.database)
    await desk.bring(*lines, dry=True)
    assert await dump(desk.world.house.database) == before
    rehearsed = desk.told()
    progress = await desk.bring(*lines)
    assert desk.told() == rehearsed
    for told, (code, detail, more) in zip(rehearsed, IMPOSSIBLE, strict=False):
        assert (told["verdict"], told["code"]) == ("refused", code), (told, more)
        assert detail in told.get("detail", "")
    assert rehearsed[-1]["verdict"] == "added"
    assert (progress.added, progress.refused) == (1, len(IMPOSSIBLE))
    assert PASSWORD not in desk.report.read_text(encoding="utf-8")
    assert "argon2" not in desk.report.read_text(encoding="utf-8")
