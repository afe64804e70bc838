"""Names that were deleted from beside the trail are missed, unless their account was erased (D22)."""

from datetime import timedelta

import pytest

from portico.audit.model import EventKind
from portico.audit.sealing import verifier
from portico.database.engine import Database
from tests.support.rows import NOW, add_account
from tests.support.trail import AUDIT, NORTH, change, find, record, seal


async def a_name_in_the_trail(database: Database, as_actor: bool) -> str:
    """Events about or by somebody, sealed; the account's id."""
    account = await add_account(database)
    subject_id, actor_id = (None, account.id) if as_actor else (account.id, None)
    await record(database, NORTH, count=3, subject_id=subject_id, actor_id=actor_id)
    await seal(database)
    assert await find(database) == []
    return account.id


@pytest.mark.parametrize("as_actor", [False, True])
async def test_a_name_deleted_while_its_account_is_there_is_missed(database: Database, as_actor: bool) -> None:
    account_id = await a_name_in_the_trail(database, as_actor)
    await change(database, "DELETE FROM audit_names WHERE subject_id = $1", account_id)
    (said,) = await find(database)
    assert account_id in said
    assert "was deleted" in said


@pytest.mark.parametrize("as_actor", [False, True])
async def test_a_name_deleted_with_its_account_is_missed_where_nobody_was_erased(
    database: Database, as_actor: bool
) -> None:
    account_id = await a_name_in_the_trail(database, as_actor)
    await change(database, "DELETE FROM audit_names WHERE subject_id = $1", account_id)
    await change(database, "DELETE FROM accounts WHERE id = $1", account_id)
    assert [account_id in said for said in await find(database)] == [True]


@pytest.mark.parametrize("is_sealed", [False, True])
async def test_the_names_of_whoever_was_erased_are_not_missed(database: Database, is_sealed: bool) -> None:  # D22
    account_id = await a_name_in_the_trail(database, as_actor=False)
    await record(database, NORTH, kind=EventKind.ACCOUNT_ERASED, subject_id=account_id)
    await database.transact(lambda tx: AUDIT.erase(tx, account_id))
    assert len(await find(database)) == 1, "it says that the account was erased, and it is there"
    await change(database, "DELETE FROM accounts WHERE id = $1", account_id)
    if is_sealed:
        await seal(database)
    assert await find(database) == []


async def test_of_several_names_that_one_is_missed_which_is_gone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifier, "_PAGE", 2)
    account_id = await a_name_in_the_trail(database, as_actor=False)
    for number in range(5):
        await change(database, "UPDATE accounts SET last_name = $1 WHERE id = $2", f"Berg {number}", account_id)
        await record(database, NORTH, subject_id=account_id, at=NOW + timedelta(hours=number + 1))
    await seal(database)
    assert await find(database) == []
    await change(database, "DELETE FROM audit_names WHERE name LIKE '%Berg 3'")
    assert len(await find(database)) == 1
    await change(database, "DELETE FROM audit_names")
    assert len(await find(database)) == 6
