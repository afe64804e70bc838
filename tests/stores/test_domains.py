"""Domains: claimed, proven by a record of the name system, claimed by two and had by one, released (D19)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portico.accounts.model import Account
from portico.audit.model import EventKind
from portico.database.engine import Database, Transaction
from portico.kernel.errors import BadInput, NotAllowed, NotFound
from portico.kernel.normalise import address_key, domain_key
from portico.organizations.domains.lookup import DnsRecords, read_server
from portico.organizations.domains.service import DOMAINS_MAX
from portico.organizations.faults import DomainTaken, OrganizationSuspended, PublicDomain, TooManyDomains
from portico.organizations.managing import find_managing
from portico.organizations.model import Organization, OrganizationState, Role
from portico.organizations.rules import AT_THE_MACHINE, Actor
from tests.support.clinics import Clinics
from tests.support.dns_server import Mood, NameServer, name_server

DOMAIN = "north-clinic.example"
SOON = timedelta(milliseconds=300)
NAME = f"_portico-challenge.{DOMAIN}"


@pytest.fixture
async def dns() -> AsyncIterator[NameServer]:
    """A name server."""
    async with name_server() as running:
        yield running


@pytest.fixture
def clinics(database: Database, dns: NameServer) -> Clinics:
    """Organizations whose domains are looked up there."""
    return Clinics(database, records=DnsRecords(dns.address))


@pytest.fixture
async def north(clinics: Clinics) -> Organization:
    return await clinics.open()


async def admin(clinics: Clinics, organization: Organization, name: str = "Ada") -> Actor:
    """An admin there."""
    return (await clinics.member(organization, name, Role.ADMIN))[1]


async def test_a_domain_is_claimed_and_proven_by_its_record(
    clinics: Clinics, north: Organization, dns: NameServer
) -> None:  # D19
    ada = await admin(clinics, north)
    claim = await clinics.domains.claim(ada, north.id, "North-Clinic.Example")
    assert (claim.domain, claim.record_name, claim.verified_at) == (DOMAIN, NAME, None)
    assert claim.record_value == f"portico-domain={claim.challenge}"
    assert len(claim.challenge) == 43
    assert await clinics.domains.claim(ada, north.id, DOMAIN) == claim, "claiming again changes nothing"
    tried = await clinics.domains.verify(ada, north.id, DOMAIN)
    assert tried.failure is not None
    assert tried.failure.code == "organizations.domain.no_record"
    dns.records[NAME] = ["v=spf1 -all", "portico-domain=" + "x" * 43]
    tried = await clinics.domains.verify(ada, north.id, DOMAIN)
    assert tried.failure is not None
    assert tried.failure.code == "organizations.domain.wrong_record"
    assert tried.failure.params == {"name": NAME, "value": claim.record_value}
    dns.records[NAME] += [f" {claim.record_value} "]
    proven = await clinics.domains.verify(ada, north.id, DOMAIN)
    assert proven.failure is None
    assert proven.domain.verified_at is not None
    asked = len(dns.asked)
    assert (await clinics.domains.verify(ada, north.id, DOMAIN)).domain == proven.domain
    assert len(dns.asked) == asked, "what is proven is not asked for again"
    assert await clinics.domains.list_claimed(north.id) == [proven.domain]
    assert [kind for kind in await clinics.kinds(north) if kind.value.startswith("organization.domain")] == [
        EventKind.DOMAIN_CLAIMED, EventKind.DOMAIN_VERIFIED,
    ]  # fmt: skip


async def test_a_proven_domain_makes_the_organization_manage_its_people(
    clinics: Clinics, north: Organization, dns: NameServer
) -> None:  # D19
    ada, (mia, _) = await admin(clinics, north), await clinics.member(north, "Mia")

    async def manager() -> Organization | None:
        account: Account | None = await clinics.accounts.find_account(clinics.database, mia.id)
        assert account is not None
        return await find_managing(clinics.database, account)

    claim = await clinics.domains.claim(ada, north.id, DOMAIN)
    assert await manager() is None, "a claim alone is worth nothing"
    dns.records[NAME] = [claim.record_value]
    await clinics.domains.verify(ada, north.id, DOMAIN)
    assert await manager() == north
    await clinics.domains.release(ada, north.id, DOMAIN)
    assert await manager() is None
    with pytest.raises(NotFound):
        await clinics.domains.release(ada, north.id, DOMAIN)
    again = await clinics.domains.claim(ada, north.id, DOMAIN)
    assert again.challenge != claim.challenge, "the old record proves nothing any more"


@pytest.mark.parametrize("mood", ["silent", "fails", "refuses", "babbles"])
async def test_a_server_that_does_not_answer_is_told_apart(database: Database, dns: NameServer, mood: Mood) -> None:
    clinics = Clinics(database, records=DnsRecords(dns.address, SOON))
    north = await clinics.open()
    await clinics.domains.claim(AT_THE_MACHINE, north.id, DOMAIN)
    dns.mood = mood
    tried = await asyncio.wait_for(clinics.domains.verify(AT_THE_MACHINE, north.id, DOMAIN), 10)
    assert tried.failure is not None
    assert tried.failure.code == "organizations.domain.server_away"
    assert dns.asked


async def test_nobody_listening_is_a_server_away() -> None:
    async with name_server() as gone:
        address = gone.address
    assert await DnsRecords(address, SOON).list_txt(NAME) is None


async def test_a_cut_answer_is_asked_for_again_and_long_texts_are_whole(dns: NameServer) -> None:
    dns.is_cut = True
    dns.records[NAME] = ["x" * 700, "", "y"]
    assert sorted(await DnsRecords(dns.address).list_txt(NAME) or []) == ["", "x" * 700, "y"]
    dns.is_cut, dns.records[NAME] = False, []
    assert await DnsRecords(dns.address).list_txt(NAME) == [], "the name is there and has no such record"


async def test_names_no_server_can_be_asked_for_have_no_records(dns: NameServer) -> None:
    for name in ("a" * 64 + ".example", ".".join(["a" * 60] * 5)):
        assert await DnsRecords(dns.address).list_txt(name) == []
    assert dns.asked == []


async def test_of_two_who_claim_a_domain_one_has_it_and_the_other_is_told(
    clinics: Clinics, north: Organization, dns: NameServer
) -> None:  # D19
    south = await clinics.open("South Clinic")
    ada, bo = await admin(clinics, north), await admin(clinics, south, "Bo")
    norths = await clinics.domains.claim(ada, north.id, DOMAIN)
    souths = await clinics.domains.claim(bo, south.id, DOMAIN)
    dns.records[NAME] = [norths.record_value, souths.record_value]
    assert (await clinics.domains.verify(ada, north.id, DOMAIN)).failure is None
    with pytest.raises(DomainTaken):
        await clinics.domains.verify(bo, south.id, DOMAIN)
    with pytest.raises(DomainTaken):
        await clinics.domains.verify_by_word(AT_THE_MACHINE, south.id, DOMAIN)
    west = await clinics.open("West Clinic")
    with pytest.raises(DomainTaken):
        await clinics.domains.claim(AT_THE_MACHINE, west.id, DOMAIN)
    await clinics.domains.release(ada, north.id, DOMAIN)
    assert (await clinics.domains.verify(bo, south.id, DOMAIN)).failure is None


async def test_of_many_who_prove_one_domain_at_once_one_has_it(
    clinics: Clinics, dns: NameServer, race_width: int
) -> None:  # D19
    organizations = [await clinics.open(f"Clinic {number}") for number in range(race_width // 2)]
    dns.records[NAME] = [
        (await clinics.domains.claim(AT_THE_MACHINE, each.id, DOMAIN)).record_value for each in organizations
    ]
    done: list[Any] = await asyncio.gather(
        *(clinics.domains.verify(AT_THE_MACHINE, each.id, DOMAIN) for each in organizations), return_exceptions=True
    )
    assert sum(isinstance(each, DomainTaken) for each in done) == len(organizations) - 1, done
    rows = await clinics.database.list_rows("SELECT 1 AS one FROM organization_domains WHERE verified_at IS NOT NULL")
    assert len(rows) == 1


async def test_a_claim_that_was_made_anew_meanwhile_is_not_proven_by_the_old_record(
    database: Database, dns: NameServer
) -> None:
    """While the name system is asked, somebody releases the domain and claims it again."""

    class Slow:
        """Answers after something else has happened."""

        def __init__(self) -> None:
            self.asked, self.go = asyncio.Event(), asyncio.Event()

        async def list_txt(self, name: str) -> list[str] | None:
            """What the name server says, once it may."""
            self.asked.set()
            await self.go.wait()
            return await DnsRecords(dns.address).list_txt(name)

    slow = Slow()
    clinics = Clinics(database, records=slow)
    north = await clinics.open()
    claim = await clinics.domains.claim(AT_THE_MACHINE, north.id, DOMAIN)
    dns.records[NAME] = [claim.record_value]
    proving = asyncio.create_task(clinics.domains.verify(AT_THE_MACHINE, north.id, DOMAIN))
    await slow.asked.wait()
    await clinics.domains.release(AT_THE_MACHINE, north.id, DOMAIN)
    await clinics.domains.claim(AT_THE_MACHINE, north.id, DOMAIN)
    slow.go.set()
    with pytest.raises(NotFound):
        await proving
    assert [each.verified_at for each in await clinics.domains.list_claimed(north.id)] == [None]


async def test_operators_take_a_domain_for_proven_by_word(clinics: Clinics, north: Organization) -> None:  # D19
    ada = await admin(clinics, north)
    with pytest.raises(NotFound):
        await clinics.domains.verify_by_word(AT_THE_MACHINE, north.id, DOMAIN)
    await clinics.domains.claim(ada, north.id, DOMAIN)
    with pytest.raises(NotAllowed):
        await clinics.domains.verify_by_word(ada, north.id, DOMAIN)
    proven = await clinics.domains.verify_by_word(AT_THE_MACHINE, north.id, DOMAIN)
    assert proven.verified_at is not None
    assert await clinics.domains.verify_by_word(AT_THE_MACHINE, north.id, DOMAIN) == proven


@pytest.mark.parametrize("role", [Role.MEMBER, Role.SUPPORT])
async def test_domains_are_for_admins(clinics: Clinics, north: Organization, role: Role) -> None:  # D27
    _, sam = await clinics.member(north, "Sam", role)
    south = await clinics.open("South Clinic")
    mallory = await admin(clinics, south, "Mallory")
    await clinics.domains.claim(AT_THE_MACHINE, north.id, DOMAIN)
    for actor, refusal in ((sam, NotAllowed), (mallory, NotFound)):
        for work in (
            clinics.domains.claim(actor, north.id, "other.example"),
            clinics.domains.verify(actor, north.id, DOMAIN),
            clinics.domains.release(actor, north.id, DOMAIN),
        ):
            with pytest.raises(refusal):
                await work


async def test_a_suspended_organization_claims_nothing(clinics: Clinics, north: Organization) -> None:
    ada = await admin(clinics, north)
    await clinics.domains.claim(ada, north.id, DOMAIN)
    await clinics.changes.set_state(AT_THE_MACHINE, north.id, 1, OrganizationState.SUSPENDED)
    for work in (
        clinics.domains.claim(ada, north.id, "other.example"),
        clinics.domains.verify(ada, north.id, DOMAIN),
        clinics.domains.release(ada, north.id, DOMAIN),
    ):
        with pytest.raises(OrganizationSuspended):
            await work


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "north", "127.0.0.1", "[::1]", "north.example.", ".example", "a..example", "-a.example", "a_b.example",
        "nora@north.example", "https://north.example", "north.example/x", "x" * 64 + ".example", "a." * 130 + "example",
        "\0.example", "\ud800.example", "x" * 5_000, "*.example",
    ],
)  # fmt: skip
async def test_what_is_no_domain_is_refused(clinics: Clinics, north: Organization, typed: str) -> None:
    for work in (
        clinics.domains.claim(AT_THE_MACHINE, north.id, typed),
        clinics.domains.verify(AT_THE_MACHINE, north.id, typed),
        clinics.domains.release(AT_THE_MACHINE, north.id, typed),
    ):
        with pytest.raises(BadInput):
            await work


@pytest.mark.parametrize("typed", ["gmail.com", "GMX.de", "co.uk", "Outlook.COM", "github.io"])
async def test_what_is_everybodys_is_nobodys(clinics: Clinics, north: Organization, typed: str) -> None:
    with pytest.raises(PublicDomain):
        await clinics.domains.claim(AT_THE_MACHINE, north.id, typed)


async def test_international_names_are_one_with_their_a_labels(clinics: Clinics, north: Organization) -> None:
    claim = await clinics.domains.claim(AT_THE_MACHINE, north.id, "  KLINIK-süd.Example ")
    assert claim.domain == "xn--klinik-sd-x9a.example"
    assert await clinics.domains.claim(AT_THE_MACHINE, north.id, claim.domain) == claim


@given(st.from_regex(r"[a-zäöüßéA-Z0-9]{1,12}\.[a-zA-Z]{2,5}", fullmatch=True))
@settings(max_examples=300)
def test_a_domains_key_is_that_of_its_addresses(domain: str) -> None:  # D1, D19
    key, address = domain_key(domain), address_key(f"nora@{domain}")
    assert (address.rpartition("@")[2] if address else None) == key


async def test_nobody_claims_without_end(clinics: Clinics, north: Organization) -> None:
    async def body(tx: Transaction) -> None:
        for number in range(DOMAINS_MAX):
            await tx.execute(
                "INSERT INTO organization_domains (organization_id, domain, challenge, claimed_at) "
                "VALUES ($1, $2, 'x', 1)",
                north.id,
                f"d{number}.example",
            )

    await clinics.database.transact(body)
    with pytest.raises(TooManyDomains):
        await clinics.domains.claim(AT_THE_MACHINE, north.id, DOMAIN)


@pytest.mark.parametrize(
    ("typed", "server"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)), ("127.0.0.1:5353", ("127.0.0.1", 5353)), ("::1", ("::1", 53)),
        ("[2001:db8::1]:53", ("2001:db8::1", 53)),
    ],
)  # fmt: skip
def test_a_name_server_is_an_ip_address(typed: str, server: tuple[str, int]) -> None:
    assert read_server(typed) == server


@pytest.mark.parametrize(
    "typed", ["localhost", "1.2.3", "1.2.3.4:0", "1.2.3.4:70000", "1.2.3.4:", "x", "[::1", "::1:x"]
)
def test_what_is_no_name_server_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_server(typed)
