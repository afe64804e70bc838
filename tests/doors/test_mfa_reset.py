"""An admin or operator resets somebody's second step: all of it goes, everything ends, and it begins anew."""

import asyncio
from pathlib import Path

from portico.audit.model import EventKind
from portico.factors.passkeys import devices
from portico.factors.proof import ProofKind
from portico.house import open_house
from portico.organizations.policy import Mfa, PolicyFields
from portico.settings import read_settings
from tests.core.test_cli import Operator
from tests.support.authenticator import Authenticator
from tests.support.authenticators import demanding, give_totp, mailed_code
from tests.support.own_passkeys import give_answer, give_passkey
from tests.support.world import ADDRESS, PASSWORD, World

OLGA = "olga@north-clinic.example"


async def test_a_reset_takes_all_there_is_and_the_next_sign_in_begins_anew(world: World) -> None:  # S79 D19 D12
    await demanding(world, PolicyFields(mfa=Mfa.REQUIRED))
    await world.add_person(OLGA, handle="olga", first_name="Olga", is_operator=True)
    account, authenticator = await world.get_account(), Authenticator()
    await give_totp(world, account)
    await give_passkey(world, account, authenticator)
    house, database = world.house, world.house.database
    await database.transact(lambda tx: devices.prefer(tx, account.id, ProofKind.PASSKEY))
    async with (
        world.native(passkeys=True) as nora,
        world.native(passkeys=True) as olga,
        world.native(passkeys=True) as again,
    ):
        await give_answer(nora, (await nora.sign_in()).json(), authenticator)
        assert await devices.list_devices(database, account.id)
        await olga.sign_in(OLGA)
        body = {"current_password": PASSWORD, "reason": "the bag was lost"}
        done = await olga.call("POST", f"/operator/people/{account.id}/reset-mfa", body)
        assert done.json()["is_done"], done.text

        assert await house.passkeys.list_passkeys(database, account.id) == []
        assert await devices.list_devices(database, account.id) == []
        assert await devices.find_preferred(database, account.id) is None
        assert (await nora.call("GET", "/account")).status_code == 401
        assert (await nora.refresh()).status_code == 401
        world.clock.advance(minutes=2)
        attempt = (await again.sign_in()).json()
        assert attempt["step"]["step"] == "verify_email"
        attempt = (await again.answer(attempt, {"answer": "email_code", "code": await mailed_code(world)})).json()
        assert (attempt["step"]["step"], attempt["step"]["kinds"]) == ("enrol", ["totp", "passkey"])
    told = [letter.text for letter in await world.letters(ADDRESS) if "second step" in letter.subject]
    assert any("passkeys" in text for text in told)
    assert not any("bag" in text for text in told)
    (reset,) = [
        each.event
        for each in await house.audit.list_events(database, account.id)
        if each.event.kind is EventKind.MFA_RESET
    ]
    assert reset.details["by"] == "operator"


async def test_an_operator_resets_it_at_the_machine(tmp_path: Path) -> None:  # S79 D19
    operator = Operator(tmp_path)
    settings = read_settings({**operator.environment, "PORTICO_MAIL_TRANSPORT": "maildir"})
    house = await open_house(settings)
    try:
        now = house.clock.now()
        nora = await house.database.transact(
            lambda tx: house.accounts.add_account(tx, now, address=ADDRESS, handle="nora", first_name="Nora")
        )
        await house.database.transact(lambda tx: house.totp.enrol(tx, now, nora.id, bytes(20), 1))
    finally:
        await house.close()
    for reason in (" ", "x" * 501):
        refused = await asyncio.to_thread(operator.fail, "accounts", "reset-mfa", "nora", "--reason", reason)
        assert "a reason of at most 500 characters is needed" in refused
    command = ("accounts", "reset-mfa", "nora", "--reason", "the telephone was lost")
    said = await asyncio.to_thread(operator.succeed, *command)
    assert f"The second factor of {ADDRESS} was reset" in said
    assert "there is no second factor" in await asyncio.to_thread(operator.fail, *command)
    house = await open_house(settings)
    try:
        assert await house.totp.find_secret(house.database, nora.id) is None
        events = [each.event.kind for each in await house.audit.list_events(house.database, nora.id)]
        assert events.count(EventKind.MFA_RESET) == 1
        (mail,) = await house.mail_overview.list_mails()
        assert mail.recipient == ADDRESS
        found = await house.accounts.find_account(house.database, nora.id)
        assert found is not None
        assert found.epoch == nora.epoch + 1
    finally:
        await house.close()
