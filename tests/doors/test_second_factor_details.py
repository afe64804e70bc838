"""Details of second factors at the doors: going on by a program, a device with a PIN, a page that is drawn aside."""

import threading

import pytest
from markupsafe import Markup

from portico.signin import second_factor_pages
from portico.web.qr import draw_qr
from tests.support.authenticator import VERIFIED, Twist
from tests.support.authenticators import demanding, mailed_code, set_up, up_to_enrolment
from tests.support.handing_over import go_on, look
from tests.support.passkeys import device, failure_of, proven, set_up_app, step_of
from tests.support.world import World


async def test_a_program_goes_on_where_nothing_is_missing_any_more(world: World) -> None:  # D12
    """Looking shows that it is finished and takes nothing; one more answer takes the tokens, once."""
    await demanding(world)
    async with world.native() as app, world.browser() as elsewhere:
        attempt = (await app.sign_in()).json()
        attempt = (await app.answer(attempt, {"answer": "email_code", "code": await mailed_code(world)})).json()
        assert attempt["step"]["step"] == "enrol"
        world.clock.advance(minutes=1)
        await set_up(world, elsewhere)
        for _ in range(2):
            shown = await look(app, attempt)
            assert shown["step"] == {"step": "finished", "outcome": "open_session"}
            assert "tokens" not in shown
        assert (await go_on(app, attempt))["tokens"]
        assert (await app.call("GET", "/account")).status_code == 200
        assert (await app.refresh()).status_code == 200
        late = await go_on(app, attempt)
        assert (late["step"]["step"], "tokens" in late) == ("refused", False)


async def test_a_device_with_a_pin_asks_for_it(world: World) -> None:  # S65 D16
    """How a device verifies who holds it is its business, and that it did is asked: without the PIN nobody gets in."""
    await demanding(world)
    async with device(world) as tablet:
        view, _ = await set_up_app(world, tablet)
        asked = view["setup"]["passkey"]["authenticatorSelection"]
        assert asked == {"residentKey": "required", "requireResidentKey": True, "userVerification": "required"}
        view = await tablet.make(view, Twist(flags_off=VERIFIED))
        assert (step_of(view), failure_of(view)) == ("trust_device", "passkey.not_verified")
        assert "PIN" in view["failure"]["text"]
        await tablet.give(await tablet.make(view), "device_name", name="")

        view = await proven(world, tablet)
        assert view["setup"]["passkey"]["userVerification"] == "required"
        view = await tablet.use(view, Twist(flags_off=VERIFIED))
        assert (step_of(view), failure_of(view)) == ("prove", "passkey.not_verified")
        assert step_of(await tablet.use(view)) == "finished"


async def test_everybody_else_is_served_while_a_qr_code_is_drawn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes milliseconds, so it is done on another thread than the one that serves."""
    drawn_on: list[int] = []

    def draw(text: str) -> Markup:
        drawn_on.append(threading.get_ident())
        return draw_qr(text)

    monkeypatch.setattr(second_factor_pages, "draw_qr", draw)
    await demanding(world)
    async with world.browser() as nora:
        page = await up_to_enrolment(world, nora)
    assert "<svg" in page.text
    assert drawn_on
    assert threading.get_ident() not in drawn_on
