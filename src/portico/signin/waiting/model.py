"""What a hand-off is: the way from an app whose own attempt waits to the one page it is for."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

LIFETIME = timedelta(seconds=60)
"""The last second included (D26)."""
LAST_SECOND = timedelta(seconds=1)


class HandOffPurpose(StrEnum):
    """What a hand-off is good for; for nothing else."""

    UPDATE_PASSWORD = "update_password"


class HandOffState(StrEnum):
    """What has become of a hand-off."""

    LIVE = "live"
    USED = "used"
    """Somebody has gone on with it, or a newer one took its place."""
    EXPIRED = "expired"
    OVER = "over"
    """The app no longer waits, or everything of the account was ended."""
    INVALID = "invalid"


class HandOff(msgspec.Struct, frozen=True, kw_only=True):
    """A hand-off as it stands in the database: whose attempt waits, and which one was begun by it."""

    hash: bytes
    purpose: HandOffPurpose
    attempt_id: str
    account_id: str
    epoch: int
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    opened_attempt_id: str | None = None
