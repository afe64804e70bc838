"""What an account is, and how it is read from a row."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from portico.kernel.clock import from_micros


class AccountState(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    DISABLED = "disabled"
    CLOSED = "closed"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One person's account.

    ``address`` and ``handle`` are what the person sees and where mail goes; the ``_key`` fields are their comparison
    keys (``kernel/normalise``). ``epoch`` is the security epoch: everything made under another one is dead (D22).
    ``version`` counts profile changes. ``picture`` is the digest of the profile picture, empty for none. ``terms``
    names the terms that were accepted. Before ``frozen_until`` neither address nor factors nor handle may change
    (D22), and what was set up from ``frozen_since`` on is in doubt; at ``delete_at`` the account is erased, unless its
    owner takes that back. ``memberships`` are the active ones in short, written and read by ``organizations``;
    ``created_by`` is the organization that created the account, if one did.
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
    handle_changed_at: datetime | None = None
    time_zone: str = ""
    picture: str = ""
    terms: str = ""
    terms_accepted_at: datetime | None = None
    frozen_until: datetime | None = None
    frozen_since: datetime | None = None
    delete_at: datetime | None = None
    memberships: str = ""
    created_by: str | None = None

    @property
    def name(self) -> str:
        """The person's name on one line, or the Portico ID if there is none."""
        return full_name(self.first_name, self.last_name) or self.handle

    @property
    def initials(self) -> str:
        """One or two letters for the avatar."""
        parts = [part for part in (self.first_name, self.last_name) if part] or [self.handle]
        return "".join(part[0] for part in parts).upper()

    def is_frozen(self, now: datetime) -> bool:
        """Whether "This was not me" bars changes of address, factors and handle at ``now`` (D22)."""
        return self.frozen_until is not None and now < self.frozen_until

    def is_doubtful(self, set_up_at: datetime | None) -> bool:
        """Whether what was set up then may be a thief's: since what "This was not me" was about, in the freeze as well.

        It stays so until somebody who proves more lifts the freeze. What nobody knows the instant of is in doubt too.
        """
        if self.frozen_until is None or self.frozen_since is None:
            return False
        return set_up_at is None or self.frozen_since <= set_up_at < self.frozen_until


def full_name(first_name: str, last_name: str) -> str:
    """A name on one line; empty if there is none."""
    return " ".join(part for part in (first_name, last_name) if part)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What people say about themselves. An empty language means the browser's, an empty time zone none."""

    first_name: str
    last_name: str
    language: str = ""
    time_zone: str = ""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A profile picture as we encoded it; ``digest`` names it."""

    digest: str
    image: bytes
    changed_at: datetime


COLUMNS: tuple[str, ...] = Account.__struct_fields__
"""The columns of an account have the names of its fields."""


class _Row(Protocol):
    """What can be asked for a column."""

    def __getitem__(self, name: str, /) -> Any: ...


def account_of(row: _Row) -> Account:
    """The account in a row of these columns; instants are microseconds there, truth is 0 or 1."""
    values = {name: row[name] for name in COLUMNS}
    for name in _INSTANTS:
        if values[name] is not None:
            values[name] = from_micros(values[name])
    return Account(**{**values, "state": AccountState(row["state"]), "is_operator": bool(row["is_operator"])})


_INSTANTS = (
    "address_confirmed_at",
    "created_at",
    "handle_changed_at",
    "terms_accepted_at",
    "frozen_until",
    "frozen_since",
    "delete_at",
)
