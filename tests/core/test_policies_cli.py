"""``portico policies``: what organizations ask, looked at and changed at the terminal."""

import asyncio
from pathlib import Path

import pytest

from portico.database.engine import Transaction
from portico.house import open_house
from portico.organizations.model import Feature, MemberType, Role
from portico.settings import read_settings
from tests.core.test_cli import Operator


@pytest.fixture
async def operator(tmp_path: Path) -> Operator:
    """Somebody at a terminal, where North Clinic has one member of its staff, who has no password."""
    typing = Operator(tmp_path)
    house = await open_house(read_settings({**typing.environment, "PORTICO_MAIL_TRANSPORT": "maildir"}))
    now = house.clock.now()

    async def body(tx: Transaction) -> None:
        features = frozenset({Feature.PASSWORD_ENFORCEMENT})
        clinic = await house.organizations.add_organization(tx, now, name="North Clinic", features=features)
        nora = await house.accounts.add_account(tx, now, address="nora@north-clinic.example", first_name="Nora")
        await house.organizations.join(
            tx, now, organization_id=clinic.id, account_id=nora.id, member_type=MemberType.STAFF, role=Role.MEMBER
        )

    try:
        await house.database.transact(body)
    finally:
        await house.close()
    return typing


async def test_a_policy_is_previewed_saved_shown_and_withdrawn(operator: Operator) -> None:  # D9, D10
    def work() -> None:
        where = ("north  CLINIC", "staff")
        wish = ("--preset", "classic", "--set", "history=off", "--set", "reminder_days=3,10")
        seen = operator.succeed("policies", "preview", *where, *wish)
        assert "1 of 1 members would have to act by" in seen
        assert "Nora" in seen
        assert "max_age_days: off -> 60\n  Whoever must change often" in seen
        said = operator.succeed("policies", "save", *where, *wish, "--at-once", "--reason", "the audit")
        assert "Version 1 for staff of North Clinic is enforced from" in said
        assert said.rstrip().endswith("max_age_days=60, reminder_days=10,3, composition=on.")
        far = operator.fail("policies", "save", *where, "--set", "min_length=20", "--from", "2099-01-01")
        assert "365 days" in far
        operator.succeed("policies", "save", *where, "--set", "min_length=20")
        overview = operator.succeed("policies", "show", "North Clinic").splitlines()
        assert overview[0].split() == ["type", "newest", "in", "force", "announced", "rehearsed"]
        staff = next(line for line in overview if line.startswith("staff"))
        assert staff.split()[1:4] == ["2", "1", "from"]
        shown = operator.succeed("policies", "show", *where)
        assert "min_length 8 -> 20" in shown
        assert "the audit" in shown
        withdrawn = operator.succeed("policies", "withdraw", *where)
        assert "Version 3 is in force: max_age_days=60" in withdrawn

    await asyncio.to_thread(work)


async def test_what_cannot_be_asked_is_said_in_one_sentence(operator: Operator) -> None:  # D9, D27
    def work() -> None:
        where = ("North Clinic", "staff")
        for words, told in (
            (("--set", "max_age=60"), "no field 'max_age'"),
            (("--set", "max_age_days=366"), "max_age_days: Expected `int` <= 365"),
            (("--set", "composition=maybe"), "composition: Expected `bool`"),
            (("--set", "mfa=required"), "an operator switches it on"),
            (("--preset", "nist"), "breached_password_service"),
            (("--set", "history"), "write FIELD=VALUE"),
            (("--preset", "lenient"), "lenient"),
            (("--set", "history=6", "--from", "2001-01-01"), "lies in the past"),
            (("--set", "history=6", "--based-on", "3"), "the newest version is 0"),
        ):
            assert told in operator.fail("policies", "save", *where, *words), words
        assert "no organization called South" in operator.fail("policies", "show", "South")

    await asyncio.to_thread(work)


async def test_every_field_is_listed_with_what_it_costs(operator: Operator) -> None:  # D9
    said = await asyncio.to_thread(operator.succeed, "policies", "fields")
    assert "max_age_days: 1 to 365, or off; off unless it is set, needs the feature password_enforcement" in said
    assert "  required: Nobody gets in without an authenticator app or a passkey" in said
    assert "nist: As NIST SP 800-63B-4 advises" in said
