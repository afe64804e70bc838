"""Sessions, tokens and devices: alive while not ended, within their spans and of their account's epoch; spent once."""

from datetime import datetime, timedelta

import pytest
from msgspec import structs

from portico.accounts import store as accounts
from portico.accounts.model import Profile
from portico.database.engine import Database, Transaction
from portico.factors.proof import Proof, ProofClass, ProofKind
from portico.kernel.errors import Conflict
from portico.sessions import store
from portico.sessions.model import OpenSession, Session, SessionKind, SignedIn
from tests.support.racing import race
from tests.support.rows import (
    DAY,
    MICROSECOND,
    NOW,
    PASSWORD_PROOF,
    SECOND,
    add_account,
    add_device,
    add_session,
    digest,
    session,
)

HOUR = timedelta(hours=1)
TOTP_PROOF = Proof(kind=ProofKind.TOTP, classes=frozenset({ProofClass.HAVE}), at=NOW + SECOND, user_verified=True)


@pytest.fixture(autouse=True)
async def people(database: Database) -> None:
    """Nora and Tom with one device each."""
    for name, device in (("nora", "laptop"), ("tom", "phone")):
        await add_account(database, name)
        await add_device(database, device)


async def find(database: Database, name: str = "one", at: datetime = NOW) -> Session | None:
    """The session, asked for in all three ways, which must agree."""
    found = await store.find_session(database, f"session-{name}", at)
    assert found == await store.find_by_token(database, digest(name), at)
    return found.session if found else None


async def raise_epoch(database: Database, account_id: str = "account-nora") -> None:
    await database.transact(lambda tx: accounts.raise_epoch(tx, account_id))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"persistent": False, "idle_span": timedelta(hours=12), "ends_at": NOW + 7 * DAY},
        {"kind": SessionKind.NATIVE, "policy_version": "2026-05-04", "proofs": (PASSWORD_PROOF, TOTP_PROOF)},
        {"proofs": ()},
    ],
    ids=["plain", "brief", "native with two proofs", "no proofs"],
)
async def test_a_session_comes_back_as_it_was_stored(database: Database, changes: dict[str, object]) -> None:
    made = await add_session(database, "one", **changes)
    assert await find(database) == made


async def test_a_session_brings_its_account_as_it_is_now(database: Database) -> None:
    await add_session(database)
    await database.transact(
        lambda tx: accounts.change_profile(tx, "account-nora", Profile(first_name="Eleonora", last_name=""), 1)
    )
    account = await accounts.find_account(database, "account-nora")
    assert account is not None
    assert account.first_name == "Eleonora"
    assert await store.find_session(database, "session-one", NOW) == SignedIn(session=session("one"), account=account)


async def test_nothing_is_found_for_a_secret_nobody_has(database: Database) -> None:
    await add_session(database)
    assert await find(database, "another") is None
    assert await store.find_by_access_token(database, digest("one"), NOW) is None
    assert await store.find_refresh_token(database, digest("one")) is None


async def test_a_secret_opens_one_session_only(database: Database) -> None:
    await add_session(database)
    with pytest.raises(Conflict):
        await database.transact(lambda tx: store.add_session(tx, session("two"), digest("one")))


async def test_many_sessions_may_have_no_secret_of_a_browser(database: Database) -> None:
    for name in ("one", "two"):

        async def body(tx: Transaction, name: str = name) -> None:
            await store.add_session(tx, session(name, kind=SessionKind.NATIVE), None)

        await database.transact(body)
    assert await store.find_session(database, "session-two", NOW) is not None


async def test_a_session_ends_with_its_absolute_span_to_the_microsecond(database: Database) -> None:  # D21
    made = await add_session(database, idle_span=60 * DAY)
    assert await find(database, at=made.ends_at - MICROSECOND) == made
    assert await find(database, at=made.ends_at) is None


async def test_a_session_ends_when_it_rests_unused_for_its_idle_span(database: Database) -> None:  # D21
    made = await add_session(database)
    assert await find(database, at=NOW + made.idle_span - MICROSECOND) == made
    assert await find(database, at=NOW + made.idle_span) is None


