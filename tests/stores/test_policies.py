"""Saving policies: versions that follow one another, two who change one at once, and what cannot be asked (D9, D10)."""

import asyncio
import json
from datetime import timedelta

import pytest

from portico.database.deployment import POLICY_REVISION, find_number
from portico.database.engine import Database
from portico.kernel.errors import BadInput, NotAllowed, NotFound, NotSignedIn, PorticoError
from portico.kernel.tokens import NOBODY
from portico.organizations.faults import OrganizationSuspended
from portico.organizations.model import Feature, MemberType, Role
from portico.organizations.policies.model import (
    Draft,
    FeatureSwitchedOff,
    NoBreachSource,
    NothingToWithdraw,
    PolicyChanged,
    PolicyFieldsClash,
    UnfitInstant,
    UnfitPolicyValue,
    VersionState,
)
from portico.organizations.policy import (
    NOTHING_ASKED,
    Mfa,
    PolicyFields,
    PolicyVersion,
    Preset,
    SecondFactor,
    preset_fields,
)
from portico.organizations.rules import AT_THE_MACHINE
from tests.support.acting import actor
from tests.support.asking import Clinic, open_clinic
from tests.support.rows import DAY, add_account, let_act

STAFF = MemberType.STAFF
LONG = PolicyFields(min_length=15)
LONGER = PolicyFields(min_length=20)
NORA = actor("account-nora")


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """An organization with all features."""
    return await open_clinic(database)


async def test_a_version_is_enforced_in_two_weeks_unless_it_is_said_otherwise(clinic: Clinic) -> None:  # D10
    draft = Draft(fields=LONG, based_on=0)
    saved = await clinic.policies.save(clinic.organization.id, STAFF, draft, AT_THE_MACHINE)
    assert (saved.number, saved.enforced_from) == (1, clinic.clock.now() + 14 * DAY)
    current = await clinic.policies.get_current(clinic.organization.id, STAFF)
    assert (current.newest, current.enforced, current.announced, current.rehearsed) == (1, None, saved, None)
    at_once = await clinic.save(LONGER)
    assert at_once.enforced_from == clinic.clock.now()
    current = await clinic.policies.get_current(clinic.organization.id, STAFF)
    assert (current.newest, current.enforced, current.announced) == (2, at_once, None)


async def test_each_type_of_member_has_policies_of_its_own(clinic: Clinic) -> None:  # D9, S102
    await clinic.save(LONG, member_type=MemberType.PROVIDER)
    current = {one.member_type: one for one in await clinic.policies.list_current(clinic.organization.id)}
    assert set(current) == set(MemberType)
    assert [one.newest for one in current.values()] == [1, 0, 0, 0]


async def test_what_stands_in_a_list_is_kept_in_order(clinic: Clinic) -> None:
    fields = PolicyFields(
        max_age_days=60,
        reminder_days=(1, 10, 3, 10),
        mfa=Mfa.REQUIRED,
        allowed_factors=(SecondFactor.PASSKEY, SecondFactor.TOTP),
    )
    saved = await clinic.save(fields)
    assert saved.fields.reminder_days == (10, 3, 1)
    assert saved.fields.allowed_factors == (SecondFactor.TOTP, SecondFactor.PASSKEY)


async def test_of_fifty_who_save_at_once_one_does_and_all_others_are_told(  # D10
    clinic: Clinic, race_width: int, race_rounds: int
) -> None:
    await clinic.join("nora", role=Role.ADMIN)
    for round_number in range(race_rounds):
        drafts = [
            Draft(fields=PolicyFields(session_hours=hours), based_on=round_number, at_once=True)
            for hours in range(1, race_width + 1)
        ]
        answers = await asyncio.gather(
            *(clinic.policies.save(clinic.organization.id, STAFF, draft, NORA) for draft in drafts),
            return_exceptions=True,
        )
        saved = [answer for answer in answers if isinstance(answer, PolicyVersion)]
        told = [answer for answer in answers if isinstance(answer, PolicyChanged)]
        assert (len(saved), len(told)) == (1, race_width - 1), answers
        assert {error.params["number"] for error in told} == {round_number + 1}
        assert {error.params["by"] for error in told} == {"Nora Lindqvist"}
        assert {error.params["at"] for error in told} == {"2026-05-04 09:00 UTC"}
        current = await clinic.policies.get_current(clinic.organization.id, STAFF)
        assert current.enforced == saved[0]
    rows = await clinic.database.list_rows("SELECT kind FROM audit_events WHERE kind = 'policy.saved'")
    assert len(rows) == race_rounds


