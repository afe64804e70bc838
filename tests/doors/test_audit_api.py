"""The trail by the API: operators search and take out all of it, administrators what concerns their organization."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from portico.accounts.model import Account, Profile
from portico.accounts.profile import Profiles
from portico.audit.model import EventKind
from portico.audit.sealing.sealer import seal_batch
from portico.audit.search.service import guarded
from portico.database.engine import Transaction
from portico.organizations import store
from portico.organizations.model import Membership, MembershipState, MemberType, Organization, OrganizationState, Role
from tests.support.trail import NORTH, SOUTH, change, record, verify_by_the_book
from tests.support.world import PASSWORD, START, Native, World

OLGA = "olga@north-clinic.example"
"""An operator."""
TOM = "tom@north-clinic.example"
"""An administrator of the north, and an ordinary member of the south."""
EVENTS, EXPORT = "/operator/audit/events", "/operator/audit/export"
HOSTILE = ("=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", '"quoted", and', "a;b", "ünï\u2028", "'x")


def own(organization_id: str, what: str = "events") -> str:
    """What concerns an organization."""
    return f"/organizations/{organization_id}/audit/{what}"


async def become(world: World, account: Account, *memberships: tuple[str, str, str]) -> None:
    """Be a member of these, and of no others."""
    organizations, now = world.house.organizations, world.clock.now()

    async def body(tx: Transaction) -> None:
        await tx.execute("DELETE FROM memberships WHERE account_id = $1", account.id)
        for organization_id, member_type, role in memberships:
            membership = Membership(
                organization_id=organization_id,
                account_id=account.id,
                member_type=MemberType(member_type),
                role=Role(role),
                state=MembershipState.ACTIVE,
                version=1,
                joined_at=now,
                changed_at=now,
            )
            assert await store.add_membership(tx, membership)
        await organizations.write_belongings(tx, account.id)

    await world.house.database.transact(body)


async def found(world: World, organization_id: str) -> None:
    """An organization with this id."""
    made = Organization(
        id=organization_id,
        name=organization_id,
        name_key=organization_id,
        state=OrganizationState.ACTIVE,
        features=frozenset(),
        version=1,
        created_at=world.clock.now(),
    )
    await world.house.database.transact(lambda tx: store.add_organization(tx, made))


@pytest.fixture
async def tom(free_world: World) -> Account:
    """Tom, and Olga; and the two organizations."""
    for organization_id in (NORTH, SOUTH):
        await found(free_world, organization_id)
    await free_world.add_person(OLGA, PASSWORD, first_name="Olga", last_name="Peters", is_operator=True)
    tom = await free_world.add_person(TOM, PASSWORD, first_name="Tom", last_name="Okafor")
    await become(free_world, tom, (NORTH, "staff", "admin"), (SOUTH, "patient", "member"))
    return tom


@pytest.fixture
async def toms(free_world: World, tom: Account) -> AsyncIterator[Native]:
    """Tom's client."""
    async with free_world.native() as client:
        await client.sign_in(TOM)
        yield client


@pytest.fixture
async def olgas(free_world: World, tom: Account) -> AsyncIterator[Native]:
    """Olga's client."""
    async with free_world.native() as client:
        await client.sign_in(OLGA)
        yield client


async def seal(world: World) -> None:
    while await seal_batch(world.house.database):
        pass


async def get(client: Native, path: str) -> dict[str, list[dict[str, object]]]:
    """A good answer."""
    answer = await client.call("GET", path)
    assert answer.status_code == 200, answer.text
    document: dict[str, list[dict[str, object]]] = answer.json()
    return document


async def kinds(client: Native, path: str) -> list[object]:
    return [event["kind"] for event in (await get(client, path))["events"]]


