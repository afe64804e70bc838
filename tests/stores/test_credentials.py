"""Credentials and mailed links: a password has one version at a time, a link is used once and dies with its epoch."""

import asyncio
from datetime import datetime, timedelta

import pytest
from msgspec import structs

from portico.accounts import store as accounts
from portico.database.engine import Database, Transaction
from portico.factors import store
from portico.factors.model import MailedLink, PasswordCredential, PasswordProperties
from portico.factors.proof import ProofKind
from tests.support.racing import race
from tests.support.rows import DAY, MICROSECOND, NOW, SECOND, add_account, digest

HASH = b"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaA"
PLAIN = PasswordProperties()
MARKED = PasswordProperties(through_mailbox=True, must_change="forced")


@pytest.fixture(autouse=True)
async def people(database: Database) -> None:
    """Nora and Tom."""
    for name in ("nora", "tom"):
        await add_account(database, name)


async def add_password(
    database: Database, name: str = "nora", secret: bytes = HASH, properties: PasswordProperties = PLAIN
) -> bool:
    async def body(tx: Transaction) -> bool:
        return await store.add_password(tx, f"credential-{name}", f"account-{name}", secret, properties, NOW)

    return await database.transact(body)


async def get_password(database: Database, name: str = "nora") -> PasswordCredential:
    found = await store.find_password(database, f"account-{name}")
    assert found is not None
    return found


@pytest.mark.parametrize("properties", [PLAIN, MARKED], ids=["plain", "marked"])
async def test_a_password_comes_back_as_it_was_stored(database: Database, properties: PasswordProperties) -> None:
    assert await store.find_password(database, "account-nora") is None
    assert await add_password(database, properties=properties)
    assert await get_password(database) == PasswordCredential(
        id="credential-nora",
        account_id="account-nora",
        secret=HASH,
        properties=properties,
        version=1,
        changed_at=NOW,
        account_epoch=1,
    )
    assert await store.find_password(database, "account-tom") is None


async def test_an_account_has_one_password(database: Database) -> None:
    assert await add_password(database)
    again = store.add_password
    assert not await database.transact(lambda tx: again(tx, "second", "account-nora", b"other", MARKED, NOW))
    assert (await get_password(database)).secret == HASH
    assert [each.kind for each in await store.list_enrolled(database, "account-nora")] == [ProofKind.PASSWORD]
    assert await store.list_enrolled(database, "account-tom") == []


async def test_of_fifty_who_give_an_account_its_first_password_one_does(
    database: Database, race_width: int, race_rounds: int
) -> None:
    for number in range(race_rounds):
        made = await add_account(database, f"p{number}")

        async def body(tx: Transaction, who: int, account_id: str = made.id) -> bool:
            return await store.add_password(tx, f"{account_id}-{who}", account_id, str(who).encode(), PLAIN, NOW)

        results = await race(database, race_width, body)
        assert sorted(results) == [False] * (race_width - 1) + [True]
        assert (await get_password(database, f"p{number}")).secret == str(results.index(True)).encode()
        assert len(await store.list_enrolled(database, made.id)) == 1


async def test_a_change_raises_the_version_and_the_age(database: Database) -> None:
    await add_password(database)
    before = await get_password(database)
    change = store.change_password
    assert await database.transact(lambda tx: change(tx, before, b"new", MARKED, NOW + DAY))
    assert await get_password(database) == structs.replace(
        before, secret=b"new", properties=MARKED, version=2, changed_at=NOW + DAY
    )
    assert not await database.transact(lambda tx: change(tx, before, b"newer", PLAIN, NOW))


async def test_use_is_noted_for_the_version_that_was_compared_and_no_other(database: Database) -> None:
    await add_password(database)
    assert await database.transact(lambda tx: store.touch_password(tx, "credential-nora", 1, NOW + SECOND))
    before = await get_password(database)
    await database.transact(lambda tx: store.change_password(tx, before, b"new", PLAIN, NOW))
    assert not await database.transact(lambda tx: store.touch_password(tx, "credential-nora", 1, NOW))
    assert not await database.transact(lambda tx: store.rehash_password(tx, "credential-nora", 1, b"old", NOW))
    assert (await get_password(database)).secret == b"new"


async def test_a_rehash_keeps_version_and_age(database: Database) -> None:  # D4
    await add_password(database, properties=MARKED)
    before = await get_password(database)
    rehash = store.rehash_password
    assert await database.transact(lambda tx: rehash(tx, "credential-nora", 1, b"dearer", NOW + DAY))
    assert await get_password(database) == structs.replace(before, secret=b"dearer")


async def test_a_rehash_never_undoes_a_change_that_came_meanwhile(database: Database, race_width: int) -> None:  # D4
    await add_password(database)

    async def body(tx: Transaction, who: int) -> bool:
        if who % 10 == 5:
            before = await store.find_password(tx, "account-nora")
            assert before is not None
            return await store.change_password(tx, before, b"new", PLAIN, NOW)
        return await store.rehash_password(tx, "credential-nora", 1, b"old", NOW)

    results = await race(database, race_width, body)
    found = await get_password(database)
    assert (found.secret, found.version) == (b"new", 1 + sum(results[5::10]))
    assert found.version > 1


