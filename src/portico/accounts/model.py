"""What an account is."""

from datetime import datetime
from enum import StrEnum

import msgspec


class AccountState(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    DISABLED = "disabled"
    CLOSED = "closed"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One person's account.

    ``address`` and ``handle`` are what the person sees and where mail goes; the ``_key`` fields are their comparison
    keys (``kernel/normalise``). ``epoch`` is the security epoch: everything made under another one is dead (D22).
    ``version`` counts profile changes.
    """

    id: str
    address: str
    address_key: str
    handle: str
    handle_key: str
    first_name: str
    last_name: str
    language: str
    state: AccountState
    is_operator: bool
    address_confirmed_at: datetime | None
    epoch: int
    version: int
    created_at: datetime

    @property
    def name(self) -> str:
        """The person's name on one line, or the Portico ID if there is none."""
        return " ".join(part for part in (self.first_name, self.last_name) if part) or self.handle

    @property
    def initials(self) -> str:
        """One or two letters for the avatar."""
        parts = [part for part in (self.first_name, self.last_name) if part] or [self.handle]
        return "".join(part[0] for part in parts).upper()
