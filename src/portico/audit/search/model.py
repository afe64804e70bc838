"""What can be searched for in the trail, and what is found."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from portico.audit.model import EventKind
from portico.audit.sealing.chain import Link


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events. ``organization_id``: those in its chain, the empty one for what concerns none; None for all.

    ``kind`` is one kind, or the beginning of several up to the dot: ``session.`` or ``session``. ``since`` is included,
    ``until`` is not.
    """

    organization_id: str | None = None
    kind: str = ""
    subject_id: str = ""
    actor_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def selects(self) -> bool:
        """Whether anything of a chain is left out."""
        return bool(self.kind or self.subject_id or self.actor_id or self.since or self.until)

    @property
    def kind_range(self) -> tuple[str, str] | None:
        """The kinds from the first to before the second; None where it is one kind, or all."""
        if not self.kind or self.kind in _KINDS:
            return None
        stem = self.kind.removesuffix(".")
        return f"{stem}.", f"{stem}/"  # the character after the dot


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody an event speaks of, and what they were called then; no name if they were erased since."""

    id: str
    name: str | None = None
    address: str | None = None


class FoundEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is shown. ``kind`` may be one this release no longer writes."""

    id: str
    at: datetime
    kind: str
    subject: Named | None
    actor: Named | None
    session_id: str | None
    organizations: tuple[str, ...]
    details: Mapping[str, str | int]
    is_sealed: bool


class SaltedName(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody was called, with what proves it."""

    name: str
    address: str
    salt: bytes


class SoughtLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link with its event, and what the people in it were called."""

    link: Link
    subject: SaltedName | None
    actor: SaltedName | None


def is_kind(text: str) -> bool:
    """Whether events can be searched by this."""
    return text in _KINDS or text.removesuffix(".") in _GROUPS


_KINDS = frozenset(kind.value for kind in EventKind)
_GROUPS = frozenset(kind.value.partition(".")[0] for kind in EventKind)
