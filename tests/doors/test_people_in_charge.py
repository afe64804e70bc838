"""What admins do to people's accounts: the managing organization's, and operators; told and recorded (D19)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from portico.accounts.model import Account, AccountState
from portico.admin.people import Action
from portico.audit.model import EventKind
from portico.database.engine import Transaction
from portico.organizations.domains import store as domains
from portico.organizations.domains.model import Domain
from portico.organizations.managing import find_managing
from portico.organizations.model import MemberType, Organization, OrganizationState, Role
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.authenticators import give_totp
from tests.support.dump import dump
from tests.support.world import LIFTED, NEW_PASSWORD, PASSWORD, MakeWorld, Native, World

MIA, ADA, OLGA, MALLORY = (f"{name}@north-clinic.example" for name in ("mia", "ada", "olga", "mallory"))
BODY = {"current_password": PASSWORD, "reason": "  lost her\u00a0telephone "}
ALL = tuple(action.value for action in Action)


class Story:
    """North Clinic, which created Mia's account and has Ada as admin; and South Clinic, where Mallory is the owner."""

    def __init__(self, world: World, north: Organization, south: Organization, people: dict[str, Account]) -> None:
        self.world, self.north, self.south, self.people = world, north, south, people

    async def mia(self) -> Account:
        """Mia's account as it is now."""
        return await self.world.get_account(MIA)

    async def act(
        self, client: Native, action: str, *, of: Organization | None = None, who: str = MIA, **changes: Any
    ) -> httpx.Response:
        """Have somebody do something to somebody, as the organization's admin; without one as an operator."""
        account_id = self.people[who].id
        place = f"/organizations/{of.id}/members/{account_id}" if of else f"/operator/people/{account_id}"
        return await client.call("POST", f"{place}/{action}", {**BODY, **changes})

    async def join(self, organization: Organization, address: str, role: Role = Role.MEMBER) -> None:
        """Make somebody a member."""
        await self.world.house.memberships.add(
            AT_THE_MACHINE, organization.id, self.people[address], MemberType.STAFF, role
        )

    async def mails(self, address: str = MIA) -> list[str]:
        """The subjects of what somebody was sent, in an order of no meaning."""
        return sorted(letter.subject for letter in await self.world.letters(address))

    async def events(self, address: str = MIA) -> list[Any]:
        """What was recorded about somebody, newest first."""
        audit, database = self.world.house.audit, self.world.house.database
        return [each.event for each in await audit.list_events(database, self.people[address].id)]


@pytest.fixture
async def story(free_world: World) -> Story:
    return await begin(free_world)


async def begin(world: World) -> Story:
    """Two clinics and their people."""
    house = world.house
    changes = house.organization_changes
    north, south = [await changes.add(AT_THE_MACHINE, f"{name} Clinic") for name in ("North", "South")]
    people = {
        address: await world.add_person(
            address, PASSWORD, handle=f"{name.lower()}.x", first_name=name, is_operator=name == "Olga"
        )
        for address, name in ((MIA, "Mia"), (ADA, "Ada"), (OLGA, "Olga"), (MALLORY, "Mallory"))
    }
    await create(world, people[MIA], north)
    told = Story(world, north, south, people)
    await told.join(north, MIA)
    await told.join(north, ADA, Role.ADMIN)
    await told.join(south, MALLORY, Role.OWNER)
    return told


async def create(world: World, account: Account, organization: Organization) -> None:
    """Have an account be one that an organization created."""

    async def body(tx: Transaction) -> None:
        await tx.execute("UPDATE accounts SET created_by = $1 WHERE id = $2", organization.id, account.id)

    await world.house.database.transact(body)


async def prove_domain(world: World, organization: Organization, domain: str = "north-clinic.example") -> None:
    """Have an organization's domain be a proven one."""
    now = world.clock.now()
    claim = Domain(organization_id=organization.id, domain=domain, challenge="x", claimed_at=now)

    async def body(tx: Transaction) -> None:
        assert await domains.add_domain(tx, claim)
        assert await domains.verify_domain(tx, claim, now)

    await world.house.database.transact(body)


