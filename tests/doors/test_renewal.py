"""What organizations newly ask meets those who are signed in: led to the step, warned before, never thrown out."""

from datetime import timedelta

import httpx

from portico.audit.model import EventKind
from portico.organizations.model import MemberType, Organization
from portico.organizations.policy import NOTHING_ASKED, PolicyFields
from tests.support.organizations import NORTH, SOUTH, ask, forget, found, join
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, Browser, Native, World

CHANGE = PolicyFields(force_change=True)
SIXTY_DAYS = PolicyFields(max_age_days=60)
FORTNIGHT = timedelta(days=14)


async def clinic_of_nora(world: World) -> Organization:
    """An organization that Nora has joined a minute ago, with a password from before."""
    clinic = await found(world)
    await join(world, clinic, await world.get_account())
    world.clock.advance(minutes=1)
    return clinic


async def kinds(world: World) -> list[EventKind]:
    """What happened to Nora, newest first."""
    account = await world.get_account()
    events = await world.house.audit.list_events(world.house.database, account.id)
    return [recorded.event.kind for recorded in events]


async def begin(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    """Send the form of the page that says what is due."""
    return await browser.submit(page, "/renew", **fields)


async def change(browser: Browser, page: httpx.Response, password: str = NEW_PASSWORD) -> httpx.Response:
    """Send the form for a new password."""
    return await browser.submit(page, page.request.url.path, new_password=password, repeat_password=password)


async def test_a_browser_is_led_to_what_is_newly_asked_and_stays_signed_in(world: World) -> None:  # D9
    clinic = await clinic_of_nora(world)
    async with world.browser() as browser, world.browser() as elsewhere:
        await browser.sign_in()
        await elsewhere.sign_in()
        assert (await browser.get("/account/profile")).status_code == 200
        world.clock.advance(days=1)
        await ask(world, clinic, CHANGE)

        led = await browser.get("/account/profile")
        assert (led.status_code, led.headers["location"]) == (303, "/renew?return_to=/account/profile")
        page = await browser.follow(led)
        assert NORTH in page.text
        assert (await browser.get("/account")).status_code == 303, "no page but this one and what it explains"
        assert (await browser.get("/account/organizations")).status_code == 200

        step = await browser.follow(await begin(browser, page))
        assert "password" in step.text
        wrong = await browser.follow(await browser.submit(step, step.request.url.path, password="not-it-at-all-1"))
        step = await browser.follow(await browser.submit(wrong, wrong.request.url.path, password=PASSWORD))
        assert NORTH in step.text
        before = browser.cookie("session")
        done = await change(browser, step)
        assert (done.status_code, done.headers["location"]) == (303, "/account/profile")
        assert browser.cookie("session") != before
        assert (await browser.follow(done)).status_code == 200
        assert (await elsewhere.get("/account")).headers["location"].startswith("/signin"), "D22: the others ended"
    assert EventKind.PASSWORD_CHANGED in await kinds(world)


async def test_what_was_proven_just_now_is_not_asked_again(world: World) -> None:
    clinic = await clinic_of_nora(world)
    async with world.browser() as browser:
        await browser.sign_in()
        await ask(world, clinic, CHANGE, ahead=timedelta(minutes=1))
        world.clock.advance(minutes=2)
        forget(world)
        page = await browser.follow(await browser.get("/account"))
        step = await browser.follow(await begin(browser, page))
        done = await change(browser, step)
        assert done.headers["location"] == "/account"


async def test_people_elsewhere_notice_nothing(world: World) -> None:  # S81
    clinic = await found(world)
    await world.add_person("tom@elsewhere.example", handle="tom")
    await join(world, clinic, await world.get_account(), MemberType.PATIENT)
    async with world.browser() as nora, world.browser() as tom:
        await nora.sign_in()
        await tom.sign_in("tom")
        await ask(world, clinic, CHANGE)  # of providers
        assert (await nora.get("/account")).status_code == 200
        assert (await tom.get("/account")).status_code == 200


async def test_what_is_announced_is_shown_once_and_may_be_put_off(world: World) -> None:  # D10
    clinic = await clinic_of_nora(world)
    async with world.browser() as browser:
        await browser.sign_in()
        await ask(world, clinic, CHANGE, ahead=FORTNIGHT)
        page = await browser.follow(await browser.get("/account/history"))
        assert NORTH in page.text
        assert "18 May 2026" in page.text
        back = await begin(browser, page, now="")
        assert back.headers["location"] == "/account/history"
        assert (await browser.follow(back)).status_code == 200
        assert (await browser.get("/account")).status_code == 200, "asked once, not on every page"
        assert EventKind.POLICY_PUT_OFF in await kinds(world)

        world.clock.advance(days=13, hours=23)
        await browser.get("/account")  # keeps the session awake
        world.clock.advance(hours=1)
        page = await browser.follow(await browser.get("/account"))
        assert "Continue" in page.text
        step = await browser.follow(await begin(browser, page, now=""))
        assert "password" in step.text, "from then on nobody asks whether it suits"


async def test_who_does_it_before_the_day_is_not_asked_on_the_day(world: World) -> None:  # D10
    clinic = await clinic_of_nora(world)
    async with world.browser() as browser:
        await browser.sign_in()
        world.clock.advance(minutes=1)
        await ask(world, clinic, CHANGE, ahead=FORTNIGHT)
        page = await browser.follow(await browser.get("/account"))
        step = await browser.follow(await begin(browser, page, now="yes"))
        assert (await change(browser, step)).headers["location"] == "/account"
        world.clock.advance(days=7)
        assert (await browser.get("/account")).status_code == 200
        world.clock.advance(days=8)
        assert (await browser.get("/account")).status_code == 200


async def test_an_announcement_at_sign_in_can_be_put_off(world: World) -> None:  # D10
    clinic = await clinic_of_nora(world)
    await ask(world, clinic, SIXTY_DAYS, ahead=FORTNIGHT)
    world.clock.advance(days=10)
    async with world.browser() as browser:
        assert (await browser.sign_in()).headers["location"] == "/account", "in four days it is not yet too old"
    world.clock.advance(days=20)
    await ask(world, clinic, PolicyFields(max_age_days=30), ahead=FORTNIGHT)
    async with world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        assert NORTH in page.text
        done = await browser.submit(page, page.request.url.path, now="")
        assert done.headers["location"] == "/account"
        assert (await browser.follow(done)).status_code == 200


async def test_putting_off_after_the_day_has_come_does_not_help(world: World) -> None:  # D10
    """The clock steps over ``enforced_from`` while the page is open."""
    clinic = await clinic_of_nora(world)
    await ask(world, clinic, CHANGE, ahead=timedelta(minutes=10))
    async with world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        world.clock.advance(minutes=10)
        shown = await browser.follow(await browser.submit(page, page.request.url.path, now=""))
        assert browser.cookie("session") is None
        assert "new_password" in shown.text


async def test_the_stricter_of_two_clinics_is_named(world: World) -> None:  # D9
    north, south = await found(world), await found(world, SOUTH)
    nora = await world.get_account()
    await join(world, north, nora)
    await join(world, south, nora)
    await ask(world, north, SIXTY_DAYS)
    await ask(world, south, PolicyFields(max_age_days=30))
    world.clock.advance(days=30, seconds=-1)
    async with world.browser() as browser:
        assert (await browser.sign_in()).headers["location"] == "/account", "the last second is still good"
        world.clock.advance(seconds=1)
    async with world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        assert SOUTH in page.text
        assert NORTH not in page.text
        assert "every 30 days" in page.text
        assert browser.cookie("session") is None


async def test_a_refresh_mentions_what_is_to_come_and_asks_for_what_is_due(world: World) -> None:  # D10
    clinic = await clinic_of_nora(world)
    async with world.native() as client:
        await client.sign_in()
        await ask(world, clinic, CHANGE, ahead=FORTNIGHT)
        world.clock.advance(minutes=5)
        answer = await client.refresh()
        assert answer.status_code == 200
        assert answer.json()["announced"] == {
            "step": "announced",
            "what": "change_password",
            "organizations": [NORTH],
            "enforced_from": "2026-05-18T09:01:00Z",
        }
        world.clock.advance(days=7)
        assert (await client.refresh()).status_code == 200
        world.clock.advance(days=7)
        refused = await client.refresh()
        assert (refused.status_code, refused.json()["code"]) == (403, "interaction_required")
        assert refused.json()["params"] == {"step": "prove"}
        await renew(client)
        answer = await client.refresh()
        assert answer.status_code == 200, "the same token, unused until now"
        assert (await client.call("GET", "/account")).status_code == 200


async def renew(client: Native) -> None:
    """Take the step by API: the password, then a new one."""
    body = {"refresh_token": client.refresh_token, "installation": client.installation}
    begun = await client.call("POST", "/renewals", body)
    assert begun.status_code == 201, begun.text
    attempt = begun.json()
    client.headers["portico-ticket"] = attempt["ticket"]
    attempt = (await client.answer(attempt, {"answer": "password", "password": PASSWORD})).json()
    assert attempt["step"] == {"step": "change_password", "why": "asked", "organizations": [NORTH]}
    done = (await client.answer(attempt, {"answer": "new_password", "new_password": NEW_PASSWORD})).json()
    assert done["step"] == {"step": "finished", "outcome": "stamp_policy"}


async def test_a_worthless_refresh_token_begins_nothing(world: World) -> None:
    async with world.native() as client:
        await client.sign_in()
        used = client.refresh_token
        await client.refresh()
        for token in (used, "A" * 43, ""):
            body = {"refresh_token": token, "installation": client.installation}
            answer = await client.call("POST", "/renewals", body)
            assert answer.status_code == 401


async def test_a_rehearsal_is_noted_and_stops_nobody(world: World) -> None:  # D10
    clinic = await clinic_of_nora(world)
    world.clock.advance(days=1)
    await ask(world, clinic, CHANGE, rehearsal=True)
    async with world.browser() as browser:
        assert (await browser.sign_in()).headers["location"] == "/account"
        assert (await browser.get("/account")).status_code == 200
    account = await world.get_account()
    events = await world.house.audit.list_events(world.house.database, account.id)
    assert {"step": "change_password", "purpose": "sign_in"} in [
        recorded.event.details for recorded in events if recorded.event.kind is EventKind.POLICY_REHEARSED
    ]


async def test_sessions_last_no_longer_than_the_organizations_allow(world: World) -> None:  # D9
    clinic = await clinic_of_nora(world)
    async with world.browser() as early, world.browser() as late:
        await early.sign_in()
        await ask(world, clinic, PolicyFields(session_hours=8, idle_hours=2))
        await late.sign_in()
        world.clock.advance(hours=1, minutes=59)
        assert (await early.get("/account")).status_code == 200, "shortened, and still within"
        assert (await late.get("/account")).status_code == 200
        world.clock.advance(hours=2)
        for browser in (early, late):
            assert (await browser.get("/account")).headers["location"].startswith("/signin")


async def test_loosening_asks_nobody_anything(world: World) -> None:
    clinic = await clinic_of_nora(world)
    await ask(world, clinic, SIXTY_DAYS)
    async with world.browser() as browser:
        await browser.sign_in()
        await ask(world, clinic, NOTHING_ASKED)
        assert (await browser.get("/account")).status_code == 200


async def test_a_renewal_is_the_sessions_own(world: World) -> None:
    """Neither another browser nor a session that has ended meanwhile gets anywhere with it."""
    clinic = await clinic_of_nora(world)
    async with world.browser() as browser, world.browser() as thief:
        await browser.sign_in()
        world.clock.advance(hours=1)
        await ask(world, clinic, CHANGE)
        page = await browser.follow(await browser.get("/account"))
        begun = await begin(browser, page)
        path = begun.headers["location"]
        assert (await thief.get(path)).status_code == 404
        step = await browser.follow(begun)
        step = await browser.follow(await browser.submit(step, path, password=PASSWORD))
        account = await world.get_account()
        await world.house.database.transact(
            lambda tx: world.house.accounts.end_everything(tx, world.clock.now(), account.id)
        )
        over = await change(browser, step)
        assert (await browser.follow(over)).status_code in {403, 410, 404}
        async with world.browser() as again:
            assert (await again.sign_in(ADDRESS, PASSWORD)).status_code == 303, "the password is the old one"


async def test_a_foreign_address_to_come_back_to_is_ignored(world: World) -> None:
    async with world.browser() as browser:
        await browser.sign_in()
        answer = await browser.get("/renew?return_to=https://evil.example/")
        assert answer.headers["location"] == "/account"


async def test_a_shorter_span_counts_from_now_for_those_who_are_in(world: World) -> None:  # D10
    """Deciding again ends nothing: who has been in for longer than is allowed now is in for as long once more."""
    clinic = await clinic_of_nora(world)
    async with world.browser() as browser, world.native() as client:
        await browser.sign_in()
        await client.sign_in()
        world.clock.advance(hours=45)
        await ask(world, clinic, PolicyFields(session_hours=24, idle_hours=4))
        assert (await browser.get("/account")).status_code == 200
        tokens = (await client.refresh()).json()
        assert tokens["refresh_expires_at"] == "2026-05-07T06:01:00Z"
        assert (await client.call("GET", "/account")).status_code == 200
        for _ in range(8):
            world.clock.advance(hours=2, minutes=59)
            assert (await browser.get("/account")).status_code == 200
            assert (await client.refresh()).status_code == 200
        world.clock.advance(hours=1)
        assert (await browser.get("/account")).headers["location"].startswith("/signin")
        assert (await client.refresh()).status_code == 401


async def test_what_choosing_now_would_not_spare_is_not_announced(world: World) -> None:  # D10
    """In two weeks a password of today would be over a week old as well."""
    clinic = await clinic_of_nora(world)
    await ask(world, clinic, PolicyFields(max_age_days=7), ahead=FORTNIGHT)
    async with world.browser() as browser:
        assert (await browser.sign_in()).headers["location"] == "/account"


async def test_what_is_due_by_then_anyway_is_not_announced(world: World) -> None:  # D10
    """One clinic's sixty days are no news, whatever another one announces."""
    north, south = await clinic_of_nora(world), await found(world, SOUTH)
    await join(world, south, await world.get_account())
    await ask(world, north, SIXTY_DAYS)
    world.clock.advance(days=50)
    await ask(world, south, PolicyFields(session_hours=8), ahead=FORTNIGHT)
    async with world.browser() as browser:
        assert (await browser.sign_in()).headers["location"] == "/account"


async def test_a_form_goes_through_what_is_only_announced(world: World) -> None:  # D10
    clinic = await clinic_of_nora(world)
    async with world.browser() as browser:
        await browser.sign_in()
        page = await browser.get("/account/profile")
        await ask(world, clinic, CHANGE, ahead=FORTNIGHT)
        saved = await browser.submit(page, "/account/profile", first_name="Nora", last_name="Ekman")
        assert saved.headers["location"] == "/account"
        assert (await browser.get("/account")).headers["location"] == "/renew?return_to=/account"
    assert (await world.get_account()).last_name == "Ekman"


async def test_a_form_that_is_not_taken_is_told_so_and_come_back_to(world: World) -> None:  # D9
    clinic = await clinic_of_nora(world)
    async with world.browser() as browser:
        await browser.sign_in()
        page = await browser.get("/account/profile")
        await ask(world, clinic, CHANGE)
        refused = await browser.submit(page, "/account/profile", first_name="Nora", last_name="Ekman")
        assert refused.headers["location"] == "/renew?return_to=/account/profile&unsent=yes"
        told = await browser.follow(refused)
        assert "was not sent" in told.text
        done = await change(browser, await browser.follow(await begin(browser, told)))
        assert done.headers["location"] == "/account/profile"
    assert (await world.get_account()).last_name == "Lindqvist"


async def test_one_may_leave_in_place_of_doing_what_is_due(world: World) -> None:  # D9
    clinic = await clinic_of_nora(world)
    async with world.browser() as browser:
        await browser.sign_in()
        await ask(world, clinic, CHANGE)
        path = f"/account/organizations/{clinic.id}/leave"
        left = await browser.submit(await browser.get(path), path)
        assert left.headers["location"] == "/account/organizations"
        assert (await browser.get("/account")).status_code == 200


async def test_what_one_organization_announces_is_no_business_of_another(world: World) -> None:  # D10
    north, south = await clinic_of_nora(world), await found(world, SOUTH)
    nora = await world.get_account()
    await join(world, south, nora)
    await ask(world, north, CHANGE, rehearsal=True)
    async with world.browser() as browser:
        await browser.sign_in()
    await ask(world, north, CHANGE, ahead=FORTNIGHT)
    async with world.browser() as browser:
        page = await browser.follow(await browser.sign_in())
        await browser.submit(page, page.request.url.path, now="")
    events = await world.house.audit.list_events(world.house.database, nora.id)
    of_policies = [one.event for one in events if one.event.kind.value.startswith("policy.")]
    assert {one.kind for one in of_policies} == {EventKind.POLICY_REHEARSED, EventKind.POLICY_PUT_OFF}
    assert {one.organizations for one in of_policies} == {(north.id,)}
