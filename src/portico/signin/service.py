"""Signing in: every door makes one call here, and the same moves follow each time.

Load the attempt; does the answer fit the present step; take a try; hand the answer to its factor; record proof or
failure; gather facts; decide; if finished, spend the attempt and carry out its outcome in the same transaction.
Hashing happens between two transactions; the second re-reads what the first one saw and goes on only if it stands.
"""

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

import msgspec

from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Reader, Transaction
from portico.factors.contract import EmailCodeAnswer, Factor, Judgement, PasswordAnswer, Subject
from portico.factors.model import own_data_of
from portico.factors.proof import Failure, Proof, ProofKind
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.errors import Busy, NotFound
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
    IdentifierAnswer,
    NewPasswordAnswer,
    NowOrLater,
    ResendAnswer,
    is_fitting,
    mark_of,
)
from portico.signin.attempt import LIFETIME, SIGN_UP_LIFETIME, Attempt, AttemptState, Purpose
from portico.signin.codes import Codes
from portico.signin.decide import next_step
from portico.signin.gather import Gatherer
from portico.signin.joining import Joining
from portico.signin.new_password import AskedMoreMeanwhile, ChangedMeanwhile, PasswordChange
from portico.signin.outcomes import Outcomes
from portico.signin.password_criteria import PasswordCriteria
from portico.signin.situation import Beginning, Situation, Visitor, unfinished, whole
from portico.signin.steps import ChangePassword, CreateAccount, Finished, Refused, RefusedReason
from portico.signin.tries import Tries
from portico.throttle.rates import TooMany

_SWEEP_BATCH = 5_000


