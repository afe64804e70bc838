"""What signed-in people say about themselves: profile, Portico ID and picture; and the ways in which they sign in."""

from datetime import timedelta

from portico.accounts.model import Account, Picture, Profile
from portico.accounts.pictures import Pictures
from portico.accounts.profile import HandleRefusal, Profiles
from portico.accounts.service import Accounts
from portico.database.engine import Database
from portico.factors.methods import list_methods
from portico.factors.model import SignInMethod
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import Conflict, NotFound
from portico.my_account.step_up import prove_password
from portico.reminders.model import Expiry
from portico.reminders.service import Reminders
from portico.sessions.model import SignedIn
from portico.signin.service import SignIn
from portico.signin.situation import Visitor

_HOUR = timedelta(hours=1)


class OwnProfile:
    """One's own profile."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        profiles: Profiles,
        pictures: Pictures,
        reminders: Reminders,
        sign_in: SignIn,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._profiles = profiles
        self._pictures = pictures
        self._reminders = reminders
        self._sign_in = sign_in

    async def change(self, signed_in: SignedIn, profile: Profile, version: int) -> None:
        """Set one's profile; raises BadInput, or Conflict when it has changed since ``version``."""
        now, account = self._clock.now(), signed_in.account
        await self._database.transact(lambda tx: self._profiles.change_profile(tx, now, account, profile, version))

    def find_handle_refusal(self, account: Account) -> Failure | None:
        """Why one's Portico ID cannot be changed at all, or cannot now; None if it can."""
        refusal = self._profiles.find_refusal(account, "", self._clock.now())
        if refusal in {HandleRefusal.CHANGED_BEFORE, HandleRefusal.FROZEN}:
            return self._handle_failure(account, refusal)
        return None

    async def change_handle(self, visitor: Visitor, handle: str, current_password: str) -> Failure | None:
        """Choose another Portico ID, once (D1); why that failed, or None. Raises Throttled after many wrong passwords.

        Whether somebody has an ID is told only to those who have proven their password.
        """
        signed_in = visitor.signed_in
        if signed_in is None:
            raise NotFound("no session")
        account, now = signed_in.account, self._clock.now()
        refusal = self._profiles.find_refusal(account, handle, now)
        if refusal is not None:
            return self._handle_failure(account, refusal)
        failure = await prove_password(self._sign_in, self._clock, visitor, current_password)
        if failure is not None:
            return failure
        now = self._clock.now()
        try:
            refusal = await self._database.transact(lambda tx: self._profiles.change_handle(tx, now, account, handle))
        except Conflict:
            account = await self._accounts.find_account(self._database, account.id) or account
            refusal = self._profiles.find_refusal(account, handle, now) or HandleRefusal.TAKEN
        return self._handle_failure(account, refusal) if refusal else None

    async def set_picture(self, signed_in: SignedIn, upload: bytes) -> Picture:
        """Replace one's picture by an uploaded one; raises BadInput with a reason, or Busy."""
        image = await self._pictures.encode(upload)
        now, account = self._clock.now(), signed_in.account
        return await self._database.transact(lambda tx: self._pictures.set_picture(tx, now, account, image))

    async def remove_picture(self, signed_in: SignedIn) -> bool:
        """Take one's picture away; False if there is none."""
        now, account = self._clock.now(), signed_in.account
        return await self._database.transact(lambda tx: self._pictures.remove_picture(tx, now, account))

    async def get_picture(self, signed_in: SignedIn, digest: str = "") -> Picture:
        """One's picture, or that of one digest only; raises NotFound if there is none."""
        found = await self._pictures.find_picture(self._database, signed_in.account.id)
        if found is None or digest not in ("", found.digest):
            raise NotFound("no such picture")
        return found

    async def list_methods(self, signed_in: SignedIn) -> list[SignInMethod]:
        """The ways in which one can sign in."""
        return await list_methods(self._database, signed_in.account.id)

    async def find_expiry(self, signed_in: SignedIn) -> Expiry | None:
        """When one's password expires, and by whose word; None if it does not."""
        return await self._reminders.find_own_expiry(signed_in.account)

    def _handle_failure(self, account: Account, refusal: HandleRefusal) -> Failure:
        params: dict[str, int] = {}
        if refusal is HandleRefusal.FROZEN and account.frozen_until is not None:
            params = {"count": max(1, -(-(account.frozen_until - self._clock.now()) // _HOUR))}
        return Failure(code=f"my_account.handle.{refusal.value}", params=params, field="handle")


def profile_of(
    signed_in: SignedIn, first_name: str | None, last_name: str | None, language: str | None, time_zone: str | None
) -> Profile:
    """The profile to be: what was sent, and what stays as it is."""
    account = signed_in.account
    return Profile(
        first_name=account.first_name if first_name is None else first_name,
        last_name=account.last_name if last_name is None else last_name,
        language=account.language if language is None else language,
        time_zone=account.time_zone if time_zone is None else time_zone,
    )
