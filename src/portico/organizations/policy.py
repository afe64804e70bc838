"""What an organization may ask of one type of member, and since when (D2, D9, D10, D12). Pure.

A policy is never changed: a new version follows it, with the instant from which it is enforced. Before that instant it
is *announced*: what it asks is shown, and may be put off.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, structs

from portico.organizations.model import Feature, MemberType

MIN_LENGTH_WITH_MFA = 8
"""NIST SP 800-63B-4 section 3.1.1.2: a password that is one factor of several may be this short."""
_NIST_LENGTH = 15


class Mfa(StrEnum):
    """Whether a second factor is wanted."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


class SecondFactor(StrEnum):
    """What may be enrolled as a second factor; the values are those of the kinds of proof."""

    TOTP = "totp"
    PASSKEY = "passkey"


class EnrolmentProof(StrEnum):
    """What the first enrolment asks for besides the password (D12)."""

    MAILBOX = "mailbox"
    PASSWORD = "password"


Days: TypeAlias = Annotated[int, Meta(ge=1, le=365)]
ReminderDays: TypeAlias = Annotated[int, Meta(ge=1, le=90)]
Hours: TypeAlias = Annotated[int, Meta(ge=1, le=8_760)]


class PolicyFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be asked. The defaults ask nothing beyond what every deployment asks."""

    max_age_days: Days | None = None
    history: Annotated[int, Meta(ge=0, le=24)] = 0
    reminder_days: Annotated[tuple[ReminderDays, ...], Meta(max_length=5)] = ()
    min_length: Annotated[int, Meta(ge=8, le=64)] = 8
    composition: bool = False
    breach_check: bool = False
    force_change: bool = False
    mfa: Mfa = Mfa.OFF
    allowed_factors: Annotated[tuple[SecondFactor, ...], Meta(min_length=1, max_length=2)] = tuple(SecondFactor)
    email_code: bool = True
    trusted_device: bool = True
    trusted_device_days: Days | None = None
    enrolment_proof: EnrolmentProof = EnrolmentProof.MAILBOX
    session_hours: Hours | None = None
    idle_hours: Hours | None = None


PASSWORD_FIELDS = (
    "max_age_days", "history", "reminder_days", "min_length", "composition", "breach_check", "force_change",
)  # fmt: skip
"""What the feature *password enforcement* allows to ask."""
MFA_FIELDS = (
    "mfa", "allowed_factors", "email_code", "trusted_device", "trusted_device_days", "enrolment_proof",
)  # fmt: skip
"""What the feature *MFA* allows to ask."""
SESSION_FIELDS = ("session_hours", "idle_hours")
"""What every organization may ask."""

NOTHING_ASKED = PolicyFields()


class Preset(StrEnum):
    """The named starting points: the help articles' way, the standard's way, and the safest."""

    CLASSIC = "classic"
    NIST = "nist"
    STRICT = "strict"


def preset_fields(preset: Preset, *, mfa: Mfa = Mfa.OFF) -> PolicyFields:
    """A preset's fields, for an organization that wants MFA so far.

    NIST SP 800-63B-4 section 3.1.1.2 asks for no periodic changes and no composition, for length and a list of known
    passwords instead.
    """
    match preset:
        case Preset.CLASSIC:
            return PolicyFields(
                max_age_days=60, history=6, reminder_days=(10, 3, 1), min_length=8, composition=True, mfa=mfa
            )
        case Preset.NIST:
            length = MIN_LENGTH_WITH_MFA if mfa is Mfa.REQUIRED else _NIST_LENGTH
            return PolicyFields(min_length=length, breach_check=True, mfa=mfa, email_code=False)
        case Preset.STRICT:
            return PolicyFields(
                max_age_days=60, history=24, reminder_days=(10, 3, 1), min_length=_NIST_LENGTH, composition=True,
                breach_check=True, mfa=Mfa.REQUIRED, allowed_factors=(SecondFactor.PASSKEY,), email_code=False,
                trusted_device_days=30, session_hours=24, idle_hours=4,
            )  # fmt: skip


def in_order(fields: PolicyFields) -> PolicyFields:
    """The same fields with what stands in a list sorted and named once."""
    return structs.replace(
        fields,
        reminder_days=tuple(sorted(set(fields.reminder_days), reverse=True)),
        allowed_factors=tuple(factor for factor in SecondFactor if factor in fields.allowed_factors),
    )


def allowed_by(fields: PolicyFields, features: Collection[Feature]) -> PolicyFields:
    """What counts of the fields while only these features are switched on; the rest asks nothing."""
    off = [
        *(() if Feature.PASSWORD_ENFORCEMENT in features else PASSWORD_FIELDS),
        *(() if Feature.MFA in features else MFA_FIELDS),
    ]
    return structs.replace(fields, **{name: getattr(NOTHING_ASKED, name) for name in off}) if off else fields


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of what an organization asks of a type of member. A rehearsal is only logged, and blocks nothing.

    ``forced_at`` is set where an earlier version already had all passwords changed: nobody changes twice for it.
    """

    organization_id: str
    member_type: MemberType
    number: int
    fields: PolicyFields
    rehearsal: bool
    enforced_from: datetime
    created_at: datetime
    created_by: str | None = None
    reason: str = ""
    forced_at: datetime | None = None

    @property
    def asked_at(self) -> datetime:
        """Since when passwords have to have been changed, where that is asked."""
        return self.forced_at or self.created_at


def find_enforced(versions: Sequence[PolicyVersion], now: datetime) -> PolicyVersion | None:
    """The version in force at ``now``: the newest of those whose time has come."""
    due = [version for version in versions if not version.rehearsal and version.enforced_from <= now]
    return max(due, key=_number, default=None)


def find_announced(versions: Sequence[PolicyVersion], now: datetime) -> PolicyVersion | None:
    """The version that will be in force next, if any."""
    return next(iter(list_announced(versions, now)), None)


def list_announced(versions: Sequence[PolicyVersion], now: datetime) -> list[PolicyVersion]:
    """The versions that will be in force one after the other, the next first: all newer than the one in force now.

    A version that a newer one overtakes before its time never comes into force, and is not among them.
    """
    enforced = find_enforced(versions, now)
    newest = enforced.number if enforced else 0
    coming = [version for version in versions if not version.rehearsal and version.number > newest]
    found = []
    for version in sorted(coming, key=lambda version: (version.enforced_from, -version.number)):
        if version.number > newest:
            found.append(version)
            newest = version.number
    return found


def find_rehearsed(versions: Sequence[PolicyVersion], now: datetime) -> PolicyVersion | None:
    """The version that is being rehearsed: the newest of all, if it is a rehearsal and its time has come."""
    newest = max(versions, key=_number, default=None)
    return newest if newest is not None and newest.rehearsal and newest.enforced_from <= now else None


def _number(version: PolicyVersion) -> int:
    return version.number
