"""Policies by the JSON API: looked at, previewed, saved, withdrawn; every refusal names its field (D9, D10)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from portico.organizations.model import Feature, MemberType, Organization, Role
from portico.organizations.policy import PolicyFields
from tests.support.organizations import ask, found, join
from tests.support.world import PASSWORD, Native, World

TOM = "tom@north-clinic.example"


@dataclass
class Admin:
    """Nora, an admin of North Clinic, with a program."""

    world: World
    client: Native
    clinic: Organization

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One call below the clinic's policies."""
        return await self.client.call(method, f"/organizations/{self.clinic.id}/policies{path}", body, **headers)

    async def save(self, fields: dict[str, Any], based_on: int = 0, **more: Any) -> httpx.Response:
        """Save a version for the staff."""
        return await self.call("POST", "/staff", {"based_on": based_on, "fields": fields, **more})


@pytest.fixture
async def admin(free_world: World) -> AsyncIterator[Admin]:
    """Nora, signed in."""
    clinic = await found(free_world, features=frozenset({Feature.PASSWORD_ENFORCEMENT}))
    await join(free_world, clinic, await free_world.get_account(), MemberType.STAFF, Role.ADMIN)
    async with free_world.native() as client:
        await client.sign_in()
        yield Admin(free_world, client, clinic)


async def test_a_policy_is_saved_seen_and_withdrawn(admin: Admin) -> None:  # D9, D10
    saved = await admin.save({"min_length": 15}, reason="the audit")
    assert saved.status_code == 201, saved.text
    assert saved.json()["announced"]["enforced_from"] == "2026-05-18T09:00:00Z"
    assert (saved.json()["enforced"], saved.json()["newest"]) == (None, 1)
    assert (await admin.save({"min_length": 12}, 1, at_once=True)).json()["enforced"]["fields"]["min_length"] == 12
    await admin.save({"min_length": 20}, 2, enforced_from="2026-06-01T00:00:00+02:00")
    withdrawn = await admin.call("POST", "/staff/withdraw", {"based_on": 3, "reason": "too long"})
    assert (withdrawn.status_code, withdrawn.json()["announced"]) == (201, None)
    shown = (await admin.call("GET", "/staff")).json()
    assert [(one["version"]["number"], one["state"], one["by"]) for one in shown["versions"]] == [
        (4, "enforced", "Nora Lindqvist"),
        (3, "replaced", "Nora Lindqvist"),
        (2, "replaced", "Nora Lindqvist"),
        (1, "replaced", "Nora Lindqvist"),
    ]
    assert shown["versions"][0]["changes"] == [{"field": "min_length", "before": 20, "after": 12}]
    assert (shown["versions"][3]["version"]["reason"], shown["before"]) == ("the audit", None)
    older = (await admin.call("GET", "/staff?before=2")).json()
    assert [one["version"]["number"] for one in older["versions"]] == [1]
    everything = (await admin.call("GET", "")).json()
    assert everything["features"] == ["password_enforcement"]
    assert [(one["member_type"], one["newest"]) for one in everything["policies"]] == [
        ("provider", 0),
        ("staff", 4),
        ("patient", 0),
        ("guest", 0),
    ]


async def test_the_second_of_two_is_told_by_whom_and_when(admin: Admin) -> None:  # D10
    await admin.save({"min_length": 15})
    told = await admin.save({"min_length": 20})
    assert (told.status_code, told.json()["code"]) == (409, "policy_changed")
    assert told.json()["params"] == {"number": 1, "by": "Nora Lindqvist", "at": "2026-05-04 09:00 UTC"}
    assert "Version 1 was saved by Nora Lindqvist" in told.json()["detail"]
    nothing = await admin.call("POST", "/patient/withdraw", {"based_on": 0})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "policy_nothing_to_withdraw")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"fields": {"max_age_days": 366}}, "bad_input", "fields.max_age_days"),
        ({"fields": {"history": 25}}, "bad_input", "fields.history"),
        ({"fields": {"reminder_days": [0]}}, "bad_input", "fields.reminder_days"),
        ({"fields": {"mfa": "always"}}, "bad_input", "fields.mfa"),
        ({"fields": {"allowed_factors": []}}, "bad_input", "fields.allowed_factors"),
        ({"fields": {"max_age": 60}}, "bad_input", "fields.max_age"),
        ({"fields": {"composition": "yes"}}, "bad_input", "fields.composition"),
        ({"preset": "lenient"}, "bad_input", "preset"),
        ({"based_on": -1}, "bad_input", "based_on"),
        ({"based_on": 7}, "policy_value_unfit", "based_on"),
        ({"enforced_from": "2026-05-18T09:00:00"}, "bad_input", "enforced_from"),
        ({"enforced_from": "2026-05-04T08:59:59Z"}, "policy_instant_unfit", "enforced_from"),
        ({"enforced_from": "2027-05-04T09:00:01Z"}, "policy_instant_unfit", "enforced_from"),
        ({"enforced_from": "2026-05-18T09:00:00Z", "at_once": True}, "policy_value_unfit", "at_once"),
        ({"reason": "x" * 501}, "bad_input", "reason"),
        ({"fields": {"mfa": "required"}}, "policy_feature_off", "mfa"),
        ({"fields": {"breach_check": True}}, "policy_no_breach_source", "breach_check"),
        ({"fields": {"reminder_days": [3]}}, "policy_fields_clash", "reminder_days"),
        ({"fields": {"session_hours": 1, "idle_hours": 2}}, "policy_fields_clash", "idle_hours"),
    ],
)
async def test_every_refusal_names_its_field(  # D9, D10
    admin: Admin, change: dict[str, Any], code: str, field: str
) -> None:
    told = await admin.call("POST", "/staff", {"based_on": 0, "fields": {}, **change})
    assert (told.status_code, told.json()["code"]) == (400, code), told.text
    assert told.json()["params"]["field"] == field
    assert (await admin.call("GET", "/staff")).json()["policies"]["newest"] == 0


