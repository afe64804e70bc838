"""Hashes as other software makes them, computed here independently of ours: hashlib, bcrypt, cryptography."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import bcrypt
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id

SALT = b"0123456789abcdef"
_ARGON2: dict[str, type[Argon2d | Argon2i | Argon2id]] = {"d": Argon2d, "i": Argon2i, "id": Argon2id}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bare(data: bytes) -> str:
    return _base64(data).rstrip("=")


def argon2(password: str, variant: str = "id", *, memory: int = 64, passes: int = 2, lanes: int = 2) -> str:
    """A PHC string, as every argon2 library writes it."""
    made = _ARGON2[variant](salt=SALT, length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    tag = made.derive(password.encode())
    return f"$argon2{variant}$v=19$m={memory},t={passes},p={lanes}${_bare(SALT)}${_bare(tag)}"


def bcrypt_hash(password: str, letter: str = "2b") -> str:
    """Bcrypt as PHP, Ruby and many others store it."""
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    return f"${letter}{made[3:]}"


def django_pbkdf2(password: str, digest: str = "sha256", iterations: int = 1000) -> str:
    """Django's PBKDF2PasswordHasher."""
    tag = hashlib.pbkdf2_hmac(digest, password.encode(), b"seasalt", iterations)
    return f"pbkdf2_{digest}${iterations}$seasalt${_base64(tag)}"


def django_scrypt(password: str) -> str:
    """Django's ScryptPasswordHasher."""
    tag = hashlib.scrypt(password.encode(), salt=b"seasalt", n=16, r=8, p=5, dklen=64)
    return f"scrypt$16$seasalt$8$5${_base64(tag)}"


def django_bcrypt_sha256(password: str) -> str:
    """Django's BCryptSHA256PasswordHasher."""
    return f"bcrypt_sha256${bcrypt_hash(hashlib.sha256(password.encode()).hexdigest())}"


def keycloak_pbkdf2(password: str, algorithm: str = "pbkdf2-sha256", length: int = 64) -> dict[str, Any]:
    """A password credential of a Keycloak realm export."""
    digest = {"pbkdf2": "sha1"}.get(algorithm, algorithm.rpartition("-")[2])
    tag = hashlib.pbkdf2_hmac(digest, password.encode(), SALT, 1000, length)
    return _credential(
        {"value": _base64(tag), "salt": _base64(SALT), "additionalParameters": {}},
        {"hashIterations": 1000, "algorithm": algorithm, "additionalParameters": {}},
    )


def keycloak_argon2(password: str) -> dict[str, Any]:
    """What Keycloak makes since it prefers argon2."""
    tag = Argon2id(salt=SALT, length=32, iterations=5, lanes=1, memory_cost=64).derive(password.encode())
    parameters = {"hashLength": ["32"], "memory": ["64"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}
    return _credential(
        {"value": _base64(tag), "salt": _base64(SALT), "additionalParameters": {}},
        {"hashIterations": 5, "algorithm": "argon2", "additionalParameters": parameters},
    )


def _credential(secret: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "2ecf34ab-9c9b-4b47-a4d5-2b0d7ad1a0aa",
        "type": "password",
        "createdDate": 1715764343207,
        "secretData": json.dumps(secret),
        "credentialData": json.dumps(data),
    }


STRINGS: dict[str, Callable[[str], str]] = {
    "argon2d": lambda password: argon2(password, "d"),
    "argon2i": lambda password: argon2(password, "i"),
    "argon2id": argon2,
    "bcrypt 2a": lambda password: bcrypt_hash(password, "2a"),
    "bcrypt 2b": bcrypt_hash,
    "bcrypt 2y": lambda password: bcrypt_hash(password, "2y"),
    "django pbkdf2 sha256": django_pbkdf2,
    "django pbkdf2 sha1": lambda password: django_pbkdf2(password, "sha1"),
    "django scrypt": django_scrypt,
    "django argon2": lambda password: f"argon2{argon2(password, memory=128, lanes=8)}",
    "django bcrypt": lambda password: f"bcrypt${bcrypt_hash(password)}",
    "django bcrypt sha256": django_bcrypt_sha256,
}
"""Every form that is written as one string."""

CREDENTIALS: dict[str, Callable[[str], dict[str, Any]]] = {
    "keycloak pbkdf2": lambda password: keycloak_pbkdf2(password, "pbkdf2"),
    "keycloak pbkdf2 sha1": lambda password: keycloak_pbkdf2(password, "pbkdf2-sha1", 20),
    "keycloak pbkdf2 sha256": keycloak_pbkdf2,
    "keycloak pbkdf2 sha512": lambda password: keycloak_pbkdf2(password, "pbkdf2-sha512"),
    "keycloak argon2": keycloak_argon2,
}
"""Every form that Keycloak exports."""
