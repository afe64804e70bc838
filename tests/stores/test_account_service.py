"""Accounts as people know them: found by what is typed, given a Portico ID, renamed, disabled, ended (D1, D22)."""

import asyncio

import pytest

from portico.accounts.model import Account, AccountState, Profile
from portico.accounts.profile import Profiles
from portico.accounts.service import NAME_MAX, RESERVED_HANDLES, Accounts
from portico.audit.model import EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.kernel.chance import SystemChance
from portico.kernel.errors import BadInput, Conflict
from portico.kernel.normalise import handle_key
from portico.kernel.sealing import SealingKeys
from portico.mail.model import MailStatus, PasswordResetLink
from portico.mail.service import Mail
from tests.support.rows import DAY, NOW

CHANCE = SystemChance()
AUDIT = Audit(CHANCE)
MAIL = Mail(SealingKeys((bytes(32),)), CHANCE)
ACCOUNTS = Accounts(CHANCE, AUDIT, MAIL)
PROFILES = Profiles(AUDIT, ("en", "de"))
NORA = "nora@north-clinic.example"


async def add(database: Database, address: str = NORA, handle: str | None = None, **names: str) -> Account:
    return await database.transact(
        lambda tx: ACCOUNTS.add_account(tx, NOW, address=address, handle=handle, **names)  # type: ignore[arg-type]
    )


async def events(database: Database, account: Account) -> set[EventKind]:
    """What was recorded about an account, nothing twice."""
    kinds = [recorded.event.kind for recorded in await AUDIT.list_events(database, account.id)]
    assert len(set(kinds)) == len(kinds)
    return set(kinds)


@pytest.mark.parametrize(
    "typed",
    [NORA, NORA.upper(), f"  {NORA}\t", f"{NORA}\u200b", "nora", "NORA", " Nora ", "nora@NORTH-clinic.example"],
)
async def test_address_and_portico_id_are_both_accepted_however_they_are_typed(  # S4, S23, D1
    database: Database, typed: str
) -> None:
    made = await add(database, handle="nora")
    assert await ACCOUNTS.find_by_identifier(database, typed) == made


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "tom",
        "nora+x@north-clinic.example",
        "n.ora@north-clinic.example",
        "nora@north-clinic",
        "n\u043era",  # a Cyrillic o
        "\0nora x",
        "\ud800",
        "x" * 5_000,
    ],
)
async def test_nobody_else_is_found(database: Database, typed: str) -> None:  # D1
    await add(database, handle="nora")
    assert await ACCOUNTS.find_by_identifier(database, typed) is None


async def test_the_address_is_kept_as_it_was_written(database: Database) -> None:  # D1
    made = await add(database, " Nora.Lind+Door@North-Clinic.Example ")
    assert made.address == "Nora.Lind+Door@North-Clinic.Example"
    assert made.address_key == "nora.lind+door@north-clinic.example"
    assert await events(database, made) == {EventKind.ACCOUNT_CREATED}


async def test_an_address_and_a_portico_id_belong_to_one_account(database: Database) -> None:  # D1
    await add(database, handle="nora")
    for address, handle in ((NORA.upper(), "other"), ("other@example.com", "NORA")):
        with pytest.raises(Conflict):
            await add(database, address, handle)
    assert len(await database.list_rows("SELECT id FROM accounts")) == 1


@pytest.mark.parametrize("address", ["", "nora", "nora@", "nora@localhost", "a@b@c.example", "no ra@example.com"])
async def test_an_account_needs_an_address(database: Database, address: str) -> None:
    with pytest.raises(BadInput) as caught:
        await add(database, address, "nora")
    assert caught.value.params == {"field": "address"}


@pytest.mark.parametrize("handle", ["ab", "1abc", "a@b", "norä", "a" * 31, "no ra", *sorted(RESERVED_HANDLES), "ADMIN"])
async def test_a_portico_id_has_its_form_and_none_that_is_reserved(database: Database, handle: str) -> None:  # D1
    with pytest.raises(BadInput) as caught:
        await add(database, handle=handle)
    assert caught.value.params == {"field": "handle"}


@pytest.mark.parametrize(
    ("address", "handle"),
    [
        ("Nora.Lind@example.com", "nora.lind"),
        ("nora+door@example.com", "noradoor"),
        ("42nora@example.com", "nora"),
        ("o'neil@example.com", "oneil"),
        ("ab@example.com", "ab.member"),
        ("日本@example.com", "member"),
        ("1@example.com", "member"),
        ("n" * 60 + "@example.com", "n" * 24),
    ],
)
async def test_a_portico_id_is_derived_from_the_address(database: Database, address: str, handle: str) -> None:  # D1
    made = await add(database, address)
    assert made.handle == handle
    assert handle_key(made.handle) == made.handle_key == made.handle