async def test_use_moves_the_idle_end_but_not_the_absolute_one(database: Database) -> None:  # D21
    made = await add_session(database)
    seen = NOW + 13 * DAY
    await database.transact(lambda tx: store.touch(tx, made.id, seen, seen))
    assert await find(database, at=NOW + 20 * DAY) == structs.replace(made, last_seen_at=seen)
    await database.transact(lambda tx: store.touch(tx, made.id, NOW + 26 * DAY, NOW + 26 * DAY))
    assert await find(database, at=made.ends_at - MICROSECOND) is not None
    assert await find(database, at=made.ends_at) is None


async def test_use_is_noted_once_for_all_who_saw_the_same(database: Database) -> None:
    made = await add_session(database)
    minute = timedelta(minutes=1)
    await database.transact(lambda tx: store.touch(tx, made.id, NOW - MICROSECOND, NOW + minute))
    assert await find(database) == made
    await database.transact(lambda tx: store.touch(tx, made.id, NOW, NOW + minute))
    await database.transact(lambda tx: store.touch(tx, made.id, NOW, NOW + 2 * minute))
    assert await find(database) == structs.replace(made, last_seen_at=NOW + minute)


async def test_a_session_of_an_earlier_epoch_is_dead_in_every_way(database: Database) -> None:  # D22
    await add_session(database)
    await add_session(database, "toms", account_id="account-tom", device_id="device-phone")
    await database.transact(lambda tx: store.add_access_token(tx, digest("access"), "session-one", NOW + DAY))
    await raise_epoch(database)
    assert await find(database) is None
    assert await store.find_by_access_token(database, digest("access"), NOW) is None
    assert await store.list_open(database, "account-nora", NOW) == []
    assert await find(database, "toms") is not None


async def test_a_session_that_is_carried_over_lives_on_alone_with_its_devices_mark(database: Database) -> None:  # D22
    for name in ("one", "two"):
        await add_session(database, name)
    phone = "device-phone"
    for device in ("device-laptop", phone):

        async def mark(tx: Transaction, device: str = device) -> None:
            await store.mark_device_known(tx, device, "account-nora", 1, NOW)

        await database.transact(mark)
    await raise_epoch(database)
    await database.transact(lambda tx: store.stamp_epoch(tx, "session-one", 2))
    assert await find(database) == session("one", epoch=2)
    assert await find(database, "two") is None
    assert await store.find_known_device(database, digest("laptop"), "account-nora") == "device-laptop"
    assert await store.find_known_device(database, digest("phone"), "account-nora") is None


async def test_a_session_that_has_ended_cannot_be_carried_over(database: Database) -> None:  # D22
    await add_session(database)
    await database.transact(lambda tx: store.end_session(tx, "session-one", "account-nora", NOW))
    await raise_epoch(database)
    await database.transact(lambda tx: store.stamp_epoch(tx, "session-one", 2))
    assert await find(database) is None


async def test_another_secret_makes_the_former_worthless(database: Database) -> None:
    made = await add_session(database)
    await database.transact(lambda tx: store.set_token(tx, made.id, digest("fresh")))
    assert await store.find_by_token(database, digest("one"), NOW) is None
    found = await store.find_by_token(database, digest("fresh"), NOW)
    assert found is not None
    assert found.session == made


async def test_proofs_and_policy_are_replaced(database: Database) -> None:
    made = await add_session(database)

    async def body(tx: Transaction) -> None:
        await store.set_proofs(tx, made.id, (TOTP_PROOF,))
        await store.set_policy_version(tx, made.id, "2", HOUR, made.ends_at - HOUR, made.opened_at + HOUR)

    await database.transact(body)
    assert await find(database) == structs.replace(
        made,
        proofs=(TOTP_PROOF,),
        policy_version="2",
        idle_span=HOUR,
        ends_at=made.ends_at - HOUR,
        decide_at=made.opened_at + HOUR,
    )


async def test_a_session_is_ended_once_and_by_its_owner_only(database: Database) -> None:  # D22
    await add_session(database)
    assert not await database.transact(lambda tx: store.end_session(tx, "session-one", "account-tom", NOW))
    assert await find(database) is not None
    assert await database.transact(lambda tx: store.end_session(tx, "session-one", "account-nora", NOW))
    assert not await database.transact(lambda tx: store.end_session(tx, "session-one", "account-nora", NOW))
    assert await find(database) is None


