"""``portico mails``: what an operator sees of the mail at the terminal."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from portico.database.engine import Transaction
from portico.house import House, open_house
from portico.mail.model import TestMessage
from portico.settings import read_settings
from tests.core.test_cli import Operator


@pytest.fixture
async def operator(tmp_path: Path) -> Operator:
    """Somebody at a terminal, where two mails wait and one was taken."""
    typing = Operator(tmp_path)
    house = await open_house(read_settings({**typing.environment, "PORTICO_MAIL_TRANSPORT": "maildir"}))
    try:
        await queue(house, "nora@north-clinic.example", seconds_ago=3)
        await house.sender.send_due(house.clock.now())
        await queue(house, "tom@north-clinic.example", seconds_ago=2)
        await queue(house, "mia@north-clinic.example", seconds_ago=1)
    finally:
        await house.close()
    return typing


async def queue(house: House, recipient: str, *, seconds_ago: int) -> None:
    at = house.clock.now() - timedelta(seconds=seconds_ago)

    async def body(tx: Transaction) -> None:
        await house.mail.add_mail(tx, at, TestMessage(), recipient=recipient, language="en")

    await house.database.transact(body)


async def test_mails_are_listed_and_shown(operator: Operator) -> None:  # S99
    said = await asyncio.to_thread(operator.succeed, "mails")
    head, *rows, summary = said.splitlines()
    assert head.split() == ["id", "queued", "status", "tries", "kind", "to"]
    assert [row.split()[-1].partition("@")[0] for row in rows] == ["mia", "tom", "nora"]
    assert [row.split()[3] for row in rows] == ["queued", "queued", "accepted"]
    assert summary == "All together: 2 queued, 1 accepted, 0 deferred, 0 bounced, 0 dropped."
    accepted = (await asyncio.to_thread(operator.succeed, "mails", "--status", "accepted")).splitlines()
    assert len(accepted) == 3
    assert "nora@" in accepted[1]
    to_tom = (await asyncio.to_thread(operator.succeed, "mails", "--to", "TOM@north-clinic.example")).splitlines()
    assert [row.split()[-1] for row in to_tom[1:-1]] == ["tom@north-clinic.example"]
    assert len((await asyncio.to_thread(operator.succeed, "mails", "--limit", "1")).splitlines()) == 3
    shown = await asyncio.to_thread(operator.succeed, "mails", "show", accepted[1].split()[0])
    told = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert (told["status"], told["to"], told["kind"]) == ("accepted", "nora@north-clinic.example", "test_message")


async def test_what_makes_no_sense_is_refused(operator: Operator) -> None:
    assert "no such mail" in await asyncio.to_thread(operator.fail, "mails", "show", "nothing")
    await asyncio.to_thread(operator.fail, "mails", "--status", "lost")
    await asyncio.to_thread(operator.fail, "mails", "--limit", "0")
