"""The turns of an attempt: each answer claims its own, and ends with a decision or with why it was not good.

What every kind of answer has in common stands here; what each of them does stands with its kind.
"""

from datetime import datetime

import msgspec

from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Reader, Transaction
from portico.factors import recovery_code, totp
from portico.factors.contract import Judgement
from portico.factors.passkeys import ceremony
from portico.factors.proof import Failure, Proof, ProofKind
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound
from portico.sessions.model import SignedIn
from portico.signin import store
from portico.signin.answers import Answer, is_fitting
from portico.signin.attempt import Attempt, AttemptState, Purpose
from portico.signin.codes import Codes, begins_with_mail
from portico.signin.decide import next_step
from portico.signin.gather import Gatherer
from portico.signin.joining import Joining
from portico.signin.outcomes import Outcomes
from portico.signin.password_criteria import PasswordCriteria
from portico.signin.setups import Setups
from portico.signin.situation import Situation, Visitor, unfinished
from portico.signin.steps import (
    ChangePassword,
    CreateAccount,
    Finished,
    Refused,
    RefusedReason,
    Step,
)

_CHANGED = Failure(code="signin.changed_meanwhile", field="password")
_LOST = {
    ProofKind.TOTP: totp.USED,
    ProofKind.RECOVERY_CODE: recovery_code.WRONG,
    ProofKind.PASSKEY: ceremony.FAILED,
}
"""What is said where an answer was right, and somebody was faster with the same one."""