async def test_an_operator_finds_what_happened_newest_first(free_world: World, olgas: Native) -> None:
    nora = await free_world.get_account()
    free_world.clock.advance(minutes=1)
    await record(free_world.house.database, NORTH, subject_id=nora.id, at=free_world.clock.now())
    (event, *_rest) = (await get(olgas, EVENTS))["events"]
    assert event == {
        "id": event["id"],
        "at": "2026-05-04T09:01:00Z",
        "kind": "sign_in.succeeded",
        "subject": {"id": nora.id, "name": "Nora Lindqvist", "address": "nora@north-clinic.example"},
        "actor": None,
        "session_id": None,
        "organizations": [NORTH],
        "details": {"reason": "wörd", "count": 0},
        "is_sealed": False,
    }
    await seal(free_world)
    (event, *_rest) = (await get(olgas, EVENTS))["events"]
    assert event["is_sealed"] is True


@pytest.mark.parametrize("is_sealed", [False, True])
async def test_filters_narrow_what_is_found(free_world: World, olgas: Native, tom: Account, is_sealed: bool) -> None:
    database, nora = free_world.house.database, await free_world.get_account()
    later = START + timedelta(hours=2)
    await record(database, NORTH, kind=EventKind.SESSION_ENDED, subject_id=nora.id, actor_id=tom.id, at=later)
    await record(database, kind=EventKind.SESSIONS_ENDED, subject_id=nora.id, at=later + timedelta(minutes=1))
    await record(database, SOUTH, kind=EventKind.DEVICE_FORGOTTEN, subject_id=nora.id, at=later + timedelta(minutes=2))
    if is_sealed:
        await seal(free_world)
    for query, found in {
        "from=2026-05-04T11:00:00Z": ["device.forgotten", "session.all_ended", "session.ended"],
        "kind=session.&subject=" + nora.id: ["session.all_ended", "session.ended"],
        "kind=session": ["session.all_ended", "session.ended"],
        "kind=session.ended": ["session.ended"],
        f"actor={tom.id}&kind=session.": ["session.ended"],
        "from=2026-05-04T11:01:00Z&to=2026-05-04T11:02:00Z": ["session.all_ended"],
        "from=2026-05-04T13:01:00%2B02:00&to=2026-05-04T13:02:00%2B02:00": ["session.all_ended"],
        f"organization={NORTH}&subject={nora.id}": ["session.ended"],
        f"organization={SOUTH}&subject={nora.id}": ["device.forgotten"],
        "organization=none&from=2026-05-04T11:00:00Z": ["session.all_ended"],
        "kind=mail": [],
        f"subject={NORTH}": [],
    }.items():
        assert await kinds(olgas, f"{EVENTS}?{query}") == found, query


@pytest.mark.parametrize("organization", ["", NORTH], ids=["everywhere", "one"])
async def test_pages_follow_one_another_without_a_gap(free_world: World, olgas: Native, organization: str) -> None:
    database = free_world.house.database
    for number in range(3):
        await record(database, NORTH, kind=EventKind.PICTURE_CHANGED, count=40, at=START + timedelta(hours=number))
        if number < 2:
            await seal(free_world)
    query = f"{EVENTS}?kind=account.picture_changed" + (f"&organization={organization}" if organization else "")
    seen: list[object] = []
    before = ""
    while True:
        page = await get(olgas, query + before)
        seen += [event["id"] for event in page["events"]]
        if page["next_before"] is None:
            break
        before = f"&before={page['next_before']}"
    assert len(seen) == len(set(map(str, seen))) == 120
    assert seen == sorted(seen, key=str, reverse=True)


NONSENSE = (
    "kind=nonsense", "kind=session.nonsense", "kind=%25", "kind=.", "subject=x", "actor='--", "organization=x",
    "before=x", "from=yesterday", "from=2026-05-04", "from=2026-05-04T11:00:00", "to=-", "limit=5", "format=xml",
    "from=2026-05-04T11:00:00Z&to=2026-05-04T11:00:00Z", "kind=session.&kind=mail.", "subject=" + "x" * 5000,
    "from=9999-12-31T23:59:59-23:59&to=0001-01-01T00:00:00Z", "to=1e400", "before=%00",
)  # fmt: skip


async def test_a_question_that_makes_no_sense_is_refused(olgas: Native, toms: Native) -> None:
    for client, path in ((olgas, EVENTS), (olgas, EXPORT), (toms, own(NORTH)), (toms, own(NORTH, "export"))):
        for query in NONSENSE:
            answer = await client.call("GET", f"{path}?{query}")
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_input"), (path, answer.text)


