"""Passkeys, registered and answered with: every algorithm and all that may be wrong."""

import base64
import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from portico.factors.passkeys import ceremony
from portico.factors.passkeys.ceremony import (
    check_assertion,
    creation_options,
    credential_id_of,
    read_registration,
    request_options,
)
from portico.factors.passkeys.model import CheckedAssertion, NewPasskey, RelyingParty, StoredPasskey
from portico.factors.proof import Failure
from tests.support.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    EDDSA,
    ES256,
    PRESENT,
    RS256,
    STRAIGHT,
    VERIFIED,
    AlreadyHeld,
    Authenticator,
    Twist,
)

PARTY = RelyingParty(id="portico.example", name="Portico", origin="https://portico.example")
CHALLENGE, OTHER_CHALLENGE = bytes(range(32)), bytes(32)
HANDLE, OTHER_HANDLE = b"nora" * 16, b"sven" * 16
NOW = datetime(2026, 5, 4, tzinfo=UTC)


def text(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def asked(exclude: tuple[bytes, ...] = ()) -> dict[str, Any]:
    """What a browser is asked when Nora makes a passkey."""
    return creation_options(
        PARTY,
        challenge=CHALLENGE,
        user_handle=HANDLE,
        address="nora@north-clinic.example",
        display_name="Nora North",
        exclude=exclude,
    )


def register(authenticator: Authenticator, twist: Twist = STRAIGHT, origin: str = PARTY.origin) -> NewPasskey | Failure:
    """What comes of a passkey that is made so."""
    return read_registration(PARTY, authenticator.create(asked(), origin=origin, twist=twist), CHALLENGE)


def kept(new: NewPasskey | Failure, sign_count: int | None = None) -> StoredPasskey:
    """The passkey as it is stored."""
    assert isinstance(new, NewPasskey), new
    return StoredPasskey(
        id="passkey-1",
        account_id="account-nora",
        credential_id=new.credential_id,
        public_key=new.public_key,
        sign_count=new.sign_count if sign_count is None else sign_count,
        backup_eligible=new.backup_eligible,
        backed_up=new.backed_up,
        user_handle=HANDLE,
        name="Nora's laptop",
        created_at=NOW,
        used_at=None,
    )


@cache
def nora() -> tuple[Authenticator, StoredPasskey]:
    """An authenticator with one passkey of Nora's, and what is kept of that."""
    authenticator = Authenticator(counts=False)
    return authenticator, kept(register(authenticator))


def answer(twist: Twist = STRAIGHT, origin: str = PARTY.origin) -> dict[str, Any]:
    """What Nora's authenticator answers."""
    return nora()[0].get(request_options(PARTY, challenge=CHALLENGE), origin=origin, twist=twist)


def check(twist: Twist = STRAIGHT, origin: str = PARTY.origin, sign_count: int = 0) -> CheckedAssertion | Failure:
    """What comes of an answer of Nora's."""
    stored = msgspec.structs.replace(nora()[1], sign_count=sign_count)
    return check_assertion(PARTY, answer(twist, origin), CHALLENGE, stored)


def test_a_passkey_is_asked_for_that_is_discoverable_and_verifies_its_user() -> None:  # D15
    options = asked(exclude=(b"one", b"two"))
    assert options == {
        "rp": {"id": "portico.example", "name": "Portico"},
        "user": {"id": text(HANDLE), "name": "nora@north-clinic.example", "displayName": "Nora North"},
        "challenge": text(CHALLENGE),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in (-7, -8, -257)],
        "timeout": 300_000,
        "excludeCredentials": [{"type": "public-key", "id": "b25l"}, {"type": "public-key", "id": "dHdv"}],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }
    assert json.loads(json.dumps(options)) == options
    authenticator, stored = nora()
    with pytest.raises(AlreadyHeld):
        authenticator.create(asked(exclude=(stored.credential_id,)), origin=PARTY.origin)


