"""One try to sign in, sign up, step up, renew, reset or update a password, or accept an invitation.

An attempt is a row of its own, never part of a session: nothing that wants a session can take a half sign-in by
accident. It is bound to its holder (the hash of the browser's cookie, or of a native client's ticket), carries the
security epoch of its account and a version that every answer raises.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from portico.factors.proof import Failure, Proof

LIFETIME = timedelta(minutes=30)
SIGN_UP_LIFETIME = timedelta(hours=24)
"""A sign-up waits for a mail, and mails may take their time."""


class Purpose(StrEnum):
    """What an attempt is for."""

    SIGN_IN = "sign_in"
    SIGN_UP = "sign_up"
    STEP_UP = "step_up"
    RENEW = "renew"
    RESET_PASSWORD = "reset_password"
    ACCEPT_INVITATION = "accept_invitation"
    UPDATE_PASSWORD = "update_password"
    """By a hand-off, for the attempt of an app that waits (D26)."""


class ClientKind(StrEnum):
    """Who asks."""

    BROWSER = "browser"
    NATIVE = "native"
    OIDC = "oidc"


class AttemptState(StrEnum):
    """Whether an attempt still takes answers."""

    OPEN = "open"
    FINISHED = "finished"


class Mark(StrEnum):
    """Something the person has acknowledged, skipped or done within the attempt."""

    PASSWORD_CHANGED = "password_changed"
    ACCOUNT_CREATED = "account_created"
    ANNOUNCED_TAKEN = "announced_taken"
    ANNOUNCED_PUT_OFF = "announced_put_off"
    FACTOR_ENROLLED = "factor_enrolled"
    RECOVERY_CODE_SAVED = "recovery_code_saved"
    REMINDER_TAKEN = "reminder_taken"
    REMINDER_PUT_OFF = "reminder_put_off"
    DEVICE_REGISTERED = "device_registered"
    """A passkey was made here in this attempt."""
    DEVICE_NAMED = "device_named"
    TRUST_PUT_OFF = "trust_put_off"


class FactorChange(StrEnum):
    """What somebody signed in wants changed about their second factors; a step-up leads to it."""

    ADD_TOTP = "add_totp"
    REMOVE_TOTP = "remove_totp"
    NEW_RECOVERY_CODE = "new_recovery_code"
    ADD_PASSKEY = "add_passkey"
    REMOVE_PASSKEY = "remove_passkey"


class Demands(msgspec.Struct, frozen=True, kw_only=True):
    """What the asking client wants beyond policy.

    ``fresh_within``: how old the newest proof may be (OpenID Connect Core 1.0 section 3.1.2.1, ``max_age``).
    ``interaction``: False where nobody can be asked anything (``prompt=none``, a refresh). ``change``: what a step-up
    is to change about one's second factors, which takes one of them, if there is one; ``passkey_id`` is which passkey
    it is about. ``passkeys``: whether the client can make and use passkeys.
    """

    fresh_within: timedelta | None = None
    interaction: bool = True
    change: FactorChange | None = None
    passkey_id: str | None = None
    passkeys: bool = True


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try. ``identifier`` is what was typed; ``account_id`` stays None while nobody by that name exists.

    ``former_holder_hash`` is who held it before a mailed link was opened in another browser; ``invitation_id``
    names what is accepted. ``pending`` is what the person is shown to set up and has not confirmed yet, sealed.
    """

    id: str
    purpose: Purpose
    client_kind: ClientKind
    holder_hash: bytes
    created_at: datetime
    expires_at: datetime
    device_hash: bytes | None = None
    identifier: str = ""
    account_id: str | None = None
    epoch: int | None = None
    proofs: tuple[Proof, ...] = ()
    marks: frozenset[Mark] = frozenset()
    demands: Demands = Demands()
    return_to: str = ""
    persistent: bool = True
    failure: Failure | None = None
    session_id: str | None = None
    state: AttemptState = AttemptState.OPEN
    version: int = 1
    language: str = ""
    former_holder_hash: bytes | None = None
    invitation_id: str | None = None
    pending: bytes | None = None

    @property
    def goes_on_with_session(self) -> bool:
        """Whether an open session is decided about again, from what it has proven, instead of one being opened."""
        joins_signed_in = self.purpose is Purpose.ACCEPT_INVITATION and self.session_id is not None
        return self.purpose is Purpose.RENEW or joins_signed_in

    def with_proof(self, proof: Proof) -> "Attempt":
        """The attempt after a good answer: the proof kept, the last failure forgotten."""
        return msgspec.structs.replace(self, proofs=(*self.proofs, proof), failure=None)

    def with_failure(
        self, code: str, params: Mapping[str, str | int] | None = None, field: str | None = None
    ) -> "Attempt":
        """The attempt after a bad answer."""
        return msgspec.structs.replace(self, failure=Failure(code=code, params=params or {}, field=field))

    def answered(self) -> "Attempt":
        """The attempt as it stands in the database once an answer to it was claimed: its version is the next one."""
        return msgspec.structs.replace(self, version=self.version + 1)

    def is_same_try(self, earlier: "Attempt") -> bool:
        """Whether a form sent again means the attempt it started before, and not another name typed into it."""
        return earlier.holder_hash == self.holder_hash and earlier.identifier == self.identifier

    def with_mark(self, mark: Mark) -> "Attempt":
        """The attempt after something was done or acknowledged."""
        return msgspec.structs.replace(self, marks=self.marks | {mark}, failure=None)