async def test_an_administrator_sees_what_concerns_their_organization_and_nothing_else(
    free_world: World, toms: Native, tom: Account
) -> None:
    database, nora = free_world.house.database, await free_world.get_account()
    await record(database, SOUTH, kind=EventKind.DEVICE_FORGOTTEN, subject_id=nora.id)
    await record(database, kind=EventKind.HANDLE_CHANGED, subject_id=nora.id)
    await record(database, NORTH, SOUTH, kind=EventKind.PICTURE_CHANGED, subject_id=nora.id, actor_id=tom.id)
    for _ in range(2):
        found = (await get(toms, own(NORTH)))["events"]
        shown = [event for event in found if event["kind"] != "sign_in.succeeded"]
        assert [event["kind"] for event in shown] == ["account.picture_changed"]
        assert shown[0]["organizations"] == [NORTH], "where else somebody belongs is not told"
        assert shown[0]["subject"] == {"id": nora.id, "name": "Nora Lindqvist", "address": nora.address}
        text = json.dumps(found)
        assert SOUTH not in text
        await seal(free_world)
    told = (await toms.call("GET", own(NORTH, "export"))).text
    assert SOUTH not in told
    assert verify_by_the_book(told.encode().splitlines())
    table = (await toms.call("GET", own(NORTH, "export?format=csv"))).text
    assert SOUTH not in table
    assert "account.picture_changed" in table


@pytest.mark.parametrize("what", ["events", "export", "export?format=csv"])
async def test_an_organization_one_does_not_administer_is_not_there(
    free_world: World, toms: Native, tom: Account, what: str
) -> None:
    await record(free_world.house.database, SOUTH)
    assert (await toms.call("GET", own(SOUTH, what))).status_code == 403, "an ordinary member"
    for organization in ("0199d2f4-7a10-7c3e-9b1a-4f2d8e6c0a15", "none", "x", "%00", "%27--", "*"):
        answer = await toms.call("GET", own(organization, what))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), organization
    assert (await toms.call("GET", EVENTS)).status_code == 403
    await become(free_world, tom, (NORTH, "staff", "support"))
    assert (await toms.call("GET", own(NORTH, what))).status_code == 403, "the role is that of now"
    await become(free_world, tom, (NORTH, "staff", "owner"))
    assert (await toms.call("GET", own(NORTH, what))).status_code == 200
    rows = await free_world.house.database.list_rows("SELECT id FROM audit_events WHERE kind = 'audit.exported'")
    assert len(rows) == (0 if what == "events" else 1), "and nothing is recorded of what did not happen"


async def test_an_export_is_itself_an_event(free_world: World, toms: Native, olgas: Native, tom: Account) -> None:
    assert (await toms.call("GET", own(NORTH, "export"))).status_code == 200
    assert (await olgas.call("GET", f"{EXPORT}?format=csv")).status_code == 200
    by_olga, by_tom = (await get(olgas, f"{EVENTS}?kind=audit.exported"))["events"]
    if by_olga["organizations"]:
        by_olga, by_tom = by_tom, by_olga
    assert (by_tom["organizations"], by_tom["details"], by_tom["subject"]) == ([NORTH], {"format": "jsonl"}, None)
    assert by_tom["actor"] == {"id": tom.id, "name": "Tom Okafor", "address": TOM}
    assert (by_olga["organizations"], by_olga["details"]) == ([], {"format": "csv"})
    assert "audit.exported" in await kinds(toms, own(NORTH)), "an organization's administrators see who took it out"


async def test_a_whole_export_proves_itself(free_world: World, olgas: Native) -> None:
    database, nora = free_world.house.database, await free_world.get_account()
    await record(database, NORTH, SOUTH, subject_id=nora.id, count=600)
    await seal(free_world)
    answer = await olgas.call("GET", EXPORT)
    assert answer.headers["content-type"] == "application/jsonl; charset=utf-8"
    lines = answer.content.splitlines()
    assert verify_by_the_book(lines)
    assert json.loads(lines[0])["is_whole"] is True
    assert {line["organization_id"] for line in map(json.loads, lines[1:])} == {NORTH, SOUTH, ""}
    part = (await olgas.call("GET", f"{EXPORT}?organization={NORTH}&kind=sign_in.succeeded")).content.splitlines()
    assert json.loads(part[0])["is_whole"] is False
    assert len(part) == 601
    one = (await olgas.call("GET", f"{EXPORT}?organization={SOUTH}")).content.splitlines()
    assert verify_by_the_book(one)
    assert len(one) == 601