async def test_whoever_saw_an_older_version_changes_nothing(clinic: Clinic) -> None:
    first = await clinic.save(LONG)
    with pytest.raises(PolicyChanged):
        await clinic.save(LONGER, based_on=0)
    with pytest.raises(PolicyChanged):
        await clinic.policies.withdraw(clinic.organization.id, STAFF, based_on=0, reason="", actor=AT_THE_MACHINE)
    with pytest.raises(UnfitPolicyValue) as refused:
        await clinic.save(LONGER, based_on=2)
    assert refused.value.params["field"] == "based_on"
    assert (await clinic.policies.get_current(clinic.organization.id, STAFF)).enforced == first


@pytest.mark.parametrize(
    ("fields", "error", "field"),
    [
        (PolicyFields(max_age_days=10, reminder_days=(10,)), PolicyFieldsClash, "reminder_days"),
        (PolicyFields(reminder_days=(3,)), PolicyFieldsClash, "reminder_days"),
        (PolicyFields(session_hours=8, idle_hours=9), PolicyFieldsClash, "idle_hours"),
    ],
)
async def test_fields_that_do_not_go_together_are_refused(
    clinic: Clinic, fields: PolicyFields, error: type[PorticoError], field: str
) -> None:
    with pytest.raises(error) as refused:
        await clinic.save(fields)
    assert refused.value.params["field"] == field
    assert (await clinic.policies.get_current(clinic.organization.id, STAFF)).newest == 0


@pytest.mark.parametrize(
    ("features", "fields", "field", "feature"),
    [
        (set(), PolicyFields(history=6), "history", "password_enforcement"),
        ({Feature.MFA}, PolicyFields(force_change=True), "force_change", "password_enforcement"),
        (set(), PolicyFields(mfa=Mfa.REQUIRED), "mfa", "mfa"),
        ({Feature.PASSWORD_ENFORCEMENT}, PolicyFields(mfa=Mfa.OPTIONAL), "mfa", "mfa"),
    ],
)
async def test_what_needs_a_feature_is_refused_without_it(  # D27
    database: Database, features: set[Feature], fields: PolicyFields, field: str, feature: str
) -> None:
    clinic = await open_clinic(database, features=frozenset(features))
    with pytest.raises(FeatureSwitchedOff) as refused:
        await clinic.save(fields)
    assert refused.value.params == {"field": field, "feature": feature}


async def test_what_asks_nothing_needs_no_feature(database: Database) -> None:  # D27
    clinic = await open_clinic(database, features=frozenset(), has_breach_source=False)
    saved = await clinic.save(PolicyFields(email_code=False, trusted_device=False, session_hours=24))
    assert saved.fields.session_hours == 24


async def test_a_breach_check_needs_a_source(database: Database) -> None:  # D2
    clinic = await open_clinic(database, has_breach_source=False)
    with pytest.raises(NoBreachSource) as refused:
        await clinic.save(preset_fields(Preset.NIST))
    assert refused.value.params["field"] == "breach_check"


@pytest.mark.parametrize("days", [-1, 366])
async def test_an_instant_in_the_past_or_too_far_ahead_is_refused(clinic: Clinic, days: int) -> None:  # D10
    with pytest.raises(UnfitInstant) as refused:
        await clinic.save(LONG, in_days=days)
    assert refused.value.params == {"field": "enforced_from", "days": 365}
    assert (await clinic.save(LONG, in_days=0)).enforced_from == clinic.clock.now()
    assert (await clinic.save(LONG, in_days=365)).number == 2


async def test_at_once_and_an_instant_are_two_answers(clinic: Clinic) -> None:
    draft = Draft(fields=LONG, based_on=0, at_once=True, enforced_from=clinic.clock.now())
    with pytest.raises(UnfitPolicyValue) as refused:
        await clinic.policies.save(clinic.organization.id, STAFF, draft, AT_THE_MACHINE)
    assert refused.value.params["field"] == "at_once"


async def test_a_reason_is_one_line_of_at_most_five_hundred_characters(clinic: Clinic) -> None:
    saved = await clinic.save(LONG, reason=" after\nthe\taudit " + "x" * 480)
    assert saved.reason == "after the audit " + "x" * 480
    with pytest.raises(BadInput) as refused:
        await clinic.save(LONGER, reason="x" * 501)
    assert refused.value.params == {"field": "reason"}


async def test_an_organization_suspended_in_between_saves_nothing(clinic: Clinic) -> None:
    await clinic.join("nora", role=Role.OWNER)
    await clinic.save(LONG, in_days=3, by=NORA)
    await clinic.set("state", "suspended")
    with pytest.raises(OrganizationSuspended):
        await clinic.save(LONGER, by=NORA)
    with pytest.raises(OrganizationSuspended):
        await clinic.policies.withdraw(clinic.organization.id, STAFF, based_on=1, reason="", actor=NORA)
    current = await clinic.policies.get_current(clinic.organization.id, STAFF)
    assert (current.newest, current.announced is None) == (1, False)