async def manager(story: Story, address: str = MIA) -> str | None:
    """The name of whoever manages somebody."""
    database = story.world.house.database
    managing = await find_managing(database, await story.world.get_account(address))
    return managing.name if managing else None


def problem(answer: httpx.Response) -> tuple[int, str]:
    """A refusal: its status and its code."""
    return answer.status_code, answer.json()["code"]


async def test_an_account_has_one_managing_organization_or_none(story: Story) -> None:  # D19
    assert await manager(story) == "North Clinic", "it created the account"
    assert await manager(story, ADA) is None, "a member whose account was made by herself"
    await story.join(story.south, MIA)
    assert await manager(story) == "North Clinic"
    await prove_domain(story.world, story.south)
    assert await manager(story) == "South Clinic", "whose domain it is comes first"
    assert await manager(story, MALLORY) == "South Clinic"
    assert await manager(story, ADA) is None, "the domain alone makes nobody a member"
    members = story.world.house.memberships
    await members.suspend(AT_THE_MACHINE, story.south.id, story.people[MIA].id)
    assert await manager(story) == "North Clinic", "a suspended membership gives nothing"
    await members.remove(AT_THE_MACHINE, story.north.id, story.people[MIA].id)
    assert await manager(story) is None, "who created it is a member no more"


async def test_a_domain_is_not_its_subdomains(story: Story) -> None:  # D19
    world = story.world
    await prove_domain(world, story.south, "example")
    await prove_domain(world, story.south, "mail.north-clinic.example")
    await story.join(story.south, MIA)
    assert await manager(story) == "North Clinic"


async def test_a_reset_link_goes_to_the_person_and_nobody_else(story: Story) -> None:  # D19
    async with story.world.native() as ada, story.world.browser() as browser:
        await ada.sign_in(ADA)
        answer = await story.act(ada, "send-reset-link", of=story.north)
        assert answer.json() == {"is_done": True, "failure": None}
        assert await story.mails() == ["A link for a new password is on its way to you", "Reset your Portico password"]
        assert await story.mails(ADA) == []
        page = await browser.follow(await browser.get(await story.world.reset_link(MIA)))
        new = {"new_password": NEW_PASSWORD, "repeat_password": NEW_PASSWORD}
        assert (await browser.submit(page, page.request.url.path, **new)).status_code == 303
        assert (await browser.follow(await browser.sign_in(MIA, NEW_PASSWORD))).status_code == 200


async def test_a_forced_change_is_asked_for_at_the_next_sign_in(story: Story) -> None:  # D19
    async with story.world.native() as ada, story.world.native() as mia:
        await mia.sign_in(MIA)
        await ada.sign_in(ADA)
        assert (await story.act(ada, "force-password-change", of=story.north)).json()["is_done"]
        assert (await mia.call("GET", "/account")).status_code == 200, "nothing is ended"
        mia.access_token = ""
        assert (await mia.sign_in(MIA)).json()["step"]["step"] == "change_password"
        assert "Please choose a new password at your next sign-in" in await story.mails()


async def test_all_sessions_end(story: Story) -> None:  # D19, D22
    async with story.world.native() as ada, story.world.native() as mia, story.world.browser() as browser:
        await mia.sign_in(MIA)
        await browser.sign_in(MIA)
        await ada.sign_in(ADA)
        assert (await story.act(ada, "end-sessions", of=story.north)).json()["is_done"]
        assert (await mia.call("GET", "/account")).status_code == 401
        assert (await mia.refresh()).status_code == 401
        assert (await browser.get("/account")).status_code == 303
        assert (await ada.call("GET", "/account")).status_code == 200
        mia.access_token = ""
        assert (await mia.sign_in(MIA)).status_code == 200
        assert "You were signed out everywhere" in await story.mails()


