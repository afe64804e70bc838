"""A passkey authenticator and the browser before it, in software: makes passkeys, answers with them, and misbehaves.

Written from Web Authentication Level 3 (sections 5.1, 5.8.1, 6.1, 6.5, 8.2) and knows nothing of Portico. What
``create`` and ``get`` give is what ``PublicKeyCredential.toJSON()`` gives in a browser. A ``Twist`` says what is to be
wrong with an answer; everything else about it is right, and signed.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

ES256, EDDSA, RS256 = -7, -8, -257
PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Change = Callable[[bytes], bytes]


class NotAllowed(Exception):
    """What the page is told as NotAllowedError: there is no passkey for it, or none of an algorithm it takes."""


class AlreadyHeld(Exception):
    """InvalidStateError: one of the passkeys that are to be excluded is here."""


@dataclass(frozen=True)
class Twist:
    """What is wrong with an answer. None, or what gives back what it is handed, leaves a thing as it should be."""

    kind: str | None = None
    challenge: bytes | None = None
    cross_origin: object = False
    client: Mapping[str, object] = field(default_factory=dict)
    client_json: Change = bytes
    rp_id: str | None = None
    flags_on: int = 0
    flags_off: int = 0
    count: int | None = None
    credential_id: bytes | None = None
    named_id: bytes | None = None
    cose_key: Change = bytes
    data: Change = bytes
    signature: Change = bytes
    attestation: str = "none"
    statement: Mapping[str, object] | None = None
    attestation_object: Change = bytes
    user_handle: bytes | None = None
    without_handle: bool = False


STRAIGHT = Twist()


@dataclass
class Passkey:
    """A passkey the authenticator holds."""

    id: bytes
    rp_id: str
    user_handle: bytes
    key: PrivateKey
    algorithm: int
    flags: int
    count: int

    def sign(self, data: bytes) -> bytes:
        """A signature as the algorithm has it (section 6.5.5)."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data)


class Authenticator:
    """Holds discoverable passkeys. ``counts``: its counters move; those of passkeys that are synchronised stay at 0."""

    def __init__(
        self, *, algorithm: int = ES256, backup_eligible: bool = False, backed_up: bool = False, counts: bool = True
    ) -> None:
        self.algorithm = algorithm
        self.backup = backup_eligible * BACKUP_ELIGIBLE | backed_up * BACKED_UP
        self.counts = counts
        self.aaguid = bytes(16)
        self.transports = ["hybrid", "internal"]
        self.passkeys: list[Passkey] = []

    def create(self, options: Mapping[str, Any], *, origin: str, twist: Twist = STRAIGHT) -> dict[str, Any]:
        """Make a passkey, as the options ask for it, on a page of that origin (section 5.1.3 and 6.3.2)."""
        asked = [parameter["alg"] for parameter in options["pubKeyCredParams"]]
        if self.algorithm not in asked:
            raise NotAllowed
        excluded = {_bytes(descriptor["id"]) for descriptor in options.get("excludeCredentials", ())}
        if any(passkey.id in excluded for passkey in self.passkeys):
            raise AlreadyHeld
        key = _new_key(self.algorithm)
        cose = twist.cose_key(cbor2.dumps(_cose(key)))
        passkey = Passkey(
            id=hashlib.sha256(cose).digest() if twist.credential_id is None else twist.credential_id,
            rp_id=options["rp"].get("id") or urlsplit(origin).hostname or "",
            user_handle=_bytes(options["user"]["id"]),
            key=key,
            algorithm=self.algorithm,
            flags=self.backup | PRESENT | VERIFIED,
            count=0,
        )
        self.passkeys.append(passkey)
        client = _client(twist, "webauthn.create", options["challenge"], origin)
        attested = self.aaguid + len(passkey.id).to_bytes(2, "big") + passkey.id + cose
        data = twist.data(_data(twist, passkey, ATTESTED) + attested)
        statement = _statement(twist, passkey, data, client)
        written = cbor2.dumps({"fmt": twist.attestation, "attStmt": statement, "authData": data})
        response = {
            "clientDataJSON": _text(client),
            "authenticatorData": _text(data),
            "attestationObject": _text(twist.attestation_object(written)),
            "publicKeyAlgorithm": passkey.algorithm,
            "transports": self.transports,
        }
        return _answer(twist, passkey, response)

    def get(self, options: Mapping[str, Any], *, origin: str, twist: Twist = STRAIGHT) -> dict[str, Any]:
        """Answer with the newest passkey that fits, on a page of that origin (section 5.1.4 and 6.3.3)."""
        rp_id = options.get("rpId") or urlsplit(origin).hostname
        allowed = {_bytes(descriptor["id"]) for descriptor in options.get("allowCredentials", ())}
        fitting = [
            passkey for passkey in self.passkeys if passkey.rp_id == rp_id and (not allowed or passkey.id in allowed)
        ]
        if not fitting:
            raise NotAllowed
        passkey = fitting[-1]
        passkey.count += self.counts
        client = _client(twist, "webauthn.get", options["challenge"], origin)
        data = twist.data(_data(twist, passkey))
        response = {
            "clientDataJSON": _text(client),
            "authenticatorData": _text(data),
            "signature": _text(twist.signature(passkey.sign(data + hashlib.sha256(client).digest()))),
            "userHandle": _text(passkey.user_handle if twist.user_handle is None else twist.user_handle),
        }
        if twist.without_handle:
            del response["userHandle"]
        return _answer(twist, passkey, response)


def _answer(twist: Twist, passkey: Passkey, response: dict[str, Any]) -> dict[str, Any]:
    name = _text(passkey.id if twist.named_id is None else twist.named_id)
    return {
        "id": name,
        "rawId": name,
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": response,
    }


def _client(twist: Twist, kind: str, challenge: str, origin: str) -> bytes:
    """The client data, written as section 5.8.1.1 has it."""
    said = {
        "type": twist.kind or kind,
        "challenge": challenge if twist.challenge is None else _text(twist.challenge),
        "origin": origin,
        "crossOrigin": twist.cross_origin,
        **twist.client,
    }
    return twist.client_json(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode())


def _data(twist: Twist, passkey: Passkey, flags: int = 0) -> bytes:
    """The head of the authenticator data (section 6.1)."""
    flags = (passkey.flags | flags | twist.flags_on) & ~twist.flags_off
    count = passkey.count if twist.count is None else twist.count
    party = hashlib.sha256((twist.rp_id or passkey.rp_id).encode()).digest()
    return party + bytes([flags]) + count.to_bytes(4, "big")


def _statement(twist: Twist, passkey: Passkey, data: bytes, client: bytes) -> Mapping[str, object]:
    """An attestation statement: none, or packed and signed with the passkey itself (section 8.2)."""
    if twist.statement is not None:
        return twist.statement
    if twist.attestation != "packed":
        return {}
    signature = twist.signature(passkey.sign(data + hashlib.sha256(client).digest()))
    return {"alg": passkey.algorithm, "sig": signature}


def _new_key(algorithm: int) -> PrivateKey:
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == RS256:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _cose(key: PrivateKey) -> dict[int, int | bytes]:
    """The public key as COSE writes it (RFC 9053 section 7.1, RFC 8230 section 4)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {1: 1, 3: EDDSA, -1: 6, -2: key.public_key().public_bytes_raw()}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {1: 3, 3: RS256, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")}
    point = key.public_key().public_numbers()
    return {1: 2, 3: ES256, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
