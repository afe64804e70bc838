"""What signed-in people change about their second factors: add one, remove it, make a new recovery code.

Each change is a step-up: the password first, proven now, then the second factor if there is one. What is to be changed
travels with the attempt, so that the same pages and answers lead there as at a sign-in.
"""

from collections.abc import Collection
from datetime import datetime

import msgspec

from portico.database.engine import Database
from portico.factors.contract import PasswordAnswer
from portico.factors.methods import list_methods
from portico.factors.passkeys import devices
from portico.factors.passkeys.factor import PasskeyFactor
from portico.factors.passkeys.model import StoredPasskey, Trust, TrustedDevice
from portico.factors.proof import Failure, ProofKind
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound, Throttled
from portico.my_account.step_up import STEP_UP_FRESH, get_signed_in
from portico.organizations.folding import FoldedPolicy
from portico.organizations.policies.standing import Standings
from portico.organizations.policy import Mfa
from portico.sessions.model import SignedIn
from portico.sessions.service import Sessions
from portico.signin.attempt import ClientKind, Demands, FactorChange, Purpose
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation, Visitor
from portico.signin.steps import Prove, ProveReason, Refused, RefusedReason

ROOM = "/account/authenticator"
_PREFIX = "my_account.authenticator"
_REMOVED = {FactorChange.REMOVE_TOTP: ProofKind.TOTP, FactorChange.REMOVE_PASSKEY: ProofKind.PASSKEY}


class OwnAuthenticator(msgspec.Struct, frozen=True, kw_only=True):
    """What there is: since when, and when it was used last. ``refusal`` says why nothing can be changed now.

    ``usable`` are the methods one may be asked for first, ``preferred`` the one that was chosen, if any. ``here`` is
    what was answered on this device when it was asked whether to trust it, as far as it still holds.
    """

    added_at: datetime | None = None
    used_at: datetime | None = None
    recovery_code_at: datetime | None = None
    passkeys: tuple[StoredPasskey, ...] = ()
    may_add: bool = True
    may_add_passkey: bool = True
    usable: tuple[ProofKind, ...] = ()
    preferred: ProofKind | None = None
    here: TrustedDevice | None = None
    refusal: Failure | None = None

    @property
    def has_any(self) -> bool:
        """Whether there is a second factor."""
        return self.added_at is not None or bool(self.passkeys)


class Afterwards(msgspec.Struct, frozen=True, kw_only=True):
    """What follows once a factor is gone: who asks for another at the next sign-in, and whether any is left."""

    asked_by: tuple[str, ...]
    is_last: bool


