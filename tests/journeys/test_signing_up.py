"""Stories of signing up. Each is told by a browser with script, by one without, and through the API."""

import re

import pytest

from tests.journeys.conftest import Browse, Meet, on_both_databases
from tests.support.town import PASSWORD, Town

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def code_for(town: Town, address: str) -> str:
    """The code of the newest mail to an address."""
    for letter in await town.letters(address):
        found = re.search(r"Your code is: (\d{6})", letter.text)
        if found:
            return found[1]
    raise AssertionError(f"no code was mailed to {address}")


@on_both_databases
async def test_a_stranger_becomes_a_member(meet: Meet, town: Town) -> None:  # S9, S24, S48, S53
    address, teller = town.free_address(), await meet()
    await teller.begin_sign_up(address)
    await teller.enter_code("nothing")
    await teller.hears("email_code.wrong", count=4)
    code = await code_for(town, address)
    await teller.enter_code(f"{code[:3]} {code[3:]}")
    await teller.create_account("Ida", "Holm", PASSWORD)
    assert await teller.is_signed_in()
    assert await teller.find_name() == "Ida Holm"
    again = await meet()
    await again.identify(address)
    await again.give_password(PASSWORD)
    assert await again.is_signed_in()


async def test_whoever_has_an_account_is_told_by_mail_alone(meet: Meet, town: Town) -> None:  # S53, D6
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.begin_sign_up(ada.address)
    known = await teller.impression()
    stranger = town.free_address()
    await teller.begin_sign_up(stranger)
    unknown = (await teller.impression()).replace(stranger, ada.address)
    instant = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|data-wait=\"\d+\"|\d+ s\b")
    assert instant.sub("", known) == instant.sub("", unknown)
    assert any("already" in letter.subject for letter in await town.letters(ada.address))


async def test_resend_waits_with_script_and_is_refused_without(browse: Browse, town: Town) -> None:  # D18
    teller = await browse()
    if teller.has_script:
        await teller.page.clock.install()
    await teller.begin_sign_up(town.free_address())
    resend = teller.page.locator("button[name=resend]")
    if teller.has_script:
        assert await resend.is_disabled()
        counted = re.search(r"\d+", await resend.inner_text())
        assert counted
        await teller.page.clock.run_for(10_000)
        left = re.search(r"\d+", await resend.inner_text())
        assert left
        assert int(left[0]) <= int(counted[0]) - 9, "it counts down"
        assert await resend.is_disabled()
        await teller.page.clock.run_for(21_000)
        assert await resend.is_enabled()
        assert await resend.inner_text() == teller.words("verify_email.resend")
    else:
        await teller.press(resend)
        await teller.hears("email_code.resend_too_soon")
