"""A filled database of the release before becomes one of this release: nothing is lost, and everybody gets in."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from portico.accounts.model import AccountState
from portico.audit.sealing.sealer import seal_batch
from portico.audit.sealing.verifier import Verified, verify_database
from portico.database.engine import Database, Transaction, Value, open_database
from portico.database.migrate import upgrade
from portico.database.schema import check_schema, find_schema_version
from portico.factors.hashing import Argon2Parameters, Hasher
from portico.kernel.chance import SystemChance
from portico.kernel.clock import to_micros
from portico.kernel.tokens import new_id, new_token, token_hash
from portico.mail.model import MailFate
from tests.stores.test_database_schema import empty_url
from tests.support.databases import Kind, Templates
from tests.support.dump import Dump, dump
from tests.support.world import LIFTED, PASSWORD, START, open_world

DAY = timedelta(days=1)
AT = to_micros(START - DAY)
LATER = to_micros(START + DAY)
CHANCE = SystemChance()
NORA, TOM, DEVICE, SESSION = (new_id(CHANCE, START - DAY) for _ in range(4))
ACCESS, REFRESH, LINK, COOKIE = (new_token(CHANCE) for _ in range(4))


@pytest.fixture
async def url(database_kind: Kind, templates: Templates, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a database as the release before left it, with something in every table."""
    async with empty_url(database_kind, templates, tmp_path) as made:
        await asyncio.to_thread(upgrade, made, "0001")
        database = await open_database(made)
        await fill(database)
        await database.close()
        yield made


async def insert(tx: Transaction, table: str, **values: Value) -> None:
    """One row."""
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})"  # noqa: S608 - the names are written below
    assert await tx.execute(sql, *values.values()) == 1


async def fill(database: Database) -> None:
    """What the release before would have written."""
    hasher = Hasher(Argon2Parameters(memory_kib=8, passes=1), threads=1)
    secret = await hasher.make_hash(PASSWORD)
    hasher.close()

    async def body(tx: Transaction) -> None:
        await insert(tx, "deployment", name="note", value="kept")
        await add_account(tx, NORA, "nora", AccountState.ACTIVE)
        await add_account(tx, TOM, "tom", AccountState.DISABLED)
        await insert(
            tx, "credentials", id=new_id(CHANCE, START), account_id=NORA, kind="password", secret=secret,
            properties='{"through_mailbox":false,"must_change":null}', version=3, failures=0, created_at=AT,
            changed_at=AT, used_at=AT,
        )  # fmt: skip
        await add_session(tx)
        await insert(
            tx, "reset_links", hash=token_hash(LINK), account_id=NORA, epoch=1, created_at=AT, expires_at=LATER
        )
        await insert(
            tx, "attempts", id=new_id(CHANCE, START), purpose="sign_in", client_kind="browser",
            holder_hash=token_hash("holder"), identifier="nora", proofs="[]", marks="[]", demands="{}", return_to="/",
            persistent=1, state="open", version=1, language="en", created_at=AT, expires_at=LATER,
        )  # fmt: skip
        await insert(tx, "spent", hash=token_hash("spent"), expires_at=LATER)
        await insert(tx, "throttle", key=token_hash("key"), full_at=AT, failures=2)
        await insert(
            tx, "throttle_networks", network=b"network", identifier=token_hash("name"), failed_at=AT, succeeded_at=None
        )
        await insert(
            tx, "mail_requests", id=new_id(CHANCE, START), kind="password_reset",
            identifier_key="nora@north-clinic.example", language="en", requested_at=AT,
        )  # fmt: skip
        await add_mails(tx)
        await insert(
            tx, "audit_events", id=new_id(CHANCE, START), at=AT, kind="account.created", subject_id=NORA,
            actor_id=None, session_id=None, details="{}",
        )  # fmt: skip

    await database.transact(body)


async def add_account(tx: Transaction, account_id: str, name: str, state: AccountState) -> None:
    """A person as they were stored."""
    address = f"{name}@north-clinic.example"
    await insert(
        tx, "accounts", id=account_id, address=address.capitalize(), address_key=address, handle=name, handle_key=name,
        normaliser=1, first_name=name.capitalize(), last_name="Lindqvist", language="de", state=state.value,
        is_operator=0, address_confirmed_at=AT, epoch=1, version=4, created_at=AT,
    )  # fmt: skip