async def test_what_is_known_about_a_password_is_replaced_alone(database: Database) -> None:
    await add_password(database)
    before = await get_password(database)
    await database.transact(lambda tx: store.set_password_properties(tx, "account-nora", MARKED, 1))
    assert await get_password(database) == structs.replace(before, properties=MARKED)


async def test_a_password_knows_the_epoch_of_its_account(database: Database) -> None:  # D22
    await add_password(database)
    await database.transact(lambda tx: accounts.raise_epoch(tx, "account-nora"))
    assert (await get_password(database)).account_epoch == 2


def link(name: str = "link", **changes: object) -> MailedLink:
    made = MailedLink(
        hash=digest(name),
        account_id="account-nora",
        epoch=1,
        created_at=NOW,
        expires_at=NOW + DAY,
        spent_at=None,
        is_current=True,
    )
    return structs.replace(made, **changes)


async def add_link(database: Database, name: str = "link", **changes: object) -> MailedLink:
    made = link(name, **changes)
    await database.transact(lambda tx: store.add_link(tx, made))
    return made


async def spend(database: Database, name: str = "link", at: datetime = NOW) -> bool:
    return await database.transact(lambda tx: store.spend_link(tx, digest(name), at))


async def test_a_link_comes_back_as_it_was_stored(database: Database) -> None:  # D5
    made = await add_link(database)
    assert await store.find_link(database, digest("link")) == made
    assert await store.find_link(database, digest("another")) is None


async def test_a_link_is_spent_once_and_remembered(database: Database) -> None:  # D5
    made = await add_link(database)
    assert await spend(database, at=NOW + SECOND)
    assert not await spend(database, at=NOW + SECOND)
    assert not await spend(database, "another")
    assert await store.find_link(database, digest("link")) == structs.replace(made, spent_at=NOW + SECOND)


async def test_a_link_is_good_up_to_the_microsecond_before_it_expires(database: Database) -> None:  # D5
    made = await add_link(database)
    assert not await spend(database, at=made.expires_at)
    assert await spend(database, at=made.expires_at - MICROSECOND)


async def test_a_link_dies_with_the_epoch_of_its_account(database: Database) -> None:  # D5, D22
    made = await add_link(database)
    await add_link(database, "toms", account_id="account-tom")
    await database.transact(lambda tx: accounts.raise_epoch(tx, "account-nora"))
    assert await store.find_link(database, digest("link")) == structs.replace(made, is_current=False)
    assert not await spend(database)
    assert await spend(database, "toms")


async def test_of_fifty_who_use_a_link_one_succeeds(  # D5
    database: Database, race_width: int, race_rounds: int
) -> None:
    for number in range(race_rounds):
        made = await add_link(database, str(number))

        async def body(tx: Transaction, _who: int, made: MailedLink = made) -> bool:
            return await store.spend_link(tx, made.hash, NOW)

        assert sorted(await race(database, race_width, body)) == [False] * (race_width - 1) + [True]


async def test_the_newest_links_stay_when_the_others_are_retired(database: Database) -> None:  # D5
    for number in range(5):
        await add_link(database, str(number), created_at=NOW + number * SECOND)
    await add_link(database, "toms", account_id="account-tom")
    assert await spend(database, "4")
    await database.transact(lambda tx: store.retire_links(tx, "account-nora", NOW, keep=2))
    assert [await spend(database, str(number)) for number in range(4)] == [False, False, True, True]
    assert await spend(database, "toms")


async def test_retiring_all_links_leaves_none_and_does_not_bring_any_back(database: Database) -> None:  # D5
    await add_link(database, "live")
    over = await add_link(database, "over", expires_at=NOW - DAY)
    await database.transact(lambda tx: store.retire_links(tx, "account-nora", NOW, keep=0))
    assert not await spend(database, "live")
    assert await store.find_link(database, over.hash) == over


async def test_taking_the_turn_of_an_accounts_links_changes_none_of_them(database: Database) -> None:
    made, spent = await add_link(database), await add_link(database, "spent", spent_at=None)
    assert await spend(database, "spent")
    await database.transact(lambda tx: store.hold_links(tx, "account-nora"))
    assert await store.find_link(database, made.hash) == made
    assert await store.find_link(database, spent.hash) == structs.replace(spent, spent_at=NOW)


async def test_sweeping_forgets_links_of_long_ago(database: Database) -> None:
    for number in range(5):
        await add_link(database, str(number), expires_at=NOW + number * SECOND)
    before = NOW + timedelta(seconds=3)
    assert [await database.transact(lambda tx: store.sweep_links(tx, before, 2)) for _ in range(3)] == [2, 1, 0]
    found = await asyncio.gather(*(store.find_link(database, digest(str(number))) for number in range(5)))
    assert [each is not None for each in found] == [False, False, False, True, True]
