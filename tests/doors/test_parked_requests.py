"""A request that was let in and is held back by its sender: it counts for what its sender is when it acts.

Whoever sends a head and keeps the body has passed the gate; what they lost meanwhile they have lost. And nobody keeps a
body for long.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from portico.accounts.model import AccountState
from portico.admin.audit import ExportFormat
from portico.audit.search.model import Filter
from portico.kernel.errors import NotAllowed, NotFound, NotSignedIn
from portico.mail.model import MailFate
from portico.organizations.model import Organization, Role
from portico.organizations.rules import AT_THE_MACHINE, Actor
from portico.sessions.model import SignedIn
from tests.doors.test_operator_mails import queue
from tests.support.organizations import NORTH, found, join
from tests.support.world import ADDRESS, BASE, MakeWorld, Native, World

ADA, OLGA, MIA = (f"{name}@north-clinic.example" for name in ("ada", "olga", "mia"))
Meanwhile = Callable[[World, str], Awaitable[None]]


async def disable(world: World, address: str) -> None:
    """Their account is disabled, which ends everything they have open."""
    account = await world.get_account(address)
    await world.house.database.transact(
        lambda tx: world.house.accounts.set_state(tx, world.clock.now(), account.id, AccountState.DISABLED)
    )


async def disable_by_hand(world: World, address: str) -> None:
    """Their account is disabled by somebody's own tools, and nothing else is done."""
    await world.house.database.transact(
        lambda tx: tx.execute("UPDATE accounts SET state = 'disabled' WHERE address = $1", address)
    )


async def end_everything(world: World, address: str) -> None:
    """Everything they have open is ended, as after a new password."""
    account = await world.get_account(address)
    await world.house.database.transact(
        lambda tx: world.house.accounts.end_everything(tx, world.clock.now(), account.id)
    )


async def sign_out(world: World, address: str) -> None:
    """The one session is ended."""
    signed_in = await session_of(world, address)
    await world.house.sign_in.sign_out(signed_in)


async def outlast(world: World, _address: str) -> None:
    """So long that the session is over."""
    world.clock.advance(days=31)


WAYS = {each.__name__: each for each in (disable, disable_by_hand, end_everything, sign_out, outlast)}
ways = pytest.mark.parametrize("way", WAYS)


async def session_of(world: World, address: str) -> SignedIn:
    """The session somebody has open."""
    account = await world.get_account(address)
    sessions, database = world.house.sessions, world.house.database
    opened = await sessions.list_open(database, account.id, world.clock.now())
    signed_in = await sessions.find_session(database, opened[0].id, world.clock.now())
    assert signed_in is not None
    return signed_in


async def send_in_two(
    client: Native, method: str, path: str, body: object, meanwhile: Callable[[], Awaitable[object]]
) -> httpx.Response:
    """A call whose body is held back until something has happened."""

    async def pieces() -> AsyncIterator[bytes]:
        text = json.dumps(body).encode()
        yield text[:1]
        await meanwhile()
        yield text[1:]

    headers = {"authorization": f"Bearer {client.access_token}", "content-type": "application/json"}
    return await client.client.request(method, f"/api/v1{path}", content=pieces(), headers=headers)


async def open_clinic(world: World, client: Native, address: str, role: Role) -> Organization:
    """A clinic with an owner, a member, and somebody of this role who is signed in."""
    clinic = await found(world, NORTH)
    await join(world, clinic, await world.get_account(), role=Role.OWNER)
    await join(world, clinic, await world.add_person(MIA))
    await join(world, clinic, await world.add_person(address), role=role)
    assert (await client.sign_in(address)).status_code == 200
    return clinic


