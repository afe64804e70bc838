"""Policies as the JSON API shows them: versions, history, previews, the reference of fields and presets."""

from datetime import datetime
from typing import Any

import msgspec

from portico.kernel.messages import Catalogues, message
from portico.organizations.model import Feature, MemberType
from portico.organizations.policies import rules
from portico.organizations.policies.model import (
    HistoryEntry,
    Preview,
    TypePolicies,
    VersionState,
    WhyAffected,
)
from portico.organizations.policies.reference import FIELDS, FieldInfo, FieldKind
from portico.organizations.policy import Mfa, PolicyFields, PolicyVersion, Preset, preset_fields


class PolicyVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """One version. ``idle`` are those of its fields that ask nothing because their feature is switched off."""

    number: int
    fields: PolicyFields
    idle: list[str]
    rehearsal: bool
    enforced_from: datetime
    created_at: datetime
    created_by: str | None
    reason: str


class PoliciesView(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of one type of member. Base a draft on ``newest``."""

    member_type: MemberType
    newest: int
    enforced: PolicyVersionView | None
    announced: PolicyVersionView | None
    rehearsed: PolicyVersionView | None


class AllPoliciesView(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization asks of each type of member; ``features`` are those switched on for it."""

    features: list[Feature]
    policies: list[PoliciesView]


class PolicyChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """A field that a version changed."""

    field: str
    before: Any
    after: Any


class PolicyHistoryView(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the history; ``by`` is the name of whoever saved it."""

    version: PolicyVersionView
    state: VersionState
    by: str | None
    changes: list[PolicyChangeView]


class TypePoliciesView(msgspec.Struct, frozen=True, kw_only=True):
    """One type of member and its versions, newest first; ``before`` asks for older ones, null where there are none."""

    policies: PoliciesView
    versions: list[PolicyHistoryView]
    before: int | None


class AffectedMemberView(msgspec.Struct, frozen=True, kw_only=True):
    """A member who would have to act, and why."""

    account_id: str
    name: str
    handle: str
    why: list[WhyAffected]


class PolicyPreviewView(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a draft would concern when it is enforced. One member may have several reasons.

    ``open_sessions`` are those open now of members who would have to act; "at once" interrupts them.
    """

    enforced_from: datetime
    members: int
    to_act: int
    too_old: int
    to_change: int
    no_password: int
    no_second_factor: int
    open_sessions: int
    people: list[AffectedMemberView]
    after: str | None


class PolicyCostView(msgspec.Struct, frozen=True, kw_only=True):
    """What a field costs; ``value`` where that differs by value."""

    value: str | None
    text: str


class PolicyFieldView(msgspec.Struct, frozen=True, kw_only=True):
    """One field. ``may_be_off``: null asks nothing. ``items``: how many a list may have."""

    name: str
    kind: FieldKind
    default: Any
    may_be_off: bool
    minimum: int | None
    maximum: int | None
    choices: list[str]
    items: int | None
    feature: Feature | None
    asks: str
    costs: list[PolicyCostView]


class PolicyPresetView(msgspec.Struct, frozen=True, kw_only=True):
    """A starting point: its fields, for an organization that wants MFA so far."""

    name: Preset
    mfa: Mfa
    about: str
    fields: PolicyFields


class PolicyFieldsView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be asked, and the presets."""

    fields: list[PolicyFieldView]
    presets: list[PolicyPresetView]


def policies_view(current: TypePolicies) -> PoliciesView:
    """What is asked of one type of member."""
    return PoliciesView(
        member_type=current.member_type,
        newest=current.newest,
        enforced=_version(current.enforced, current),
        announced=_version(current.announced, current),
        rehearsed=_version(current.rehearsed, current),
    )


def _version(version: PolicyVersion | None, current: TypePolicies) -> PolicyVersionView | None:
    return _shown(version, current) if version is not None else None


def _shown(version: PolicyVersion, current: TypePolicies) -> PolicyVersionView:
    return PolicyVersionView(
        number=version.number,
        fields=version.fields,
        idle=list(rules.list_idle(version.fields, current.features)),
        rehearsal=version.rehearsal,
        enforced_from=version.enforced_from,
        created_at=version.created_at,
        created_by=version.created_by,
        reason=version.reason,
    )


def history_view(entry: HistoryEntry, current: TypePolicies) -> PolicyHistoryView:
    """A version in the history."""
    return PolicyHistoryView(
        version=_shown(entry.version, current),
        state=entry.state,
        by=entry.by,
        changes=[
            PolicyChangeView(field=change.field, before=change.before, after=change.after) for change in entry.changes
        ],
    )


def preview_view(found: Preview) -> PolicyPreviewView:
    """Whom a draft would concern."""
    counts = found.counts
    return PolicyPreviewView(
        enforced_from=found.at,
        members=counts.members,
        to_act=counts.to_act,
        too_old=counts.too_old,
        to_change=counts.to_change,
        no_password=counts.no_password,
        no_second_factor=counts.no_second_factor,
        open_sessions=found.open_sessions,
        people=[
            AffectedMemberView(account_id=one.account_id, name=one.name, handle=one.handle, why=list(one.why))
            for one in found.people
        ],
        after=found.after,
    )


def fields_view(catalogues: Catalogues, language: str) -> PolicyFieldsView:
    """The reference of fields and presets in one language."""
    wanting = {Preset.STRICT: (Mfa.REQUIRED,)}
    presets = [
        PolicyPresetView(
            name=preset,
            mfa=mfa,
            about=catalogues.text(message(f"policy.preset.{preset.value}"), language),
            fields=preset_fields(preset, mfa=mfa),
        )
        for preset in Preset
        for mfa in wanting.get(preset, tuple(Mfa))
    ]
    return PolicyFieldsView(fields=[_field(info, catalogues, language) for info in FIELDS], presets=presets)


def _field(info: FieldInfo, catalogues: Catalogues, language: str) -> PolicyFieldView:
    return PolicyFieldView(
        name=info.name,
        kind=info.kind,
        default=info.default,
        may_be_off=info.may_be_off,
        minimum=info.minimum,
        maximum=info.maximum,
        choices=list(info.choices),
        items=info.items,
        feature=info.feature,
        asks=catalogues.text(message(info.asks), language),
        costs=[
            PolicyCostView(value=value or None, text=catalogues.text(message(code), language))
            for value, code in info.costs.items()
        ],
    )
