"""The test vectors that Web Authentication Level 3 publishes (section 16), through both ceremonies."""

import base64
import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cbor2
import pytest

from portico.factors.passkeys import ceremony
from portico.factors.passkeys.ceremony import check_assertion, read_registration
from portico.factors.passkeys.model import CheckedAssertion, NewPasskey, RelyingParty, StoredPasskey
from portico.factors.proof import Failure
from tests.support.authenticator import BACKED_UP, BACKUP_ELIGIBLE

FILE = Path(__file__).parent / "data" / "webauthn_vectors.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
"""https://www.w3.org/TR/webauthn-3/#sctn-test-vectors: the bytes as published, in hexadecimal."""
PARTY = RelyingParty(id="example.org", name="Vectors", origin="https://example.org")
PARTS = ("registration", "assertion")
GOOD = None
EXPECTED = {
    "16.2": (ceremony.NOT_VERIFIED, ceremony.NOT_VERIFIED),
    "16.3": (GOOD, ceremony.NOT_VERIFIED),
    "16.4": (ceremony.FAILED, ceremony.FAILED),
    "16.5": (ceremony.FAILED, ceremony.FAILED),
    "16.6": (ceremony.NOT_VERIFIED, GOOD),
    "16.10": (GOOD, ceremony.NOT_VERIFIED),
    "16.11": (ceremony.NOT_VERIFIED, ceremony.NOT_VERIFIED),
}
"""The vectors are made with flags drawn at random. Where no user was verified, all else is right about them."""


def text(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def outcome_of(vector: dict[str, Any]) -> tuple[NewPasskey | Failure, CheckedAssertion | Failure, StoredPasskey]:
    """What comes of a vector: of its registration, and of its answer if that registration were kept."""
    made, given = ({name: bytes.fromhex(said) for name, said in vector[part].items()} for part in PARTS)
    data = cbor2.loads(made["attestationObject"])["authData"]
    end = 55 + int.from_bytes(data[53:55])
    credential = {"id": text(data[55:end]), "rawId": text(data[55:end]), "type": "public-key"}
    registration = credential | {"response": {name: text(said) for name, said in made.items()}}
    assertion = credential | {"response": {name: text(said) for name, said in given.items()}}
    stored = StoredPasskey(
        id="vector",
        account_id="vector",
        credential_id=data[55:end],
        public_key=data[end:],
        sign_count=0,
        backup_eligible=bool(data[32] & BACKUP_ELIGIBLE),
        backed_up=bool(data[32] & BACKED_UP),
        user_handle=b"nora",
        name="",
        created_at=datetime(2026, 5, 4, tzinfo=UTC),
        used_at=None,
    )
    return (
        read_registration(PARTY, registration, made["challenge"]),
        check_assertion(PARTY, assertion, given["challenge"], stored),
        stored,
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["section"])
def test_the_specifications_vectors_give_what_their_flags_say(vector: dict[str, Any]) -> None:  # D15 D16
    new, checked, stored = outcome_of(vector)
    of_new, of_answer = EXPECTED[vector["section"]]
    if of_new is GOOD:
        assert isinstance(new, NewPasskey)
        assert (new.credential_id, new.public_key) == (stored.credential_id, stored.public_key)
    assert new == of_new or of_new is GOOD
    assert isinstance(checked, CheckedAssertion) if of_answer is GOOD else checked == of_answer


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["section"])
def test_a_vector_with_one_bit_turned_is_good_for_nothing(vector: dict[str, Any]) -> None:  # D16
    turned = copy.deepcopy(vector)
    signature = bytes.fromhex(vector["assertion"]["signature"])
    turned["assertion"]["signature"] = (signature[:-1] + bytes([signature[-1] ^ 1])).hex()
    assert outcome_of(turned)[1] == ceremony.FAILED


def test_the_vector_from_a_foreign_page_is_refused_for_that_alone() -> None:  # D16
    vector = copy.deepcopy(next(vector for vector in VECTORS if vector["section"] == "16.4"))
    client = bytes.fromhex(vector["registration"]["clientDataJSON"]).replace(
        b'"crossOrigin":true', b'"crossOrigin":false'
    )
    vector["registration"]["clientDataJSON"] = client.hex()
    assert isinstance(outcome_of(vector)[0], NewPasskey)
