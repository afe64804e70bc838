"""``portico invitations``: inviting people at the terminal, one or a file of them (D27)."""

import asyncio
from pathlib import Path

import pytest

from portico.house import open_house
from portico.settings import read_settings
from tests.core.test_cli import Operator


@pytest.fixture
async def operator(tmp_path: Path) -> Operator:
    """Somebody at a terminal."""
    return Operator(tmp_path)


@pytest.fixture
async def clinic(operator: Operator) -> str:
    """The id of an organization."""
    house = await open_house(read_settings({**operator.environment, "PORTICO_MAIL_TRANSPORT": "maildir"}))
    try:
        added = await house.database.transact(
            lambda tx: house.organizations.add_organization(tx, house.clock.now(), name="North Clinic")
        )
        return added.id
    finally:
        await house.close()


async def test_one_is_invited_listed_and_taken_back(operator: Operator, clinic: str) -> None:  # D27
    said = await asyncio.to_thread(
        operator.succeed, "invitations", "send", clinic, "ida@south-clinic.example", "--type", "provider",
        "--role", "owner",
    )  # fmt: skip
    assert said.splitlines()[-1] == "All together: 1 invited."
    head, row = (await asyncio.to_thread(operator.succeed, "invitations", "list", clinic)).splitlines()
    assert head.split() == ["id", "sent", "status", "type", "role", "mails", "to"]
    assert row.split()[3:] == ["open", "provider", "owner", "0", "ida@south-clinic.example"]
    told = await asyncio.to_thread(operator.succeed, "invitations", "revoke", clinic, row.split()[0])
    assert told.splitlines()[-1] == "The invitation of ida@south-clinic.example is taken back."
    listed = await asyncio.to_thread(operator.succeed, "invitations", "list", clinic, "--status", "open")
    assert len(listed.splitlines()) == 1


async def test_of_a_file_each_line_is_judged_alone(operator: Operator, clinic: str, tmp_path: Path) -> None:  # D27
    file = tmp_path / "people.csv"
    lines = [
        "\ufeffAddress,type,role,language",
        "# who is new",
        "ida@south-clinic.example",
        '"kim@south-clinic.example", provider ,admin,de',
        "",
        "IDA@south-clinic.example",
        "nonsense",
        "max@south-clinic.example,emperor",
        "max@south-clinic.example,,,xx",
        "max@south-clinic.example,staff,member,en,more",
        '"max@south-clinic.example',
        "x" * 40_000,
    ]
    file.write_bytes("\r\n".join(lines).encode() + b"\r\n\xff\xfe\n")
    said = await asyncio.to_thread(operator.succeed, "invitations", "send", "North Clinic", "--file", str(file))
    *reports, summary = said.splitlines()
    assert [line.split()[:2] for line in reports] == [
        ["3", "invited"],
        ["4", "invited"],
        ["6", "already_invited"],
        ["7", "not_an_address"],
        *([str(number), "unreadable"] for number in range(8, 14)),
    ]
    assert summary == "All together: 1 already_invited, 2 invited, 1 not_an_address, 6 unreadable."
    listed = (await asyncio.to_thread(operator.succeed, "invitations", "list", clinic)).splitlines()
    assert sorted(line.split()[4:6] for line in listed[1:]) == [["provider", "admin"], ["staff", "member"]]


async def test_what_makes_no_sense_is_refused(operator: Operator, clinic: str, tmp_path: Path) -> None:  # D27
    for wrong in (
        ["send", clinic],
        ["send", clinic, "ida@south-clinic.example", "--file", str(tmp_path / "x")],
        ["send", clinic, "--file", str(tmp_path / "nothing")],
        ["send", "nowhere", "ida@south-clinic.example"],
        ["send", clinic, "nonsense"],
        ["send", clinic, "ida@south-clinic.example", "--language", "xx"],
        ["list", "nowhere"],
        ["revoke", clinic, "nothing"],
    ):
        await asyncio.to_thread(operator.fail, "invitations", *wrong)
