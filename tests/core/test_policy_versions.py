"""Versions over time: which is in force, announced, rehearsed; and the stamp that names what stands (D9, D10)."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.organizations.model import Belonging
from portico.organizations.policies import rules
from portico.organizations.policies.model import UnfitPolicyValue, UnknownPolicyField, VersionState
from portico.organizations.policies.reference import FIELDS, FieldKind
from portico.organizations.policies.standing import NOTHING_TO_MEET, Standings
from portico.organizations.policies.store import StandingVersion
from portico.organizations.policy import (
    NOTHING_ASKED,
    PolicyFields,
    PolicyVersion,
    Preset,
    find_announced,
    find_enforced,
    find_rehearsed,
    in_order,
    preset_fields,
)
from tests.support.amounts import FEWER
from tests.support.generated_policies import features, instants, policy_fields, standings, version_rows

MICROSECOND = timedelta(microseconds=1)


def number(version: PolicyVersion | None) -> int:
    """Its number; 0 for none."""
    return version.number if version else 0


@FEWER
@given(version_rows(), instants, instants)
def test_what_is_in_force_only_moves_on(  # D10
    versions: list[PolicyVersion], one: datetime, other: datetime
) -> None:
    earlier, later = sorted((one, other))
    assert number(find_enforced(versions, earlier)) <= number(find_enforced(versions, later))


@FEWER
@given(version_rows(), instants)
def test_a_rehearsal_is_never_in_force_nor_announced(versions: list[PolicyVersion], now: datetime) -> None:  # D10
    for found in (find_enforced(versions, now), find_announced(versions, now)):
        assert found is None or not found.rehearsal
    rehearsed = find_rehearsed(versions, now)
    assert rehearsed is None or (rehearsed.rehearsal and rehearsed.number == len(versions))


@FEWER
@given(version_rows(), instants)
def test_what_is_announced_comes_into_force_on_its_day_and_nothing_before(  # D10
    versions: list[PolicyVersion], now: datetime
) -> None:
    enforced, announced = find_enforced(versions, now), find_announced(versions, now)
    if announced is None:
        end = max((version.enforced_from for version in versions), default=now)
        assert find_enforced(versions, max(now, end)) == enforced
        return
    assert announced.enforced_from > now
    assert announced.number > number(enforced)
    assert find_enforced(versions, announced.enforced_from - MICROSECOND) == enforced
    assert find_enforced(versions, announced.enforced_from) == announced


@FEWER
@given(version_rows(), instants)
def test_a_version_that_is_overtaken_never_comes_into_force(  # D10
    versions: list[PolicyVersion], now: datetime
) -> None:
    times = [version.enforced_from for version in versions if version.enforced_from > now]
    ever = {number(find_enforced(versions, at)) for at in [now, *times]}
    for version in versions:
        state = rules.state_of(version, versions, now)
        match state:
            case VersionState.ENFORCED:
                assert version == find_enforced(versions, now)
            case VersionState.ANNOUNCED:
                assert find_enforced(versions, version.enforced_from) == version
            case VersionState.OVERTAKEN:
                assert version.number not in ever
            case VersionState.REPLACED:
                assert version.number < number(find_enforced(versions, now))
            case VersionState.REHEARSED:
                assert version == find_rehearsed(versions, now)
            case VersionState.REHEARSAL_ANNOUNCED:
                assert version.rehearsal
                assert version.enforced_from > now
            case VersionState.REHEARSAL_OVER:
                assert version.number < len(versions)
    announced = find_announced(versions, now)
    states = {rules.state_of(version, versions, now) for version in versions}
    assert (announced is not None) == (VersionState.ANNOUNCED in states)


def key_of(found: list[StandingVersion], belongings: list[Belonging], now: datetime) -> object:
    """What a stamp has to tell apart, said at length."""
    parts = set()
    for belonging in belongings:
        own = [
            one
            for one in found
            if (one.version.organization_id, one.version.member_type)
            == (belonging.organization_id, belonging.member_type)
        ]
        versions = [one.version for one in own]
        numbers = (number(find_enforced(versions, now)), number(find_announced(versions, now)))
        if any(numbers):
            parts.add((belonging.organization_id, belonging.member_type, *numbers, own[0].features))
    return frozenset(parts)


@FEWER
@given(standings(), st.data(), instants)
def test_equal_standings_have_equal_stamps(  # D9
    given_standing: tuple[list[StandingVersion], list[Belonging]], data: st.DataObject, now: datetime
) -> None:
    found, belongings = given_standing
    mixed, turned = data.draw(st.permutations(found)), data.draw(st.permutations(belongings))
    stamp = Standings().stand(found, belongings, now).stamp
    assert Standings().stand(mixed, turned, now).stamp == stamp
    assert (stamp == NOTHING_TO_MEET) == (key_of(found, belongings, now) == frozenset())


@FEWER
@given(standings(), instants, instants, features, st.data())
def test_any_change_of_what_stands_changes_the_stamp(  # D9
    given_standing: tuple[list[StandingVersion], list[Belonging]],
    now: datetime,
    then: datetime,
    switched: frozenset[Any],
    data: st.DataObject,
) -> None:
    """Another time, other features of one organization, or one version fewer."""
    found, belongings = given_standing
    changed, at = list(found), now
    match data.draw(st.sampled_from(["time", "features", "version"])):
        case "time":
            at = then
        case "features" if found:
            name = data.draw(st.sampled_from(sorted({one.organization for one in found})))
            changed = [
                StandingVersion(one.version, one.organization, switched) if one.organization == name else one
                for one in found
            ]
        case "version" if found:
            changed.remove(data.draw(st.sampled_from(found)))
    before, after = Standings().stand(found, belongings, now), Standings().stand(changed, belongings, at)
    is_same = key_of(found, belongings, now) == key_of(changed, belongings, at)
    assert (before.stamp == after.stamp) == is_same
    if is_same:
        assert before.enforced == after.enforced


@FEWER
@given(policy_fields)
def test_fields_survive_being_kept(fields: PolicyFields) -> None:
    kept = in_order(fields)
    assert in_order(kept) == kept
    assert msgspec.json.decode(msgspec.json.encode(kept), type=PolicyFields) == kept
    assert set(kept.reminder_days) == set(fields.reminder_days)
    assert set(kept.allowed_factors) == set(fields.allowed_factors)
    assert rules.list_changes(kept, kept) == ()


@FEWER
@given(policy_fields, policy_fields)
def test_changes_are_what_differs(before: PolicyFields, after: PolicyFields) -> None:
    values = {change.field: change.after for change in rules.list_changes(before, after)}
    assert msgspec.structs.replace(before, **values) == after


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("max_age_days", [0, 366, "soon", 1.5]),
        ("history", [-1, 25, None]),
        ("reminder_days", [(0,), (91,), (1, 2, 3, 4, 5, 6), None, 3]),
        ("min_length", [7, 65, None]),
        ("composition", ["maybe", None, 2]),
        ("mfa", ["always", None, True]),
        ("allowed_factors", [(), ("totp", "passkey", "totp"), ("sms",), None]),
        ("trusted_device_days", [0, 366]),
        ("enrolment_proof", ["letter", ""]),
        ("session_hours", [0, 8_761]),
        ("idle_hours", [0, 8_761, -(10**30)]),
    ],
)
def test_what_lies_out_of_bounds_is_refused_by_name(name: str, bad: list[Any]) -> None:  # D9
    for value in bad:
        with pytest.raises(UnfitPolicyValue) as refused:
            rules.read_fields({name: value})
        assert refused.value.params == {"field": name}, value


def test_a_field_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(UnknownPolicyField) as refused:
        rules.read_fields({"history": 6, "max_age": 60})
    assert refused.value.params == {"field": "max_age"}


def test_the_reference_knows_every_field_and_its_bounds() -> None:  # D9
    assert tuple(info.name for info in FIELDS) == PolicyFields.__struct_fields__
    for info in FIELDS:
        assert info.default == getattr(NOTHING_ASKED, info.name)
        if info.kind is FieldKind.NUMBER:
            assert info.minimum is not None
            assert info.maximum is not None
            for value in (info.minimum, info.maximum):
                assert getattr(rules.read_fields({info.name: value}), info.name) == value
            for value in (info.minimum - 1, info.maximum + 1):
                with pytest.raises(UnfitPolicyValue):
                    rules.read_fields({info.name: value})
        if info.kind is FieldKind.CHOICE:
            assert [str(getattr(rules.read_fields({info.name: value}), info.name)) for value in info.choices] == list(
                info.choices
            )


@pytest.mark.parametrize("preset", Preset)
def test_a_preset_can_be_saved_as_it_is(preset: Preset) -> None:
    fields = preset_fields(preset)
    assert in_order(fields) == fields
    assert rules.read_fields(msgspec.to_builtins(fields)) == fields
