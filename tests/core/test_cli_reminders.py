"""``portico policies reminders``: an operator at the machine sees who was reminded."""

import asyncio
from datetime import timedelta
from pathlib import Path

from portico.factors.model import PasswordProperties
from portico.house import House, open_house
from portico.organizations.model import Feature, MemberType, Role
from portico.organizations.policies.model import Draft
from portico.organizations.policy import PolicyFields
from portico.organizations.rules import AT_THE_MACHINE
from portico.settings import read_settings
from tests.core.test_cli import Operator

NORTH = "North Clinic"


async def remind_somebody(house: House) -> str:
    """Nora was reminded just now, for North Clinic; her account's id."""
    new = await house.password.prepare("Harbour-Lamp-27")
    now = house.clock.now()
    nora = await house.database.transact(
        lambda tx: house.accounts.add_account(tx, now, address="nora@north-clinic.example", first_name="Nora")
    )
    clinic = await house.organization_changes.add(AT_THE_MACHINE, NORTH)
    await house.organization_changes.set_feature(
        AT_THE_MACHINE, clinic.id, clinic.version, Feature.PASSWORD_ENFORCEMENT, is_on=True
    )
    await house.memberships.add(AT_THE_MACHINE, clinic.id, nora, MemberType.PROVIDER, Role.MEMBER)
    draft = Draft(fields=PolicyFields(max_age_days=60, reminder_days=(10, 3, 1)), based_on=0, at_once=True)
    await house.policies.save(clinic.id, MemberType.PROVIDER, draft, AT_THE_MACHINE)
    set_at = now - timedelta(days=60) + timedelta(hours=1)  # an hour is left: day or night, it is told at once

    await house.database.transact(
        lambda tx: house.password.set_password(tx, set_at, nora.id, new, PasswordProperties())
    )
    assert await house.reminding.remind() == 1
    return nora.id


async def test_the_ledger_is_listed(tmp_path: Path) -> None:  # D11
    operator = Operator(tmp_path)
    house = await open_house(read_settings({**operator.environment, "PORTICO_MAIL_TRANSPORT": "maildir"}))
    try:
        nora = await remind_somebody(house)
    finally:
        await house.close()
    said = await asyncio.to_thread(operator.succeed, "policies", "reminders", NORTH, PORTICO_LOG_LEVEL="error")
    head, *lines = said.strip().splitlines()
    assert head.split() == ["reminder", "account", "days", "state", "since", "password", "expires"]
    assert sorted(line.split()[1:4] for line in lines) == [
        [nora, "1", "sent"],
        [nora, "10", "skipped"],
        [nora, "3", "skipped"],
    ]
    none = await asyncio.to_thread(operator.succeed, "policies", "reminders", NORTH, "--account", "nobody")
    assert len(none.strip().splitlines()) == 1
    refused = await asyncio.to_thread(operator.fail, "policies", "reminders", "Nowhere")
    assert "there is no organization" in refused
