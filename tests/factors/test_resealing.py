"""Sealing anew: apps go on through a change of keys, whatever happens to them meanwhile, and lost keys are noticed."""

import asyncio
from functools import partial

import pytest
from structlog.testing import capture_logs

from portico.database.deployment import SEALING_KEY, SERVED_KEY, find_fact, keep_fact
from portico.database.engine import Database, Transaction
from portico.factors import resealing as module
from portico.factors.contract import Judgement, Subject, TotpAnswer
from portico.factors.proof import Failure
from portico.factors.resealing import Resealed, Resealing
from portico.factors.second import store
from portico.factors.totp import TotpFactor, code_at, step_at
from portico.kernel.chance import SystemChance
from portico.kernel.errors import Misconfigured
from portico.kernel.sealing import SealingKeys
from tests.support.racing import race
from tests.support.rows import NOW, add_account

OLD_KEY, NEW_KEY, NEXT_KEY = (bytes([number]) * 32 for number in range(3))
OLD, NEW = (SealingKeys.fingerprint(key).hex() for key in (OLD_KEY, NEW_KEY))
SECRET = b"12345678901234567890"


def factor(*keys: bytes) -> TotpFactor:
    """The factor under a ring of keys, newest first."""
    return TotpFactor(SealingKeys(keys), SystemChance())


def resealing(*keys: bytes) -> Resealing:
    """What seals anew under a ring of keys, newest first."""
    return Resealing(SealingKeys(keys), factor(*keys))


async def keep(database: Database, name: str, key: bytes) -> None:
    """Let the database know a fact about a key."""
    await database.transact(lambda tx: keep_fact(tx, name, SealingKeys.fingerprint(key).hex()))


async def enrol(database: Database, *names: str, key: bytes = OLD_KEY) -> None:
    """Accounts whose apps are set up under a key, no present code being used."""
    used = step_at(NOW) - 20
    for name in names:
        account = await add_account(database, name)
        await database.transact(partial(factor(key).enrol, now=NOW, account_id=account.id, secret=SECRET, step=used))


async def judge(database: Database, name: str, *keys: bytes) -> Judgement:
    """What is said to the code that the app shows."""
    answer = TotpAnswer(code=code_at(SECRET, NOW))
    return await factor(*keys).judge(database, Subject(f"account-{name}"), answer, lambda: NOW)


async def counts(database: Database) -> dict[str, int]:
    return await store.count_by_key(database)


