"""The outbox keeps its promises on both databases: one claim at a time, nothing sealed left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from portico.database.engine import Database, Transaction
from portico.kernel.chance import SystemChance
from portico.kernel.errors import BadInput
from portico.kernel.sealing import SealingKeys
from portico.mail import model, outbox
from portico.mail.model import (
    ClaimedMail,
    MailMessage,
    MailRecord,
    MailStatus,
    PasswordChanged,
    PasswordResetLink,
)
from portico.mail.service import Mail

NOW = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)
LEASE = timedelta(minutes=2)
TOKEN = "a-token-that-opens-an-account-0123456789-abc"
LINK = PasswordResetLink(handle="nora.north", link_token=TOKEN, expires_at=NOW + timedelta(hours=24))
NOTICE = PasswordChanged(handle="nora.north", at=NOW, how="change")


def mail_room(*keys: bytes) -> Mail:
    return Mail(SealingKeys(keys or (bytes(32),)), SystemChance())


async def add(
    database: Database, message: MailMessage = LINK, at: datetime = NOW, account_id: str | None = "account-1"
) -> str:
    async def body(tx: Transaction) -> str:
        return await mail_room().add_mail(
            tx, at, message, recipient="nora@example.org", language="de", account_id=account_id
        )

    return await database.transact(body)


async def claim(database: Database, mail_id: str, at: datetime = NOW) -> ClaimedMail | None:
    return await database.transact(lambda tx: outbox.claim_mail(tx, mail_id, at, at + LEASE))


async def claimed(database: Database, message: MailMessage = LINK) -> ClaimedMail:
    mail = await claim(database, await add(database, message))
    assert mail is not None
    return mail


async def the_record(database: Database) -> MailRecord:
    (record,) = await mail_room().list_mails(database)
    return record


async def sealed_of(database: Database, mail_id: str) -> bytes | None:
    row = await database.find_row("SELECT sealed FROM outbox WHERE id = $1", mail_id)
    assert row is not None
    return None if row["sealed"] is None else bytes(row["sealed"])


async def test_a_queued_mail_is_due_at_once_and_opens_as_it_was(database: Database) -> None:
    mail_id = await add(database)
    assert await outbox.list_due(database, NOW, 10) == [mail_id]
    assert await outbox.find_next_due(database) == NOW
    mail = await claim(database, mail_id)
    assert mail is not None
    assert mail_room().open_mail(mail) == LINK
    assert (mail.recipient, mail.language, mail.account_id, mail.tries) == ("nora@example.org", "de", "account-1", 1)
    assert mail.created_at == NOW
    assert mail.useless_at == NOW + timedelta(hours=24)


async def test_a_mail_is_not_queued_if_its_transaction_fails(database: Database) -> None:
    async def body(tx: Transaction) -> None:
        await mail_room().add_mail(tx, NOW, NOTICE, recipient="nora@example.org", language="en")
        raise BadInput

    with pytest.raises(BadInput):
        await database.transact(body)
    assert await mail_room().list_mails(database) == []
    assert await outbox.find_next_due(database) is None


@pytest.mark.parametrize("recipient", ["nobody", "a@b", "nora@example.org\r\nBcc: eve@example.org", "<x@example.org>"])
async def test_what_is_no_address_is_refused(database: Database, recipient: str) -> None:
    with pytest.raises(BadInput):
        await database.transact(lambda tx: mail_room().add_mail(tx, NOW, NOTICE, recipient=recipient, language="en"))


async def test_secrets_never_lie_open_in_the_table(database: Database) -> None:
    mail_id = await add(database)
    (row,) = await database.list_rows("SELECT * FROM outbox")
    columns = ("id", "kind", "recipient", "language", "params", "account_id", "status", "last_error")
    assert all(TOKEN not in str(row[column]) for column in columns)
    sealed = await sealed_of(database, mail_id)
    assert sealed is not None
    assert TOKEN.encode() not in sealed


async def test_what_is_sealed_opens_for_its_own_mail_only(database: Database) -> None:
    mail = await claimed(database)
    of_another = structs.replace(mail, id="0199ffff-0000-7000-8000-000000000000")
    assert mail_room().open_mail(of_another) is None
    assert mail_room(bytes([7]) * 32).open_mail(mail) is None
    assert mail_room(bytes([7]) * 32, bytes(32)).open_mail(mail) == LINK


async def test_a_claim_holds_until_its_lease_ends(database: Database) -> None:
    mail_id = await add(database)
    assert await claim(database, mail_id)
    assert await claim(database, mail_id) is None
    assert await outbox.list_due(database, NOW + LEASE - timedelta(microseconds=1), 10) == []
    assert await outbox.find_next_due(database) == NOW + LEASE
    again = await claim(database, mail_id, NOW + LEASE)
    assert again is not None
    assert again.tries == 2


async def test_of_many_who_claim_one_mail_exactly_one_gets_it(
    database: Database, race_width: int, race_rounds: int
) -> None:
    for _ in range(race_rounds):
        mail_id = await add(database)
        claims = await asyncio.gather(*(claim(database, mail_id) for _ in range(race_width)))
        assert sum(mail is not None for mail in claims) == 1


async def test_delivery_erases_what_was_sealed(database: Database) -> None:
    mail = await claimed(database)
    assert await database.transact(lambda tx: outbox.mark_delivered(tx, mail.id, NOW))
    record = await the_record(database)
    assert (record.status, record.settled_at, record.last_error) == (MailStatus.DELIVERED, NOW, None)
    assert await sealed_of(database, mail.id) is None
    assert await claim(database, mail.id, NOW + timedelta(days=1)) is None
    assert not await database.transact(lambda tx: outbox.mark_delivered(tx, mail.id, NOW))


async def test_a_postponed_mail_comes_back_when_it_said(database: Database) -> None:
    mail = await claimed(database)
    again_at = NOW + timedelta(minutes=1)
    assert await database.transact(lambda tx: outbox.postpone_mail(tx, mail, again_at, "451 later"))
    assert await outbox.find_next_due(database) == again_at
    assert (await the_record(database)).last_error == "451 later"
    again = await claim(database, mail.id, again_at)
    assert again is not None
    assert mail_room().open_mail(again) == LINK


async def test_a_dead_letter_has_lost_its_secrets(database: Database) -> None:
    mail = await claimed(database)
    assert await database.transact(lambda tx: outbox.mark_dead(tx, mail, NOW, "550 no such user"))
    record = await the_record(database)
    assert (record.status, record.settled_at, record.last_error) == (MailStatus.DEAD, NOW, "550 no such user")
    assert await sealed_of(database, mail.id) is None
    assert await outbox.find_next_due(database) is None


@pytest.mark.parametrize("settle", [outbox.postpone_mail, outbox.mark_dead])
async def test_who_lost_the_claim_no_longer_decides_on_failure(
    database: Database, settle: Callable[[Transaction, ClaimedMail, datetime, str], Awaitable[bool]]
) -> None:
    slow = await claimed(database)
    quick = await claim(database, slow.id, NOW + LEASE)
    assert quick is not None
    assert not await database.transact(lambda tx: settle(tx, slow, NOW, "late"))
    record = await the_record(database)
    assert (record.status, record.next_try_at, record.last_error) == (MailStatus.QUEUED, NOW + LEASE + LEASE, None)


async def test_who_lost_the_claim_but_delivered_is_believed(database: Database) -> None:
    slow = await claimed(database)
    assert await claim(database, slow.id, NOW + LEASE)
    assert await database.transact(lambda tx: outbox.mark_delivered(tx, slow.id, NOW))
    assert (await the_record(database)).status is MailStatus.DELIVERED


async def test_a_mail_is_dropped_from_the_instant_it_is_useless(database: Database) -> None:
    mail_id = await add(database)
    dead_at = NOW + timedelta(hours=24)
    just_before = dead_at - timedelta(microseconds=1)
    assert await database.transact(lambda tx: outbox.drop_useless(tx, just_before)) == 0
    assert await claim(database, mail_id, dead_at) is None
    assert await database.transact(lambda tx: outbox.drop_useless(tx, dead_at)) == 1
    record = await the_record(database)
    assert (record.status, record.settled_at) == (MailStatus.DROPPED, dead_at)
    assert await sealed_of(database, mail_id) is None


async def test_a_notice_is_never_useless(database: Database) -> None:
    mail_id = await add(database, NOTICE)
    much_later = NOW + timedelta(days=1000)
    assert await database.transact(lambda tx: outbox.drop_useless(tx, much_later)) == 0
    assert await claim(database, mail_id, much_later)


async def test_the_earlier_of_two_ends_makes_a_mail_useless(database: Database) -> None:
    soon, late = NOW + timedelta(minutes=10), NOW + timedelta(days=30)

    async def body(tx: Transaction) -> None:
        for end in (soon, late):
            await mail_room().add_mail(tx, NOW, LINK, recipient="nora@example.org", language="en", useless_at=end)

    await database.transact(body)
    records = await mail_room().list_mails(database)
    assert {record.useless_at for record in records} == {soon, LINK.expires_at}


async def test_mails_whose_links_were_made_void_are_dropped(database: Database) -> None:
    link, notice, other = await add(database), await add(database, NOTICE), await add(database, account_id="account-2")
    drop = mail_room().drop_mails
    assert await database.transact(lambda tx: drop(tx, NOW, "account-1", [PasswordResetLink])) == 1
    assert await sealed_of(database, link) is None
    assert sorted(await outbox.list_due(database, NOW, 10)) == sorted([notice, other])


async def test_a_mail_dropped_while_under_way_was_delivered_all_the_same(database: Database) -> None:
    mail = await claimed(database)
    await database.transact(lambda tx: mail_room().drop_mails(tx, NOW, "account-1", [PasswordResetLink]))
    assert await database.transact(lambda tx: outbox.mark_delivered(tx, mail.id, NOW))
    assert (await the_record(database)).status is MailStatus.DELIVERED


async def test_the_longest_waiting_come_first(database: Database) -> None:
    ages = [3, 1, 2]
    ids = {age: await add(database, at=NOW - timedelta(minutes=age)) for age in ages}
    assert await outbox.list_due(database, NOW, 2) == [ids[3], ids[2]]
    assert await outbox.list_due(database, NOW - timedelta(minutes=3), 10) == [ids[3]]


async def test_operators_see_everything_but_secrets_newest_first(database: Database) -> None:
    first, second = await add(database, at=NOW - timedelta(minutes=1)), await add(database, model.TestMessage())
    third = await claimed(database, NOTICE)
    await database.transact(lambda tx: outbox.mark_delivered(tx, third.id, NOW))
    records = await mail_room().list_mails(database)
    assert {record.id for record in records[:2]} == {second, third.id}
    assert records[2].id == first
    assert set(records[2].params) == {"handle", "expires_at", "active_hours", "time_zone"}
    assert TOKEN not in repr(records)
    page = await mail_room().list_mails(database, before_id=records[0].id, limit=1)
    assert page == [records[1]]
    queued = await mail_room().list_mails(database, status=MailStatus.QUEUED)
    assert {record.id for record in queued} == {first, second}
    counts = await mail_room().count_by_status(database)
    assert counts == {MailStatus.QUEUED: 2, MailStatus.DELIVERED: 1}


async def test_old_settled_mails_are_forgotten_and_waiting_ones_never(database: Database) -> None:
    old = NOW - timedelta(days=40)
    settled, waiting = await add(database, NOTICE, old), await add(database, NOTICE, old)
    young = await add(database, NOTICE, NOW)

    async def body(tx: Transaction) -> None:
        for mail_id in (settled, young):
            await outbox.mark_delivered(tx, mail_id, NOW)

    await database.transact(body)
    assert await database.transact(lambda tx: mail_room().sweep(tx, NOW)) == 1
    records = await mail_room().list_mails(database)
    assert {record.id for record in records} == {waiting, young}
