"""Accounts are kept as they were given on both databases; what only one may have, one of fifty gets."""

import pytest
from msgspec import structs

from portico.accounts import store
from portico.accounts.model import Account, AccountState, Profile
from portico.database.engine import Database, Transaction
from portico.kernel.normalise import NORMALISER_VERSION
from tests.support.racing import race
from tests.support.rows import NOW, account, add_account


def profile(first_name: str, last_name: str = "") -> Profile:
    return Profile(first_name=first_name, last_name=last_name, language="en")


async def get(database: Database, account_id: str = "account-nora") -> Account:
    found = await store.find_account(database, account_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"address_confirmed_at": None},
        {"is_operator": True, "state": AccountState.DISABLED, "language": "de"},
        {"first_name": "Zoë", "last_name": "Ångström-O'Neil \U0001f6aa", "epoch": 7, "version": 9},
        {"first_name": "", "last_name": "", "language": ""},
    ],
    ids=["plain", "unconfirmed", "disabled operator", "beyond ASCII", "empty"],
)
async def test_an_account_comes_back_as_it_was_stored(database: Database, changes: dict[str, object]) -> None:
    made = await add_account(database, "nora", **changes)
    assert await store.find_account(database, made.id) == made
    assert await store.find_account_by_address(database, made.address_key) == made
    assert await store.find_account_by_handle(database, made.handle_key) == made


async def test_nobody_is_found_where_nobody_is(database: Database) -> None:
    await add_account(database)
    assert await store.find_account(database, "account-tom") is None
    assert await store.find_account_by_address(database, "tom@north-clinic.example") is None
    assert await store.find_account_by_handle(database, "tom") is None


async def test_an_account_is_found_by_its_keys_only(database: Database) -> None:  # D1
    await add_account(database, address="Nora@North-Clinic.Example", handle="nora", handle_key="nora")
    assert await store.find_account_by_address(database, "Nora@North-Clinic.Example") is None
    assert await store.find_account_by_address(database, "nora@north-clinic.example") is not None
    assert await store.find_account_by_handle(database, "nora@north-clinic.example") is None
    assert await store.find_account_by_address(database, "nora") is None


async def test_the_normaliser_that_made_the_keys_is_kept_beside_them(database: Database) -> None:  # D1
    await add_account(database)
    row = await database.find_row("SELECT normaliser FROM accounts WHERE id = $1", "account-nora")
    assert row is not None
    assert row["normaliser"] == NORMALISER_VERSION


@pytest.mark.parametrize("taken", ["address_key", "handle_key", "id"])
async def test_a_taken_address_or_handle_adds_nothing(database: Database, taken: str) -> None:  # D1
    first = await add_account(database)
    second = structs.replace(account("tom"), **{taken: getattr(first, taken)})
    assert not await database.transact(lambda tx: store.add_account(tx, second))
    assert await get(database) == first
    assert len(await database.list_rows("SELECT id FROM accounts")) == 1


@pytest.mark.parametrize("wanted", ["address_key", "handle_key"])
async def test_of_fifty_who_want_one_address_or_handle_one_gets_it(  # D1
    database: Database, race_width: int, race_rounds: int, wanted: str
) -> None:
    for number in range(race_rounds):

        async def body(tx: Transaction, who: int, number: int = number) -> bool:
            value = f"wanted{number}" + ("@north-clinic.example" if wanted == "address_key" else "")
            return await store.add_account(tx, structs.replace(account(f"n{number}-{who}"), **{wanted: value}))

        assert sorted(await race(database, race_width, body)) == [False] * (race_width - 1) + [True]


async def test_a_name_is_set_for_the_version_that_was_seen_and_no_other(database: Database) -> None:
    made = await add_account(database)
    assert await database.transact(lambda tx: store.change_profile(tx, made.id, profile("Eleonora", "Weiß"), 1))
    assert await get(database) == structs.replace(made, first_name="Eleonora", last_name="Weiß", version=2)
    assert not await database.transact(lambda tx: store.change_profile(tx, made.id, profile("Old", "Page"), 1))
    assert not await database.transact(lambda tx: store.change_profile(tx, "account-tom", profile("Tom"), 1))
    assert (await get(database)).first_name == "Eleonora"