async def parked_calls(world: World, clinic: Organization) -> list[tuple[str, str, object]]:
    """What owners write to an organization, of which each would be done."""
    mia = (await world.get_account(MIA)).id
    place = f"/organizations/{clinic.id}"
    invited = {"address": "ida@south-clinic.example", "member_type": "staff"}
    return [
        ("PATCH", f"{place}/members/{mia}", {"version": 1, "role": "support"}),
        ("PATCH", place, {"version": 1, "name": "Clinic of the North"}),
        ("POST", f"{place}/invitations", invited),
        ("POST", f"{place}/invitations/bulk", {"addresses": ["ida@south-clinic.example"], "member_type": "staff"}),
        ("POST", f"{place}/policies/staff", {"based_on": 0, "fields": {"min_length": 20}, "at_once": True}),
    ]


async def written(world: World) -> list[str]:
    """Everything such calls would change."""
    rows: list[str] = []
    for sql in (
        "SELECT name || ' ' || version || ' ' || state || ' ' || features AS told FROM organizations ORDER BY id",
        "SELECT account_id || ' ' || role || ' ' || state || ' ' || version AS told FROM memberships ORDER BY 1",
        "SELECT CAST(number AS TEXT) AS told FROM policies ORDER BY number",
        "SELECT id AS told FROM invitations ORDER BY id",
        "SELECT id AS told FROM outbox WHERE bounced_at IS NOT NULL ORDER BY id",
        "SELECT id AS told FROM audit_events WHERE kind = 'audit.exported' ORDER BY id",
    ):
        rows += [row["told"] for row in await world.house.database.list_rows(sql)]
    return rows


@ways
async def test_what_an_owner_sends_after_losing_everything_changes_nothing(free_world: World, way: str) -> None:  # D22
    async with free_world.native() as client:
        clinic = await open_clinic(free_world, client, ADA, Role.OWNER)
        before = await written(free_world)
        for method, path, body in await parked_calls(free_world, clinic):
            answer = await send_in_two(client, method, path, body, lambda: WAYS[way](free_world, ADA))
            assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), (path, answer.text)
            await back_again(free_world, client, ADA)
        assert await written(free_world) == before
        for method, path, body in await parked_calls(free_world, clinic):  # and each of them is good in itself
            answer = await send_in_two(client, method, path, body, idle)
            assert answer.status_code in {200, 201}, (path, answer.text)


async def idle() -> None:
    """Nothing happens meanwhile."""


async def back_again(world: World, client: Native, address: str) -> None:
    """Their account may be used again, and they are signed in."""
    account = await world.get_account(address)
    await world.house.database.transact(
        lambda tx: tx.execute("UPDATE accounts SET state = 'active' WHERE id = $1", account.id)
    )
    client.headers.clear()
    client.access_token = ""
    assert (await client.sign_in(address)).status_code == 200


@ways
async def test_what_an_operator_sends_after_losing_everything_changes_nothing(free_world: World, way: str) -> None:
    async with free_world.native() as client:
        clinic = await found(free_world)
        await free_world.add_person(OLGA, is_operator=True)
        mail = await queue(free_world, MailFate.ACCEPTED)
        assert (await client.sign_in(OLGA)).status_code == 200
        before = await written(free_world)
        place = f"/operator/organizations/{clinic.id}"
        for path, body in (
            ("/operator/organizations", {"name": "South Clinic"}),
            (f"{place}/features", {"feature": "password_enforcement", "is_on": False, "version": 1}),
            (f"{place}/suspend", {"version": 1}),
            (f"{place}/owners", {"account": "nora"}),
            (f"/operator/mails/{mail}/bounced", {"reason": "550 nobody of that name"}),
        ):
            answer = await send_in_two(client, "POST", path, body, lambda: WAYS[way](free_world, OLGA))
            assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), (path, answer.text)
            await back_again(free_world, client, OLGA)
        assert await written(free_world) == before


async def test_a_bounce_is_reported_by_whoever_is_an_operator_still(free_world: World) -> None:
    async with free_world.native() as client:
        olga = await free_world.add_person(OLGA, is_operator=True)
        mail = await queue(free_world, MailFate.ACCEPTED)
        await client.sign_in(OLGA)

        async def no_operator_any_more() -> None:
            await free_world.house.database.transact(
                lambda tx: tx.execute("UPDATE accounts SET is_operator = 0 WHERE id = $1", olga.id)
            )

        body = {"reason": "550 nobody of that name"}
        answer = await send_in_two(client, "POST", f"/operator/mails/{mail}/bounced", body, no_operator_any_more)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


