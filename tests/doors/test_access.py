"""Who may call what, made from the table of endpoints; and what every answer carries, whoever asked (V8, rule 6)."""

import ast
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest

from portico.app import build_app
from portico.house import open_house
from portico.kernel.errors import Conflict
from portico.organizations.invitations.model import Offer
from portico.organizations.model import MemberType, Role
from portico.organizations.rules import AT_THE_MACHINE
from portico.settings import read_settings
from portico.web.routing import Access, Endpoint, Routes
from tests.architecture.source import modules
from tests.support.authenticator import Authenticator
from tests.support.databases import Templates
from tests.support.dump import Dump, dump
from tests.support.own_passkeys import give_passkey
from tests.support.pictures import picture
from tests.support.refusals import assert_carried, assert_refused
from tests.support.world import (
    ADDRESS,
    BASE,
    LIFTED,
    NEW_PASSWORD,
    PASSWORD,
    Browser,
    MakeWorld,
    Native,
    World,
    hidden_fields,
)

ANYONE, HOLDER, SIGNED_IN = Access.ANYONE, Access.ATTEMPT_HOLDER, Access.SIGNED_IN
OPERATOR = Access.OPERATOR
SUPPORT, ADMIN, OWNER = Access.SUPPORT, Access.ADMIN, Access.OWNER
ROLES = (SUPPORT, ADMIN, OWNER)
TABLE: dict[str, Access] = {
    "GET /": ANYONE,
    "GET /signin": ANYONE,
    "POST /signin": ANYONE,
    "GET /signin/{attempt_id}": HOLDER,
    "POST /signin/{attempt_id}": HOLDER,
    "GET /renew": SIGNED_IN,
    "POST /renew": SIGNED_IN,
    "GET /signup": ANYONE,
    "POST /signup": ANYONE,
    "GET /signup/link": ANYONE,
    "POST /signup/link": ANYONE,
    "GET /signup/link/{token}": ANYONE,
    "POST /signout": ANYONE,
    "GET /signed-out": ANYONE,
    "GET /account/passwordreset": ANYONE,
    "POST /account/passwordreset": ANYONE,
    "GET /account/passwordreset/sent": ANYONE,
    "GET /account/passwordreset/new": ANYONE,
    "POST /account/passwordreset/new": ANYONE,
    "GET /account/passwordreset/done": ANYONE,
    "GET /account/passwordreset/no-mail": ANYONE,
    "GET /account/passwordreset/{token}": ANYONE,
    "GET /handoff": ANYONE,
    "POST /handoff": ANYONE,
    "GET /handoff/done": ANYONE,
    "GET /handoff/update/{attempt_id}": HOLDER,
    "POST /handoff/update/{attempt_id}": HOLDER,
    "GET /handoff/{token}": ANYONE,
    "POST /api/v1/signin/{attempt_id}/handoff": HOLDER,
    "GET /account": SIGNED_IN,
    "GET /account/profile": SIGNED_IN,
    "POST /account/profile": SIGNED_IN,
    "GET /account/name": SIGNED_IN,
    "GET /account/handle": SIGNED_IN,
    "POST /account/handle": SIGNED_IN,
    "POST /account/picture": SIGNED_IN,
    "POST /account/picture/remove": SIGNED_IN,
    "GET /account/picture/{digest}": SIGNED_IN,
    "GET /account/history": SIGNED_IN,
    "GET /account/organizations": SIGNED_IN,
    "GET /account/organizations/{organization_id}/leave": SIGNED_IN,
    "POST /account/organizations/{organization_id}/leave": SIGNED_IN,
    "GET /api/v1/account/organizations": SIGNED_IN,
    "POST /api/v1/renewals": ANYONE,
    "GET /account/export": SIGNED_IN,
    "POST /account/export": SIGNED_IN,
    "GET /account/authenticator": SIGNED_IN,
    "GET /account/authenticator/add": SIGNED_IN,
    "POST /account/authenticator/add": SIGNED_IN,
    "GET /account/authenticator/remove": SIGNED_IN,
    "POST /account/authenticator/remove": SIGNED_IN,
    "GET /account/authenticator/recovery-code": SIGNED_IN,
    "POST /account/authenticator/recovery-code": SIGNED_IN,
    "GET /account/authenticator/passkeys/add": SIGNED_IN,
    "POST /account/authenticator/passkeys/add": SIGNED_IN,
    "GET /account/authenticator/passkeys/{passkey_id}/remove": SIGNED_IN,
    "POST /account/authenticator/passkeys/{passkey_id}/remove": SIGNED_IN,
    "GET /account/authenticator/passkeys/{passkey_id}": SIGNED_IN,
    "POST /account/authenticator/passkeys/{passkey_id}": SIGNED_IN,
    "GET /account/authenticator/default": SIGNED_IN,
    "POST /account/authenticator/default": SIGNED_IN,
    "POST /account/authenticator/ask-again": SIGNED_IN,
    "GET /api/v1/account/authenticator": SIGNED_IN,
    "GET /api/v1/account/authenticator/passkeys": SIGNED_IN,
    "POST /api/v1/account/authenticator/passkeys": SIGNED_IN,
    "GET /api/v1/account/authenticator/passkeys/{passkey_id}": SIGNED_IN,
    "PATCH /api/v1/account/authenticator/passkeys/{passkey_id}": SIGNED_IN,
    "POST /api/v1/account/authenticator/passkeys/{passkey_id}/remove": SIGNED_IN,
    "PUT /api/v1/account/authenticator/default": SIGNED_IN,
    "DELETE /api/v1/account/authenticator/this-device": SIGNED_IN,
    "POST /api/v1/account/authenticator/add": SIGNED_IN,
    "POST /api/v1/account/authenticator/remove": SIGNED_IN,
    "POST /api/v1/account/authenticator/recovery-code": SIGNED_IN,
    "GET /account/password": SIGNED_IN,
    "POST /account/password": SIGNED_IN,
    "GET /account/sessions": SIGNED_IN,
    "POST /account/sessions/end-others": SIGNED_IN,
    "POST /account/sessions/{session_id}/end": SIGNED_IN,
    "GET /account/address": SIGNED_IN,
    "POST /account/address": SIGNED_IN,
    "GET /account/address/codes": SIGNED_IN,
    "POST /account/address/codes": SIGNED_IN,
    "POST /account/address/resend": SIGNED_IN,
    "POST /account/address/cancel": SIGNED_IN,
    "GET /account/address/lost": SIGNED_IN,
    "POST /account/address/lost": SIGNED_IN,
    "GET /account/delete": SIGNED_IN,
    "POST /account/delete": SIGNED_IN,
    "POST /account/delete/keep": SIGNED_IN,
    "GET /account/not-me": ANYONE,
    "POST /account/not-me": ANYONE,
    "GET /account/not-me/done": ANYONE,
    "GET /account/not-me/{token}": ANYONE,
    "POST /account/devices/{device_id}/forget": SIGNED_IN,
    "GET /invitation": ANYONE,
    "POST /invitation": ANYONE,
    "POST /invitation/sign-out": ANYONE,
    "GET /invitation/{token}": ANYONE,
    "GET /help": ANYONE,
    "GET /api": ANYONE,
    "GET /healthz": ANYONE,
    "GET /readyz": ANYONE,
    "POST /api/v1/signin": ANYONE,
    "GET /api/v1/signin/{attempt_id}": HOLDER,
    "POST /api/v1/signin/{attempt_id}": HOLDER,
    "POST /api/v1/signup": ANYONE,
    "POST /api/v1/invitations/look": ANYONE,
    "POST /api/v1/invitations/accept": ANYONE,
    "POST /api/v1/tokens/refresh": ANYONE,
    "POST /api/v1/tokens/revoke": SIGNED_IN,
    "GET /api/v1/password-criteria": ANYONE,
    "POST /api/v1/password-reset/requests": ANYONE,
    "POST /api/v1/password-reset/link": ANYONE,
    "POST /api/v1/password-reset": ANYONE,
    "GET /api/v1/password-reset/no-mail": ANYONE,
    "GET /api/v1/account": SIGNED_IN,
    "PATCH /api/v1/account": SIGNED_IN,
    "POST /api/v1/account/password": SIGNED_IN,
    "GET /api/v1/account/sessions": SIGNED_IN,
    "DELETE /api/v1/account/sessions": SIGNED_IN,
    "DELETE /api/v1/account/sessions/{session_id}": SIGNED_IN,
    "GET /api/v1/account/address-change": SIGNED_IN,
    "POST /api/v1/account/address-change": SIGNED_IN,
    "DELETE /api/v1/account/address-change": SIGNED_IN,
    "POST /api/v1/account/address-change/codes": SIGNED_IN,
    "POST /api/v1/account/address-change/resend": SIGNED_IN,
    "GET /api/v1/account/deletion": SIGNED_IN,
    "POST /api/v1/account/deletion": SIGNED_IN,
    "DELETE /api/v1/account/deletion": SIGNED_IN,
    "POST /api/v1/security-links/look": ANYONE,
    "POST /api/v1/security-links/not-me": ANYONE,
    "GET /api/v1/operator/mails": OPERATOR,
    "GET /api/v1/operator/mails/counts": OPERATOR,
    "GET /api/v1/operator/mails/{mail_id}": OPERATOR,
    "POST /api/v1/operator/mails/{mail_id}/bounced": OPERATOR,
    "GET /api/v1/policy-fields": SIGNED_IN,
    "GET /api/v1/organizations/{organization_id}/policies": SUPPORT,
    "GET /api/v1/organizations/{organization_id}/reminders": SUPPORT,
    "GET /api/v1/organizations/{organization_id}/policies/{member_type}": SUPPORT,
    "POST /api/v1/organizations/{organization_id}/policies/{member_type}": ADMIN,
    "POST /api/v1/organizations/{organization_id}/policies/{member_type}/preview": ADMIN,
    "POST /api/v1/organizations/{organization_id}/policies/{member_type}/withdraw": ADMIN,
    "GET /api/v1/operator/organizations": OPERATOR,
    "POST /api/v1/operator/organizations": OPERATOR,
    "POST /api/v1/operator/organizations/{organization_id}/features": OPERATOR,
    "POST /api/v1/operator/organizations/{organization_id}/suspend": OPERATOR,
    "POST /api/v1/operator/organizations/{organization_id}/resume": OPERATOR,
    "POST /api/v1/operator/organizations/{organization_id}/owners": OPERATOR,
    "GET /api/v1/organizations/{organization_id}": SUPPORT,
    "PATCH /api/v1/organizations/{organization_id}": OWNER,
    "GET /api/v1/organizations/{organization_id}/members": SUPPORT,
    "GET /api/v1/organizations/{organization_id}/members/{account_id}": SUPPORT,
    "PATCH /api/v1/organizations/{organization_id}/members/{account_id}": ADMIN,
    "DELETE /api/v1/organizations/{organization_id}/members/{account_id}": ADMIN,
    "POST /api/v1/organizations/{organization_id}/members/{account_id}/suspend": ADMIN,
    "POST /api/v1/organizations/{organization_id}/members/{account_id}/resume": ADMIN,
    "POST /api/v1/organizations/{organization_id}/leave": SIGNED_IN,
    "GET /api/v1/operator/audit/events": OPERATOR,
    "GET /api/v1/operator/audit/export": OPERATOR,
    "GET /api/v1/organizations/{organization_id}/audit/events": ADMIN,
    "GET /api/v1/organizations/{organization_id}/audit/export": ADMIN,
    "GET /api/v1/organizations/{organization_id}/members/{account_id}/actions": ADMIN,
    "POST /api/v1/organizations/{organization_id}/members/{account_id}/send-reset-link": ADMIN,
    "POST /api/v1/operator/people/{account_id}/send-reset-link": OPERATOR,
    "POST /api/v1/organizations/{organization_id}/members/{account_id}/force-password-change": ADMIN,
    "POST /api/v1/operator/people/{account_id}/force-password-change": OPERATOR,
    "POST /api/v1/organizations/{organization_id}/members/{account_id}/end-sessions": ADMIN,
    "POST /api/v1/operator/people/{account_id}/end-sessions": OPERATOR,
    "POST /api/v1/organizations/{organization_id}/members/{account_id}/suspend-account": ADMIN,
    "POST /api/v1/operator/people/{account_id}/suspend-account": OPERATOR,
    "POST /api/v1/organizations/{organization_id}/members/{account_id}/resume-account": ADMIN,
    "POST /api/v1/operator/people/{account_id}/resume-account": OPERATOR,
    "POST /api/v1/organizations/{organization_id}/members/{account_id}/lift-freeze": ADMIN,
    "POST /api/v1/operator/people/{account_id}/lift-freeze": OPERATOR,
    "POST /api/v1/organizations/{organization_id}/members/{account_id}/reset-mfa": ADMIN,
    "POST /api/v1/operator/people/{account_id}/reset-mfa": OPERATOR,
    "GET /api/v1/organizations/{organization_id}/domains": SUPPORT,
    "POST /api/v1/organizations/{organization_id}/domains": ADMIN,
    "POST /api/v1/organizations/{organization_id}/domains/{domain}/verify": ADMIN,
    "DELETE /api/v1/organizations/{organization_id}/domains/{domain}": ADMIN,
    "POST /api/v1/operator/organizations/{organization_id}/domains/{domain}/verify": OPERATOR,
    "GET /api/v1/account/devices": SIGNED_IN,
    "DELETE /api/v1/account/devices/{device_id}": SIGNED_IN,
    "POST /api/v1/account/handle": SIGNED_IN,
    "GET /api/v1/account/picture": SIGNED_IN,
    "PUT /api/v1/account/picture": SIGNED_IN,
    "DELETE /api/v1/account/picture": SIGNED_IN,
    "GET /api/v1/account/methods": SIGNED_IN,
    "GET /api/v1/account/history": SIGNED_IN,
    "POST /api/v1/account/export": SIGNED_IN,
    "GET /api/v1/organizations/{organization_id}/invitations": Access.SUPPORT,
    "POST /api/v1/organizations/{organization_id}/invitations": Access.ADMIN,
    "POST /api/v1/organizations/{organization_id}/invitations/bulk": Access.ADMIN,
    "POST /api/v1/organizations/{organization_id}/invitations/{invitation_id}/resend": Access.SUPPORT,
    "POST /api/v1/organizations/{organization_id}/invitations/{invitation_id}/revoke": Access.ADMIN,
    "GET /api/v1/openapi.json": ANYONE,
    "GET /api/v1/deployment": ANYONE,
}
"""What is meant to be reachable, and by whom. Whoever opens a door writes it down here a second time."""
DEVELOPMENT = {
    "GET /dev",
    "GET /dev/mailbox",
    "GET /dev/mailbox/{letter_id}",
    "GET /dev/mailbox/{letter_id}/html",
    "GET /dev/api/mailbox",
    "POST /dev/api/clock",
}
WORTHLESS = {
    "POST /api/v1/tokens/refresh": "the token it is called with",
    "POST /api/v1/renewals": "the token it is called with",
    "POST /account/passwordreset/new": "the form, which is bound to a link",
    "POST /signup/link": "the form, which is bound to a link",
    "POST /account/not-me": "the form, which is bound to a link",
    "POST /handoff": "the form, which is bound to a link",
    "POST /invitation": "the form, which is bound to a link",
    "POST /invitation/sign-out": "the form, which is bound to a link",
}
"""Where anybody may knock, but what a stranger brings along is worth nothing."""
TOM = "tom@north-clinic.example"
MIA = "mia@north-clinic.example"
"""A member of Nora's organization."""
OLGA = "olga@north-clinic.example"
"""An operator."""
SEEN = frozenset({"last_seen_at"})
RECORDED = {
    "GET /api/v1/operator/audit/export",
    "GET /api/v1/organizations/{organization_id}/audit/export",
}
"""What only shows, and leaves an event all the same: who has taken the trail out is to be known."""
"""Nora is its administrator, and nobody else is."""


