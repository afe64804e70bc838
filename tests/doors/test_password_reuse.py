"""None of the last passwords, at every door where one is chosen, and who does not allow it (S87, S93)."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from portico.factors.methods import count_former_passwords
from portico.factors.model import PasswordProperties
from portico.kernel.normalise import address_key
from portico.organizations.model import Feature, Organization
from portico.organizations.policy import NOTHING_ASKED, PolicyFields
from portico.signin import password_history
from tests.support.hashers import WatchedHasher, watched
from tests.support.new_passwords import DOORS, PRIYA, Chooser
from tests.support.organizations import NORTH, SOUTH, ask, found, join
from tests.support.world import ADDRESS, LIFTED, NEW_PASSWORD, PASSWORD, MakeWorld, World

SIX = PolicyFields(history=6)
PLAIN = PasswordProperties()
SEVENTH, SIXTH, *BETWEEN = (
    "Amber-Kettle-77", "Bronze-Lantern-66", "Copper-Basket-55", "Dusty-Ladder-44", "Early-Marble-33", "Frost-Window-22",
)  # fmt: skip
"""What was there before the present one, the oldest first."""
SAID = f"{NORTH} does not allow any of your last 6 passwords."
doors = pytest.mark.parametrize("door", DOORS)


async def live(world: World, *words: str) -> None:
    """Let whoever is there have had these passwords before the present one, and nothing else happen."""
    house = world.house
    for address in (ADDRESS, PRIYA):
        account = await house.accounts.find_by_key(house.database, address_key(address) or "")
        if account is None:
            continue
        present = await house.password.find_credential(house.database, account.id)
        for word in (*words, PASSWORD):
            await put(world, account.id, word, present.properties if present else PLAIN)


async def put(world: World, account_id: str, word: str, properties: PasswordProperties = PLAIN) -> None:
    """Replace somebody's password and end nothing."""
    new = await world.house.password.prepare(word)
    await world.house.database.transact(
        lambda tx: world.house.password.set_password(tx, world.clock.now(), account_id, new, properties)
    )


async def gather_in(world: World, organization: Organization) -> None:
    """Make members of whoever is there."""
    house = world.house
    for address in (ADDRESS, PRIYA):
        account = await house.accounts.find_by_key(house.database, address_key(address) or "")
        if account is not None:
            await join(world, organization, account)


async def kept(world: World, address: str = ADDRESS) -> int:
    """How many former passwords there are of somebody."""
    return await count_former_passwords(world.house.database, (await world.get_account(address)).id)


@doors
async def test_the_sixth_is_refused_and_the_seventh_is_taken(free_world: World, door: str) -> None:  # S87
    clinic = await found(free_world)
    await ask(free_world, clinic, SIX)
    async with DOORS[door](free_world) as chooser:
        await gather_in(free_world, clinic)
        await live(free_world, SEVENTH, SIXTH, *BETWEEN)
        for word in (PASSWORD, SIXTH, *BETWEEN):
            assert await chooser.choose(word) == "password.reused.by_one", word
        assert await chooser.choose(SEVENTH) == ""


@doors
async def test_other_capitals_make_another_password(free_world: World, door: str) -> None:  # S87
    clinic = await found(free_world)
    await ask(free_world, clinic, SIX)
    async with DOORS[door](free_world) as chooser:
        await gather_in(free_world, clinic)
        await live(free_world, SIXTH)
        assert await chooser.choose(SIXTH) == "password.reused.by_one"
        assert await chooser.choose(SIXTH.swapcase()) == ""


@doors
async def test_where_nobody_asks_only_the_present_one_is_refused(free_world: World, door: str) -> None:  # D9
    """And not even that one over a mailed link, which would tell what it is."""
    clinic = await found(free_world, features=frozenset({Feature.MFA}))
    await ask(free_world, clinic, SIX)
    async with DOORS[door](free_world) as chooser:
        await gather_in(free_world, clinic)
        await live(free_world, SIXTH)
        if "reset" not in door:
            assert await chooser.choose(PASSWORD) == "password.same_as_before"
        assert await chooser.choose(SIXTH) == ""


