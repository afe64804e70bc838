"""What a change of address is, from the first code to its end."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

LIFETIME = timedelta(hours=1)
"""How long after its newest codes a change can still be given new ones."""
WAIT = timedelta(days=7)
"""How long a change waits that the old mailbox has not agreed to."""
REMIND_BEFORE = timedelta(days=1)

Side: TypeAlias = Literal["old", "new"]
"""One of the two mailboxes."""


class ChangeState(StrEnum):
    """How far a change has come."""

    CODES = "codes"
    """Codes are on their way or wait to be typed."""
    WAITING = "waiting"
    """Confirmed at the new mailbox and by a second factor; the old one may still object."""
    REMINDED = "reminded"
    """The same, with the reminder sent."""
    DONE = "done"
    CANCELLED = "cancelled"
    """Taken back, replaced by another one, or overtaken by an ending."""
    TAKEN = "taken"
    """The new address belonged to somebody else in the end."""


WAITING = (ChangeState.WAITING, ChangeState.REMINDED)


class AddressChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of address. It dies with the security epoch it was begun under.

    The codes are kept as keyed digests, empty until a job has mailed them. ``expires_at`` is when the codes end;
    ``effective_at`` is when a change that waits is carried out. ``device`` names, coarsely, where it was asked for.
    """

    id: str
    account_id: str
    epoch: int
    state: ChangeState
    old_address: str
    new_address: str
    new_address_key: str
    old_code_mac: bytes | None
    new_code_mac: bytes | None
    old_confirmed_at: datetime | None
    new_confirmed_at: datetime | None
    tries_left: int
    without_mailbox: bool
    device: str
    effective_at: datetime | None
    requested_at: datetime
    expires_at: datetime

    def is_confirmed(self, side: Side) -> bool:
        """Whether the code of one mailbox was typed."""
        return (self.old_confirmed_at if side == "old" else self.new_confirmed_at) is not None

    def is_asked(self, side: Side) -> bool:
        """Whether the code of one mailbox is still needed."""
        return not self.is_confirmed(side) and not (side == "old" and self.without_mailbox)

    @property
    def is_agreed(self) -> bool:
        """Whether every code that is needed was typed."""
        return not self.is_asked("old") and not self.is_asked("new")

    def code_mac(self, side: Side) -> bytes | None:
        """The digest of one mailbox's code."""
        return self.old_code_mac if side == "old" else self.new_code_mac
