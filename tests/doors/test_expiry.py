"""A password that is too old: told after the right one only, mended on the way in, and young again after (S85-S101)."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from portico.factors.proof import Proof, ProofClass, ProofKind
from portico.organizations.model import MemberType, Organization
from portico.organizations.policy import PolicyFields, Preset, preset_fields
from portico.signin.attempt import Attempt, ClientKind, Purpose
from portico.signin.decide import next_step
from portico.signin.steps import ChangePassword, Finished
from tests.support.organizations import NORTH, SOUTH, ask, found, join
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, Browser, Native, World

CLASSIC = preset_fields(Preset.CLASSIC)
SIXTY, SECOND = timedelta(days=60), timedelta(seconds=1)
REUSED = f"{NORTH} does not allow any of your last 6 passwords."


class Door:
    """One who signs in, and what they are told; ``try_new`` sends a new password twice, or two different ones."""

    async def come(self, password: str = PASSWORD) -> str:
        """Sign in from the beginning: ``in``, ``wrong``, or why a new password is asked for."""
        raise NotImplementedError

    async def try_new(self, new: str, repeat: str | None = None) -> str:
        """Send a new password; ``in``, or the sentence one is told."""
        raise NotImplementedError

    async def is_in(self) -> bool:
        """Whether one's account can be seen."""
        raise NotImplementedError


class ByBrowser(Door):
    """With pages."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.page: httpx.Response | None = None

    async def come(self, password: str = PASSWORD) -> str:
        """Sign in."""
        self.browser.client.cookies.clear()
        self.page = await self.browser.follow(await self.browser.sign_in(password=password))
        if 'name="step" value="reminder"' in self.page.text:
            later = await self.browser.submit(self.page, self.page.request.url.path, now="")
            self.page = await self.browser.follow(later)
        if self.page.request.url.path == "/account":
            return "in"
        return "wrong" if 'name="password"' in self.page.text else _lead(self.page)

    async def try_new(self, new: str, repeat: str | None = None) -> str:
        """Send the form."""
        assert self.page is not None
        path = self.page.request.url.path
        fields = {"new_password": new, "repeat_password": new if repeat is None else repeat}
        answer = await self.browser.submit(self.page, path, **fields)
        self.page = await self.browser.follow(answer)
        return "in" if answer.headers["location"] == "/account" else _box(self.page)

    async def is_in(self) -> bool:
        """Look at one's account."""
        return (await self.browser.get("/account")).status_code == 200


class ByApi(Door):
    """With a program."""

    def __init__(self, client: Native) -> None:
        self.client = client
        self.attempt: dict[str, object] = {}

    async def come(self, password: str = PASSWORD) -> str:
        """Sign in."""
        self.client.access_token = ""
        answer = await self.client.sign_in(password=password)
        if answer.json()["step"]["step"] == "remind_password":
            answer = await self.client.answer(answer.json(), {"answer": "reminder", "now": False})
        return self._told(answer)

    async def try_new(self, new: str, repeat: str | None = None) -> str:
        """Answer the step."""
        answer = {"answer": "new_password", "new_password": new, "repeat_password": new if repeat is None else repeat}
        told = self._told(await self.client.answer(self.attempt, answer))
        failure = self.attempt.get("failure")
        return str(failure["text"]) if isinstance(failure, dict) else told

    async def is_in(self) -> bool:
        """Look at one's account."""
        return (await self.client.call("GET", "/account")).status_code == 200

    def _told(self, answer: httpx.Response) -> str:
        assert answer.status_code == 200, answer.text
        self.attempt = answer.json()
        if "tokens" in self.attempt:
            return "in"
        step = self.attempt["step"]
        assert isinstance(step, dict)
        if step["step"] != "change_password":
            return "wrong"
        assert step["why"] == "expired"
        return _sentence(step["organizations"], step["days"])


def _sentence(organizations: list[str], days: int) -> str:
    """What a page says of the same step."""
    asking = ", ".join(organizations)
    return f"Your password has to be changed every {days} days. Please choose a new one. Who asks for it: {asking}."


SAID = _sentence([NORTH], 60)


def _lead(page: httpx.Response) -> str:
    return page.text.partition('<p class="lead">')[2].partition("</p>")[0]


def _box(page: httpx.Response) -> str:
    box = page.text.partition('<div class="summary"')[2].partition("</div>")[0]
    return box.partition("<a href=")[2].partition(">")[2].partition("</a>")[0]


@asynccontextmanager
async def by_browser(world: World) -> AsyncIterator[Door]:
    async with world.browser() as browser:
        yield ByBrowser(browser)


@asynccontextmanager
async def by_api(world: World) -> AsyncIterator[Door]:
    async with world.native() as client:
        yield ByApi(client)


