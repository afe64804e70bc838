"""Proving one's present password before a sensitive change."""

from datetime import timedelta

import msgspec

from portico.factors.contract import PasswordAnswer
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import NotSignedIn, Throttled
from portico.kernel.tokens import token_hash
from portico.sessions.model import SignedIn
from portico.signin.attempt import ClientKind, Demands, Purpose
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation, Visitor
from portico.signin.steps import Finished, Refused, RefusedReason

STEP_UP_FRESH = timedelta(minutes=5)


async def prove_password(sign_in: SignIn, clock: Clock, visitor: Visitor, password: str) -> Failure | None:
    """Step the visitor's session up; why that failed, or None. Raises Throttled when too many were tried."""
    situation = await _step_up(sign_in, PasswordAnswer(password=password), visitor)
    match situation.step:
        case Finished():
            return None
        case Refused(reason=RefusedReason.TOO_MANY_TRIES, until=until) if until is not None:
            raise Throttled(until - clock.now())
        case _:
            return Failure(code="my_account.password.current_wrong", field="current_password")


def get_signed_in(visitor: Visitor) -> SignedIn:
    """Who is signed in; raises NotSignedIn if nobody is."""
    if visitor.signed_in is None:
        raise NotSignedIn("no session")
    return visitor.signed_in


async def _step_up(sign_in: SignIn, answer: PasswordAnswer, visitor: Visitor) -> Situation:
    """Prove the session's owner anew, in one go: an attempt of its own purpose, begun and answered."""
    signed_in = get_signed_in(visitor)
    beginning = Beginning(
        purpose=Purpose.STEP_UP,
        client_kind=ClientKind(signed_in.session.kind.value),
        identifier=signed_in.account.address,
        demands=Demands(fresh_within=STEP_UP_FRESH),
        session_id=signed_in.session.id,
    )
    holder = msgspec.structs.replace(visitor, holder_hash=token_hash(signed_in.session.id))
    situation = await sign_in.begin(beginning, holder)
    return await sign_in.answer(situation.attempt.id, situation.attempt.version, answer, holder)
