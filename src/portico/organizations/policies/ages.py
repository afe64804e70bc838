"""Which ages passwords may reach anywhere, for those who look for passwords that are about to expire."""

from datetime import datetime

import msgspec

from portico.database.engine import Reader
from portico.organizations.policies import store
from portico.organizations.policies.store import StandingVersion
from portico.organizations.policy import PolicyFields, allowed_by, find_enforced

_AT_A_TIME = 200


class AskedAges(msgspec.Struct, frozen=True, kw_only=True):
    """The ages in days that any organization asks for now, and the days before the end on which any reminds."""

    max_ages: frozenset[int] = frozenset()
    reminder_days: frozenset[int] = frozenset()


async def find_asked_ages(reader: Reader, own: PolicyFields, now: datetime) -> AskedAges:
    """What is asked of passwords in a whole deployment; ``own`` is what the deployment itself asks."""
    asked = [own] if own.max_age_days is not None else []
    ages, days = {own.max_age_days for own in asked}, {count for own in asked for count in own.reminder_days}
    after = ""
    while ids := await store.list_asking(reader, after, _AT_A_TIME):
        after = ids[-1]
        for fields in _enforced(await store.list_standing(reader, ids, now), now):
            if fields.max_age_days is not None:
                ages.add(fields.max_age_days)
                days.update(fields.reminder_days)
    return AskedAges(max_ages=frozenset(filter(None, ages)), reminder_days=frozenset(days))


def _enforced(found: list[StandingVersion], now: datetime) -> list[PolicyFields]:
    """What is in force of these versions, for each organization and type of member, as far as its features go."""
    parts: dict[tuple[str, str], list[StandingVersion]] = {}
    for one in found:
        parts.setdefault((one.version.organization_id, one.version.member_type), []).append(one)
    versions = [(find_enforced([one.version for one in part], now), part[0].features) for part in parts.values()]
    return [allowed_by(version.fields, features) for version, features in versions if version is not None]
