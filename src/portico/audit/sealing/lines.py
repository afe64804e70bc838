"""The trail as JSON lines that can be verified without a database: the form of an export, written and read.

The first line tells what is in the file and where each chain ends; every other one is a link with its event.
docs/operating/audit.md describes both for whoever writes a verifier of their own.
"""

from datetime import datetime

import msgspec

from portico.audit.sealing.chain import Head, Link, SealedEvent, name_digest

FORMAT = "portico-audit"
VERSION = 1
LINE_MAX = 1 << 20
"""Bytes of a line; the longest of ours has a few thousand, and a first line a hundred for each chain."""


class ExportedHead(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain ends."""

    organization_id: str
    number: int
    hash: str

    def head(self) -> Head:
        """The head; raises ValueError for what is none."""
        return Head(organization_id=self.organization_id, number=self.number, hash=bytes.fromhex(self.hash))


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. ``is_whole``: every link of the chains up to their heads is in the file."""

    format: str
    version: int
    exported_at: datetime
    is_whole: bool
    chains: list[ExportedHead]


class ExportedName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody was called; the digest of the event proves it."""

    name: str
    address: str
    salt: str

    def digest(self) -> str:
        """The digest it must have; raises ValueError for a salt that is none."""
        return name_digest(bytes.fromhex(self.salt), self.name, self.address).hex()


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A link of a chain, and its event. ``previous`` stands where the link before it is not in the file."""

    organization_id: str
    number: int
    hash: str
    id: str
    at: str
    kind: str
    subject_id: str | None
    actor_id: str | None
    session_id: str | None
    details: str
    subject_digest: str | None
    actor_digest: str | None
    previous: str | None = None
    subject: ExportedName | None = None
    actor: ExportedName | None = None

    def link(self) -> Link:
        """The link as a walk takes it; raises ValueError for hashes that are none."""
        return Link(
            number=self.number,
            event_id=self.id,
            hash=bytes.fromhex(self.hash),
            event=SealedEvent(**{name: getattr(self, name) for name in SealedEvent.__struct_fields__}),
            previous=bytes.fromhex(self.previous) if self.previous is not None else None,
        )


def opening(heads: list[Head], now: datetime, *, is_whole: bool) -> Opening:
    """The first line of an export."""
    chains = [
        ExportedHead(organization_id=head.organization_id, number=head.number, hash=head.hash.hex()) for head in heads
    ]
    return Opening(format=FORMAT, version=VERSION, exported_at=now, is_whole=is_whole, chains=chains)
