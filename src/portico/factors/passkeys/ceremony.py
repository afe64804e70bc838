"""The two ceremonies of a passkey: what a browser is asked, and whether what it answers is good.

Web Authentication Level 3 throughout: registration is section 7.1, authentication section 7.2. Knows no clock and no
database; who made a challenge, and that it is good once, is the caller's business. py_webauthn checks signatures and
statements. What it leaves open is checked here: strict encodings, embedding pages, keys that fit their algorithm, the
backup flags, the counter, the owner.

Nothing that a browser sends makes these functions raise. Whether the person was verified and whether the counter moved
is asked last, of answers that are otherwise good: only then do those failures tell the person something true.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from portico.factors.passkeys.answers import (
    Assertion,
    Attestation,
    AuthenticatorData,
    ClientData,
    encoded,
    is_a,
    read_assertion,
    read_attestation,
    read_credential_id,
)
from portico.factors.passkeys.model import CheckedAssertion, Credential, NewPasskey, RelyingParty, StoredPasskey
from portico.factors.proof import Failure

UNREADABLE = Failure(code="passkey.unreadable")
FAILED = Failure(code="passkey.failed")
NOT_VERIFIED = Failure(code="passkey.not_verified")
UNSUPPORTED = Failure(code="passkey.unsupported")
COPIED = Failure(code="passkey.copied")
OTHER_ACCOUNT = Failure(code="passkey.other_account")
UNKNOWN = Failure(code="passkey.unknown")
EXISTS = Failure(code="passkey.exists")

TIMEOUT_MILLISECONDS = 300_000
_ES256, _EDDSA, _RS256 = -7, -8, -257
_ALGORITHMS = (_ES256, _EDDSA, _RS256)
_KTY, _ALG, _CRV, _N, _E = 1, 3, -1, -1, -2
_RSA_BITS = range(2048, 4096 + 1)
_RSA_EXPONENT_BYTES = 4


def creation_options(
    party: RelyingParty,
    *,
    challenge: bytes,
    user_handle: bytes,
    address: str,
    display_name: str,
    exclude: Sequence[bytes],
) -> dict[str, Any]:
    """What to ask a browser for a new passkey: PublicKeyCredentialCreationOptionsJSON (sections 5.1.9 and 5.4).

    The passkey is discoverable and verifies its user. No attestation is asked for: what made the passkey is the
    person's business. ``exclude``: the credential ids the account has already.
    """
    return {
        "rp": {"id": party.id, "name": party.name},
        "user": {"id": encoded(user_handle), "name": address, "displayName": display_name},
        "challenge": encoded(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in _ALGORITHMS],
        "timeout": TIMEOUT_MILLISECONDS,
        "excludeCredentials": [_descriptor(credential_id) for credential_id in exclude],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def request_options(party: RelyingParty, *, challenge: bytes, allow: Sequence[bytes] = ()) -> dict[str, Any]:
    """What to ask a browser for an answer with a passkey: PublicKeyCredentialRequestOptionsJSON (5.1.10 and 5.5).

    Without ``allow`` the person chooses among the passkeys their devices have for this party.
    """
    return {
        "challenge": encoded(challenge),
        "timeout": TIMEOUT_MILLISECONDS,
        "rpId": party.id,
        "allowCredentials": [_descriptor(credential_id) for credential_id in allow],
        "userVerification": "required",
    }


def credential_id_of(credential: Credential) -> bytes | None:
    """Which passkey an answer says it was given with; None if it cannot be read."""
    return read_credential_id(credential)


def read_registration(party: RelyingParty, credential: Credential, challenge: bytes) -> NewPasskey | Failure:
    """The passkey that a browser says was just made; or why it is not taken (section 7.1).

    A statement of the form packed has to be right, but nothing is concluded from who signed it.
    """
    from portico.factors.passkeys.verification import is_attested, is_usable  # decision 0004

    read = read_attestation(credential)
    if read is None:
        return UNREADABLE
    failure = (
        _client_failure(party, read.client, "webauthn.create", challenge)
        or _backup_failure(read.data)
        or _key_failure(read.data)
        or _statement_failure(read)
    )
    if failure is not None:
        return failure
    if not is_usable(read.data.public_key):
        return UNREADABLE
    if not is_attested(read, party, challenge):
        return FAILED
    if not read.data.user_verified:
        return NOT_VERIFIED
    return NewPasskey(
        credential_id=read.data.credential_id,
        public_key=read.data.public_key,
        sign_count=read.data.sign_count,
        backup_eligible=read.data.backup_eligible,
        backed_up=read.data.backed_up,
        aaguid=read.data.aaguid,
        transports=read.transports,
    )


def check_assertion(
    party: RelyingParty, credential: Credential, challenge: bytes, stored: StoredPasskey
) -> CheckedAssertion | Failure:
    """Whether an answer was given with a passkey, by somebody the device has verified; or why not (section 7.2).

    A missing user handle is no failure: whoever does not know yet whose passkey it is has to ask for one.
    """
    from portico.factors.passkeys.verification import is_signed  # decision 0004

    read = read_assertion(credential)
    if read is None:
        return UNREADABLE
    failure = (
        _owner_failure(read, stored)
        or _client_failure(party, read.client, "webauthn.get", challenge)
        or _backup_failure(read.data, eligible=stored.backup_eligible)
    )
    if failure is not None:
        return failure
    if not is_signed(read, party, challenge, stored.public_key):
        return FAILED
    if not read.data.user_verified:
        return NOT_VERIFIED
    if (read.data.sign_count or stored.sign_count) and read.data.sign_count <= stored.sign_count:
        return COPIED
    return CheckedAssertion(sign_count=read.data.sign_count, backed_up=read.data.backed_up)


def _owner_failure(read: Assertion, stored: StoredPasskey) -> Failure | None:
    """Section 7.2, steps 5 and 6."""
    if read.credential_id != stored.credential_id:
        return FAILED
    if read.user_handle is not None and read.user_handle != stored.user_handle:
        return OTHER_ACCOUNT
    return None


def _client_failure(party: RelyingParty, client: ClientData, kind: str, challenge: bytes) -> Failure | None:
    """Section 7.1, steps 7 to 11, and section 7.2, steps 10 to 14. We are never embedded in somebody else's page."""
    expected = client.type == kind and client.challenge == encoded(challenge) and client.origin == party.origin
    return None if expected and not client.cross_origin and client.top_origin is msgspec.UNSET else FAILED


