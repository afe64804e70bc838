"""Deciding again about an open session, once its organizations ask something new (the purpose *renew*).

Nothing is ended when a step has become due. A page leads to the step; a refresh says which it is, and the token stays
unused for after it. What is only announced (D10) stops nobody: a browser is shown it once, a refresh mentions it.
That a password has expired is mentioned too, and stops no refresh for some hours (D8); a browser is asked at once.
"""

from datetime import datetime, timedelta

import msgspec

from portico.database.engine import Database, Reader, Transaction
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.tokens import new_id
from portico.sessions.model import SessionKind, SignedIn, TokenPair
from portico.sessions.service import Sessions
from portico.signin.attempt import LIFETIME, Attempt, ClientKind, Demands, Purpose
from portico.signin.decide import next_step
from portico.signin.expiry.rules import UpdateDue, find_update_due, with_grace
from portico.signin.facts import Facts
from portico.signin.gather import Gatherer
from portico.signin.outcomes import limits_of
from portico.signin.rules import find_reminder
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation, Visitor
from portico.signin.steps import Announced, Finished, RemindPassword, Step


class Renewed(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh gives: the next tokens, and what organizations have announced, if anything is to be done.

    ``reminder``: the password expires soon. ``update_due``: it has expired.
    """

    tokens: TokenPair
    announced: Announced | None = None
    reminder: RemindPassword | None = None
    update_due: UpdateDue | None = None


class Renewal:
    """Decides again about open sessions."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        chance: Chance,
        sessions: Sessions,
        gatherer: Gatherer,
        sign_in: SignIn,
        grace: timedelta,
    ) -> None:
        """``grace``: how long an app refreshes with an expired password."""
        self._database = database
        self._clock = clock
        self._chance = chance
        self._sessions = sessions
        self._gatherer = gatherer
        self._sign_in = sign_in
        self._grace = grace

    async def refresh(self, refresh_token: str) -> Renewed | Step | None:
        """Exchange a refresh token: the next ones, the step its owner must take first, or None if it is worthless."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Renewed | Step | None:
            signed_in = await self._sessions.find_for_refresh(tx, refresh_token, now)
            if signed_in is None:
                return None
            facts = await self._facts(tx, signed_in, now)
            update_due = find_update_due(facts, self._grace)
            step = next_step(with_grace(facts, self._grace) if update_due else facts)
            may_go_on = isinstance(step, Finished | Announced)
            if not may_go_on and await self._sessions.is_unused(tx, refresh_token):
                return step
            signed_in = await self._stamped(tx, now, signed_in, facts)
            pair = await self._sessions.rotate(tx, now, signed_in, refresh_token)
            if pair is None:
                return None
            announced = step if isinstance(step, Announced) else None
            reminder = find_reminder(facts)
            return Renewed(tokens=pair, announced=announced, reminder=reminder, update_due=update_due)

        return await self._database.transact(body)

    async def is_due(self, signed_in: SignedIn, *, is_read: bool) -> bool:
        """Whether a session must take a step, or be shown one, before it goes on; it is stamped if not.

        What is only announced is shown in place of a page. It stops no form: what was typed would be lost.
        """
        step = await self.find_due(signed_in)
        return step is not None and (is_read or not isinstance(step, Announced))

    async def find_due(self, signed_in: SignedIn) -> Step | None:
        """The step a session must take, or be shown, before it goes on; None, and stamped, if there is none."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Step | None:
            present = await self._sessions.find_session(tx, signed_in.session.id, now)
            if present is None:
                return None  # it has ended; whoever asked finds out by themselves
            facts = await self._facts(tx, present, now)
            step = next_step(facts)
            if not isinstance(step, Finished):
                return step
            await self._stamped(tx, now, present, facts)
            return None

        return await self._database.transact(body)

    async def begin(self, visitor: Visitor, signed_in: SignedIn, return_to: str = "") -> Situation:
        """An attempt in which the owner of an open session takes the step that is due."""
        now = self._clock.now()
        attempt = self._attempt(signed_in, now, visitor, return_to)
        beginning = Beginning(purpose=Purpose.RENEW, client_kind=attempt.client_kind)
        return await self._sign_in.start(beginning, attempt, visitor)

    async def begin_by_token(self, refresh_token: str, visitor: Visitor) -> Situation | None:
        """The same for who holds an unused refresh token; None if it is worthless. The token stays good."""
        now = self._clock.now()
        signed_in = await self._sessions.find_for_refresh(self._database, refresh_token, now)
        if signed_in is None or not await self._sessions.is_unused(self._database, refresh_token):
            return None
        return await self.begin(visitor, signed_in)

    async def _stamped(self, tx: Transaction, now: datetime, signed_in: SignedIn, facts: Facts) -> SignedIn:
        """The session with the stamp of what it has met, if that is new; no longer than is allowed from now on."""
        session, version, limits = signed_in.session, facts.policy.version, limits_of(facts)
        if (session.policy_version, session.decide_at) == (version, limits.decide_at):
            return signed_in
        stamped = await self._sessions.stamp_policy(tx, now, session, version, limits)
        return msgspec.structs.replace(signed_in, session=stamped)

    async def _facts(self, reader: Reader, signed_in: SignedIn, now: datetime) -> Facts:
        """The facts about an attempt, never stored, by which an open session is decided about again."""
        return await self._gatherer.gather(reader, self._attempt(signed_in, now), now)

    def _attempt(
        self, signed_in: SignedIn, now: datetime, visitor: Visitor | None = None, return_to: str = ""
    ) -> Attempt:
        session = signed_in.session
        return Attempt(
            id=new_id(self._chance, now),
            purpose=Purpose.RENEW,
            client_kind=ClientKind.BROWSER if session.kind is SessionKind.BROWSER else ClientKind.NATIVE,
            holder_hash=visitor.holder_hash if visitor else b"",
            device_hash=visitor.device_hash if visitor else None,
            identifier=signed_in.account.address,
            account_id=session.account_id,
            epoch=session.epoch,
            demands=Demands(passkeys=session.kind is SessionKind.BROWSER),
            proofs=session.proofs,
            return_to=return_to,
            persistent=session.persistent,
            session_id=session.id,
            language=visitor.language if visitor else "",
            created_at=now,
            expires_at=now + LIFETIME,
        )
