"""What somebody is shown to set up: the secret of an authenticator app, a recovery code.

Both are drawn when an attempt begins and lie in it sealed until they are confirmed, so that a page loaded again, the
manual screen and a second tab show the same (D13, D14). What was confirmed is taken out of the attempt.
"""

import msgspec

from portico.accounts.service import Accounts
from portico.database.engine import Reader
from portico.factors.recovery_code import draw_code
from portico.factors.totp import draw_secret, key_of, uri_of
from portico.kernel.chance import Chance
from portico.kernel.errors import Conflict
from portico.kernel.sealing import SealingKeys
from portico.kernel.tokens import NOBODY
from portico.signin.attempt import Attempt, Purpose
from portico.signin.situation import Setup
from portico.signin.steps import Enrol, SaveRecoveryCode, Step

_PURPOSE = "pending set-up"


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt holds in readiness; an empty secret was confirmed."""

    totp: bytes
    recovery_code: str


class Setups:
    """Draws what is to be set up, and shows it to whoever is asked to."""

    def __init__(self, *, keys: SealingKeys, chance: Chance, accounts: Accounts, brand: str) -> None:
        """``brand`` is what an authenticator app calls the account by."""
        self._keys = keys
        self._chance = chance
        self._accounts = accounts
        self._brand = brand

    def prepared(self, attempt: Attempt) -> Attempt:
        """A new attempt with all that it may have to show."""
        if attempt.purpose in (Purpose.RESET_PASSWORD, Purpose.UPDATE_PASSWORD):
            return attempt
        pending = Pending(totp=draw_secret(self._chance), recovery_code=draw_code(self._chance))
        return self._with(attempt, pending)

    def get(self, attempt: Attempt) -> Pending:
        """What an attempt holds; raises Conflict where nothing can be read: it has to begin again."""
        sealed = attempt.pending
        plain = self._keys.unseal(sealed, purpose=_PURPOSE, context=attempt.id) if sealed else None
        if plain is None:
            raise Conflict("what was to be set up in this attempt is there no more")
        return msgspec.json.decode(plain, type=Pending)

    def without_secret(self, attempt: Attempt) -> Attempt:
        """The attempt once the authenticator app is set up: the recovery code alone is left to show."""
        return self._with(attempt, msgspec.structs.replace(self.get(attempt), totp=b""))

    async def find(self, reader: Reader, attempt: Attempt, step: Step) -> Setup | None:
        """What a step shows to be set up; None where it is about something else."""
        match step:
            case Enrol():
                account = await self._accounts.find_account(reader, attempt.account_id or NOBODY)
                secret = self.get(attempt).totp
                uri = uri_of(secret, address=account.address if account else "", brand=self._brand)
                return Setup(totp_uri=uri, totp_key=key_of(secret))
            case SaveRecoveryCode():
                return Setup(recovery_code=self.get(attempt).recovery_code)
            case _:
                return None

    def _with(self, attempt: Attempt, pending: Pending) -> Attempt:
        plain = msgspec.json.encode(pending)
        sealed = self._keys.seal(plain, purpose=_PURPOSE, context=attempt.id, chance=self._chance)
        return msgspec.structs.replace(attempt, pending=sealed)