async def test_of_fifty_who_end_a_session_one_did_it(database: Database, race_width: int, race_rounds: int) -> None:
    for number in range(race_rounds):
        made = await add_session(database, str(number))

        async def body(tx: Transaction, _who: int, made: Session = made) -> bool:
            return await store.end_session(tx, made.id, made.account_id, NOW)

        assert sorted(await race(database, race_width, body)) == [False] * (race_width - 1) + [True]


async def test_all_other_sessions_end_and_one_stays(database: Database) -> None:  # D22
    for name in ("one", "two", "three"):
        await add_session(database, name)
    await add_session(database, "toms", account_id="account-tom", device_id="device-phone")
    await database.transact(lambda tx: store.end_session(tx, "session-three", "account-nora", NOW))
    assert await database.transact(lambda tx: store.end_others(tx, "account-nora", "session-one", NOW)) == 1
    assert await find(database) is not None
    assert await find(database, "two") is None
    assert await find(database, "toms") is not None


async def test_of_fifty_who_end_the_others_each_session_is_ended_once(database: Database, race_width: int) -> None:
    for number in range(10):
        await add_session(database, str(number))

    async def body(tx: Transaction, _who: int) -> int:
        return await store.end_others(tx, "account-nora", "session-0", NOW)

    assert sum(await race(database, race_width, body)) == 9
    assert await find(database, "0") is not None


async def test_open_sessions_are_listed_the_last_used_first(database: Database) -> None:  # D22
    for number in range(3):
        await add_session(database, str(number), last_seen_at=NOW + number * SECOND, kind=SessionKind.NATIVE)
    await add_session(database, "ended")
    await add_session(database, "idle", last_seen_at=NOW - 20 * DAY)
    await add_session(database, "over", ends_at=NOW)
    await add_session(database, "toms", account_id="account-tom", device_id="device-phone")
    await database.transact(lambda tx: store.end_session(tx, "session-ended", "account-nora", NOW))
    listed = await store.list_open(database, "account-nora", NOW)
    assert [each.id for each in listed] == ["session-2", "session-1", "session-0"]
    assert listed[0] == OpenSession(
        id="session-2",
        kind=SessionKind.NATIVE,
        device_id="device-laptop",
        device_name="laptop",
        opened_at=NOW,
        last_seen_at=NOW + 2 * SECOND,
    )


async def test_an_access_token_is_good_until_it_expires_or_its_session_is_over(database: Database) -> None:  # D21
    made = await add_session(database)
    expires_at = NOW + timedelta(minutes=10)
    await database.transact(lambda tx: store.add_access_token(tx, digest("access"), made.id, expires_at))
    found = await store.find_by_access_token(database, digest("access"), expires_at - MICROSECOND)
    assert found is not None
    assert found.session == made
    assert await store.find_by_access_token(database, digest("access"), expires_at) is None
    await database.transact(lambda tx: store.end_session(tx, made.id, made.account_id, NOW))
    assert await store.find_by_access_token(database, digest("access"), NOW) is None


async def test_a_refresh_token_is_spent_once_and_remembered(database: Database) -> None:  # D21
    await add_session(database)
    expires_at = NOW + DAY
    await database.transact(lambda tx: store.add_refresh_token(tx, digest("r"), "session-one", NOW, expires_at))
    found = await store.find_refresh_token(database, digest("r"))
    assert found is not None
    assert (found.session_id, found.expires_at, found.used_at) == ("session-one", expires_at, None)
    assert await database.transact(lambda tx: store.spend_refresh_token(tx, digest("r"), NOW + SECOND))
    assert not await database.transact(lambda tx: store.spend_refresh_token(tx, digest("r"), NOW + SECOND))
    assert not await database.transact(lambda tx: store.spend_refresh_token(tx, digest("another"), NOW))
    assert await store.find_refresh_token(database, digest("r")) == structs.replace(found, used_at=NOW + SECOND)


async def test_an_expired_refresh_token_cannot_be_spent(database: Database) -> None:  # D21
    await add_session(database)
    await database.transact(lambda tx: store.add_refresh_token(tx, digest("r"), "session-one", NOW, NOW + DAY))
    assert not await database.transact(lambda tx: store.spend_refresh_token(tx, digest("r"), NOW + DAY))
    assert await database.transact(lambda tx: store.spend_refresh_token(tx, digest("r"), NOW + DAY - MICROSECOND))