async def test_of_fifty_who_rename_one_version_one_succeeds(
    database: Database, race_width: int, race_rounds: int
) -> None:
    await add_account(database)
    for version in range(1, race_rounds + 1):

        async def body(tx: Transaction, who: int, version: int = version) -> bool:
            return await store.change_profile(tx, "account-nora", profile(f"Nora {who}"), version)

        results = await race(database, race_width, body)
        assert sorted(results) == [False] * (race_width - 1) + [True]
        assert (await get(database)).first_name == f"Nora {results.index(True)}"


async def test_the_language_is_kept_and_is_no_change_of_the_profile(database: Database) -> None:
    made = await add_account(database)
    await database.transact(lambda tx: store.set_language(tx, made.id, "de"))
    assert await get(database) == structs.replace(made, language="de")


async def test_a_state_is_set_once(database: Database) -> None:
    made = await add_account(database)
    assert await database.transact(lambda tx: store.set_state(tx, made.id, AccountState.DISABLED))
    assert not await database.transact(lambda tx: store.set_state(tx, made.id, AccountState.DISABLED))
    assert (await get(database)).state is AccountState.DISABLED
    assert await database.transact(lambda tx: store.set_state(tx, made.id, AccountState.ACTIVE))
    assert not await database.transact(lambda tx: store.set_state(tx, "account-tom", AccountState.CLOSED))


async def test_of_fifty_who_disable_an_account_one_did_it(
    database: Database, race_width: int, race_rounds: int
) -> None:
    await add_account(database)
    for number in range(race_rounds):
        state = AccountState.ACTIVE if number % 2 else AccountState.DISABLED

        async def body(tx: Transaction, _who: int, state: AccountState = state) -> bool:
            return await store.set_state(tx, "account-nora", state)

        assert sorted(await race(database, race_width, body)) == [False] * (race_width - 1) + [True]


async def test_every_raise_of_the_epoch_gives_another_one(database: Database, race_width: int) -> None:  # D22
    made = await add_account(database)
    tom = await add_account(database, "tom")

    async def body(tx: Transaction, _who: int) -> int:
        return await store.raise_epoch(tx, made.id)

    assert sorted(await race(database, race_width, body)) == list(range(2, race_width + 2))
    assert await get(database) == structs.replace(made, epoch=race_width + 1)
    assert await get(database, tom.id) == tom


async def test_an_epoch_is_raised_from_the_one_that_was_seen(database: Database) -> None:  # D22
    made = await add_account(database)
    raise_from = store.raise_epoch_from
    assert await database.transact(lambda tx: raise_from(tx, made.id, 1)) == 2
    assert await database.transact(lambda tx: raise_from(tx, made.id, 1)) is None
    assert await database.transact(lambda tx: raise_from(tx, "account-nobody", 1)) is None
    assert await get(database) == structs.replace(made, epoch=2)


async def test_of_fifty_who_raise_one_epoch_one_succeeds(  # D22
    database: Database, race_width: int, race_rounds: int
) -> None:
    await add_account(database)
    for epoch in range(1, race_rounds + 1):

        async def body(tx: Transaction, _who: int, epoch: int = epoch) -> int | None:
            return await store.raise_epoch_from(tx, "account-nora", epoch)

        results = await race(database, race_width, body)
        assert [result for result in results if result is not None] == [epoch + 1]


async def test_the_epoch_of_nobody_cannot_be_raised(database: Database) -> None:
    with pytest.raises(LookupError):
        await database.transact(lambda tx: store.raise_epoch(tx, "account-nobody"))


async def test_the_creation_instant_is_kept_to_the_microsecond(database: Database) -> None:
    exact = NOW.replace(microsecond=123_457)
    made = await add_account(database, created_at=exact, address_confirmed_at=exact)
    assert (await get(database)).created_at == exact == made.address_confirmed_at
