"""What it costs to check an answer given with a passkey, and what its one ES256 signature costs by itself."""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from portico.factors.passkeys.answers import encoded
from portico.factors.passkeys.ceremony import check_assertion
from portico.factors.passkeys.model import CheckedAssertion, Credential, RelyingParty, StoredPasskey

PARTY = RelyingParty(id="localhost", name="Portico", origin="http://localhost")
CHALLENGE = bytes(32)
_ALGORITHM = ec.ECDSA(hashes.SHA256())
_CHUNK = 200


def signature_for(seconds: float) -> float:
    """The CPU microseconds of one ES256 signature, checked with a key that is loaded."""
    key, signed = ec.generate_private_key(ec.SECP256R1()), bytes(69)
    public, signature = key.public_key(), key.sign(signed, _ALGORITHM)
    return _cost(lambda: public.verify(signature, signed, _ALGORITHM), seconds)


def passkey_for(seconds: float) -> float:
    """The CPU microseconds of checking one answer."""
    key = ec.generate_private_key(ec.SECP256R1())
    answer, stored = _answer(key), _stored(key)
    if check_assertion(PARTY, answer, CHALLENGE, stored) != CheckedAssertion(sign_count=0, backed_up=False):
        raise RuntimeError("the answer is not good")
    return _cost(lambda: check_assertion(PARTY, answer, CHALLENGE, stored), seconds)


def _cost(work: Callable[[], object], seconds: float) -> float:
    done, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        for _ in range(_CHUNK):
            work()
        done += _CHUNK
    return (time.process_time() - cpu) / done * 1e6


def _answer(key: ec.EllipticCurvePrivateKey) -> Credential:
    client = {"type": "webauthn.get", "challenge": encoded(CHALLENGE), "origin": PARTY.origin, "crossOrigin": False}
    written = json.dumps(client).encode()
    data = hashlib.sha256(PARTY.id.encode()).digest() + b"\x05" + bytes(4)  # present and verified, no counter
    response = {
        "clientDataJSON": encoded(written),
        "authenticatorData": encoded(data),
        "signature": encoded(key.sign(data + hashlib.sha256(written).digest(), _ALGORITHM)),
        "userHandle": encoded(bytes(64)),
    }
    return {"id": encoded(bytes(32)), "rawId": encoded(bytes(32)), "type": "public-key", "response": response}


def _stored(key: ec.EllipticCurvePrivateKey) -> StoredPasskey:
    point = key.public_key().public_numbers()
    x, y = point.x.to_bytes(32), point.y.to_bytes(32)
    return StoredPasskey(
        id="passkey",
        account_id="account",
        credential_id=bytes(32),
        public_key=bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y,
        sign_count=0,
        backup_eligible=False,
        backed_up=False,
        user_handle=bytes(64),
        name="laptop",
        created_at=datetime(2026, 5, 4, tzinfo=UTC),
        used_at=None,
    )
