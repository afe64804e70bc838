"""Since when passwords have to have been changed, whatever versions follow one another; and all to come (D10)."""

from datetime import datetime, timedelta

from hypothesis import given

from portico.organizations.model import MemberType
from portico.organizations.policies.rules import forced_since
from portico.organizations.policy import PolicyFields, PolicyVersion, find_announced, find_enforced, list_announced
from tests.support.amounts import FEWER
from tests.support.generated_policies import instants, version_rows
from tests.support.rows import DAY, NOW

FORCED, FREE = PolicyFields(force_change=True), PolicyFields()


def saved(
    number: int, fields: PolicyFields, saved_at: datetime, enforced_from: datetime, forced_at: datetime | None = None
) -> PolicyVersion:
    """A version for the providers of a clinic."""
    return PolicyVersion(
        organization_id="clinic",
        member_type=MemberType.PROVIDER,
        number=number,
        fields=fields,
        rehearsal=False,
        enforced_from=enforced_from,
        created_at=saved_at,
        forced_at=forced_at,
    )


def test_what_never_came_into_force_makes_nobody_change_twice() -> None:  # D10
    first = saved(1, FORCED, NOW, NOW)
    announced = saved(2, FREE, NOW + DAY, NOW + 15 * DAY)
    now = NOW + 2 * DAY
    assert forced_since(FORCED, [first, announced], now, now) == NOW, "in force when the new one comes, and asking"


def test_what_ends_before_the_new_one_comes_is_asked_anew() -> None:  # D10
    first = saved(1, FORCED, NOW, NOW)
    announced = saved(2, FREE, NOW + DAY, NOW + 15 * DAY)
    now = NOW + 2 * DAY
    assert forced_since(FORCED, [first, announced], NOW + 20 * DAY, now) == now


def test_whoever_has_changed_what_was_announced_need_not_when_another_overtakes_it() -> None:  # D10
    first = saved(1, FREE, NOW, NOW)
    announced = saved(2, FORCED, NOW + DAY, NOW + 15 * DAY)
    now = NOW + 3 * DAY
    for at in (now, NOW + 10 * DAY, NOW + 20 * DAY):
        assert forced_since(FORCED, [first, announced], at, now) == NOW + DAY


def test_it_goes_on_from_version_to_version_and_begins_where_nobody_asked() -> None:  # D10
    now = NOW + 3 * DAY
    assert forced_since(FREE, [saved(1, FORCED, NOW, NOW)], now, now) is None
    assert forced_since(FORCED, [], now, now) == now
    assert forced_since(FORCED, [saved(1, FREE, NOW, NOW)], now, now) == now
    kept = saved(2, FORCED, NOW + DAY, NOW + DAY, forced_at=NOW)
    assert forced_since(FORCED, [saved(1, FORCED, NOW, NOW), kept], now, now) == NOW


@FEWER
@given(version_rows(), instants)
def test_all_that_is_announced_is_what_comes_into_force_one_after_the_other(  # D10
    versions: list[PolicyVersion], now: datetime
) -> None:
    announced = list_announced(versions, now)
    assert (announced[0] if announced else None) == find_announced(versions, now)
    times = sorted({version.enforced_from for version in versions if version.enforced_from > now})
    ever = [find_enforced(versions, at) for at in times]
    before = find_enforced(versions, now)
    came = [one for one, last in zip(ever, [before, *ever], strict=False) if one != last]
    assert announced == came
    assert all(one.enforced_from - now > timedelta(0) for one in announced)