def row(endpoint: Endpoint) -> str:
    """An endpoint as the table names it."""
    return f"{endpoint.method} {endpoint.path}"


@dataclass
class Somebody:
    """One caller: a browser and a native client, and the values that fill the variables of a path."""

    browser: Browser
    client: Native
    values: dict[str, str] = field(default_factory=dict)

    async def call(self, endpoint: Endpoint, values: dict[str, str], method: str = "") -> httpx.Response:
        """Call an endpoint as well as one can, with what this caller has."""
        path = re.sub(r"{(\w+)}", lambda found: values[found[1]], endpoint.path)
        if endpoint.is_api:
            body = None if endpoint.body is None else BODIES[row(endpoint)]()
            headers = {"portico-ticket": values["ticket"]} if "ticket" in self.values else {}
            if endpoint.takes:
                return await self.client.send_bytes(endpoint.method, path.removeprefix("/api/v1"), picture())
            return await self.client.call(method or endpoint.method, path.removeprefix("/api/v1"), body, **headers)
        if endpoint.is_read:
            return await self.browser.client.request(method or "GET", path)
        if row(endpoint) == "POST /account/picture":
            return await self.browser.upload(path, picture(), csrf=await self.csrf(endpoint))
        return await self.browser.post(path, {**FIELDS.get(row(endpoint), {}), "csrf": await self.csrf(endpoint)})

    async def csrf(self, endpoint: Endpoint) -> str:
        """The token of this browser's own forms: some are bound to its session."""
        is_bound = self.browser.cookie("session") and (endpoint.access is SIGNED_IN or endpoint.path == "/signout")
        page = await self.browser.get("/account/sessions" if is_bound else "/account/passwordreset")
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        return found[1] if found else ""


