"""Profiles, Portico IDs and pictures: kept as they should be on both databases; an ID given up is nobody's (D1)."""

import asyncio
from datetime import timedelta

import pytest
from msgspec import structs

from portico.accounts import store
from portico.accounts.model import Account, Picture, Profile
from portico.accounts.pictures import Pictures
from portico.accounts.profile import HandleRefusal, Profiles
from portico.accounts.service import Accounts, handle_hash
from portico.audit.model import EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.kernel.chance import SystemChance
from portico.kernel.errors import BadInput, Conflict
from portico.kernel.sealing import SealingKeys
from portico.mail.service import Mail
from tests.support.racing import race
from tests.support.rows import NOW, SECOND, add_account

CHANCE = SystemChance()
AUDIT = Audit(CHANCE)
ACCOUNTS = Accounts(CHANCE, AUDIT, Mail(SealingKeys((bytes(32),)), CHANCE))
PROFILES = Profiles(AUDIT, ("en", "de"))
PICTURES = Pictures(AUDIT)


async def get(database: Database, name: str = "nora") -> Account:
    found = await store.find_account(database, f"account-{name}")
    assert found is not None
    return found


async def give(database: Database, made: Account, handle: str, **later: float) -> HandleRefusal | None:
    """Give somebody another Portico ID."""
    at = NOW + timedelta(**later)
    return await database.transact(lambda tx: PROFILES.change_handle(tx, at, made, handle))


async def kinds(database: Database, made: Account) -> list[EventKind]:
    return [recorded.event.kind for recorded in await AUDIT.list_events(database, made.id)]


async def test_a_profile_is_kept_with_language_and_time_zone(database: Database) -> None:
    made = await add_account(database)
    wanted = Profile(first_name=" Zoë ", last_name="O'Hara", language="de", time_zone="Asia/Kolkata")
    await database.transact(lambda tx: PROFILES.change_profile(tx, NOW, made, wanted, made.version))
    kept = await get(database)
    assert (kept.first_name, kept.last_name, kept.language, kept.time_zone) == ("Zoë", "O'Hara", "de", "Asia/Kolkata")
    event = (await AUDIT.list_events(database, made.id))[0].event
    assert event.details == {"fields": "first_name last_name language time_zone"}
    with pytest.raises(Conflict):
        await database.transact(lambda tx: PROFILES.change_profile(tx, NOW, made, wanted, made.version))


@pytest.mark.parametrize(
    "bad", [{"language": "fr"}, {"language": "en-XA"}, {"time_zone": "Mars/Base"}, {"time_zone": "../etc/passwd"}]
)
async def test_languages_and_zones_nobody_offers_are_refused(database: Database, bad: dict[str, str]) -> None:
    made = await add_account(database)
    profile = Profile(**{"first_name": "N", "last_name": "", **bad})
    with pytest.raises(BadInput):
        await database.transact(lambda tx: PROFILES.change_profile(tx, NOW, made, profile, 1))
    assert await get(database) == made


async def test_a_portico_id_is_changed_once(database: Database) -> None:  # D1
    made = await add_account(database)
    assert await give(database, made, " Nora.Two ") is None
    kept = await get(database)
    assert (kept.handle, kept.handle_key, kept.handle_changed_at) == ("nora.two", "nora.two", NOW)
    assert await store.find_account_by_handle(database, "nora") is None
    assert await give(database, kept, "nora.three") is HandleRefusal.CHANGED_BEFORE
    with pytest.raises(Conflict):
        await give(database, made, "nora.three")  # an old look at the account does not help
    assert (await get(database)).handle == "nora.two"
    assert await kinds(database, made) == [EventKind.HANDLE_CHANGED]


@pytest.mark.parametrize(
    ("typed", "refusal"),
    [
        ("", HandleRefusal.IMPOSSIBLE),
        ("no", HandleRefusal.IMPOSSIBLE),
        ("9nora", HandleRefusal.IMPOSSIBLE),
        ("nora@two", HandleRefusal.IMPOSSIBLE),
        ("n\u043era", HandleRefusal.IMPOSSIBLE),
        ("admin", HandleRefusal.IMPOSSIBLE),
        ("NORA", HandleRefusal.SAME),
        ("Tom", HandleRefusal.TAKEN),
    ],
)
async def test_a_portico_id_that_cannot_be_had_is_refused(  # D1
    database: Database, typed: str, refusal: HandleRefusal
) -> None:
    made = await add_account(database)
    await add_account(database, "tom")
    assert await give(database, made, typed) is refusal
    assert await get(database) == made


