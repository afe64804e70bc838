"""What sessions and devices are."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from portico.accounts.model import Account
from portico.factors.proof import Proof


class SessionKind(StrEnum):
    """Who holds a session: a browser by its cookie, or a native client by its tokens."""

    BROWSER = "browser"
    NATIVE = "native"


class SessionLengths(msgspec.Struct, frozen=True, kw_only=True):
    """How long sessions last (D21): at most, and without being used.

    The persistent pair is for *Stay signed in*; the other for sessions that end with the browser. Access tokens are
    short, because whoever holds one is asked nothing; refresh tokens last as long as their session.
    """

    persistent: timedelta = timedelta(days=30)
    persistent_idle: timedelta = timedelta(days=14)
    brief: timedelta = timedelta(days=7)
    brief_idle: timedelta = timedelta(hours=12)
    access_token: timedelta = timedelta(minutes=10)


class SessionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What organizations leave of these lengths: at most ``span`` after opening, at most ``idle_span`` unused.

    From ``decide_at`` on it is decided again, whatever the session has met: its password has expired by then.
    """

    span: timedelta | None = None
    idle_span: timedelta | None = None
    decide_at: datetime | None = None


UNLIMITED = SessionLimits()


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One open session. Alive while not ended, within its spans, and of its account's security epoch."""

    id: str
    account_id: str
    device_id: str
    kind: SessionKind
    proofs: tuple[Proof, ...]
    policy_version: str
    epoch: int
    persistent: bool
    opened_at: datetime
    last_seen_at: datetime
    idle_span: timedelta
    ends_at: datetime
    decide_at: datetime | None = None

    def has_met(self, stamp: str, now: datetime) -> bool:
        """Whether the session has met what is asked: the policies of this stamp, by what was still good until now."""
        return self.policy_version == stamp and (self.decide_at is None or now < self.decide_at)


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A live session together with whose it is: what a request carries once its cookie or token was found good."""

    session: Session
    account: Account


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its owner sees it in a list."""

    id: str
    kind: SessionKind
    device_id: str
    device_name: str
    opened_at: datetime
    last_seen_at: datetime


class KnownDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device on which an account has signed in under its present epoch; ``sessions`` counts those that live there.

    ``secret_hash`` is the hash of what it is recognised by.
    """

    id: str
    secret_hash: bytes
    kind: SessionKind
    name: str
    first_signed_in_at: datetime
    last_signed_in_at: datetime
    sessions: int


class BrowserToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser gets: the secret for its cookie, and whether it outlives the browser."""

    token: str
    persistent: bool
    ends_at: datetime


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    """What a native client gets. Both are opaque; ``refresh_token`` is good once."""

    access_token: str
    expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


class RefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token as it stands in the database."""

    hash: bytes
    session_id: str
    expires_at: datetime
    used_at: datetime | None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was just opened, or goes on under another secret, with what its holder gets of the two."""

    session: Session
    browser: BrowserToken | None = None
    tokens: TokenPair | None = None
