"""The security history: which events people see of their own account, in which words.

Every kind of event is either worded or internal; a test holds to that. To add one: its line in :data:`WORDED` with
the code of its sentence, or its name in :data:`INTERNAL`.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from portico.audit.model import EventKind, RecordedEvent
from portico.audit.service import Audit
from portico.database.engine import Database
from portico.sessions.model import SignedIn
from portico.sessions.service import Sessions

PAGE = 25

WORDED: Mapping[EventKind, str] = {
    EventKind.ACCOUNT_CREATED: "history.account_created",
    EventKind.ACCOUNT_IMPORTED: "history.account_imported",
    EventKind.ACCOUNT_DISABLED: "history.account_disabled",
    EventKind.ACCOUNT_ENABLED: "history.account_enabled",
    EventKind.PROFILE_CHANGED: "history.profile_changed",
    EventKind.HANDLE_CHANGED: "history.handle_changed",
    EventKind.PICTURE_CHANGED: "history.picture_changed",
    EventKind.PICTURE_REMOVED: "history.picture_removed",
    EventKind.DATA_EXPORTED: "history.data_exported",
    EventKind.NOT_ME_SAID: "history.not_me_said",
    EventKind.ACCOUNT_FROZEN: "history.frozen",
    EventKind.FREEZE_LIFTED: "history.freeze_lifted",
    EventKind.ADDRESS_CHANGE_ASKED: "history.address_change_asked",
    EventKind.ADDRESS_CHANGE_WAITING: "history.address_change_waiting",
    EventKind.ADDRESS_CHANGE_CANCELLED: "history.address_change_cancelled",
    EventKind.ADDRESS_CHANGE_FAILED: "history.address_change_failed",
    EventKind.ADDRESS_CHANGED: "history.address_changed",
    EventKind.ADDRESS_RESTORED: "history.address_restored",
    EventKind.DELETION_ASKED: "history.deletion_asked",
    EventKind.DELETION_TAKEN_BACK: "history.deletion_taken_back",
    EventKind.SIGN_IN_SUCCEEDED: "history.signed_in",
    EventKind.SIGN_IN_FAILED: "history.sign_in_failed",
    EventKind.SIGN_IN_THROTTLED: "history.sign_in_throttled",
    EventKind.SIGN_IN_REFUSED: "history.sign_in_refused",
    EventKind.STEP_UP_SUCCEEDED: "history.stepped_up",
    EventKind.PASSWORD_CHANGED: "history.password_changed",
    EventKind.PASSWORD_RESET: "history.password_reset",
    EventKind.RESET_REQUESTED: "history.reset_requested",
    EventKind.RESET_LINK_REFUSED: "history.reset_link_refused",
    EventKind.FACTOR_ENROLLED: "history.factor_enrolled",
    EventKind.FACTOR_REMOVED: "history.factor_removed",
    EventKind.PASSKEY_ADDED: "history.passkey_added",
    EventKind.PASSKEY_REMOVED: "history.passkey_removed",
    EventKind.PASSKEY_RENAMED: "history.passkey_renamed",
    EventKind.FACTOR_PREFERRED: "history.factor_preferred",
    EventKind.ASK_AGAIN_WISHED: "history.ask_again_wished",
    EventKind.RECOVERY_CODE_SAVED: "history.recovery_code_saved",
    EventKind.RECOVERY_CODE_USED: "history.recovery_code_used",
    EventKind.MFA_RESET: "history.mfa_reset",
    EventKind.HAND_OFF_ASKED: "history.hand_off_asked",
    EventKind.HAND_OFF_OPENED: "history.hand_off_opened",
    EventKind.SESSION_ENDED: "history.session_ended",
    EventKind.SESSIONS_ENDED: "history.sessions_ended",
    EventKind.REFRESH_TOKEN_REUSED: "history.token_reused",
    EventKind.DEVICE_FORGOTTEN: "history.device_forgotten",
    EventKind.MAIL_BOUNCED: "history.mail_bounced",
    EventKind.MEMBER_JOINED: "history.member_joined",
    EventKind.MEMBER_CHANGED: "history.member_changed",
    EventKind.MEMBER_SUSPENDED: "history.member_suspended",
    EventKind.MEMBER_RESUMED: "history.member_resumed",
    EventKind.MEMBER_REMOVED: "history.member_removed",
    EventKind.MEMBER_LEFT: "history.member_left",
    EventKind.INVITATION_ACCEPTED: "history.invitation_accepted",
    EventKind.POLICY_PUT_OFF: "history.policy_put_off",
    EventKind.PASSWORD_REMINDED: "history.password_reminded",
    EventKind.CHANGE_FORCED: "history.change_forced",
    EventKind.RESET_SENT: "history.reset_sent",
    EventKind.ENDED_BY_ADMIN: "history.ended_by_admin",
}
"""The sentence for each kind of event that says something to the person it concerns."""

INTERNAL = frozenset(
    {
        EventKind.PASSWORD_REHASHED,
        EventKind.ACCOUNT_ERASED,
        EventKind.ORGANIZATION_CREATED,
        EventKind.ORGANIZATION_RENAMED,
        EventKind.ORGANIZATION_SUSPENDED,
        EventKind.ORGANIZATION_RESUMED,
        EventKind.FEATURES_CHANGED,
        EventKind.DOMAIN_CLAIMED,
        EventKind.DOMAIN_VERIFIED,
        EventKind.DOMAIN_RELEASED,
        EventKind.INVITATION_SENT,
        EventKind.INVITATION_REVOKED,
        EventKind.POLICY_SAVED,
        EventKind.POLICY_REHEARSED,
        EventKind.TRAIL_EXPORTED,
    }
)
"""Kinds that change nothing for anybody, that concern nobody in person, or that nobody is left to read."""


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened: ``code`` is its sentence; the device's name where it is known."""

    id: str
    at: datetime
    kind: EventKind
    code: str
    is_own: bool
    """Whether it was done by the person, signed in."""
    device_name: str | None = None


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of what happened, newest first; ``next_before`` asks for what lies before it."""

    entries: list[HistoryEntry]
    next_before: str | None = None


class OwnHistory:
    """What happened to one's own account."""

    def __init__(self, *, database: Database, audit: Audit, sessions: Sessions) -> None:
        self._database = database
        self._audit = audit
        self._sessions = sessions

    async def list_page(self, signed_in: SignedIn, before: str = "", limit: int = PAGE) -> HistoryPage:
        """One page, from the newest on or from before an entry."""
        account_id = signed_in.account.id
        found = await self._audit.list_history(self._database, account_id, WORDED, before_id=before, limit=limit + 1)
        shown = found[:limit]
        sessions = {recorded.event.session_id for recorded in shown if recorded.event.session_id}
        names = await self._sessions.list_device_names(self._database, account_id, sorted(sessions))
        return HistoryPage(
            entries=[_entry(recorded, names) for recorded in shown],
            next_before=shown[-1].id if len(found) > limit else None,
        )


def _entry(recorded: RecordedEvent, names: Mapping[str, str]) -> HistoryEntry:
    event = recorded.event
    return HistoryEntry(
        id=recorded.id,
        at=recorded.at,
        kind=event.kind,
        code=WORDED[event.kind],
        is_own=event.actor_id is not None and event.actor_id == event.subject_id,
        device_name=names.get(event.session_id or ""),
    )
