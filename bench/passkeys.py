"""What it costs to check an answer given with a passkey, and what its one ES256 signature costs by itself.

Also people who have passkeys, for signing in under load: all keep one key, and each has a credential of their own.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from portico.database.engine import Transaction
from portico.factors.passkeys.answers import encoded
from portico.factors.passkeys.ceremony import check_assertion
from portico.factors.passkeys.model import CheckedAssertion, Credential, NewPasskey, RelyingParty, StoredPasskey
from portico.factors.recovery_code import draw_code
from portico.house import House

PARTY = RelyingParty(id="localhost", name="Portico", origin="http://localhost")
CHALLENGE = bytes(32)
HOLDERS = 200
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
    answer, stored = _answer(key, PARTY.origin, CHALLENGE, bytes(32)), _stored(key)
    if check_assertion(PARTY, answer, CHALLENGE, stored) != CheckedAssertion(sign_count=0, backed_up=False):
        raise RuntimeError("the answer is not good")
    return _cost(lambda: check_assertion(PARTY, answer, CHALLENGE, stored), seconds)


async def move_in(house: House) -> None:
    """People who have a passkey, the recovery code that goes with it, and nothing else."""
    now, key = house.clock.now(), _key_of_all()

    async def body(tx: Transaction) -> None:
        for number in range(HOLDERS):
            account = await house.accounts.add_account(tx, now, address=address_of(number), first_name="Ravi")
            new = NewPasskey(
                credential_id=_credential_id(number),
                public_key=_public_key(key),
                sign_count=0,
                backup_eligible=False,
                backed_up=False,
                aaguid="",
                transports=("internal",),
            )
            await house.passkeys.enrol(tx, now, account.id, new, handle=_handle(_credential_id(number)), name="laptop")
            await house.recovery_code.save(tx, now, account.id, draw_code(house.chance))

    await house.database.transact(body)


def address_of(number: int) -> str:
    """The address of somebody who has a passkey."""
    return f"holder{number}@north-clinic.example"


def answer_of(number: int, origin: str, challenge: str) -> Credential:
    """What the passkey of one of these people answers."""
    return _answer(_key_of_all(), origin, base64.urlsafe_b64decode(challenge + "="), _credential_id(number))


@cache
def _key_of_all() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(20_260_504, ec.SECP256R1())


def _credential_id(number: int) -> bytes:
    return f"{number}".encode().rjust(32, b"0")


def _handle(credential_id: bytes) -> bytes:
    return credential_id * 2


def _cost(work: Callable[[], object], seconds: float) -> float:
    done, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        for _ in range(_CHUNK):
            work()
        done += _CHUNK
    return (time.process_time() - cpu) / done * 1e6


def _answer(key: ec.EllipticCurvePrivateKey, origin: str, challenge: bytes, credential_id: bytes) -> Credential:
    client = {"type": "webauthn.get", "challenge": encoded(challenge), "origin": origin, "crossOrigin": False}
    written = json.dumps(client).encode()
    data = hashlib.sha256(PARTY.id.encode()).digest() + b"\x05" + bytes(4)  # present and verified, no counter
    response = {
        "clientDataJSON": encoded(written),
        "authenticatorData": encoded(data),
        "signature": encoded(key.sign(data + hashlib.sha256(written).digest(), _ALGORITHM)),
        "userHandle": encoded(_handle(credential_id)),
    }
    named = encoded(credential_id)
    return {"id": named, "rawId": named, "type": "public-key", "response": response}


def _public_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """As an authenticator writes it (COSE, RFC 9053)."""
    point = key.public_key().public_numbers()
    return bytes.fromhex("a5010203262001215820") + point.x.to_bytes(32) + bytes.fromhex("225820") + point.y.to_bytes(32)


def _stored(key: ec.EllipticCurvePrivateKey) -> StoredPasskey:
    return StoredPasskey(
        id="passkey",
        account_id="account",
        credential_id=bytes(32),
        public_key=_public_key(key),
        sign_count=0,
        backup_eligible=False,
        backed_up=False,
        user_handle=bytes(64),
        name="laptop",
        created_at=datetime(2026, 5, 4, tzinfo=UTC),
        used_at=None,
    )
