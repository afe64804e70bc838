"""Accepting an invitation: once, by the person who is invited, through the one decision (D27)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from portico.accounts.model import Account
from portico.database.engine import Transaction
from portico.organizations.model import Feature, MemberType, Organization, Role
from portico.organizations.policies.standing import note_change
from portico.organizations.policies.store import add_version
from portico.organizations.policy import Mfa, PolicyFields, PolicyVersion, SecondFactor
from tests.support.dump import dump
from tests.support.invitations import (
    ADMIN,
    INVITEE,
    OWNER,
    act,
    add_admin,
    add_member,
    add_organization,
    invite,
    is_member,
    mailed_invitation,
    set_organization_state,
)
from tests.support.refusals import assert_refused
from tests.support.sign_ups import create, sign_up
from tests.support.world import ADDRESS, NEW_PASSWORD, PASSWORD, Browser, MakeWorld, Native, World, hidden_fields

PAGE = "/invitation"


@pytest.fixture
async def clinic(world: World) -> Organization:
    """An organization with an admin and an owner."""
    return await found_clinic(world)


async def found_clinic(world: World) -> Organization:
    organization = await add_organization(world)
    await add_admin(world, organization)
    await add_admin(world, organization, OWNER, Role.OWNER)
    return organization


async def invited(world: World, clinic: Organization, address: str = INVITEE, by: str = ADMIN, **more: str) -> str:
    """Have somebody invited; the path of their link."""
    async with world.native() as client:
        await client.sign_in(by)
        await invite(client, clinic, address, **more)
    return await mailed_invitation(world, address)


async def opened(browser: Browser, link: str) -> httpx.Response:
    """The page of an invitation, by its link."""
    return await browser.follow(await browser.get(link))


async def joined(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    """Accept on the page of an invitation; the page after it."""
    return await browser.follow(await browser.submit(page, PAGE, **fields))


async def act_on(world: World, clinic: Organization, verb: str) -> None:
    """Send the newest invitation again, or take it back."""
    async with world.native() as client:
        await client.sign_in(OWNER)
        listed = (await client.call("GET", f"/organizations/{clinic.id}/invitations")).json()["invitations"]
        assert (await act(client, clinic, listed[0], verb)).status_code == 200


async def ask(world: World, clinic: Organization, fields: PolicyFields) -> None:
    """Have an organization ask something of its providers, at once."""
    now = world.clock.now()
    version = PolicyVersion(
        organization_id=clinic.id,
        member_type=MemberType.PROVIDER,
        number=1,
        fields=fields,
        rehearsal=False,
        enforced_from=now,
        created_at=now,
    )
    features = f'["{Feature.MFA.value}","{Feature.PASSWORD_ENFORCEMENT.value}"]'

    async def body(tx: Transaction) -> None:
        await tx.execute("UPDATE organizations SET features = $1 WHERE id = $2", features, clinic.id)
        assert await add_version(tx, version)
        await note_change(tx)

    await world.house.database.transact(body)


async def find(world: World, address: str) -> Account | None:
    return await world.house.accounts.find_by_identifier(world.house.database, address)


# Without an account


async def test_somebody_new_sees_who_invites_makes_an_account_and_belongs(world: World, clinic: Organization) -> None:
    # D27, D19
    link = await invited(world, clinic)
    async with world.browser() as ida:
        page = await opened(ida, link)
        assert page.request.url.path == PAGE
        assert "Ada Berg invites you to North Clinic." in page.text
        assert "a provider" in page.text
        assert "i*****@south****" in page.text
        assert INVITEE not in page.text
        page = await joined(ida, page)
        assert "Create your account" in page.text
        assert await find(world, INVITEE) is None
        answer = await create(ida, page)
        assert answer.headers["location"] == PAGE
        done = await ida.follow(answer)
        assert "You belong to North Clinic now" in done.text
        assert (await ida.get("/account")).status_code == 200
    account = await world.get_account(INVITEE)
    assert account.created_by == clinic.id
    assert clinic.id in account.memberships
    (membership,) = await world.house.organizations.list_memberships(world.house.database, account.id)
    assert (membership.member_type, membership.role) == (MemberType.PROVIDER, Role.MEMBER)


async def test_the_api_does_the_same(world: World, clinic: Organization) -> None:  # D27
    token = (await invited(world, clinic)).rpartition("/")[2]
    async with world.native() as ida:
        look = (await ida.call("POST", "/invitations/look", {"token": token})).json()
        assert look["state"] == "open"
        assert look["next_move"] == "create_account"
        assert (look["organization"], look["inviter"], look["member_type"]) == ("North Clinic", "Ada Berg", "provider")
        assert look["address"] == "i*****@south****"
        attempt = await begin_by_api(ida, token)
        assert attempt["step"]["step"] == "create_account"
        answer = {"answer": "create_account", "first_name": "Ida", "new_password": PASSWORD}
        done = await ida.answer(attempt, answer)
        assert done.json()["step"]["step"] == "finished"
        assert (await ida.call("GET", "/account")).status_code == 200
        after = (await ida.call("POST", "/invitations/look", {"token": token})).json()
        assert (after["state"], after["has_joined"], after["address"]) == ("accepted", True, INVITEE)
    assert await is_member(world, clinic, await world.get_account(INVITEE))


async def begin_by_api(client: Native, token: str, **more: str) -> dict[str, Any]:
    body = {"token": token, "installation": client.installation, **more}
    answer = await client.call("POST", "/invitations/accept", body)
    assert answer.status_code == 201, answer.text
    attempt: dict[str, Any] = answer.json()
    client.headers["portico-ticket"] = str(attempt["ticket"])
    return attempt


async def test_looking_changes_nothing(world: World, clinic: Organization) -> None:  # D27, rule 6
    link = await invited(world, clinic)
    await invited(world, clinic, ADDRESS)
    async with world.browser() as scanner, world.native() as client:
        before = await dump(world.house.database)
        for _ in range(3):
            await opened(scanner, link)
            await opened(scanner, await mailed_invitation(world, ADDRESS))
            await client.call("POST", "/invitations/look", {"token": link.rpartition("/")[2]})
        assert await dump(world.house.database) == before


async def test_the_password_is_the_persons_own_and_the_terms_are_theirs(make_world: MakeWorld) -> None:  # D27
    async with make_world(terms_url="https://portico.example/terms", terms_version="7") as world:
        clinic = await found_clinic(world)
        link = await invited(world, clinic)
        async with world.browser() as ida:
            page = await joined(ida, await opened(ida, link))
            for wrong in ({"new_password": "weak", "repeat_password": "weak"}, {}):
                page = await ida.follow(await create(ida, page, **wrong))
                assert await find(world, INVITEE) is None
            await create(ida, page, accepts_terms="yes")
        account = await world.get_account(INVITEE)
        assert account.terms == "7"
        assert await is_member(world, clinic, account)


# With an account


async def test_who_has_an_account_signs_in_with_it(world: World, clinic: Organization) -> None:  # D27
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as nora:
        page = await opened(nora, link)
        assert ADDRESS not in page.text
        assert_told(await joined(nora, page, identifier=" "), "identifier")
        page = await joined(nora, page, identifier="nora")  # by the Portico ID, as well
        page = await nora.follow(await nora.submit(page, page.request.url.path, password="wrong"))
        assert not await is_member(world, clinic, await world.get_account())
        answer = await nora.submit(page, page.request.url.path, password=PASSWORD, stay_signed_in="yes")
        assert "You belong to North Clinic now" in (await nora.follow(answer)).text
        assert "Nora" in (await nora.get("/account")).text
    account = await world.get_account()
    assert account.created_by is None
    assert await is_member(world, clinic, account)


def assert_told(page: httpx.Response, field: str) -> None:
    assert f'href="#{field}"' in page.text


async def test_the_mailed_link_alone_proves_nothing_to_who_has_an_account(world: World, clinic: Organization) -> None:
    # D27
    token = (await invited(world, clinic, ADDRESS)).rpartition("/")[2]
    async with world.native() as thief:
        attempt = await begin_by_api(thief, token)
        assert attempt["step"]["step"] == "identify"
        attempt = (await thief.answer(attempt, {"answer": "identifier", "identifier": ADDRESS})).json()
        assert attempt["step"]["step"] == "prove"
        make = {"answer": "create_account", "first_name": "Eve", "new_password": NEW_PASSWORD}
        for answer in (make, {"answer": "new_password", "new_password": NEW_PASSWORD}):
            told = (await thief.answer(attempt, answer)).json()
            assert told["step"]["step"] == "prove"
        told = (await thief.answer(attempt, {"answer": "password", "password": "wrong"})).json()
        assert told["failure"]["code"] == "signin.password.wrong"
    assert not await is_member(world, clinic, await world.get_account())


async def test_whoever_is_signed_in_as_the_person_only_confirms(world: World, clinic: Organization) -> None:  # D27
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as nora, world.native() as program:
        await nora.sign_in()
        session = nora.cookie("session")
        page = await opened(nora, link)
        assert ADDRESS in page.text
        done = await joined(nora, page)
        assert "You belong to North Clinic now" in done.text
        assert nora.cookie("session") == session
        assert (await nora.get("/account")).status_code == 200
        again = await nora.get(link)
        assert "You belong to North Clinic now" in (await nora.follow(again)).text
        await program.sign_in()
        after = await program.call(
            "POST", "/invitations/accept", {"token": link.rpartition("/")[2], "installation": program.installation}
        )
        assert_refused(after, 404)
        assert after.json()["params"]["state"] == "accepted"
    assert await is_member(world, clinic, await world.get_account())


async def test_a_program_that_is_signed_in_joins_at_once(world: World, clinic: Organization) -> None:  # D27
    token = (await invited(world, clinic, ADDRESS)).rpartition("/")[2]
    async with world.native() as nora:
        await nora.sign_in()
        attempt = await begin_by_api(nora, token)
        assert attempt["step"] == {"step": "finished", "outcome": "stamp_policy"}
        assert "tokens" not in attempt
        assert (await nora.call("GET", "/account")).status_code == 200
        assert (await nora.refresh()).status_code == 200
    assert await is_member(world, clinic, await world.get_account())


async def test_somebody_else_is_told_so_and_may_sign_out_and_go_on(world: World, clinic: Organization) -> None:  # D27
    await world.add_person("tom@north-clinic.example", first_name="Tom", last_name="Okafor")
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as toms, world.native() as program:
        await toms.sign_in("tom@north-clinic.example")
        page = await opened(toms, link)
        assert "You are signed in as Tom Okafor" in page.text
        assert ADDRESS not in page.text
        sign_out = hidden_fields(page, "/invitation/sign-out")
        assert (await toms.post(PAGE, sign_out)).headers["location"] == PAGE
        page = await toms.follow(await toms.submit(page, "/invitation/sign-out"))
        assert not toms.cookie("session")
        page = await joined(toms, page, identifier=ADDRESS)
        await toms.submit(page, page.request.url.path, password=PASSWORD)
        await program.sign_in("tom@north-clinic.example")
        told = await program.call(
            "POST",
            "/invitations/accept",
            {"token": (await invited(world, clinic)).rpartition("/")[2], "installation": program.installation},
        )
        assert_refused(told, 403)
        assert told.json()["code"] == "invited_another"
    assert not await is_member(world, clinic, await world.get_account("tom@north-clinic.example"))
    assert await is_member(world, clinic, await world.get_account())


async def test_a_member_who_opens_anothers_invitation_is_somebody_else(world: World, clinic: Organization) -> None:
    # D27
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as admin:
        await admin.sign_in(ADMIN)
        assert "You are signed in as Ada Berg, and somebody else is invited" in (await opened(admin, link)).text


async def test_nobody_joins_with_another_account(world: World, clinic: Organization) -> None:  # D27
    tom = await world.add_person("tom@north-clinic.example", first_name="Tom")
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as browser:
        page = await joined(browser, await opened(browser, link), identifier=tom.address)
        told = await browser.follow(await browser.submit(page, page.request.url.path, password=PASSWORD))
        assert_refused(told, 403)
        assert "This invitation is for another account" in told.text
        assert ADDRESS not in told.text
        assert not browser.cookie("session")
    assert not await is_member(world, clinic, tom)
    assert not await is_member(world, clinic, await world.get_account())


# Once


async def test_two_tabs_join_once_and_the_second_is_told(world: World, clinic: Organization) -> None:  # D27
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as nora:
        page = await opened(nora, link)
        first = await joined(nora, page, identifier=ADDRESS)
        second = await joined(nora, page, identifier=ADDRESS)
        await nora.submit(first, first.request.url.path, password=PASSWORD)
        told = await nora.submit(second, second.request.url.path, password=PASSWORD)
        told = await nora.follow(told)
        assert_refused(told, 403)
        assert "You are a member of North Clinic already" in told.text
        assert "You belong to North Clinic now" in (await nora.get(PAGE)).text
    assert (
        len(await world.house.organizations.list_memberships(world.house.database, (await world.get_account()).id)) == 1
    )


async def test_of_fifty_who_accept_at_once_one_joins(free_world: World, race_width: int) -> None:  # D27, rule 1
    clinic = await found_clinic(free_world)
    token = (await invited(free_world, clinic, ADDRESS)).rpartition("/")[2]
    async with free_world.native() as nora:
        await nora.sign_in()
        body = {"token": token, "installation": nora.installation}
        answers = await asyncio.gather(*(nora.call("POST", "/invitations/accept", body) for _ in range(race_width)))
        ends = [answer.json()["step"] for answer in answers if answer.status_code == 201]
        assert sum(end["step"] == "finished" for end in ends) == 1
        assert {end["reason"] for end in ends if end["step"] == "refused"} <= {"already_member"}
        assert {answer.status_code for answer in answers} <= {201, 404}
    account = await free_world.get_account()
    assert len(await free_world.house.organizations.list_memberships(free_world.house.database, account.id)) == 1


async def test_of_many_who_make_the_account_at_once_one_does(free_world: World) -> None:  # D27, rule 1
    clinic = await found_clinic(free_world)
    token = (await invited(free_world, clinic)).rpartition("/")[2]

    async def accept(ida: Native, attempt: dict[str, Any]) -> str:
        answer = {"answer": "create_account", "first_name": "Ida", "new_password": PASSWORD}
        step = (await ida.answer(attempt, answer)).json()["step"]
        return str(step.get("reason", step["step"]))

    async with AsyncExitStack() as stack:
        idas = [await stack.enter_async_context(free_world.native()) for _ in range(10)]
        begun = [(ida, await begin_by_api(ida, token)) for ida in idas]
        ends = await asyncio.gather(*(accept(ida, attempt) for ida, attempt in begun))
    assert ends.count("finished") == 1
    assert set(ends) <= {"finished", "create_account", "invitation_over"}
    account = await free_world.get_account(INVITEE)
    assert len(await free_world.house.organizations.list_memberships(free_world.house.database, account.id)) == 1


# What happens in between


async def revoke(world: World, clinic: Organization) -> None:
    await act_on(world, clinic, "revoke")


async def expire(world: World, _clinic: Organization) -> None:
    sql = "UPDATE invitations SET expires_at = $1"
    await world.house.database.transact(lambda tx: tx.execute(sql, 1))


async def suspend(world: World, clinic: Organization) -> None:
    await set_organization_state(world, clinic, "suspended")


async def send_anew(world: World, clinic: Organization) -> None:
    await act_on(world, clinic, "resend")


@pytest.mark.parametrize("meanwhile", [revoke, expire, suspend, send_anew])
async def test_what_is_over_meanwhile_makes_no_account(
    world: World, clinic: Organization, meanwhile: Callable[[World, Organization], Awaitable[None]]
) -> None:  # D27
    link = await invited(world, clinic)
    async with world.browser() as ida:
        page = await joined(ida, await opened(ida, link))
        await meanwhile(world, clinic)
        told = await ida.follow(await create(ida, page))
        assert_refused(told, 410)
        assert "can no longer be accepted" in told.text
        assert not ida.cookie("session")
        assert_refused(await ida.get(PAGE), 404, 410)
    assert await find(world, INVITEE) is None


@pytest.mark.parametrize("meanwhile", [revoke, expire, suspend])
async def test_what_is_over_meanwhile_opens_no_session(
    world: World, clinic: Organization, meanwhile: Callable[[World, Organization], Awaitable[None]]
) -> None:  # D27
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as nora, world.browser() as signed_in:
        await signed_in.sign_in()
        confirm = await opened(signed_in, link)
        page = await joined(nora, await opened(nora, link), identifier=ADDRESS)
        await meanwhile(world, clinic)
        told = await nora.follow(await nora.submit(page, page.request.url.path, password=PASSWORD))
        assert_refused(told, 410)
        assert not nora.cookie("session")
        assert_refused(await joined(signed_in, confirm), 410)
        assert (await signed_in.get("/account")).status_code == 200
    assert not await is_member(world, clinic, await world.get_account())


@pytest.mark.parametrize(
    ("end", "words"),
    [(revoke, "taken back"), (expire, "has expired"), (suspend, "takes nobody in at the moment")],
)
async def test_links_that_are_over_say_so_kindly(
    world: World,
    clinic: Organization,
    end: Callable[[World, Organization], Awaitable[None]],
    words: str,
) -> None:  # D27
    link = await invited(world, clinic)
    await end(world, clinic)
    async with world.browser() as ida, world.native() as program:
        told = await ida.get(link)
        assert_refused(told, 410)
        assert words in told.text
        assert "North Clinic" in told.text
        token = link.rpartition("/")[2]
        look = (await program.call("POST", "/invitations/look", {"token": token})).json()
        assert look["state"] in ("revoked", "expired", "paused")
        assert "next_move" not in look
        body = {"token": token, "installation": program.installation}
        assert_refused(await program.call("POST", "/invitations/accept", body), 404)
        for made_up in ("A" * 43, "nothing", "%2e%2e"):
            assert_refused(await ida.get(f"/invitation/{made_up}"), 404)


async def test_an_accepted_link_says_so_to_whoever_opens_it_later(world: World, clinic: Organization) -> None:  # D27
    link = await invited(world, clinic)
    async with world.browser() as ida, world.browser() as other:
        await create(ida, await joined(ida, await opened(ida, link)))
        told = await other.get(link)
        assert_refused(told, 410)
        assert "was accepted already" in told.text
        assert "ida" not in told.text.lower()


async def test_a_renamed_organization_invites_under_its_new_name(world: World, clinic: Organization) -> None:  # D27
    link = await invited(world, clinic)
    sql = "UPDATE organizations SET name = 'Harbour Clinic', name_key = 'harbour clinic' WHERE id = $1"
    await world.house.database.transact(lambda tx: tx.execute(sql, clinic.id))
    async with world.browser() as ida:
        page = await opened(ida, link)
        assert "Join Harbour Clinic?" in page.text
        await create(ida, await joined(ida, page))
        assert "You belong to Harbour Clinic now" in (await ida.get(PAGE)).text


async def test_an_account_made_meanwhile_is_signed_in_to_instead(world: World, clinic: Organization) -> None:  # D27
    link = await invited(world, clinic)
    async with world.browser() as ida, world.browser(address="203.0.113.9") as phone:
        page = await joined(ida, await opened(ida, link))
        await sign_up(world, phone)
        told = await ida.follow(await create(ida, page))
        assert "By now there is an account for this address" in told.text
        assert not ida.cookie("session")
        page = await ida.get(PAGE)
        assert "sign in with the account of this address" in page.text
        page = await joined(ida, page, identifier=INVITEE)
        await ida.submit(page, page.request.url.path, password=PASSWORD)
    account = await world.get_account(INVITEE)
    assert account.created_by is None  # they made it themselves, so nobody manages it
    assert await is_member(world, clinic, account)


async def test_an_address_changed_meanwhile_joins_nobody(world: World, clinic: Organization) -> None:  # D27
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as nora, world.browser() as signed_in:
        await signed_in.sign_in()
        confirm = await opened(signed_in, link)
        page = await joined(nora, await opened(nora, link), identifier="nora")
        sql = "UPDATE accounts SET address = $1, address_key = $1 WHERE address_key = $2"
        await world.house.database.transact(lambda tx: tx.execute(sql, "new@north-clinic.example", ADDRESS))
        told = await nora.follow(await nora.submit(page, page.request.url.path, password=PASSWORD))
        assert_refused(told, 403)
        assert "This invitation is for another account" in told.text
        told = await joined(signed_in, confirm)
        assert "somebody else is invited" in told.text
    assert not await is_member(world, clinic, await world.get_account("nora"))


async def test_whose_offer_is_no_longer_backed_is_taken_back(world: World, clinic: Organization) -> None:  # D27
    """An owner who was made less, or left, does not come back by an invitation that was kept for later."""
    admin_link = await invited(world, clinic, INVITEE, OWNER, role="admin")
    member_link = await invited(world, clinic, "kim@south-clinic.example", OWNER)
    owner = await world.get_account(OWNER)

    async def body(tx: Transaction) -> None:
        await tx.execute("DELETE FROM memberships WHERE account_id = $1", owner.id)
        await tx.execute("UPDATE accounts SET memberships = '' WHERE id = $1", owner.id)

    await world.house.database.transact(body)
    async with world.browser() as ida:
        assert_refused(await ida.get(admin_link), 410)
        assert (await ida.get(member_link)).status_code == 303


# What organizations ask


async def test_nobody_joins_below_what_is_asked_there(world: World, clinic: Organization) -> None:  # D27, D9
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as nora, world.browser() as signed_in:
        await signed_in.sign_in()
        confirm = await opened(signed_in, link)
        page = await joined(nora, await opened(nora, link), identifier=ADDRESS)
        only_passkeys = PolicyFields(mfa=Mfa.REQUIRED, allowed_factors=(SecondFactor.PASSKEY,))
        await ask(world, clinic, only_passkeys)  # between the link and the acceptance
        told = await nora.follow(await nora.submit(page, page.request.url.path, password=PASSWORD))
        assert "asks you to sign in with a second step" in told.text
        assert not nora.cookie("session")
        told = await joined(signed_in, confirm)
        assert "asks you to sign in with a second step" in told.text
        assert (await signed_in.get("/account")).status_code == 200  # they go on as before, outside
    assert not await is_member(world, clinic, await world.get_account())


async def test_an_old_password_is_changed_before_one_joins(world: World, clinic: Organization) -> None:  # D27, D9
    await ask(world, clinic, PolicyFields(max_age_days=60))
    world.clock.advance(days=61)
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as nora:
        page = await joined(nora, await opened(nora, link), identifier=ADDRESS)
        page = await nora.follow(await nora.submit(page, page.request.url.path, password=PASSWORD))
        assert "North Clinic" in page.text
        assert not await is_member(world, clinic, await world.get_account())
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        done = await nora.follow(await nora.submit(page, page.request.url.path, **new))
        assert "You belong to North Clinic now" in done.text
        assert (await nora.get("/account")).status_code == 200
    assert await is_member(world, clinic, await world.get_account())


async def test_who_is_signed_in_proves_an_old_password_anew_before_changing_it(
    world: World, clinic: Organization
) -> None:  # D27, D9
    await ask(world, clinic, PolicyFields(max_age_days=60))
    world.clock.advance(days=61)
    link = await invited(world, clinic, ADDRESS)
    async with world.browser() as nora:
        await nora.sign_in()
        world.clock.advance(minutes=6)
        page = await joined(nora, await opened(nora, link))
        assert 'type="password"' in page.text
        page = await nora.follow(await nora.submit(page, page.request.url.path, password=PASSWORD))
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        done = await nora.follow(await nora.submit(page, page.request.url.path, **new))
        assert "You belong to North Clinic now" in done.text
        assert (await nora.get("/account")).status_code == 200
    assert await is_member(world, clinic, await world.get_account())


async def test_who_joined_meets_no_question_twice(world: World, clinic: Organization) -> None:  # D27, D10
    """The session was opened under what it will have to have met: nothing is due after it."""
    await ask(world, clinic, PolicyFields(session_hours=12))
    link = await invited(world, clinic)
    async with world.browser() as ida:
        await create(ida, await joined(ida, await opened(ida, link)))
        assert (await ida.get("/account")).status_code == 200
        account = await world.get_account(INVITEE)
        sql = "SELECT policy_version FROM sessions WHERE account_id = $1"
        rows = await world.house.database.list_rows(sql, account.id)
        assert rows[0]["policy_version"] == await world.house.policy_stamps.find(account.memberships, world.clock.now())


# A hostile organization


async def test_an_invitation_does_nothing_to_an_account_before_it_is_accepted(
    world: World, clinic: Organization
) -> None:  # D27, D19
    """Inviting somebody else's employee changes nothing of theirs; nor may the organization act on the account."""
    home = await add_organization(world, "Home Clinic")
    nora = await world.get_account()
    await add_member(world, home, nora)
    nora = await world.get_account()
    await invited(world, clinic, ADDRESS)
    assert await world.get_account() == nora
    assert [
        one.organization_id for one in await world.house.organizations.list_memberships(world.house.database, nora.id)
    ] == [home.id]
    link = await mailed_invitation(world, ADDRESS)
    async with world.browser() as browser:
        await browser.sign_in()
        await joined(browser, await opened(browser, link))
    after = await world.get_account()
    assert after.created_by is None
    assert {
        one.organization_id for one in await world.house.organizations.list_memberships(world.house.database, nora.id)
    } == {
        home.id,
        clinic.id,
    }
    assert (after.epoch, after.address, after.state) == (nora.epoch, nora.address, nora.state)


async def test_the_form_belongs_to_one_link_and_one_person(world: World, clinic: Organization) -> None:  # D27
    one = await invited(world, clinic)
    two = await invited(world, clinic, "kim@south-clinic.example")
    mine = await invited(world, clinic, ADDRESS)
    async with world.browser() as browser:
        page = await opened(browser, one)
        await browser.get(two)
        assert_refused(await browser.submit(page, PAGE), 403)
        page = await opened(browser, mine)
        await browser.sign_in()
        assert_refused(await browser.submit(page, PAGE, identifier=ADDRESS), 403)
