"""The story of an expired password: an app, its browser, and the app again."""

import httpx
import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Browse
from tests.support.reminding import wear_out
from tests.support.storytellers import ApiTeller
from tests.support.town import NEW_PASSWORD, Town

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_expired_in_the_app_updated_in_the_browser_and_on_in_the_app(  # S91 S95 S96 S97 S98 D8 D26
    browse: Browse, town: Town
) -> None:
    wanda, tom = await town.move_in("Wanda"), await town.move_in("Tom")
    await wear_out(town.house, wanda.address)
    await town.advance(days=3)
    reader = await browse()
    await reader.sign_in(tom)
    async with httpx.AsyncClient(base_url=town.base, timeout=30) as client:
        app = ApiTeller(town.base, "en", client)
        await app.sign_in(wanda)
        told = app.attempt["update_password"]
        assert (told["text"], told["button"]) == ("Your password has expired.", "Update Password")
        await app.call("POST", told["hand_off"].removeprefix("/api/v1"))
        assert app.last is not None
        await reader.page.goto(app.last.json()["address"])
        await expect(reader.page).to_have_url(f"{town.base}/handoff")
        await expect(reader.page.locator("main")).to_contain_text(f"{tom.name} is signed in, and stays so")
        await reader.press(reader.page.get_by_role("button", name=f"Continue as {wanda.name}"))

        await reader.field("my_account.password.current").fill(wanda.password)
        if reader.has_script:
            await expect(reader.primary).to_be_disabled()
            await reader.type_password(NEW_PASSWORD, NEW_PASSWORD)
            await expect(reader.primary).to_be_enabled()
        await reader.choose_password(NEW_PASSWORD)
        await reader.hears("hand_off.done.heading")
        await expect(reader.page.locator("main li")).to_have_count(3)

        waiting = await app.call("GET", f"/signin/{app.attempt['id']}")
        assert waiting["step"] == {"step": "finished", "outcome": "open_session"}
        body = {"version": waiting["version"], "answer": {"answer": "go_on"}}
        finished = await app.call("POST", f"/signin/{app.attempt['id']}", body)
        app.tokens = finished["tokens"]
        assert await app.find_name() == wanda.name
    assert await reader.find_name() == tom.name, "whose session in the browser is untouched"