NEW = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
FIELDS: dict[str, dict[str, str]] = {
    "POST /signin": {"identifier": "nobody"},
    "POST /signin/{attempt_id}": {"step": "prove_password", "version": "1", "password": PASSWORD},
    "POST /signup": {"address": "somebody@north-clinic.example"},
    "POST /account/passwordreset": {"identifier": "nobody"},
    "POST /account/passwordreset/new": NEW,
    "POST /handoff/update/{attempt_id}": {"version": "1", "password": PASSWORD, **NEW},
    "POST /account/profile": {"first_name": "Mallory", "last_name": "", "version": "1"},
    "POST /account/password": {"current_password": PASSWORD, **NEW},
    "POST /account/address": {"current_password": PASSWORD, "new_address": "mallory@north-clinic.example"},
    "POST /account/address/codes": {"old_code": "123456", "new_code": ""},
    "POST /account/address/lost": {"current_password": PASSWORD, "new_address": "mallory@north-clinic.example"},
    "POST /account/delete": {"current_password": PASSWORD},
    "POST /account/handle": {"handle": "somebody.else", "current_password": PASSWORD},
    "POST /account/export": {"current_password": PASSWORD},
    "POST /account/authenticator/add": {"current_password": PASSWORD},
    "POST /account/authenticator/remove": {"current_password": PASSWORD},
    "POST /account/authenticator/recovery-code": {"current_password": PASSWORD},
    "POST /account/authenticator/passkeys/add": {"current_password": PASSWORD},
    "POST /account/authenticator/passkeys/{passkey_id}/remove": {"current_password": PASSWORD},
    "POST /account/authenticator/passkeys/{passkey_id}": {"name": "Mallory", "current_password": PASSWORD},
    "POST /account/authenticator/default": {"method": "passkey", "current_password": PASSWORD},
}
ACTIONS = (
    "send-reset-link", "force-password-change", "end-sessions", "suspend-account", "resume-account", "lift-freeze",
    "reset-mfa",
)  # fmt: skip
BODIES: dict[str, Any] = {
    **{
        f"POST /api/v1/{place}/{action}": lambda: {"current_password": PASSWORD, "reason": "a lost telephone"}
        for place in ("organizations/{organization_id}/members/{account_id}", "operator/people/{account_id}")
        for action in ACTIONS
    },
    "POST /api/v1/signin": lambda: {"installation": "A" * 43, "identifier": "nobody"},
    "POST /api/v1/signin/{attempt_id}": lambda: {
        "version": 1,
        "answer": {"answer": "password", "password": PASSWORD},
    },
    "POST /api/v1/signup": lambda: {"installation": "A" * 43, "address": "somebody@north-clinic.example"},
    "POST /api/v1/invitations/look": lambda: {"token": "A" * 43},
    "POST /api/v1/invitations/accept": lambda: {"token": "A" * 43, "installation": "A" * 43},
    "POST /api/v1/tokens/refresh": lambda: {"refresh_token": "A" * 43},
    "POST /api/v1/renewals": lambda: {"refresh_token": "A" * 43, "installation": "A" * 43},
    "POST /api/v1/password-reset/requests": lambda: {"identifier": "nobody"},
    "POST /api/v1/password-reset/link": lambda: {"token": "A" * 43},
    "POST /api/v1/password-reset": lambda: {"token": "A" * 43, "new_password": NEW_PASSWORD},
    "POST /api/v1/operator/mails/{mail_id}/bounced": lambda: {"reason": "550 5.1.1 nobody of that name"},
    "POST /api/v1/organizations/{organization_id}/invitations": lambda: {
        "address": "somebody@south-clinic.example",
        "member_type": "staff",
    },
    "POST /api/v1/organizations/{organization_id}/invitations/bulk": lambda: {
        "addresses": ["somebody@south-clinic.example", "nobody"],
        "member_type": "staff",
    },
    "POST /api/v1/organizations/{organization_id}/policies/{member_type}": lambda: {
        "based_on": 0,
        "fields": {"session_hours": 24},
    },
    "POST /api/v1/organizations/{organization_id}/policies/{member_type}/preview": lambda: {
        "fields": {"session_hours": 24}
    },
    "POST /api/v1/organizations/{organization_id}/policies/{member_type}/withdraw": lambda: {"based_on": 1},
    "POST /api/v1/operator/organizations": lambda: {"name": "South Clinic"},
    "POST /api/v1/operator/organizations/{organization_id}/features": lambda: {
        "feature": "password_enforcement",
        "is_on": True,
        "version": 1,
    },
    "POST /api/v1/operator/organizations/{organization_id}/suspend": lambda: {"version": 1},
    "POST /api/v1/operator/organizations/{organization_id}/resume": lambda: {"version": 1},
    "POST /api/v1/operator/organizations/{organization_id}/owners": lambda: {"account": ADDRESS},
    "PATCH /api/v1/organizations/{organization_id}": lambda: {"name": "Clinic of the North", "version": 1},
    "PATCH /api/v1/organizations/{organization_id}/members/{account_id}": lambda: {"version": 1, "role": "support"},
    "POST /api/v1/organizations/{organization_id}/domains": lambda: {"domain": "harbour.example"},
    "PATCH /api/v1/account": lambda: {"first_name": "Mallory", "last_name": "", "version": 1},
    "POST /api/v1/account/address-change": lambda: {
        "current_password": PASSWORD,
        "new_address": "mallory@north-clinic.example",
    },
    "POST /api/v1/account/address-change/codes": lambda: {"old_code": "123456", "new_code": ""},
    "POST /api/v1/account/deletion": lambda: {"current_password": PASSWORD},
    "POST /api/v1/security-links/look": lambda: {"token": "A" * 43},
    "POST /api/v1/security-links/not-me": lambda: {"token": "A" * 43},
    "POST /api/v1/account/password": lambda: {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    "POST /api/v1/account/handle": lambda: {"handle": "somebody.else", "current_password": PASSWORD},
    "POST /api/v1/account/export": lambda: {"current_password": PASSWORD},
    "POST /api/v1/account/authenticator/add": lambda: {"current_password": PASSWORD},
    "POST /api/v1/account/authenticator/remove": lambda: {"current_password": PASSWORD},
    "POST /api/v1/account/authenticator/recovery-code": lambda: {"current_password": PASSWORD},
    "POST /api/v1/account/authenticator/passkeys": lambda: {"current_password": PASSWORD},
    "POST /api/v1/account/authenticator/passkeys/{passkey_id}/remove": lambda: {"current_password": PASSWORD},
    "PATCH /api/v1/account/authenticator/passkeys/{passkey_id}": lambda: {
        "name": "Mallory",
        "current_password": PASSWORD,
    },
    "PUT /api/v1/account/authenticator/default": lambda: {"method": None, "current_password": PASSWORD},
}


async def nora(world: World, browser: Browser, client: Native) -> Somebody:
    """Nora, signed in twice, with an attempt and a link besides."""
    account, passkeys = await world.get_account(), world.house.passkeys
    await world.house.database.transact(lambda tx: passkeys.remove_all(tx, account.id))  # or nobody gets in without it
    form = await browser.get("/account/passwordreset")
    await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
    token = (await world.reset_link()).rpartition("/")[2]
    page = await browser.identify()
    await browser.sign_in()
    await client.sign_in()
    attempt = await client.begin()
    sessions = (await client.call("GET", "/account/sessions")).json()["sessions"]
    kept = await client.send_bytes("PUT", "/account/picture", picture())
    values = {
        "device_id": sessions[0]["device_id"],
        "digest": kept.json()["picture"],
        "attempt_id": page.request.url.path.rpartition("/")[2],
        "session_id": sessions[0]["id"],
        "token": token,
        "ticket": str(attempt["ticket"]),
        "native_attempt_id": str(attempt["id"]),
        "member_type": "staff",
        "passkey_id": await give_passkey(world, account, Authenticator()),
        "mail_id": (await world.house.mail_overview.list_mails())[0].id,
        **await clinic(world),
    }
    return Somebody(browser, client, values)


async def clinic(world: World) -> dict[str, str]:
    """Nora's organization, as she finds it each time: she owns it, and it manages Mia, a member."""
    house = world.house
    mia = await house.accounts.find_by_identifier(house.database, MIA) or await world.add_person(
        MIA, handle="mia", first_name="Mia"
    )
    organization = await house.organization_changes.find_by_name(
        "North Clinic"
    ) or await house.organization_changes.add(AT_THE_MACHINE, "North Clinic")
    await house.memberships.name_owner(AT_THE_MACHINE, organization.id, await world.get_account())
    with suppress(Conflict):
        await house.memberships.add(AT_THE_MACHINE, organization.id, mia, MemberType.STAFF, Role.MEMBER)
    offer = Offer(member_type=MemberType.STAFF)
    address = f"kim.{house.chance.draw_bytes(6).hex()}@south-clinic.example"
    kim = await house.invitations.invite(AT_THE_MACHINE, organization.id, address, offer)
    await house.domains.claim(AT_THE_MACHINE, organization.id, "north.example")
    await house.domains.verify_by_word(AT_THE_MACHINE, organization.id, "north.example")
    managed = "UPDATE accounts SET created_by = $1 WHERE id = $2"
    await house.database.transact(lambda tx: tx.execute(managed, organization.id, mia.id))
    return {
        "organization_id": organization.id,
        "account_id": mia.id,
        "invitation_id": kim.id,
        "domain": "north.example",
    }


def foreign(endpoint: Endpoint, values: dict[str, str]) -> dict[str, str]:
    """Nora's values without what only she can know."""
    known = {**values, "token": "A" * 43, "ticket": "A" * 43}
    return {**known, "attempt_id": values["native_attempt_id"]} if endpoint.is_api else known


def test_the_table_is_what_is_meant_to_be_reachable(doors: Routes) -> None:  # V8.1.1, V6.1.3
    assert {row(endpoint): endpoint.access for endpoint in doors.endpoints} == TABLE
    assert set(FIELDS) | {row(each) for each in doors.endpoints if each.is_read} <= set(TABLE)
    assert set(BODIES) == {row(endpoint) for endpoint in doors.endpoints if endpoint.body is not None}


@pytest.fixture
async def doors(free_world: World) -> Routes:
    """The table of a deployment."""
    return free_world.app.routes


def test_nothing_but_the_table_makes_routes() -> None:  # V6.1.3
    """No framework routes beside it, and every row is written where the doors are."""
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("starlette.routing", "starlette.applications"), module.name
                assert not (node.module or "").startswith("starlette.middleware"), module.name
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Endpoint":
                assert module.name.rpartition(".")[2].endswith(("pages", "api")), module.name


async def test_nobody_gets_further_than_the_table_lets_them(free_world: World) -> None:  # V8.2.1, V8.2.2
    await free_world.add_person(TOM, PASSWORD, first_name="Tom", last_name="Okafor")
    async with (
        free_world.browser() as noras,
        free_world.native() as noras_client,
        free_world.browser() as toms,
        free_world.native() as toms_client,
    ):
        owner = await nora(free_world, noras, noras_client)
        await toms.sign_in(TOM)
        await toms_client.sign_in(TOM)
        tom = Somebody(toms, toms_client, {"ticket": "his own"})
        before = await hers(free_world)
        for endpoint in free_world.app.routes.endpoints:
            async with free_world.browser() as browser, free_world.native() as client:
                await browser.get("/signin")
                anonymous = await Somebody(browser, client).call(endpoint, foreign(endpoint, owner.values))
            assert_kept_out(endpoint, anonymous)
            if not tom.browser.cookie("session"):
                await toms.sign_in(TOM)
            told = await tom.call(endpoint, foreign(endpoint, owner.values))
            assert_carried(told)
            assert told.status_code < 500
            if endpoint.access is HOLDER and "Tom" not in told.text:  # who is signed in is told that, and no more
                assert_refused(told, 404)
            if endpoint.access is OPERATOR:
                assert_refused(told, 403)
                assert told.json()["code"] == "not_allowed"
            if endpoint.access in ROLES:
                assert_refused(told, 404)
            assert "nora" not in told.text.lower(), row(endpoint)
            if endpoint.path.endswith("tokens/revoke"):
                tom.client.access_token = ""
                await tom.client.sign_in(TOM)
        assert await hers(free_world) == before
        assert (await noras.get("/account")).status_code == 200
        assert (await noras_client.call("GET", "/account")).status_code == 200


def assert_kept_out(endpoint: Endpoint, answer: httpx.Response) -> None:
    """What somebody without anything is told."""
    assert_carried(answer)
    assert answer.status_code < 500
    match endpoint.access:
        case Access.SIGNED_IN | Access.OPERATOR | Access.SUPPORT | Access.ADMIN | Access.OWNER if endpoint.is_api:
            assert_refused(answer, 401)
            assert answer.json()["code"] == "not_signed_in"
        case Access.SIGNED_IN | Access.OPERATOR | Access.SUPPORT | Access.ADMIN | Access.OWNER:
            assert answer.status_code == 303, row(endpoint)
            assert answer.headers["location"].startswith("/signin")
        case Access.ATTEMPT_HOLDER:
            assert_refused(answer, 404)
        case _:
            assert answer.status_code not in (401, 403) or row(endpoint) in WORTHLESS, row(endpoint)


async def hers(world: World) -> Dump:
    """All rows that are Nora's."""
    account = await world.get_account()
    everything = await dump(world.house.database, without=SEEN)
    return {
        table: [each for each in rows if account.id in repr(each) or ADDRESS in repr(each)]
        for table, rows in everything.items()
    }


@pytest.mark.long
async def test_whoever_is_signed_in_reaches_every_door_of_theirs(free_world: World) -> None:  # V8.2.1
    await free_world.add_person(OLGA, PASSWORD, first_name="Olga", last_name="Peters", is_operator=True)
    theirs = [endpoint for endpoint in free_world.app.routes.endpoints if endpoint.access is not ANYONE]
    async with free_world.browser() as browser, free_world.native() as client, free_world.native() as olgas:
        owner = await nora(free_world, browser, client)
        await olgas.sign_in(OLGA)
        for endpoint in theirs:
            if endpoint.is_read:  # one Nora is enough for all of these: looking changes nothing, as the next test shows
                caller = Somebody(browser, olgas, owner.values) if endpoint.access is OPERATOR else owner
                await reach(endpoint, caller)
    for endpoint in theirs:
        if endpoint.is_read:
            continue
        await put_back(free_world)
        async with free_world.browser() as browser, free_world.native() as client:
            owner = await nora(free_world, browser, client)
            if endpoint.access is OPERATOR:
                await client.sign_in(OLGA)
            await reach(endpoint, owner)


async def reach(endpoint: Endpoint, caller: Somebody) -> None:
    """Fail unless a door opens to whom it is for."""
    values = dict(caller.values)
    if endpoint.is_api:
        values["attempt_id"] = values["native_attempt_id"]
    answer = await caller.call(endpoint, values)
    assert_carried(answer)
    assert answer.status_code < 500, row(endpoint)
    is_resend = endpoint.path.endswith("/resend") and answer.status_code == 404  # nothing is on its way
    assert answer.status_code in (200, 201, 204, 303, 409) or is_resend, (
        row(endpoint),
        answer.status_code,
        answer.text[:300],
    )


async def put_back(world: World) -> None:
    """Nora's first password and name again, whatever was changed."""
    account = await world.get_account()
    new = await world.house.password.prepare(PASSWORD)
    change, now = world.house.password_change, world.clock.now()
    world.clock.at += timedelta(hours=2)

    async def body(tx: Any) -> None:
        await change.replace(tx, now, account, new, (), is_reset=False)
        await tx.execute(
            "UPDATE accounts SET first_name = 'Nora', version = 1, handle = 'nora', handle_key = 'nora', "
            "handle_changed_at = NULL WHERE id = $1",
            account.id,
        )

    await world.house.database.transact(body)


async def test_looking_changes_nothing(free_world: World) -> None:  # rule 6, V3.5.3
    async with (
        free_world.browser() as browser,
        free_world.native() as client,
        free_world.browser() as stranger,
        free_world.native() as strange_client,
    ):
        owner = await nora(free_world, browser, client)
        nobody = Somebody(stranger, strange_client)
        free_world.clock.advance(minutes=5)  # long enough for a session to be noted as used
        before = await dump(free_world.house.database, without=SEEN)
        for endpoint in free_world.app.routes.endpoints:
            if not endpoint.is_read or row(endpoint) in RECORDED:
                continue
            values = dict(owner.values)
            if endpoint.is_api:
                values["attempt_id"] = values["native_attempt_id"]
            for caller in (owner, nobody):
                shown = await caller.call(endpoint, values, "GET")
                head = await caller.call(endpoint, values, "HEAD")
                assert_carried(shown)
                assert (head.status_code, head.content) == (shown.status_code, b""), row(endpoint)
                assert head.headers["content-length"] == shown.headers["content-length"], row(endpoint)
            assert await dump(free_world.house.database, without=SEEN) == before, row(endpoint)


async def test_what_the_account_shows_is_listed_field_by_field(free_world: World) -> None:  # V8.2.3, rule 10
    async with free_world.native() as client:
        await client.sign_in()
        account = (await client.call("GET", "/account")).json()
        assert set(account) == {
            "id", "address", "handle", "may_change_handle", "first_name", "last_name", "language", "time_zone",
            "picture", "version",
        }  # fmt: skip
        session = (await client.call("GET", "/account/sessions")).json()["sessions"][0]
        assert set(session) == {"id", "kind", "device_id", "device_name", "opened_at", "last_seen_at", "is_current"}


async def test_cookies_are_bound_to_the_host_and_hidden_from_script(free_world: World) -> None:  # V3.3, D21
    async with free_world.browser() as browser:
        for name, morsel in await cookies_of_a_full_flow(free_world, browser):
            assert re.fullmatch(r"__Host-portico_(browser|session|reset_link|signup_link|notice|language)", name)
            assert morsel["secure"]
            assert_kept(name, morsel)


async def test_on_plain_http_cookies_have_plain_names(make_world: MakeWorld) -> None:  # V3.3
    base = "http://localhost:8123"
    async with make_world(limits=LIFTED, base_url=base) as world, world.browser() as browser:
        browser.client.base_url = httpx.URL(base)
        seen = []
        page = await browser.client.get("/signin?language=de")
        seen += parse(page)
        fields = {**hidden_fields(page, "/signin"), "identifier": ADDRESS}
        begun = await browser.client.post("/signin", data=fields, headers={"origin": base})
        path = begun.headers["location"]
        page = await browser.client.get(path)
        fields = {**hidden_fields(page, path), "password": PASSWORD}
        done = await browser.client.post(path, data=fields, headers={"origin": base})
        seen += parse(done)
        assert {name for name, _ in seen} == {"portico_browser", "portico_language", "portico_session"}
        for name, morsel in seen:
            assert not morsel["secure"]
            assert_kept(name, morsel)
        assert "strict-transport-security" not in done.headers


def assert_kept(name: str, morsel: Any) -> None:
    """What every cookie of ours keeps to."""
    assert morsel["httponly"], name
    assert morsel["samesite"].lower() == "lax", name
    assert morsel["path"] == "/", name
    assert not morsel["domain"], name
    assert len(morsel.OutputString()) < 4_096, name


async def cookies_of_a_full_flow(world: World, browser: Browser) -> list[tuple[str, Any]]:
    """Every cookie that is set between the first page and the last."""
    answers = [await browser.get("/signin?language=de")]
    page = answers[0]
    answers.append(await browser.submit(page, "/signin", identifier=""))
    answers.append(page := await browser.get("/signin?return_to=/" + "a" * 1_000))
    answers.append(await browser.submit(page, "/signin", identifier="\U0001f600" * 400))
    answers.append(await browser.get("/signin"))
    answers.append(page := await browser.get("/account/passwordreset"))
    answers.append(await browser.submit(page, "/account/passwordreset", identifier=ADDRESS))
    answers.append(await browser.get("/account/passwordreset/sent"))
    answers.append(await browser.get(await world.reset_link()))
    answers.append(page := await browser.get("/account/passwordreset/new"))
    answers.append(await browser.submit(page, "/account/passwordreset/new", **{**NEW, "new_password": "x"}))
    answers.append(await browser.get("/account/passwordreset/new"))
    answers.append(await browser.submit(page, "/account/passwordreset/new", **NEW))
    answers.append(signed := await browser.sign_in(password=NEW_PASSWORD, stay=True))
    assert [morsel["max-age"] for name, morsel in parse(signed) if "session" in name] == [str(30 * 86_400)]
    answers.append(page := await browser.get("/account/profile"))
    answers.append(await browser.submit(page, "/account/profile", first_name="\U0001f600" * 100, last_name="x" * 101))
    answers.append(page := await browser.get("/account/password"))
    other = {"new_password": "Copper-Bridge-19", "repeat_password": "Copper-Bridge-19"}
    answers.append(await browser.submit(page, "/account/password", current_password=NEW_PASSWORD, **other))
    answers.append(page := await browser.get("/account"))
    answers.append(await browser.submit(page, "/signout"))
    answers.append(brief := await browser.sign_in(password="Copper-Bridge-19", stay=False))
    assert [morsel["max-age"] for name, morsel in parse(brief) if "session" in name] == [""]
    cookies = [pair for answer in answers for pair in parse(answer)]
    assert {name.rpartition("_")[2] for name, _ in cookies} == {"browser", "session", "link", "notice", "language"}
    return cookies


def parse(answer: httpx.Response) -> list[tuple[str, Any]]:
    """The cookies an answer sets."""
    found: list[tuple[str, Any]] = []
    for line in answer.headers.get_list("set-cookie"):
        jar: SimpleCookie = SimpleCookie()
        jar.load(line)
        assert len(jar) == 1, line
        found += jar.items()
    return found


async def test_pages_load_and_reach_nothing_elsewhere(free_world: World) -> None:  # V3.6.1, V14.2.3
    async with free_world.browser() as browser, free_world.native() as client:
        owner = await nora(free_world, browser, client)
        for endpoint in free_world.app.routes.endpoints:
            if endpoint.is_api or not endpoint.is_read:
                continue
            page = (await owner.call(endpoint, owner.values)).text
            for address in re.findall(r'(?:src|href|action|srcset|poster|data)="([^"]*)"', page):
                assert address.startswith(("/", "#", "mailto:", f"{BASE}/")), (row(endpoint), address)
                assert not address.startswith("//")
            assert not re.search(r"\son[a-z]+=|<script(?![^>]*src=)|<style|style=|javascript:|<iframe|<base", page), (
                row(endpoint)
            )


async def test_the_development_doors_guard_themselves(templates: Templates, tmp_path: Path) -> None:  # V13.4.2
    base = "http://localhost:8000"
    async with templates.url("sqlite", tmp_path) as url:
        environment = {"PORTICO_DATA": str(tmp_path / "data"), "PORTICO_DATABASE_URL": url}
        environment |= {
            "PORTICO_MAIL_TRANSPORT": "maildir",
            "PORTICO_ARGON2_MEMORY_KIB": "8",
            "PORTICO_ARGON2_PASSES": "1",
        }
        house = await open_house(read_settings(environment), is_development=True)
        try:
            app = build_app(house)
            there = {row(endpoint) for endpoint in app.routes.endpoints}
            assert there == set(TABLE) | DEVELOPMENT
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base) as client:
                clock = {"advance_seconds": 60}
                assert (await client.post("/dev/api/clock", json=clock)).json()["ahead_seconds"] == 60
                refused = [
                    await client.post("/dev/api/clock", json=clock, headers={"origin": "https://evil.example"}),
                    await client.post("/dev/api/clock", json=clock, headers={"origin": "null"}),
                    await client.post("/dev/api/clock", json=clock, headers={"host": "evil.example"}),
                    await client.post(
                        "/dev/api/clock", content=json.dumps(clock), headers={"content-type": "text/plain"}
                    ),
                    await client.post("/dev/api/clock", data={"advance_seconds": "60"}),
                    await client.post("/dev/api/clock", json={"advance_seconds": -1}),
                    await client.post("/dev/api/clock", json={"advance_seconds": 2**70}),
                    await client.get("/dev/api/mailbox", headers={"host": "evil.example"}),
                    await client.get("/dev/mailbox/nothing"),
                    await client.get("/dev/mailbox/..%2f..%2fsealing.keys"),
                ]
                assert [answer.status_code for answer in refused] == [403, 403, 400, 400, 400, 400, 400, 400, 404, 404]
                assert (await client.get("/dev/mailbox", headers={"host": "evil.example"})).status_code == 307
                assert (await client.post("/dev/api/clock", json={"advance_seconds": 0})).json()["ahead_seconds"] == 60
        finally:
            await house.close()


def test_only_a_finished_attempt_opens_a_session() -> None:  # rule 3
    """One function opens sessions; one function calls it; and one room calls that."""
    assert callers("open_session") == {"portico.sessions.service", "portico.signin.outcomes"}
    assert callers("carry_out") == {"portico.signin.outcomes", "portico.signin.turns"}
    assert callers("add_session") == {"portico.sessions.store", "portico.sessions.service"}


def callers(name: str) -> set[str]:
    """The modules in which a function is named, its own among them."""
    found = set()
    for module in modules():
        for node in ast.walk(module.tree):
            is_call = isinstance(node, ast.Attribute) and node.attr == name
            is_name = isinstance(node, ast.Name) and node.id == name
            is_definition = isinstance(node, ast.AsyncFunctionDef) and node.name == name
            if is_call or is_name or is_definition:
                found.add(module.name)
    return found
