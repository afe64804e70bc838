"""Tries: claimed before an answer is judged, and given back when it was good (architecture rule 2, D20).

A password's tries are counted by the throttle, under what was typed, the known device and the network; a mailed code
has its own few. Each claim is committed on its own, whatever becomes of the answer.
"""

from datetime import datetime

from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.factors.contract import EmailCodeAnswer, PasskeyAnswer, RecoveryCodeAnswer, TotpAnswer
from portico.factors.email_code import EmailCodeFactor
from portico.factors.proof import Failure, ProofKind
from portico.kernel.clock import Clock
from portico.kernel.tokens import NOBODY
from portico.sessions.service import Sessions
from portico.signin.answers import GivenProof
from portico.signin.attempt import Attempt
from portico.signin.situation import Visitor
from portico.throttle.rates import Taken, TooMany
from portico.throttle.service import Throttle

_SECOND = (ProofKind.TOTP, ProofKind.RECOVERY_CODE, ProofKind.EMAIL_CODE)
"""The second factors of which tries are counted; nobody guesses a passkey."""


class Tries:
    """Knows which counters an answer draws on."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        audit: Audit,
        sessions: Sessions,
        throttle: Throttle,
        email_code: EmailCodeFactor,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._audit = audit
        self._sessions = sessions
        self._throttle = throttle
        self._email_code = email_code

    async def take(
        self,
        attempt: Attempt,
        answer: GivenProof,
        visitor: Visitor,
    ) -> Taken | TooMany | Failure:
        """Claim a try for an answer; when there will be one, or why there is none. Nobody guesses a passkey."""
        now = self._clock.now()
        if isinstance(answer, PasskeyAnswer):
            return Taken()
        if isinstance(answer, EmailCodeAnswer):
            return await self._database.transact(lambda tx: self._take_for_code(tx, now, attempt, visitor))
        if isinstance(answer, TotpAnswer | RecoveryCodeAnswer):
            kind = ProofKind.TOTP if isinstance(answer, TotpAnswer) else ProofKind.RECOVERY_CODE
            return await self._database.transact(lambda tx: self._take_for_factor(tx, now, attempt, kind, visitor))
        return await self._database.transact(lambda tx: self._take_for_password(tx, now, attempt, visitor))

    async def take_for_enrolment(self, attempt: Attempt) -> Taken | TooMany:
        """Claim a try for the first code of a factor that is being set up."""
        now, name = self._clock.now(), f"enrolment {attempt.account_id}"
        return await self._database.transact(lambda tx: self._throttle.take_factor_try(tx, now, name))

    async def note_proven(self, tx: Transaction, attempt: Attempt, kind: ProofKind, visitor: Visitor) -> None:
        """A second factor was proven: the others, should they have been switched off, may be tried again (rule 2)."""
        if kind not in (*_SECOND, ProofKind.PASSKEY) or attempt.account_id is None:
            return
        known = await self._find_known_device(tx, attempt, visitor)
        names = [_factor(other, attempt.account_id) for other in _SECOND if other is not kind]
        if known is not None:
            names += [_factor(other, known) for other in _SECOND if other is not kind]
        await self._throttle.forgive_factors(tx, *names)

    async def forgive_factor(self, tx: Transaction, account_id: str, kind: ProofKind) -> None:
        """There is a new one of a kind of factor: nothing was tried on it yet."""
        await self._throttle.forgive_factors(tx, _factor(kind, account_id))

    async def forgive_factors(self, tx: Transaction, account_id: str) -> None:
        """A second factor is new: nothing was tried on it yet, and setting it up has ended."""
        names = (_factor(kind, account_id) for kind in _SECOND)
        await self._throttle.forgive_factors(tx, f"enrolment {account_id}", *names)

    async def untake(self, tx: Transaction, taken: Taken) -> None:
        """Nothing was judged: it is as if nothing had been taken."""
        await self._throttle.untake(tx, taken)

    async def give_back(self, tx: Transaction, now: datetime, taken: Taken) -> None:
        """The answer was good: what it took counts no more."""
        await self._throttle.give_back(tx, now, taken)

    async def _take_for_code(
        self, tx: Transaction, now: datetime, attempt: Attempt, visitor: Visitor
    ) -> Taken | TooMany | Failure:
        """One of the code's own few tries; and one of the account's, where something is proven, else of the address's.

        Anybody may sign up with anybody's address, and must not use up what its owner has.
        """
        failure = await self._email_code.take_try(tx, now, attempt.id)
        if failure is not None:
            return failure
        if attempt.account_id is not None and attempt.proofs:
            return await self._take_for_factor(tx, now, attempt, ProofKind.EMAIL_CODE, visitor)
        return await self._throttle.take_code_try(tx, now, attempt.identifier)

    async def _take_for_factor(
        self, tx: Transaction, now: datetime, attempt: Attempt, kind: ProofKind, visitor: Visitor
    ) -> Taken | TooMany:
        """One of the factor's own tries; a device that the account knows has its own count."""
        known = await self._find_known_device(tx, attempt, visitor)
        taken = await self._throttle.take_factor_try(tx, now, _factor(kind, known or attempt.account_id or NOBODY))
        if isinstance(taken, TooMany):
            await self._audit.append(tx, now, Event(kind=EventKind.SIGN_IN_THROTTLED, subject_id=attempt.account_id))
        return taken

    async def _take_for_password(
        self, tx: Transaction, now: datetime, attempt: Attempt, visitor: Visitor
    ) -> Taken | TooMany:
        known = await self._find_known_device(tx, attempt, visitor)
        taken = await self._throttle.take_sign_in(
            tx, now, identifier=attempt.identifier, network=visitor.network, known_device=known
        )
        if isinstance(taken, TooMany):
            await self._audit.append(tx, now, Event(kind=EventKind.SIGN_IN_THROTTLED, subject_id=attempt.account_id))
        return taken

    async def _find_known_device(self, tx: Transaction, attempt: Attempt, visitor: Visitor) -> str | None:
        """What tries are counted under on a device the account knows: the one the attempt was begun on.

        Whoever is signed in stands on theirs. The count begins anew with each security epoch, so that a device that was
        switched off by too many failures works again once its owner has proven something else.
        """
        signed_in = visitor.signed_in
        if signed_in is not None and signed_in.account.id == attempt.account_id:
            device_id: str | None = signed_in.session.device_id
        else:
            device_id = await self._sessions.find_known_device(tx, attempt.device_hash, attempt.account_id)
        account = await self._accounts.find_account(tx, attempt.account_id or NOBODY)
        return f"{account.id} {account.epoch} {device_id}" if account and device_id else None


def _factor(kind: ProofKind, whose: str) -> str:
    """What the tries of a second factor are counted under."""
    return f"{kind} {whose}"
