"""Having all passwords changed, saved again before what was announced in between has come (D10)."""

from portico.database.engine import Database
from portico.organizations.policy import PolicyFields
from tests.support.asking import open_clinic

FORCED, LONGER = PolicyFields(force_change=True), PolicyFields(force_change=True, min_length=12)


async def test_nobody_changes_twice_for_what_never_came_into_force(database: Database) -> None:  # D10
    clinic = await open_clinic(database)
    first = await clinic.save(FORCED)
    clinic.clock.advance(days=1)
    await clinic.save(PolicyFields(), in_days=14)
    clinic.clock.advance(days=1)
    third = await clinic.save(LONGER)
    assert third.asked_at == first.asked_at
    stored = (await clinic.policies.get_current(clinic.organization.id, third.member_type)).enforced
    assert stored == third
    clinic.clock.advance(days=1)
    await clinic.save(PolicyFields(), in_days=5)
    fourth = await clinic.save(FORCED, in_days=9)
    assert fourth.asked_at == clinic.clock.now(), "by then nobody asks"
