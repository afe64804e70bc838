"""What a security link is, and what using one has done."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

LIFETIME = timedelta(days=7)


class SecurityLink(msgspec.Struct, frozen=True, kw_only=True):
    """The "This was not me" of one mail; only the hash of its token is kept.

    ``event`` is the kind of the mail. ``restores`` is the address such a link brings back, and with it its key. A link
    is not bound to the account's epoch: docs/decisions/0014-not-me-links-outlive-epochs.md.
    """

    hash: bytes
    account_id: str
    event: str
    restores: str | None
    restores_key: str | None
    created_at: datetime
    expires_at: datetime
    spent_at: datetime | None


class Restored(StrEnum):
    """What has become of the address a link was to bring back."""

    NO = "no"
    """There was none to bring back."""
    YES = "yes"
    TAKEN = "taken"
    """It belongs to somebody else by now."""


class Secured(msgspec.Struct, frozen=True, kw_only=True):
    """What "This was not me" has done: everything was ended, changes are barred for a while, a reset link is mailed."""

    frozen_until: datetime
    restored: Restored
