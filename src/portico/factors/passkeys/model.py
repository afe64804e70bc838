"""What is kept of a passkey, and what a browser is asked for one."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

Credential: TypeAlias = Mapping[str, Any]
"""What a browser answers: the ``PublicKeyCredential`` as JSON (Web Authentication Level 3, section 5.1)."""

NAME_MAX = 64


class RelyingParty(msgspec.Struct, frozen=True, kw_only=True):
    """Who passkeys are for: ``id`` is the domain, ``origin`` the only one that may ask for them."""

    id: str
    name: str
    origin: str


def can_have_passkeys(domain: str) -> bool:
    """Whether passkeys can be made for a host: an address by number is no domain (section 5.1.2)."""
    return bool(domain) and not domain.startswith("[") and not domain.replace(".", "").isdigit()


class NewPasskey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey as its authenticator has made it."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    aaguid: str
    transports: tuple[str, ...]


class StoredPasskey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey of an account; ``user_handle`` is what authenticators know the account by."""

    id: str
    account_id: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_handle: bytes
    name: str
    created_at: datetime
    used_at: datetime | None


class FoundPasskey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey with its account's security epoch.

    ``vouched_at``: when another second factor was proven last beside it, or it was registered.
    """

    passkey: StoredPasskey
    account_epoch: int
    vouched_at: datetime


class CheckedAssertion(msgspec.Struct, frozen=True, kw_only=True):
    """What an authenticator said of itself in an answer that was good."""

    sign_count: int
    backed_up: bool


class Trust(StrEnum):
    """What somebody answered when asked whether to trust this device (D15)."""

    TRUSTED = "trusted"
    LATER = "later"
    NEVER = "never"


class TrustedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a device; ``passkey_id`` is the passkey that is used on it, while there is one."""

    answer: Trust
    passkey_id: str | None = None
    ask_again_at: datetime | None = None


class DeviceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody answered on one of their devices; ``passkey`` is the name of the one that is used on it."""

    device_hash: bytes
    answer: Trust
    answered_at: datetime
    ask_again_at: datetime | None = None
    passkey: str | None = None
