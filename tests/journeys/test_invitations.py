"""Stories of being invited. Each is told by a browser with script, by one without, and through the API."""

import re

import pytest

from tests.journeys.conftest import Meet, on_both_databases
from tests.support.invitations import invite_to
from tests.support.storytellers import ApiTeller, BrowserTeller, Storyteller
from tests.support.town import PASSWORD, Person, Town

pytestmark = pytest.mark.asyncio(loop_scope="session")

_LINK = re.compile(r"https?://[^\s/]+/invitation/([A-Za-z0-9_-]{43})")


async def link_for(town: Town, address: str) -> str:
    """The newest invitation mailed to an address."""
    for letter in await town.letters(address):
        found = _LINK.search(letter.text)
        if found:
            assert found[0] in letter.links()
            return found[0]
    raise AssertionError(f"nobody has invited {address}")


async def accept(teller: Storyteller, link: str, person: Person | None = None) -> None:
    """Accept an invitation; who has an account says who they are and shows it."""
    if isinstance(teller, ApiTeller):
        identifier = person.address if person else ""
        await teller.begin("/invitations/accept", token=link.rpartition("/")[2], identifier=identifier)
    if isinstance(teller, BrowserTeller):
        await teller.page.goto(link)
        if person is not None:
            await teller.field("signin.identify.label").fill(person.address)
        await teller.press(teller.primary)
    if person is not None:
        await teller.give_password(person.password)


@on_both_databases
async def test_somebody_new_is_invited_and_belongs(meet: Meet, town: Town) -> None:  # D27
    address, teller = town.free_address(), await meet()
    organization = await invite_to(town.house, f"Clinic for {address}", address)
    link = await link_for(town, address)
    await accept(teller, link)
    await teller.create_account("Ida", "Holm", PASSWORD)
    assert await teller.is_signed_in()
    assert await teller.find_name() == "Ida Holm"
    account = await town.house.accounts.find_by_identifier(town.house.database, address)
    assert account is not None
    assert organization.id in account.memberships
    assert account.created_by == organization.id


@on_both_databases
async def test_who_has_an_account_joins_with_it(meet: Meet, town: Town) -> None:  # D27
    ada, teller = await town.move_in("Ada"), await meet()
    organization = await invite_to(town.house, f"Clinic for {ada.handle}", ada.address)
    await accept(teller, await link_for(town, ada.address), ada)
    assert await teller.is_signed_in()
    assert await teller.find_name() == ada.name
    account = await town.house.accounts.find_by_identifier(town.house.database, ada.address)
    assert account is not None
    assert organization.id in account.memberships
    assert account.created_by is None