async def test_a_frozen_account_keeps_its_portico_id_to_the_last_second(database: Database) -> None:  # D22
    made = await add_account(database, frozen_until=NOW + timedelta(hours=72))
    assert await give(database, made, "nora.two", hours=72, seconds=-1) is HandleRefusal.FROZEN
    unaware = structs.replace(made, frozen_until=None)
    with pytest.raises(Conflict):
        await give(database, unaware, "nora.two", hours=71)
    assert await give(database, made, "nora.two", hours=72) is None


async def test_an_ended_epoch_changes_no_portico_id(database: Database) -> None:  # D22
    made = await add_account(database)
    await database.transact(lambda tx: store.raise_epoch(tx, made.id))
    with pytest.raises(Conflict):
        await give(database, made, "nora.two")
    assert (await get(database)).handle == "nora"


async def test_a_portico_id_that_was_given_up_is_nobodys(database: Database) -> None:  # D1
    nora, tom = await add_account(database), await add_account(database, "tom")
    assert await give(database, nora, "nora.two") is None
    assert await give(database, tom, "nora") is HandleRefusal.TAKEN
    with pytest.raises(Conflict):
        await add(database, "somebody@else.example", "nora")
    derived = await add(database, "nora@else.example", None)
    assert derived.handle != "nora"
    assert derived.handle.startswith("nora")
    rows = await database.list_rows("SELECT hash FROM retired_handles")
    assert [bytes(row["hash"]) for row in rows] == [handle_hash("nora")]


async def add(database: Database, address: str, handle: str | None) -> Account:
    return await database.transact(lambda tx: ACCOUNTS.add_account(tx, NOW, address=address, handle=handle))


async def test_nobody_gets_an_id_in_the_moment_it_is_given_up(database: Database, race_rounds: int) -> None:  # D1
    for number in range(race_rounds):
        made = await add_account(database, f"nora{number}")
        tom = await add_account(database, f"tom{number}")

        async def add_one(number: int = number) -> object:
            return await add(database, f"x{number}@else.example", f"nora{number}")

        tries = (give(database, made, f"new{number}"), add_one(), give(database, tom, f"nora{number}"))
        given, added, taken = await asyncio.gather(*tries, return_exceptions=True)
        assert given is None
        assert isinstance(added, Conflict)
        assert taken is HandleRefusal.TAKEN or isinstance(taken, Conflict)
        assert await store.find_account_by_handle(database, f"nora{number}") is None


async def test_of_many_who_want_one_portico_id_one_gets_it(database: Database, race_width: int) -> None:  # D1
    people = [await add_account(database, f"person{number}") for number in range(race_width)]

    async def want(made: Account) -> HandleRefusal | Conflict | None:
        try:
            return await give(database, made, "wanted")
        except Conflict as conflict:
            return conflict

    results = await asyncio.gather(*(want(made) for made in people))
    assert results.count(None) == 1
    assert all(each is None or each is HandleRefusal.TAKEN or isinstance(each, Conflict) for each in results)
    assert len(await database.list_rows("SELECT hash FROM retired_handles")) == 1


async def test_of_many_changes_of_one_portico_id_one_counts(database: Database, race_width: int) -> None:  # D1, rule 1
    made = await add_account(database)

    async def body(tx: Transaction, who: int) -> bool:
        return await store.change_handle(tx, made, f"nora{who}", NOW)

    assert (await race(database, race_width, body)).count(True) == 1


async def test_a_picture_takes_the_place_of_the_one_before(database: Database) -> None:
    made = await add_account(database)
    assert await PICTURES.find_picture(database, made.id) is None
    first = await database.transact(lambda tx: PICTURES.set_picture(tx, NOW, made, b"one"))
    second = await database.transact(lambda tx: PICTURES.set_picture(tx, NOW + SECOND, made, b"two"))
    assert first.digest != second.digest
    found = await PICTURES.find_picture(database, made.id)
    assert found == Picture(digest=second.digest, image=b"two", changed_at=NOW + SECOND)
    assert (await get(database)).picture == second.digest
    assert len(await database.list_rows("SELECT account_id FROM pictures")) == 1
    assert (await get(database)).version == made.version, "a picture changes nothing another page shows"


async def test_a_picture_is_removed_once(database: Database) -> None:
    made = await add_account(database)
    await database.transact(lambda tx: PICTURES.set_picture(tx, NOW, made, b"one"))
    assert await database.transact(lambda tx: PICTURES.remove_picture(tx, NOW, made))
    assert not await database.transact(lambda tx: PICTURES.remove_picture(tx, NOW, made))
    assert (await get(database)).picture == ""
    assert await PICTURES.find_picture(database, made.id) is None
    assert sorted(await kinds(database, made)) == [EventKind.PICTURE_CHANGED, EventKind.PICTURE_REMOVED]