def test_an_answer_is_asked_for_with_the_user_verified() -> None:  # D16
    options = request_options(PARTY, challenge=CHALLENGE, allow=(b"one",))
    assert options == {
        "challenge": text(CHALLENGE),
        "timeout": 300_000,
        "rpId": "portico.example",
        "allowCredentials": [{"type": "public-key", "id": "b25l"}],
        "userVerification": "required",
    }
    assert request_options(PARTY, challenge=CHALLENGE)["allowCredentials"] == []


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
@pytest.mark.parametrize("attestation", ["none", "packed"])
def test_a_passkey_is_registered_and_answers_in_every_algorithm(algorithm: int, attestation: str) -> None:  # D15 D16
    authenticator = Authenticator(algorithm=algorithm, backup_eligible=True)
    made = authenticator.create(asked(), origin=PARTY.origin, twist=Twist(attestation=attestation))
    new = read_registration(PARTY, made, CHALLENGE)
    assert isinstance(new, NewPasskey)
    assert (new.credential_id, new.sign_count) == (authenticator.passkeys[0].id, 0)
    assert (new.backup_eligible, new.backed_up) == (True, False)
    assert new.aaguid == "00000000-0000-0000-0000-000000000000"
    assert new.transports == ("hybrid", "internal")
    authenticator.passkeys[0].flags |= BACKED_UP
    given = authenticator.get(request_options(PARTY, challenge=OTHER_CHALLENGE), origin=PARTY.origin)
    assert credential_id_of(given) == credential_id_of(made) == new.credential_id
    checked = check_assertion(PARTY, given, OTHER_CHALLENGE, kept(new))
    assert checked == CheckedAssertion(sign_count=1, backed_up=True)


