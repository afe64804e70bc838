"""What a reset must not touch, and what a try must not cost."""

import pytest

from portico.database.engine import Transaction
from portico.kernel.errors import Conflict
from portico.signin.attempt import Attempt, ClientKind, Purpose
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, World

OTHER = "omar@north-clinic.example"


async def test_a_form_of_one_link_never_burns_another(free_world: World) -> None:  # D5
    await free_world.add_person(OTHER, first_name="Omar")
    async with free_world.browser() as browser:
        pages = []
        for address in (ADDRESS, OTHER):
            await browser.submit(
                await browser.get("/account/passwordreset"), "/account/passwordreset", identifier=address
            )
            pages.append(await browser.follow(await browser.get(await free_world.reset_link(address))))
        fields = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        assert (await browser.submit(pages[0], "/account/passwordreset/new", **fields)).status_code == 403
        done = await browser.submit(pages[1], "/account/passwordreset/new", **fields)
        assert done.headers["location"] == "/account/passwordreset/done"
        assert (await browser.sign_in(ADDRESS, PASSWORD)).headers["location"] == "/account"


async def test_a_proof_of_an_ended_epoch_sets_no_password(free_world: World) -> None:  # D22
    house, now = free_world.house, free_world.clock.now()
    account = await free_world.get_account()
    attempt = Attempt(
        id="attempt",
        purpose=Purpose.RESET_PASSWORD,
        client_kind=ClientKind.BROWSER,
        holder_hash=b"",
        created_at=now,
        expires_at=now,
        account_id=account.id,
        epoch=account.epoch - 1,
    )
    new = await house.password.prepare(NEW_PASSWORD)

    async def apply(tx: Transaction) -> Attempt:
        return await house.password_change.apply(tx, now, attempt, new)

    with pytest.raises(Conflict):
        await house.database.transact(apply)
    assert (await free_world.get_account()).epoch == account.epoch


async def test_what_was_not_judged_costs_no_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # D20
    async with world.browser() as browser:
        page = await browser.identify()
        monkeypatch.setattr(world.house.hasher, "_queue", 0)
        for _ in range(15):
            assert (await browser.submit(page, page.request.url.path, password=PASSWORD)).status_code == 503
        monkeypatch.undo()
        assert (await browser.submit(page, page.request.url.path, password=PASSWORD)).headers["location"] == "/account"


async def test_a_device_that_was_switched_off_works_after_a_reset(world: World) -> None:  # D20, D22
    async with world.browser() as browser:
        await browser.submit(await browser.follow(await browser.sign_in()), "/signout")
        for _ in range(100):
            world.clock.advance(minutes=1)
            page = await browser.identify()
            await browser.submit(page, page.request.url.path, password="wrong")
        assert (await browser.sign_in()).status_code == 429
        await browser.submit(await browser.get("/account/passwordreset"), "/account/passwordreset", identifier=ADDRESS)
        choose = await browser.follow(await browser.get(await world.reset_link()))
        fields = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        await browser.submit(choose, "/account/passwordreset/new", **fields)
        for _ in range(2):
            home = await browser.follow(await browser.sign_in(ADDRESS, NEW_PASSWORD))
            assert home.status_code == 200
            await browser.submit(home, "/signout")
