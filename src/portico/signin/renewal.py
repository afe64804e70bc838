"""Renewing a session by its refresh token: the open session is decided about again, and nobody can be asked anything.

Nothing is ended when a step has become due: the refresh says which, and the token stays unused for after it.
"""

from datetime import datetime

from portico.database.engine import Database, Transaction
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.tokens import new_id
from portico.sessions.model import SignedIn, TokenPair
from portico.sessions.service import Sessions
from portico.signin.attempt import LIFETIME, Attempt, ClientKind, Purpose
from portico.signin.decide import next_step
from portico.signin.gather import Gatherer
from portico.signin.steps import Finished, Step


class Renewal:
    """Exchanges refresh tokens."""

    def __init__(
        self, *, database: Database, clock: Clock, chance: Chance, sessions: Sessions, gatherer: Gatherer
    ) -> None:
        self._database = database
        self._clock = clock
        self._chance = chance
        self._sessions = sessions
        self._gatherer = gatherer

    async def renew(self, refresh_token: str) -> TokenPair | Step | None:
        """Exchange a refresh token: a new pair, the step its owner must take first, or None if it is worthless."""
        now = self._clock.now()

        async def body(tx: Transaction) -> TokenPair | Step | None:
            signed_in = await self._sessions.find_for_refresh(tx, refresh_token, now)
            if signed_in is None:
                return None
            facts = await self._gatherer.gather(tx, self._attempt(signed_in, now), now)
            step = next_step(facts)
            if not isinstance(step, Finished) and await self._sessions.is_unused(tx, refresh_token):
                return step
            pair = await self._sessions.rotate(tx, now, signed_in, refresh_token)
            if pair is not None:
                await self._sessions.stamp_policy(tx, signed_in.session.id, facts.policy.version)
            return pair

        return await self._database.transact(body)

    def _attempt(self, signed_in: SignedIn, now: datetime) -> Attempt:
        """The attempt, never stored, by which an open session is decided about again."""
        session = signed_in.session
        return Attempt(
            id=new_id(self._chance, now),
            purpose=Purpose.RENEW,
            client_kind=ClientKind.NATIVE,
            holder_hash=b"",
            identifier=signed_in.account.address,
            account_id=session.account_id,
            epoch=session.epoch,
            proofs=session.proofs,
            session_id=session.id,
            created_at=now,
            expires_at=now + LIFETIME,
        )