async def test_a_suspended_account_rests_until_it_is_resumed(story: Story) -> None:  # D19, D22
    async with story.world.native() as ada, story.world.native() as mia:
        await mia.sign_in(MIA)
        await ada.sign_in(ADA)
        assert (await story.act(ada, "suspend-account", of=story.north)).json()["is_done"]
        assert (await mia.call("GET", "/account")).status_code == 401
        mia.access_token = ""
        refused = (await mia.sign_in(MIA)).json()["step"]
        assert (refused["step"], refused["reason"]) == ("refused", "disabled")
        assert problem(await story.act(ada, "suspend-account", of=story.north)) == (409, "nothing_to_do")
        assert problem(await story.act(ada, "send-reset-link", of=story.north)) == (409, "nothing_to_do")
        assert (await story.act(ada, "resume-account", of=story.north)).json()["is_done"]
        assert problem(await story.act(ada, "resume-account", of=story.north)) == (409, "nothing_to_do")
        assert (await mia.sign_in(MIA)).json()["step"]["step"] == "finished"
        assert {"Your account was suspended", "Your account works again"} <= set(await story.mails())


async def test_what_operators_suspended_only_operators_resume(story: Story) -> None:  # D19
    async with story.world.native() as ada, story.world.native() as olga:
        await ada.sign_in(ADA)
        await olga.sign_in(OLGA)
        assert (await story.act(ada, "suspend-account", of=story.north)).json()["is_done"]
        assert (await story.act(olga, "resume-account")).json()["is_done"]
        story.world.clock.advance(minutes=1)
        assert (await story.act(olga, "suspend-account")).json()["is_done"]
        assert problem(await story.act(ada, "resume-account", of=story.north)) == (403, "not_allowed")
        assert (await story.mia()).state is AccountState.DISABLED
        assert (await story.act(olga, "resume-account", of=story.north)).json()["is_done"]


async def test_the_freeze_is_lifted(story: Story) -> None:  # D19, D22
    world = story.world
    await world.house.database.transact(
        lambda tx: world.house.protection.freeze(tx, world.clock.now(), story.people[MIA].id)
    )
    async with world.native() as ada:
        await ada.sign_in(ADA)
        assert (await story.mia()).is_frozen(world.clock.now())
        assert (await story.act(ada, "lift-freeze", of=story.north)).json()["is_done"]
        assert not (await story.mia()).is_frozen(world.clock.now())
        assert problem(await story.act(ada, "lift-freeze", of=story.north)) == (409, "nothing_to_do")
        (event,) = [each for each in await story.events() if each.kind is EventKind.FREEZE_LIFTED]
        assert event.actor_id == story.people[ADA].id


@pytest.mark.parametrize("action", ALL)
async def test_the_person_is_told_by_whom_and_the_trail_keeps_why(story: Story, action: str) -> None:  # D19
    world, mia = story.world, story.people[MIA]
    async with world.native() as ada:
        await ada.sign_in(ADA)
        if action == "resume-account":
            await story.act(ada, "suspend-account", of=story.north)
        if action == "lift-freeze":
            await world.house.database.transact(lambda tx: world.house.protection.freeze(tx, world.clock.now(), mia.id))
        if action == "reset-mfa":
            await give_totp(world, mia)
        world.clock.advance(minutes=1)
        assert (await story.act(ada, action, of=story.north)).json()["is_done"]
        told = [letter.text for letter in await world.letters(MIA) if "An administrator of North Clinic" in letter.text]
        assert told
        assert not any("telephone" in letter.text for letter in await world.letters(MIA)), "the reason is for the trail"
        newest = (await story.events())[0]
        assert (newest.actor_id, newest.details["by"]) == (story.people[ADA].id, "admin")
        row = await world.house.database.find_row(
            "SELECT organizations, details FROM audit_events WHERE kind = $1 AND subject_id = $2 "
            "ORDER BY at DESC LIMIT 1",
            newest.kind.value,
            mia.id,
        )
        assert row is not None
        assert story.north.id in row["organizations"]
        assert "telephone" not in row["details"]
        listed = await ada.call("GET", f"/organizations/{story.north.id}/members/{mia.id}/actions")
        assert listed.json()["is_managed"] is True
        done = listed.json()["actions"][0]
        assert (done["kind"], done["reason"], done["actor_id"]) == (
            newest.kind.value, "lost her telephone", story.people[ADA].id,
        )  # fmt: skip