async def add_session(tx: Transaction) -> None:
    """A device and an open session on it, with its tokens."""
    proof: dict[str, object] = {"kind": "password", "classes": ["know"], "at": START.isoformat(), "credential": None}
    proof |= {"user_verified": False, "through_mailbox": False}
    await insert(
        tx, "devices", id=DEVICE, secret_hash=token_hash("device"), kind="native", name="Desktop", created_at=AT,
        last_seen_at=AT,
    )  # fmt: skip
    await insert(
        tx, "device_accounts", device_id=DEVICE, account_id=NORA, epoch=1, failures=0, first_signed_in_at=AT,
        last_signed_in_at=AT,
    )  # fmt: skip
    await insert(
        tx, "sessions", id=SESSION, account_id=NORA, device_id=DEVICE, client_kind="native",
        token_hash=token_hash(COOKIE), proofs=json.dumps([proof]), policy_version="1", epoch=1, persistent=1,
        opened_at=AT, last_seen_at=AT, idle_span=14 * 86_400_000_000, ends_at=LATER,
    )  # fmt: skip
    await insert(tx, "access_tokens", hash=token_hash(ACCESS), session_id=SESSION, expires_at=LATER)
    await insert(tx, "refresh_tokens", hash=token_hash(REFRESH), session_id=SESSION, issued_at=AT, expires_at=LATER)


async def add_mails(tx: Transaction) -> None:
    """A mail of each status."""
    for status in ("queued", "delivered", "dropped", "dead"):
        await insert(
            tx, "outbox", id=new_id(CHANCE, START - DAY), kind="password_changed",
            recipient="Nora@north-clinic.example", language="de",
            params=json.dumps({"handle": "nora", "at": START.isoformat(), "how": "change"}), account_id=NORA,
            created_at=AT, status=status, tries=1, next_try_at=LATER, settled_at=None if status == "queued" else AT,
            last_error="550" if status == "dead" else None,
        )  # fmt: skip


async def read(url: str) -> tuple[str | None, Dump]:
    """Where a database stands, and all that is in it."""
    database = await open_database(url)
    try:
        return await find_schema_version(database), await dump(database)
    finally:
        await database.close()


async def test_an_upgrade_loses_nothing(url: str) -> None:  # rule 9
    version, before = await read(url)
    assert version == "0001"
    empty = [table for table, rows in before.items() if not rows]
    assert not empty, "something of everything is upgraded"
    await asyncio.to_thread(upgrade, url)
    version, after = await read(url)
    database = await open_database(url)
    assert (await check_schema(database)).state == "current"
    await database.close()
    for table, rows in before.items():
        if table == "alembic_version":
            continue
        kept = [name for name, _ in rows[0]]
        assert sorted([tuple((name, dict(row)[name]) for name in kept) for row in after[table]], key=repr) == rows, (
            table
        )
    await asyncio.to_thread(upgrade, url)
    assert (await read(url))[1] == after


async def test_old_events_are_sealed(url: str) -> None:
    await asyncio.to_thread(upgrade, url)
    database = await open_database(url)
    try:
        told = Verified()
        assert [finding async for finding in verify_database(database, (), told)] == []
        assert (told.events, told.unsealed) == (1, 1)
        assert await seal_batch(database) == 1
        assert await seal_batch(database) == 0
        told = Verified()
        assert [finding async for finding in verify_database(database, (), told)] == []
        assert (told.links, told.unsealed) == (1, 0)
        await database.transact(lambda tx: tx.execute("UPDATE audit_events SET at = at + 1"))
        (finding,) = [finding async for finding in verify_database(database, (), Verified())]
        assert "altered" in finding.sentence
    finally:
        await database.close()


async def test_everything_old_is_readable_and_people_get_in(url: str, tmp_path: Path) -> None:
    await asyncio.to_thread(upgrade, url)
    async with open_world(tmp_path, url, limits=LIFTED) as world:
        house = world.house
        nora = await world.get_account("NORA")
        assert (nora.address, nora.language, nora.version) == ("Nora@north-clinic.example", "de", 4)
        assert (nora.time_zone, nora.picture, nora.terms, nora.frozen_until, nora.delete_at) == ("", "", "", None, None)
        assert (await world.get_account("tom")).state is AccountState.DISABLED
        mails = await house.mail_overview.list_mails()
        assert {mail.fate for mail in mails} == set(MailFate) - {MailFate.DEFERRED}
        assert len(await house.audit.list_events(house.database, NORA)) == 1
        async with world.native() as client, world.browser() as browser:
            client.access_token, client.refresh_token = ACCESS, REFRESH
            assert (await client.call("GET", "/account")).json()["id"] == NORA, "sessions go on"
            assert (await client.refresh()).status_code == 200
            assert (await browser.get(f"/account/passwordreset/{LINK}")).status_code == 303, "and links"
            assert "tokens" in (await client.sign_in("nora@north-clinic.example", PASSWORD)).json()
            assert (await browser.follow(await browser.sign_in("nora", PASSWORD))).status_code == 200
            assert len((await client.call("GET", "/account/sessions")).json()["sessions"]) >= 2
            refused = (await client.sign_in("tom@north-clinic.example", PASSWORD)).json()
            assert "tokens" not in refused
        assert await world.letters("Nora@north-clinic.example"), "what was asked for is still mailed"
