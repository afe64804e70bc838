"""Domains through the JSON API: claim, record, proof, and the clear answers in between (D19)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from portico.organizations.model import MemberType, Role
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.dns_server import NameServer, name_server
from tests.support.world import LIFTED, PASSWORD, MakeWorld, Native, World

DOMAIN = "north-clinic.example"
NAME = f"_portico-challenge.{DOMAIN}"
BO = "bo@south-clinic.example"


@asynccontextmanager
async def clinic(make_world: MakeWorld) -> AsyncIterator[tuple[World, Native, str, NameServer]]:
    """A deployment that asks a name server of ours, with Nora as an admin of North Clinic; its id."""
    async with name_server() as dns, make_world(limits=LIFTED, dns_server=dns.address) as world, world.native() as nora:
        north = await world.house.organization_changes.add(AT_THE_MACHINE, "North Clinic")
        account = await world.get_account()
        await world.house.memberships.add(AT_THE_MACHINE, north.id, account, MemberType.STAFF, Role.ADMIN)
        await nora.sign_in()
        yield world, nora, north.id, dns


def problem(answer: httpx.Response) -> tuple[int, str]:
    """A refusal: its status and its code."""
    return answer.status_code, answer.json()["code"]


async def test_a_domain_is_proven_step_by_step(make_world: MakeWorld) -> None:  # D19
    async with clinic(make_world) as (_, nora, organization_id, dns):
        place = f"/organizations/{organization_id}/domains"
        claimed = (await nora.call("POST", place, {"domain": "NORTH-clinic.example"})).json()
        assert claimed == {
            "domain": DOMAIN, "record_name": NAME, "record_value": claimed["record_value"],
            "claimed_at": "2026-05-04T09:00:00Z", "verified_at": None,
        }  # fmt: skip
        none = (await nora.call("POST", f"{place}/{DOMAIN}/verify")).json()
        assert none["failure"]["code"] == "organizations.domain.no_record"
        assert none["failure"]["text"].startswith(f"There is no TXT record at {NAME} yet.")
        dns.records[NAME] = ["portico-domain=somebody-elses"]
        wrong = (await nora.call("POST", f"{place}/{DOMAIN}/verify?language=de")).json()
        assert wrong["failure"]["code"] == "organizations.domain.wrong_record"
        assert claimed["record_value"] in wrong["failure"]["text"]
        dns.records[NAME] = [claimed["record_value"]]
        proven = (await nora.call("POST", f"{place}/{DOMAIN}/verify")).json()
        assert (proven["failure"], proven["domain"]["verified_at"]) == (None, "2026-05-04T09:00:00Z")
        assert (await nora.call("GET", place)).json() == {"domains": [proven["domain"]]}
        assert (await nora.call("DELETE", f"{place}/{DOMAIN}")).status_code == 204
        assert problem(await nora.call("DELETE", f"{place}/{DOMAIN}")) == (404, "not_found")


async def test_a_domain_another_organization_has_is_told(make_world: MakeWorld) -> None:  # D19
    async with clinic(make_world) as (world, nora, organization_id, dns), world.native() as bos:
        south = await world.house.organization_changes.add(AT_THE_MACHINE, "South Clinic")
        bo = await world.add_person(BO, PASSWORD, handle="bo.south")
        await world.house.memberships.add(AT_THE_MACHINE, south.id, bo, MemberType.STAFF, Role.ADMIN)
        await bos.sign_in(BO)
        norths, souths = (f"/organizations/{each}/domains" for each in (organization_id, south.id))
        body = {"domain": DOMAIN}
        values = [
            (await client.call("POST", place, body)).json()["record_value"]
            for client, place in ((nora, norths), (bos, souths))
        ]
        dns.records[NAME] = values
        assert (await bos.call("POST", f"{souths}/{DOMAIN}/verify")).json()["failure"] is None
        late = await nora.call("POST", f"{norths}/{DOMAIN}/verify")
        assert problem(late) == (409, "domain_taken")
        assert late.json()["title"] == "Another organization has proven this domain"
        assert "South" not in late.text, "whose it is, is nobody's business"
        assert problem(await nora.call("DELETE", f"{souths}/{DOMAIN}")) == (404, "not_found")


async def test_what_cannot_be_claimed_is_refused(make_world: MakeWorld) -> None:
    async with clinic(make_world) as (_, nora, organization_id, dns):
        place = f"/organizations/{organization_id}/domains"
        assert problem(await nora.call("POST", place, {"domain": "gmail.com"})) == (400, "public_domain")
        for typed in ("", "clinic", "127.0.0.1", "x" * 300):
            assert problem(await nora.call("POST", place, {"domain": typed})) == (400, "bad_input")
        for path in ("nothing", "%00", "a" * 400):
            assert (await nora.call("POST", f"{place}/{path}/verify")).status_code in (400, 404)
        assert problem(await nora.call("POST", f"{place}/{DOMAIN}/verify")) == (404, "not_found")
        assert dns.asked == []


async def test_an_operators_word_is_enough(make_world: MakeWorld) -> None:  # D19
    async with clinic(make_world) as (world, nora, organization_id, dns), world.native() as olga:
        await world.add_person("olga@north-clinic.example", PASSWORD, is_operator=True)
        await olga.sign_in("olga@north-clinic.example")
        word = f"/operator/organizations/{organization_id}/domains/{DOMAIN}/verify"
        assert problem(await olga.call("POST", word)) == (404, "not_found")
        await nora.call("POST", f"/organizations/{organization_id}/domains", {"domain": DOMAIN})
        assert problem(await nora.call("POST", word)) == (403, "not_allowed")
        assert (await olga.call("POST", word)).json()["verified_at"] is not None
        assert dns.asked == []
