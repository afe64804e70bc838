"""Setting up a second factor within an attempt, and keeping its recovery code (D13, D14).

The factor counts from its first valid code on, the recovery code once somebody has said that it is kept. Both go by the
same moves as every answer: take a try, judge outside the transaction, claim the turn and look again inside it.
"""

from datetime import datetime

import msgspec

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.database.engine import Database, Reader, Transaction
from portico.factors.proof import Failure, ProofKind
from portico.factors.totp import match, totp_proof
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound
from portico.kernel.tokens import NOBODY
from portico.signin.answers import RecoverySavedAnswer, TotpEnrolmentAnswer, is_fitting
from portico.signin.attempt import Attempt, Mark
from portico.signin.decide import next_step
from portico.signin.gather import Gatherer
from portico.signin.second_factors import SecondFactors
from portico.signin.setups import Setups
from portico.signin.situation import Situation, Visitor
from portico.signin.steps import SaveReason, SaveRecoveryCode
from portico.signin.tries import Tries
from portico.signin.turns import Turns, claim
from portico.throttle.rates import TooMany

NOT_CONFIRMED = Failure(code="recovery_code.not_confirmed", field="confirmed")
ENROLLED_ELSEWHERE = Failure(code="totp.enrolled_elsewhere")


class Enrolling:
    """Takes the answers by which something is set up."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        gatherer: Gatherer,
        turns: Turns,
        tries: Tries,
        setups: Setups,
        second_factors: SecondFactors,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._gatherer = gatherer
        self._turns = turns
        self._tries = tries
        self._setups = setups
        self._second_factors = second_factors

    async def enrol(self, attempt: Attempt, answer: TotpEnrolmentAnswer, visitor: Visitor) -> Situation:
        """Judge the first code of an authenticator app; the app counts from then on."""
        taken = await self._tries.take_for_enrolment(attempt)
        if isinstance(taken, TooMany):
            return await self._turns.blocked(attempt, taken.until)
        secret, now = self._setups.get(attempt).totp, self._clock.now()
        step = match(secret, answer.code, now)
        if isinstance(step, Failure):
            return await self._turns.fail(attempt, step)

        async def body(tx: Transaction) -> Situation:
            if await claim(tx, attempt) is None:
                return await self._turns.present(tx, attempt, now)
            if not is_fitting(answer, (await self._turns.situation(tx, attempt, now)).step):
                return await self._turns.conclude(tx, attempt.with_failure(ENROLLED_ELSEWHERE.code), visitor, now)
            account = await self._get_account(tx, attempt)
            credential_id = await self._second_factors.add_totp(tx, now, account, secret, step, visitor)
            if credential_id is None:
                return await self._turns.conclude(tx, attempt.with_failure(ENROLLED_ELSEWHERE.code), visitor, now)
            await self._tries.forgive_factors(tx, account.id)
            proven = attempt.with_proof(totp_proof(credential_id, now, set_up_at=now)).with_mark(Mark.FACTOR_ENROLLED)
            return await self._turns.conclude(tx, self._setups.without_secret(proven), visitor, now)

        return await self._database.transact(body)

    async def save_recovery_code(self, attempt: Attempt, answer: RecoverySavedAnswer, visitor: Visitor) -> Situation:
        """Keep the hash of the recovery code that was shown, once somebody says it is safe, and erase the rest of it.

        Of two attempts that show a code at once, the one confirmed last counts, as every mail about it says.
        """
        if not answer.confirmed:
            return await self._turns.fail(attempt, NOT_CONFIRMED)
        code, now = self._setups.get(attempt).recovery_code, self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if await claim(tx, attempt) is None:
                return await self._turns.present(tx, attempt, now)
            step = await self._find_gate(tx, attempt, now)
            if step is None:
                return await self._turns.conclude(tx, attempt, visitor, now)
            account = await self._get_account(tx, attempt)
            is_first = step.why is SaveReason.FIRST
            await self._second_factors.save_recovery_code(tx, now, account, code, visitor, is_first=is_first)
            await self._tries.forgive_factor(tx, account.id, ProofKind.RECOVERY_CODE)
            saved = self._setups.without_code(attempt.with_mark(Mark.RECOVERY_CODE_SAVED))
            return await self._turns.conclude(tx, saved, visitor, now)

        return await self._database.transact(body)

    async def _find_gate(self, reader: Reader, attempt: Attempt, now: datetime) -> SaveRecoveryCode | None:
        """The step, unless something else has come before it; what another attempt has saved meanwhile does not."""
        facts = await self._gatherer.gather(reader, attempt, now)
        enrolled = tuple(kind for kind in facts.enrolled if kind is not ProofKind.RECOVERY_CODE)
        step = next_step(msgspec.structs.replace(facts, enrolled=enrolled))
        return step if isinstance(step, SaveRecoveryCode) else None

    async def _get_account(self, reader: Reader, attempt: Attempt) -> Account:
        account = await self._accounts.find_account(reader, attempt.account_id or NOBODY)
        if account is None:
            raise NotFound("the account is gone")
        return account
