"""What signed-in people change about their second factors: add an app, remove it, make a new recovery code.

Each change is a step-up: the password first, proven now, then the second factor if there is one. What is to be changed
travels with the attempt, so that the same pages and answers lead there as at a sign-in.
"""

from datetime import datetime

import msgspec

from portico.database.engine import Database
from portico.factors.contract import PasswordAnswer
from portico.factors.methods import list_methods
from portico.factors.proof import Failure, ProofKind
from portico.kernel.clock import Clock
from portico.kernel.errors import Throttled
from portico.my_account.step_up import STEP_UP_FRESH, get_signed_in
from portico.sessions.model import SignedIn
from portico.signin.attempt import ClientKind, Demands, FactorChange, Purpose
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation, Visitor
from portico.signin.steps import Prove, ProveReason, Refused, RefusedReason

ROOM = "/account/authenticator"


class OwnAuthenticator(msgspec.Struct, frozen=True, kw_only=True):
    """What there is: since when, and when it was used last. ``refusal`` says why nothing can be changed now."""

    added_at: datetime | None = None
    used_at: datetime | None = None
    recovery_code_at: datetime | None = None
    may_add: bool = True
    refusal: Failure | None = None


class Authenticators:
    """One's own second factors."""

    def __init__(self, *, database: Database, clock: Clock, sign_in: SignIn, is_offered: bool) -> None:
        """``is_offered``: whether people may set one up of their own accord (D12)."""
        self._database = database
        self._clock = clock
        self._sign_in = sign_in
        self._is_offered = is_offered

    async def look(self, signed_in: SignedIn) -> OwnAuthenticator:
        """What there is now."""
        methods = {method.kind: method for method in await list_methods(self._database, signed_in.account.id)}
        app, code = methods.get(ProofKind.TOTP), methods.get(ProofKind.RECOVERY_CODE)
        is_frozen = signed_in.account.is_frozen(self._clock.now())
        return OwnAuthenticator(
            added_at=app.added_at if app else None,
            used_at=app.used_at if app else None,
            recovery_code_at=code.added_at if code else None,
            may_add=self._is_offered and app is None,
            refusal=Failure(code="my_account.authenticator.frozen") if is_frozen else None,
        )

    async def find_refusal(self, signed_in: SignedIn, change: FactorChange) -> Failure | None:
        """Why a change cannot be made now; None if it can."""
        own = await self.look(signed_in)
        if own.refusal is not None:
            return own.refusal
        if change is FactorChange.ADD_TOTP:
            code = "there" if own.added_at else "not_offered"
            return None if own.may_add else Failure(code=f"my_account.authenticator.{code}")
        return None if own.added_at else Failure(code="my_account.authenticator.none")

    async def begin(self, visitor: Visitor, change: FactorChange, password: str) -> Situation | Failure:
        """Begin a change by proving the password; where it leads, or why it does not. Raises Throttled."""
        signed_in = get_signed_in(visitor)
        refusal = await self.find_refusal(signed_in, change)
        if refusal is not None:
            return refusal
        beginning = Beginning(
            purpose=Purpose.STEP_UP,
            client_kind=ClientKind(signed_in.session.kind.value),
            identifier=signed_in.account.address,
            demands=Demands(fresh_within=STEP_UP_FRESH, change=change),
            session_id=signed_in.session.id,
            return_to=ROOM,
        )
        begun = (await self._sign_in.begin(beginning, visitor)).attempt
        answer = PasswordAnswer(password=password, stay_signed_in=signed_in.session.persistent)
        situation = await self._sign_in.answer(begun.id, begun.version, answer, visitor)
        match situation.step:
            case Refused(reason=RefusedReason.TOO_MANY_TRIES, until=until) if until is not None:
                raise Throttled(until - self._clock.now())
            case Prove(why=ProveReason.FIRST):
                return Failure(code="my_account.password.current_wrong", field="current_password")
            case _:
                return situation