class Turns:
    """Takes turns, decides, and writes down what came of it."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: Audit,
        gatherer: Gatherer,
        joining: Joining,
        criteria: PasswordCriteria,
        outcomes: Outcomes,
        setups: Setups,
        codes: Codes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._gatherer = gatherer
        self._joining = joining
        self._criteria = criteria
        self._outcomes = outcomes
        self._setups = setups
        self._codes = codes

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
            attempt = msgspec.structs.replace(attempt, state=AttemptState.FINISHED, session_id=session_id, pending=None)
        elif isinstance(step, Refused):
            details = {"purpose": attempt.purpose.value, "reason": step.reason.value}
            event = Event(kind=EventKind.SIGN_IN_REFUSED, subject_id=attempt.account_id, details=details)
            await self._audit.append(tx, now, event)
        await store.save_attempt(tx, attempt)
        step = await self.enter(tx, attempt, step, now)
        return await self.shown(tx, Situation(attempt=attempt.answered(), step=step, opened=opened), now)

    async def enter(self, tx: Transaction, attempt: Attempt, step: Step, now: datetime) -> Step:
        """Do what a step begins with: the first code is mailed without being asked for. Gives the step then."""
        kind = begins_with_mail(step)
        if kind is None:
            return step
        await self._codes.request_first(tx, now, attempt, kind)
        return next_step(await self._gatherer.gather(tx, attempt, now))

    async def finish(self, attempt: Attempt, visitor: Visitor) -> Situation:
        """Conclude an attempt to which nothing is missing, by no answer of its own."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if await claim(tx, attempt) is None:
                return await self.present(tx, attempt, now)
            return await self.conclude(tx, attempt, visitor, now)

        return await self._database.transact(body)

    async def blocked(self, attempt: Attempt, until: datetime) -> Situation:
        """Where an attempt stands while no try is free; the attempt itself is left as it is."""
        facts = await self._gatherer.gather(self._database, attempt, self._clock.now(), blocked_until=until)
        return Situation(attempt=attempt, step=next_step(facts))

    async def claim_anew(self, tx: Transaction, attempt: Attempt, answer: Answer, now: datetime) -> Attempt | None:
        """Take the turn for a good proof, even if a bad answer was faster: what was proven is not asked again."""
        claimed = await claim(tx, attempt)
        present = None if claimed else await store.find_attempt(tx, attempt.id)
        if present is None or not is_fitting(answer, (await self.situation(tx, present, now)).step):
            return claimed
        return await claim(tx, msgspec.structs.replace(present, persistent=attempt.persistent))

    async def fail(self, attempt: Attempt, failure: Failure) -> Situation:
        """Keep why nothing came of an answer, where nothing was proven or guessed."""
        now = self._clock.now()
        failed = msgspec.structs.replace(attempt, failure=failure)

        async def body(tx: Transaction) -> Situation:
            if not await store.claim_answer(tx, attempt):
                return await self.present(tx, attempt, now)
            await store.save_attempt(tx, failed)
            return await self.situation(tx, failed.answered(), now)

        return await self._database.transact(body)

    async def record_failure(self, tx: Transaction, attempt: Attempt, judgement: Judgement, now: datetime) -> Situation:
        """Keep why the answer was not good."""
        kind = judgement.proof.kind if judgement.proof else ProofKind.PASSWORD
        failure = judgement.failure or _LOST.get(kind, _CHANGED)
        failed = msgspec.structs.replace(attempt, failure=failure)
        details = {"purpose": attempt.purpose.value, "reason": failure.code}
        event = Event(kind=EventKind.SIGN_IN_FAILED, subject_id=attempt.account_id, details=details)
        await self._audit.append(tx, now, event)
        await store.save_attempt(tx, failed)
        return await self.situation(tx, failed.answered(), now)

    async def get_attempt(self, reader: Reader, attempt_id: str, visitor: Visitor) -> Attempt:
        """The attempt, if it is this visitor's, or was before it went on elsewhere; another's is as good as none."""
        attempt = await store.find_attempt(reader, attempt_id)
        if attempt is None or visitor.holder_hash not in (attempt.holder_hash, attempt.former_holder_hash):
            raise NotFound("no such attempt")
        if attempt.demands.change is not None and not _is_of(attempt, visitor.signed_in):
            raise NotFound("what one proves with is changed by the session that began to, and by no other")
        return attempt

    async def present(self, tx: Transaction, attempt: Attempt, now: datetime) -> Situation:
        """Where an attempt stands after somebody else's answer."""
        return await self.situation(tx, await store.find_attempt(tx, attempt.id) or attempt, now)

    async def situation(self, reader: Reader, attempt: Attempt, now: datetime) -> Situation:
        """Decide without changing anything."""
        if attempt.state is AttemptState.FINISHED:
            return Situation(attempt=attempt, step=Refused(reason=RefusedReason.ATTEMPT_OVER))
        step = next_step(await self._gatherer.gather(reader, attempt, now))
        return await self.shown(reader, Situation(attempt=attempt, step=step), now)

    async def shown(self, reader: Reader, situation: Situation, now: datetime) -> Situation:
        """The situation with the criteria of the new password where the step asks for one, and with what is set up."""
        if not isinstance(situation.step, ChangePassword | CreateAccount):
            setup = await self._setups.find(reader, situation.attempt, situation.step)
            return msgspec.structs.replace(situation, setup=setup) if setup else situation
        criteria = await self._criteria.find_for(reader, situation.attempt, now)
        return msgspec.structs.replace(situation, criteria=criteria)


def _is_of(attempt: Attempt, signed_in: SignedIn | None) -> bool:
    return signed_in is not None and signed_in.session.id == attempt.session_id


async def claim(tx: Transaction, attempt: Attempt) -> Attempt | None:
    """The attempt, if it is this answer's turn."""
    return attempt if await store.claim_answer(tx, attempt) else None


def with_proof(attempt: Attempt, proof: Proof, judgement: Judgement) -> Attempt:
    """The attempt with one more proof, and the epoch of its first one; one that was handed over has it already."""
    proven = attempt.with_proof(proof)
    if attempt.proofs or attempt.purpose is Purpose.UPDATE_PASSWORD:
        return proven
    return msgspec.structs.replace(proven, account_id=judgement.account_id, epoch=judgement.epoch)
