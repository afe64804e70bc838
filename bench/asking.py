"""What it costs to know what organizations ask: folding ten of them, and the stamp that a session is compared with."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from portico.database.engine import Transaction
from portico.house import open_house
from portico.organizations.folding import AskedBy, fold
from portico.organizations.model import Feature, MemberType, Role, belongings_of
from portico.organizations.policies.model import Draft
from portico.organizations.policy import NOTHING_ASKED, Mfa, PolicyFields, Preset, preset_fields
from portico.organizations.rules import AT_THE_MACHINE
from portico.settings import read_settings

ORGANIZATIONS = 10
_SINCE = datetime(2026, 5, 4, tzinfo=UTC)
_CHUNK = 200


def fold_for(seconds: float) -> float:
    """The CPU microseconds of folding what ten organizations ask."""
    asked = [
        AskedBy(
            organization=f"Clinic {number}",
            fields=preset_fields(list(Preset)[number % len(Preset)], mfa=Mfa.REQUIRED),
            since=_SINCE + timedelta(days=number),
            asked_at=_SINCE,
        )
        for number in range(ORGANIZATIONS)
    ]
    done, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        for _ in range(_CHUNK):
            fold(asked, NOTHING_ASKED)
        done += _CHUNK
    return (time.process_time() - cpu) / done * 1e6


async def stamp_for(folder: Path, seconds: float) -> float:
    """The CPU microseconds of a known stamp, for somebody who belongs to ten organizations that all ask something."""
    house = await open_house(read_settings({"PORTICO_DATA": str(folder), "PORTICO_MAIL_TRANSPORT": "maildir"}))
    now = house.clock.now()

    async def body(tx: Transaction) -> tuple[str, list[str]]:
        account = await house.accounts.add_account(tx, now, address="nora@north-clinic.example")
        joined = []
        for number in range(ORGANIZATIONS):
            organization = await house.organizations.add_organization(
                tx, now, name=f"Clinic {number}", features=frozenset(Feature)
            )
            joined.append(organization.id)
            await house.organizations.join(
                tx,
                now,
                organization_id=organization.id,
                account_id=account.id,
                member_type=MemberType.STAFF,
                role=Role.MEMBER,
            )
        found = await house.accounts.find_account(tx, account.id)
        return found.memberships if found else "", joined

    try:
        memberships, joined = await house.database.transact(body)
        draft = Draft(fields=PolicyFields(min_length=15), based_on=0)
        for organization_id in joined:
            await house.policies.save(organization_id, MemberType.STAFF, draft, AT_THE_MACHINE)
        if len(belongings_of(memberships)) != ORGANIZATIONS:
            raise RuntimeError("somebody is missing")
        done, began, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < seconds:
            for _ in range(_CHUNK):
                await house.policy_stamps.find(memberships, now)
            done += _CHUNK
            await asyncio.sleep(0)
        return (time.process_time() - cpu) / done * 1e6
    finally:
        await house.close()