async def test_only_admins_save_and_a_role_that_is_lost_in_between_counts_no_more(clinic: Clinic) -> None:  # D27
    await clinic.join("nora", role=Role.ADMIN)
    await clinic.join("tom", role=Role.SUPPORT)
    await let_act(clinic.database, (await add_account(clinic.database, "stranger")).id)
    await clinic.save(LONG, by=NORA)
    for name, refused in (("tom", NotAllowed), ("stranger", NotFound), ("nobody", NotSignedIn)):
        with pytest.raises(refused):
            await clinic.save(LONGER, by=actor(f"account-{name}"))
    await clinic.database.transact(
        lambda tx: tx.execute("UPDATE memberships SET role = 'support' WHERE account_id = $1", "account-nora")
    )
    with pytest.raises(NotAllowed):
        await clinic.save(LONGER, by=NORA)
    assert (await clinic.policies.get_current(clinic.organization.id, STAFF)).newest == 1


async def test_an_organization_that_is_not_there_has_no_policies(clinic: Clinic) -> None:
    for organization_id in (NOBODY, "../x", ""):
        with pytest.raises(NotFound):
            await clinic.policies.list_current(organization_id)
        with pytest.raises(NotFound):
            await clinic.policies.save(organization_id, STAFF, Draft(fields=LONG, based_on=0), AT_THE_MACHINE)


async def test_a_feature_switched_off_afterwards_leaves_a_policy_that_asks_nothing(clinic: Clinic) -> None:  # D27
    member = await clinic.join("nora")
    await clinic.save(PolicyFields(min_length=15, session_hours=24))
    before = await clinic.stand(member)
    assert before.enforced.min_length.value == 15
    await clinic.set("features", "[]")
    after = await clinic.stand(member)
    assert (after.enforced.min_length.value, after.enforced.session_hours.value) == (8, 24)
    assert after.stamp != before.stamp
    assert (await clinic.policies.get_current(clinic.organization.id, STAFF)).newest == 1
    await clinic.set("features", '["password_enforcement"]')
    assert (await clinic.stand(member)).enforced == before.enforced


async def test_every_change_is_recorded_and_told_to_all_servers(clinic: Clinic) -> None:  # D10
    await clinic.join("nora", role=Role.ADMIN)
    before = await find_number(clinic.database, POLICY_REVISION)
    await clinic.save(LONG, by=NORA)
    await clinic.save(PolicyFields(min_length=15, history=6), in_days=3, rehearsal=True, by=NORA)
    assert await find_number(clinic.database, POLICY_REVISION) == before + 2
    rows = await clinic.database.list_rows(
        "SELECT actor_id, details, organizations FROM audit_events WHERE kind = 'policy.saved' ORDER BY id"
    )
    assert {row["organizations"] for row in rows} == {json.dumps([clinic.organization.id])}
    told = sorted((json.loads(row["details"]) for row in rows), key=lambda details: details["number"])
    common = {"member_type": "staff", "withdraws": 0}
    assert told == [
        {**common, "number": 1, "based_on": 0, "changed": "min_length", "rehearsal": 0, "in_days": 0, "at_once": 1},
        {**common, "number": 2, "based_on": 1, "changed": "history", "rehearsal": 1, "in_days": 3, "at_once": 0},
    ]


async def test_what_is_refused_leaves_no_trace(clinic: Clinic) -> None:
    before = await find_number(clinic.database, POLICY_REVISION)
    with pytest.raises(PolicyFieldsClash):
        await clinic.save(PolicyFields(reminder_days=(3,)))
    assert await find_number(clinic.database, POLICY_REVISION) == before
    assert not await clinic.database.list_rows("SELECT kind FROM audit_events WHERE kind = 'policy.saved'")


async def test_a_rehearsal_begins_at_once_and_asks_nothing(clinic: Clinic) -> None:  # D10
    member = await clinic.join("nora")
    await clinic.save(LONG)
    stamp = (await clinic.stand(member)).stamp
    draft = Draft(fields=LONGER, based_on=1, rehearsal=True)
    rehearsed = await clinic.policies.save(clinic.organization.id, STAFF, draft, AT_THE_MACHINE)
    current = await clinic.policies.get_current(clinic.organization.id, STAFF)
    assert (current.rehearsed, current.announced) == (rehearsed, None)
    standing = await clinic.stand(member)
    assert (standing.stamp, standing.enforced.min_length.value) == (stamp, 15)
    assert standing.rehearsed is not None
    assert standing.rehearsed.min_length.value == 20


