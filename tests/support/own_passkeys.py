"""Passkeys in a test's world: made without any page, and used by a native client that shows them."""

from collections.abc import Mapping
from typing import Any

from portico.accounts.model import Account
from portico.factors.passkeys.model import NewPasskey
from tests.support.authenticator import Authenticator
from tests.support.world import BASE, Native, World

CHALLENGE = bytes(32)


async def give_passkey(world: World, account: Account, authenticator: Authenticator, name: str = "The laptop") -> str:
    """Make a passkey for somebody, in this authenticator; its id. A recovery code goes with it."""
    house, now = world.house, world.clock.now()
    options = await house.passkeys.offer(
        house.database,
        account_id=account.id,
        handle=account.id.encode().ljust(64, b"."),
        address=account.address,
        display_name=account.name,
        challenge=CHALLENGE,
    )
    new = await house.passkeys.read(authenticator.create(options, origin=BASE), CHALLENGE)
    assert isinstance(new, NewPasskey), new
    handle = account.id.encode().ljust(64, b".")
    added = await house.database.transact(
        lambda tx: house.passkeys.enrol(tx, now, account.id, new, handle=handle, name=name)
    )
    assert isinstance(added, str), added
    await house.database.transact(lambda tx: house.recovery_code.save(tx, now, account.id, "A" * 24))
    return added


async def give_answer(client: Native, attempt: Mapping[str, Any], authenticator: Authenticator) -> dict[str, Any]:
    """Answer with a passkey what an attempt asks for; where it stands then."""
    credential = authenticator.get(attempt["setup"]["passkey"], origin=BASE)
    answer = await client.answer(attempt, {"answer": "passkey", "credential": credential})
    assert answer.status_code == 200, answer.text
    given: dict[str, Any] = answer.json()
    return given


async def make_here(client: Native, attempt: Mapping[str, Any], authenticator: Authenticator) -> dict[str, Any]:
    """Make the passkey an attempt asks for; where it stands then."""
    credential = authenticator.create(attempt["setup"]["passkey"], origin=BASE)
    answer = await client.answer(attempt, {"answer": "passkey_enrolment", "credential": credential})
    assert answer.status_code == 200, answer.text
    given: dict[str, Any] = answer.json()
    return given
