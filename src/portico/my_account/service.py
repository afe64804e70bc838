"""What signed-in people change about themselves."""

import msgspec

from portico.accounts.service import Accounts
from portico.database.engine import Database, Transaction
from portico.factors.model import own_data_of
from portico.factors.passkeys import devices
from portico.factors.passkeys.model import Trust
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound, NotSignedIn
from portico.my_account.step_up import prove_password
from portico.sessions.model import BrowserToken, KnownDevice, OpenSession, SignedIn
from portico.sessions.service import Sessions
from portico.signin.answers import NewPasswordAnswer
from portico.signin.new_password import AskedMoreMeanwhile, ChangedMeanwhile, PasswordChange
from portico.signin.password_criteria import PasswordCriteria
from portico.signin.service import SignIn
from portico.signin.situation import Visitor


class PasswordChanged(msgspec.Struct, frozen=True, kw_only=True):
    """How a change of password went; a browser's session goes on under another secret."""

    failure: Failure | None = None
    browser: BrowserToken | None = None


class MyAccount:
    """One's own account."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        sessions: Sessions,
        sign_in: SignIn,
        password_change: PasswordChange,
        criteria: PasswordCriteria,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._sessions = sessions
        self._sign_in = sign_in
        self._password_change = password_change
        self._criteria = criteria

    async def change_password(
        self, visitor: Visitor, current_password: str, answer: NewPasswordAnswer
    ) -> PasswordChanged:
        """Change one's password, proving the present one first; all other sessions end.

        Raises Throttled when too many wrong ones were tried.
        """
        signed_in = visitor.signed_in
        if signed_in is None:
            raise NotFound("no session")
        account_id, about = signed_in.account.id, own_data_of(signed_in.account)
        asked = await self._criteria.get(account_id)
        failure = self._password_change.find_plain_failure(answer, about, asked.policy)
        if failure is None:
            failure = await prove_password(self._sign_in, self._clock, visitor, current_password)
        new = failure or await self._password_change.choose(account_id, answer, about, asked)
        if isinstance(new, Failure):
            return PasswordChanged(failure=new)
        now = self._clock.now()

        async def body(tx: Transaction) -> BrowserToken | None:
            account = await self._accounts.find_account(tx, signed_in.account.id)
            if account is None or account.epoch != signed_in.session.epoch:
                raise NotSignedIn("everything of this account was ended meanwhile")
            epoch = await self._password_change.replace(
                tx, now, account, new, signed_in.session.proofs, is_reset=False, visitor=visitor
            )
            return await self._sessions.carry_over(tx, signed_in.session, epoch)

        try:
            return PasswordChanged(browser=await self._database.transact(body))
        except (AskedMoreMeanwhile, ChangedMeanwhile) as late:
            return PasswordChanged(failure=late.failure)

    async def list_sessions(self, signed_in: SignedIn) -> list[OpenSession]:
        """One's open sessions."""
        return await self._sessions.list_open(self._database, signed_in.account.id, self._clock.now())

    async def end_session(self, signed_in: SignedIn, session_id: str) -> None:
        """End one of one's sessions and forget its device; raises NotFound if there is none by that id."""
        now = self._clock.now()
        account_id = signed_in.account.id
        ended = await self._database.transact(lambda tx: self._sessions.end_and_forget(tx, now, account_id, session_id))
        if not ended:
            raise NotFound("no such session")

    async def end_others(self, signed_in: SignedIn) -> int:
        """End all of one's sessions but the present one; gives how many."""
        now = self._clock.now()
        return await self._database.transact(lambda tx: self._sessions.end_others(tx, now, signed_in.session))

    async def list_trusted(self, signed_in: SignedIn) -> frozenset[bytes]:
        """What the devices are recognised by on which one signs in with a passkey."""
        answers = await devices.list_devices(self._database, signed_in.account.id)
        return frozenset(each.device_hash for each in answers if each.answer is Trust.TRUSTED and each.passkey)

    async def list_devices(self, signed_in: SignedIn) -> list[KnownDevice]:
        """The devices one has signed in on."""
        return await self._sessions.list_devices(self._database, signed_in.account.id, self._clock.now())

    async def forget_device(self, signed_in: SignedIn, device_id: str) -> None:
        """Forget a device and end the sessions on it, at once; raises NotFound if it is none of one's own."""
        now = self._clock.now()
        account_id = signed_in.account.id
        if not await self._database.transact(lambda tx: self._sessions.forget_device(tx, now, account_id, device_id)):
            raise NotFound("no such device")
