"""The attempt that waits in the app while something is done in the browser for it.

A new password ends everything of its account (D22), attempts as well. The one that asked for the hand-off goes on: its
app has proven its person itself, and what was missing is done (D8). So does the session it was begun for, if it
renews one: nobody drops off a call meanwhile. No other one does.
"""

from datetime import datetime

import msgspec

from portico.database.engine import Reader, Transaction
from portico.kernel.tokens import NOBODY
from portico.sessions.service import Sessions
from portico.signin import store
from portico.signin.attempt import Attempt, AttemptState, Mark
from portico.signin.waiting import store as hand_offs


async def find_waiting(reader: Reader, attempt: Attempt, now: datetime) -> Attempt | None:
    """The attempt on whose behalf this one was begun, as long as it waits under the same epoch."""
    hand_off = await hand_offs.find_opened(reader, attempt.id)
    waiting = await store.find_attempt(reader, hand_off.attempt_id) if hand_off else None
    if waiting is None or waiting.state is not AttemptState.OPEN or now >= waiting.expires_at:
        return None
    is_same = waiting.account_id == attempt.account_id and waiting.epoch == attempt.epoch
    return waiting if is_same else None


async def goes_on(reader: Reader, attempt: Attempt) -> bool:
    """Whether the app's attempt was taken along into the epoch that this one has begun."""
    hand_off = await hand_offs.find_opened(reader, attempt.id)
    waiting = await store.find_attempt(reader, hand_off.attempt_id) if hand_off else None
    return waiting is not None and waiting.epoch == attempt.epoch


async def carry_on(tx: Transaction, now: datetime, sessions: Sessions, attempt: Attempt, epoch: int) -> None:
    """Take the waiting attempt into the epoch that the password changed in ``attempt`` has begun."""
    waiting = await find_waiting(tx, attempt, now)
    if waiting is None or not await store.claim_answer(tx, waiting):
        return
    if waiting.goes_on_with_session:
        session = await sessions.find_left_behind(tx, waiting.session_id or NOBODY, now)
        if session is not None and session.epoch == attempt.epoch:
            await sessions.carry_over(tx, session, epoch)
        carried = msgspec.structs.replace(waiting, failure=None)
    else:
        carried = waiting.with_mark(Mark.PASSWORD_CHANGED)
    await store.save_attempt(tx, msgspec.structs.replace(carried, epoch=epoch))
