"""Stories of My Account in a browser: language, time zone, picture, Portico ID, devices, and the file with it all."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.journeys.conftest import Browse
from tests.support.pictures import picture
from tests.support.storytellers import BrowserTeller
from tests.support.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_picture_is_shown_everywhere_and_removed(browse: Browse, town: Town) -> None:  # S37
    ada, teller = await town.move_in("Ada"), await browse()
    await teller.sign_in(ada)
    await teller.upload_picture(picture("JPEG", (900, 600)))
    await teller.hears("my_account.picture.saved")
    for path in ("/account/profile", "/account", "/account/history"):
        await teller.page.goto(path)
        images = teller.page.locator("img.initials")
        assert await images.count() >= 1
        assert await images.first.evaluate("(image) => image.complete && image.naturalWidth") == 256
    await teller.page.goto("/account/profile")
    await teller.press(teller.button("my_account.picture.remove"))
    await teller.hears("my_account.picture.removed")
    assert await teller.page.locator("img.initials").count() == 0


async def test_what_cannot_be_a_picture_is_said(browse: Browse, town: Town) -> None:  # S43
    ada, teller = await town.move_in("Ada"), await browse()
    await teller.sign_in(ada)
    await teller.upload_picture(b"no picture")
    await teller.hears("my_account.picture.unreadable")
    await expect(teller.page.locator("#failure")).to_be_focused()
    if not teller.has_script:
        await teller.upload_picture(b"\0" * 6_000_000)
        await teller.hears("my_account.picture.too_large")
        return
    await teller.page.goto("/account/profile")
    file = {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": b"\0" * 6_000_000}
    field = teller.field("my_account.picture.choose")
    await field.set_input_files(files=[file])  # type: ignore[list-item]
    said = await field.evaluate("(input) => input.validationMessage")
    assert said == teller.words("my_account.picture.too_large")


async def test_language_and_time_zone_are_chosen_for_every_page(browse: Browse, town: Town) -> None:
    ada, teller = await town.move_in("Ada"), await browse()
    await teller.sign_in(ada)
    await teller.page.goto("/account/profile")
    await teller.main.get_by_label(teller.words("my_account.language"), exact=True).select_option("de")
    await teller.field("my_account.time_zone").select_option("Asia/Kolkata")
    await teller.press(teller.button("form.save"))
    teller.language = "de"
    await teller.hears("my_account.profile.saved")
    await teller.page.goto("/account/sessions")
    shown = teller.page.locator("time").first
    assert await shown.get_attribute("data-zone") == "Asia/Kolkata"
    assert (await shown.inner_text()).endswith("Uhr")
    await teller.sign_out()
    teller.language = "en"
    await teller.page.goto("/signin")
    await expect(teller.field("signin.identify.label")).to_be_visible()


async def test_the_zone_of_the_device_is_proposed(browser: Browser, town: Town) -> None:
    context = await browser.new_context(base_url=town.base, timezone_id="America/New_York")
    teller = BrowserTeller(town.base, "en", context, await context.new_page(), has_script=True)
    await teller.sign_in(await town.move_in("Ada"))
    await teller.page.goto("/account/profile")
    proposal = teller.page.get_by_role("button", name="America/New York")
    await proposal.click()
    await expect(teller.field("my_account.time_zone")).to_have_value("America/New_York")
    await expect(proposal).to_be_hidden()
    await teller.press(teller.button("form.save"))
    await teller.hears("my_account.profile.saved")
    await teller.page.goto("/account/profile")
    await expect(teller.page.locator("[data-zone-proposal]")).to_be_hidden()
    await context.close()


async def test_a_portico_id_is_changed_and_signs_in(browse: Browse, town: Town) -> None:  # D1
    ada, teller = await town.move_in("Ada"), await browse()
    await teller.sign_in(ada)
    handle = f"queen.{ada.handle}"[:30]
    await teller.change_handle(handle, ada.password)
    await teller.hears("my_account.handle.saved")
    await teller.page.goto("/account/handle")
    await teller.hears("my_account.handle.changed_before")
    await teller.sign_out()
    await teller.identify(handle)
    await teller.give_password(ada.password)
    assert await teller.is_signed_in()


async def test_a_forgotten_device_is_signed_out(browse: Browse, town: Town) -> None:  # D22
    ada, here, there = await town.move_in("Ada"), await browse(), await browse()
    await there.sign_in(ada)
    await here.sign_in(ada)
    await here.page.goto("/account/sessions")
    this = here.page.get_by_text(here.words("my_account.sessions.this"), exact=True)
    others = here.page.locator(".devices > li").filter(has_not=this)
    await here.press(others.get_by_role("button"))
    await here.hears("my_account.devices.forgotten")
    assert await here.page.locator(".devices > li").count() == 1
    assert not await there.is_signed_in()
    assert await here.is_signed_in()


async def test_everything_that_is_kept_can_be_taken_along(browse: Browse, town: Town, tmp_path: Path) -> None:
    ada, teller = await town.move_in("Ada"), await browse()
    await teller.sign_in(ada)
    await teller.page.goto("/account")
    await teller.press(teller.link("my_account.export.show"))
    for number in range(2):  # one stays on the page, and can do it again
        await teller.field("my_account.password.current").fill(ada.password)
        async with teller.page.expect_download() as download:
            await teller.primary.click()
        file = await download.value
        assert file.suggested_filename == f"portico-export-{ada.handle}.json"
        await file.save_as(tmp_path / f"{number}.json")
        document = json.loads((tmp_path / f"{number}.json").read_text())
        assert document["account"]["address"] == ada.address
    await teller.page.goto("/account/history")
    await teller.hears("history.data_exported")
