"""What may be saved, and how versions compare: fields, instants, states, changes. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import structs

from portico.organizations.model import Feature
from portico.organizations.policies.model import (
    Draft,
    FeatureSwitchedOff,
    FieldChange,
    Looked,
    NoBreachSource,
    PolicyFieldsClash,
    UnfitInstant,
    UnfitPolicyValue,
    UnknownPolicyField,
    VersionState,
)
from portico.organizations.policy import (
    NOTHING_ASKED,
    PASSWORD_FIELDS,
    Mfa,
    PolicyFields,
    PolicyVersion,
    allowed_by,
    find_enforced,
    find_rehearsed,
    list_announced,
)

NOTICE = timedelta(days=14)
"""How far ahead a version is enforced where nothing else is said (D10)."""
NOTICE_MAX = timedelta(days=365)
FIELD_NAMES: tuple[str, ...] = PolicyFields.__struct_fields__


def read_fields(values: Mapping[str, Any], start: PolicyFields = NOTHING_ASKED) -> PolicyFields:
    """The fields of ``start`` with these values put in. Raises UnknownPolicyField, UnfitPolicyValue."""
    for name, value in values.items():
        if name not in FIELD_NAMES:
            raise UnknownPolicyField(f"a policy has no field {name!r}", field=name[:64])
        try:
            read = msgspec.convert({name: value}, PolicyFields, strict=False)
        except msgspec.ValidationError as error:
            raise UnfitPolicyValue(f"{name}: {error}", field=name) from error
        start = structs.replace(start, **{name: getattr(read, name)})
    return start


def check_fields(fields: PolicyFields, features: Collection[Feature], *, has_breach_source: bool) -> None:
    """Whether an organization with these features may ask this. Raises the refusal of the first that it may not."""
    _check_features(fields, features)
    if fields.breach_check and not has_breach_source:
        raise NoBreachSource(
            "breach_check: this deployment has neither breached_password_service nor breached_password_filter",
            field="breach_check",
        )
    _check_combinations(fields)


def _check_features(fields: PolicyFields, features: Collection[Feature]) -> None:
    """What asks something needs its feature; without a second factor the other fields about it say nothing."""
    asking: list[tuple[str, Feature]] = []
    if Feature.PASSWORD_ENFORCEMENT not in features:
        names = (name for name in PASSWORD_FIELDS if getattr(fields, name) != getattr(NOTHING_ASKED, name))
        asking += [(name, Feature.PASSWORD_ENFORCEMENT) for name in names]
    if Feature.MFA not in features and fields.mfa is not Mfa.OFF:
        asking.append(("mfa", Feature.MFA))
    if asking:
        name, feature = asking[0]
        raise FeatureSwitchedOff(
            f"{name} needs the feature {feature.value}, which is not switched on for this organization; "
            "an operator switches it on",
            field=name,
            feature=feature.value,
        )


def _check_combinations(fields: PolicyFields) -> None:
    if fields.reminder_days and (fields.max_age_days is None or max(fields.reminder_days) >= fields.max_age_days):
        raise _clash("reminder_days", "max_age_days", "every reminder has to come after the password was set")
    if fields.idle_hours is not None and fields.session_hours is not None and fields.idle_hours > fields.session_hours:
        raise _clash("idle_hours", "session_hours", "a session cannot rest for longer than it lasts")


def _clash(field: str, other: str, why: str) -> PolicyFieldsClash:
    return PolicyFieldsClash(f"{field} does not go with {other}: {why}", field=field, other=other)


def instant_of(draft: Draft, now: datetime) -> datetime:
    """From when a draft is to be enforced or rehearsed. Raises UnfitInstant, or UnfitPolicyValue for two answers."""
    if draft.enforced_from is None:
        return now if draft.at_once or draft.rehearsal else now + NOTICE
    if draft.at_once:
        raise UnfitPolicyValue("at_once and enforced_from were both given", field="at_once")
    if not now <= draft.enforced_from <= now + NOTICE_MAX:
        raise UnfitInstant(
            f"enforced_from lies in the past or more than {NOTICE_MAX.days} days ahead",
            field="enforced_from",
            days=NOTICE_MAX.days,
        )
    return draft.enforced_from


def list_changes(before: PolicyFields, after: PolicyFields) -> tuple[FieldChange, ...]:
    """The fields that differ, in their order."""
    return tuple(
        FieldChange(field=name, before=getattr(before, name), after=getattr(after, name))
        for name in FIELD_NAMES
        if getattr(before, name) != getattr(after, name)
    )


def list_idle(fields: PolicyFields, features: Collection[Feature]) -> tuple[str, ...]:
    """The fields that would ask something if their feature were switched on."""
    counted = allowed_by(fields, features)
    return tuple(change.field for change in list_changes(counted, fields))


def forced_since(
    fields: PolicyFields, versions: Sequence[PolicyVersion], at: datetime, now: datetime
) -> datetime | None:
    """Since when passwords have to have been changed by fields that are enforced from ``at`` on; None: they need not.

    What is asked already, by the version they follow then or by one that is announced, began when it was first asked:
    nobody has to change twice because another field was changed. What was overtaken asks nothing.
    """
    if not fields.force_change:
        return None
    followed = find_enforced(versions, at)
    standing = [*list_announced(versions, now), *([followed] if followed else [])]
    return max((one.asked_at for one in standing if one.fields.force_change), default=now)


def state_of(version: PolicyVersion, standing: Sequence[PolicyVersion], now: datetime) -> VersionState:
    """What has become of a version, given those in force, to come and newest for its type of member."""
    if version.rehearsal:
        rehearsed = find_rehearsed(standing, now)
        if rehearsed is not None and rehearsed.number == version.number:
            return VersionState.REHEARSED
        is_newest = all(one.number <= version.number for one in standing)
        return VersionState.REHEARSAL_ANNOUNCED if is_newest else VersionState.REHEARSAL_OVER
    enforced = find_enforced(standing, now)
    if enforced is not None and version.number <= enforced.number:
        return VersionState.ENFORCED if version.number == enforced.number else VersionState.REPLACED
    overtaking = (
        one
        for one in standing
        if not one.rehearsal and one.number > version.number and one.enforced_from <= version.enforced_from
    )
    return VersionState.ANNOUNCED if next(overtaking, None) is None else VersionState.OVERTAKEN


def look_for(fields: PolicyFields, at: datetime, forced_at: datetime | None) -> Looked:
    """Who would have to act if these fields were in force at ``at``."""
    asks_about_passwords = any(getattr(fields, name) != getattr(NOTHING_ASKED, name) for name in PASSWORD_FIELDS)
    return Looked(
        at=at,
        set_by=at - timedelta(days=fields.max_age_days) if fields.max_age_days is not None else None,
        set_before=forced_at,
        wants_password=asks_about_passwords,
        factors=fields.allowed_factors if fields.mfa is Mfa.REQUIRED else (),
    )