async def test_names_are_those_of_then_and_gone_once_erased(free_world: World, olgas: Native) -> None:  # D22
    house, nora = free_world.house, await free_world.get_account()
    await seal(free_world)
    profile = Profile(first_name="Nora", last_name="Ekström")

    async def rename(tx: Transaction) -> None:
        await Profiles(house.audit, ()).change_profile(tx, START, nora, profile, nora.version)

    await house.database.transact(rename)
    await seal(free_world)
    found = (await get(olgas, f"{EVENTS}?subject={nora.id}"))["events"]
    names = {str(event["kind"]): event["subject"]["name"] for event in found}  # type: ignore[index]
    assert names == {"account.profile_changed": "Nora Ekström", "account.created": "Nora Lindqvist"}
    await change(house.database, "UPDATE accounts SET delete_at = 1 WHERE id = $1", nora.id)
    await house.deletions.erase_due()
    await seal(free_world)
    answer = await olgas.call("GET", EXPORT)
    assert verify_by_the_book(answer.content.splitlines()), "the trail holds"
    table = (await olgas.call("GET", f"{EXPORT}?format=csv")).text
    for text in (answer.text, table):
        assert nora.id in text
        assert "Lindqvist" not in text
        assert "Ekström" not in text
        assert nora.address not in text


async def test_an_erasure_is_told_to_the_organizations_it_concerns(free_world: World, toms: Native) -> None:
    nora = await free_world.get_account()
    await become(free_world, nora, (NORTH, "patient", "member"))
    await change(free_world.house.database, "UPDATE accounts SET delete_at = 1 WHERE id = $1", nora.id)
    await free_world.house.deletions.erase_due()
    (event,) = (await get(toms, own(NORTH, "events?kind=account.erased")))["events"]
    assert event["subject"] == {"id": nora.id, "name": None, "address": None}


async def test_hostile_names_stay_text_in_a_spreadsheet(free_world: World, olgas: Native) -> None:
    house = free_world.house
    for number, name in enumerate(HOSTILE):
        await free_world.add_person(f"p{number}@north-clinic.example", "", first_name=name, last_name="")
    answer = await olgas.call("GET", f"{EXPORT}?format=csv&kind=account.created")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert all(len(row) == 13 and None not in row for row in rows)
    names = {row["subject_name"] for row in rows}
    assert names >= {"'=HYPERLINK(1)", "'+1", "'-1", "'@SUM(A1)", '"quoted", and', "a;b", "'x"}
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values())
    assert len(rows) == len(await house.database.list_rows("SELECT id FROM accounts"))


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_what_a_spreadsheet_would_take_for_a_formula_is_guarded(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    assert guarded(f"x{cell}") == f"x{cell}"
    assert guarded("") == ""


async def test_rows_altered_by_hand_are_shown_as_they_are(free_world: World, olgas: Native) -> None:
    """Search and export do not stumble; what is wrong is the verifier's to say."""
    sql = (
        "INSERT INTO audit_events (id, at, kind, details, organizations) "
        "VALUES ('0199d2f4-7a10-7c3e-9b1a-4f2d8e6c0a15', $1, 'no.kind', 'no JSON', 'neither')"
    )
    await change(free_world.house.database, sql, 1 << 61)
    event = next(event for event in (await get(olgas, EVENTS))["events"] if event["kind"] == "no.kind")
    assert (event["details"], event["organizations"]) == ({"unreadable": "no JSON"}, [])
    await seal(free_world)
    answer: httpx.Response = await olgas.call("GET", EXPORT)
    assert verify_by_the_book(answer.content.splitlines())
    assert (await olgas.call("GET", f"{EXPORT}?format=csv")).status_code == 200
