"""The job that reminds: on the right day, in the reader's morning, as organizations ask, never of what is over."""

from datetime import UTC, datetime, timedelta

import pytest

from portico.audit.model import EventKind
from portico.kernel.zones import zone_of
from portico.mail.model import MailStatus
from portico.organizations.model import Feature, MemberType, Role
from portico.organizations.policies.ages import find_asked_ages
from portico.organizations.policy import NOTHING_ASKED, PolicyFields
from portico.organizations.rules import AT_THE_MACHINE
from portico.reminders.model import ReminderState
from tests.support.organizations import NORTH, SOUTH, ask, found, join
from tests.support.reminding import (
    CLASSIC,
    ENDS,
    MORNINGS,
    SUBJECTS,
    change_password,
    clinic_with,
    disable,
    ledger,
    mails,
    remind,
    reminders,
    rows_of,
    set_zone,
)
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, START, MakeWorld, World


async def test_each_comes_on_its_day_and_once(world: World) -> None:  # S88, S89, D11
    await clinic_with(world)
    for days in (10, 3, 1):
        morning = MORNINGS[days]
        assert await remind(world, morning - timedelta(seconds=1)) == 0
        assert await remind(world, morning) == 1
        assert await remind(world, morning + timedelta(hours=1)) == 0
        assert (await reminders(world))[0].subject == SUBJECTS[days]
    assert await ledger(world) == dict.fromkeys((10, 3, 1), ReminderState.SENT)
    for hours in range(0, 40, 3):
        assert await remind(world, MORNINGS[1] + timedelta(hours=hours)) == 0
    assert len(await reminders(world)) == 3
    events = await world.house.audit.list_events(world.house.database, (await world.get_account()).id)
    told = [one.event.details for one in events if one.event.kind is EventKind.PASSWORD_REMINDED]
    assert told == [{"days": 1}, {"days": 3}, {"days": 10}]


async def test_the_letter_says_who_asks_when_it_ends_and_what_to_do(world: World) -> None:  # S88, S89
    await clinic_with(world)
    await remind(world, MORNINGS[10])
    (letter,) = await reminders(world)
    for words in (NORTH, "every 60 days", "2026-07-03 at 09:00 UTC", "https://login.portico.example/account/password"):
        assert words in letter.text
    assert "nora" in letter.text
    (mail,) = await mails(world)
    assert mail.useless_at == ENDS, "after the end it is not sent"


async def test_it_is_written_in_the_readers_language_and_in_their_morning(world: World) -> None:  # S88, D11
    tom = await world.add_person("tom@elsewhere.example", handle="tom", language="de")
    await set_zone(world, tom, "America/New_York")
    await clinic_with(world, tom)
    assert await remind(world, datetime(2026, 6, 23, 11, 59, tzinfo=UTC)) == 0
    assert await remind(world, datetime(2026, 6, 23, 12, 0, tzinfo=UTC)) == 1
    (letter,) = await reminders(world, "tom@elsewhere.example")
    assert letter.subject == "Ihr Portico-Passwort läuft in 10 Tagen ab"
    assert "03.07.2026 um 05:00 Uhr (America/New_York)" in letter.text


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Kolkata", "Pacific/Pago_Pago"])
async def test_a_morning_is_that_of_the_person(world: World, zone: str) -> None:  # D11
    await set_zone(world, await world.get_account(), zone)
    await clinic_with(world)
    world.clock.at = datetime(2026, 6, 21, 0, 0, tzinfo=UTC)
    while not await remind(world):
        world.clock.advance(minutes=30)
    told = world.clock.now().astimezone(zone_of(zone))
    assert (told.hour, told.minute) == (8, 0)
    assert ENDS.astimezone(told.tzinfo).date() - told.date() == timedelta(days=10)


async def test_who_has_no_zone_has_that_of_the_deployment(make_world: MakeWorld) -> None:  # D11
    async with make_world(default_time_zone="Europe/Berlin") as world:
        await clinic_with(world)
        assert await remind(world, datetime(2026, 6, 23, 5, 59, tzinfo=UTC)) == 0
        assert await remind(world, datetime(2026, 6, 23, 6, 0, tzinfo=UTC)) == 1


async def test_after_a_downtime_only_the_nearest_comes(world: World) -> None:  # D11
    await clinic_with(world)
    assert await remind(world, MORNINGS[10] - timedelta(days=1)) == 0
    assert await remind(world, MORNINGS[3] + timedelta(days=1, hours=3)) == 1, "eight days later, before noon"
    assert await ledger(world) == {10: ReminderState.SKIPPED, 3: ReminderState.SENT}
    (letter,) = await reminders(world)
    assert letter.subject == "Portico Password is Expiring in 2 days", "what is true, where the morning was missed"
    assert await remind(world, MORNINGS[1]) == 1
    assert (await reminders(world))[0].subject == SUBJECTS[1]