BY = {"browser": by_browser, "api": by_api}
by = pytest.mark.parametrize("by", BY)


def at_the_door(world: World, by: str) -> AbstractAsyncContextManager[Door]:
    """Somebody at one of the two doors."""
    return BY[by](world)


async def clinic_of_nora(
    world: World, fields: PolicyFields = CLASSIC, member_type: MemberType = MemberType.PROVIDER
) -> Organization:
    """An organization that asks something of its providers; Nora is in it."""
    clinic = await found(world)
    await ask(world, clinic, fields)
    await join(world, clinic, await world.get_account(), member_type)
    return clinic


@by
async def test_on_the_sixtieth_day_to_the_second_the_sign_in_stops(free_world: World, by: str) -> None:  # S86, S90
    await clinic_of_nora(free_world)
    free_world.clock.at += SIXTY - SECOND
    async with at_the_door(free_world, by) as door:
        assert await door.come() == "in"
        assert await door.is_in()
        free_world.clock.at += SECOND
        assert await door.come() == SAID
        assert not await door.is_in(), "the sign-in is refused until there is a new one"


@by
async def test_only_who_knows_the_old_password_is_told(free_world: World, by: str) -> None:  # D20, S90
    await clinic_of_nora(free_world)
    free_world.clock.at += SIXTY
    async with at_the_door(free_world, by) as door:
        assert await door.come("not-it-at-all-1") == "wrong"
        assert await door.come() == SAID


@by
@pytest.mark.parametrize("days", [1, 45, 365])
async def test_the_number_of_days_is_set_freely(free_world: World, by: str, days: int) -> None:  # S85
    await clinic_of_nora(free_world, PolicyFields(max_age_days=days))
    free_world.clock.at += timedelta(days=days) - SECOND
    async with at_the_door(free_world, by) as door:
        assert await door.come() == "in"
        free_world.clock.at += SECOND
        told = await door.come()
        assert told not in {"in", "wrong"}
        assert NORTH in told
        assert days == 1 or f"every {days} days" in told


@by
async def test_it_is_mended_on_the_way_in(free_world: World, by: str) -> None:  # S87, S93, S94, S95
    await clinic_of_nora(free_world)
    free_world.clock.at += SIXTY
    async with at_the_door(free_world, by) as door:
        assert await door.come() == SAID
        assert await door.try_new("short") == "This password is not enough yet. It still needs:"
        assert await door.try_new(NEW_PASSWORD, NEW_PASSWORD + "x") == (
            "The two passwords differ. Please enter the same one twice."
        )
        assert await door.try_new(PASSWORD) == REUSED
        assert not await door.is_in(), "none of this let anybody in"
        assert await door.try_new(NEW_PASSWORD) == "in"
        assert await door.is_in()
        assert await door.come() == "wrong"
        assert await door.come(NEW_PASSWORD) == "in"


@by
async def test_six_changes_later_the_first_one_serves_again(free_world: World, by: str) -> None:  # S87
    await clinic_of_nora(free_world)
    words = [f"Quiet-Meadow-{number}" for number in range(6)]
    present = PASSWORD
    async with at_the_door(free_world, by) as door:
        for at, word in enumerate(words):
            free_world.clock.at += SIXTY
            assert await door.come(present) == SAID
            for former in (PASSWORD, *words[:at]):
                assert await door.try_new(former) == REUSED
            assert await door.try_new(word) == "in"
            present = word
        free_world.clock.at += SIXTY
        assert await door.come(present) == SAID
        for former in words:
            assert await door.try_new(former) == REUSED
        assert await door.try_new(PASSWORD) == "in", "the seventh-old"


@by
async def test_the_criteria_stand_above_with_one_more(free_world: World, by: str) -> None:  # S92, S93
    await clinic_of_nora(free_world)
    free_world.clock.at += SIXTY
    async with at_the_door(free_world, by) as door:
        await door.come()
        if isinstance(door, ByBrowser):
            assert door.page is not None
            text = door.page.text
            assert text.index('data-criterion="history" data-count="6"') < text.index('name="new_password"')
            assert REUSED in text
        elif isinstance(door, ByApi):
            told = door.attempt["criteria"]
            assert isinstance(told, dict)
            assert [each["code"] for each in told["criteria"]][-1] == "history"
            assert {"organization": NORTH, "text": REUSED} in told["asked"]


