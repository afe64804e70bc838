"""What people say about their second factors without changing what proves them: names, which to ask for first, when."""

from collections.abc import Mapping
from datetime import datetime

from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.factors.passkeys import devices
from portico.factors.passkeys.factor import PasskeyFactor
from portico.factors.passkeys.model import NAME_MAX
from portico.factors.proof import Failure, ProofKind
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound
from portico.kernel.normalise import one_line
from portico.my_account.authenticator.service import Authenticators
from portico.my_account.step_up import get_signed_in, prove_password
from portico.sessions.model import SignedIn
from portico.sessions.service import Sessions
from portico.signin.service import SignIn
from portico.signin.situation import Visitor

NO_NAME = Failure(code="my_account.authenticator.passkeys.no_name", field="name")
NOT_USABLE = Failure(code="my_account.authenticator.default.not_usable")


class OwnPasskeys:
    """The names of one's passkeys, one's default method, and what was answered on one's devices."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: Audit,
        sign_in: SignIn,
        sessions: Sessions,
        passkeys: PasskeyFactor,
        authenticators: Authenticators,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._sign_in = sign_in
        self._sessions = sessions
        self._passkeys = passkeys
        self._authenticators = authenticators

    async def rename(self, visitor: Visitor, passkey_id: str, name: str, password: str) -> Failure | None:
        """Give one of one's passkeys another name; why that failed, or None. Raises NotFound, or Throttled."""
        signed_in, name = get_signed_in(visitor), one_line(name)[:NAME_MAX]
        await self._authenticators.get_passkey(signed_in, passkey_id)
        refusal = (await self._authenticators.look(signed_in)).refusal
        if refusal is not None or not name:
            return refusal or NO_NAME
        failure = await prove_password(self._sign_in, self._clock, visitor, password)
        if failure is not None:
            return failure
        account_id, now = signed_in.account.id, self._clock.now()

        async def body(tx: Transaction) -> None:
            if not await self._passkeys.rename(tx, account_id, passkey_id, name):
                raise NotFound("no such passkey")
            await self._audit.append(tx, now, _event(EventKind.PASSKEY_RENAMED, signed_in))

        await self._database.transact(body)
        return None

    async def prefer(self, visitor: Visitor, kind: ProofKind | None, password: str) -> Failure | None:
        """Be asked for this method first from now on, or for what suits the device; why not, or None. Raises Throttled.

        Only what is usable now can be chosen; what is no longer usable later is passed over.
        """
        signed_in = get_signed_in(visitor)
        own = await self._authenticators.look(signed_in)
        if own.refusal is not None or (kind is not None and kind not in own.usable):
            return own.refusal or NOT_USABLE
        failure = await prove_password(self._sign_in, self._clock, visitor, password)
        if failure is not None:
            return failure
        now = self._clock.now()

        async def body(tx: Transaction) -> None:
            await devices.prefer(tx, signed_in.account.id, kind)
            details = {"method": kind.value if kind else "automatic"}
            await self._audit.append(tx, now, _event(EventKind.FACTOR_PREFERRED, signed_in, details))

        await self._database.transact(body)
        return None

    async def ask_again(self, signed_in: SignedIn) -> Failure | None:
        """Be asked again whether to trust the device one is on; why not, or None. Nothing to forget is fine."""
        refusal = (await self._authenticators.look(signed_in)).refusal
        device_hash = await self._sessions.find_device_hash(self._database, signed_in.session)
        if refusal is not None or device_hash is None:
            return refusal
        now: datetime = self._clock.now()

        async def body(tx: Transaction) -> None:
            if await devices.ask_again(tx, signed_in.account.id, device_hash):
                await self._audit.append(tx, now, _event(EventKind.ASK_AGAIN_WISHED, signed_in))

        await self._database.transact(body)
        return None


def _event(kind: EventKind, signed_in: SignedIn, details: Mapping[str, str | int] | None = None) -> Event:
    account_id, session_id = signed_in.account.id, signed_in.session.id
    return Event(kind=kind, subject_id=account_id, actor_id=account_id, session_id=session_id, details=details or {})