async def test_a_derived_portico_id_is_free_and_not_reserved(database: Database) -> None:  # D1
    made = [await add(database, f"admin@{n}.example") for n in range(5)]
    handles = [account.handle for account in made]
    assert len(set(handles)) == 5
    assert all(handle.startswith("admin") and handle not in RESERVED_HANDLES for handle in handles)


async def test_names_are_put_on_one_line(database: Database) -> None:
    made = await add(database, first_name="  Nora\r\nBcc: x ", last_name="L" * 500)
    assert made.first_name == "Nora Bcc: x"
    assert len(made.last_name) == NAME_MAX


async def rename(database: Database, made: Account, first: str, last: str) -> None:
    profile = Profile(first_name=first, last_name=last)
    await database.transact(lambda tx: PROFILES.change_profile(tx, NOW, made, profile, made.version))


async def test_a_rename_is_for_the_version_that_was_seen(database: Database) -> None:
    made = await add(database)
    await rename(database, made, " Eleonora ", "Weiß")
    with pytest.raises(Conflict):
        await rename(database, made, "Old", "Page")
    found = await ACCOUNTS.find_account(database, made.id)
    assert found is not None
    assert (found.name, found.initials, found.version) == ("Eleonora Weiß", "EW", 2)
    assert await events(database, made) == {EventKind.PROFILE_CHANGED, EventKind.ACCOUNT_CREATED}


@pytest.mark.parametrize(
    ("first", "last", "field", "reason"),
    [
        ("", "", "first_name", "missing"),
        (" \t", "\u200b", "first_name", "missing"),
        ("x" * 101, "", "first_name", "too_long"),
        ("x", "y" * 101, "last_name", "too_long"),
    ],
)
async def test_a_name_that_cannot_be_is_refused(
    database: Database, first: str, last: str, field: str, reason: str
) -> None:
    made = await add(database, first_name="Nora")
    with pytest.raises(BadInput) as caught:
        await rename(database, made, first, last)
    assert caught.value.params == {"field": field, "reason": reason}
    assert await ACCOUNTS.find_account(database, made.id) == made


async def test_who_has_no_name_is_called_by_the_portico_id(database: Database) -> None:
    made = await add(database, handle="nora")
    assert (made.name, made.initials) == ("nora", "N")


async def queue_link(database: Database, account: Account) -> None:
    """A reset link on its way to somebody."""
    link = PasswordResetLink(handle=account.handle, link_token="A" * 43, expires_at=NOW + DAY, active_hours=24)
    await database.transact(
        lambda tx: MAIL.add_mail(tx, NOW, link, recipient=account.address, language="en", account_id=account.id)
    )


async def test_disabling_ends_everything_and_is_recorded_once(database: Database) -> None:  # D22
    nora, tom = await add(database), await add(database, "tom@north-clinic.example")
    for person in (nora, tom):
        await queue_link(database, person)

    async def set_state(state: AccountState) -> bool:
        return await database.transact(lambda tx: ACCOUNTS.set_state(tx, NOW, nora.id, state))

    results = await asyncio.gather(*(set_state(AccountState.DISABLED) for _ in range(10)))
    assert sum(results) == 1
    found = await ACCOUNTS.find_account(database, nora.id)
    assert found is not None
    assert (found.state, found.epoch) == (AccountState.DISABLED, 2)
    assert await MAIL.count_by_status(database) == {MailStatus.QUEUED: 1, MailStatus.DROPPED: 1}
    assert await set_state(AccountState.ACTIVE)
    assert await events(database, nora) == {
        EventKind.ACCOUNT_ENABLED,
        EventKind.ACCOUNT_DISABLED,
        EventKind.ACCOUNT_CREATED,
    }
    assert await ACCOUNTS.find_account(database, tom.id) == tom


async def test_enabling_ends_nothing(database: Database) -> None:  # D22
    nora = await add(database)

    async def body(tx: Transaction) -> int:
        await ACCOUNTS.set_state(tx, NOW, nora.id, AccountState.DISABLED)
        await ACCOUNTS.set_state(tx, NOW, nora.id, AccountState.ACTIVE)
        found = await ACCOUNTS.find_account(tx, nora.id)
        assert found is not None
        return found.epoch

    assert await database.transact(body) == 2


async def test_of_many_who_end_everything_under_one_epoch_one_succeeds(database: Database) -> None:  # D22
    nora = await add(database)
    results = await asyncio.gather(
        *(database.transact(lambda tx: ACCOUNTS.end_everything(tx, NOW, nora.id, epoch=nora.epoch)) for _ in range(10)),
        return_exceptions=True,
    )
    assert [result for result in results if not isinstance(result, Conflict)] == [2]
