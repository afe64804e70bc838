"""One code, sent many times at once, from several attempts: one of them is let in (D13, D14)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.support.authenticators import give_totp
from tests.support.world import LIFTED, PASSWORD, MakeWorld, Native, World

ATTEMPTS, TIMES = 6, 5
RECOVERY_CODE = "A" * 24


async def stopped(client: Native) -> dict[str, Any]:
    """An attempt that waits for the second factor, with its ticket."""
    begun = await client.begin()
    view: dict[str, Any] = (await client.answer(begun, {"answer": "password", "password": PASSWORD})).json()
    assert view["step"]["step"] == "prove", view
    return {**view, "ticket": begun["ticket"]}


async def rush(world: World, answer: Mapping[str, str]) -> list[dict[str, Any]]:
    """The same answer thirty times at once, five times to each of six attempts; what was answered to each."""
    async with world.native() as client:
        views = [await stopped(client) for _ in range(ATTEMPTS)]

        async def send(view: Mapping[str, Any]) -> dict[str, Any]:
            body = {"version": view["version"], "answer": answer}
            sent = await client.call("POST", f"/signin/{view['id']}", body, **{"portico-ticket": view["ticket"]})
            answered: dict[str, Any] = sent.json()
            return answered

        return await asyncio.gather(*(send(view) for view in views * TIMES))


async def test_of_thirty_who_send_one_code_one_is_let_in(make_world: MakeWorld) -> None:  # D13
    async with make_world(limits=LIFTED) as world:
        account = await world.get_account()
        phone = await give_totp(world, account)
        answers = await rush(world, {"answer": "totp", "code": phone.wait()})
        assert sum("tokens" in one for one in answers) == 1
        sessions = await world.house.sessions.list_open(world.house.database, account.id, world.clock.now())
        assert len(sessions) == 1


async def test_a_recovery_code_raced_against_itself_is_good_once(make_world: MakeWorld) -> None:  # D14
    async with make_world(limits=LIFTED) as world:
        account = await world.get_account()
        await give_totp(world, account)
        answers = await rush(world, {"answer": "recovery_code", "code": RECOVERY_CODE})
        passed = {one["id"] for one in answers if one["step"]["step"] == "save_recovery_code"}
        assert len(passed) == 1, "one attempt goes on, however often it was answered"
        told = [event for event in await world.letters(account.address) if "recovery code" in event.text]
        assert len(told) == 1
