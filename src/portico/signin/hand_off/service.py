"""Handing a person over from an app to a page, for one thing, and letting the app go on afterwards (D8, D26).

Asked for by an attempt of an app that stands at a new password, which only a fully proven one does. The token is good
for 60 seconds and one press of a button; opening it changes nothing. What it begins is an attempt of its own purpose:
it holds what the app has proven but for the password, which is asked for again, and opens no session.
"""

from datetime import datetime

import msgspec

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Reader, Transaction
from portico.factors.contract import PasswordAnswer
from portico.factors.model import own_data_of
from portico.factors.proof import ProofKind
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.errors import Conflict, NotFound
from portico.kernel.tokens import NOBODY, is_token, new_token, token_hash
from portico.signin import store
from portico.signin.answers import NewPasswordAnswer
from portico.signin.attempt import Attempt, ClientKind, Purpose
from portico.signin.facts import ChangeReason
from portico.signin.new_password import PasswordChange
from portico.signin.password_criteria import AskedCriteria, PasswordCriteria
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation, Visitor
from portico.signin.steps import ChangePassword, Finished, Prove
from portico.signin.turns import Turns
from portico.signin.waiting import store as hand_offs
from portico.signin.waiting.carrying import find_waiting, goes_on
from portico.signin.waiting.model import LAST_SECOND, LIFETIME, HandOff, HandOffPurpose, HandOffState

DONE = "/handoff/done"
"""Where an attempt that was handed over ends."""


class NothingToHandOff(Conflict):
    """The attempt does not stand at a step that is taken in the browser."""

    code = "nothing_to_hand_off"


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A hand-off that was just made. The token is told once."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return "Issued(...)"  # the token opens something


class OpenHandOff(msgspec.Struct, frozen=True, kw_only=True):
    """What a hand-off is worth now; whose it is only while it lives."""

    state: HandOffState
    account: Account | None = None


class HandedOver(msgspec.Struct, frozen=True, kw_only=True):
    """Where an attempt stands that was handed over, why a new password is asked for, and what it must be."""

    situation: Situation
    why: ChangePassword
    criteria: AskedCriteria


class Updated(msgspec.Struct, frozen=True, kw_only=True):
    """Where a handed-over attempt stands after an answer; ``app_goes_on`` once all is done and its app still waits."""

    situation: Situation
    app_goes_on: bool = False


