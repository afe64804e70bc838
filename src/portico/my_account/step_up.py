"""Proving one's present password before a sensitive change."""

from portico.factors.contract import PasswordAnswer
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import NotSignedIn, Throttled
from portico.sessions.model import SignedIn
from portico.signin.service import SignIn
from portico.signin.situation import Visitor
from portico.signin.steps import Finished, Refused, RefusedReason


async def prove_password(sign_in: SignIn, clock: Clock, visitor: Visitor, password: str) -> Failure | None:
    """Step the visitor's session up; why that failed, or None. Raises Throttled when too many were tried."""
    situation = await sign_in.step_up(PasswordAnswer(password=password), visitor)
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
