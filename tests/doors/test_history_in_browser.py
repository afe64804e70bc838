"""What only the server can judge is told above the fields and never ticked off, and never keeps the button waiting."""

import pytest
from playwright.async_api import expect

from portico.kernel.brand import Brand
from tests.support.chromium import chromium, watched_context
from tools.preview import serving


@pytest.mark.parametrize("label", ["change-password", "change-password-reused"])
async def test_the_script_ticks_off_all_but_the_history(label: str) -> None:  # S92, S93, S95
    with serving(Brand()) as base:
        async with chromium() as browser, watched_context(browser, base) as context:
            page = await context.new_page()
            await page.goto(f"/en/{label}")
            button, extra = page.locator("button.primary"), page.locator("[data-criterion=history]")
            await expect(extra).to_have_text("to differ from each of your last 6 passwords")
            await expect(button).to_be_disabled()
            await page.locator("#new_password").fill("Silver-Orchard-63")
            await page.locator("#repeat_password").fill("Silver-Orchard-6")
            await expect(button).to_be_disabled()
            await page.locator("#repeat_password").fill("Silver-Orchard-63")
            await expect(button).to_be_enabled()
            await expect(page.locator("[data-criterion].is-met")).to_have_count(5)
            await expect(extra).to_have_class("")
            await expect(extra).to_have_text("to differ from each of your last 6 passwords")
