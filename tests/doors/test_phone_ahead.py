"""Whoever enters a code of the near future is told about the clock, and that code opens nothing when its time comes."""

from datetime import timedelta

from tests.support.authenticators import Phone, give_totp
from tests.support.world import World


async def test_a_code_that_was_recognised_too_early_opens_nothing_later(world: World) -> None:  # D13
    phone = await give_totp(world, await world.get_account())
    early = Phone(phone.key, world.clock, timedelta(minutes=3)).code()
    async with world.native() as guesser, world.native() as nora:
        attempt = (await guesser.sign_in()).json()
        told = (await guesser.answer(attempt, {"answer": "totp", "code": early})).json()
        assert told["failure"]["code"] == "totp.clock_ahead_wait"
        assert "try again in 4 minutes" in str(told["failure"])
        world.clock.advance(minutes=3)
        told = (await guesser.answer(told, {"answer": "totp", "code": early})).json()
        assert told["failure"]["code"] == "totp.used"
        world.clock.advance(seconds=30)
        attempt = (await nora.sign_in()).json()
        attempt = (await nora.answer(attempt, {"answer": "totp", "code": phone.code()})).json()
        assert attempt["step"]["step"] != "prove"
