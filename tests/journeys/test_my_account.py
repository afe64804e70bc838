"""Stories of My Account: name, password, sessions. Each is told by two browsers and through the API."""

import pytest

from tests.journeys.conftest import Meet, on_both_databases
from tests.support.town import NEW_PASSWORD, THIRD_PASSWORD, Town

pytestmark = pytest.mark.asyncio(loop_scope="session")


@on_both_databases
async def test_a_changed_password_ends_every_other_session_and_not_this_one(meet: Meet, town: Town) -> None:  # D22
    ada, here, there = await town.move_in("Ada"), await meet(), await meet()
    await here.sign_in(ada)
    await there.sign_in(ada)
    await here.change_password(ada.password, NEW_PASSWORD)
    await here.hears("my_account.password.saved")
    assert await here.is_signed_in()
    assert not await there.is_signed_in()
    await there.sign_in(ada)
    await there.hears("signin.password.wrong")
    await there.give_password(NEW_PASSWORD)
    assert await there.is_signed_in()
    assert await here.is_signed_in()


async def test_changing_the_password_needs_the_present_one(meet: Meet, town: Town) -> None:  # D22
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.sign_in(ada)
    await teller.change_password("not-my-Password-1", NEW_PASSWORD)
    await teller.hears("my_account.password.current_wrong")
    await teller.change_password(ada.password, ada.password)
    await teller.hears("password.same_as_before")
    await teller.change_password(ada.password, NEW_PASSWORD)
    await teller.hears("my_account.password.saved")
    await teller.change_password(NEW_PASSWORD, THIRD_PASSWORD)
    await teller.hears("my_account.password.saved")
    assert await teller.is_signed_in()


async def test_a_changed_password_kills_links_that_were_mailed_before(meet: Meet, town: Town) -> None:  # D5, D22
    ada, teller, thief = await town.move_in("Ada"), await meet(), await meet()
    await thief.ask_for_reset(ada.address)
    link = await town.reset_link(ada)
    await teller.sign_in(ada)
    await teller.change_password(ada.password, NEW_PASSWORD)
    await thief.open_link(link)
    await thief.hears("reset.link.expired")


@on_both_databases
async def test_people_see_where_they_are_signed_in_and_end_it(meet: Meet, town: Town) -> None:  # D22
    ada = await town.move_in("Ada")
    devices = [await meet() for _ in range(4)]
    for device in devices:
        await device.sign_in(ada)
    here, *others = devices
    assert await here.count_sessions() == 4
    await here.end_another_session()
    assert await here.count_sessions() == 3
    assert sum([await other.is_signed_in() for other in others]) == 2
    await here.end_other_sessions()
    assert await here.count_sessions() == 1
    assert not any([await other.is_signed_in() for other in others])
    await here.end_this_session()
    assert not await here.is_signed_in()


async def test_nobody_sees_or_ends_the_sessions_of_others(meet: Meet, town: Town) -> None:  # D22
    ada, tom, hers, his = await town.move_in("Ada"), await town.move_in("Tom"), await meet(), await meet()
    await hers.sign_in(ada)
    await his.sign_in(tom)
    assert await hers.count_sessions() == 1
    assert await his.count_sessions() == 1


async def test_a_name_is_changed_and_shown_at_once(meet: Meet, town: Town) -> None:  # S37
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.sign_in(ada)
    await teller.open_name()
    await teller.save_name("Zoë <b>&amp;", "O'Hara-Ñandú 李")
    await teller.hears("my_account.profile.saved")
    assert await teller.find_name() == "Zoë <b>&amp; O'Hara-Ñandú 李"


async def test_of_two_who_change_one_name_the_second_is_told(meet: Meet, town: Town) -> None:  # S43
    ada, one, other = await town.move_in("Ada"), await meet(), await meet()
    for teller in (one, other):
        await teller.sign_in(ada)
        await teller.open_name()
    await one.save_name("Augusta", "King")
    await one.hears("my_account.profile.saved")
    await other.save_name("Ada", "Lovelace")
    await other.hears("my_account.profile.changed_meanwhile")
    assert await one.find_name() == "Augusta King"
    await other.open_name()
    await other.save_name("Ada", "Lovelace")
    assert await one.find_name() == "Ada Lovelace"


async def test_without_a_session_nothing_of_an_account_opens(meet: Meet, town: Town) -> None:  # D22
    ada, teller, other = await town.move_in("Ada"), await meet(), await meet()
    await teller.sign_in(ada)
    await other.sign_in(ada)
    await other.end_other_sessions()
    assert not await teller.is_signed_in()
    assert await other.is_signed_in()