@doors
async def test_a_history_asked_for_while_a_password_is_hashed_is_told_and_compared(  # S87, D9
    make_world: MakeWorld, door: str
) -> None:
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world:
        clinic = await found(world)
        async with DOORS[door](world) as chooser:
            await gather_in(world, clinic)
            await live(world, SIXTH, *BETWEEN)
            assert await choose_meanwhile(world, chooser, SIXTH, clinic) == "password.history_now.by"
            assert await chooser.choose(SIXTH) == "password.reused.by_one"
            assert await chooser.choose(NEW_PASSWORD) == ""


async def choose_meanwhile(world: World, chooser: Chooser, word: str, clinic: Organization) -> str:
    """Send a password; once it is hashed, and before it is stored, the clinic asks for a history."""
    choosing = await until_hashed(world, chooser, word)
    await ask(world, clinic, SIX)
    watched(world).release()
    return await choosing


async def until_hashed(world: World, chooser: Chooser, word: str) -> "asyncio.Task[str]":
    """Send a password, and stop when it is hashed."""
    hasher = watched(world)
    made = hasher.made
    hasher.hold()
    choosing = asyncio.create_task(chooser.choose(word))
    while hasher.made == made:  # what comes before it only compares hashes
        await hasher.wait_until_held()
        if hasher.made == made:
            hasher.release()
            hasher.hold()
            await asyncio.sleep(0)
    await hasher.wait_until_held()
    return choosing


@pytest.mark.parametrize("door", [door for door in DOORS if "reset" not in door])
async def test_of_two_changes_at_once_the_second_is_told(make_world: MakeWorld, door: str) -> None:  # S87
    """The password it was compared with is not there any more, whatever else has stayed as it was."""
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world, DOORS[door](world) as chooser:
        account = await world.get_account(PRIYA if "forced" in door else ADDRESS)
        credential = await world.house.password.find_credential(world.house.database, account.id)
        assert credential is not None
        faster = await world.house.password.prepare(SIXTH)
        choosing = await until_hashed(world, chooser, NEW_PASSWORD)
        await world.house.database.transact(
            lambda tx: world.house.password.set_password(
                tx, world.clock.now(), account.id, faster, credential.properties
            )
        )
        watched(world).release()
        assert await choosing == "password.changed_meanwhile"
        present = await world.house.password.find_credential(world.house.database, account.id)
        assert present is not None
        assert present.secret == faster.secret


async def test_of_two_who_change_it_at_once_one_does(make_world: MakeWorld) -> None:  # S87, D22
    async with make_world(limits=LIFTED) as world:
        clinic = await found(world)
        await ask(world, clinic, SIX)
        await gather_in(world, clinic)
        await live(world, *BETWEEN)
        async with world.native() as one, world.native() as other:
            await one.sign_in()
            await other.sign_in()
            answers = await asyncio.gather(
                *(
                    client.call("POST", "/account/password", {"current_password": PASSWORD, "new_password": word})
                    for client, word in ((one, SIXTH), (other, SEVENTH))
                )
            )
        taken = [answer.status_code == 200 and not answer.json().get("failure") for answer in answers]
        assert sorted(taken) == [False, True], [answer.text for answer in answers]
        async with world.native() as client:
            assert "tokens" in (await client.sign_in(password=(SIXTH, SEVENTH)[taken.index(True)])).json()
        assert await kept(world) == 5


async def test_a_policy_tightened_while_somebody_is_on_the_page_is_told_there(free_world: World) -> None:  # S93, D9
    clinic = await found(free_world)
    await gather_in(free_world, clinic)
    await live(free_world, SIXTH, *BETWEEN)
    async with free_world.browser() as browser:
        await browser.sign_in()
        page = await browser.get("/account/password")
        assert 'data-criterion="history"' not in page.text
        await ask(free_world, clinic, SIX)
        fields = {"current_password": PASSWORD, "new_password": SIXTH, "repeat_password": SIXTH}
        led = await browser.submit(page, "/account/password", **fields)
        told = await browser.get("/account/password")
        assert led.headers["location"] == "/account/password"
        assert told.text.count(SAID) == 2, "why it was refused, and who asks"
        assert 'data-criterion="history" data-count="6"' in told.text


