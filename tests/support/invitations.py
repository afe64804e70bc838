"""Organizations that invite, and the mails they send."""

import re
from collections.abc import Mapping
from typing import Any

import httpx

from portico.accounts.model import Account
from portico.database.engine import Transaction
from portico.house import House
from portico.mail.maildir import StoredLetter
from portico.organizations.invitations.model import Offer
from portico.organizations.model import Membership, MemberType, Organization, Role
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.world import Native, World

INVITEE = "ida@south-clinic.example"
ADMIN = "ada@north-clinic.example"
OWNER = "olof@north-clinic.example"
_LINK = re.compile(r"(/invitation/[A-Za-z0-9_-]{43})")


async def add_organization(world: World, name: str = "North Clinic") -> Organization:
    """An organization without features."""
    house = world.house
    return await house.database.transact(
        lambda tx: house.organizations.add_organization(tx, world.clock.now(), name=name)
    )


async def add_member(
    world: World, organization: Organization, account: Account, role: Role = Role.MEMBER
) -> Membership:
    """Make somebody a member."""
    house = world.house

    async def body(tx: Transaction) -> Membership:
        return await house.organizations.join(
            tx,
            world.clock.now(),
            organization_id=organization.id,
            account_id=account.id,
            member_type=MemberType.STAFF,
            role=role,
        )

    return await house.database.transact(body)


async def add_admin(world: World, organization: Organization, address: str = ADMIN, role: Role = Role.ADMIN) -> Account:
    """Somebody who runs an organization."""
    account = await world.add_person(address, first_name="Ada", last_name="Berg")
    await add_member(world, organization, account, role)
    return account


async def set_organization_state(world: World, organization: Organization, state: str) -> None:
    """Suspend or resume an organization."""
    sql = "UPDATE organizations SET state = $1 WHERE id = $2"
    await world.house.database.transact(lambda tx: tx.execute(sql, state, organization.id))


async def invite_to(house: House, name: str, *addresses: str) -> Organization:
    """An organization, a new one if there is none of this name, that has invited these; the mails are asked for."""

    async def open_it(tx: Transaction) -> Organization:
        return await house.organizations.add_organization(tx, house.clock.now(), name=name)

    present = await house.organizations.find_by_name(house.database, name)
    organization = present if present is not None else await house.database.transact(open_it)
    for address in addresses:
        await house.invitations.invite(AT_THE_MACHINE, organization.id, address, Offer(member_type=MemberType.PROVIDER))
    return organization


async def invite(client: Native, organization: Organization, address: str = INVITEE, **more: str) -> dict[str, Any]:
    """Invite an address; the invitation."""
    answer = await try_invite(client, organization, address, **more)
    assert answer.status_code == 201, answer.text
    invitation: dict[str, Any] = answer.json()
    return invitation


async def try_invite(client: Native, organization: Organization, address: str = INVITEE, **more: str) -> httpx.Response:
    """Invite an address; the answer."""
    body = {"address": address, "member_type": "provider", **more}
    return await client.call("POST", f"/organizations/{organization.id}/invitations", body)


async def invite_all(client: Native, organization: Organization, addresses: list[str], **more: str) -> httpx.Response:
    """Invite many."""
    body = {"addresses": addresses, "member_type": "provider", **more}
    return await client.call("POST", f"/organizations/{organization.id}/invitations/bulk", body)


async def act(client: Native, organization: Organization, invitation: Mapping[str, Any], verb: str) -> httpx.Response:
    """Send an invitation again, or take it back."""
    return await client.call("POST", f"/organizations/{organization.id}/invitations/{invitation['id']}/{verb}")


async def invitation_letters(world: World, address: str = INVITEE) -> list[StoredLetter]:
    """The invitations that were mailed to an address, newest first."""
    return [letter for letter in await world.letters(address) if _LINK.search(letter.text)]


async def mailed_invitation(world: World, address: str = INVITEE) -> str:
    """The path of the link in the newest invitation mailed to an address."""
    for letter in await invitation_letters(world, address):
        found = _LINK.search(letter.text)
        assert found
        return found[1]
    raise AssertionError(f"nobody has invited {address}")


async def is_member(world: World, organization: Organization, account: Account) -> bool:
    """Whether somebody belongs to an organization."""
    house = world.house
    memberships = await house.organizations.list_memberships(house.database, account.id)
    return organization.id in {membership.organization_id for membership in memberships}
