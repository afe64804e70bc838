"""What is kept of a factor: credentials, mailed links and codes; and what a new password is compared with."""

from datetime import datetime, timedelta

import msgspec

from portico.accounts.model import Account
from portico.factors.proof import ProofKind

CODE_LIFETIME = timedelta(minutes=10)
CODE_TRIES = 5
RESEND_AFTER = timedelta(seconds=30)
"""What holds for every mailed code (D18)."""
HISTORY_MAX = 24
"""How many passwords a policy may ask not to be used again (D9); no more former ones are ever kept."""
IMPORTED_HISTORY_KEPT = timedelta(days=90)
"""How long imported former passwords wait for an organization that asks for them."""


class PasswordProperties(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a password beside its hash.

    ``through_mailbox`` is D7's mark: the holder of the mailbox alone could have set it. ``must_change`` names why it
    may not be kept, if it may not.
    """

    through_mailbox: bool = False
    must_change: str | None = None


class PasswordCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A stored password: its PHC hash, and the version that every change of it raises."""

    id: str
    account_id: str
    secret: bytes
    properties: PasswordProperties
    version: int
    changed_at: datetime
    account_epoch: int


class FormerPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A password that was replaced: its PHC or foreign hash, and when it was set, or came here."""

    secret: bytes
    set_at: datetime


class KeptPasswords(msgspec.Struct, frozen=True, kw_only=True):
    """How many former passwords are kept of an account, and to whom it belongs."""

    account_id: str
    memberships: str
    count: int


class OwnData(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody who guesses would try first: what a person is called here. There need not be an account yet."""

    address: str = ""
    first_name: str = ""
    last_name: str = ""
    handle: str = ""


def own_data_of(account: Account | None) -> OwnData:
    """What is known about the person behind an account."""
    if account is None:
        return OwnData()
    return OwnData(
        address=account.address, first_name=account.first_name, last_name=account.last_name, handle=account.handle
    )


class MailedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that was mailed; only the hash of its token is kept. ``is_current``: made under the present epoch."""

    hash: bytes
    account_id: str
    epoch: int
    created_at: datetime
    expires_at: datetime
    spent_at: datetime | None
    is_current: bool


class TotpCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A stored authenticator app: its sealed secret, and the last step of time of which a code was accepted."""

    id: str
    account_id: str
    sealed: bytes
    used_step: int
    created_at: datetime


class RecoveryCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A stored recovery code: only its hash."""

    id: str
    account_id: str
    hash: bytes
    created_at: datetime


class SignInMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as its owner sees it: never the secret. ``used_at`` is empty until it has been used.

    Passkeys have a ``name``, of which there may be several.
    """

    kind: ProofKind
    added_at: datetime
    changed_at: datetime
    used_at: datetime | None
    through_mailbox: bool
    name: str = ""


class EnrolledCredential(msgspec.Struct, frozen=True, kw_only=True):
    """That an account has a credential of a kind."""

    kind: ProofKind
    properties: bytes


class MailedCode(msgspec.Struct, frozen=True, kw_only=True):
    """The newest code that was asked for in an attempt, and the link beside it; empty until it is issued."""

    attempt_id: str
    code_mac: bytes | None
    tries_left: int
    requested_at: datetime
    code_expires_at: datetime
    link_expires_at: datetime
    spent_at: datetime | None
