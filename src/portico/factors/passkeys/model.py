"""What there is of a passkey: the party it is made for, what is kept of it, what an answer with it says.

Names follow Web Authentication Level 3, section 4, "Terminology" and "credential record". Public keys are COSE keys as
the authenticator wrote them (section 5.8.5, RFC 9052 section 7).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

Credential: TypeAlias = Mapping[str, Any]
"""What a browser answers, as JSON: ``PublicKeyCredential.toJSON()`` (section 5.1). Nothing in it is to be trusted."""

NAME_MAX = 64


class RelyingParty(msgspec.Struct, frozen=True, kw_only=True):
    """For whom passkeys are made: a domain, the name people see, and the one origin that may ask for them."""

    id: str
    name: str
    origin: str


def can_have_passkeys(domain: str) -> bool:
    """Whether passkeys can be made for a host: an address by number is no domain (section 5.1.2)."""
    return bool(domain) and not domain.startswith("[") and not domain.replace(".", "").isdigit()


class NewPasskey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that was just made, its answer being good. ``aaguid`` is the authenticator's make, or zeros."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    aaguid: str
    transports: tuple[str, ...]


class StoredPasskey(msgspec.Struct, frozen=True, kw_only=True):
    """An account's passkey as it is kept. ``backup_eligible`` never changes; ``used_at`` is empty until it is used."""

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
    """What a good answer says of the passkey, to be kept: its counter, and whether it is backed up by now."""

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