async def test_five_days_of_downtime_lose_nothing(world: World) -> None:  # D11
    await clinic_with(world)
    world.clock.at = MORNINGS[10] + timedelta(days=5)
    assert await remind(world) == 1
    assert await ledger(world) == {10: ReminderState.SENT}
    assert (await reminders(world))[0].subject == "Portico Password is Expiring in 6 days"


async def test_a_night_is_waited_for_unless_it_would_be_too_late(world: World) -> None:  # D11
    await clinic_with(world)
    assert await remind(world, MORNINGS[3] + timedelta(hours=14)) == 0, "ten in the evening"
    assert await remind(world, MORNINGS[3] + timedelta(hours=24)) == 1
    tom = await world.add_person("tom@elsewhere.example", handle="tom")  # set at 8:00 on the next day, expires at 8:00
    (clinic,) = {row.organizations for row in await rows_of(world)}
    await world.house.memberships.add(AT_THE_MACHINE, clinic[0], tom, MemberType.PROVIDER, Role.MEMBER)
    ends = world.clock.now() + timedelta(days=60)
    assert await remind(world, ends - timedelta(hours=9)) == 1, (
        "at eleven in the evening, for it is over in the morning"
    )


async def test_nothing_comes_once_it_is_over(world: World) -> None:  # S86
    await clinic_with(world)
    assert await remind(world, ENDS) == 0
    assert await ledger(world) == {}


async def test_a_change_restarts_the_days_and_takes_back_what_waits(world: World) -> None:  # S100, D11
    await clinic_with(world)
    assert await remind(world, MORNINGS[10]) == 1
    world.clock.advance(minutes=1)
    await change_password(world)
    assert [mail.status for mail in await mails(world)] == [MailStatus.DROPPED]
    assert await ledger(world) == {10: ReminderState.CANCELLED}
    assert await reminders(world) == []
    for days in (3, 1):
        assert await remind(world, MORNINGS[days]) == 0
    assert await remind(world, MORNINGS[10] + timedelta(days=49)) == 0
    assert await remind(world, MORNINGS[10] + timedelta(days=50)) == 1, "fifty days after the change"
    assert await ledger(world) == {10: ReminderState.SENT}


async def test_what_was_sent_stays_sent(world: World) -> None:  # S100
    await clinic_with(world)
    await remind(world, MORNINGS[10])
    assert len(await reminders(world)) == 1
    await change_password(world)
    (row,) = await rows_of(world)
    assert row.state is ReminderState.SENT


async def test_a_change_at_every_door_cancels(world: World) -> None:  # S100
    """My Account and a reset; the forced change goes the same way."""
    await clinic_with(world)
    await remind(world, MORNINGS[10])
    async with world.native() as client:
        attempt = (await client.sign_in()).json()
        await client.answer(attempt, {"answer": "reminder", "now": False})
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert (await client.call("POST", "/account/password", body)).json()["is_done"]
    assert await ledger(world) == {10: ReminderState.CANCELLED}


async def test_a_policy_that_is_loosened_takes_back_what_waits(world: World) -> None:  # D11
    clinic = await found(world)
    await join(world, clinic, await world.get_account())
    await ask(world, clinic, CLASSIC)
    await remind(world, MORNINGS[10])
    await ask(world, clinic, PolicyFields())
    await remind(world)
    assert await ledger(world) == {10: ReminderState.CANCELLED}
    assert await reminders(world) == []
    await ask(world, clinic, CLASSIC)
    assert await remind(world) == 1, "asked again, before anything was told"
    assert len(await reminders(world)) == 1


async def test_an_end_that_moves_is_told_anew(world: World) -> None:  # D11
    clinic = await found(world)
    await join(world, clinic, await world.get_account())
    await ask(world, clinic, CLASSIC)
    await remind(world, MORNINGS[10])
    assert len(await reminders(world)) == 1
    await ask(world, clinic, PolicyFields(max_age_days=90, reminder_days=(10, 3, 1)))
    assert await remind(world, MORNINGS[3]) == 0, "there are weeks left now"
    assert await remind(world, MORNINGS[10] + timedelta(days=30)) == 1
    assert len(await reminders(world)) == 2
    assert len(await rows_of(world)) == 1, "one row for an account, a password and a day count"
    world.clock.advance(minutes=1)
    await ask(world, clinic, PolicyFields(max_age_days=81, reminder_days=(10, 3, 1)))
    assert await remind(world) == 1, "tightened, it ends tomorrow"
    assert (await reminders(world))[0].subject == SUBJECTS[1]


async def test_a_policy_enforced_at_once_reminds_of_what_is_near(world: World) -> None:  # D10, D11
    clinic = await found(world)
    await join(world, clinic, await world.get_account())
    await ask(world, clinic, CLASSIC, ahead=timedelta(days=55))
    assert await remind(world, MORNINGS[10]) == 0, "only announced"
    assert await remind(world, START + timedelta(days=55)) == 1
    assert await ledger(world) == {10: ReminderState.SENT}