@ways
async def test_nobody_takes_the_trail_out_who_has_lost_everything(free_world: World, way: str) -> None:
    async with free_world.native() as client:
        clinic = await open_clinic(free_world, client, ADA, Role.ADMIN)
        reading, signed_in = free_world.house.trail_reading, await session_of(free_world, ADA)
        await WAYS[way](free_world, ADA)
        before = await written(free_world)
        for form in ExportFormat:
            with pytest.raises(NotSignedIn):
                await reading.export_for(signed_in, clinic.id, form, Filter())
        assert await written(free_world) == before


async def test_the_trail_is_taken_out_by_those_alone_who_may_by_then(free_world: World) -> None:
    async with free_world.native() as client:
        clinic = await open_clinic(free_world, client, ADA, Role.ADMIN)
        reading, signed_in = free_world.house.trail_reading, await session_of(free_world, ADA)
        for role, refusal in ((Role.SUPPORT, NotAllowed), (None, NotFound)):
            await set_role(free_world, ADA, role)
            with pytest.raises(refusal):
                await reading.export_for(signed_in, clinic.id, ExportFormat.CSV, Filter())
        with pytest.raises(NotAllowed):
            await reading.export(signed_in, ExportFormat.CSV, Filter())


async def set_role(world: World, address: str, role: Role | None) -> None:
    """Somebody's only membership is another one, or none any more."""
    account = await world.get_account(address)
    membership = (await world.house.organizations.list_memberships(world.house.database, account.id))[0]

    members, organization_id = world.house.memberships, membership.organization_id
    if role is None:
        await members.remove(AT_THE_MACHINE, organization_id, account.id)
    else:
        await members.change(AT_THE_MACHINE, organization_id, account.id, membership.version, role=role)


async def test_a_session_of_somebody_else_stands_for_nobody(free_world: World) -> None:
    async with free_world.native() as client, free_world.native() as other:
        clinic = await open_clinic(free_world, client, ADA, Role.ADMIN)
        await other.sign_in()
        mia, ada = await free_world.get_account(MIA), await free_world.get_account(ADA)
        for session_id in (None, "", (await session_of(free_world, ADDRESS)).session.id):
            actor = Actor(account_id=ada.id, session_id=session_id)
            with pytest.raises(NotSignedIn):
                await free_world.house.memberships.suspend(actor, clinic.id, mia.id)


@pytest.mark.parametrize("kind", ["json", "form", "picture", "upload"])
async def test_nobody_keeps_a_body_for_long(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr("portico.web.body.DEADLINE", timedelta(milliseconds=20))
    async with make_world() as world, world.native() as client, world.browser() as browser:
        await client.sign_in()
        await browser.sign_in()

        async def stalling() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.Event().wait()

        bearer = {"authorization": f"Bearer {client.access_token}"}
        call, path, headers = {
            "json": (client.client, "/api/v1/signin", {"content-type": "application/json"}),
            "form": (browser.client, "/signin", {"content-type": "application/x-www-form-urlencoded", "origin": BASE}),
            "picture": (client.client, "/api/v1/account/picture", {"content-type": "image/png", **bearer}),
            "upload": (
                browser.client,
                "/account/picture",
                {"content-type": "multipart/form-data; boundary=x", "origin": BASE},
            ),
        }[kind]
        method = "PUT" if kind == "picture" else "POST"
        answer = await call.request(method, path, content=stalling(), headers=headers)
        assert answer.status_code == 408, (answer.status_code, answer.text)
        assert answer.headers["connection"] == "close"
        if kind in {"json", "picture"}:
            assert answer.json()["code"] == "too_slow"
        else:
            assert "took too long" in answer.text
