"""Hashes other software has made: how each is stored here, what it may cost, and whether a password belongs to it.

Every form has one stored text, whatever it looked like where it came from (``factors/hash_dialects`` reads those):

* argon2d, argon2i, argon2id (RFC 9106): the PHC string, ``$argon2id$v=19$m=65536,t=3,p=4$<salt>$<tag>``;
* bcrypt: ``$2b$12$<salt and tag>``, with the letter it came with; Django's bcrypt of a SHA-256 is
  ``$django-bcrypt-sha256$2b$12$<salt and tag>``;
* PBKDF2 (RFC 8018): ``$pbkdf2-sha256$i=600000$<salt>$<tag>``, also with sha1 and sha512;
* scrypt (RFC 7914): ``$scrypt$ln=14,r=8,p=1$<salt>$<tag>``.

Salts and tags are base64 without padding, but for bcrypt's own alphabet. What a hash may cost is bounded here, so that
a hostile one can demand neither the memory nor the minutes of a server (docs/decisions/0013). Nothing here reads a
database or makes a new hash.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import bcrypt
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id

MEMORY_MAX_KIB = 256 * 1024
"""What one comparison may hold: argon2's memory, and scrypt's 128 * n * r bytes."""
ARGON2_WORK_MAX = 1024 * 1024
"""Memory in KiB times passes: about a second."""
LANES_MAX = 16
BCRYPT_COST_MAX = 14
PBKDF2_WORK_MAX = 5_000_000
"""Iterations times blocks of output: about a second, two with SHA-512."""
SCRYPT_WORK_MAX = 2 * 1024 * 1024
"""n * r * p: less than a second."""

_BCRYPT_BYTES = 72
"""What bcrypt looks at of a password; longer ones are cut there by whoever made the hash."""
_SALT_BYTES_MAX = 128
_TAG_BYTES = range(16, 129)
_ARGON2: dict[str, type[Argon2d | Argon2i | Argon2id]] = {"d": Argon2d, "i": Argon2i, "id": Argon2id}
_BLOCKS = {"sha1": 20, "sha256": 32, "sha512": 64}
_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NUMBER = r"(\d{1,10})"
_BASE64 = r"([A-Za-z0-9+/]+)"
_STORED_ARGON2 = re.compile(rf"\$argon2(d|i|id)\$v=19\$m={_NUMBER},t={_NUMBER},p={_NUMBER}\${_BASE64}\${_BASE64}")
_STORED_BCRYPT = re.compile(r"(\$django-bcrypt-sha256)?\$(2[aby])\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})")
_STORED_PBKDF2 = re.compile(rf"\$pbkdf2-(sha1|sha256|sha512)\$i={_NUMBER}\${_BASE64}\${_BASE64}")
_STORED_SCRYPT = re.compile(rf"\$scrypt\$ln=(\d{{1,2}}),r={_NUMBER},p={_NUMBER}\${_BASE64}\${_BASE64}")


class HashProblem(StrEnum):
    """Why a hash is not taken."""

    UNKNOWN = "hash_unknown"
    """Of no kind known here."""
    DAMAGED = "hash_damaged"
    """Of a known kind, but not whole."""
    TOO_COSTLY = "hash_too_costly"
    """One comparison would take more memory or time than is given."""


@dataclass(frozen=True, slots=True)
class Argon2Hash:
    """Any of the three argon2; memory in KiB."""

    variant: str
    memory_kib: int
    passes: int
    lanes: int
    salt: bytes
    tag: bytes

    def find_problem(self) -> HashProblem | None:
        """Whether it can be compared with at all, and within the limits."""
        is_whole = len(self.salt) >= 8 and self.passes >= 1 <= self.lanes and self.memory_kib >= 8 * self.lanes
        is_dear = (
            self.memory_kib > MEMORY_MAX_KIB
            or self.memory_kib * self.passes > ARGON2_WORK_MAX
            or self.lanes > LANES_MAX
        )
        return _problem(self.salt, self.tag, is_whole=is_whole, is_dear=is_dear)

    def write(self) -> str:
        """Its stored text."""
        cost = f"m={self.memory_kib},t={self.passes},p={self.lanes}"
        return f"$argon2{self.variant}$v=19${cost}${_encode(self.salt)}${_encode(self.tag)}"

    def is_match(self, password: bytes) -> bool:
        """Whether a password belongs to it."""
        argon2 = _ARGON2[self.variant](
            salt=self.salt,
            length=len(self.tag),
            iterations=self.passes,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        )
        return hmac.compare_digest(argon2.derive(password), self.tag)


@dataclass(frozen=True, slots=True)
class BcryptHash:
    """bcrypt of a password, or of its SHA-256 in hexadecimal (``is_digested``, Django's way around the 72 bytes)."""

    letter: str
    cost: int
    salt: str
    tag: str
    is_digested: bool = False

    def find_problem(self) -> HashProblem | None:
        """Whether it can be compared with at all, and within the limits."""
        if self.cost < 4 or self.cost > 31:
            return HashProblem.DAMAGED
        return HashProblem.TOO_COSTLY if self.cost > BCRYPT_COST_MAX else None

    def write(self) -> str:
        """Its stored text."""
        head = "$django-bcrypt-sha256" if self.is_digested else ""
        return f"{head}{self._settings()}{self.tag}"

    def is_match(self, password: bytes) -> bool:
        """Whether a password belongs to it; bcrypt looks at its first 72 bytes only."""
        given = hashlib.sha256(password).hexdigest().encode() if self.is_digested else password[:_BCRYPT_BYTES]
        made = bcrypt.hashpw(given, self._settings().encode())
        return hmac.compare_digest(made[-len(self.tag) :], self.tag.encode())

    def _settings(self) -> str:
        return f"${self.letter}${self.cost:02}${self.salt}"


@dataclass(frozen=True, slots=True)
class Pbkdf2Hash:
    """PBKDF2 with HMAC; ``digest`` is sha1, sha256 or sha512."""

    digest: str
    iterations: int
    salt: bytes
    tag: bytes

    def find_problem(self) -> HashProblem | None:
        """Whether it can be compared with at all, and within the limits."""
        blocks = -(-len(self.tag) // _BLOCKS[self.digest])
        is_dear = self.iterations * blocks > PBKDF2_WORK_MAX
        return _problem(self.salt, self.tag, is_whole=self.iterations >= 1, is_dear=is_dear)

    def write(self) -> str:
        """Its stored text."""
        return f"$pbkdf2-{self.digest}$i={self.iterations}${_encode(self.salt)}${_encode(self.tag)}"

    def is_match(self, password: bytes) -> bool:
        """Whether a password belongs to it."""
        made = hashlib.pbkdf2_hmac(self.digest, password, self.salt, self.iterations, len(self.tag))
        return hmac.compare_digest(made, self.tag)


@dataclass(frozen=True, slots=True)
class ScryptHash:
    """scrypt with n = 2 ** ``rounds_log``."""

    rounds_log: int
    block_size: int
    lanes: int
    salt: bytes
    tag: bytes

    def find_problem(self) -> HashProblem | None:
        """Whether it can be compared with at all, and within the limits."""
        is_whole = 1 <= self.rounds_log < 16 * self.block_size and self.lanes >= 1  # RFC 7914 section 2
        work = self.block_size << max(0, self.rounds_log)
        memory = 128 * self.block_size * ((1 << max(0, self.rounds_log)) + self.lanes + 2)  # what OpenSSL counts
        is_dear = work * self.lanes > SCRYPT_WORK_MAX or memory > MEMORY_MAX_KIB * 1024 or self.lanes > LANES_MAX
        return _problem(self.salt, self.tag, is_whole=is_whole, is_dear=is_dear)

    def write(self) -> str:
        """Its stored text."""
        cost = f"ln={self.rounds_log},r={self.block_size},p={self.lanes}"
        return f"$scrypt${cost}${_encode(self.salt)}${_encode(self.tag)}"

    def is_match(self, password: bytes) -> bool:
        """Whether a password belongs to it."""
        made = hashlib.scrypt(
            password,
            salt=self.salt,
            n=1 << self.rounds_log,
            r=self.block_size,
            p=self.lanes,
            maxmem=2 * MEMORY_MAX_KIB * 1024,
            dklen=len(self.tag),
        )
        return hmac.compare_digest(made, self.tag)


ForeignHash: TypeAlias = Argon2Hash | BcryptHash | Pbkdf2Hash | ScryptHash


def find_stored(text: str) -> ForeignHash | HashProblem:
    """The hash with this stored text, or why it is none."""
    for pattern, read in _READERS:
        found = pattern.fullmatch(text)
        if found is not None:
            made = read(found)
            return HashProblem.DAMAGED if made is None else made.find_problem() or made
    is_ours = text.startswith(("$argon2", "$2", "$django-bcrypt-sha256$", "$pbkdf2-", "$scrypt$"))
    return HashProblem.DAMAGED if is_ours else HashProblem.UNKNOWN


def decode_base64(text: str) -> bytes | None:
    """The bytes of a base64 text, padded or not (RFC 4648 section 4); None if it is not one."""
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _problem(salt: bytes, tag: bytes, *, is_whole: bool, is_dear: bool) -> HashProblem | None:
    if not is_whole or not 1 <= len(salt) <= _SALT_BYTES_MAX or len(tag) not in _TAG_BYTES:
        return HashProblem.DAMAGED
    return HashProblem.TOO_COSTLY if is_dear else None


def _read_argon2(found: re.Match[str]) -> Argon2Hash | None:
    salt, tag = decode_base64(found[5]), decode_base64(found[6])
    if salt is None or tag is None:
        return None
    return Argon2Hash(found[1], int(found[2]), int(found[3]), int(found[4]), salt, tag)


def _read_bcrypt(found: re.Match[str]) -> BcryptHash:
    """Bits that belong to nothing at the end of salt and tag are cleared: some software has set them."""
    salt, tag = _cleared(found[4], 0b110000), _cleared(found[5], 0b111100)
    return BcryptHash(found[2], int(found[3]), salt, tag, is_digested=found[1] is not None)


def _cleared(text: str, kept_bits: int) -> str:
    return text[:-1] + _BCRYPT_ALPHABET[_BCRYPT_ALPHABET.index(text[-1]) & kept_bits]


def _read_pbkdf2(found: re.Match[str]) -> Pbkdf2Hash | None:
    salt, tag = decode_base64(found[3]), decode_base64(found[4])
    return None if salt is None or tag is None else Pbkdf2Hash(found[1], int(found[2]), salt, tag)


def _read_scrypt(found: re.Match[str]) -> ScryptHash | None:
    salt, tag = decode_base64(found[4]), decode_base64(found[5])
    if salt is None or tag is None:
        return None
    return ScryptHash(int(found[1]), int(found[2]), int(found[3]), salt, tag)


_READERS = (
    (_STORED_ARGON2, _read_argon2),
    (_STORED_BCRYPT, _read_bcrypt),
    (_STORED_PBKDF2, _read_pbkdf2),
    (_STORED_SCRYPT, _read_scrypt),
)