@pytest.mark.parametrize("way", ["expired", "my account", "reset"])
@by
async def test_any_change_begins_anew(free_world: World, by: str, way: str) -> None:  # S100
    await clinic_of_nora(free_world)
    async with at_the_door(free_world, by) as door:
        free_world.clock.at += SIXTY if way == "expired" else SIXTY - timedelta(days=5)
        await change(free_world, door, way)
        free_world.clock.at += SIXTY - SECOND
        assert await door.come(NEW_PASSWORD) == "in"
        free_world.clock.at += SECOND
        assert await door.come(NEW_PASSWORD) == SAID


async def change(world: World, door: Door, way: str) -> None:
    """Change the password in one of the ways there are."""
    if way == "expired":
        await door.come()
        assert await door.try_new(NEW_PASSWORD) == "in"
        return
    async with world.native() as client:
        if way == "my account":
            attempt = (await client.sign_in()).json()  # some days before the end one is reminded of it
            await client.answer(attempt, {"answer": "reminder", "now": False})
            body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
            answer = await client.call("POST", "/account/password", body)
        else:
            await client.call("POST", "/password-reset/requests", {"identifier": ADDRESS})
            token = (await world.reset_link()).rpartition("/")[2]
            answer = await client.call("POST", "/password-reset", {"token": token, "new_password": NEW_PASSWORD})
        assert answer.status_code == 200
        assert answer.json().get("failure") is None


@by
async def test_signing_in_keeps_nothing_young(free_world: World, by: str) -> None:  # S100
    await clinic_of_nora(free_world)
    async with at_the_door(free_world, by) as door:
        for _ in range(6):
            free_world.clock.at += timedelta(days=9)
            assert await door.come() == "in"
        free_world.clock.at += timedelta(days=6)
        assert await door.come() == SAID


@by
async def test_other_types_of_member_are_not_asked(free_world: World, by: str) -> None:  # S85, S102
    await clinic_of_nora(free_world, member_type=MemberType.PATIENT)
    free_world.clock.at += timedelta(days=400)
    async with at_the_door(free_world, by) as door:
        assert await door.come() == "in"


@by
async def test_of_two_the_shorter_counts_and_is_named(free_world: World, by: str) -> None:  # D9
    await clinic_of_nora(free_world)
    south = await found(free_world, SOUTH)
    await ask(free_world, south, PolicyFields(max_age_days=30))
    await join(free_world, south, await free_world.get_account())
    free_world.clock.at += timedelta(days=30)
    async with at_the_door(free_world, by) as door:
        assert await door.come() == _sentence([SOUTH], 30)


@by
async def test_a_clock_put_forward_in_the_middle_of_a_change_loses_nothing(free_world: World, by: str) -> None:
    await clinic_of_nora(free_world)
    free_world.clock.at += SIXTY
    async with at_the_door(free_world, by) as door:
        assert await door.come() == SAID
        free_world.clock.at += timedelta(days=366)
        assert await door.come() == SAID, "that sign-in is over, another one is not"
        assert await door.try_new(NEW_PASSWORD) == "in"


async def test_an_account_without_a_password_has_none_to_expire(free_world: World) -> None:  # S101
    """However it signs in; a password it chooses one day is new on that day."""
    await free_world.add_person("tom@north-clinic.example", "", handle="tom", first_name="Tom")
    clinic = await found(free_world)
    await ask(free_world, clinic, PolicyFields(max_age_days=1, force_change=True, history=6))
    tom = await free_world.get_account("tom")
    await join(free_world, clinic, tom)
    free_world.clock.advance(days=400)
    now = free_world.clock.now()
    for kind in (ProofKind.GOOGLE, ProofKind.APPLE, ProofKind.OIDC, ProofKind.PASSKEY):
        attempt = Attempt(
            id="attempt",
            purpose=Purpose.SIGN_IN,
            client_kind=ClientKind.BROWSER,
            holder_hash=b"",
            created_at=now,
            expires_at=now + timedelta(minutes=30),
            identifier="tom",
            account_id=tom.id,
            epoch=tom.epoch,
            proofs=(Proof(kind=kind, classes=frozenset({ProofClass.HAVE}), at=now),),
        )
        facts = await free_world.house.gatherer.gather(free_world.house.database, attempt, now)
        assert facts.policy.password.max_age == timedelta(days=1)
        assert facts.person is not None
        assert facts.person.password_set_at is None
        step = next_step(facts)
        assert isinstance(step, Finished), step
        assert not isinstance(step, ChangePassword)
    async with free_world.native() as client:
        await client.call("POST", "/password-reset/requests", {"identifier": "tom"})
        token = (await free_world.reset_link("tom@north-clinic.example")).rpartition("/")[2]
        answer = await client.call("POST", "/password-reset", {"token": token, "new_password": NEW_PASSWORD})
        assert answer.status_code == 200, answer.text
        assert "tokens" in (await client.sign_in("tom", NEW_PASSWORD)).json()
