"""Opaque tokens and identifiers.

A token is 256 random bits written as 43 base64url characters; only its SHA-256 is ever stored. An identifier is a
UUIDv7 as text (RFC 9562 section 5.7): it names a row, sorts by time and is never a secret.
"""

import base64
import hashlib
import re
import uuid
from datetime import datetime

from portico.kernel.chance import Chance
from portico.kernel.clock import to_micros

TOKEN_BYTES = 32
NOBODY = str(uuid.UUID(int=0))
"""An id no row ever has: looking it up costs what looking anybody up costs."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token(chance: Chance) -> str:
    """A fresh 256-bit token, 43 base64url characters."""
    return to_base64url(chance.draw_bytes(TOKEN_BYTES))


def token_hash(token: str) -> bytes:
    """The SHA-256 under which a token is stored and looked up (32 bytes).

    A fast hash is enough: the token has 256 bits of its own, so there is nothing to guess from the hash.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def is_token(text: str) -> bool:
    """Whether a string has the shape of one of our tokens."""
    return _TOKEN.fullmatch(text) is not None


def new_id(chance: Chance, at: datetime) -> str:
    """A UUIDv7 as lower-case text: 48 bits of milliseconds, 74 random bits."""
    millis = to_micros(at) // 1000
    value = int.from_bytes(millis.to_bytes(6, "big") + chance.draw_bytes(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(uuid.UUID(int=value))


def is_id(text: str) -> bool:
    """Whether a string is a UUID in the form we write."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def to_base64url(data: bytes) -> str:
    """Bytes as base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes | None:
    """The bytes of an unpadded base64url string; None if it is not one."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return None
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
