"""What people and admins see of reminders: at sign-in, in a refresh, in My Account, in the API, at the machine."""

from datetime import timedelta

from portico.organizations.model import MemberType, Role
from portico.organizations.policy import PolicyFields
from tests.support.organizations import NORTH, SOUTH, ask, found, join
from tests.support.reminding import CLASSIC, MORNINGS, change_password, clinic_with, remind, reminders
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, START, Native, World

TITLE = "Your password expires in"
LATER = {"now": ""}


async def test_a_browser_is_reminded_and_may_go_on(world: World) -> None:  # S88
    await clinic_with(world)
    world.clock.at = START + timedelta(days=50, microseconds=-1)
    async with world.browser() as browser:
        assert (await browser.sign_in()).headers["location"] == "/account", "ten days and a moment are left"
    world.clock.at = START + timedelta(days=50)
    async with world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        assert f"{TITLE} 10 days" in page.text
        for words in (NORTH, "every 60 days", "3 July 2026"):
            assert words in page.text
        assert browser.cookie("session") is None
        done = await browser.submit(page, page.request.url.path, **LATER)
        assert done.headers["location"] == "/account"
        assert (await browser.follow(done)).status_code == 200
        assert (await browser.get("/account/history")).status_code == 200, "no page asks again"


async def test_once_a_day_is_enough(world: World) -> None:  # S88
    await clinic_with(world)
    world.clock.at = START + timedelta(days=52)
    async with world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        await browser.submit(page, page.request.url.path, **LATER)
    world.clock.advance(hours=23, minutes=59)
    async with world.browser() as browser:
        assert (await browser.sign_in()).headers["location"] == "/account"
    world.clock.advance(minutes=1)
    async with world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        assert f"{TITLE} 7 days" in page.text


async def test_who_changes_it_now_is_let_in_and_has_sixty_days_again(world: World) -> None:  # S88, S100
    await clinic_with(world)
    world.clock.at = START + timedelta(days=59)
    async with world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        assert f"{TITLE} 1 day<" in page.text
        step = await browser.follow(await browser.submit(page, page.request.url.path, now="yes"))
        assert "Your password expires soon" in step.text
        assert NORTH in step.text
        fields = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        done = await browser.submit(step, step.request.url.path, **fields)
        assert done.headers["location"] == "/account"
        assert "31 August 2026" in (await browser.follow(done)).text, "sixty days from now"


async def test_a_native_client_is_reminded_alike(world: World) -> None:  # S88
    await clinic_with(world)
    world.clock.at = START + timedelta(days=57)
    async with world.native() as client:
        attempt = (await client.sign_in()).json()
        reminder = {
            "step": "remind_password",
            "days": 3,
            "expires_at": "2026-07-03T09:00:00Z",
            "organizations": [NORTH],
            "every_days": 60,
        }
        assert attempt["step"] == reminder
        assert "tokens" not in attempt
        done = (await client.answer(attempt, {"answer": "reminder", "now": False})).json()
        assert done["step"]["step"] == "finished"
        assert (await client.call("GET", "/account")).status_code == 200
        assert (await client.refresh()).json()["reminder"] == reminder, "a refresh mentions it, and stops nobody"
        await change_password(world)
    async with world.native() as client:
        done = (await client.sign_in(password=NEW_PASSWORD)).json()
        assert done["step"]["step"] == "finished"
        assert "reminder" not in (await client.refresh()).json()


async def test_an_answer_out_of_turn_changes_nothing(world: World) -> None:
    await clinic_with(world)
    world.clock.at = START + timedelta(days=57)
    async with world.native() as client:
        attempt = shown = await client.begin()
        for now in (True, False):
            shown = (await client.answer(attempt, {"answer": "reminder", "now": now})).json()
            assert shown["step"]["step"] == "prove"
        attempt = (await client.answer(shown, {"answer": "password", "password": PASSWORD})).json()
        other = (await client.answer(attempt, {"answer": "announcement", "now": False})).json()
        assert other["step"]["step"] == "remind_password"


async def test_stepping_up_and_a_reset_are_not_held_up(world: World) -> None:
    await clinic_with(world)
    world.clock.at = START + timedelta(days=57)
    async with world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        await browser.submit(page, page.request.url.path, **LATER)
        world.clock.advance(days=1, hours=1)
        page = await browser.get("/account/handle")
        done = await browser.submit(page, "/account/handle", handle="nora.new", current_password=PASSWORD)
        assert done.headers["location"] == "/account"
        form = await browser.get("/account/passwordreset")
        await browser.submit(form, "/account/passwordreset", identifier=ADDRESS)
        choose = await browser.follow(await browser.get(await world.reset_link()))
        fields = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        done = await browser.submit(choose, "/account/passwordreset/new", **fields)
        assert done.headers["location"] == "/account/passwordreset/done"


