"""Stories of forgotten passwords. Each is told by a browser with script, by one without, and through the API."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from portico.accounts.model import AccountState
from tests.journeys.conftest import Browse, Meet, on_both_databases
from tests.support.storytellers import words
from tests.support.town import NEW_PASSWORD, THIRD_PASSWORD, Person, Town

pytestmark = pytest.mark.asyncio(loop_scope="session")

by_either_name = pytest.mark.parametrize(
    "name", [lambda person: person.address, lambda person: person.handle], ids=["by address", "by Portico ID"]
)


@on_both_databases
@by_either_name
async def test_a_forgotten_password_is_reset_by_mail(  # S22, S23, S26, S27, S30, S31, S32, S96, S98, D5, D7, D22
    meet: Meet, town: Town, name: Callable[[Person], str]
) -> None:
    ada, elsewhere, teller = await town.move_in("Ada"), await meet(), await meet()
    await elsewhere.sign_in(ada)
    await teller.ask_for_reset(name(ada))
    await teller.hears("reset.sent.title")
    (letter,) = await town.letters(ada.address)
    assert letter.subject == words("mail.reset_link.subject")
    assert ada.handle in letter.text
    await teller.open_mailed_link(ada)
    assert await elsewhere.is_signed_in(), "opening a link changes nothing"
    await teller.choose_password(NEW_PASSWORD)
    await teller.hears("reset.done.heading")
    assert not await teller.is_signed_in(), "a reset opens no session"
    assert not await elsewhere.is_signed_in(), "a reset ends what was open"
    await teller.sign_in(ada, ada.password)
    await teller.hears("signin.password.wrong")
    await teller.give_password(NEW_PASSWORD)
    assert await teller.is_signed_in()
    told = {letter.subject for letter in await town.letters(ada.address)}
    assert words("mail.password_changed.subject") in told


async def test_asking_changes_nothing(meet: Meet, town: Town) -> None:  # S29
    ada, signed_in, teller = await town.move_in("Ada"), await meet(), await meet()
    await signed_in.sign_in(ada)
    await teller.ask_for_reset(ada.address)
    assert await town.reset_links(ada)
    assert await signed_in.is_signed_in()
    await teller.sign_in(ada, ada.password)
    assert await teller.is_signed_in()


async def test_asking_for_a_stranger_looks_the_same_and_sends_nothing(meet: Meet, town: Town) -> None:  # D6
    ada, stranger = await town.move_in("Ada"), "nobody.at.all@north-clinic.example"
    seen = set()
    for identifier in (ada.address, ada.handle, stranger, "nobody.at.all", "no one @ nowhere"):
        teller = await meet()
        await teller.ask_for_reset(identifier)
        await teller.hears("reset.sent.title")
        seen.add((await teller.impression()).replace(identifier, "IDENTIFIER"))
    assert len(seen) == 1, seen
    assert len(await town.reset_links(ada)) == 2
    assert not await town.letters(stranger)


async def test_a_link_dies_after_a_day_and_a_new_one_is_offered(meet: Meet, town: Town) -> None:  # S28, S43, D5
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.ask_for_reset(ada.address)
    link = await town.reset_link(ada)
    await town.advance(hours=23, minutes=55)
    await teller.open_link(link)
    await town.advance(minutes=6)
    await teller.choose_password(NEW_PASSWORD)
    await teller.hears("reset.link.expired")
    await teller.open_link(link)
    await teller.hears("reset.link.expired")
    await teller.sign_in(ada, ada.password)
    assert await teller.is_signed_in(), "nothing has changed"


@on_both_databases
async def test_a_used_link_does_nothing_more(meet: Meet, town: Town) -> None:  # S43, D5
    ada, teller, late = await town.move_in("Ada"), await meet(), await meet()
    await teller.ask_for_reset(ada.address)
    link = await town.reset_link(ada)
    await late.open_link(link)
    await teller.open_link(link)
    await teller.choose_password(NEW_PASSWORD)
    await late.choose_password(THIRD_PASSWORD)
    await late.hears("reset.link.used")
    await late.open_link(link)
    await late.hears("reset.link.used")
    await teller.sign_in(ada, NEW_PASSWORD)
    assert await teller.is_signed_in()


async def test_three_links_live_at_once_and_any_use_kills_all(meet: Meet, town: Town) -> None:  # D5
    ada, teller = await town.move_in("Ada"), await meet()
    for _ in range(4):
        await teller.ask_for_reset(ada.address)
        await town.advance(minutes=31)  # mails to one address are limited
    newest, *_, oldest = links = await town.reset_links(ada)
    assert len(links) == 4
    await teller.open_link(oldest)
    await teller.hears("reset.link.expired")
    await teller.open_link(links[1])
    await teller.choose_password(NEW_PASSWORD)
    await teller.hears("reset.done.heading")
    await teller.open_link(newest)
    await teller.hears("reset.link.expired")


async def test_a_link_that_was_never_ours_is_invalid(meet: Meet, town: Town) -> None:  # S43
    teller = await meet()
    for token in ("A" * 43, "0123456789abcdef", "x" * 300, "%00", "%ff", "-"):
        await teller.open_link(f"{town.base}/account/passwordreset/{token}")
        await teller.hears("reset.link.invalid")


async def test_who_has_no_password_yet_gets_one_by_reset(meet: Meet, town: Town) -> None:  # D6, D7
    mia, teller = await town.move_in("Mia", password=""), await meet()
    await teller.ask_for_reset(mia.address)
    await teller.open_mailed_link(mia)
    await teller.choose_password(NEW_PASSWORD)
    await teller.hears("reset.done.heading")
    await teller.sign_in(mia, NEW_PASSWORD)
    assert await teller.is_signed_in()


async def test_a_reset_never_tells_what_the_present_password_is(meet: Meet, town: Town) -> None:  # D5, D7
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.ask_for_reset(ada.address)
    await teller.open_mailed_link(ada)
    await teller.choose_password(ada.password)
    await teller.hears("reset.done.heading")
    await teller.sign_in(ada, ada.password)
    assert await teller.is_signed_in()


@pytest.mark.parametrize("meet", ["without script", "api"], indirect=True)
async def test_a_password_that_is_not_enough_is_told_what_it_misses(meet: Meet, town: Town) -> None:  # S33, S95, D3
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.ask_for_reset(ada.address)
    await teller.open_mailed_link(ada)
    for password, unmet in {
        "abc": {"length", "upper", "digit", "symbol"},
        "ABCDEFGH1!": {"lower"},
        "Äbcdefgh-ü": {"upper", "digit"},
        "Abcdefgh1": {"symbol"},
    }.items():
        await teller.choose_password(password)
        await teller.hears("password.unmet")
        assert await teller.unmet() == unmet
    await teller.choose_password("Äbcdefgh-1X ü€")
    await teller.hears("reset.done.heading")
    await teller.sign_in(ada, "Äbcdefgh-1X ü€")
    assert await teller.is_signed_in()


async def test_a_disabled_person_is_told_so_only_by_the_mail(meet: Meet, town: Town) -> None:  # D7, D20
    tom, teller = await town.move_in("Tom", state=AccountState.DISABLED), await meet()
    await teller.ask_for_reset(tom.address)
    await teller.hears("reset.sent.title")
    await teller.open_mailed_link(tom)
    await teller.choose_password(NEW_PASSWORD)
    await teller.hears("signin.refused.disabled")
    await teller.sign_in(tom, NEW_PASSWORD)
    await teller.hears("signin.password.wrong")


@on_both_databases
async def test_of_many_who_send_one_link_at_once_one_succeeds(town: Town, race_width: int) -> None:  # D5
    ada = await town.move_in("Ada")
    async with httpx.AsyncClient(base_url=f"{town.base}/api/v1", timeout=60) as client:
        await client.post("/password-reset/requests", json={"identifier": ada.address})
        token = (await town.reset_link(ada)).rsplit("/", 1)[-1]
        bodies = [{"token": token, "new_password": f"Silver-Orchard-{n}"} for n in range(race_width)]
        answers = await asyncio.gather(*(client.post("/password-reset", json=body) for body in bodies))
    done = [n for n, answer in enumerate(answers) if answer.status_code == 200 and answer.json()["is_done"]]
    assert len(done) == 1
    assert {answer.status_code for answer in answers} <= {200, 404, 410}


async def test_programs_that_follow_links_change_nothing(meet: Meet, town: Town) -> None:  # S29, D5
    ada, teller = await town.move_in("Ada"), await meet()
    await teller.ask_for_reset(ada.address)
    (letter,) = await town.letters(ada.address)
    async with httpx.AsyncClient(follow_redirects=True, timeout=30) as scanner:
        for link in letter.links():
            for method in ("HEAD", "GET", "GET", "HEAD", "OPTIONS"):
                answer = await scanner.request(method, link)
                assert answer.status_code in {200, 405}, (method, link, answer.status_code)
    await teller.open_mailed_link(ada)
    await teller.choose_password(NEW_PASSWORD)
    await teller.hears("reset.done.heading")


@pytest.mark.parametrize("language", ["de"])
async def test_a_reset_speaks_the_language_of_its_owner(meet: Meet, town: Town, language: str) -> None:  # S26
    ada, teller = await town.move_in("Ada", language=language), await meet(language)
    await teller.ask_for_reset(ada.address)
    await teller.hears("reset.sent.title")
    (letter,) = await town.letters(ada.address)
    assert letter.subject == words("mail.reset_link.subject", language)
    assert words("mail.ignore", language) in " ".join(letter.text.split())
    await teller.open_mailed_link(ada)
    await teller.choose_password(NEW_PASSWORD)
    await teller.hears("reset.done.heading")


async def test_the_pages_lead_through_a_reset(browse: Browse, town: Town) -> None:  # S25, S31, S43, S97
    """What only pages say: where to look for the mail, and three next steps that lead on."""
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.ask_for_reset(ada.address)
    assert browser.path == "/account/passwordreset/sent"
    told = await browser.main.inner_text()
    assert all(folder in told for folder in ("Inbox", "Spam", "Junk", ada.address))
    await browser.open_mailed_link(ada)
    assert browser.path == "/account/passwordreset/new", "the token has left the address"
    assert await browser.field("password.new").get_attribute("type") == "password"
    assert await browser.field("password.repeat").get_attribute("type") == "password"
    await browser.choose_password(NEW_PASSWORD)
    assert browser.path == "/account/passwordreset/done"
    steps = browser.page.locator(".steps li")
    assert await steps.count() == 3
    assert await steps.get_by_role("link", name="@").get_attribute("href") == "mailto:help@example.org"
    await browser.press(steps.get_by_role("link", name=words("reset.done.login_page")))
    assert browser.path == "/signin"


@pytest.mark.parametrize("state", ["expired", "used", "invalid"])
async def test_a_dead_link_offers_a_new_one(browse: Browse, town: Town, state: str) -> None:  # S28, S43
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.ask_for_reset(ada.address)
    link = await town.reset_link(ada)
    if state == "expired":
        await town.advance(hours=24, seconds=1)
    elif state == "used":
        await browser.open_link(link)
        await browser.choose_password(THIRD_PASSWORD)
    else:
        link = f"{link[:-3]}AAA"
    await browser.open_link(link)
    await browser.hears(f"reset.link.{state}")
    await browser.field("reset.request.label").fill(ada.address)
    await browser.press(browser.button("reset.link_gone.submit"))
    await browser.hears("reset.sent.title")
    await browser.open_mailed_link(ada)
    await browser.choose_password(NEW_PASSWORD)
    await browser.hears("reset.done.heading")


async def test_back_and_reload_in_a_reset_lose_nothing_and_do_nothing_twice(browse: Browse, town: Town) -> None:  # D5
    ada, browser = await town.move_in("Ada"), await browse()
    await browser.ask_for_reset(ada.address)
    await browser.page.reload()
    assert browser.path.startswith("/account/passwordreset")
    assert len(await town.reset_links(ada)) == 1, "a reload asks for no second mail"
    await browser.open_mailed_link(ada)
    await browser.page.reload()
    assert browser.path == "/account/passwordreset/new"
    await browser.choose_password(NEW_PASSWORD)
    await browser.page.reload()
    await browser.hears("reset.done.heading")
    await browser.page.go_back()
    await browser.page.reload()  # as browsers do that keep no pages for the back button
    await browser.hears("reset.link.invalid")
    await browser.sign_in(ada, NEW_PASSWORD)
    assert await browser.is_signed_in()