class HandOffs:
    """All hand-offs of a deployment."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        chance: Chance,
        accounts: Accounts,
        audit: Audit,
        turns: Turns,
        sign_in: SignIn,
        criteria: PasswordCriteria,
        password_change: PasswordChange,
    ) -> None:
        self._database = database
        self._clock = clock
        self._chance = chance
        self._accounts = accounts
        self._audit = audit
        self._turns = turns
        self._sign_in = sign_in
        self._criteria = criteria
        self._password_change = password_change

    async def issue(self, attempt_id: str, visitor: Visitor) -> Issued:
        """Make a hand-off for the attempt of an app; raises NothingToHandOff where it stands at no such step."""
        now, token = self._clock.now(), new_token(self._chance)

        async def body(tx: Transaction) -> datetime:
            attempt = await self._turns.get_attempt(tx, attempt_id, visitor)
            if attempt.holder_hash != visitor.holder_hash:
                raise NotFound("the attempt went on elsewhere")
            if not await self._waits(tx, attempt, now):
                raise NothingToHandOff("no step to take in the browser")
            hand_off = HandOff(
                hash=token_hash(token),
                purpose=HandOffPurpose.UPDATE_PASSWORD,
                attempt_id=attempt.id,
                account_id=attempt.account_id or NOBODY,
                epoch=attempt.epoch or 0,
                created_at=now,
                expires_at=now + LIFETIME + LAST_SECOND,
            )
            await hand_offs.add(tx, hand_off)
            await self._record(tx, now, EventKind.HAND_OFF_ASKED, hand_off)
            return now + LIFETIME

        return Issued(token=token, expires_at=await self._database.transact(body))

    async def open(self, token: str) -> OpenHandOff:
        """What a hand-off is worth, without using it."""
        state, hand_off, _ = await self._find(self._database, token, self._clock.now())
        if hand_off is None or state is not HandOffState.LIVE:
            return OpenHandOff(state=state)
        return OpenHandOff(state=state, account=await self._accounts.find_account(self._database, hand_off.account_id))

    async def take_up(self, token: str, visitor: Visitor) -> Situation | HandOffState:
        """Use a hand-off up and begin the attempt it is for, in this browser; or why it is worth nothing."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Attempt | HandOffState:
            state, hand_off, waiting = await self._find(tx, token, now)
            if state is not HandOffState.LIVE or hand_off is None or waiting is None:
                return state
            attempt = self._begun_by(waiting, visitor, now)
            if not await hand_offs.spend(tx, hand_off.hash, attempt.id, now):
                return HandOffState.USED
            await store.add_attempt(tx, attempt)
            await self._record(tx, now, EventKind.HAND_OFF_OPENED, hand_off)
            return attempt

        begun = await self._database.transact(body)
        return begun if isinstance(begun, HandOffState) else await self._sign_in.look(begun.id, visitor)

    async def look(self, attempt_id: str, visitor: Visitor) -> HandedOver | None:
        """An attempt that was handed over, to be shown; None if it came about in another way."""
        situation = await self._sign_in.look(attempt_id, visitor)
        if not _is_handed_over(situation):
            return None
        attempt, now = situation.attempt, self._clock.now()
        waiting = await find_waiting(self._database, attempt, now)
        step = (await self._turns.situation(self._database, waiting, now)).step if waiting else situation.step
        why = step if isinstance(step, ChangePassword) else ChangePassword(why=ChangeReason.WANTED)
        criteria = await self._criteria.find_for(self._database, attempt, now)
        return HandedOver(situation=situation, why=why, criteria=criteria)

    async def update(
        self, attempt_id: str, version: int, present: str, new: NewPasswordAnswer, visitor: Visitor
    ) -> Updated | None:
        """Prove the present password, if that is still to be done, and put the new one in its place.

        What is wrong with the new one on the face of it is told first: that costs no try. None for an attempt that was
        not handed over.
        """
        situation = await self._sign_in.look(attempt_id, visitor)
        if not _is_handed_over(situation):
            return None
        if version != situation.attempt.version or not isinstance(situation.step, Prove | ChangePassword):
            return Updated(situation=situation)
        attempt = situation.attempt
        account = await self._accounts.find_account(self._database, attempt.account_id or NOBODY)
        asked = await self._criteria.find_for(self._database, attempt, self._clock.now())
        failure = self._password_change.find_plain_failure(new, own_data_of(account), asked.policy)
        if failure is not None:
            return Updated(situation=await self._turns.fail(attempt, failure))
        if isinstance(situation.step, Prove):
            situation = await self._sign_in.answer(attempt_id, version, PasswordAnswer(password=present), visitor)
        if isinstance(situation.step, ChangePassword):
            situation = await self._sign_in.answer(attempt_id, situation.attempt.version, new, visitor)
        if not isinstance(situation.step, Finished):
            return Updated(situation=situation)
        return Updated(situation=situation, app_goes_on=await goes_on(self._database, situation.attempt))

    async def _find(
        self, reader: Reader, token: str, now: datetime
    ) -> tuple[HandOffState, HandOff | None, Attempt | None]:
        """What has become of a hand-off, and the attempt that waits for it."""
        hand_off = await hand_offs.find(reader, token_hash(token)) if is_token(token) else None
        if hand_off is None:
            return HandOffState.INVALID, None, None
        if hand_off.used_at is not None:
            return HandOffState.USED, hand_off, None
        if now >= hand_off.expires_at:
            return HandOffState.EXPIRED, hand_off, None
        waiting = await store.find_attempt(reader, hand_off.attempt_id)
        if waiting is None or waiting.epoch != hand_off.epoch or not await self._waits(reader, waiting, now):
            return HandOffState.OVER, hand_off, None
        return HandOffState.LIVE, hand_off, waiting

    async def _waits(self, reader: Reader, attempt: Attempt, now: datetime) -> bool:
        """Whether an attempt is an app's own and stands at a new password: the decision says so, and nothing else.

        Who is about to join has to choose it in the app: there, what is asked where they are going counts already.
        """
        step = (await self._turns.situation(reader, attempt, now)).step
        is_own = attempt.client_kind is ClientKind.NATIVE and attempt.invitation_id is None
        return is_own and isinstance(step, ChangePassword)

    def _begun_by(self, waiting: Attempt, visitor: Visitor, now: datetime) -> Attempt:
        """The attempt of the browser: of the same epoch, with what the app has proven but for the password."""
        beginning = Beginning(
            purpose=Purpose.UPDATE_PASSWORD,
            client_kind=ClientKind.BROWSER,
            identifier=waiting.identifier,
            return_to=DONE,
        )
        return msgspec.structs.replace(
            self._sign_in.new_attempt(beginning, visitor, now),
            account_id=waiting.account_id,
            epoch=waiting.epoch,
            proofs=tuple(proof for proof in waiting.proofs if proof.kind is not ProofKind.PASSWORD),
        )

    async def _record(self, tx: Transaction, now: datetime, kind: EventKind, hand_off: HandOff) -> None:
        details = {"purpose": hand_off.purpose.value}
        await self._audit.append(tx, now, Event(kind=kind, subject_id=hand_off.account_id, details=details))


def _is_handed_over(situation: Situation) -> bool:
    return situation.attempt.purpose is Purpose.UPDATE_PASSWORD
