"""The canonical form of an event, and the links made of it. Pure; docs/operating/audit.md describes it for everybody.

Of an event its texts are taken exactly as they lie in the database, each in a frame that says its length. A link is the
SHA-256 of the link before it, its own number and the event; the first one follows a value made of the chain's name, so
that no chain can pass for another.
"""

import hashlib

import msgspec

from portico.kernel.clock import from_micros

DEPLOYMENT = ""
"""The chain of the events that concern no organization."""
ORIGIN = b"portico-audit-1"
HASH_BYTES = 32


class SealedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a link covers, all as text: ``at`` as in RFC 3339, the digests in hexadecimal."""

    id: str
    at: str
    kind: str
    subject_id: str | None
    actor_id: str | None
    session_id: str | None
    details: str
    subject_digest: str | None
    actor_digest: str | None


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain ends: its last number and hash. Whoever notes it down can tell later if links were cut off."""

    organization_id: str
    number: int
    hash: bytes


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it was found, with its event: None if that is gone.

    ``previous`` is the hash before it, where something else than the last link says so.
    """

    number: int
    event_id: str
    hash: bytes
    event: SealedEvent | None
    previous: bytes | None = None


def origin(organization_id: str) -> bytes:
    """What the first link of a chain follows."""
    return hashlib.sha256(ORIGIN + frame(organization_id)).digest()


def beginning(organization_id: str) -> Head:
    """The head of a chain without links."""
    return Head(organization_id=organization_id, number=0, hash=origin(organization_id))


def canonical(event: SealedEvent) -> bytes:
    """An event as the bytes that are hashed."""
    return b"".join(map(frame, msgspec.structs.astuple(event)))


def link_hash(previous: bytes, number: int, event: bytes) -> bytes:
    """The hash of the link with this number, of an event in its canonical form."""
    return hashlib.sha256(previous + frame(str(number)) + event).digest()


def instant_text(micros: int) -> str:
    """An instant as the chain has it, such as ``2026-05-04T09:00:00.000000Z``.

    A number no calendar knows (somebody wrote it by hand) stays a number, so that it can be sealed and told.
    """
    try:
        return from_micros(micros).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    except OverflowError:
        return str(micros)


def name_digest(salt: bytes, name: str, address: str) -> bytes:
    """The SHA-256 under which a name and an address are known. docs/operating/audit.md describes it."""
    return hashlib.sha256(salt + frame(name) + frame(address)).digest()


def frame(text: str | None) -> bytes:
    """A text so that no two sequences of texts look alike: its length in bytes, a colon, its UTF-8, a comma."""
    if text is None:
        return b"-,"
    encoded = text.encode("utf-8", "surrogatepass")
    return b"%d:%b," % (len(encoded), encoded)
