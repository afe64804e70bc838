"""What operators see of the mail: five words, no secrets, and a bounce that is reported once."""

import json
from datetime import timedelta
from typing import Any

import pytest

from portico.audit.model import EventKind
from portico.database.engine import Transaction
from portico.mail import outbox
from portico.mail.model import MailFate, MailStatus, PasswordResetLink, fate_of
from tests.support.world import ADDRESS, PASSWORD, Native, World

OLGA = "olga@north-clinic.example"
TOKEN = "a-token-that-opens-an-account-0123456789-abc"
LEASE = timedelta(minutes=2)


async def queue(world: World, fate: MailFate, recipient: str = ADDRESS) -> str:
    """A mail that has come to this, in the ways in which mails do; its id."""
    world.clock.advance(seconds=1)
    now, mail = world.clock.now(), world.house.mail
    nora = await world.get_account()
    link = PasswordResetLink(handle="nora", link_token=TOKEN, expires_at=now + timedelta(hours=24))

    async def body(tx: Transaction) -> str:
        mail_id = await mail.add_mail(tx, now, link, recipient=recipient, language="en", account_id=nora.id)
        if fate is MailFate.QUEUED:
            return mail_id
        if fate is MailFate.DROPPED:
            await mail.drop_mails(tx, now, nora.id, [PasswordResetLink])
            return mail_id
        claimed = await outbox.claim_mail(tx, mail_id, now, now + LEASE)
        assert claimed is not None
        match fate:
            case MailFate.DEFERRED:
                await outbox.postpone_mail(tx, claimed, now + LEASE, "451 come back later")
            case MailFate.BOUNCED:
                await outbox.mark_dead(tx, claimed, now, "550 nobody of that name")
            case _:
                await outbox.mark_delivered(tx, mail_id, now)
        return mail_id

    return await world.house.database.transact(body)


async def olga(world: World, client: Native) -> None:
    """The operator, signed in."""
    await world.add_person(OLGA, PASSWORD, first_name="Olga", last_name="Peters", is_operator=True)
    await client.sign_in(OLGA)


