"""People signing up, by pages and by the JSON API, and the mails they are sent."""

import re
from typing import Any

import httpx

from tests.support.world import PASSWORD, Browser, Native, World

NEWCOMER = "ida@south-clinic.example"
_CODE = re.compile(r"Your code is: (\d{6})")
_LINK = re.compile(r"(/signup/link/[A-Za-z0-9_-]{43})")


async def mailed_code(world: World, address: str = NEWCOMER) -> str:
    """The code of the newest mail to somebody who signs up."""
    return await _found(world, address, _CODE)


async def mailed_link(world: World, address: str = NEWCOMER) -> str:
    """The path of the link in the newest mail to somebody who signs up."""
    return await _found(world, address, _LINK)


async def begin(browser: Browser, address: str = NEWCOMER) -> httpx.Response:
    """The SIGN UP page, then the page that waits for the code."""
    page = await browser.get("/signup")
    return await browser.follow(await browser.submit(page, "/signup", address=address))


async def enter(browser: Browser, page: httpx.Response, code: str) -> httpx.Response:
    """Enter a code on the page that waits for it; the page after it."""
    return await browser.follow(await browser.submit(page, page.request.url.path, code=code))


async def create(browser: Browser, page: httpx.Response, **changes: str) -> httpx.Response:
    """Fill in name and password; the answer itself."""
    fields = {
        "first_name": "Ida",
        "last_name": "Holm",
        "new_password": PASSWORD,
        "repeat_password": PASSWORD,
        "stay_signed_in": "yes",
        **changes,
    }
    return await browser.submit(page, page.request.url.path, **fields)


async def sign_up(world: World, browser: Browser, address: str = NEWCOMER) -> httpx.Response:
    """All of it; the answer to the last form."""
    page = await begin(browser, address)
    return await create(browser, await enter(browser, page, await mailed_code(world, address)))


async def begin_by_api(client: Native, address: str = NEWCOMER) -> dict[str, Any]:
    """The attempt, whose ticket is kept."""
    answer = await client.call("POST", "/signup", {"installation": client.installation, "address": address})
    assert answer.status_code == 201, answer.text
    attempt: dict[str, Any] = answer.json()
    client.headers["portico-ticket"] = attempt["ticket"]
    return attempt


async def _found(world: World, address: str, pattern: re.Pattern[str]) -> str:
    for letter in await world.letters(address):
        found = pattern.search(letter.text)
        if found:
            return found[1]
    raise AssertionError(f"no mail to {address} has what {pattern.pattern} finds")