async def test_pages_and_api_say_it_before_one_types(free_world: World) -> None:  # S92, S93, D9
    north, south = await found(free_world), await found(free_world, SOUTH)
    await ask(free_world, north, SIX)
    await ask(free_world, south, PolicyFields(history=3))
    for organization in (north, south):
        await gather_in(free_world, organization)
    async with free_world.browser() as browser, free_world.native() as client:
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        link = await free_world.reset_link()
        pages = [await browser.follow(await browser.get(link))]
        await browser.sign_in()
        pages.append(await browser.get("/account/password"))
        for page in pages:
            listed = page.text.index(
                'data-criterion="history" data-count="6">to differ from each of your last 6 passwords'
            )
            assert listed < page.text.index('name="new_password"'), "above the fields"
            assert SAID in page.text
            assert SOUTH not in page.text, "what it asks is surpassed"
        german = await browser.get("/account/password?language=de")
        assert "einen Unterschied zu jedem Ihrer letzten 6 Passwörter" in german.text
        assert f"{NORTH} erlaubt keines Ihrer letzten 6 Passwörter." in german.text

        looked = await client.call("POST", "/password-reset/link", {"token": link.rpartition("/")[2]})
        assert (await client.call("GET", "/password-criteria")).json()["asked"] == [], "strangers have none"
        await client.sign_in()
        mine = await client.call("GET", "/password-criteria")
        for told in (looked.json()["criteria"], mine.json()):
            assert told["criteria"][-1] == {
                "code": "history", "count": 6, "text": "to differ from each of your last 6 passwords",
            }  # fmt: skip
            assert told["asked"] == [{"organization": NORTH, "text": SAID}]


async def test_two_who_ask_for_the_same_are_both_named(free_world: World) -> None:  # D9
    for name in (NORTH, SOUTH):
        clinic = await found(free_world, name)
        await ask(free_world, clinic, SIX)
        await gather_in(free_world, clinic)
    async with free_world.native() as client:
        await client.sign_in()
        answer = await client.call(
            "POST", "/account/password", {"current_password": PASSWORD, "new_password": PASSWORD}
        )
        assert answer.json()["failure"] == {
            "code": "password.reused.by_several",
            "params": {"count": 6, "organizations": f"{NORTH}, {SOUTH}"},
            "field": "new_password",
            "text": f"None of your last 6 passwords can be used again. Who asks for this: {NORTH}, {SOUTH}.",
        }


async def test_the_words_for_one_are_of_the_present_one(free_world: World) -> None:
    clinic = await found(free_world)
    await ask(free_world, clinic, PolicyFields(history=1))
    await gather_in(free_world, clinic)
    await live(free_world, SIXTH)
    async with DOORS["reset page"](free_world) as chooser:
        assert await chooser.choose(PASSWORD) == "password.reused.by_one"
        assert await chooser.choose(SIXTH) == ""


async def test_an_account_that_is_being_made_has_no_history(free_world: World) -> None:
    asked = await free_world.house.password_criteria.get(None)
    assert (asked.history, asked.history_kept) == (0, 0)


async def test_nobody_can_ask_on_and_on_which_ones_they_were(make_world: MakeWorld) -> None:  # D20, rule 2
    async with make_world() as world:
        clinic = await found(world)
        await ask(world, clinic, SIX)
        await gather_in(world, clinic)
        async with world.native() as client:
            await client.call("POST", "/password-reset/requests", {"identifier": ADDRESS})
            token = (await world.reset_link()).rpartition("/")[2]

            async def choose(word: str) -> int:
                return (
                    await client.call("POST", "/password-reset", {"token": token, "new_password": word})
                ).status_code

            burst = world.house.ground.limits.new_password.burst
            assert [await choose(PASSWORD) for _ in range(burst)] == [200] * burst
            assert await choose(NEW_PASSWORD) == 429
            assert await choose("short") == 200, "what is not compared costs nothing"
            world.clock.advance(minutes=1)
            assert await choose(PASSWORD) == 200
            assert await choose(NEW_PASSWORD) == 429
            world.clock.advance(minutes=1)
            assert await choose(NEW_PASSWORD) == 200
        await put(world, (await world.get_account()).id, PASSWORD)
        async with DOORS["account api"](world) as chooser:
            assert await chooser.choose(NEW_PASSWORD) == "password.reused.by_one"


