"""Signatures and attestation statements, checked by py_webauthn: the only module that names it.

Heavy to import (60 ms, 7 MiB), so it is imported when the first passkey is used: decision 0004. Everything handed to it
was read strictly before (``answers``). Verified users and counters are not its business: ``ceremony`` asks for those.
"""

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from portico.factors.passkeys.answers import Assertion, Attestation, encoded, unless_it_raises
from portico.factors.passkeys.model import RelyingParty


def is_usable(public_key: bytes) -> bool:
    """Whether a COSE key can be a key at all, such as a point that is on its curve."""
    loaded = unless_it_raises(lambda: decoded_public_key_to_cryptography(decode_credential_public_key(public_key)))
    return loaded is not None


def is_attested(read: Attestation, party: RelyingParty, challenge: bytes) -> bool:
    """Whether a registration is for this party and challenge, its user present, and its statement right."""
    verified = unless_it_raises(
        lambda: verify_registration_response(
            credential=RegistrationCredential(
                id=encoded(read.data.credential_id),
                raw_id=read.data.credential_id,
                response=AuthenticatorAttestationResponse(
                    client_data_json=read.client_json, attestation_object=read.attestation
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            supported_pub_key_algs=list(COSEAlgorithmIdentifier),  # which we take was decided before
        )
    )
    return verified is not None


def is_signed(read: Assertion, party: RelyingParty, challenge: bytes, public_key: bytes) -> bool:
    """Whether an answer is for this party and challenge, its user present, and signed with this key."""
    verified = unless_it_raises(
        lambda: verify_authentication_response(
            credential=AuthenticationCredential(
                id=encoded(read.credential_id),
                raw_id=read.credential_id,
                response=AuthenticatorAssertionResponse(
                    client_data_json=read.client_json,
                    authenticator_data=read.authenticator_data,
                    signature=read.signature,
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,  # so that it never finds fault with the counter
        )
    )
    return verified is not None
