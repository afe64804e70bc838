"""At every door a new password is refused that is common, one's own data or known from a breach, and told why (D2)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from portico.factors.filter_builder import build_filter
from portico.factors.screening import sha1_of
from portico.kernel.errors import Misconfigured
from tests.support.dump import dump
from tests.support.hashers import WatchedHasher
from tests.support.new_passwords import DOORS, Door, by_account_api, by_my_account, by_reset_page
from tests.support.range_server import RangeServer, http, range_server
from tests.support.world import LIFTED, NEW_PASSWORD, PASSWORD, MakeWorld, World

BREACHED = "Walrus-Kettle-58"
PLAIN_REFUSALS = {
    "password.unmet": ["short", "x" * 300],
    "password.common": ["Password1!", "P@ssw0rd!", "Summer2024!", "Abcdefgh1234!"],
    "password.own_data": [
        "Lindqvist-Lamp-27",
        "L1ndqv1st-Lamp-27",
        "Nora-Window-84",
        "Portico-Lamp-27",
        "north.Clinic-8",
    ],
}
every_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


@pytest.fixture
async def service() -> AsyncIterator[RangeServer]:
    """A service that knows one password."""
    async with range_server(**{BREACHED: 12}) as running:
        yield running


@every_door
async def test_every_door_refuses_and_then_takes_a_good_one(free_world: World, door: Door) -> None:  # D2
    async with door(free_world) as chooser:
        for code, passwords in PLAIN_REFUSALS.items():
            for password in passwords:
                assert await chooser.choose(password) == code, password
        assert await chooser.choose(NEW_PASSWORD) == "", "what was refused has used nothing up"


@every_door
async def test_every_door_asks_the_service_last(make_world: MakeWorld, service: RangeServer, door: Door) -> None:  # D2
    async with make_world(limits=LIFTED, breached_password_service=service.base) as world, door(world) as chooser:
        for passwords in PLAIN_REFUSALS.values():
            for password in passwords:
                await chooser.choose(password)
        assert service.requests == [], "nothing is sent about a password that is refused anyway"
        assert await chooser.choose(BREACHED) == "password.breached"
        prefix = sha1_of(BREACHED).hex().upper()[:5]
        assert service.asked == [f"/range/{prefix}"], "one question for one password"
        assert await chooser.choose(NEW_PASSWORD) == ""


@every_door
async def test_every_door_looks_into_the_filter_file(make_world: MakeWorld, tmp_path: Path, door: Door) -> None:  # D2
    (tmp_path / "list").write_text(sha1_of(BREACHED).hex(), encoding="ascii")
    build_filter(tmp_path / "list", tmp_path / "filter")
    async with make_world(breached_password_filter=str(tmp_path / "filter")) as world, door(world) as chooser:
        assert await chooser.choose(BREACHED) == "password.breached"
        assert await chooser.choose(NEW_PASSWORD) == ""


@every_door
async def test_a_service_that_is_down_stops_nobody_unless_it_shall(
    make_world: MakeWorld, service: RangeServer, door: Door
) -> None:  # D2
    service.answer = http(503)
    async with make_world(breached_password_service=service.base) as world, door(world) as chooser:
        with capture_logs() as logged:
            assert await chooser.choose(BREACHED) == ""
        (warning,) = [entry for entry in logged if entry["log_level"] == "warning"]
        assert (warning["why"], warning["policy"], warning["times"]) == ("it answers 503", "accept", 1)
        assert BREACHED not in str(warning)
        assert world.house.screen.times_down == 1


@every_door
async def test_a_service_that_is_down_can_refuse(make_world: MakeWorld, service: RangeServer, door: Door) -> None:  # D2
    service.answer = http(503)
    asked = {"breached_password_service": service.base, "breached_password_service_down": "refuse"}
    async with make_world(**asked) as world, door(world) as chooser:
        assert await chooser.choose(NEW_PASSWORD) == "password.breach_check_down"
        assert await chooser.choose("Password1!") == "password.common"
        service.answer = None
        assert await chooser.choose(NEW_PASSWORD) == "", "in a moment it works, with the same link or sign-in"


async def test_a_hanging_service_holds_nobody_else_up(make_world: MakeWorld, service: RangeServer) -> None:  # D2
    service.is_mute = True
    settings = {"breached_password_service": service.base, "breached_password_service_timeout": "1s"}
    async with make_world(**settings) as world, by_my_account(world) as chooser, world.browser() as other:
        choosing = asyncio.create_task(chooser.choose(NEW_PASSWORD))
        await service.arrived.wait()
        assert (await other.sign_in()).headers["location"] == "/account", "no transaction waits for the service"
        assert not choosing.done()
        assert await choosing == ""


async def test_who_cannot_prove_the_present_password_asks_nobody(make_world: MakeWorld, service: RangeServer) -> None:
    async with make_world(breached_password_service=service.base) as world, world.native() as client:
        await client.sign_in()
        body = {"current_password": "not it", "new_password": BREACHED}
        told = (await client.call("POST", "/account/password", body)).json()
        assert told["failure"]["code"] == "my_account.password.current_wrong"
        told = await client.call("POST", "/account/password", {"current_password": PASSWORD, "new_password": PASSWORD})
        assert told.json()["failure"]["code"] == "password.same_as_before"
        assert service.requests == []


async def test_what_is_refused_costs_no_hash_and_changes_nothing(make_world: MakeWorld) -> None:  # D2
    async with make_world(hasher=WatchedHasher) as world, by_reset_page(world) as chooser:
        hasher = world.house.hasher
        assert isinstance(hasher, WatchedHasher)
        before, hashed = await dump(world.house.database), hasher.count
        for passwords in PLAIN_REFUSALS.values():
            assert await chooser.choose(passwords[-1])
        assert hasher.count == hashed
        assert await dump(world.house.database) == before


async def test_a_dead_link_learns_nothing_about_a_password(make_world: MakeWorld, service: RangeServer) -> None:  # D2
    async with make_world(breached_password_service=service.base) as world, world.native() as client:
        body = {"token": "A" * 43, "new_password": BREACHED}
        answers = [
            await client.call("POST", "/password-reset", {**body, "new_password": password})
            for password in (BREACHED, "Password1!", "Lindqvist-Lamp-27", NEW_PASSWORD)
        ]
        assert len({(answer.status_code, answer.json()["code"]) for answer in answers}) == 1
        assert service.requests == []


async def test_the_api_tells_what_only_the_server_judges(free_world: World) -> None:  # D3
    async with free_world.native() as client:
        told = (await client.call("GET", "/password-criteria")).json()
        assert [each["code"] for each in told["refused"]] == ["common", "own_data"]
        assert [each["code"] for each in told["criteria"]] == ["length", "upper", "lower", "digit", "symbol"]
        german = await client.call("GET", "/password-criteria", **{"accept-language": "de"})
        assert "Häufige Passwörter" in german.json()["refused"][0]["text"]


@pytest.mark.parametrize("page", ["reset", "account"])
async def test_the_pages_tell_it_beside_the_criteria(free_world: World, page: str) -> None:  # D3
    async with free_world.browser() as browser:
        if page == "reset":
            form = await browser.get("/account/passwordreset")
            await browser.submit(form, "/account/passwordreset", identifier="nora")
            shown = await browser.follow(await browser.get(await free_world.reset_link()))
        else:
            await browser.sign_in()
            shown = await browser.get("/account/password")
        assert "Common passwords are refused" in shown.text
        assert 'aria-describedby="criteria criteria-refused"' in shown.text


async def test_a_change_of_names_counts_at_once(free_world: World) -> None:
    async with free_world.native() as client, by_account_api(free_world) as chooser:
        await client.sign_in()
        version = (await client.call("GET", "/account")).json()["version"]
        names = {"first_name": "Zenobia", "last_name": "Lindqvist", "version": version}
        assert (await client.call("PATCH", "/account", names)).status_code == 200
        assert await chooser.choose("Zenobia-Lamp-27") == "password.own_data"


async def test_a_filter_file_that_is_none_stops_the_start(make_world: MakeWorld, tmp_path: Path) -> None:  # D2
    (tmp_path / "filter").write_bytes(b"hello")
    with pytest.raises(Misconfigured, match="no filter file"):
        async with make_world(breached_password_filter=str(tmp_path / "filter")):
            pass
