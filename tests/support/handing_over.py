"""From an app to a page and back, as tests walk it: an expired password, the hand-off, the new one."""

from datetime import timedelta
from typing import Any

import httpx

from portico.organizations.model import Organization
from portico.organizations.policy import Preset, preset_fields
from tests.support.organizations import ask, found, join
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, Browser, Native, World

SIXTY = timedelta(days=60)


async def clinic_of_nora(world: World) -> Organization:
    """An organization that has passwords changed every 60 days; Nora is in it."""
    clinic = await found(world)
    await ask(world, clinic, preset_fields(Preset.CLASSIC))
    await join(world, clinic, await world.get_account())
    return clinic


async def wait_for_expiry(world: World) -> Organization:
    """The same, sixty days later."""
    clinic = await clinic_of_nora(world)
    world.clock.at += SIXTY
    return clinic


async def stopped(client: Native, identifier: str = ADDRESS) -> dict[str, Any]:
    """An attempt of an app that stands at a new password."""
    client.access_token = ""
    attempt: dict[str, Any] = (await client.sign_in(identifier)).json()
    assert attempt["step"]["step"] == "change_password", attempt
    return attempt


async def ask_for_hand_off(client: Native, attempt: dict[str, Any]) -> str:
    """The path of a new hand-off."""
    answer = await client.call("POST", f"/signin/{attempt['id']}/handoff")
    assert answer.status_code == 201, answer.text
    return httpx.URL(answer.json()["address"]).path


async def look(client: Native, attempt: dict[str, Any]) -> dict[str, Any]:
    """Where an attempt of an app stands."""
    document: dict[str, Any] = (await client.call("GET", f"/signin/{attempt['id']}")).json()
    return document


async def go_on(client: Native, attempt: dict[str, Any]) -> dict[str, Any]:
    """Go on with an attempt; tokens are kept."""
    shown = await look(client, attempt)
    answer = await client.answer(shown, {"answer": "go_on"})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    if "tokens" in document:
        client.keep(document["tokens"])
    return document


async def take_up(browser: Browser, path: str) -> httpx.Response:
    """Open a hand-off and press *Continue as*; the page for the new password."""
    page = await browser.follow(await browser.get(path))
    return await browser.follow(await browser.submit(page, "/handoff"))


async def update(
    browser: Browser,
    page: httpx.Response,
    present: str = PASSWORD,
    new: str = NEW_PASSWORD,
    repeat: str | None = None,
) -> httpx.Response:
    """Send the form for a new password; the page it leads to."""
    fields = {"password": present, "new_password": new, "repeat_password": new if repeat is None else repeat}
    return await browser.follow(await browser.submit(page, page.request.url.path, **fields))


def box(page: httpx.Response) -> str:
    """What stands at the head of a form that came back."""
    return page.text.partition('<div class="summary"')[2].partition("</div>")[0]