async def get(client: Native, path: str = "", **query: str) -> dict[str, Any]:
    """What a call answers."""
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    answer = await client.call("GET", f"/operator/mails{path}?{asked}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_each_mail_has_one_of_five_words(free_world: World) -> None:  # S99
    order = [MailFate.DROPPED, MailFate.QUEUED, MailFate.ACCEPTED, MailFate.DEFERRED, MailFate.BOUNCED]
    ids = {fate: await queue(free_world, fate) for fate in order}
    async with free_world.native() as client:
        await olga(free_world, client)
        told = await get(client)
        assert [(mail["id"], mail["status"]) for mail in told["mails"]] == [
            (ids[fate], fate.value) for fate in reversed(order)
        ]
        assert told["before"] is None
        for fate, mail_id in ids.items():
            assert [mail["id"] for mail in (await get(client, status=fate.value))["mails"]] == [mail_id]
            assert (await get(client, f"/{mail_id}"))["status"] == fate.value
        assert await get(client, "/counts") == dict.fromkeys([fate.value for fate in MailFate], 1)
        deferred = await get(client, f"/{ids[MailFate.DEFERRED]}")
        assert deferred["last_error"] == "451 come back later"
        assert deferred["tries"] == 1
        assert "next_try_at" in deferred
        assert "next_try_at" not in await get(client, f"/{ids[MailFate.ACCEPTED]}")


def test_the_word_follows_from_what_is_stored() -> None:
    words = {
        (status, has_failed, has_bounced): fate_of(status, has_failed=has_failed, has_bounced=has_bounced)
        for status in MailStatus
        for has_failed in (False, True)
        for has_bounced in (False, True)
    }
    assert {words[MailStatus.QUEUED, failed, False] for failed in (False, True)} == {"queued", "deferred"}
    assert {words[status, failed, True] for status in MailStatus for failed in (False, True)} == {"bounced"}
    assert {words[MailStatus.DEAD, failed, False] for failed in (False, True)} == {"bounced"}
    assert set(words.values()) == set(MailFate)


async def test_what_is_found_and_counted_is_what_the_words_say(free_world: World) -> None:
    """The statements against the pure function, for every row there could be."""
    first = await queue(free_world, MailFate.QUEUED)
    database, mail = free_world.house.database, free_world.house.mail

    async def body(tx: Transaction) -> None:
        number = 0
        for status in MailStatus:
            for error in (None, "451"):
                for bounced_at in (None, 1):
                    number += 1
                    await tx.execute(
                        "INSERT INTO outbox (id, kind, recipient, language, params, created_at, status, tries, "
                        "next_try_at, last_error, bounced_at) VALUES ($1, 'test_message', 'a@example.org', 'en', '{}', "
                        "1, $2, 1, 1, $3, $4)",
                        f"00{first[2:-2]}{number:02}",  # sorts before the first, and is nobody else's
                        status.value,
                        error,
                        bounced_at,
                    )

    await database.transact(body)
    everything = await mail.list_mails(database, limit=100)
    for fate in MailFate:
        expected = [each.id for each in everything if each.fate is fate]
        assert [each.id for each in await mail.list_mails(database, fate=fate, limit=100)] == expected
        assert (await mail.count_by_fate(database))[fate] == len(expected)


async def test_pages_follow_one_another(free_world: World) -> None:
    ids = [await queue(free_world, MailFate.ACCEPTED) for _ in range(53)]
    async with free_world.native() as client:
        await olga(free_world, client)
        first = await get(client)
        assert [mail["id"] for mail in first["mails"]] == ids[:2:-1]
        second = await get(client, before=first["before"])
        assert [mail["id"] for mail in second["mails"]] == ids[2::-1]
        assert second["before"] is None


async def test_mails_are_found_by_recipient_however_it_is_typed(free_world: World) -> None:
    mail_id = await queue(free_world, MailFate.ACCEPTED, "Tom@North-Clinic.example")
    await queue(free_world, MailFate.ACCEPTED)
    async with free_world.native() as client:
        await olga(free_world, client)
        for typed in ("tom@north-clinic.example", "TOM@NORTH-CLINIC.EXAMPLE", "%20Tom@North-Clinic.example"):
            assert [mail["id"] for mail in (await get(client, recipient=typed))["mails"]] == [mail_id], typed
        assert (await get(client, recipient="tom"))["mails"] == []


async def test_nothing_that_opens_something_is_told(free_world: World) -> None:  # rule 10
    mail_id = await queue(free_world, MailFate.QUEUED)
    async with free_world.native() as client:
        await olga(free_world, client)
        shown = await get(client, f"/{mail_id}")
        told = json.dumps([shown, await get(client)])
        assert TOKEN not in told
        assert set(shown) == {
            "id", "kind", "recipient", "language", "status", "tries", "queued_at", "account_id", "next_try_at",
            "useless_at",
        }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    ["status=delivered", "status=", "before=x", "nonsense=1", "status=queued&status=queued", "before=" + "a" * 40],
)
async def test_a_question_that_makes_no_sense_is_refused(free_world: World, query: str) -> None:
    async with free_world.native() as client:
        await olga(free_world, client)
        answer = await client.call("GET", f"/operator/mails?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


async def test_an_accepted_mail_may_come_back_once(free_world: World) -> None:  # S99
    mail_id = await queue(free_world, MailFate.ACCEPTED)
    async with free_world.native() as client:
        await olga(free_world, client)
        path = f"/operator/mails/{mail_id}/bounced"
        told = await client.call("POST", path, {"reason": "550 5.1.1\r\nnobody of that name"})
        assert told.status_code == 200
        assert (told.json()["status"], told.json()["bounce"]) == ("bounced", "550 5.1.1 nobody of that name")
        free_world.clock.advance(minutes=5)
        again = await client.call("POST", path, {"reason": "something else"})
        assert again.json() == told.json(), "the first report stands"
        nora = await free_world.get_account()
        events = await free_world.house.audit.list_events(free_world.house.database, nora.id)
        (event,) = [each.event for each in events if each.event.kind is EventKind.MAIL_BOUNCED]
        assert event.actor_id == (await free_world.get_account(OLGA)).id
        assert event.details == {"mail": mail_id, "kind": "password_reset_link"}


@pytest.mark.parametrize("fate", [MailFate.QUEUED, MailFate.DEFERRED, MailFate.DROPPED, MailFate.BOUNCED], ids=str)
async def test_what_was_not_accepted_cannot_come_back(free_world: World, fate: MailFate) -> None:
    mail_id = await queue(free_world, fate)
    async with free_world.native() as client:
        await olga(free_world, client)
        refused = await client.call("POST", f"/operator/mails/{mail_id}/bounced", {"reason": "550"})
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert (await get(client, f"/{mail_id}"))["status"] == fate.value


@pytest.mark.parametrize("reason", ["", " ", "x" * 501, "\0"])
async def test_a_bounce_needs_a_reason(free_world: World, reason: str) -> None:
    mail_id = await queue(free_world, MailFate.ACCEPTED)
    async with free_world.native() as client:
        await olga(free_world, client)
        refused = await client.call("POST", f"/operator/mails/{mail_id}/bounced", {"reason": reason})
        assert refused.status_code == 400


async def test_a_mail_that_is_not_there_is_not_found(free_world: World) -> None:
    async with free_world.native() as client:
        await olga(free_world, client)
        for mail_id in ("x", "0199d2f4-7a10-7c3e-9b1a-4f2d8e6c0a15", "%00", "'--"):
            assert (await client.call("GET", f"/operator/mails/{mail_id}")).status_code == 404
            told = await client.call("POST", f"/operator/mails/{mail_id}/bounced", {"reason": "550"})
            assert told.status_code == 404


async def test_whoever_is_an_operator_no_longer_sees_nothing(free_world: World) -> None:
    """The table's guard asks the account as it is now, not as it was at sign-in; and a browser's cookie is no key."""
    async with free_world.native() as client, free_world.browser() as browser:
        await olga(free_world, client)
        assert (await client.call("GET", "/operator/mails")).status_code == 200
        await browser.sign_in(OLGA)
        assert (await browser.get("/api/v1/operator/mails")).status_code == 401

        async def body(tx: Transaction) -> None:
            await tx.execute("UPDATE accounts SET is_operator = 0 WHERE address = $1", OLGA)

        await free_world.house.database.transact(body)
        refused = await client.call("GET", "/operator/mails")
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
