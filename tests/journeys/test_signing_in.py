"""Stories of signing in and out. Each is told by a browser with script, by one without, and through the API."""

from datetime import timedelta

import pytest

from portico.accounts.model import AccountState
from portico.signin.facts import ChangeReason
from tests.journeys.conftest import Meet, on_both_databases
from tests.support.storytellers import ApiTeller
from tests.support.town import NEW_PASSWORD, PASSWORD, Town

pytestmark = pytest.mark.asyncio(loop_scope="session")


@on_both_databases
async def test_one_signs_in_and_out(meet: Meet, town: Town) -> None:  # S14, S37, S38, S49, S70, S81
    ada, teller = await town.move_in("Ada"), await meet()
    assert not await teller.is_signed_in()
    await teller.identify(ada.address)
    await teller.give_password(ada.password)
    assert await teller.is_signed_in()
    assert await teller.find_name() == ada.name
    await teller.sign_out()
    await teller.hears("signin.signed_out.heading")
    assert not await teller.is_signed_in()


async def test_the_portico_id_does_as_well_and_case_does_not_matter(meet: Meet, town: Town) -> None:  # S4, D1
    ada = await town.move_in("Ada")
    for identifier in (ada.handle, ada.handle.upper(), f"  {ada.address.upper()} "):
        teller = await meet()
        await teller.identify(identifier)
        await teller.give_password(ada.password)
        assert await teller.find_name() == ada.name


async def test_after_a_wrong_password_the_right_one_signs_in(meet: Meet, town: Town) -> None:  # S43
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.identify(ada.address)
    await teller.give_password("not-my-Password-1")
    await teller.hears("signin.password.wrong")
    await teller.give_password("nor-this-Password-2")
    await teller.hears("signin.password.wrong")
    await teller.give_password(ada.password)
    assert await teller.is_signed_in()


@on_both_databases
async def test_nobody_can_tell_who_has_an_account(meet: Meet, town: Town) -> None:  # D20
    people = {
        "known": (await town.move_in("Ada")).address,
        "unknown": "nobody.at.all@north-clinic.example",
        "unknown by ID": "nobody.at.all",
        "disabled": (await town.move_in("Tom", state=AccountState.DISABLED)).address,
        "without password": (await town.move_in("Mia", password="")).address,
        "must change": (await town.move_in("Priya", must_change=ChangeReason.FORCED)).address,
    }
    seen = {}
    for which, identifier in people.items():
        teller = await meet()
        await teller.identify(identifier)
        before = (await teller.impression()).replace(identifier, "IDENTIFIER")
        await teller.give_password("not-my-Password-1")
        await teller.hears("signin.password.wrong")
        seen[which] = before, (await teller.impression()).replace(identifier, "IDENTIFIER")
    assert all(impression == seen["known"] for impression in seen.values()), seen


async def test_the_disabled_are_told_so_after_the_right_password_only(meet: Meet, town: Town) -> None:  # D20
    tom, teller = await town.move_in("Tom", state=AccountState.DISABLED), await meet()
    await teller.identify(tom.address)
    await teller.give_password("not-my-Password-1")
    await teller.hears("signin.password.wrong")
    await teller.give_password(tom.password)
    await teller.hears("signin.refused.disabled")
    assert not await teller.is_signed_in()


@on_both_databases
async def test_who_must_change_the_password_does_it_on_the_way_in(meet: Meet, town: Town) -> None:  # D3, S98
    priya, teller = await town.move_in("Priya", must_change=ChangeReason.FORCED), await meet()
    await teller.sign_in(priya)
    await teller.hears("signin.change_password.why.forced")
    assert not await teller.is_signed_in(), "the old password alone opens nothing"
    await teller.sign_in(priya)
    await teller.choose_password(priya.password)
    await teller.hears("password.same_as_before")
    await teller.choose_password(NEW_PASSWORD)
    assert await teller.is_signed_in()
    await teller.sign_out()
    await teller.sign_in(priya)
    await teller.hears("signin.password.wrong")
    await teller.give_password(NEW_PASSWORD)
    assert await teller.is_signed_in()


async def test_a_session_that_is_not_to_stay_rests_half_a_day(meet: Meet, town: Town) -> None:  # D21, S16
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.sign_in(ada, stay=False)
    for _ in range(3):
        await town.advance(hours=11)
        assert await teller.is_signed_in(), "being used keeps it alive"
    await town.advance(hours=12, seconds=5)
    assert not await teller.is_signed_in()


async def test_a_session_that_is_to_stay_rests_two_weeks(meet: Meet, town: Town) -> None:  # D21, S15
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.sign_in(ada, stay=True)
    await town.advance(days=13)
    assert await teller.is_signed_in()
    await town.advance(days=14, seconds=5)
    assert not await teller.is_signed_in()


@pytest.mark.parametrize(("stay", "days"), [(True, 30), (False, 7)])
async def test_no_session_lasts_for_ever(meet: Meet, town: Town, stay: bool, days: int) -> None:  # D21
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.sign_in(ada, stay=stay)
    half_idle = timedelta(days=7) if stay else timedelta(hours=8)
    for _ in range(timedelta(days=days) // half_idle - (0 if timedelta(days=days) % half_idle else 1)):
        await town.advance(seconds=half_idle.total_seconds())
        assert await teller.is_signed_in()
    await town.advance(seconds=half_idle.total_seconds())
    assert not await teller.is_signed_in()


async def test_who_tries_too_often_waits_and_loses_nothing(meet: Meet, town: Town) -> None:  # D20
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.identify(ada.address)
    for _ in range(10):
        await teller.give_password("not-my-Password-1")
        await teller.hears("signin.password.wrong")
    await teller.give_password(ada.password)
    await teller.hears("signin.refused.too_many_tries", count=1)
    await town.advance(minutes=2)
    await teller.sign_in(ada)
    assert await teller.is_signed_in()


async def test_a_sign_in_left_lying_is_over_and_is_begun_again(meet: Meet, town: Town) -> None:  # S43
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.identify(ada.address)
    await town.advance(hours=1)
    await teller.give_password(ada.password)
    # A program is told that its attempt is gone; people are told what that means.
    await teller.hears("error.not_found" if isinstance(teller, ApiTeller) else "signin.refused.attempt_over")
    await teller.sign_in(ada)
    assert await teller.is_signed_in()


@pytest.mark.parametrize("language", ["en", "de"])
async def test_failures_are_told_in_the_language_that_was_asked_for(
    meet: Meet, town: Town, language: str
) -> None:  # S43
    ada, teller = await town.move_in("Ada", language=language), await meet(language)
    await teller.identify(ada.address)
    await teller.give_password("not-my-Password-1")
    await teller.hears("signin.password.wrong")
    await teller.give_password(PASSWORD)
    assert await teller.is_signed_in()
