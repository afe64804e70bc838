"""Each reminder once: with the mail server down, killed in the middle, by two servers, against changes meanwhile."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from portico.database.engine import Transaction
from portico.database.lease import LeaseLost
from portico.mail.model import MailStatus
from portico.reminders import reminding
from portico.reminders.model import ReminderState
from tests.support.mail_server import HOST, mail_server
from tests.support.reminding import (
    MORNINGS,
    SUBJECTS,
    Killed,
    Mortal,
    change_password,
    clinic_with,
    ledger,
    mails,
    remind,
)
from tests.support.world import LIFTED, MakeWorld, World, open_world


async def test_a_mail_server_down_for_two_days_gets_each_mail_once(make_world: MakeWorld) -> None:  # D11
    with mail_server() as server:
        smtp = {"mail_transport": "smtp", "smtp_host": HOST, "smtp_port": str(server.port), "smtp_security": "none"}
        async with make_world(limits=LIFTED, **smtp) as world:
            await clinic_with(world)
            server.stop()
            world.clock.at = MORNINGS[3] - timedelta(hours=1)
            for _ in range(52):
                world.clock.advance(hours=1)
                await world.house.runner.run_all_once()
            assert await ledger(world) == {10: ReminderState.SKIPPED, 3: ReminderState.SKIPPED, 1: ReminderState.SENT}
            server.start()
            for _ in range(6):
                world.clock.advance(hours=1)
                await world.house.runner.run_all_once()
            assert [one.mail["subject"] for one in server.received] == [SUBJECTS[1]], "not two at once"


async def test_a_mail_that_was_held_up_tells_what_is_true_by_then(make_world: MakeWorld) -> None:  # S89
    with mail_server() as server:
        smtp = {"mail_transport": "smtp", "smtp_host": HOST, "smtp_port": str(server.port), "smtp_security": "none"}
        async with make_world(limits=LIFTED, **smtp) as world:
            await clinic_with(world)
            server.stop()
            world.clock.at = MORNINGS[10]
            await world.house.runner.run_all_once()
            server.start()
            world.clock.advance(days=2)
            await world.house.runner.run_all_once()
            (received,) = server.received
            assert received.mail["subject"] == "Portico Password is Expiring in 9 days"


async def test_killed_anywhere_it_goes_on_and_doubles_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:  # D11
    monkeypatch.setattr(reminding, "BATCH", 2)
    monkeypatch.setattr(reminding, "PAGE", 3)
    people = [await world.add_person(f"p{number}@elsewhere.example", handle=f"person{number}") for number in range(5)]
    await clinic_with(world, *people)
    world.clock.at = MORNINGS[10]
    deaths = 0
    for statements in range(200):
        try:
            await world.house.reminding.remind(Mortal(world.house.database, statements))
            break
        except Killed:
            deaths += 1
    assert deaths > 20
    assert await remind(world) == 0, "the last run had done it all"
    for person in people:
        assert len(await mails(world, person.address)) == 1
        assert await ledger(world, person.address) == {10: ReminderState.SENT}


async def test_two_servers_at_once_send_each_once(tmp_path: Path, database_url: str) -> None:  # D11
    async with (
        open_world(tmp_path, database_url, limits=LIFTED) as one,
        open_world(tmp_path, database_url, limits=LIFTED) as two,
    ):
        people = [
            await one.add_person(f"p{number}@elsewhere.example", handle=f"person{number}") for number in range(60)
        ]
        await clinic_with(one, *people)
        one.clock.at = two.clock.at = MORNINGS[10]
        counted = await asyncio.gather(*(remind(world) for world in (one, two, one, two)))
        assert sum(counted) == len(people)
        for person in people:
            assert len(await mails(one, person.address)) == 1


async def test_a_server_that_was_replaced_reminds_nobody(tmp_path: Path, database_url: str) -> None:  # D11
    async with (
        open_world(tmp_path, database_url, limits=LIFTED) as one,
        open_world(tmp_path, database_url, limits=LIFTED) as two,
    ):
        nora = await one.add_person()
        await clinic_with(one, nora)
        one.clock.at = two.clock.at = MORNINGS[10] - timedelta(hours=1)
        await one.house.runner.run_all_once()
        one.clock.at = two.clock.at = MORNINGS[10]
        lease = two.house.runner.lease
        assert lease is not None
        assert await lease.keep(), "the first has been silent for too long"
        (job,) = (each for each in one.house.runner.jobs if each.name == "remind")
        with pytest.raises(LeaseLost):
            await job.run_once()
        assert await mails(one) == []
        await two.house.runner.run_all_once()
        assert len(await mails(one)) == 1


async def test_a_change_at_the_same_moment_leaves_no_stale_mail(free_world: World) -> None:  # S100, D11
    world = free_world
    people = [await world.add_person(f"p{number}@elsewhere.example", handle=f"person{number}") for number in range(30)]
    await clinic_with(world, *people)
    world.clock.at = MORNINGS[10]
    changing = people[::2]
    await asyncio.gather(remind(world), *(change_password(world, person.address) for person in changing))
    await remind(world)
    for person in people:
        waiting = [mail for mail in await mails(world, person.address) if mail.status is MailStatus.QUEUED]
        assert len(waiting) == (person not in changing), person.handle


async def test_the_search_goes_by_the_index(world: World) -> None:  # D11
    """Whoever is nowhere near the end is not looked at."""
    sql = (
        "SELECT c.account_id FROM credentials c JOIN accounts a ON a.id = c.account_id "
        "WHERE c.kind = 'password' AND c.changed_at > 1 AND c.changed_at <= 2 "
        "AND (c.changed_at, c.account_id) > (1, '') ORDER BY c.changed_at, c.account_id LIMIT 5"
    )
    database = world.house.database
    if database.kind == "sqlite":
        plan = [row["detail"] for row in await database.list_rows(f"EXPLAIN QUERY PLAN {sql}")]
    else:

        async def body(tx: Transaction) -> list[str]:
            await tx.execute("SET LOCAL enable_seqscan = off")  # a small table would be read whole
            return [row["QUERY PLAN"] for row in await tx.list_rows(f"EXPLAIN {sql}")]

        plan = await database.transact(body)
    assert any("credentials_by_age" in line for line in plan), plan
