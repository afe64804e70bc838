"""Inviting people: by those who may, one or many, and without learning who has an account (D27)."""

import asyncio
from typing import Any

import pytest

from portico.audit.model import EventKind
from portico.organizations.model import Organization, Role
from tests.doors.test_timing import SAMPLES, TOO_FAR, rank_distance, timed
from tests.support.dump import dump
from tests.support.invitations import (
    ADMIN,
    INVITEE,
    OWNER,
    act,
    add_admin,
    add_member,
    add_organization,
    invitation_letters,
    invite,
    invite_all,
    mailed_invitation,
    set_organization_state,
    try_invite,
)
from tests.support.refusals import assert_refused
from tests.support.world import ADDRESS, LIFTED, MakeWorld, Native, World


@pytest.fixture
async def clinic(world: World) -> Organization:
    """An organization with an admin and an owner."""
    organization = await add_organization(world)
    await add_admin(world, organization)
    await add_admin(world, organization, OWNER, Role.OWNER)
    return organization


async def outcomes(client: Native, clinic: Organization, addresses: list[str]) -> list[str]:
    answer = await invite_all(client, clinic, addresses)
    assert answer.status_code == 200, answer.text
    return [line["outcome"] for line in answer.json()["lines"]]


async def listed(client: Native, clinic: Organization, query: str = "") -> list[dict[str, Any]]:
    answer = await client.call("GET", f"/organizations/{clinic.id}/invitations{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["invitations"]
    return found


async def test_an_admin_invites_and_a_mail_says_who_and_as_what(world: World, clinic: Organization) -> None:  # D27
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        invitation = await invite(ada, clinic)
        assert invitation["status"] == "open"
        assert invitation["mails"] == 0
        (letter,) = await invitation_letters(world)
        assert "Ada Berg invites you to join North Clinic at Portico." in letter.text
        assert "You would be one of its providers." in letter.text
        assert "you choose a password of your own" in letter.text
        assert "If you do not know North Clinic, ignore this mail; nothing has changed in your account." in letter.text
        (now,) = await listed(ada, clinic)
        assert now["mails"] == 1
        assert "token" not in str(now)


async def test_whether_an_address_has_an_account_shows_in_its_mail_alone(world: World, clinic: Organization) -> None:
    # D27, D6
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        known = await invite(ada, clinic, ADDRESS)
        unknown = await invite(ada, clinic, INVITEE)
        blank = {"id": "", "address": ""}
        assert {**known, **blank} == {**unknown, **blank}
        assert "sign in with the account you have" in (await invitation_letters(world, ADDRESS))[0].text
        first, second = await listed(ada, clinic)
        assert {**first, **blank} == {**second, **blank}
        await act(ada, clinic, known, "resend")
        await act(ada, clinic, unknown, "resend")
        assert await outcomes(ada, clinic, [ADDRESS, INVITEE]) == ["already_invited"] * 2


async def test_inviting_takes_the_same_time_whoever_is_meant(make_world: MakeWorld) -> None:  # D27, rule 7
    async with make_world(limits=LIFTED) as world, world.native() as ada:
        clinic = await add_organization(world)
        await add_admin(world, clinic)
        await ada.sign_in(ADMIN)
        taken: list[list[int]] = [[], []]
        for number in range(SAMPLES):
            for side in (number % 2, 1 - number % 2):
                name = f"person{number}.{side}@south-clinic.example"
                if side:
                    await world.add_person(name, password="")
                await invite(ada, clinic, f"warm{number}.{side}@south-clinic.example")
                taken[side].append(await timed(invite(ada, clinic, name)))
    z = rank_distance(*taken)
    assert abs(z) < TOO_FAR, f"the times of known and unknown differ: z = {z:.1f}"


async def test_nobody_offers_more_than_they_may(world: World, clinic: Organization) -> None:  # D27
    support = await add_admin(world, clinic, "sue@north-clinic.example", Role.SUPPORT)
    async with world.native() as ada, world.native() as olof, world.native() as sue, world.native() as nora:
        await ada.sign_in(ADMIN)
        await olof.sign_in(OWNER)
        await sue.sign_in(support.address)
        await nora.sign_in(ADDRESS)
        for role in ("admin", "owner"):
            assert_refused(await try_invite(ada, clinic, role=role), 403)
            assert_refused(await invite_all(ada, clinic, [INVITEE], role=role), 403)
        before = await listed(ada, clinic)
        assert before == []
        offered = await invite(olof, clinic, role="admin")
        assert offered["role"] == "admin"
        # An admin neither takes it back nor makes it less; nor does support invite anybody.
        assert_refused(await act(ada, clinic, offered, "revoke"), 403)
        assert_refused(await try_invite(ada, clinic, role="member"), 403)
        assert_refused(await try_invite(sue, clinic, "kim@south-clinic.example"), 403)
        for verb in ("resend", "revoke"):
            assert_refused(await act(sue, clinic, offered, verb), 403)
        for verb in ("resend", "revoke"):
            assert_refused(await act(nora, clinic, offered, verb), 404)
        assert_refused(await try_invite(nora, clinic), 404)
        assert (await invite(ada, clinic, "kim@south-clinic.example", role="support"))["role"] == "support"


async def test_another_organizations_invitations_are_not_there(world: World, clinic: Organization) -> None:  # D27
    other = await add_organization(world, "South Clinic")
    await add_admin(world, other, "eve@south-clinic.example", Role.OWNER)
    async with world.native() as ada, world.native() as eve:
        await ada.sign_in(ADMIN)
        await eve.sign_in("eve@south-clinic.example")
        invitation = await invite(ada, clinic)
        for verb in ("resend", "revoke"):
            assert_refused(await act(eve, other, invitation, verb), 404)
            assert_refused(await act(eve, clinic, invitation, verb), 404)
        assert await listed(eve, other) == []
        assert [one["status"] for one in await listed(ada, clinic)] == ["open"]


async def test_inviting_again_sends_a_new_link_and_the_older_is_dead(world: World, clinic: Organization) -> None:  # D27
    async with world.native() as ada, world.browser() as ida:
        await ada.sign_in(ADMIN)
        first = await invite(ada, clinic)
        old = await mailed_invitation(world)
        world.clock.advance(days=13)
        await ada.sign_in(ADMIN)
        again = await invite(ada, clinic, member_type="guest")
        assert again["id"] == first["id"]
        assert again["member_type"] == "guest"
        assert again["expires_at"] > first["expires_at"]
        new = await mailed_invitation(world)
        assert new != old
        assert_refused(await ida.get(old), 404)
        assert (await ida.get(new)).status_code == 303
        assert len(await listed(ada, clinic)) == 1


async def test_an_invitation_lives_fourteen_days_to_the_last_second(world: World, clinic: Organization) -> None:  # D27
    async with world.native() as ada, world.browser() as ida:
        await ada.sign_in(ADMIN)
        await invite(ada, clinic)
        link = await mailed_invitation(world)
        world.clock.advance(days=14)
        assert (await ida.get(link)).status_code == 303
        world.clock.advance(seconds=1)
        gone = await ida.get(link)
        assert_refused(gone, 410)
        assert "expired" in gone.text
        await ada.sign_in(ADMIN)
        assert [one["status"] for one in await listed(ada, clinic, "?status=expired")] == ["expired"]
        assert await listed(ada, clinic, "?status=open") == []
        await invite(ada, clinic)  # the same address may be invited anew
        assert [one["status"] for one in await listed(ada, clinic)] == ["open"]
        assert (await ida.get(await mailed_invitation(world))).status_code == 303


async def test_five_mails_a_day_and_no_more(world: World, clinic: Organization) -> None:  # D27
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        invitation = await invite(ada, clinic)
        for _ in range(3):
            assert (await act(ada, clinic, invitation, "resend")).status_code == 200
            await invitation_letters(world)
        # Taking it back and inviting anew makes no more of them.
        assert (await act(ada, clinic, invitation, "revoke")).status_code == 200
        fresh = await invite(ada, clinic)
        assert_refused(await act(ada, clinic, fresh, "resend"), 429)
        assert_refused(await try_invite(ada, clinic), 429)
        await act(ada, clinic, fresh, "revoke")
        assert await outcomes(ada, clinic, [INVITEE, "kim@south-clinic.example"]) == ["limit", "invited"]
        assert len(await invitation_letters(world)) == 4  # the fifth was taken back before its mail was made
        world.clock.advance(days=1)
        await ada.sign_in(ADMIN)
        assert (await try_invite(ada, clinic)).status_code == 201


async def test_a_thousand_mails_of_one_organization_and_then_they_come_slower(
    world: World, clinic: Organization
) -> None:  # D27
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        people = [f"p{number}@south-clinic.example" for number in range(1_001)]
        assert set(await outcomes(ada, clinic, people[:500]) + await outcomes(ada, clinic, people[500:1_000])) == {
            "invited"
        }
        assert await outcomes(ada, clinic, [people[1_000]]) == ["limit"]
        assert_refused(await try_invite(ada, clinic, people[1_000]), 429)
        world.clock.advance(seconds=4)
        assert await outcomes(ada, clinic, [people[1_000]]) == ["invited"]


async def test_of_many_lines_each_is_judged_alone(world: World, clinic: Organization) -> None:  # D27
    member = await world.add_person("max@north-clinic.example")
    await add_member(world, clinic, member)
    nonsense = [
        "",
        "  ",
        "ida",
        "ida@",
        "@south-clinic.example",
        "a@b@c",
        "x" * 4_000,
        "\U0001f600",
        "=cmd()",
        "a\x00@b",
    ]
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        lines = ["max@NORTH-clinic.example", INVITEE, "IDA@South-Clinic.example", *nonsense, "kim@south-clinic.example"]
        answer = await invite_all(ada, clinic, lines)
        told = [line["outcome"] for line in answer.json()["lines"]]
        assert told == ["already_member", "invited", "already_invited", *["not_an_address"] * len(nonsense), "invited"]
        assert [line["line"] for line in answer.json()["lines"]] == list(range(1, len(lines) + 1))
        assert answer.json()["counts"]["not_an_address"] == len(nonsense)
        assert_refused(await try_invite(ada, clinic, "max@north-clinic.example"), 409)
        for wrong in ([], ["a@b.example"] * 501):
            assert_refused(await invite_all(ada, clinic, wrong), 400)
        assert_refused(await try_invite(ada, clinic, "nonsense"), 400)
        assert_refused(await try_invite(ada, clinic, language="xx"), 400)
        assert_refused(await try_invite(ada, clinic, member_type="emperor"), 400)


async def test_a_suspended_member_is_not_revived(world: World, clinic: Organization) -> None:  # D27
    member = await world.add_person("max@north-clinic.example")
    await add_member(world, clinic, member)
    sql = "UPDATE memberships SET state = 'suspended' WHERE account_id = $1"
    await world.house.database.transact(lambda tx: tx.execute(sql, member.id))
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        told = await try_invite(ada, clinic, member.address)
        assert_refused(told, 409)
        assert told.json()["code"] == "member_suspended"
        assert await outcomes(ada, clinic, [member.address]) == ["member_suspended"]


async def test_a_suspended_organization_invites_nobody(world: World, clinic: Organization) -> None:  # D27
    async with world.native() as ada, world.browser() as ida:
        await ada.sign_in(ADMIN)
        invitation = await invite(ada, clinic)
        link = await mailed_invitation(world)
        await set_organization_state(world, clinic, "suspended")
        for answer in (
            await try_invite(ada, clinic, "kim@south-clinic.example"),
            await invite_all(ada, clinic, ["kim@south-clinic.example"]),
            await act(ada, clinic, invitation, "resend"),
        ):
            assert_refused(answer, 409)
            assert answer.json()["code"] == "organization_suspended"
        assert_refused(await ida.get(link), 410)
        await set_organization_state(world, clinic, "active")
        assert (await ida.get(link)).status_code == 303


async def test_what_waits_to_be_mailed_is_dropped_when_it_is_taken_back(world: World, clinic: Organization) -> None:
    # D27, rule 10
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        invitation = await invite(ada, clinic)
        await world.house.mail_requests.queue_mails()
        await act(ada, clinic, invitation, "revoke")
        assert await invitation_letters(world) == []
        assert [mail.status for mail in await world.house.mail_overview.list_mails(recipient=INVITEE)] == ["dropped"]
        await invite(ada, clinic, "kim@south-clinic.example")
        await set_organization_state(world, clinic, "suspended")
        assert await invitation_letters(world, "kim@south-clinic.example") == []


async def test_an_invitation_is_taken_back_once(world: World, clinic: Organization) -> None:  # D27
    async with world.native() as ada, world.browser() as ida:
        await ada.sign_in(ADMIN)
        invitation = await invite(ada, clinic)
        link = await mailed_invitation(world)
        first = await act(ada, clinic, invitation, "revoke")
        assert first.json()["status"] == "revoked"
        assert (await act(ada, clinic, invitation, "revoke")).json() == first.json()
        told = await act(ada, clinic, invitation, "resend")
        assert_refused(told, 409)
        assert told.json()["code"] == "invitation_over"
        gone = await ida.get(link)
        assert_refused(gone, 410)
        assert "taken back" in gone.text
        events = [one for one in await recorded(world) if one == EventKind.INVITATION_REVOKED.value]
        assert len(events) == 1


async def test_fifty_who_invite_one_address_at_once_make_one_invitation(
    free_world: World, race_width: int
) -> None:  # D27, rule 1
    clinic = await add_organization(free_world)
    await add_admin(free_world, clinic)
    async with free_world.native() as ada:
        await ada.sign_in(ADMIN)
        answers = await asyncio.gather(*(try_invite(ada, clinic) for _ in range(race_width)))
        assert {answer.status_code for answer in answers} <= {201, 409, 429}
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
        assert len(await listed(ada, clinic)) == 1
        assert len(await invitation_letters(free_world)) <= 5


async def test_invitations_are_listed_page_by_page(world: World, clinic: Organization) -> None:  # D27
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        people = [f"p{number}@south-clinic.example" for number in range(120)]
        for start in range(0, 120, 40):
            await outcomes(ada, clinic, people[start : start + 40])
            world.clock.advance(seconds=1)
        seen: list[str] = []
        before = ""
        while True:
            page = (await ada.call("GET", f"/organizations/{clinic.id}/invitations?before={before}")).json()
            seen += [one["address"] for one in page["invitations"]]
            before = page["before"]
            if before is None:
                break
        assert sorted(seen) == sorted(people)
        assert len(seen) == 120
        assert_refused(await ada.call("GET", f"/organizations/{clinic.id}/invitations?before=1"), 400)
        assert_refused(await ada.call("GET", f"/organizations/{clinic.id}/invitations?status=lost"), 400)


async def test_events_name_the_organization_and_nobody_who_was_invited(world: World, clinic: Organization) -> None:
    # D27
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        await act(ada, clinic, await invite(ada, clinic, ADDRESS), "revoke")
    rows = (await dump(world.house.database))["audit_events"]
    kinds = {EventKind.INVITATION_SENT.value, EventKind.INVITATION_REVOKED.value}
    found = [row for row in rows if any(kind in repr(row) for kind in kinds)]
    nora = await world.get_account()
    assert len(found) == 2
    for row in found:
        assert clinic.id in repr(row)
        assert nora.id not in repr(row)
        assert not [value for _name, value in row if isinstance(value, str) and "@" in value]


async def test_old_invitations_are_swept_and_an_erased_persons_go_with_them(
    world: World, clinic: Organization
) -> None:  # D27
    house = world.house
    async with world.native() as ada:
        await ada.sign_in(ADMIN)
        await invite(ada, clinic, ADDRESS)
        await invite(ada, clinic, INVITEE)
        nora = await world.get_account()
        await house.database.transact(lambda tx: house.invitations.erase(tx, nora))
        assert [one["address"] for one in await listed(ada, clinic)] == [INVITEE]
        world.clock.advance(days=14 + 90)
        await house.runner.run_all_once()
        await ada.sign_in(ADMIN)
        assert len(await listed(ada, clinic)) == 1
        world.clock.advance(minutes=1)
        await house.runner.run_all_once()
        await ada.sign_in(ADMIN)
        assert await listed(ada, clinic) == []


async def recorded(world: World) -> list[str]:
    """The kinds of what was recorded."""
    rows = await world.house.database.list_rows("SELECT kind FROM audit_events ORDER BY at")
    return [row["kind"] for row in rows]
