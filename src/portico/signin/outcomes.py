"""What a finished attempt brings about. The one place that opens sessions."""

from datetime import datetime

from portico.accounts.protection import Protection
from portico.accounts.service import Accounts
from portico.database.engine import Transaction
from portico.kernel.errors import NotFound
from portico.kernel.tokens import NOBODY
from portico.mail.model import NewDevice
from portico.security.notices import SecurityNotices
from portico.security.rules import lifts_freeze
from portico.sessions.devices import device_name
from portico.sessions.model import Opened, SessionKind, SignedIn
from portico.sessions.service import Sessions
from portico.signin.attempt import Attempt, ClientKind
from portico.signin.facts import Facts
from portico.signin.situation import Visitor
from portico.signin.steps import Outcome


class Outcomes:
    """Carries out what the decision has found to be due."""

    def __init__(
        self, accounts: Accounts, sessions: Sessions, protection: Protection, notices: SecurityNotices
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._protection = protection
        self._notices = notices

    async def carry_out(
        self, tx: Transaction, outcome: Outcome, facts: Facts, visitor: Visitor, now: datetime
    ) -> Opened | None:
        """Bring about what a finished attempt is for, in the transaction that spends it."""
        attempt = facts.attempt
        match outcome:
            case Outcome.OPEN_SESSION:
                return await self._open_session(tx, facts, visitor, now)
            case Outcome.ADD_PROOFS:
                await self._sessions.add_proofs(tx, now, _stepped_up(attempt, visitor), attempt.proofs)
            case Outcome.STAMP_POLICY:
                await self._sessions.stamp_policy(tx, attempt.session_id or "", facts.policy.version)
            case Outcome.NOTHING:
                pass
        return None

    async def _open_session(self, tx: Transaction, facts: Facts, visitor: Visitor, now: datetime) -> Opened:
        """Open the session a finished attempt has earned; the browser's former one ends."""
        attempt = facts.attempt
        account = await self._accounts.find_account(tx, attempt.account_id or NOBODY)
        if account is None:
            raise NotFound("the account of a finished attempt is gone")
        if visitor.signed_in is not None:
            former = visitor.signed_in.session
            await self._sessions.end_session(tx, now, former.account_id, former.id)
        if account.is_frozen(now) and lifts_freeze(attempt.proofs):
            await self._protection.lift_freeze(tx, now, account.id)
        device_hash = attempt.device_hash or attempt.holder_hash
        if await self._sessions.is_new_device(tx, device_hash, account.id):
            notice = NewDevice(handle=account.handle, at=now, device=device_name(visitor.user_agent))
            await self._notices.send(tx, now, account, notice, language=attempt.language)
        return await self._sessions.open_session(
            tx,
            now,
            account=account,
            epoch=attempt.epoch or 0,
            proofs=attempt.proofs,
            policy_version=facts.policy.version,
            kind=SessionKind.BROWSER if attempt.client_kind is ClientKind.BROWSER else SessionKind.NATIVE,
            device_hash=device_hash,
            user_agent=visitor.user_agent,
            persistent=attempt.persistent,
        )


def _stepped_up(attempt: Attempt, visitor: Visitor) -> SignedIn:
    """The session an attempt steps up: the one it was begun for, and no other."""
    if visitor.signed_in is None or visitor.signed_in.session.id != attempt.session_id:
        raise NotFound("the session to step up is another one")
    return visitor.signed_in
