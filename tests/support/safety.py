"""What tests of security mails, address changes and deletion share: reading the mails, and proofs beyond the usual."""

import re
from datetime import datetime, timedelta

import msgspec

from portico.database.engine import Transaction
from portico.factors.proof import Proof, ProofClass, ProofKind
from tests.support.world import ADDRESS, World

NEW_ADDRESS = "nora@harbour.example"
NOT_ME = re.compile(r"https?://[^\s/]+(/account/not-me/([A-Za-z0-9_-]{43}))")
_CODE = re.compile(r"(?:Code for your|Code für Ihre)[^:]*: (\d{6})")


async def texts(world: World, to: str | None = None) -> list[str]:
    """Subject and text of the mails to an address, newest first."""
    return [f"{letter.subject}\n{letter.text}" for letter in await world.letters(to)]


async def subjects(world: World, to: str | None = None) -> list[str]:
    """The subjects of the mails to an address, newest first."""
    return [letter.subject for letter in await world.letters(to)]


async def not_me_link(world: World, to: str = ADDRESS, about: str = "") -> str:
    """The path of the newest "This was not me" mailed to an address, in a mail that says ``about``."""
    for text in await texts(world, to):
        found = NOT_ME.search(text)
        if found and about in text:
            return found[1]
    raise AssertionError(f"no link in a mail to {to}")


async def not_me_token(world: World, to: str = ADDRESS, about: str = "") -> str:
    """The token of that link."""
    return (await not_me_link(world, to, about)).rpartition("/")[2]


async def code(world: World, to: str) -> str:
    """The newest code mailed to an address."""
    for text in await texts(world, to):
        found = _CODE.search(text)
        if found:
            return found[1]
    raise AssertionError(f"no code in a mail to {to}")


LONG = timedelta(days=30)


def second_proof(at: datetime, kind: ProofKind = ProofKind.TOTP) -> Proof:
    """A proof of something that is neither mailbox nor password."""
    return Proof(
        kind=kind, classes=frozenset({ProofClass.HAVE}), at=at, credential="authenticator", set_up_at=at - LONG
    )


async def give_second_proof(world: World, address: str = ADDRESS) -> None:
    """Put a second factor's proof into every session of an account, as a sign-in with it would have."""
    account = await world.get_account(address)
    proofs = msgspec.json.encode([second_proof(world.clock.now())]).decode()

    async def body(tx: Transaction) -> None:
        await tx.execute("UPDATE sessions SET proofs = $1 WHERE account_id = $2", proofs, account.id)

    await world.house.database.transact(body)


async def kinds_of_events(world: World, account_id: str) -> list[str]:
    """What the trail says of an account, newest first."""
    events = await world.house.audit.list_events(world.house.database, account_id)
    return [recorded.event.kind.value for recorded in events]