def flipped(data: bytes, at: int = -1) -> bytes:
    """With one bit turned."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def behind(data: bytes, more: bytes = b"\x00") -> bytes:
    """With something behind it."""
    return data + more


def with_key(**parts: object) -> Callable[[bytes], bytes]:
    """A public key some parts of which are others: named as in section 5.8.5."""
    labels = {"kty": 1, "alg": 3, "crv": -1, "x": -2, "y": -3, "n": -1, "e": -2}

    def change(key: bytes) -> bytes:
        return cbor2.dumps(cbor2.loads(key) | {labels[name]: part for name, part in parts.items()})

    return change


def instead(data: bytes) -> Callable[[bytes], bytes]:
    """Something else altogether."""
    return lambda _: data


def spelt(find: bytes, put: bytes) -> Callable[[bytes], bytes]:
    """With one thing spelt in another way."""

    def change(data: bytes) -> bytes:
        assert find in data
        return data.replace(find, put)

    return change


IN_BOTH = {
    "another challenge": (Twist(challenge=OTHER_CHALLENGE), "failed"),
    "the challenge in another spelling": (Twist(client={"challenge": text(CHALLENGE) + "="}), "failed"),
    "no challenge": (Twist(challenge=b""), "failed"),
    "for another party": (Twist(rp_id="evil.example"), "failed"),
    "on a page within a page": (Twist(cross_origin=True), "failed"),
    "within a page that is named": (Twist(client={"topOrigin": "https://portico.example"}), "failed"),
    "user not present": (Twist(flags_off=PRESENT), "failed"),
    "user not verified": (Twist(flags_off=VERIFIED), "not_verified"),
    "neither": (Twist(flags_off=PRESENT | VERIFIED), "failed"),
    "backed up, which it cannot be": (Twist(flags_on=BACKED_UP), "failed"),
    "client data cut off": (Twist(client_json=lambda data: data[:-1]), "unreadable"),
    "client data is a list": (Twist(client_json=instead(b"[]")), "unreadable"),
    "client data is not text": (Twist(client_json=lambda data: data.replace(b"portico", b"\xff\xfe")), "unreadable"),
    "client data without end": (Twist(client_json=instead(b'{"a":' * 1_500)), "unreadable"),
    "cross origin is no yes or no": (Twist(cross_origin="false"), "unreadable"),
    "data cut off": (Twist(data=lambda data: data[:36]), "unreadable"),
    "bytes behind the data": (Twist(data=behind), "unreadable"),
    "extensions promised": (Twist(flags_on=0x80), "unreadable"),
    "extensions without end": (Twist(flags_on=0x80, data=partial(behind, more=b"\x81" * 4_000)), "unreadable"),
    "a name of 1024 bytes": (Twist(named_id=bytes(1024)), "unreadable"),
    "no name": (Twist(named_id=b""), "unreadable"),
    "too large": (Twist(client={"extraData": "x" * 12_500}), "unreadable"),
}
IN_REGISTRATIONS = IN_BOTH | {
    "an answer for a new passkey": (Twist(kind="webauthn.get"), "failed"),
    "the name of another": (Twist(named_id=bytes(32)), "unreadable"),
    "an id of 1024 bytes": (Twist(credential_id=bytes(1024)), "unreadable"),
    "an id longer than the data": (Twist(data=lambda data: data[:53] + b"\xff\xff" + data[55:]), "unreadable"),
    "no passkey in it": (Twist(flags_off=0x40, data=lambda data: data[:37]), "unreadable"),
    "RS1": (Twist(cose_key=with_key(alg=-65535)), "unsupported"),
    "ES512": (Twist(cose_key=with_key(alg=-36)), "unsupported"),
    "another curve": (Twist(cose_key=with_key(crv=2)), "unsupported"),
    "an algorithm of another key": (Twist(cose_key=with_key(alg=EDDSA)), "unsupported"),
    "a number that is no integer": (Twist(cose_key=with_key(alg=-7.0)), "unreadable"),
    "a name of an algorithm": (Twist(cose_key=with_key(alg="ES256")), "unsupported"),
    "yes for one": (Twist(cose_key=with_key(crv=True)), "unsupported"),
    "no algorithm": (Twist(cose_key=instead(b"\xa0")), "unsupported"),
    "a small RSA key": (Twist(cose_key=with_key(kty=3, alg=RS256, n=b"\xff" * 128, e=b"\1\0\1")), "unsupported"),
    "a huge RSA key": (Twist(cose_key=with_key(kty=3, alg=RS256, n=b"\xff" * 1024, e=b"\1\0\1")), "unsupported"),
    "a huge exponent": (Twist(cose_key=with_key(kty=3, alg=RS256, n=b"\xff" * 256, e=b"\xff" * 256)), "unsupported"),
    "an RSA key in numbers": (Twist(cose_key=with_key(kty=3, alg=RS256, n=3, e=3)), "unreadable"),
    "a point off the curve": (Twist(cose_key=with_key(x=bytes(31) + b"\1")), "unreadable"),
    "a point that is no bytes": (Twist(cose_key=with_key(y=True)), "unreadable"),
    "a key that is a list": (Twist(cose_key=instead(b"\x80")), "unreadable"),
    "a key that is cut off": (Twist(cose_key=lambda key: key[:-1]), "unreadable"),
    "a bare point": (Twist(cose_key=instead(b"\x04")), "unreadable"),
    "a statement where none should be": (Twist(statement={"sig": b"x"}), "failed"),
    "one that nobody knows": (Twist(statement={"x": 1}), "failed"),
    "a bad signature of itself": (Twist(attestation="packed", signature=flipped), "failed"),
    "bytes behind that": (Twist(attestation="packed", signature=behind), "failed"),
    "packed, nothing in it": (Twist(attestation="packed", statement={}), "unsupported"),
    "packed, no signature": (Twist(attestation="packed", statement={"alg": ES256}), "unreadable"),
    "packed by another algorithm": (Twist(attestation="packed", statement={"alg": EDDSA, "sig": b"x"}), "failed"),
    "packed by an unknown one": (Twist(attestation="packed", statement={"alg": -65535, "sig": b"x"}), "unsupported"),
    "packed, no certificates": (
        Twist(attestation="packed", statement={"alg": ES256, "sig": b"x", "x5c": []}), "unreadable"
    ),
    "packed, a bad certificate": (
        Twist(attestation="packed", statement={"alg": ES256, "sig": b"x", "x5c": [b"\x30\x00"]}), "failed"
    ),
    "fido-u2f": (Twist(attestation="fido-u2f"), "unsupported"),
    "tpm": (Twist(attestation="tpm", statement={"ver": "2.0", "alg": ES256, "sig": b"x"}), "unsupported"),
    "a form nobody knows": (Twist(attestation="homemade"), "unsupported"),
    "an empty object": (Twist(attestation_object=instead(b"")), "unreadable"),
    "an object that is no map": (Twist(attestation_object=instead(b"\x80")), "unreadable"),
    "no CBOR": (Twist(attestation_object=instead(b"\xff\xff")), "unreadable"),
    "an object cut off": (Twist(attestation_object=lambda data: data[:-1]), "unreadable"),
    "bytes behind the object": (Twist(attestation_object=behind), "unreadable"),
    "a form that is no name": (Twist(attestation_object=spelt(b"cfmtdnone", b"cfmt\x81cone")), "unreadable"),
    "data that is a number": (
        Twist(attestation_object=instead(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": 2**40}))), "unreadable"
    ),
    "a key said twice": (Twist(cose_key=lambda key: b"\xa6\x01\x02" + key[1:]), "unreadable"),
    "a tagged object": (Twist(attestation_object=lambda data: b"\xd9\xd9\xf7" + data), "unreadable"),
    "a pattern": (Twist(statement={"x": cbor2.CBORTag(35, "(a|b)*")}), "unreadable"),
    "a long spelling": (Twist(attestation_object=spelt(b"hauthDataX\xa4", b"hauthDataY\x00\xa4")), "unreadable"),
    "no definite length": (Twist(attestation_object=lambda data: b"\xbf" + data[1:] + b"\xff"), "unreadable"),
    "an item behind the data": (Twist(data=lambda data: data + b"\xa0"), "unreadable"),
    "an object too deep": (Twist(statement={"x": {"x": {"x": {"x": []}}}}), "unreadable"),
    "lists without end": (Twist(attestation_object=instead(b"\x81" * 8_000)), "unreadable"),
}  # fmt: skip
IN_ANSWERS = IN_BOTH | {
    "a new passkey for an answer": (Twist(kind="webauthn.create"), "failed"),
    "a bad signature": (Twist(signature=flipped), "failed"),
    "bytes behind the signature": (Twist(signature=behind), "failed"),
    "an empty signature": (Twist(signature=instead(b"")), "failed"),
    "a signature of zeros": (Twist(signature=instead(bytes.fromhex("3006020100020100"))), "failed"),
    "one spelt too long": (Twist(signature=lambda der: b"\x30\x81" + der[1:]), "failed"),
    "data that was not signed": (Twist(named_id=bytes(32)), "failed"),
    "backup became possible": (Twist(flags_on=BACKUP_ELIGIBLE), "failed"),
    "the handle of another": (Twist(user_handle=OTHER_HANDLE), "other_account"),
    "an empty handle": (Twist(user_handle=b""), "other_account"),
}
ORIGINS = [
    "https://evil.example",
    "https://sub.portico.example",
    "https://badportico.example",
    "https://portico.example.evil.example",
    "http://portico.example",
    "https://portico.example:8443",
    "https://portico.example/",
    "https://PORTICO.example",
    "null",
]


@pytest.mark.parametrize(("twist", "code"), IN_REGISTRATIONS.values(), ids=IN_REGISTRATIONS)
def test_what_is_wrong_with_a_new_passkey_is_told(twist: Twist, code: str) -> None:  # D15
    assert register(Authenticator(), twist) == Failure(code=f"passkey.{code}")


@pytest.mark.parametrize(("twist", "code"), IN_ANSWERS.values(), ids=IN_ANSWERS)
def test_what_is_wrong_with_an_answer_is_told(twist: Twist, code: str) -> None:  # D16
    assert check(twist) == Failure(code=f"passkey.{code}")


@pytest.mark.parametrize("origin", ORIGINS)
def test_only_ones_own_origin_counts(origin: str) -> None:  # D16
    assert check(origin=origin) == ceremony.FAILED
    assert register(Authenticator(), origin=origin) == ceremony.FAILED


@pytest.mark.parametrize(
    ("stored", "told", "is_good"),
    [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 3, False), (5, 0, False), (2**32 - 1, 0, False)],
)
def test_a_counter_never_goes_back(stored: int, told: int, *, is_good: bool) -> None:  # D16
    good = CheckedAssertion(sign_count=told, backed_up=False)
    assert check(Twist(count=told), sign_count=stored) == (good if is_good else ceremony.COPIED)
    assert check(Twist(count=told, signature=flipped), sign_count=stored) == ceremony.FAILED


def test_a_passkey_that_could_be_backed_up_stays_so() -> None:  # D15
    authenticator = Authenticator(backup_eligible=True, backed_up=True)
    stored = kept(register(authenticator))
    options = request_options(PARTY, challenge=CHALLENGE)
    for off, expected in ((BACKED_UP, CheckedAssertion(sign_count=1, backed_up=False)), (0x18, ceremony.FAILED)):
        given = authenticator.get(options, origin=PARTY.origin, twist=Twist(flags_off=off))
        assert check_assertion(PARTY, given, CHALLENGE, stored) == expected


def test_who_it_is_may_be_known_already() -> None:  # D16
    assert isinstance(check(Twist(without_handle=True)), CheckedAssertion)


def test_a_long_name_and_an_unknown_way_to_reach_it_are_kept() -> None:  # D15
    authenticator = Authenticator()
    authenticator.transports = ["usb", "carrier-pigeon", "usb", "<b>", 7, "x" * 99]  # type: ignore[list-item]
    new = register(authenticator, Twist(credential_id=bytes(1023)))
    assert isinstance(new, NewPasskey)
    assert (len(new.credential_id), new.transports) == (1023, ("carrier-pigeon", "usb"))


def test_a_passkey_answers_for_itself_only() -> None:  # D16
    _, stored = nora()
    for other in (Authenticator(), Authenticator(algorithm=EDDSA)):
        strange = kept(register(other))
        assert check_assertion(PARTY, answer(), CHALLENGE, strange) == ceremony.FAILED
        taken = msgspec.structs.replace(stored, public_key=strange.public_key)
        assert check_assertion(PARTY, answer(), CHALLENGE, taken) == ceremony.FAILED
    broken = msgspec.structs.replace(stored, public_key=b"")
    assert check_assertion(PARTY, answer(), CHALLENGE, broken) == ceremony.FAILED


@pytest.mark.parametrize(
    "credential",
    [None, "", [], 7, {}, {"id": 1}, {"id": "AA", "rawId": "AQ", "type": "public-key"}]
    + [{"id": name, "rawId": name, "type": "public-key"} for name in ("", "A", "AB", "AA==", "A/", "Ä", "A\n", "AA ")]
    + [{"id": "AA", "rawId": "AA", "type": kind} for kind in ("password", None)],
    ids=repr,
)
def test_what_has_no_readable_name_is_nobodys(credential: Any) -> None:  # D16
    assert credential_id_of(credential) is None
    assert check_assertion(PARTY, credential, CHALLENGE, nora()[1]) == ceremony.UNREADABLE
    assert read_registration(PARTY, credential, CHALLENGE) == ceremony.UNREADABLE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PLACES = ["id", "rawId", "type", "response"]
READ = (["attestationObject", "clientDataJSON"], ["authenticatorData", "clientDataJSON", "signature", "userHandle"])
"""What is read of a registration and of an answer; the rest is there for convenience."""


@st.composite
def spliced(draw: st.DrawFn, good: bytes) -> bytes:
    """With a few bytes somewhere taken away, put in, or replaced."""
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 8)))
    return good[:start] + draw(st.binary(max_size=8)) + good[end:]


@cache
def pristine() -> tuple[dict[str, Any], dict[str, Any]]:
    """A good registration, packed, and a good answer."""
    made = Authenticator().create(asked(), origin=PARTY.origin, twist=Twist(attestation="packed"))
    return made, answer()


def outcomes(credential: dict[str, Any]) -> list[object]:
    """What all three readers say to it."""
    credential_id_of(credential)
    found = [read_registration(PARTY, credential, CHALLENGE), check_assertion(PARTY, credential, CHALLENGE, nora()[1])]
    return [outcome for outcome in found if not isinstance(outcome, Failure)]


@settings(max_examples=150)
@given(data=st.data(), which=st.sampled_from([0, 1]), splice=st.booleans())
def test_whatever_is_changed_gives_a_failure_and_nothing_else(
    data: st.DataObject, which: int, *, splice: bool
) -> None:  # D16
    credential = copy.deepcopy(pristine()[which])
    name = data.draw(st.sampled_from(READ[which]))
    said = credential["response"][name]
    changed: object = data.draw(spliced(base64.urlsafe_b64decode(said + "==")).map(text) if splice else JSON)
    assume(changed != said and (name, changed) != ("userHandle", None))
    credential["response"][name] = changed
    assert not outcomes(credential)


@settings(max_examples=60)
@given(credential=JSON, place=st.sampled_from(PLACES), which=st.sampled_from([0, 1]))
def test_whatever_is_put_in_its_place_never_raises(credential: Any, place: str, which: int) -> None:  # D16
    assert not outcomes(credential)
    assert not outcomes(pristine()[which] | {place: credential})