def _backup_failure(data: AuthenticatorData, *, eligible: bool | None = None) -> Failure | None:
    """What cannot be backed up is not backed up, and a passkey stays what it was made as (7.1.17, 7.2.18 to 19)."""
    if data.backed_up and not data.backup_eligible:
        return FAILED
    return FAILED if eligible is not None and data.backup_eligible != eligible else None


def _key_failure(data: AuthenticatorData) -> Failure | None:
    """Section 7.1, step 20: an algorithm that was asked for, with a key of its own kind (section 5.8.5).

    An RSA key is of a size that is safe and that does not keep us busy.
    """
    kind = tuple(data.key.get(label) for label in (_KTY, _ALG, _CRV))
    if is_a(int, *kind) and kind in {(2, _ES256, 1), (1, _EDDSA, 6)}:
        return None
    if not is_a(int, *kind[:2]) or kind[:2] != (3, _RS256):
        return UNSUPPORTED
    modulus, exponent = data.key.get(_N), data.key.get(_E)
    if not isinstance(modulus, bytes) or not isinstance(exponent, bytes):
        return UNREADABLE
    is_fit = int.from_bytes(modulus).bit_length() in _RSA_BITS and len(exponent) <= _RSA_EXPONENT_BYTES
    return None if is_fit else UNSUPPORTED


def _statement_failure(read: Attestation) -> Failure | None:
    """Section 7.1, steps 21 and 22: forms that can be verified. Nothing else comes where none was asked for."""
    statement = read.statement
    if read.form == "none":
        return FAILED if statement else None
    algorithm, certificates = statement.get("alg"), statement.get("x5c", [b""])
    if read.form != "packed" or not is_a(int, algorithm) or algorithm not in _ALGORITHMS:
        return UNSUPPORTED
    is_readable = is_a(list, certificates) and bool(certificates) and is_a(bytes, *certificates, statement.get("sig"))
    return None if is_readable else UNREADABLE


def _descriptor(credential_id: bytes) -> dict[str, str]:
    return {"type": "public-key", "id": encoded(credential_id)}
