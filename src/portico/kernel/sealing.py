"""Sealing: authenticated encryption of small values that leave our hands or rest in the database.

A sealed value is AES-256-GCM (NIST SP 800-38D) under a key derived for this one value from a 192-bit random salt, so
there is no nonce to repeat however many are made. Each value is sealed for a *purpose* and a *context* and opens
only for the same two. Keys come as a ring: the first seals, all of them open, so keys can be rotated.
"""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portico.kernel.chance import Chance
from portico.kernel.tokens import from_base64url, to_base64url

KEY_BYTES = 32
_VERSION = b"\x01"
_ID_BYTES = 4
_SALT_BYTES = 24
_HEAD_BYTES = len(_VERSION) + _ID_BYTES + _SALT_BYTES
_NONCE = bytes(12)


class SealingKeys:
    """A ring of 32-byte keys, newest first."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("sealing needs one or more keys of 32 bytes")
        self._keys = {self.fingerprint(key): key for key in keys}
        self._newest = self.fingerprint(keys[0])

    @staticmethod
    def fingerprint(key: bytes) -> bytes:
        """Four bytes that name a key without telling it."""
        return _derive(key, "fingerprint", b"")[:_ID_BYTES]

    def names(self) -> tuple[str, ...]:
        """The names of all keys in the ring, newest first, in hexadecimal."""
        return tuple(name.hex() for name in self._keys)

    def fingerprints(self) -> frozenset[str]:
        """The names of all keys in the ring, in hexadecimal."""
        return frozenset(name.hex() for name in self._keys)

    def newest_fingerprint(self) -> str:
        """The name of the key that seals, in hexadecimal."""
        return self._newest.hex()

    def seal(self, plain: bytes, *, purpose: str, context: str, chance: Chance) -> bytes:
        """Encrypt and authenticate ``plain`` for one purpose and context."""
        salt = chance.draw_bytes(_SALT_BYTES)
        cipher = AESGCM(_derive(self._keys[self._newest], purpose, salt))
        return _VERSION + self._newest + salt + cipher.encrypt(_NONCE, plain, context.encode())

    def unseal(self, sealed: bytes, *, purpose: str, context: str) -> bytes | None:
        """What was sealed; None if it was altered, sealed for something else or with an unknown key."""
        key = self._keys.get(sealed[1 : 1 + _ID_BYTES])
        if key is None or sealed[:1] != _VERSION or len(sealed) < _HEAD_BYTES:
            return None
        salt = sealed[1 + _ID_BYTES : _HEAD_BYTES]
        try:
            return AESGCM(_derive(key, purpose, salt)).decrypt(_NONCE, sealed[_HEAD_BYTES:], context.encode())
        except InvalidTag:
            return None

    def seal_text(self, plain: bytes, *, purpose: str, context: str, chance: Chance) -> str:
        """As :meth:`seal`, written as base64url for a form, a cookie or an address."""
        return to_base64url(self.seal(plain, purpose=purpose, context=context, chance=chance))

    def unseal_text(self, sealed: str, *, purpose: str, context: str) -> bytes | None:
        """As :meth:`unseal`, for what :meth:`seal_text` wrote."""
        data = from_base64url(sealed)
        return None if data is None else self.unseal(data, purpose=purpose, context=context)

    def mac(self, data: bytes, *, purpose: str) -> bytes:
        """A 32-byte keyed digest (HMAC-SHA-256, RFC 2104) under the newest key."""
        return _derive(self._keys[self._newest], purpose, data)

    def is_mac(self, mac: bytes, data: bytes, *, purpose: str) -> bool:
        """Whether ``mac`` is the digest of ``data`` under any key of the ring, compared in constant time."""
        good = [hmac.compare_digest(mac, _derive(key, purpose, data)) for key in self._keys.values()]
        return any(good)


def _derive(key: bytes, purpose: str, data: bytes) -> bytes:
    """One 32-byte value for a purpose: HMAC over the length-prefixed purpose and the data."""
    name = purpose.encode()
    return hmac.digest(key, len(name).to_bytes(2, "big") + name + data, "sha256")
