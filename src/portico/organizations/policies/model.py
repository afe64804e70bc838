"""What is said about policies: a draft to be saved, what became of a version, why something is refused. Pure.

Every refusal names the ``field`` it is about.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from portico.kernel.errors import BadInput, Conflict
from portico.organizations.model import Feature, MemberType
from portico.organizations.policy import PolicyFields, PolicyVersion, SecondFactor


class UnknownPolicyField(BadInput):
    """There is no such field in a policy."""

    code = "policy_field_unknown"


class UnfitPolicyValue(BadInput):
    """The field does not take this value; the list of fields says what it takes."""

    code = "policy_value_unfit"


class FeatureSwitchedOff(BadInput):
    """The field asks for something whose feature is not switched on for the organization; an operator switches it."""

    code = "policy_feature_off"


class NoBreachSource(BadInput):
    """Passwords cannot be compared with known breaches: the deployment has neither a service nor a filter file."""

    code = "policy_no_breach_source"


class PolicyFieldsClash(BadInput):
    """Two fields that do not go together: ``field`` and ``other``."""

    code = "policy_fields_clash"


class UnfitInstant(BadInput):
    """``enforced_from`` lies in the past, or more than a year ahead."""

    code = "policy_instant_unfit"


class PolicyChanged(Conflict):
    """Somebody saved a newer version: its ``number``, ``by`` whom and ``at`` what time. Look at it and save again."""

    code = "policy_changed"


class NothingToWithdraw(Conflict):
    """No version is announced or rehearsed."""

    code = "policy_nothing_to_withdraw"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A version as somebody wants it saved.

    ``based_on`` is the number of the newest version they saw, 0 for none. Without ``enforced_from`` and ``at_once`` it
    is enforced in two weeks; a rehearsal begins at once.
    """

    fields: PolicyFields
    based_on: int
    enforced_from: datetime | None = None
    at_once: bool = False
    rehearsal: bool = False
    reason: str = ""


class VersionState(StrEnum):
    """What has become of a version by now."""

    ENFORCED = "enforced"
    ANNOUNCED = "announced"
    """Will come into force."""
    REPLACED = "replaced"
    """A newer one is in force."""
    OVERTAKEN = "overtaken"
    """A newer one comes before it or together with it, so that it never comes into force."""
    REHEARSED = "rehearsed"
    REHEARSAL_ANNOUNCED = "rehearsal_announced"
    REHEARSAL_OVER = "rehearsal_over"


class TypePolicies(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of one type of member now, next and in rehearsal; ``newest`` is the number to base a draft on."""

    member_type: MemberType
    newest: int
    enforced: PolicyVersion | None
    announced: PolicyVersion | None
    rehearsed: PolicyVersion | None
    features: frozenset[Feature]


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field that a version changed."""

    field: str
    before: object
    after: object


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the history: what became of it, what it changed, and the name of whoever saved it."""

    version: PolicyVersion
    state: VersionState
    changes: tuple[FieldChange, ...]
    by: str | None


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What a preview looks for among the members; what is None or empty is not asked for."""

    at: datetime
    set_by: datetime | None = None
    """Passwords set at this instant or earlier have expired."""
    set_before: datetime | None = None
    """Passwords set before this instant have to be changed."""
    wants_password: bool = False
    factors: tuple[SecondFactor, ...] = ()
    """One of these is demanded."""


class MemberCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many members there are, and how many would have to act and why; one may have several reasons."""

    members: int
    to_act: int
    too_old: int
    to_change: int
    no_password: int
    no_second_factor: int


class WhyAffected(StrEnum):
    """Why a member would have to act."""

    TOO_OLD = "too_old"
    TO_CHANGE = "to_change"
    NO_PASSWORD = "no_password"
    NO_SECOND_FACTOR = "no_second_factor"


class AffectedMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member who would have to act."""

    account_id: str
    name: str
    handle: str
    why: tuple[WhyAffected, ...]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a draft would concern at ``at``; ``after`` asks for those that follow, and is None where these are the last.

    ``open_sessions`` counts the sessions, open now, of those who would have to act: what is interrupted by "at once".
    """

    at: datetime
    counts: MemberCounts
    open_sessions: int
    people: tuple[AffectedMember, ...]
    after: str | None
