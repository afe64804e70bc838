"""Reading what a browser answers with a passkey, strictly: encodings, sizes, shapes; nothing is judged here.

What cannot be read is None, whatever was wrong with it. Nothing that a browser sends raises. Four notations meet here:
JSON, base64url, CBOR and authenticator data (Web Authentication Level 3, sections 5.1, 5.8.1, 6.1 and 6.5).
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from portico.factors.passkeys.cbor import read_item
from portico.factors.passkeys.model import Credential

CREDENTIAL_ID_MAX = 1023
CREDENTIAL_MAX = 16 * 1024
_TRANSPORTS_MAX = 8
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_TRANSPORT = re.compile(r"[a-z-]{1,16}")

_FLAGS_AT, _HEAD, _ID_AT = 32, 37, 55
_VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP, _ATTESTED, _EXTENDED = 0x04, 0x08, 0x10, 0x40, 0x80

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


class AuthenticatorData(msgspec.Struct, frozen=True, kw_only=True):
    """What the authenticator says and signs (section 6.1). The last four describe a new passkey."""

    user_verified: bool
    backup_eligible: bool
    backed_up: bool
    sign_count: int
    aaguid: str = ""
    credential_id: bytes = b""
    public_key: bytes = b""
    key: Mapping[Any, Any] = {}


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """A registration, read. ``statement`` is what the authenticator says about itself, of the form ``form``."""

    client_json: bytes
    client: ClientData
    attestation: bytes
    data: AuthenticatorData
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
    found, end = read_item(attestation, 0)
    if end != len(attestation) or not is_a(dict, found) or not is_a(bytes, found["authData"]):
        return None
    data = _authenticator_data(found["authData"])
    is_whole = is_a(dict, data.key, found["attStmt"]) and is_a(str, found["fmt"])
    if not is_whole or not data.public_key or data.credential_id != _named_id(answer):
        return None
    return Attestation(
        client_json=client_json,
        client=msgspec.json.decode(client_json, type=ClientData),
        attestation=attestation,
        data=data,
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
    """What stands in authenticator data. ValueError, IndexError: there is more of it than its flags say, or less."""
    flags, end, attested = written[_FLAGS_AT], _HEAD, {}
    if flags & _ATTESTED:
        key_at = _ID_AT + int.from_bytes(written[_ID_AT - 2 : _ID_AT])
        key, end = read_item(written, key_at)
        attested = {
            "aaguid": str(UUID(bytes=written[_HEAD : _ID_AT - 2])),
            "credential_id": written[_ID_AT:key_at],
            "public_key": written[key_at:end],
            "key": key,
        }
    if flags & _EXTENDED:
        _, end = read_item(written, end)
    if end != len(written):
        raise ValueError("of another length")
    return AuthenticatorData(
        user_verified=bool(flags & _VERIFIED),
        backup_eligible=bool(flags & _BACKUP_ELIGIBLE),
        backed_up=bool(flags & _BACKED_UP),
        sign_count=int.from_bytes(written[_FLAGS_AT + 1 : _HEAD]),
        **attested,
    )


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


def is_a(kind: type, *values: object) -> bool:
    """Whether values are of exactly this type: to Python, True is an integer."""
    return all(type(value) is kind for value in values)


def unless_it_raises(call: Callable[[], T]) -> T | None:
    """What reading or checking gives; None if it raises, whatever that is: parsers fail in more ways than they say."""
    try:
        return call()
    except Exception:  # noqa: BLE001 - what strangers send may trip any parser, in ways it does not name; to us it is just not good
        return None