async def test_my_account_says_when_and_by_whose_word(world: World) -> None:  # S86, S88
    async with world.browser() as browser, world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        assert "Expires on" not in (await browser.get("/account")).text
        (method,) = (await client.call("GET", "/account/methods")).json()["methods"]
        assert method["expires_at"] is None
        await clinic_with(world)
        overview = await browser.get("/account")
        assert "Expires on <time" in overview.text
        assert "3 July 2026" in overview.text
        assert NORTH in overview.text
        organizations = await browser.get("/account/organizations")
        assert "It expires on <time" in organizations.text
        assert "3 July 2026" in organizations.text
        (method,) = (await client.call("GET", "/account/methods")).json()["methods"]
        assert (method["expires_at"], method["expires_asked_by"]) == ("2026-07-03T09:00:00Z", [NORTH])
        own = (await client.call("GET", "/account/organizations")).json()
        assert (own["password_expires_at"], own["password_asked_by"]) == ("2026-07-03T09:00:00Z", [NORTH])


async def test_support_sees_what_was_sent_and_only_what_it_asked_for(world: World) -> None:  # D11
    nora = await world.get_account()
    tom = await world.add_person("tom@elsewhere.example", PASSWORD, handle="tom")
    north, south = await found(world), await found(world, SOUTH)
    for clinic in (north, south):
        await join(world, clinic, nora)
        await join(world, clinic, tom, MemberType.STAFF, Role.SUPPORT)
    await ask(world, north, CLASSIC)
    for days in (10, 1):
        assert await remind(world, MORNINGS[days]) == 1
        assert len(await reminders(world)) > 0
    async with world.native() as client:
        await client.sign_in("tom")
        view = (await client.call("GET", f"/organizations/{north.id}/reminders")).json()
        assert view["next_after"] is None
        assert {(one["days"], one["state"]) for one in view["reminders"]} == {
            (10, "sent"), (3, "skipped"), (1, "sent"),
        }  # fmt: skip
        assert {one["account_id"] for one in view["reminders"]} == {nora.id}
        sent = next(one for one in view["reminders"] if one["days"] == 1)
        assert sent["created_at"] == "2026-07-02T08:00:00Z"
        assert sent["expires_at"] == "2026-07-03T09:00:00Z"
        assert await list_of(client, south.id) == [], "what another organization asks is none of its business"
        assert await list_of(client, north.id, f"?account={nora.id}") == view["reminders"]
        assert await list_of(client, north.id, f"?account={tom.id}") == []
        first = view["reminders"][0]["id"]
        assert await list_of(client, north.id, f"?after={first}") == view["reminders"][1:]
        for query in ("?after=nobody", "?before=x", f"?account={'x' * 37}"):
            answer = await client.call("GET", f"/organizations/{north.id}/reminders{query}")
            assert answer.status_code == 400, query
        attempt = (await client.sign_in()).json()
        await client.answer(attempt, {"answer": "reminder", "now": False})
        assert (await client.call("GET", f"/organizations/{north.id}/reminders")).status_code == 403


async def list_of(client: Native, organization_id: str, query: str = "") -> list[dict[str, object]]:
    """The reminders on one page."""
    answer = await client.call("GET", f"/organizations/{organization_id}/reminders{query}")
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, object]] = answer.json()["reminders"]
    return listed


async def test_many_come_in_pages(world: World) -> None:
    people = [await world.add_person(f"p{number}@elsewhere.example", handle=f"person{number}") for number in range(60)]
    clinic = await clinic_with(world, *people)
    assert await remind(world, MORNINGS[10]) == 60
    seen: list[str] = []
    after = ""
    while True:
        page = await world.house.reminders.list_of_organization(clinic, after=after, limit=25)
        seen += [one.account_id for one in page]
        if len(page) < 25:
            break
        after = page[-1].id
    assert seen == sorted(person.id for person in people)


async def test_the_export_has_them(world: World) -> None:
    await clinic_with(world)
    await remind(world, MORNINGS[10])
    async with world.native() as client:
        await client.sign_in()
        document = (await client.call("POST", "/account/export", {"current_password": PASSWORD})).json()
    (reminder,) = document["document"]["password_reminders"]
    assert (reminder["days"], reminder["state"]) == (10, "sent")


async def test_without_reminder_days_nobody_is_bothered(world: World) -> None:
    await clinic_with(world, fields=PolicyFields(max_age_days=60))
    world.clock.at = START + timedelta(days=59)
    assert await remind(world) == 0
    async with world.browser() as browser:
        assert (await browser.sign_in()).headers["location"] == "/account"
