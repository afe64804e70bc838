"""What a finished attempt brings about. The one place that opens sessions."""

from datetime import datetime

import msgspec

from portico.accounts.model import Account
from portico.accounts.protection import Protection
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Transaction
from portico.factors.password import PasswordFactor
from portico.kernel.errors import NotFound, NotSignedIn
from portico.kernel.tokens import NOBODY
from portico.mail.model import NewDevice
from portico.reminders.service import Reminders
from portico.security.notices import SecurityNotices
from portico.security.rules import has_second_factor, lifts_freeze
from portico.sessions.devices import device_name
from portico.sessions.model import Opened, SessionKind, SessionLimits, SignedIn
from portico.sessions.service import Sessions
from portico.signin.attempt import Attempt, ClientKind, Demands, FactorChange, Mark
from portico.signin.decide import next_step
from portico.signin.expiry.rules import find_end
from portico.signin.facts import Facts
from portico.signin.second_factors import SecondFactors
from portico.signin.situation import Visitor
from portico.signin.steps import Finished, Outcome


class Outcomes:
    """Carries out what the decision has found to be due."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        audit: Audit,
        sessions: Sessions,
        protection: Protection,
        notices: SecurityNotices,
        password: PasswordFactor,
        second_factors: SecondFactors,
        reminders: Reminders,
    ) -> None:
        self._accounts = accounts
        self._audit = audit
        self._sessions = sessions
        self._protection = protection
        self._notices = notices
        self._password = password
        self._second_factors = second_factors
        self._reminders = reminders

    async def carry_out(
        self, tx: Transaction, outcome: Outcome, facts: Facts, visitor: Visitor, now: datetime
    ) -> Opened | None:
        """Bring about what a finished attempt is for, in the transaction that spends it."""
        attempt = facts.attempt
        match outcome:
            case Outcome.OPEN_SESSION:
                return await self._open_session(tx, facts, visitor, now)
            case Outcome.ADD_PROOFS:
                signed_in = _stepped_up(attempt, visitor)
                await self._sessions.add_proofs(tx, now, signed_in, attempt.proofs)
                await self._remove_factor(tx, now, attempt.demands, signed_in.account, visitor)
            case Outcome.STAMP_POLICY:
                return await self._renew_session(tx, facts, now)
            case Outcome.NOTHING:
                pass
        return None

    async def _remove_factor(
        self, tx: Transaction, now: datetime, demands: Demands, account: Account, visitor: Visitor
    ) -> None:
        """Take away what a step-up was for, if it was for that."""
        match demands.change:
            case FactorChange.REMOVE_TOTP:
                await self._second_factors.remove_totp(tx, now, account, visitor)
            case FactorChange.REMOVE_PASSKEY:
                await self._second_factors.remove_passkey(tx, now, account, demands.passkey_id or NOBODY, visitor)
            case _:
                pass

    async def note_policies(self, tx: Transaction, facts: Facts) -> None:
        """Record what a finished attempt put off, and what it would still have been asked in a rehearsal (D10)."""
        attempt = facts.attempt
        if Mark.ANNOUNCED_PUT_OFF in attempt.marks:
            event = Event(
                kind=EventKind.POLICY_PUT_OFF,
                subject_id=attempt.account_id,
                actor_id=attempt.account_id,
                session_id=attempt.session_id,
                organizations=facts.policy.announced_by,
            )
            await self._audit.append(tx, facts.now, event)
        if facts.policy.rehearsed is None:
            return
        step = next_step(msgspec.structs.replace(facts, policy=facts.policy.rehearsed))
        if not isinstance(step, Finished):
            details = {"step": str(step.__struct_config__.tag), "purpose": attempt.purpose.value}
            event = Event(
                kind=EventKind.POLICY_REHEARSED,
                subject_id=attempt.account_id,
                details=details,
                organizations=facts.policy.rehearsed_by,
            )
            await self._audit.append(tx, facts.now, event)

    async def _open_session(self, tx: Transaction, facts: Facts, visitor: Visitor, now: datetime) -> Opened:
        """Open the session a finished attempt has earned; the browser's former one ends."""
        attempt = facts.attempt
        account = await self._accounts.find_account(tx, attempt.account_id or NOBODY)
        if account is None:
            raise NotFound("the account of a finished attempt is gone")
        if visitor.signed_in is not None:
            former = visitor.signed_in.session
            await self._sessions.end_session(tx, now, former.account_id, former.id)
        was_enrolled = Mark.FACTOR_ENROLLED not in attempt.marks  # a factor set up just now says nothing about before
        if was_enrolled and account.frozen_until is not None and lifts_freeze(attempt.proofs, account):
            await self._protection.lift_freeze(tx, now, account.id)
        if was_enrolled and has_second_factor(attempt.proofs, account):
            await self._password.vouch(tx, account.id, attempt.proofs)
            await self._second_factors.vouch(tx, now, attempt.proofs)
        if Mark.REMINDER_PUT_OFF in attempt.marks:
            await self._reminders.put_off(tx, now, account.id)
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
            limits=limits_of(facts),
        )

    async def _renew_session(self, tx: Transaction, facts: Facts, now: datetime) -> Opened | None:
        """Let a session go on under the policies as they are now; under another secret if everything else ended.

        An attempt that changed the password raised the epoch by one, so its session is of the epoch before; a session
        of any other was ended by somebody else.
        """
        attempt = facts.attempt
        session = await self._sessions.find_left_behind(tx, attempt.session_id or NOBODY, now)
        has_ended_others = Mark.PASSWORD_CHANGED in attempt.marks
        if session is None or session.epoch != (attempt.epoch or 0) - has_ended_others:
            raise NotSignedIn("the session has ended meanwhile")
        if set(attempt.proofs) - set(session.proofs):
            await self._sessions.keep_proofs(tx, session, attempt.proofs)
        await self._sessions.stamp_policy(tx, now, session, facts.policy.version, limits_of(facts))
        if not has_ended_others:
            return None
        return Opened(session=session, browser=await self._sessions.carry_over(tx, session, attempt.epoch or 0))


def limits_of(facts: Facts) -> SessionLimits:
    """How long a session may last under the policies, and until when it is not asked anew."""
    policy = facts.policy
    return SessionLimits(span=policy.session_span, idle_span=policy.idle_span, decide_at=find_end(facts))


def _stepped_up(attempt: Attempt, visitor: Visitor) -> SignedIn:
    """The session an attempt steps up: the one it was begun for, and no other."""
    if visitor.signed_in is None or visitor.signed_in.session.id != attempt.session_id:
        raise NotFound("the session to step up is another one")
    return visitor.signed_in
