"""Hashes as other software writes them: Django's strings, Keycloak's credentials, and those written as stored here.

Read once, when people are imported, into the forms of :mod:`portico.factors.foreign_hashes`. Django:
``django/contrib/auth/hashers.py`` (``algorithm$...``, the salt a text whose bytes are the salt). Keycloak: the
``secretData`` and ``credentialData`` of a realm export, in which the value's length tells the length of the key.
"""

import re
from typing import Any

import msgspec

from portico.factors.foreign_hashes import (
    Argon2Hash,
    ForeignHash,
    HashProblem,
    Pbkdf2Hash,
    ScryptHash,
    decode_base64,
    find_stored,
)

HASH_MAX = 1024
"""Characters of a hash as it is given; the longest of the known forms has some 350."""

_DJANGO_PBKDF2 = re.compile(r"pbkdf2_(sha1|sha256)\$(\d{1,10})\$([^$]+)\$([A-Za-z0-9+/]+=*)")
_DJANGO_SCRYPT = re.compile(r"scrypt\$(\d{1,10})\$([^$]+)\$(\d{1,10})\$(\d{1,10})\$([A-Za-z0-9+/]+=*)")
_DJANGO_WRAPPERS = {"argon2$": "$", "bcrypt$": "", "bcrypt_sha256$": "$django-bcrypt-sha256"}
"""What Django puts before hashes that have a form of their own, and what stands there in ours."""
_KEYCLOAK_PBKDF2 = {
    "pbkdf2": "sha1",
    "pbkdf2-sha1": "sha1",
    "pbkdf2-sha256": "sha256",
    "pbkdf2-sha512": "sha512",
}
_KEYCLOAK_NUMBER = re.compile(r"\d{1,10}")


class KeycloakSecret(msgspec.Struct, frozen=True, rename="camel"):
    """``secretData``: the hash and its salt, both in base64."""

    value: str
    salt: str


class KeycloakData(msgspec.Struct, frozen=True, rename="camel"):
    """``credentialData``: how the hash was made."""

    algorithm: str
    hash_iterations: int
    additional_parameters: dict[str, list[str]] = {}


class KeycloakCredential(msgspec.Struct, frozen=True, rename="camel"):
    """One of Keycloak's credentials; both parts as JSON inside a string, as it exports them, or as plain objects.

    What else an export says of it (id, createdDate, userLabel, priority) is of no use here and passed over.
    """

    secret_data: str | dict[str, Any]
    credential_data: str | dict[str, Any]
    type: str = "password"


def read_hash(text: str) -> ForeignHash | HashProblem:
    """The hash in a string, as Django writes it or as it is stored here; or why it is not taken."""
    if len(text) > HASH_MAX:
        return HashProblem.DAMAGED
    for theirs, ours in _DJANGO_WRAPPERS.items():
        if text.startswith(theirs):
            return find_stored(ours + text.removeprefix(theirs))
    if text.startswith("scrypt$"):
        return _checked(_read_scrypt(text))
    if text.startswith(("pbkdf2_sha1$", "pbkdf2_sha256$")):
        return _checked(_read_pbkdf2(text))
    return find_stored(text)


def read_keycloak(credential: KeycloakCredential) -> ForeignHash | HashProblem:
    """The hash in a credential of Keycloak's; or why it is not taken."""
    try:
        secret = _part(credential.secret_data, KeycloakSecret)
        data = _part(credential.credential_data, KeycloakData)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return HashProblem.DAMAGED
    salt, tag = decode_base64(secret.salt), decode_base64(secret.value)
    if salt is None or tag is None or credential.type != "password":
        return HashProblem.DAMAGED
    if data.algorithm in _KEYCLOAK_PBKDF2:
        return _checked(Pbkdf2Hash(_KEYCLOAK_PBKDF2[data.algorithm], data.hash_iterations, salt, tag))
    if data.algorithm == "argon2":
        return _checked(_read_argon2(data, salt, tag))
    return HashProblem.UNKNOWN


def _part(given: str | dict[str, Any], shape: type[msgspec.Struct]) -> Any:
    return msgspec.json.decode(given, type=shape) if isinstance(given, str) else msgspec.convert(given, shape)


def _checked(made: ForeignHash | None) -> ForeignHash | HashProblem:
    return HashProblem.DAMAGED if made is None else made.find_problem() or made


def _read_pbkdf2(text: str) -> Pbkdf2Hash | None:
    found = _DJANGO_PBKDF2.fullmatch(text)
    tag = decode_base64(found[4]) if found else None
    return None if found is None or tag is None else Pbkdf2Hash(found[1], int(found[2]), _salt(found[3]), tag)


def _read_scrypt(text: str) -> ScryptHash | None:
    found = _DJANGO_SCRYPT.fullmatch(text)
    tag = decode_base64(found[5]) if found else None
    if found is None or tag is None:
        return None
    rounds = int(found[1])
    if rounds & (rounds - 1):
        return None
    return ScryptHash(rounds.bit_length() - 1, int(found[3]), int(found[4]), _salt(found[2]), tag)


def _salt(text: str) -> bytes:
    """Empty, and so refused, for a salt that has no bytes."""
    return text.encode("utf-8", "ignore")


def _read_argon2(data: KeycloakData, salt: bytes, tag: bytes) -> Argon2Hash | None:
    given = {name: values[0] for name, values in data.additional_parameters.items() if len(values) == 1}
    memory, lanes = given.get("memory", ""), given.get("parallelism", "")
    is_known = given.get("version") == "1.3" and given.get("type") in {"d", "i", "id"}
    if not is_known or not _KEYCLOAK_NUMBER.fullmatch(memory) or not _KEYCLOAK_NUMBER.fullmatch(lanes):
        return None
    return Argon2Hash(given["type"], int(memory), data.hash_iterations, int(lanes), salt, tag)
