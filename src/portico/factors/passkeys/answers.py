"""Reading what a browser answers with a passkey, strictly: encodings, sizes, shapes; nothing is judged here.

What cannot be read is None, whatever was wrong with it. Nothing that a browser sends raises: four parsers meet here
(JSON, base64url, CBOR, authenticator data: Web Authentication Level 3, sections 5.1, 5.8.1, 6.1 and 6.5), and parsers
fail in more ways than they say. The general CBOR parser sees only the plain kind that authenticators write: from
anybody else's it would make dates, patterns, mails, or an array as long as a number says.
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from webauthn.helpers import aaguid_to_string, parse_authenticator_data, parse_cbor
from webauthn.helpers.structs import AuthenticatorData

from portico.factors.passkeys.model import Credential

CREDENTIAL_ID_MAX = 1023
CREDENTIAL_MAX = 16 * 1024
_TRANSPORTS_MAX = 8
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_TRANSPORT = re.compile(r"[a-z-]{1,16}")

_FLAGS_AT, _HEAD, _ID_AT = 32, 37, 55
_ATTESTED, _EXTENDED = 0x40, 0x80
_BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = 2, 3, 4, 5, 6, 7
_NUMBER_MAX = 23
_WIDTHS = {24: (1, 24), 25: (2, 2**8), 26: (4, 2**16), 27: (8, 2**32)}
"""By what the first byte says: of how many bytes the number behind it is, and the least that needs so many."""

T = TypeVar("T")


class ClientData(msgspec.Struct, frozen=True, rename="camel"):
    """What the browser itself adds and the authenticator signs (section 5.8.1)."""

    type: str
    challenge: str
    origin: str
    cross_origin: bool = False
    top_origin: Any = msgspec.UNSET


class _Named(msgspec.Struct, frozen=True, rename={"raw_id": "rawId"}):
    """What both answers have."""

    id: str
    raw_id: str
    type: str


class _AttestationResponse(msgspec.Struct, frozen=True):
    client_data: str = msgspec.field(name="clientDataJSON")
    attestation: str = msgspec.field(name="attestationObject")
    transports: list[Any] | None = None


class _AssertionResponse(msgspec.Struct, frozen=True):
    client_data: str = msgspec.field(name="clientDataJSON")
    authenticator_data: str = msgspec.field(name="authenticatorData")
    signature: str
    user_handle: str | None = msgspec.field(default=None, name="userHandle")


class _Registration(_Named, frozen=True):
    response: _AttestationResponse


class _Authentication(_Named, frozen=True):
    response: _AssertionResponse


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """A registration, read. ``statement`` is what the authenticator says about itself, of the form ``form``."""

    credential_id: bytes
    client_json: bytes
    client: ClientData
    attestation: bytes
    data: AuthenticatorData
    aaguid: str
    public_key: bytes
    key: Mapping[Any, Any]
    form: str
    statement: Mapping[Any, Any]
    transports: tuple[str, ...]


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """An authentication, read."""

    credential_id: bytes
    client_json: bytes
    client: ClientData
    authenticator_data: bytes
    data: AuthenticatorData
    signature: bytes
    user_handle: bytes | None


def read_credential_id(credential: Credential) -> bytes | None:
    """Which passkey an answer says it was given with."""
    return unless_it_raises(lambda: _named_id(_convert(credential, _Named)))


def read_attestation(credential: Credential) -> Attestation | None:
    """What was answered to being asked for a new passkey."""
    return unless_it_raises(lambda: _read_attestation(credential))


def read_assertion(credential: Credential) -> Assertion | None:
    """What was answered to being asked for an answer with a passkey."""
    return unless_it_raises(lambda: _read_assertion(credential))


def _read_attestation(credential: Credential) -> Attestation | None:
    answer = _convert(credential, _Registration)
    response = answer.response
    client_json, attestation = _decoded(response.client_data), _decoded(response.attestation)
    if _end_of_item(attestation, 0) != len(attestation):
        return None
    found = parse_cbor(attestation)
    if type(found) is not dict or not are_bytes(found["authData"]):
        return None
    data = _authenticator_data(found["authData"])
    attested, credential_id = data.attested_credential_data, _named_id(answer)
    if attested is None or credential_id is None or attested.credential_id != credential_id:
        return None
    key = parse_cbor(attested.credential_public_key)
    if not isinstance(key, dict) or type(found["attStmt"]) is not dict or type(found["fmt"]) is not str:
        return None
    return Attestation(
        credential_id=credential_id,
        client_json=client_json,
        client=msgspec.json.decode(client_json, type=ClientData),
        attestation=attestation,
        data=data,
        aaguid=aaguid_to_string(attested.aaguid),
        public_key=attested.credential_public_key,
        key=key,
        form=found["fmt"],
        statement=found["attStmt"],
        transports=_transports(response.transports or []),
    )


def _read_assertion(credential: Credential) -> Assertion | None:
    answer = _convert(credential, _Authentication)
    response, credential_id = answer.response, _named_id(answer)
    if credential_id is None:
        return None
    client_json, authenticator_data = _decoded(response.client_data), _decoded(response.authenticator_data)
    return Assertion(
        credential_id=credential_id,
        client_json=client_json,
        client=msgspec.json.decode(client_json, type=ClientData),
        authenticator_data=authenticator_data,
        data=_authenticator_data(authenticator_data),
        signature=_decoded(response.signature),
        user_handle=None if response.user_handle is None else _decoded(response.user_handle),
    )


def _authenticator_data(written: bytes) -> AuthenticatorData:
    """What the authenticator signs (section 6.1). ValueError: there is more of it than its flags say, or less."""
    flags, end = written[_FLAGS_AT], _HEAD
    if flags & _ATTESTED:
        end = _end_of_item(written, _ID_AT + int.from_bytes(written[_ID_AT - 2 : _ID_AT]))
    if flags & _EXTENDED:
        end = _end_of_item(written, end)
    if end != len(written):
        raise ValueError("of another length")
    return parse_authenticator_data(written)


def _end_of_item(data: bytes, at: int, depth: int = 4) -> int:
    """Where the CBOR item ends that begins there. ValueError, IndexError: it is not of the canonical form of CTAP2.

    That form (Client to Authenticator Protocol 2.1, section 8) is what authenticators have to write (section 2.4): no
    tags, no items of indefinite length, every number in its shortest form, four levels deep at most.
    """
    kind, value = data[at] >> 5, data[at] & 0b11111
    at += 1
    if value in _WIDTHS:
        width, least = _WIDTHS[value]
        value = int.from_bytes(data[at : at + width])
        at += width
        if value < least and kind != _SIMPLE:
            raise ValueError("not the shortest form")
    elif value > _NUMBER_MAX:
        raise ValueError("of no definite length")
    if kind in {_ARRAY, _MAP}:
        for _ in range(value * (2 if kind == _MAP else 1)):
            if not depth:
                raise ValueError("too deep")
            at = _end_of_item(data, at, depth - 1)
    elif kind in {_BYTES, _TEXT}:
        at += value
    if kind == _TAG or at > len(data):
        raise ValueError("tagged, or cut off")
    return at


def _convert(credential: Credential, shape: type[T]) -> T:
    """An answer of a certain shape. ValueError: it is another, or too large."""
    if not _is_small(credential):
        raise ValueError("too large")
    return msgspec.convert(credential, type=shape)


def _is_small(credential: object) -> bool:
    left, waiting = CREDENTIAL_MAX, [credential]
    while waiting and left > 0:
        value = waiting.pop()
        if isinstance(value, str):
            left -= len(value)
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value
        left -= 1
    return left > 0


def _named_id(named: _Named) -> bytes | None:
    credential_id = _decoded(named.raw_id)
    is_named = named.id == named.raw_id and named.type == "public-key"
    return credential_id if is_named and 0 < len(credential_id) <= CREDENTIAL_ID_MAX else None


def _transports(said: list[Any]) -> tuple[str, ...]:
    """How the authenticator says it is reached, in order; also by ways that have no name yet (section 5.8.4)."""
    known = sorted({name for name in said if isinstance(name, str) and _TRANSPORT.fullmatch(name)})
    return tuple(known[:_TRANSPORTS_MAX])


def encoded(data: bytes) -> str:
    """Base64url without padding (section 3)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """What was written in base64url, of which there is one spelling only. ValueError: it is not."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encoded(data) != text:
        raise ValueError("another spelling")
    return data


def are_bytes(*values: object) -> bool:
    """Whether that is what parsed CBOR has there, and nothing else."""
    return all(type(value) is bytes for value in values)


def unless_it_raises(call: Callable[[], T]) -> T | None:
    """What reading or checking gives; None if it raises, whatever that is: parsers fail in more ways than they say."""
    try:
        return call()
    except Exception:  # noqa: BLE001 - what strangers send may trip any of four parsers; to us it is just not good
        return None