class Authenticators:
    """One's own second factors."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        sign_in: SignIn,
        sessions: Sessions,
        passkeys: PasskeyFactor,
        standings: Standings,
        enrollable: Collection[ProofKind],
        is_offered: bool,
    ) -> None:
        """``enrollable``: what can be set up in this deployment; ``is_offered``: of one's own accord (D12).

        Where it is not, it is to whoever belongs to an organization that wishes for a second factor.
        """
        self._database = database
        self._clock = clock
        self._sign_in = sign_in
        self._sessions = sessions
        self._passkeys = passkeys
        self._standings = standings
        self._enrollable = enrollable
        self._is_offered = is_offered

    async def look(self, signed_in: SignedIn) -> OwnAuthenticator:
        """What there is now."""
        account, now = signed_in.account, self._clock.now()
        methods = {method.kind: method for method in await list_methods(self._database, account.id)}
        app, code = methods.get(ProofKind.TOTP), methods.get(ProofKind.RECOVERY_CODE)
        passkeys = tuple(found.passkey for found in await self._passkeys.list_passkeys(self._database, account.id))
        asked = (await self._standings.find(self._database, account.memberships, now)).enforced
        is_offered = self._is_offered or asked.mfa.value is not Mfa.OFF or app is not None or bool(passkeys)
        usable = self._list_usable(asked, has_app=app is not None, has_passkey=bool(passkeys))
        preferred = await devices.find_preferred(self._database, account.id)
        return OwnAuthenticator(
            added_at=app.added_at if app else None,
            used_at=app.used_at if app else None,
            recovery_code_at=code.added_at if code else None,
            passkeys=passkeys,
            may_add=is_offered and app is None,
            may_add_passkey=is_offered and ProofKind.PASSKEY in self._enrollable,
            usable=usable,
            preferred=preferred if preferred in usable else None,
            here=await self._find_here(signed_in, now),
            refusal=Failure(code=f"{_PREFIX}.frozen") if account.is_frozen(now) else None,
        )

    async def get_passkey(self, signed_in: SignedIn, passkey_id: str) -> StoredPasskey:
        """One of one's own passkeys; raises NotFound for any other."""
        for found in await self._passkeys.list_passkeys(self._database, signed_in.account.id):
            if found.passkey.id == passkey_id:
                return found.passkey
        raise NotFound("no such passkey")

    async def foresee(self, signed_in: SignedIn, change: FactorChange) -> Afterwards | None:
        """What follows from removing what a change removes; None where it removes nothing."""
        removed = _REMOVED.get(change)
        if removed is None:
            return None
        account = signed_in.account
        own = await self.look(signed_in)
        passkeys = len(own.passkeys) - (removed is ProofKind.PASSKEY)
        left = {ProofKind.PASSKEY} if passkeys else set()
        if own.added_at is not None and removed is not ProofKind.TOTP:
            left.add(ProofKind.TOTP)
        asked = (await self._standings.find(self._database, account.memberships, self._clock.now())).enforced
        asking = [
            demand.organization
            for demand in asked.factor_demands
            if left.isdisjoint(ProofKind(factor.value) for factor in demand.allowed)
        ]
        return Afterwards(asked_by=tuple(asking), is_last=not left)

    async def find_refusal(self, signed_in: SignedIn, change: FactorChange) -> Failure | None:
        """Why a change cannot be made now; None if it can."""
        own = await self.look(signed_in)
        if own.refusal is not None:
            return own.refusal
        match change:
            case FactorChange.ADD_TOTP:
                code = "there" if own.added_at else "not_offered"
                return None if own.may_add else Failure(code=f"{_PREFIX}.{code}")
            case FactorChange.ADD_PASSKEY:
                return None if own.may_add_passkey else Failure(code=f"{_PREFIX}.passkeys.not_offered")
            case FactorChange.REMOVE_TOTP:
                return None if own.added_at else Failure(code=f"{_PREFIX}.none")
            case _:
                return None if own.has_any else Failure(code=f"{_PREFIX}.no_factor")

    async def begin(
        self, visitor: Visitor, change: FactorChange, password: str, *, passkey_id: str | None = None
    ) -> Situation | Failure:
        """Begin a change by proving the password; where it leads, or why it does not. Raises Throttled, or NotFound."""
        signed_in = get_signed_in(visitor)
        if passkey_id is not None:
            await self.get_passkey(signed_in, passkey_id)
        refusal = await self.find_refusal(signed_in, change)
        if refusal is not None:
            return refusal
        beginning = Beginning(
            purpose=Purpose.STEP_UP,
            client_kind=ClientKind(signed_in.session.kind.value),
            identifier=signed_in.account.address,
            demands=Demands(fresh_within=STEP_UP_FRESH, change=change, passkey_id=passkey_id),
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

    def _list_usable(self, asked: FoldedPolicy, *, has_app: bool, has_passkey: bool) -> tuple[ProofKind, ...]:
        """The methods one may be asked for first; a mailed code stands in where no organization forbids it."""
        if not has_app and not has_passkey:
            return ()
        kinds = (
            (ProofKind.PASSKEY, has_passkey and ProofKind.PASSKEY in self._enrollable),
            (ProofKind.TOTP, has_app),
            (ProofKind.EMAIL_CODE, asked.email_code.value),
        )
        return tuple(kind for kind, is_usable in kinds if is_usable)

    async def _find_here(self, signed_in: SignedIn, now: datetime) -> TrustedDevice | None:
        device_hash = await self._sessions.find_device_hash(self._database, signed_in.session)
        if device_hash is None:
            return None
        here = await devices.find_device(self._database, signed_in.account.id, device_hash)
        if here is None or (here.answer is Trust.TRUSTED and here.passkey_id is None):
            return None
        return here if here.answer is Trust.TRUSTED or devices.is_resting(here, now) else None
