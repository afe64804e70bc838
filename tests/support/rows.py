"""Rows as tests need them: an account, a password, a device, a session, put straight into the stores.

Every one is called by a short name (``account("nora")``), from which its id, address and secrets follow.
"""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec

from portico.accounts import store as accounts_store
from portico.accounts.model import Account, AccountState
from portico.database.engine import Database, Transaction
from portico.factors.proof import Proof, ProofClass, ProofKind
from portico.kernel.normalise import address_key
from portico.sessions import store as sessions_store
from portico.sessions.model import Session, SessionKind

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
PASSWORD_PROOF = Proof(
    kind=ProofKind.PASSWORD, classes=frozenset({ProofClass.KNOW}), at=NOW, credential="credential-nora"
)


def digest(name: str) -> bytes:
    """32 bytes that stand for the hash of a secret."""
    return hashlib.sha256(name.encode()).digest()


def account(name: str, **changes: object) -> Account:
    """An account as it is just after its creation."""
    address = f"{name}@north-clinic.example"
    key = address_key(address)
    assert key is not None
    made = Account(
        id=f"account-{name}",
        address=address,
        address_key=key,
        handle=name,
        handle_key=name,
        first_name=name.capitalize(),
        last_name="Lindqvist",
        language="en",
        state=AccountState.ACTIVE,
        is_operator=False,
        address_confirmed_at=NOW,
        epoch=1,
        version=1,
        created_at=NOW,
    )
    return msgspec.structs.replace(made, **changes)


async def add_account(database: Database, name: str = "nora", **changes: object) -> Account:
    """An account in the database."""
    made = account(name, **changes)
    assert await database.transact(lambda tx: accounts_store.add_account(tx, made))
    return made


async def add_device(database: Database, name: str = "laptop", at: datetime = NOW) -> str:
    """A device in the database; its id. Its secret's hash is ``digest(name)``."""

    async def body(tx: Transaction) -> str:
        return await sessions_store.keep_device(tx, f"device-{name}", digest(name), SessionKind.BROWSER, name, at)

    return await database.transact(body)


def session(name: str, **changes: object) -> Session:
    """A persistent browser session of Nora's on her laptop, just opened."""
    made = Session(
        id=f"session-{name}",
        account_id="account-nora",
        device_id="device-laptop",
        kind=SessionKind.BROWSER,
        proofs=(PASSWORD_PROOF,),
        policy_version="1",
        epoch=1,
        persistent=True,
        opened_at=NOW,
        last_seen_at=NOW,
        idle_span=14 * DAY,
        ends_at=NOW + 30 * DAY,
    )
    return msgspec.structs.replace(made, **changes)


async def add_session(database: Database, name: str = "one", **changes: object) -> Session:
    """A session in the database, for an account and a device that are there. Its token's hash is ``digest(name)``."""
    made = session(name, **changes)
    await database.transact(lambda tx: sessions_store.add_session(tx, made, digest(name)))
    return made


async def let_act(database: Database, account_id: str) -> None:
    """A session of many years for somebody: the one ``tests.support.acting`` speaks of."""
    device_id = await add_device(database)
    years = timedelta(days=3_650)
    await add_session(
        database, account_id, account_id=account_id, device_id=device_id, idle_span=years, ends_at=NOW + years
    )
