"""Signing in: every door makes one call here, and the same moves follow each time.

Load the attempt; does the answer fit the present step; take a try; hand the answer to its factor; record proof or
failure; gather facts; decide; if finished, spend the attempt and carry out its outcome in the same transaction.
Hashing happens between two transactions; the second re-reads what the first one saw and goes on only if it stands.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec

from portico.accounts.service import Accounts
from portico.database.engine import Database, Transaction
from portico.factors.contract import (
    EmailCodeAnswer,
    Factor,
    PasskeyAnswer,
    PasswordAnswer,
    RecoveryCodeAnswer,
    Subject,
    TotpAnswer,
)
from portico.factors.model import own_data_of
from portico.factors.proof import Failure, ProofKind
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.errors import Busy
from portico.kernel.normalise import IDENTIFIER_MAX, one_line
from portico.kernel.tokens import NOBODY, new_id
from portico.sessions.model import SignedIn
from portico.sessions.service import Sessions
from portico.signin import store
from portico.signin.account_creation import AccountCreation
from portico.signin.answers import (
    PROOF_KINDS,
    Answer,
    CreateAccountAnswer,
    DeviceNameAnswer,
    GivenProof,
    GoOnAnswer,
    IdentifierAnswer,
    NewPasswordAnswer,
    NowOrLater,
    PasskeyEnrolmentAnswer,
    RecoverySavedAnswer,
    ResendAnswer,
    TotpEnrolmentAnswer,
    TrustAnswer,
    is_fitting,
    is_overtaken,
    mark_of,
)
from portico.signin.attempt import Attempt, Purpose
from portico.signin.codes import Codes, kind_of
from portico.signin.enrolling import ENROLLED_ELSEWHERE, Enrolling
from portico.signin.new_password import AskedMoreMeanwhile, ChangedMeanwhile, PasswordChange
from portico.signin.password_criteria import PasswordCriteria
from portico.signin.second_factors import SecondFactors
from portico.signin.setups import Setups
from portico.signin.situation import Beginning, Situation, Visitor, begun_attempt, whole
from portico.signin.steps import Finished, Identify, Refused, RefusedReason
from portico.signin.tries import Tries
from portico.signin.trusting import Trusting
from portico.signin.turns import Turns, claim, with_proof
from portico.signin.waiting import store as hand_offs
from portico.signin.waiting.carrying import carry_on
from portico.throttle.rates import TooMany

_SWEEP_BATCH = 5_000
_HAND_OFFS_KEPT = timedelta(days=1)


class SignIn:
    """The flow around the decision."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        chance: Chance,
        accounts: Accounts,
        sessions: Sessions,
        turns: Turns,
        tries: Tries,
        factors: dict[ProofKind, Factor],
        codes: Codes,
        account_creation: AccountCreation,
        enrolling: Enrolling,
        trusting: Trusting,
        second_factors: SecondFactors,
        setups: Setups,
        criteria: PasswordCriteria,
        password_change: PasswordChange,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the job that works on requests for mail that there is one."""
        self._database = database
        self._clock = clock
        self._chance = chance
        self._accounts = accounts
        self._sessions = sessions
        self._turns = turns
        self._tries = tries
        self._factors = factors
        self._codes = codes
        self._account_creation = account_creation
        self._enrolling = enrolling
        self._trusting = trusting
        self._second_factors = second_factors
        self._setups = setups
        self._criteria = criteria
        self._password_change = password_change
        self._wake = wake

    async def begin(self, beginning: Beginning, visitor: Visitor) -> Situation:
        """Start an attempt. A form that was sent twice leads to the attempt it started the first time."""
        now = self._clock.now()
        attempt = self.new_attempt(beginning, visitor, now)
        account = await self._accounts.find_by_identifier(self._database, attempt.identifier)
        attempt = msgspec.structs.replace(attempt, account_id=account.id if account else None)

        begun = await self._database.transact(lambda tx: self.add_attempt(tx, beginning, attempt))
        return await self._turns.situation(self._database, begun, now)

    async def add_attempt(self, tx: Transaction, beginning: Beginning, attempt: Attempt) -> Attempt:
        """Store a new attempt and burn its form; the earlier attempt, if the form was used for the same before."""
        if beginning.spends and not await store.spend(
            tx, beginning.spends, attempt.id, beginning.spent_until or attempt.expires_at
        ):
            earlier = await store.find_attempt(tx, await store.find_spent(tx, beginning.spends) or NOBODY)
            if earlier is not None and attempt.is_same_try(earlier):
                return earlier
        prepared = self._setups.prepared(attempt)
        await store.add_attempt(tx, prepared)
        return prepared

    def ask_for_passkey(self, form_hash: bytes) -> dict[str, Any] | None:
        """What a browser is asked to find a passkey by on the first page, before there is an attempt (D16).

        The answer goes with the form, which is burnt with it. None where there are no passkeys in this deployment.
        """
        return self._setups.ask_by_form(form_hash) if ProofKind.PASSKEY in self._factors else None

    async def begin_with_passkey(self, beginning: Beginning, answer: PasskeyAnswer, visitor: Visitor) -> Situation:
        """Start an attempt by a passkey that names its owner, and that has answered what its form asked.

        The form is burnt before anything is judged; one that was sent before, for whatever, asks nothing any more.
        """
        attempt = self.new_attempt(beginning, visitor, self._clock.now())
        form_hash = beginning.spends or b""

        async def body(tx: Transaction) -> bool:
            until = beginning.spent_until or attempt.expires_at
            is_new = bool(form_hash) and await store.spend(tx, form_hash, attempt.id, until)
            if is_new:
                await store.add_attempt(tx, self._setups.prepared(attempt))
            return is_new

        if ProofKind.PASSKEY not in self._factors or not await self._database.transact(body):
            return Situation(attempt=attempt, step=Identify())
        begun = await self.look(attempt.id, visitor)
        return await self._prove(begun.attempt, answer, visitor, self._setups.form_challenge(form_hash))

    async def start(self, beginning: Beginning, attempt: Attempt, visitor: Visitor) -> Situation:
        """Store an attempt that goes on from a session, and do what its first step begins with."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Attempt:
            begun = await self.add_attempt(tx, beginning, attempt)
            await self._turns.enter(tx, begun, (await self._turns.situation(tx, begun, now)).step, now)
            return begun

        begun = await self._database.transact(body)
        self._wake()
        return await self.look(begun.id, visitor)

    async def look(self, attempt_id: str, visitor: Visitor) -> Situation:
        """Where an attempt stands. Changes nothing."""
        attempt = await self._turns.get_attempt(self._database, attempt_id, visitor)
        if attempt.holder_hash != visitor.holder_hash:
            return _gone_elsewhere(attempt)
        return await self._turns.situation(self._database, attempt, self._clock.now())

    async def answer(self, attempt_id: str, version: int, answer: Answer, visitor: Visitor) -> Situation:
        """Give an answer to the step that was shown at ``version``.

        An answer to another version, or to another step than the present one, changes nothing and costs no try.
        """
        attempt = await self._turns.get_attempt(self._database, attempt_id, visitor)
        if attempt.holder_hash != visitor.holder_hash:
            return _gone_elsewhere(attempt)
        situation = await self._turns.situation(self._database, attempt, self._clock.now())
        if version != attempt.version or PROOF_KINDS.get(type(answer), ProofKind.PASSWORD) not in self._factors:
            return situation
        if isinstance(situation.step, Finished):  # since something was done elsewhere, or is no longer asked
            return await self._turns.finish(attempt, visitor)
        if not is_fitting(answer, situation.step):
            was_overtaken = is_overtaken(answer, situation.step)
            return await self._turns.fail(attempt, ENROLLED_ELSEWHERE) if was_overtaken else situation
        try:
            taken = await self._take_answer(attempt, answer, visitor)
        except (AskedMoreMeanwhile, ChangedMeanwhile) as late:
            return await self._turns.fail(attempt, late.failure)
        if kind_of(taken.step) is not None:
            self._wake()
        return taken

    async def sign_out(self, signed_in: SignedIn) -> None:
        """End a session at its owner's wish."""
        now, session = self._clock.now(), signed_in.session
        await self._database.transact(lambda tx: self._sessions.end_session(tx, now, session.account_id, session.id))

    async def sweep(self, tx: Transaction, now: datetime) -> int:
        """Delete attempts, burnt values and hand-offs whose time is over."""
        swept = await store.sweep(tx, now, _SWEEP_BATCH)
        return swept + await hand_offs.sweep(tx, now - _HAND_OFFS_KEPT, _SWEEP_BATCH)

    def new_attempt(self, beginning: Beginning, visitor: Visitor, now: datetime) -> Attempt:
        """An attempt as it begins, not stored yet."""
        return begun_attempt(new_id(self._chance, now), beginning, visitor, now)

    async def conclude(self, tx: Transaction, attempt: Attempt, visitor: Visitor, now: datetime) -> Situation:
        """Decide; if nothing is missing, spend the attempt and carry out its outcome. The last move of each answer."""
        return await self._turns.conclude(tx, attempt, visitor, now)

    async def _take_answer(  # noqa: C901, PLR0911, PLR0912 - one for each answer
        self, attempt: Attempt, answer: Answer, visitor: Visitor
    ) -> Situation:
        """Act on an answer that fits."""
        match answer:
            case IdentifierAnswer():
                return await self._name(attempt, answer)
            case PasswordAnswer() | EmailCodeAnswer() | TotpAnswer() | RecoveryCodeAnswer() | PasskeyAnswer():
                return await self._prove(attempt, answer, visitor, self._setups.challenge(attempt))
            case TotpEnrolmentAnswer():
                return await self._enrolling.enrol(attempt, answer, visitor)
            case PasskeyEnrolmentAnswer():
                return await self._trusting.enrol(attempt, answer, visitor)
            case TrustAnswer():
                return await self._trusting.put_off(attempt, answer, visitor)
            case DeviceNameAnswer():
                return await self._trusting.name(attempt, answer, visitor)
            case RecoverySavedAnswer():
                return await self._enrolling.save_recovery_code(attempt, answer, visitor)
            case ResendAnswer():
                return await self._resend(attempt, visitor)
            case CreateAccountAnswer():
                return await self._create_account(attempt, answer, visitor)
            case NewPasswordAnswer():
                return await self._choose_password(attempt, answer, visitor)
            case NowOrLater():
                return await self._take_or_put_off(attempt, answer, visitor)
            case GoOnAnswer():
                return await self._turns.finish(attempt, visitor)
            case _:
                assert_never(answer)

    async def _name(self, attempt: Attempt, answer: IdentifierAnswer) -> Situation:
        """Record who the attempt is for. Known and unknown cost the same."""
        now = self._clock.now()
        identifier = one_line(answer.identifier)[:IDENTIFIER_MAX]
        account = await self._accounts.find_by_identifier(self._database, identifier)
        named = msgspec.structs.replace(
            attempt, identifier=identifier, account_id=account.id if account else None, failure=None
        )

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self._turns.present(tx, attempt, now)
            await store.save_attempt(tx, named)
            return await self._turns.situation(tx, named.answered(), now)

        return await self._database.transact(body)

    async def _prove(self, attempt: Attempt, answer: GivenProof, visitor: Visitor, challenge: bytes) -> Situation:
        """Take a try, let the factor judge, record what it found. ``challenge`` is what a passkey has to answer."""
        is_second = isinstance(answer, PasskeyAnswer) and bool(attempt.proofs)
        if (
            isinstance(answer, PasswordAnswer | PasskeyAnswer)
            and not is_second
            and attempt.purpose is not Purpose.RENEW
        ):
            attempt = msgspec.structs.replace(attempt, persistent=answer.stay_signed_in)
        taken = await self._tries.take(attempt, answer, visitor)
        if isinstance(taken, Failure):
            return await self._turns.fail(attempt, taken)
        if isinstance(taken, TooMany):
            return await self._turns.blocked(attempt, taken.until)
        factor = self._factors[PROOF_KINDS[type(answer)]]
        try:
            is_anybody = not attempt.identifier and attempt.account_id is None
            subject = Subject(attempt.account_id, attempt.id, challenge, names_itself=is_anybody)
            judgement = await factor.judge(self._database, subject, answer, self._clock.now)
        except Busy:
            await self._database.transact(lambda tx: self._tries.untake(tx, taken))
            raise
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            proof = judgement.proof
            claimed = await self._turns.claim_anew(tx, attempt, answer, now) if proof else await claim(tx, attempt)
            if claimed is None:
                return await self._turns.present(tx, attempt, now)
            is_settled = await factor.settle(tx, judgement, now)
            if proof is None or not is_settled:
                return await self._turns.record_failure(tx, claimed, judgement, now)
            await self._tries.give_back(tx, now, taken)
            proven = await self._named(tx, with_proof(claimed, proof, judgement))
            await self._tries.note_proven(tx, proven, proof.kind, visitor)
            await self._second_factors.note_proven(tx, now, proven, proof, visitor)
            return await self._turns.conclude(tx, proven, visitor, now)

        return await self._database.transact(body)

    async def _named(self, tx: Transaction, attempt: Attempt) -> Attempt:
        """The attempt by the address of whoever a passkey has named."""
        if attempt.identifier:
            return attempt
        account = await self._accounts.find_account(tx, attempt.account_id or NOBODY)
        return msgspec.structs.replace(attempt, identifier=account.address) if account else attempt

    async def _choose_password(self, attempt: Attempt, answer: NewPasswordAnswer, visitor: Visitor) -> Situation:
        """Check a new password, hash it outside the transaction, store it inside and decide again."""
        about = own_data_of(await self._accounts.find_account(self._database, attempt.account_id or NOBODY))
        asked = await self._criteria.find_for(self._database, attempt, self._clock.now())
        new = await self._password_change.choose(attempt.account_id or NOBODY, answer, about, asked)
        if isinstance(new, Failure):
            return await self._turns.fail(attempt, new)
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self._turns.present(tx, attempt, now)
            if not is_fitting(answer, (await self._turns.situation(tx, attempt, now)).step):
                return await self._turns.conclude(tx, attempt, visitor, now)
            changed = await self._password_change.apply(tx, now, attempt, new, visitor)
            if attempt.purpose is Purpose.UPDATE_PASSWORD:
                await carry_on(tx, now, self._sessions, attempt, changed.epoch or 0)
            return await self._turns.conclude(tx, changed, visitor, now)

        return await self._database.transact(body)

    async def _take_or_put_off(self, attempt: Attempt, answer: NowOrLater, visitor: Visitor) -> Situation:
        """Go on to what may be done now or later, or past it, and decide again."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self._turns.present(tx, attempt, now)
            return await self._turns.conclude(tx, attempt.with_mark(mark_of(answer)), visitor, now)

        return await self._database.transact(body)

    async def _resend(self, attempt: Attempt, visitor: Visitor) -> Situation:
        """Mail another code, unless it is too soon or too often."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            kind = kind_of((await self._turns.situation(tx, attempt, now)).step)
            if kind is None or not await store.claim_answer(tx, attempt):
                return await self._turns.present(tx, attempt, now)
            failure = await self._codes.request_again(tx, now, attempt, visitor.network, kind)
            asked = msgspec.structs.replace(attempt, failure=failure)
            await store.save_attempt(tx, asked)
            return await self._turns.situation(tx, asked.answered(), now)

        return await self._database.transact(body)

    async def _create_account(self, attempt: Attempt, answer: CreateAccountAnswer, visitor: Visitor) -> Situation:
        """Check names and password, hash outside the transaction, create the account inside and decide again."""
        new = await self._account_creation.prepare(self._database, attempt, answer, self._clock.now())
        if isinstance(new, Failure):
            return await self._turns.fail(attempt, new)
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self._turns.present(tx, attempt, now)
            if not is_fitting(answer, (await self._turns.situation(tx, attempt, now)).step):
                return await self._turns.conclude(tx, attempt, visitor, now)
            created = await self._account_creation.apply(tx, now, attempt, answer, new)
            return whole(await self._turns.conclude(tx, created, visitor, now))

        made = await self._account_creation.try_creating(self._database, attempt, body)
        return await self._turns.fail(attempt, made) if isinstance(made, Failure) else made


def _gone_elsewhere(attempt: Attempt) -> Situation:
    """What the tab is told that a mailed link has left behind."""
    return Situation(attempt=attempt, step=Refused(reason=RefusedReason.CONTINUED_ELSEWHERE))