async def test_a_preview_says_whom_it_would_concern_and_changes_nothing(admin: Admin) -> None:  # D10
    admin.world.clock.advance(days=10)
    await admin.client.sign_in()
    body = {"fields": {"max_age_days": 10}, "at_once": True}
    seen = (await admin.call("POST", "/staff/preview", body)).json()
    assert (seen["members"], seen["to_act"], seen["too_old"], seen["after"]) == (1, 1, 1, None)
    assert [(one["name"], one["why"]) for one in seen["people"]] == [("Nora Lindqvist", ["too_old"])]
    assert seen["open_sessions"] >= 1
    assert seen["enforced_from"] == "2026-05-14T09:00:00Z"
    later = (await admin.call("POST", "/staff/preview", {"fields": {"session_hours": 8}})).json()
    assert (later["to_act"], later["people"], later["enforced_from"]) == (0, [], "2026-05-28T09:00:00Z")
    refused = await admin.call("POST", "/staff/preview", {"fields": {"mfa": "required"}})
    assert refused.json()["params"] == {"field": "mfa", "feature": "mfa"}
    assert (await admin.call("GET", "/staff")).json()["policies"]["newest"] == 0


async def test_a_feature_switched_off_is_seen_beside_the_fields_that_rest(admin: Admin) -> None:  # D27
    await admin.save({"min_length": 15, "session_hours": 24}, at_once=True)
    await admin.world.house.database.transact(
        lambda tx: tx.execute("UPDATE organizations SET features = '[]' WHERE id = $1", admin.clinic.id)
    )
    shown = (await admin.call("GET", "/staff")).json()["policies"]["enforced"]
    assert (shown["fields"]["min_length"], shown["idle"]) == (15, ["min_length"])


async def test_a_suspended_organization_is_looked_at_and_not_changed(admin: Admin) -> None:
    await admin.world.house.database.transact(
        lambda tx: tx.execute("UPDATE organizations SET state = 'suspended' WHERE id = $1", admin.clinic.id)
    )
    assert (await admin.call("GET", "")).status_code == 200
    told = await admin.save({"min_length": 15})
    assert (told.status_code, told.json()["code"]) == (409, "organization_suspended")


async def test_roles_decide_and_what_is_not_there_is_not_there(admin: Admin) -> None:  # D27
    tom = await admin.world.add_person(TOM, PASSWORD, first_name="Tom", last_name="Okafor")
    path = f"/organizations/{admin.clinic.id}/policies"
    async with admin.world.native() as client:
        await client.sign_in(TOM)
        assert (await client.call("GET", path)).status_code == 404
        await join(admin.world, admin.clinic, tom, MemberType.STAFF, Role.SUPPORT)
        assert (await client.call("GET", path)).status_code == 200
        body = {"based_on": 0, "fields": {}}
        assert (await client.call("POST", f"{path}/staff", body)).status_code == 403
        assert (await client.call("POST", f"{path}/staff/preview", {"fields": {}})).status_code == 403
    for lost in ("/nurse", "/STAFF", "/staff/nothing"):
        assert (await admin.call("GET", lost)).status_code in (404, 405), lost
    assert (await admin.call("POST", "/nurse", {"based_on": 0, "fields": {}})).status_code == 404


async def test_the_reference_says_what_each_field_asks_and_costs(admin: Admin) -> None:  # D9
    told = (await admin.client.call("GET", "/policy-fields")).json()
    fields = {one["name"]: one for one in told["fields"]}
    assert list(fields) == list(PolicyFields.__struct_fields__)
    assert all(one["asks"] and one["costs"] and all(cost["text"] for cost in one["costs"]) for one in fields.values())
    assert (fields["max_age_days"]["minimum"], fields["max_age_days"]["maximum"]) == (1, 365)
    assert (fields["max_age_days"]["may_be_off"], fields["max_age_days"]["default"]) == (True, None)
    assert [cost["value"] for cost in fields["mfa"]["costs"]] == ["optional", "required"]
    assert (fields["mfa"]["feature"], fields["session_hours"]["feature"]) == ("mfa", None)
    presets = {(one["name"], one["mfa"]): one["fields"] for one in told["presets"]}
    assert presets["nist", "off"]["min_length"] == 15
    assert presets["nist", "required"]["min_length"] == 8
    assert presets["classic", "off"]["max_age_days"] == 60
    german = (await admin.client.call("GET", "/policy-fields", **{"accept-language": "de"})).json()
    assert german["fields"][0]["asks"].startswith("Ein Passwort muss geändert werden")


async def test_what_was_saved_is_asked_of_the_next_password(admin: Admin) -> None:  # D9
    await ask(admin.world, admin.clinic, PolicyFields(min_length=25), member_type=MemberType.STAFF)
    told = (await admin.client.call("GET", "/password-criteria")).json()
    assert told["criteria"][0]["count"] == 25