@pytest.mark.parametrize("action", ALL)
async def test_a_hostile_organization_can_do_nothing_to_the_account(story: Story, action: str) -> None:  # D19
    """Somebody else's employee joined it; that gives it a membership, and no power over the account."""
    await story.join(story.south, MIA)
    async with story.world.native() as mallory:
        await mallory.sign_in(MALLORY)
        before = await dump(story.world.house.database, without=frozenset({"last_seen_at"}))
        answer = await story.act(mallory, action, of=story.south)
        assert problem(answer) == (403, "not_managed")
        assert answer.json()["detail"].startswith("It can suspend or remove the membership")
        assert problem(await story.act(mallory, action, of=story.north)) == (404, "not_found")
        assert problem(await story.act(mallory, action)) == (403, "not_allowed")
        after = await dump(story.world.house.database, without=frozenset({"last_seen_at"}))
        assert after == before
        shown = await mallory.call("GET", f"/organizations/{story.south.id}/members/{story.people[MIA].id}/actions")
        assert shown.json() == {"is_managed": False, "actions": []}


async def test_all_a_hostile_organization_has_is_the_membership(story: Story) -> None:  # D19
    await story.join(story.south, MIA)
    async with story.world.native() as mallory, story.world.native() as mia:
        await mallory.sign_in(MALLORY)
        await mia.sign_in(MIA)
        place = f"/organizations/{story.south.id}/members/{story.people[MIA].id}"
        assert (await mallory.call("POST", f"{place}/suspend")).status_code == 200
        assert (await mallory.call("DELETE", place)).status_code == 204
        assert (await mia.call("GET", "/account")).status_code == 200
        assert await manager(story) == "North Clinic"


async def test_it_cannot_even_learn_why_the_managing_organization_acted(story: Story) -> None:  # D19
    await story.join(story.south, MIA)
    async with story.world.native() as ada, story.world.native() as mallory:
        await ada.sign_in(ADA)
        await mallory.sign_in(MALLORY)
        await story.act(ada, "end-sessions", of=story.north)
        place = f"/organizations/{{}}/members/{story.people[MIA].id}/actions"
        assert len((await ada.call("GET", place.format(story.north.id))).json()["actions"]) == 1
        assert (await mallory.call("GET", place.format(story.south.id))).json()["actions"] == []
        assert problem(await mallory.call("GET", place.format(story.north.id))) == (404, "not_found")


@pytest.mark.parametrize("action", ALL)
async def test_admins_do_not_touch_owners_operators_and_themselves(story: Story, action: str) -> None:  # D19
    world = story.world
    await prove_domain(world, story.north)
    for address, role in ((OLGA, Role.MEMBER), (MALLORY, Role.OWNER)):
        await story.join(story.north, address, role)
    async with world.native() as ada:
        await ada.sign_in(ADA)
        assert problem(await story.act(ada, action, of=story.north, who=MALLORY)) == (403, "owners_only")
        assert problem(await story.act(ada, action, of=story.north, who=OLGA)) == (403, "not_managed")
        assert problem(await story.act(ada, action, of=story.north, who=ADA)) == (409, "not_on_oneself")


async def test_an_operator_acts_on_an_account_nobody_manages(story: Story) -> None:  # D19
    async with story.world.native() as olga, story.world.native() as nora:
        await olga.sign_in(OLGA)
        story.people["nora"] = await story.world.get_account()
        answer = await story.act(olga, "end-sessions", who="nora")
        assert answer.json()["is_done"]
        letters = await story.world.letters("nora@north-clinic.example")
        assert any("The operators of Portico did this." in letter.text for letter in letters)
        (event,) = [each for each in await story.events("nora") if each.kind is EventKind.ENDED_BY_ADMIN]
        assert (event.actor_id, event.details["by"]) == (story.people[OLGA].id, "operator")
        await nora.sign_in()
        assert problem(await story.act(nora, "end-sessions", who=MIA)) == (403, "not_allowed")