async def test_the_app_outlives_the_key_it_was_set_up_under(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:  # D13
    monkeypatch.setattr(module, "BATCH", 2)
    await enrol(database, "nora", "iris", "omar", "lena", "karl")
    await keep(database, SEALING_KEY, NEW_KEY)
    assert await counts(database) == {OLD: 5}
    assert await resealing(NEW_KEY, OLD_KEY).keep_up(database) == Resealed(done=5)
    assert await counts(database) == {NEW: 5}
    assert await find_fact(database, SERVED_KEY) == NEW
    for name in ("nora", "karl"):
        assert (await judge(database, name, NEW_KEY)).proof is not None
        assert (await judge(database, name, OLD_KEY)).proof is None
    assert await resealing(NEW_KEY, OLD_KEY).keep_up(database) == Resealed()


async def test_without_its_key_an_app_is_not_called_wrong(database: Database) -> None:  # D13
    await enrol(database, "nora")
    assert (await judge(database, "nora", NEW_KEY)).failure == Failure(code="totp.unavailable", field="code")
    assert (await judge(database, "nora", NEW_KEY, OLD_KEY)).proof is not None


async def test_a_key_that_is_missing_is_told_at_every_start_and_changes_nothing(database: Database) -> None:
    await enrol(database, "nora")
    await enrol(database, "iris", key=NEW_KEY)
    before = await counts(database)
    with capture_logs() as told:
        assert await resealing(NEXT_KEY, NEW_KEY).tell_missing(database) == [OLD]
    assert [(line["log_level"], line["key"]) for line in told] == [("error", OLD)]
    await keep(database, SEALING_KEY, NEXT_KEY)
    assert await resealing(NEXT_KEY, NEW_KEY).keep_up(database) == Resealed(done=1)
    assert (await counts(database))[OLD] == before[OLD]
    with capture_logs() as told:
        assert await resealing(NEXT_KEY, OLD_KEY).tell_missing(database) == []
    assert told == []


async def test_nobody_seals_what_running_servers_cannot_open(database: Database) -> None:
    await enrol(database, "nora")
    rotated = resealing(NEW_KEY, OLD_KEY)
    await keep(database, SEALING_KEY, OLD_KEY)
    await resealing(OLD_KEY).keep_up(database)
    with pytest.raises(Misconfigured, match="restart"):
        await rotated.run(database)
    await keep(database, SEALING_KEY, NEW_KEY)
    assert await resealing(OLD_KEY, NEW_KEY).keep_up(database) == Resealed(), "a newer key is on top elsewhere"
    with pytest.raises(Misconfigured, match="restart"):
        await rotated.run(database)
    await rotated.keep_up(database)
    await enrol(database, "iris")
    assert await rotated.run(database) == Resealed(done=1)
    assert await resealing(OLD_KEY, NEW_KEY).keep_up(database) == Resealed()
    assert await counts(database) == {NEW: 2}


async def test_a_damaged_secret_holds_nothing_up_and_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    await enrol(database, "nora", "iris", "omar")
    await database.transact(
        lambda tx: tx.execute(
            "UPDATE credentials SET secret = (SELECT secret FROM credentials WHERE account_id = 'account-iris') "
            "WHERE account_id = 'account-nora'"
        )
    )
    await keep(database, SEALING_KEY, NEW_KEY)
    with capture_logs() as told:
        assert await resealing(NEW_KEY, OLD_KEY).keep_up(database) == Resealed(done=2, damaged=1)
    assert [line["account"] for line in told if line["log_level"] == "error"] == ["account-nora"]
    assert await counts(database) == {OLD: 1, NEW: 2}


async def test_sealing_anew_disturbs_neither_use_nor_removal(database: Database) -> None:  # D13
    names = [f"person-{number}" for number in range(12)]
    await enrol(database, *names)
    await keep(database, SEALING_KEY, NEW_KEY)
    ring = (NEW_KEY, OLD_KEY)
    judged = [await judge(database, name, *ring) for name in names[:4]]

    async def act(tx: Transaction, number: int) -> bool:
        if number < 4:
            return await factor(*ring).settle(tx, judged[number], NOW)
        return await factor(*ring).remove(tx, f"account-{names[number]}")

    _, _, done = await asyncio.gather(
        resealing(*ring).keep_up(database), resealing(*ring).keep_up(database), race(database, 8, act)
    )
    assert done == [True] * 8
    assert await counts(database) == {NEW: 8}
    for name in names[:4]:
        assert (await judge(database, name, NEW_KEY)).failure == Failure(code="totp.used", field="code")
    for name in names[8:]:
        assert (await judge(database, name, NEW_KEY)).proof is not None


async def test_an_app_that_was_removed_or_replaced_meanwhile_does_not_come_back(database: Database) -> None:
    await enrol(database, "nora", "iris")
    found = await store.list_sealed_with(database, OLD, "", 10)
    rotated = factor(NEW_KEY, OLD_KEY)
    anew = [(one, sealed) for one in found if (sealed := rotated.seal_anew(one))]
    assert len(anew) == 2

    async def meanwhile(tx: Transaction) -> None:
        for name in ("nora", "iris"):
            await rotated.remove(tx, f"account-{name}")
        await rotated.enrol(tx, NOW, "account-iris", SECRET[::-1], step_at(NOW))

    async def late(tx: Transaction) -> list[bool]:
        return [await store.replace_sealed(tx, before, sealed) for before, sealed in anew]

    await database.transact(meanwhile)
    assert await database.transact(late) == [False, False]
    assert await rotated.find_secret(database, "account-nora") is None
    assert await rotated.find_secret(database, "account-iris") == SECRET[::-1]
