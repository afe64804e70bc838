"""Sessions: opened from a finished attempt, touched while used, ended.

``open_session`` is the one function that opens sessions; ``signin/service`` is its one caller (a test holds it to
that). Tokens are 256 random bits of which the SHA-256 is stored. A refresh token is good once: whoever presents a
used one ends the session it belongs to, for either the thief or the owner holds a copy (RFC 9700 section 4.14.2).
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec
import structlog

from portico.accounts.model import Account
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Reader, Transaction
from portico.factors.proof import Proof
from portico.kernel.chance import Chance
from portico.kernel.tokens import NOBODY, is_token, new_id, new_token, token_hash
from portico.sessions import store
from portico.sessions.devices import device_name
from portico.sessions.model import (
    UNLIMITED,
    BrowserToken,
    KnownDevice,
    Opened,
    OpenSession,
    Session,
    SessionKind,
    SessionLengths,
    SessionLimits,
    SignedIn,
    TokenPair,
)

TOUCH_EVERY = timedelta(minutes=1)
_SWEEP_AFTER = timedelta(days=7)
_SWEEP_BATCH = 5_000
_log = structlog.get_logger("portico.sessions")


class Sessions:
    """All sessions of a deployment."""

    def __init__(self, chance: Chance, audit: Audit, lengths: SessionLengths) -> None:
        self._chance = chance
        self._audit = audit
        self.lengths = lengths

    async def open_session(
        self,
        tx: Transaction,
        now: datetime,
        *,
        account: Account,
        epoch: int,
        proofs: tuple[Proof, ...],
        policy_version: str,
        kind: SessionKind,
        device_hash: bytes,
        user_agent: str,
        persistent: bool,
        limits: SessionLimits = UNLIMITED,
    ) -> Opened:
        """Open a session for a finished attempt, on the device with this secret.

        ``epoch`` is the one the proofs were made under: if the account's has risen since, the session is born dead.
        """
        device_id = await store.keep_device(
            tx, new_id(self._chance, now), device_hash, kind, device_name(user_agent), now
        )
        await store.mark_device_known(tx, device_id, account.id, epoch, now)
        lengths = self.lengths
        session = _limited(
            Session(
                id=new_id(self._chance, now),
                account_id=account.id,
                device_id=device_id,
                kind=kind,
                proofs=proofs,
                policy_version=policy_version,
                epoch=epoch,
                persistent=persistent,
                opened_at=now,
                last_seen_at=now,
                idle_span=lengths.persistent_idle if persistent else lengths.brief_idle,
                ends_at=now + (lengths.persistent if persistent else lengths.brief),
            ),
            limits,
            since=now,
        )
        token = new_token(self._chance) if kind is SessionKind.BROWSER else None
        await store.add_session(tx, session, token_hash(token) if token else None)
        await self._audit.append(tx, now, _opened_event(session))
        if token is None:
            return Opened(session=session, tokens=await self._issue_tokens(tx, now, session))
        browser = BrowserToken(token=token, persistent=persistent, ends_at=session.ends_at)
        return Opened(session=session, browser=browser)

    async def find_by_cookie(self, database: Database, token: str, now: datetime) -> SignedIn | None:
        """The live session whose browser holds this token; noted as used, at most once a minute."""
        if not is_token(token):
            return None
        found = await store.find_by_token(database, token_hash(token), now)
        return await self._touched(database, found, now)

    async def find_by_access_token(self, database: Database, token: str, now: datetime) -> SignedIn | None:
        """The live session this access token belongs to; noted as used, at most once a minute."""
        if not is_token(token):
            return None
        found = await store.find_by_access_token(database, token_hash(token), now)
        return await self._touched(database, found, now)

    async def find_for_refresh(self, reader: Reader, token: str, now: datetime) -> SignedIn | None:
        """The live session this refresh token belongs to, used or not."""
        found = await store.find_refresh_token(reader, token_hash(token)) if is_token(token) else None
        return await store.find_session(reader, found.session_id, now) if found else None

    async def is_unused(self, reader: Reader, token: str) -> bool:
        """Whether a refresh token has not been exchanged yet."""
        found = await store.find_refresh_token(reader, token_hash(token))
        return found is not None and found.used_at is None

    async def rotate(self, tx: Transaction, now: datetime, signed_in: SignedIn, token: str) -> TokenPair | None:
        """Exchange a refresh token for a new pair; None if it was used before, and then its session ends."""
        session = signed_in.session
        if await store.spend_refresh_token(tx, token_hash(token), now):
            await store.touch(tx, session.id, now, now)
            return await self._issue_tokens(tx, now, session)
        await store.end_session(tx, session.id, session.account_id, now)
        event = Event(kind=EventKind.REFRESH_TOKEN_REUSED, subject_id=session.account_id, session_id=session.id)
        await self._audit.append(tx, now, event)
        return None

    async def add_proofs(self, tx: Transaction, now: datetime, signed_in: SignedIn, proofs: tuple[Proof, ...]) -> None:
        """Keep what a step-up has proven: the newest proof of each kind."""
        await self.keep_proofs(tx, signed_in.session, proofs)
        event = Event(
            kind=EventKind.STEP_UP_SUCCEEDED,
            subject_id=signed_in.account.id,
            actor_id=signed_in.account.id,
            session_id=signed_in.session.id,
        )
        await self._audit.append(tx, now, event)

    async def keep_proofs(self, tx: Transaction, session: Session, proofs: tuple[Proof, ...]) -> None:
        """Keep the newest proof of each kind."""
        newest = {proof.kind: proof for proof in (*session.proofs, *proofs)}
        await store.set_proofs(tx, session.id, tuple(newest.values()))

    async def find_session(self, reader: Reader, session_id: str, now: datetime) -> SignedIn | None:
        """The live session with this id."""
        return await store.find_session(reader, session_id, now)

    async def find_left_behind(self, reader: Reader, session_id: str, now: datetime) -> Session | None:
        """A session that has not ended, even if its account's epoch has risen since: for who raised it to go on in."""
        return await store.find_left_behind(reader, session_id, now)

    async def stamp_policy(
        self,
        tx: Transaction,
        now: datetime,
        session: Session,
        policy_version: str,
        limits: SessionLimits = UNLIMITED,
    ) -> Session:
        """Note that a session satisfies the policies as they stand now, and shorten it to what they allow from now on.

        Deciding again ends nothing, so a session that is older than is allowed now may go on for as long once more.
        """
        limited = _limited(session, limits, since=now)
        await store.set_policy_version(
            tx, session.id, policy_version, limited.idle_span, limited.ends_at, limited.decide_at
        )
        return msgspec.structs.replace(limited, policy_version=policy_version)

    async def carry_over(self, tx: Transaction, session: Session, epoch: int) -> BrowserToken | None:
        """Take one session into a new epoch, with a new secret where a browser holds it."""
        await store.stamp_epoch(tx, session.id, epoch)
        if session.kind is not SessionKind.BROWSER:
            return None
        token = new_token(self._chance)
        await store.set_token(tx, session.id, token_hash(token))
        return BrowserToken(token=token, persistent=session.persistent, ends_at=session.ends_at)

    async def end_session(self, tx: Transaction, now: datetime, account_id: str, session_id: str) -> bool:
        """End one session of an account; False if there is no such session open."""
        if not await store.end_session(tx, session_id, account_id, now):
            return False
        event = Event(kind=EventKind.SESSION_ENDED, subject_id=account_id, actor_id=account_id, session_id=session_id)
        await self._audit.append(tx, now, event)
        return True

    async def end_and_forget(self, tx: Transaction, now: datetime, account_id: str, session_id: str) -> bool:
        """End a session from its owner's list; its device is no longer known, unless another session lives there."""
        if not await self.end_session(tx, now, account_id, session_id):
            return False
        await store.forget_left_devices(tx, account_id, now)
        return True

    async def end_others(self, tx: Transaction, now: datetime, session: Session) -> int:
        """End all sessions of an account but this one; their devices are no longer known."""
        ended = await store.end_others(tx, session.account_id, session.id, now)
        await store.forget_left_devices(tx, session.account_id, now)
        event = Event(
            kind=EventKind.SESSIONS_ENDED,
            subject_id=session.account_id,
            actor_id=session.account_id,
            session_id=session.id,
            details={"count": ended},
        )
        await self._audit.append(tx, now, event)
        return ended

    async def list_open(self, reader: Reader, account_id: str, now: datetime) -> list[OpenSession]:
        """An account's live sessions, the last used first."""
        return await store.list_open(reader, account_id, now)

    async def list_devices(self, reader: Reader, account_id: str, now: datetime) -> list[KnownDevice]:
        """The devices an account knows, the last used first."""
        return await store.list_devices(reader, account_id, now)

    async def find_device_hash(self, reader: Reader, session: Session) -> bytes | None:
        """The hash of what the device is recognised by that a session lives on."""
        return await store.find_device_hash(reader, session.device_id)

    async def list_device_names(self, reader: Reader, account_id: str, session_ids: Collection[str]) -> dict[str, str]:
        """The names of the devices of these sessions, where they are still kept."""
        return await store.list_device_names(reader, account_id, session_ids)

    async def forget_device(self, tx: Transaction, now: datetime, account_id: str, device_id: str) -> bool:
        """End an account's sessions on a device and its mark as known, both at once; False if there is neither."""
        ended = await store.end_on_device(tx, device_id, account_id, now)
        if not await store.forget_device(tx, device_id, account_id) and not ended:
            return False
        event = Event(
            kind=EventKind.DEVICE_FORGOTTEN, subject_id=account_id, actor_id=account_id, details={"sessions": ended}
        )
        await self._audit.append(tx, now, event)
        return True

    async def find_known_device(self, reader: Reader, device_hash: bytes | None, account_id: str | None) -> str | None:
        """The device's id if the account has signed in on it under its present epoch."""
        return await store.find_known_device(reader, device_hash or b"", account_id or NOBODY)

    async def is_new_device(self, reader: Reader, device_hash: bytes, account_id: str) -> bool:
        """Whether an account has been signed in to before, but never on this device, or on one that was forgotten.

        That it was is told by the trail, which nobody can clear, and not by marks of devices, which their owner can.
        """
        if await store.has_mark(reader, device_hash, account_id):
            return False
        return await self._audit.find_first(reader, account_id, EventKind.SIGN_IN_SUCCEEDED) is not None

    async def erase(self, tx: Transaction, account: Account) -> None:
        """Delete the sessions, tokens and devices of an account that is being erased."""
        await store.erase(tx, account.id)

    async def sweep(self, tx: Transaction, now: datetime) -> int:
        """Delete sessions and tokens that have been dead for a week."""
        return await store.sweep(tx, now - _SWEEP_AFTER, _SWEEP_BATCH)

    async def _touched(self, database: Database, found: SignedIn | None, now: datetime) -> SignedIn | None:
        if found is None or now - found.session.last_seen_at < TOUCH_EVERY:
            return found
        session_id = found.session.id
        await database.transact(lambda tx: store.touch(tx, session_id, now - TOUCH_EVERY, now))
        return found

    async def _issue_tokens(self, tx: Transaction, now: datetime, session: Session) -> TokenPair:
        access, refresh = new_token(self._chance), new_token(self._chance)
        access_expires_at = min(now + self.lengths.access_token, session.ends_at)
        await store.add_access_token(tx, token_hash(access), session.id, access_expires_at)
        await store.add_refresh_token(tx, token_hash(refresh), session.id, now, session.ends_at)
        return TokenPair(
            access_token=access,
            expires_at=access_expires_at,
            refresh_token=refresh,
            refresh_expires_at=session.ends_at,
        )


def _limited(session: Session, limits: SessionLimits, since: datetime) -> Session:
    """The session, no longer than the limits allow, counted from ``since``; never longer than it was."""
    ends_at = session.ends_at if limits.span is None else min(session.ends_at, since + limits.span)
    idle_span = session.idle_span if limits.idle_span is None else min(session.idle_span, limits.idle_span)
    return msgspec.structs.replace(session, ends_at=ends_at, idle_span=idle_span, decide_at=limits.decide_at)


def _opened_event(session: Session) -> Event:
    proofs = " ".join(proof.kind.value for proof in session.proofs)
    return Event(
        kind=EventKind.SIGN_IN_SUCCEEDED,
        subject_id=session.account_id,
        actor_id=session.account_id,
        session_id=session.id,
        details={"client": session.kind.value, "proofs": proofs},
    )
