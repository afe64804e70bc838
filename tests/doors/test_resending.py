"""Sending an invitation again is offering it again: by whoever may, and under their name (D27)."""

from typing import Any

import pytest

from portico.organizations.model import Organization, Role
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.invitations import (
    ADMIN,
    INVITEE,
    OWNER,
    act,
    add_admin,
    add_organization,
    invitation_letters,
    invite,
    mailed_invitation,
)
from tests.support.world import Native, World

SECOND, SAM = "olga@north-clinic.example", "sam@north-clinic.example"


async def open_clinic(world: World) -> Organization:
    """A clinic with two owners, an admin and support."""
    clinic = await add_organization(world)
    for address, role in ((OWNER, Role.OWNER), (SECOND, Role.OWNER), (ADMIN, Role.ADMIN), (SAM, Role.SUPPORT)):
        await add_admin(world, clinic, address, role)
    return clinic


async def leave(world: World, clinic: Organization, address: str) -> None:
    """Somebody belongs to it no more."""
    account = await world.get_account(address)
    await world.house.memberships.remove(AT_THE_MACHINE, clinic.id, account.id)


async def listed(client: Native, clinic: Organization) -> dict[str, Any]:
    """The one invitation, as those see it who run the clinic."""
    (one,) = (await client.call("GET", f"/organizations/{clinic.id}/invitations")).json()["invitations"]
    shown: dict[str, Any] = one
    return shown


async def test_whoever_sends_an_offer_again_stands_for_it(free_world: World) -> None:  # D27
    clinic = await open_clinic(free_world)
    async with free_world.native() as first, free_world.native() as second, free_world.browser() as browser:
        await first.sign_in(OWNER)
        await second.sign_in(SECOND)
        invitation = await invite(first, clinic, role="admin")
        assert len(await invitation_letters(free_world)) == 1
        assert "is_backed" not in await listed(second, clinic)
        await leave(free_world, clinic, OWNER)
        shown = await listed(second, clinic)
        assert (shown["status"], shown["is_backed"]) == ("open", False), "nobody who may stands for it"
        free_world.clock.advance(minutes=1)
        answer = await act(second, clinic, invitation, "resend")
        assert answer.status_code == 200, answer.text
        assert answer.json()["invited_by"] == (await free_world.get_account(SECOND)).id
        assert "is_backed" not in await listed(second, clinic)
        assert len(await invitation_letters(free_world)) == 2
        page = await browser.follow(await browser.get(await mailed_invitation(free_world)))
        assert page.status_code == 200


@pytest.mark.parametrize("role", ["admin", "owner"])
@pytest.mark.parametrize("by", [SAM, ADMIN])
async def test_an_offer_above_ones_own_is_not_sent_again(free_world: World, role: str, by: str) -> None:  # D27
    clinic = await open_clinic(free_world)
    async with free_world.native() as owner, free_world.native() as client:
        await owner.sign_in(OWNER)
        invitation = await invite(owner, clinic, role=role)
        await free_world.letters()
        for days in (1, 14):
            free_world.clock.advance(days=days)
            await client.sign_in(by)
            answer = await act(client, clinic, invitation, "resend")
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        shown = await listed(client, clinic)
        assert (shown["status"], shown["mails"]) == ("expired", 1)
        await owner.sign_in(OWNER)
        assert (await act(owner, clinic, invitation, "resend")).json()["status"] == "open"


async def test_support_helps_members_in_and_nobody_further(free_world: World) -> None:  # D27
    clinic = await open_clinic(free_world)
    async with free_world.native() as admin, free_world.native() as sam:
        await admin.sign_in(ADMIN)
        await sam.sign_in(SAM)
        invitation = await invite(admin, clinic)
        again = await act(sam, clinic, invitation, "resend")
        assert (again.status_code, again.json()["invited_by"]) == (200, (await free_world.get_account(SAM)).id)
        assert await invitation_letters(free_world, INVITEE)
        other = await invite(admin, clinic, "sol@south-clinic.example", role="support")
        assert (await act(sam, clinic, other, "resend")).status_code == 403


async def test_an_offer_of_somebody_who_was_disabled_is_dead(free_world: World) -> None:  # D27
    clinic = await open_clinic(free_world)
    async with free_world.native() as owner, free_world.native() as second, free_world.browser() as browser:
        await owner.sign_in(OWNER)
        await second.sign_in(SECOND)
        await invite(owner, clinic, role="admin")
        link = await mailed_invitation(free_world)
        await free_world.house.database.transact(
            lambda tx: tx.execute("UPDATE accounts SET state = 'disabled' WHERE address = $1", OWNER)
        )
        assert (await listed(second, clinic))["is_backed"] is False
        assert (await browser.get(link)).status_code == 410