class SignIn:
    """The flow around the decision."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        chance: Chance,
        accounts: Accounts,
        audit: Audit,
        sessions: Sessions,
        tries: Tries,
        factors: dict[ProofKind, Factor],
        codes: Codes,
        account_creation: AccountCreation,
        gatherer: Gatherer,
        joining: Joining,
        criteria: PasswordCriteria,
        outcomes: Outcomes,
        password_change: PasswordChange,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the job that works on requests for mail that there is one."""
        self._database = database
        self._clock = clock
        self._chance = chance
        self._accounts = accounts
        self._audit = audit
        self._sessions = sessions
        self._tries = tries
        self._factors = factors
        self._codes = codes
        self._account_creation = account_creation
        self._gatherer = gatherer
        self._joining = joining
        self._criteria = criteria
        self._outcomes = outcomes
        self._password_change = password_change
        self._wake = wake

    async def begin(self, beginning: Beginning, visitor: Visitor) -> Situation:
        """Start an attempt. A form that was sent twice leads to the attempt it started the first time."""
        now = self._clock.now()
        attempt = self.new_attempt(beginning, visitor, now)
        account = await self._accounts.find_by_identifier(self._database, attempt.identifier)
        attempt = msgspec.structs.replace(attempt, account_id=account.id if account else None)

        begun = await self._database.transact(lambda tx: self.add_attempt(tx, beginning, attempt))
        return await self._situation(self._database, begun, now)

    async def add_attempt(self, tx: Transaction, beginning: Beginning, attempt: Attempt) -> Attempt:
        """Store a new attempt and burn its form; the earlier attempt, if the form was used for the same before."""
        if beginning.spends and not await store.spend(
            tx, beginning.spends, attempt.id, beginning.spent_until or attempt.expires_at
        ):
            earlier = await store.find_attempt(tx, await store.find_spent(tx, beginning.spends) or NOBODY)
            if earlier is not None and attempt.is_same_try(earlier):
                return earlier
        await store.add_attempt(tx, attempt)
        return attempt

    async def look(self, attempt_id: str, visitor: Visitor) -> Situation:
        """Where an attempt stands. Changes nothing."""
        attempt = await self._get_attempt(self._database, attempt_id, visitor)
        if attempt.holder_hash != visitor.holder_hash:
            return _gone_elsewhere(attempt)
        return await self._situation(self._database, attempt, self._clock.now())

    async def answer(self, attempt_id: str, version: int, answer: Answer, visitor: Visitor) -> Situation:
        """Give an answer to the step that was shown at ``version``.

        An answer to another version, or to another step than the present one, changes nothing and costs no try.
        """
        attempt = await self._get_attempt(self._database, attempt_id, visitor)
        if attempt.holder_hash != visitor.holder_hash:
            return _gone_elsewhere(attempt)
        situation = await self._situation(self._database, attempt, self._clock.now())
        if version != attempt.version or not is_fitting(answer, situation.step):
            return situation
        try:
            return await self._take_answer(attempt, answer, visitor)
        except (AskedMoreMeanwhile, ChangedMeanwhile) as late:
            return await self._fail(attempt, late.failure)

    async def sign_out(self, signed_in: SignedIn) -> None:
        """End a session at its owner's wish."""
        now, session = self._clock.now(), signed_in.session
        await self._database.transact(lambda tx: self._sessions.end_session(tx, now, session.account_id, session.id))

    async def sweep(self, tx: Transaction, now: datetime) -> int:
        """Delete attempts and burnt values whose time is over."""
        return await store.sweep(tx, now, _SWEEP_BATCH)

    def new_attempt(self, beginning: Beginning, visitor: Visitor, now: datetime) -> Attempt:
        """An attempt as it begins, not stored yet."""
        return Attempt(
            id=new_id(self._chance, now),
            purpose=beginning.purpose,
            client_kind=beginning.client_kind,
            holder_hash=visitor.holder_hash,
            device_hash=visitor.device_hash,
            identifier=one_line(beginning.identifier)[:IDENTIFIER_MAX],
            demands=beginning.demands,
            return_to=beginning.return_to,
            session_id=beginning.session_id,
            language=visitor.language,
            created_at=now,
            expires_at=now + (SIGN_UP_LIFETIME if beginning.purpose is Purpose.SIGN_UP else LIFETIME),
        )

    async def conclude(self, tx: Transaction, attempt: Attempt, visitor: Visitor, now: datetime) -> Situation:
        """Decide; if nothing is missing, spend the attempt and carry out its outcome. The last move of each answer."""
        facts = await self._gatherer.gather(tx, attempt, now)
        step = next_step(facts)
        if isinstance(step, Finished) and not await self._joining.join(tx, facts, now):
            step = unfinished(next_step(await self._gatherer.gather(tx, attempt, now)))
        opened = None
        if isinstance(step, Finished):
            await self._outcomes.note_policies(tx, facts)
            opened = await self._outcomes.carry_out(tx, step.outcome, facts, visitor, now)
            session_id = opened.session.id if opened else attempt.session_id
            attempt = msgspec.structs.replace(attempt, state=AttemptState.FINISHED, session_id=session_id)
        elif isinstance(step, Refused):
            details = {"purpose": attempt.purpose.value, "reason": step.reason.value}
            event = Event(kind=EventKind.SIGN_IN_REFUSED, subject_id=attempt.account_id, details=details)
            await self._audit.append(tx, now, event)
        await store.save_attempt(tx, attempt)
        return await self._shown(tx, Situation(attempt=attempt.answered(), step=step, opened=opened), now)

    async def _take_answer(self, attempt: Attempt, answer: Answer, visitor: Visitor) -> Situation:
        """Act on an answer that fits."""
        match answer:
            case IdentifierAnswer():
                return await self._name(attempt, answer)
            case PasswordAnswer() | EmailCodeAnswer():
                return await self._prove(attempt, answer, visitor)
            case ResendAnswer():
                return await self._resend(attempt, visitor)
            case CreateAccountAnswer():
                return await self._create_account(attempt, answer, visitor)
            case NewPasswordAnswer():
                return await self._choose_password(attempt, answer, visitor)
            case NowOrLater():
                return await self._take_or_put_off(attempt, answer, visitor)
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
                return await self._present(tx, attempt, now)
            await store.save_attempt(tx, named)
            return await self._situation(tx, named.answered(), now)

        return await self._database.transact(body)

    async def _prove(self, attempt: Attempt, answer: PasswordAnswer | EmailCodeAnswer, visitor: Visitor) -> Situation:
        """Take a try, let the factor judge, record what it found."""
        if isinstance(answer, PasswordAnswer) and attempt.purpose is not Purpose.RENEW:
            attempt = msgspec.structs.replace(attempt, persistent=answer.stay_signed_in)
        taken = await self._tries.take(attempt, answer, visitor)
        if isinstance(taken, Failure):
            return await self._fail(attempt, taken)
        if isinstance(taken, TooMany):
            facts = await self._gatherer.gather(self._database, attempt, self._clock.now(), blocked_until=taken.until)
            return Situation(attempt=attempt, step=next_step(facts))
        factor = self._factors[PROOF_KINDS[type(answer)]]
        try:
            subject = Subject(attempt.account_id, attempt.id)
            judgement = await factor.judge(self._database, subject, answer, self._clock.now)
        except Busy:
            await self._database.transact(lambda tx: self._tries.untake(tx, taken))
            raise
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            proof = judgement.proof
            claimed = await self._claim_anew(tx, attempt, answer, now) if proof else await _claim(tx, attempt)
            if claimed is None:
                return await self._present(tx, attempt, now)
            if proof is None or not await factor.settle(tx, judgement, now):
                return await self._record_failure(tx, claimed, judgement, now)
            await self._tries.give_back(tx, now, taken)
            return await self.conclude(tx, with_proof(claimed, proof, judgement), visitor, now)

        return await self._database.transact(body)

    async def _choose_password(self, attempt: Attempt, answer: NewPasswordAnswer, visitor: Visitor) -> Situation:
        """Check a new password, hash it outside the transaction, store it inside and decide again."""
        about = own_data_of(await self._accounts.find_account(self._database, attempt.account_id or NOBODY))
        asked = await self._criteria.find_for(self._database, attempt, self._clock.now())
        new = await self._password_change.choose(attempt.account_id or NOBODY, answer, about, asked)
        if isinstance(new, Failure):
            return await self._fail(attempt, new)
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self._present(tx, attempt, now)
            if not is_fitting(answer, (await self._situation(tx, attempt, now)).step):
                return await self.conclude(tx, attempt, visitor, now)
            changed = await self._password_change.apply(tx, now, attempt, new, visitor)
            return await self.conclude(tx, changed, visitor, now)

        return await self._database.transact(body)

    async def _take_or_put_off(self, attempt: Attempt, answer: NowOrLater, visitor: Visitor) -> Situation:
        """Go on to what may be done now or later, or past it, and decide again."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self._present(tx, attempt, now)
            return await self.conclude(tx, attempt.with_mark(mark_of(answer)), visitor, now)

        return await self._database.transact(body)

    async def _claim_anew(self, tx: Transaction, attempt: Attempt, answer: Answer, now: datetime) -> Attempt | None:
        """Take the turn for a good proof, even if a bad answer was faster: what was proven is not asked again."""
        claimed = await _claim(tx, attempt)
        present = None if claimed else await store.find_attempt(tx, attempt.id)
        if present is None or not is_fitting(answer, (await self._situation(tx, present, now)).step):
            return claimed
        return await _claim(tx, msgspec.structs.replace(present, persistent=attempt.persistent))

    async def _resend(self, attempt: Attempt, visitor: Visitor) -> Situation:
        """Mail another code, unless it is too soon or too often."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self._present(tx, attempt, now)
            failure = await self._codes.request_again(tx, now, attempt, visitor.network)
            asked = msgspec.structs.replace(attempt, failure=failure)
            await store.save_attempt(tx, asked)
            return await self._situation(tx, asked.answered(), now)

        situation = await self._database.transact(body)
        self._wake()
        return situation

    async def _create_account(self, attempt: Attempt, answer: CreateAccountAnswer, visitor: Visitor) -> Situation:
        """Check names and password, hash outside the transaction, create the account inside and decide again."""
        new = await self._account_creation.prepare(self._database, attempt, answer, self._clock.now())
        if isinstance(new, Failure):
            return await self._fail(attempt, new)
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self._present(tx, attempt, now)
            if not is_fitting(answer, (await self._situation(tx, attempt, now)).step):
                return await self.conclude(tx, attempt, visitor, now)
            created = await self._account_creation.apply(tx, now, attempt, answer, new)
            return whole(await self.conclude(tx, created, visitor, now))

        made = await self._account_creation.create(self._database, attempt, body)
        return await self._fail(attempt, made) if isinstance(made, Failure) else made

    async def _fail(self, attempt: Attempt, failure: Failure) -> Situation:
        """Keep why nothing came of an answer, where nothing was proven or guessed."""
        now = self._clock.now()
        failed = msgspec.structs.replace(attempt, failure=failure)

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self._present(tx, attempt, now)
            await store.save_attempt(tx, failed)
            return await self._situation(tx, failed.answered(), now)

        return await self._database.transact(body)

    async def _record_failure(
        self, tx: Transaction, attempt: Attempt, judgement: Judgement, now: datetime
    ) -> Situation:
        """Keep why the answer was not good."""
        failure = judgement.failure or Failure(code="signin.changed_meanwhile", field="password")
        failed = msgspec.structs.replace(attempt, failure=failure)
        details = {"purpose": attempt.purpose.value, "reason": failure.code}
        event = Event(kind=EventKind.SIGN_IN_FAILED, subject_id=attempt.account_id, details=details)
        await self._audit.append(tx, now, event)
        await store.save_attempt(tx, failed)
        return await self._situation(tx, failed.answered(), now)

    async def _get_attempt(self, reader: Reader, attempt_id: str, visitor: Visitor) -> Attempt:
        """The attempt, if it is this visitor's, or was before it went on elsewhere; another's is as good as none."""
        attempt = await store.find_attempt(reader, attempt_id)
        if attempt is None or visitor.holder_hash not in (attempt.holder_hash, attempt.former_holder_hash):
            raise NotFound("no such attempt")
        return attempt

    async def _present(self, tx: Transaction, attempt: Attempt, now: datetime) -> Situation:
        """Where an attempt stands after somebody else's answer."""
        return await self._situation(tx, await store.find_attempt(tx, attempt.id) or attempt, now)

    async def _situation(self, reader: Reader, attempt: Attempt, now: datetime) -> Situation:
        """Decide without changing anything."""
        if attempt.state is AttemptState.FINISHED:
            return Situation(attempt=attempt, step=Refused(reason=RefusedReason.ATTEMPT_OVER))
        step = next_step(await self._gatherer.gather(reader, attempt, now))
        return await self._shown(reader, Situation(attempt=attempt, step=step), now)

    async def _shown(self, reader: Reader, situation: Situation, now: datetime) -> Situation:
        """The situation with the criteria of the new password, where the step asks for one."""
        if not isinstance(situation.step, ChangePassword | CreateAccount):
            return situation
        criteria = await self._criteria.find_for(reader, situation.attempt, now)
        return msgspec.structs.replace(situation, criteria=criteria)


def with_proof(attempt: Attempt, proof: Proof, judgement: Judgement) -> Attempt:
    """The attempt with one more proof, and the epoch of its first one."""
    proven = attempt.with_proof(proof)
    if attempt.proofs:
        return proven
    return msgspec.structs.replace(proven, account_id=judgement.account_id, epoch=judgement.epoch)


async def _claim(tx: Transaction, attempt: Attempt) -> Attempt | None:
    """The attempt, if it is this answer's turn."""
    return attempt if await store.claim_answer(tx, attempt) else None


def _gone_elsewhere(attempt: Attempt) -> Situation:
    """What the tab is told that a mailed link has left behind."""
    return Situation(attempt=attempt, step=Refused(reason=RefusedReason.CONTINUED_ELSEWHERE))
