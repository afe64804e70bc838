"""Proving oneself anew before a sensitive change: the present password, tried and throttled like any other."""

from portico.factors.contract import PasswordAnswer
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import Throttled
from portico.signin.service import SignIn
from portico.signin.situation import Visitor
from portico.signin.steps import Finished, Refused, RefusedReason


async def prove_current(sign_in: SignIn, clock: Clock, visitor: Visitor, current_password: str) -> Failure | None:
    """Step up with the present password; why that failed, or None. Raises Throttled after too many wrong ones."""
    situation = await sign_in.step_up(PasswordAnswer(password=current_password), visitor)
    match situation.step:
        case Finished():
            return None
        case Refused(reason=RefusedReason.TOO_MANY_TRIES, until=until) if until is not None:
            raise Throttled(until - clock.now())
        case _:
            return Failure(code="my_account.password.current_wrong", field="current_password")