async def test_the_strictest_of_several_counts_and_the_days_of_all(world: World) -> None:  # D9, D11
    north, south = await found(world), await found(world, SOUTH)
    nora = await world.get_account()
    tom = await world.add_person("tom@elsewhere.example", handle="tom")
    for clinic in (north, south):
        await join(world, clinic, nora)
    await join(world, south, tom)
    await ask(world, north, CLASSIC)
    await ask(world, south, PolicyFields(max_age_days=90, reminder_days=(7,)))
    told, letters = [], []
    for day in range(45, 95):
        if await remind(world, START + timedelta(days=day)):
            told.append(day)
            letters = [*await reminders(world, "tom@elsewhere.example"), *await reminders(world)]
    assert told == [50, 53, 57, 59, 83], "Nora by day 60, also seven days before; Tom once, by day 90"
    assert [letter.subject.split("in ")[1] for letter in letters] == ["7 days", "1 day", "3 days", "7 days", "10 days"]
    assert {row.organizations for row in await rows_of(world)} == {(north.id,)}


@pytest.mark.parametrize("end", ["suspended", "removed", "disabled", "another type", "feature", "rehearsal"])
async def test_whoever_is_not_asked_is_not_reminded(world: World, end: str) -> None:  # D11, S102
    house, nora = world.house, await world.get_account()
    clinic = await found(world, features=frozenset() if end == "feature" else frozenset(Feature))
    await join(world, clinic, nora, MemberType.PATIENT if end == "another type" else MemberType.PROVIDER)
    await ask(world, clinic, CLASSIC, rehearsal=end == "rehearsal")
    if end == "suspended":
        await house.memberships.suspend(AT_THE_MACHINE, clinic.id, nora.id)
    elif end == "removed":
        await house.memberships.remove(AT_THE_MACHINE, clinic.id, nora.id)
    elif end == "disabled":
        await disable(world, nora)
    assert await remind(world, MORNINGS[10]) == 0
    assert await ledger(world) == {}


async def test_a_mail_that_waits_is_taken_back_from_who_left_or_was_disabled(world: World) -> None:  # D11
    tom = await world.add_person("tom@elsewhere.example", handle="tom")
    nora = await world.get_account()
    clinic_id = await clinic_with(world, nora, tom)
    assert await remind(world, MORNINGS[10]) == 2
    await disable(world, tom)
    await world.house.memberships.remove(AT_THE_MACHINE, clinic_id, nora.id)
    assert await remind(world, world.clock.now() + timedelta(minutes=1)) == 0
    for address in (ADDRESS, "tom@elsewhere.example"):
        assert [mail.status for mail in await mails(world, address)] == [MailStatus.DROPPED]
        assert await ledger(world, address) == {10: ReminderState.CANCELLED}


async def test_without_a_password_there_is_nothing_to_expire(world: World) -> None:  # S101
    tom = await world.add_person("tom@elsewhere.example", "", handle="tom")
    await clinic_with(world, tom)
    assert await remind(world, MORNINGS[10]) == 0
    assert await world.house.reminders.find_own_expiry(await world.get_account(tom.address)) is None


async def test_what_is_asked_anywhere_is_found(world: World) -> None:
    clinics = [await found(world, f"Clinic {number}") for number in range(5)]
    for number, clinic in enumerate(clinics):
        await ask(world, clinic, PolicyFields(max_age_days=30 + number, reminder_days=(number + 1,)))
    await ask(world, clinics[0], PolicyFields(max_age_days=300), ahead=timedelta(days=1))
    asked = await find_asked_ages(world.house.database, NOTHING_ASKED, world.clock.now())
    assert asked.max_ages == frozenset(range(30, 35))
    assert asked.reminder_days == frozenset(range(1, 6))


async def test_the_ledger_forgets_and_is_erased(world: World) -> None:  # D22
    await clinic_with(world)
    await remind(world, MORNINGS[10])
    house, nora = world.house, await world.get_account()
    assert await house.database.transact(lambda tx: house.reminders.sweep(tx, ENDS)) == 0
    await house.database.transact(lambda tx: house.reminders.put_off(tx, world.clock.now(), nora.id))
    assert await house.reminders.is_put_off(house.database, nora.id, world.clock.now())
    await house.database.transact(lambda tx: house.reminders.erase(tx, nora))
    assert await rows_of(world) == []
    assert not await house.reminders.is_put_off(house.database, nora.id, world.clock.now())
    world.clock.at = MORNINGS[10]
    await remind(world)
    assert await house.database.transact(lambda tx: house.reminders.sweep(tx, ENDS + timedelta(seconds=1))) == 1
