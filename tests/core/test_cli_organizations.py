"""``portico organizations``: an operator at the machine founds, names, switches and changes."""

import asyncio
import re
from pathlib import Path

import pytest

from portico.house import open_house
from portico.settings import read_settings
from tests.core.test_cli import Operator
from tests.support.dns_server import name_server

NORA, TOM = "nora@north-clinic.example", "tom@north-clinic.example"
NORTH = "North Clinic"


@pytest.fixture
async def operator(tmp_path: Path) -> Operator:
    """Somebody at a terminal, where Nora and Tom have accounts."""
    typing = Operator(tmp_path)
    house = await open_house(read_settings({**typing.environment, "PORTICO_MAIL_TRANSPORT": "maildir"}))
    try:
        for address in (NORA, TOM):
            await house.database.transact(
                lambda tx, address=address: house.accounts.add_account(  # type: ignore[misc]
                    tx, house.clock.now(), address=address, first_name=address.partition("@")[0].capitalize()
                )
            )
    finally:
        await house.close()
    return typing


def say(operator: Operator, *words: str) -> str:
    """The last line a command says, without what was logged."""
    said = operator.succeed("organizations", *words, PORTICO_LOG_LEVEL="error")
    return said.strip().splitlines()[-1]


def refuse(operator: Operator, *words: str) -> str:
    return operator.fail("organizations", *words, PORTICO_LOG_LEVEL="error")


async def test_an_organization_from_the_first_day_to_its_members(operator: Operator) -> None:  # S44, S84, D27
    async with name_server() as names:
        names.mood = "fails"
        await asyncio.to_thread(tell_the_story, operator, names.address)


def tell_the_story(operator: Operator, dns_server: str) -> None:
    made = say(operator, "add", NORTH)
    found = re.search(r"id ([0-9a-f-]{36})\.", made)
    assert found is not None, made
    assert "has this name" in refuse(operator, "add", "north clinic")
    assert say(operator, "owner", NORTH, "nora") == f"{NORA} is an owner now."
    assert say(operator, "feature", found[1], "password_enforcement", "on") == (
        "password_enforcement is on for North Clinic."
    )
    assert say(operator, "feature", NORTH, "mfa", "on") == "mfa is on for North Clinic."
    assert say(operator, "members", "add", NORTH, TOM, "--type", "provider") == f"{TOM}: provider, member, active."
    assert "a member already" in refuse(operator, "members", "add", NORTH, TOM)
    changed = say(operator, "members", "change", NORTH, TOM, "--role", "admin")
    assert changed == f"{TOM}: provider, admin, active."
    assert say(operator, "members", "suspend", NORTH, TOM).endswith("suspended.")
    assert say(operator, "list").split() == [
        found[1],
        "North",
        "Clinic",
        "active",
        "mfa",
        "password_enforcement",
        "1",
        "1",
    ]
    assert say(operator, "members", "list", NORTH, "--state", "suspended").split()[1:] == [
        TOM, "Tom", "provider", "admin", "suspended",
    ]  # fmt: skip
    assert say(operator, "members", "resume", NORTH, TOM).endswith("active.")
    assert "nobody else could act" in refuse(operator, "members", "remove", NORTH, NORA)
    assert say(operator, "members", "remove", NORTH, TOM) == f"{TOM} is no member of North Clinic any more."
    claimed = operator.succeed("organizations", "domains", "claim", NORTH, "North.Example", PORTICO_LOG_LEVEL="error")
    assert "have its DNS answer for _portico-challenge.north.example with a TXT record" in claimed
    value = claimed.strip().splitlines()[-1]
    assert value.startswith("portico-domain=")
    away = operator.fail("organizations", "domains", "verify", NORTH, "north.example", PORTICO_DNS_SERVER=dns_server)
    assert "no name server has answered for _portico-challenge.north.example" in away
    assert say(operator, "domains", "verify", NORTH, "north.example", "--by-word") == "north.example is proven."
    listed = say(operator, "domains", "list", NORTH).split()
    assert (listed[0], listed[-2:]) == ("north.example", ["_portico-challenge.north.example", value])
    assert say(operator, "domains", "release", NORTH, "north.example") == "north.example is released."
    assert "is suspended" in say(operator, "suspend", NORTH)
    assert "active again" in say(operator, "resume", NORTH)
    assert say(operator, "rename", NORTH, "Clinic of the North") == "It is called Clinic of the North now."


async def test_what_is_not_there_is_said(operator: Operator) -> None:
    await asyncio.to_thread(say, operator, "add", NORTH)
    for words, why in (
        (("suspend", "South Clinic"), "no organization called South Clinic"),
        (("owner", NORTH, "nobody@north-clinic.example"), "no account nobody@north-clinic.example"),
        (("suspend", "01900000-0000-7000-8000-000000000000"), "no such organization"),
        (("members", "remove", NORTH, "tom"), "no such member"),
        (("members", "change", NORTH, "tom"), "no such member"),
        (("feature", NORTH, "mfa", "maybe"), "on or off"),
        (("feature", NORTH, "coffee", "on"), "coffee"),
        (("domains", "claim", NORTH, "gmail.com"), "everybody"),
        (("domains", "claim", NORTH, "nowhere"), "not a domain"),
        (("domains", "verify", NORTH, "north.example"), "no such domain"),
        (("domains", "release", NORTH, "north.example"), "no such domain"),
        (("add", " "), "name of an organization"),
    ):
        assert why in await asyncio.to_thread(refuse, operator, *words), words
