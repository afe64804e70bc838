"""Walking through changing policies and passing time: nobody gets below what is in force, nobody is held up for less.

A model of two organizations, written anew here, says for each visit whether something is due. What the house does is
compared with it, step by step.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
import pytest

from portico.organizations.model import Organization
from portico.organizations.policy import NOTHING_ASKED, PolicyFields
from tests.support.amounts import walks
from tests.support.fuzz import Dice
from tests.support.organizations import NORTH, SOUTH, ask, forget, found, join
from tests.support.world import PASSWORD, Browser, World

CHOICES = (
    NOTHING_ASKED,
    PolicyFields(max_age_days=2),
    PolicyFields(max_age_days=5),
    PolicyFields(force_change=True),
    PolicyFields(max_age_days=3, force_change=True),
)
AHEAD = (timedelta(0), timedelta(hours=3), timedelta(days=2))


@dataclass
class Version:
    """What one organization asks, as the model remembers it."""

    fields: PolicyFields
    asked_at: datetime
    enforced_from: datetime


@dataclass
class Model:
    """What ought to be so."""

    set_at: datetime
    password: str = PASSWORD
    changes: int = 0
    versions: dict[str, list[Version]] = field(default_factory=lambda: {NORTH: [], SOUTH: []})

    def is_due(self, now: datetime) -> bool:
        """Whether the password has to be changed before anything else."""
        for versions in self.versions.values():
            due = [version for version in versions if version.enforced_from <= now]
            if due and self._is_asked(due[-1], now):
                return True
        return False

    def _is_asked(self, version: Version, now: datetime) -> bool:
        asked = version.fields
        is_old = asked.max_age_days is not None and now - self.set_at >= timedelta(days=asked.max_age_days)
        return is_old or (asked.force_change and self.set_at < version.asked_at)

    def next_password(self) -> str:
        """Another one."""
        self.changes += 1
        return f"Harbour-Lamp-{self.changes:04}"


async def visit(browser: Browser, world: World, model: Model, dice: Dice) -> None:
    """Open a page, and do what it leads to."""
    due = model.is_due(world.clock.now())
    page = await browser.get("/account")
    if page.status_code == 200:
        assert not due, "a page was shown although a change of password was due"
        return
    assert page.headers["location"].startswith("/renew"), page.headers["location"]
    shown = await browser.follow(page)
    assert shown.status_code == 200
    may_put_off = 'name="now" value=""' in shown.text
    assert may_put_off is not due, "what is due cannot be put off, and what is not can be"
    if may_put_off and dice.chance(60):
        done = await browser.submit(shown, "/renew", now="")
        assert done.headers["location"] == "/account"
        assert (await browser.get("/account")).status_code == 200, "put off is put off"
        return
    await change(browser, await browser.submit(shown, "/renew", now="yes"), world, model)


async def change(browser: Browser, begun: httpx.Response, world: World, model: Model) -> None:
    """Prove the password where that is asked, and choose another."""
    path = begun.headers["location"]
    step = await browser.follow(begun)
    if 'name="new_password"' not in step.text:
        step = await browser.follow(await browser.submit(step, path, password=model.password))
    new = model.next_password()
    done = await browser.submit(step, path, new_password=new, repeat_password=new)
    assert done.headers["location"] == "/account", (done.headers["location"], (await browser.follow(done)).text)
    model.password, model.set_at = new, world.clock.now()


async def sign_in(browser: Browser, world: World, model: Model, dice: Dice) -> None:
    """Sign in anew, in the same browser."""
    due = model.is_due(world.clock.now())
    browser.client.cookies.clear()
    answer = await browser.sign_in(password=model.password)
    if answer.headers["location"] == "/account":
        assert not due
        return
    assert browser.cookie("session") is None, "nothing is opened before it is decided"
    shown = await browser.follow(answer)
    path = shown.request.url.path
    if 'name="now" value=""' in shown.text:
        assert not due
        if dice.chance(60):
            assert (await browser.submit(shown, path, now="")).headers["location"] == "/account"
            return
        answer = await browser.submit(shown, path, now="yes")
    else:
        assert due
    await change(browser, answer, world, model)


@pytest.mark.parametrize("seed", walks(4))
async def test_nobody_gets_below_what_is_in_force(free_world: World, seed: int) -> None:  # D9, D10
    world, dice = free_world, Dice(seed)
    nora = await world.get_account()
    clinics: dict[str, Organization] = {name: await found(world, name) for name in (NORTH, SOUTH)}
    for clinic in clinics.values():
        await join(world, clinic, nora)
    model = Model(set_at=world.clock.now())
    async with world.browser() as browser:
        await browser.sign_in()
        for _ in range(40):
            match dice.one(("ask", "wait", "visit", "visit", "visit", "sign in")):
                case "ask":
                    name, fields, ahead = dice.one((NORTH, SOUTH)), dice.one(CHOICES), dice.one(AHEAD)
                    now = world.clock.now()
                    await ask(world, clinics[name], fields, ahead=ahead)
                    model.versions[name].append(Version(fields, now, now + ahead))
                    world.clock.advance(seconds=1)
                case "wait":
                    world.clock.advance(hours=dice.one((1, 11)))
                case "visit":
                    await visit(browser, world, model, dice)
                case _:
                    await sign_in(browser, world, model, dice)
            forget(world)
            world.clock.advance(minutes=1)