@pytest.mark.parametrize("as_operator", [False, True])
async def test_it_takes_ones_own_password_and_a_reason(story: Story, *, as_operator: bool) -> None:  # D19
    async with story.world.native() as client:
        await client.sign_in(OLGA if as_operator else ADA)
        of = None if as_operator else story.north
        wrong = (await story.act(client, "suspend-account", of=of, current_password="not-it-1A")).json()
        assert (wrong["is_done"], wrong["failure"]["field"]) == (False, "current_password")
        for reason in ("", " ", "\u200b", "x" * 501):
            assert problem(await story.act(client, "suspend-account", of=of, reason=reason)) == (400, "bad_input")
        assert (await story.mia()).state is AccountState.ACTIVE
        assert (await story.act(client, "suspend-account", of=of, reason="x" * 500)).json()["is_done"]


async def test_a_suspended_organization_does_nothing_to_accounts(story: Story) -> None:  # D19
    changes = story.world.house.organization_changes
    await changes.set_state(AT_THE_MACHINE, story.north.id, 1, OrganizationState.SUSPENDED)
    async with story.world.native() as ada, story.world.native() as olga:
        await ada.sign_in(ADA)
        await olga.sign_in(OLGA)
        assert problem(await story.act(ada, "end-sessions", of=story.north)) == (409, "organization_suspended")
        assert (await story.act(olga, "end-sessions", of=story.north)).json()["is_done"]


async def test_a_role_taken_away_meanwhile_does_nothing(story: Story) -> None:  # D19
    """The decision is made inside the transaction; the membership there is not the one the session began with."""
    house = story.world.house
    async with story.world.native() as ada:
        await ada.sign_in(ADA)
        version = (await house.memberships.get(story.north.id, story.people[ADA].id)).membership.version
        await house.memberships.change(AT_THE_MACHINE, story.north.id, story.people[ADA].id, version, role=Role.SUPPORT)
        assert problem(await story.act(ada, "end-sessions", of=story.north)) == (403, "not_allowed")


async def test_nobodys_mailbox_is_filled_with_links(make_world: MakeWorld) -> None:  # D19, D6
    async with make_world() as world:
        story = await begin(world)
        async with world.native() as ada:
            await ada.sign_in(ADA)
            answers = [await story.act(ada, "send-reset-link", of=story.north) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


async def test_reasons_are_erased_with_the_person(make_world: MakeWorld) -> None:  # D22
    async with make_world(limits=LIFTED) as world:
        story = await begin(world)
        async with world.native() as ada, world.native() as mia:
            await ada.sign_in(ADA)
            await story.act(ada, "end-sessions", of=story.north)
            await mia.sign_in(MIA)
            await mia.call("POST", "/account/deletion", {"current_password": PASSWORD})
            world.clock.at += timedelta(days=14, seconds=1)
            await world.house.runner.run_all_once()
        assert await world.house.accounts.find_account(world.house.database, story.people[MIA].id) is None
        assert "telephone" not in repr(await dump(world.house.database))


@pytest.mark.parametrize("wrong", ["nothing", "01900000-0000-7000-8000-000000000000", "%00", "a" * 500])
async def test_ids_that_are_none_are_nobodys(story: Story, wrong: str) -> None:
    async with story.world.native() as olga, story.world.native() as ada:
        await olga.sign_in(OLGA)
        await ada.sign_in(ADA)
        for action in ALL:
            by_operator = await olga.call("POST", f"/operator/people/{wrong}/{action}", BODY)
            assert problem(by_operator) == (404, "not_found")
            by_admin = await ada.call("POST", f"/organizations/{story.north.id}/members/{wrong}/{action}", BODY)
            assert problem(by_admin) == (404, "not_found")
