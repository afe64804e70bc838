"""The domain that passkeys are made for: it fits the address, and stays while there are any."""

import functools

import pytest

from portico.database.deployment import PASSKEY_DOMAIN, find_fact
from portico.database.engine import Database
from portico.factors.passkeys import store
from portico.factors.passkeys.domain import check_domain
from portico.factors.passkeys.factor import PasskeyFactor
from portico.factors.passkeys.model import NewPasskey, RelyingParty
from portico.kernel.chance import SystemChance
from portico.kernel.errors import Misconfigured
from portico.settings import read_settings
from tests.support.rows import NOW, add_account

HOST = "login.portico.example"
NEW = NewPasskey(
    credential_id=b"credential", public_key=b"key", sign_count=0, backup_eligible=False, backed_up=False, aaguid="",
    transports=(),
)  # fmt: skip


async def add_passkey(database: Database) -> None:
    """Nora has a passkey."""
    await add_account(database)
    factor = PasskeyFactor(RelyingParty(id=HOST, name="Portico", origin=f"https://{HOST}"), SystemChance())
    enrol = functools.partial(factor.enrol, handle=b"handle", name="Laptop")
    assert isinstance(await database.transact(lambda tx: enrol(tx, NOW, "account-nora", NEW)), str)


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        (HOST, HOST),
        (HOST, "portico.example"),
        ("localhost", "localhost"),
        ("192.0.2.7", "192.0.2.7"),
        ("[::1]", "[::1]"),
    ],
)
async def test_the_host_and_what_is_above_it_fit(database: Database, host: str, domain: str) -> None:  # D16
    await check_domain(database, host=host, domain=domain)
    assert await find_fact(database, PASSKEY_DOMAIN) is None, "looking changes nothing"


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        (HOST, "example.org"), (HOST, "other.portico.example"), (HOST, "ico.example"), (HOST, "example"),
        (HOST, ".example"), (HOST, "example."), (HOST, "a." + HOST), ("192.0.2.7", "0.2.7"), (HOST, ""),
    ],
)  # fmt: skip
async def test_any_other_is_refused_with_what_to_do(database: Database, host: str, domain: str) -> None:  # D16
    with pytest.raises(
        Misconfigured, match=rf"set passkey_domain to {host.replace('.', '[.]')} or to a domain above it"
    ):
        await check_domain(database, host=host, domain=domain)
    assert await find_fact(database, PASSKEY_DOMAIN) is None


async def test_it_may_change_while_there_are_no_passkeys(database: Database) -> None:
    for domain in (HOST, "portico.example", HOST):
        await check_domain(database, host=HOST, domain=domain)


async def test_with_passkeys_a_start_for_another_domain_is_refused(database: Database) -> None:  # D16
    await add_passkey(database)
    with pytest.raises(Misconfigured, match=rf"there are passkeys for {HOST}, .*set passkey_domain to {HOST} again"):
        await check_domain(database, host=HOST, domain="portico.example")
    assert await find_fact(database, PASSKEY_DOMAIN) == HOST
    await check_domain(database, host=HOST, domain=HOST)
    assert await database.transact(lambda tx: store.remove_all(tx, "account-nora")) == 1
    await check_domain(database, host=HOST, domain="portico.example")


def test_the_setting_is_the_host_unless_it_is_named() -> None:
    named = {"PORTICO_BASE_URL": f"https://{HOST}:8443"}
    assert read_settings(named).passkey_host == HOST
    assert read_settings({**named, "PORTICO_PASSKEY_DOMAIN": "Portico.Example"}).passkey_host == "portico.example"
