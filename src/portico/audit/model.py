"""What an audit event is: one thing that happened, by whom, to whom. No names, addresses or secrets in it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec


class EventKind(StrEnum):
    """Everything that is recorded. The names are stable: people search for them and programs read them."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_IMPORTED = "account.imported"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ENABLED = "account.enabled"
    ACCOUNT_FROZEN = "account.frozen"
    FREEZE_LIFTED = "account.freeze_lifted"
    ADDRESS_CHANGE_ASKED = "account.address_change_asked"
    ADDRESS_CHANGE_WAITING = "account.address_change_waiting"
    ADDRESS_CHANGE_CANCELLED = "account.address_change_cancelled"
    ADDRESS_CHANGE_FAILED = "account.address_change_failed"
    ADDRESS_CHANGED = "account.address_changed"
    ADDRESS_RESTORED = "account.address_restored"
    DELETION_ASKED = "account.deletion_asked"
    DELETION_TAKEN_BACK = "account.deletion_taken_back"
    ACCOUNT_ERASED = "account.erased"
    NOT_ME_SAID = "security.not_me_said"
    PROFILE_CHANGED = "account.profile_changed"
    HANDLE_CHANGED = "account.handle_changed"
    PICTURE_CHANGED = "account.picture_changed"
    PICTURE_REMOVED = "account.picture_removed"
    DATA_EXPORTED = "account.data_exported"
    TRAIL_EXPORTED = "audit.exported"
    SIGN_IN_SUCCEEDED = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_IN_THROTTLED = "sign_in.throttled"
    SIGN_IN_REFUSED = "sign_in.refused"
    STEP_UP_SUCCEEDED = "step_up.succeeded"
    PASSWORD_CHANGED = "password.changed"
    PASSWORD_RESET = "password.reset"
    PASSWORD_REHASHED = "password.rehashed"
    FACTOR_ENROLLED = "factor.enrolled"
    FACTOR_REMOVED = "factor.removed"
    PASSKEY_ADDED = "factor.passkey_added"
    PASSKEY_REMOVED = "factor.passkey_removed"
    PASSKEY_RENAMED = "factor.passkey_renamed"
    FACTOR_PREFERRED = "factor.preferred"
    ASK_AGAIN_WISHED = "device.ask_again_wished"
    RECOVERY_CODE_SAVED = "factor.recovery_code_saved"
    RECOVERY_CODE_USED = "factor.recovery_code_used"
    MFA_RESET = "admin.mfa_reset"
    PASSWORD_REMINDED = "password.reminded"
    RESET_REQUESTED = "password.reset_requested"
    RESET_LINK_REFUSED = "password.reset_link_refused"
    HAND_OFF_ASKED = "hand_off.asked"
    HAND_OFF_OPENED = "hand_off.opened"
    SESSION_ENDED = "session.ended"
    SESSIONS_ENDED = "session.all_ended"
    MAIL_BOUNCED = "mail.bounced"
    REFRESH_TOKEN_REUSED = "session.refresh_token_reused"
    DEVICE_FORGOTTEN = "device.forgotten"
    ORGANIZATION_CREATED = "organization.created"
    ORGANIZATION_RENAMED = "organization.renamed"
    ORGANIZATION_SUSPENDED = "organization.suspended"
    ORGANIZATION_RESUMED = "organization.resumed"
    FEATURES_CHANGED = "organization.features_changed"
    DOMAIN_CLAIMED = "organization.domain_claimed"
    DOMAIN_VERIFIED = "organization.domain_verified"
    DOMAIN_RELEASED = "organization.domain_released"
    MEMBER_JOINED = "member.joined"
    MEMBER_CHANGED = "member.changed"
    MEMBER_SUSPENDED = "member.suspended"
    MEMBER_RESUMED = "member.resumed"
    MEMBER_REMOVED = "member.removed"
    MEMBER_LEFT = "member.left"
    INVITATION_SENT = "invitation.sent"
    INVITATION_REVOKED = "invitation.revoked"
    INVITATION_ACCEPTED = "invitation.accepted"
    POLICY_SAVED = "policy.saved"
    POLICY_REHEARSED = "policy.rehearsed"
    POLICY_PUT_OFF = "policy.put_off"
    CHANGE_FORCED = "admin.password_change_forced"
    RESET_SENT = "admin.reset_sent"
    ENDED_BY_ADMIN = "admin.sessions_ended"


class Reason(msgspec.Struct, frozen=True):
    """Why something was done to somebody, in the words of whoever did it, and in whose name: an organization's id.

    Kept beside the trail and not in it, because words can name people; erased with whom it is about.
    """

    text: str
    organization_id: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event. ``subject_id`` is whom it concerns, ``actor_id`` who did it (None: nobody signed in).

    ``details`` holds codes and numbers only. ``organizations`` are the ids of those it concerns; where none is named,
    the trail names the ones its subject belongs to at that moment.
    """

    kind: EventKind
    subject_id: str | None = None
    actor_id: str | None = None
    session_id: str | None = None
    details: Mapping[str, str | int] = {}
    organizations: tuple[str, ...] = ()
    reason: Reason | None = None


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it stands in the trail."""

    id: str
    at: datetime
    event: Event


class KnownName(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody was called since an instant, as it is kept beside the trail."""

    name: str
    address: str
    known_at: datetime
