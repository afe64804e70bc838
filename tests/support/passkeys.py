"""Somebody's device with passkeys, before the JSON API: what a browser would do with the options it is sent."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.authenticator import STRAIGHT, Authenticator, Twist
from tests.support.authenticators import Phone, mailed_code
from tests.support.world import ADDRESS, PASSWORD, Native, World

ORIGIN = "https://login.portico.example"
View = Mapping[str, Any]


@dataclass
class Device:
    """A client that can make and use passkeys."""

    native: Native
    authenticator: Authenticator = field(default_factory=Authenticator)

    async def begin(self, identifier: str = ADDRESS) -> View:
        """Begin to sign in."""
        return await self.native.begin(identifier)

    async def give(self, view: View, answer: str, **fields: object) -> View:
        """Answer the present step; where the attempt stands then."""
        response = await self.native.answer(view, {"answer": answer, **fields})
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def make(self, view: View, twist: Twist = STRAIGHT, *, origin: str = ORIGIN) -> View:
        """Make a passkey by the options of the step."""
        made = self.authenticator.create(view["setup"]["passkey"], origin=origin, twist=twist)
        return await self.give(view, "passkey_enrolment", credential=made)

    async def use(self, view: View, twist: Twist = STRAIGHT, *, origin: str = ORIGIN) -> View:
        """Use a passkey by the options of the step."""
        return await self.give(view, "passkey", credential=self.answer(view, twist, origin=origin))

    def answer(self, view: View, twist: Twist = STRAIGHT, *, origin: str = ORIGIN) -> dict[str, Any]:
        """What a passkey answers to the options of a step."""
        return self.authenticator.get(view["setup"]["passkey"], origin=origin, twist=twist)


def step_of(view: View) -> str:
    """The step's name."""
    return str(view["step"]["step"])


def failure_of(view: View) -> str:
    """Why the last answer was not good; empty if it was."""
    failure = view.get("failure")
    return str(failure["code"]) if failure else ""


@asynccontextmanager
async def device(world: World, authenticator: Authenticator | None = None) -> AsyncIterator[Device]:
    """A new device; one that holds these passkeys, where they are synchronised."""
    async with world.native(passkeys=True) as native:
        yield Device(native, authenticator or Authenticator())


async def proven(world: World, device: Device, **fields: object) -> View:
    """Sign in by password, up to what comes after it."""
    return await device.give(await device.begin(), "password", password=PASSWORD, **fields)


async def set_up_app(world: World, device: Device) -> tuple[View, Phone]:
    """Sign in with the first set-up of an authenticator app, up to what comes after the recovery code."""
    view = await device.give(await proven(world, device), "email_code", code=await mailed_code(world))
    phone = Phone(view["setup"]["totp_key"], world.clock)
    view = await device.give(view, "totp_enrolment", code=phone.code())
    return await device.give(view, "recovery_saved", confirmed=True), phone


async def set_up_passkey(world: World, device: Device, name: str = "") -> View:
    """The same, and trust the device; signed in afterwards."""
    view, _ = await set_up_app(world, device)
    return await device.give(await device.make(view), "device_name", name=name)