async def test_of_fifty_who_spend_a_refresh_token_one_succeeds(  # D21
    database: Database, race_width: int, race_rounds: int
) -> None:
    await add_session(database)
    for number in range(race_rounds):
        token = digest(f"r{number}")

        async def add(tx: Transaction, token: bytes = token) -> None:
            await store.add_refresh_token(tx, token, "session-one", NOW, NOW + DAY)

        async def body(tx: Transaction, _who: int, token: bytes = token) -> bool:
            return await store.spend_refresh_token(tx, token, NOW)

        await database.transact(add)
        assert sorted(await race(database, race_width, body)) == [False] * (race_width - 1) + [True]


async def test_a_device_keeps_its_id_and_takes_its_newest_name(database: Database) -> None:
    async def body(tx: Transaction) -> str:
        return await store.keep_device(tx, "device-new", digest("laptop"), SessionKind.BROWSER, "Firefox", NOW + DAY)

    assert await database.transact(body) == "device-laptop"
    row = await database.find_row("SELECT name, last_seen_at > created_at AS later FROM devices WHERE name = 'Firefox'")
    assert row is not None
    assert row["later"]
    assert len(await database.list_rows("SELECT id FROM devices")) == 2


async def test_fifty_sign_ins_of_a_new_device_make_one_device(database: Database, race_width: int) -> None:
    async def body(tx: Transaction, who: int) -> str:
        return await store.keep_device(tx, f"device-{who}", digest("new"), SessionKind.NATIVE, "", NOW)

    assert len(set(await race(database, race_width, body))) == 1


async def test_a_device_is_known_to_whoever_signed_in_there_under_this_epoch(database: Database) -> None:  # D20, D22
    await database.transact(lambda tx: store.mark_device_known(tx, "device-laptop", "account-nora", 1, NOW))
    assert await store.find_known_device(database, digest("laptop"), "account-nora") == "device-laptop"
    assert await store.find_known_device(database, digest("laptop"), "account-tom") is None
    assert await store.find_known_device(database, digest("phone"), "account-nora") is None
    await raise_epoch(database)
    assert await store.find_known_device(database, digest("laptop"), "account-nora") is None
    await database.transact(lambda tx: store.mark_device_known(tx, "device-laptop", "account-nora", 2, NOW + DAY))
    assert await store.find_known_device(database, digest("laptop"), "account-nora") == "device-laptop"
    rows = await database.list_rows("SELECT first_signed_in_at, last_signed_in_at FROM device_accounts")
    assert len(rows) == 1
    assert rows[0]["first_signed_in_at"] < rows[0]["last_signed_in_at"]


async def test_sweeping_forgets_what_is_long_over_and_nothing_else(database: Database) -> None:
    for name, ends_at in (("old", NOW - DAY), ("live", NOW + DAY), ("ended", NOW + DAY)):
        await add_session(database, name, ends_at=ends_at, opened_at=NOW - 9 * DAY)

        async def add_tokens(tx: Transaction, name: str = name, ends_at: datetime = ends_at) -> None:
            await store.add_access_token(tx, digest(f"a{name}"), f"session-{name}", ends_at)
            await store.add_refresh_token(tx, digest(f"r{name}"), f"session-{name}", NOW - 9 * DAY, ends_at)

        await database.transact(add_tokens)
    await database.transact(lambda tx: store.end_session(tx, "session-ended", "account-nora", NOW - DAY))
    while await database.transact(lambda tx: store.sweep(tx, NOW, 2)):
        pass
    left = {row["id"] for row in await database.list_rows("SELECT id FROM sessions")}
    assert left == {"session-live", "session-ended"}, "a session stays while tokens lead to it"
    assert await store.find_refresh_token(database, digest("rold")) is None
    assert await store.find_refresh_token(database, digest("rended")) is not None
    assert await find(database, "live") is not None
    while await database.transact(lambda tx: store.sweep(tx, NOW + 2 * DAY, 1)):
        pass
    assert await database.list_rows("SELECT id FROM sessions") == []