async def test_a_sign_in_costs_one_hash_whatever_the_history(make_world: MakeWorld) -> None:  # S87
    async with make_world(limits=LIFTED, hasher=WatchedHasher) as world:
        clinic = await found(world)
        await ask(world, clinic, PolicyFields(history=24, max_age_days=60))
        await gather_in(world, clinic)
        hasher = watched(world)
        for number in (0, 24):
            await live(world, *(f"Quiet-Meadow-{at}" for at in range(number)))
            async with world.native() as client, world.browser() as browser:
                before = hasher.count
                await client.sign_in()
                assert hasher.count == before + 1
                await browser.sign_in(password="not-it-at-all-1")
                assert hasher.count == before + 2
                await browser.sign_in()
                assert hasher.count == before + 3
        assert await kept(world) == 23


async def prune(world: World) -> int:
    """Let the job run; how many are left of Nora's."""
    await world.house.runner.run_all_once()
    return await kept(world)


async def test_what_nobody_asks_for_is_forgotten(free_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_history, "BATCH", 1)
    clinic = await found(free_world)
    await free_world.add_person(PRIYA, handle="priya")
    await gather_in(free_world, clinic)
    await ask(free_world, clinic, PolicyFields(history=24))
    await live(free_world, *(f"Quiet-Meadow-{at}" for at in range(24)))
    assert await kept(free_world) == 23, "the present one is the first of twenty-four"
    assert await prune(free_world) == 23
    await ask(free_world, clinic, SIX)
    assert (await prune(free_world), await kept(free_world, PRIYA)) == (5, 5)
    await ask(free_world, clinic, PolicyFields(history=12), ahead=timedelta(days=14))
    assert await prune(free_world) == 5
    await ask(free_world, clinic, NOTHING_ASKED)
    assert (await prune(free_world), await kept(free_world, PRIYA)) == (0, 0)


async def test_what_is_announced_is_kept_for(free_world: World) -> None:  # D10
    clinic = await found(free_world)
    await gather_in(free_world, clinic)
    await ask(free_world, clinic, SIX, ahead=timedelta(days=14))
    await live(free_world, SEVENTH, SIXTH, *BETWEEN)
    assert await prune(free_world) == 5
    async with DOORS["my account page"](free_world) as chooser:
        assert await chooser.choose(SIXTH) == "", "it is not asked yet"
    assert await kept(free_world) == 5


async def test_whoever_leaves_leaves_nothing_behind(free_world: World) -> None:
    clinic = await found(free_world)
    await ask(free_world, clinic, SIX)
    await gather_in(free_world, clinic)
    await live(free_world, *BETWEEN)
    assert await prune(free_world) == 5
    async with free_world.browser() as browser:
        await browser.sign_in()
        path = f"/account/organizations/{clinic.id}/leave"
        assert (await browser.submit(await browser.get(path), path)).status_code == 303
    assert await prune(free_world) == 0


async def test_a_change_forgets_at_once(free_world: World) -> None:
    clinic = await found(free_world)
    await ask(free_world, clinic, PolicyFields(history=3))
    await gather_in(free_world, clinic)
    await live(free_world, SEVENTH, SIXTH, *BETWEEN)
    async with DOORS["account api"](free_world) as chooser:
        assert await chooser.choose(NEW_PASSWORD) == ""
    assert await kept(free_world) == 2


async def test_where_nobody_asks_nothing_is_kept_of_a_change(free_world: World) -> None:
    async with DOORS["account api"](free_world) as chooser:
        assert await chooser.choose(NEW_PASSWORD) == ""
    assert await kept(free_world) == 0


async def test_the_export_says_how_many_and_nothing_else(free_world: World) -> None:  # rule 10
    clinic = await found(free_world)
    await ask(free_world, clinic, SIX)
    await gather_in(free_world, clinic)
    await live(free_world, *BETWEEN)
    async with free_world.native() as client:
        await client.sign_in()
        answer = await client.call("POST", "/account/export", {"current_password": PASSWORD})
    document = answer.json()["document"]
    assert document["former_passwords"] == 5
    assert "argon2" not in answer.text
    assert msgspec.json.encode(document).count(b"Ladder") == 0
