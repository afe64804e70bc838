"""Signing in and out by pages, without script."""

from tests.support.world import ADDRESS, PASSWORD, World


async def test_the_identifier_comes_first_and_the_password_after(world: World) -> None:  # S14, S49, S70
    async with world.browser() as browser:
        page = await browser.identify()
        assert page.status_code == 200
        assert 'name="password"' in page.text
        assert ADDRESS in page.text
        answer = await browser.submit(page, page.request.url.path, password=PASSWORD, stay_signed_in="yes")
        assert answer.headers["location"] == "/account"
        assert "Nora" in (await browser.follow(answer)).text


async def test_a_wrong_password_is_said_and_nothing_is_lost(world: World) -> None:  # S43
    async with world.browser() as browser:
        answer = await browser.sign_in(password="wrong")
        page = await browser.follow(answer)
        assert "do not go together" in page.text
        assert ADDRESS in page.text
        again = await browser.submit(page, page.request.url.path, password=PASSWORD)
        assert again.headers["location"] == "/account"


async def test_log_out_ends_the_session_on_the_server(world: World) -> None:  # S37, S38
    async with world.browser() as browser:
        home = await browser.follow(await browser.sign_in())
        stolen = browser.cookie("session")
        assert stolen is not None
        out = await browser.submit(home, "/signout")
        assert out.headers["location"] == "/signed-out"
        browser.client.cookies.set("__Host-portico_session", stolen)
        assert (await browser.get("/account")).headers["location"] == "/signin?return_to=/account"