async def test_what_is_announced_can_be_withdrawn(clinic: Clinic) -> None:  # D10
    clinic_id, member = clinic.organization.id, await clinic.join("nora")
    with pytest.raises(NothingToWithdraw):
        await clinic.policies.withdraw(clinic_id, STAFF, based_on=0, reason="", actor=AT_THE_MACHINE)
    first = await clinic.save(LONG)
    clinic.clock.advance(days=30)
    await clinic.save(LONGER, in_days=14)
    withdrawn = await clinic.policies.withdraw(clinic_id, STAFF, based_on=2, reason="too long", actor=AT_THE_MACHINE)
    assert (withdrawn.fields, withdrawn.enforced_from) == (first.fields, first.enforced_from)
    clinic.clock.advance(days=20)
    standing = await clinic.stand(member)
    assert (standing.enforced.min_length.value, standing.announced) == (15, None)
    with pytest.raises(NothingToWithdraw):
        await clinic.policies.withdraw(clinic_id, STAFF, based_on=3, reason="", actor=AT_THE_MACHINE)


async def test_a_first_version_and_a_rehearsal_can_be_withdrawn(clinic: Clinic) -> None:  # D10
    await clinic.save(LONG, in_days=14)
    withdrawn = await clinic.policies.withdraw(
        clinic.organization.id, STAFF, based_on=1, reason="", actor=AT_THE_MACHINE
    )
    assert (withdrawn.fields, withdrawn.enforced_from) == (NOTHING_ASKED, clinic.clock.now())
    await clinic.save(LONG, rehearsal=True)
    await clinic.policies.withdraw(clinic.organization.id, STAFF, based_on=3, reason="", actor=AT_THE_MACHINE)
    current = await clinic.policies.get_current(clinic.organization.id, STAFF)
    assert (current.rehearsed, current.newest) == (None, 4)


async def test_nobody_changes_a_password_twice_because_another_field_was_changed(clinic: Clinic) -> None:  # D9
    member = await clinic.join("nora")
    asked_at = clinic.clock.now()
    await clinic.save(PolicyFields(force_change=True))
    clinic.clock.advance(days=1)
    await clinic.save(PolicyFields(force_change=True, history=6))
    clinic.clock.advance(days=1)
    await clinic.save(PolicyFields(force_change=True, history=12), in_days=3)
    await clinic.policies.withdraw(clinic.organization.id, STAFF, based_on=3, reason="", actor=AT_THE_MACHINE)
    assert (await clinic.stand(member)).enforced.changed_since.value == asked_at
    await clinic.save(PolicyFields(history=6))
    assert (await clinic.stand(member)).enforced.changed_since.value is None
    again = await clinic.save(PolicyFields(force_change=True))
    assert (await clinic.stand(member)).enforced.changed_since.value == again.created_at


async def test_the_history_says_what_changed_by_whom_and_what_became_of_it(clinic: Clinic) -> None:  # D10
    await clinic.join("nora", role=Role.ADMIN)
    await clinic.save(LONG, by=NORA, reason="the audit")
    await clinic.save(PolicyFields(min_length=15, history=6), in_days=14)
    await clinic.save(PolicyFields(history=6), in_days=7)
    await clinic.save(LONGER, rehearsal=True)
    entries = await clinic.policies.list_history(clinic.organization.id, STAFF)
    assert [(entry.version.number, entry.state, entry.by) for entry in entries] == [
        (4, VersionState.REHEARSED, None),
        (3, VersionState.ANNOUNCED, None),
        (2, VersionState.OVERTAKEN, None),
        (1, VersionState.ENFORCED, "Nora Lindqvist"),
    ]
    assert entries[3].version.reason == "the audit"
    changed = [[(change.field, change.before, change.after) for change in entry.changes] for entry in entries]
    assert changed == [
        [("history", 6, 0), ("min_length", 8, 20)],
        [("min_length", 15, 8)],
        [("history", 0, 6)],
        [("min_length", 8, 15)],
    ]
    clinic.clock.advance(days=30)
    entries = await clinic.policies.list_history(clinic.organization.id, STAFF, limit=2)
    assert [entry.state for entry in entries] == [VersionState.REHEARSED, VersionState.ENFORCED]
    older = await clinic.policies.list_history(clinic.organization.id, STAFF, before=3, limit=1)
    assert [(entry.version.number, entry.state) for entry in older] == [(2, VersionState.REPLACED)]
    assert [change.field for change in older[0].changes] == ["history"]


async def test_the_clock_steps_over_the_day(clinic: Clinic) -> None:  # D10
    member = await clinic.join("nora")
    await clinic.save(LONG, in_days=14)
    clinic.clock.at += 14 * DAY - timedelta(microseconds=1)
    assert (await clinic.stand(member)).enforced.min_length.value == 8
    clinic.clock.at += timedelta(microseconds=1)
    standing = await clinic.stand(member)
    assert (standing.enforced.min_length.value, standing.announced) == (15, None)
    assert standing.enforced.min_length.organizations == ("North Clinic",)
