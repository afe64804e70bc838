"""What somebody is shown to set up or to answer: the secret of an authenticator app, a recovery code, a challenge.

Secret and code are drawn when an attempt begins and lie in it sealed until they are confirmed, so that a page loaded
again, the manual screen and a second tab show the same (D13, D14). What was confirmed is taken out of the attempt.

What a passkey has to answer is made of the attempt and its version, and nobody can foresee it without the server's key.
Every answer raises the version, by one statement, so that each challenge is good once (architecture rule 1).
"""

from typing import Any

import msgspec

from portico.accounts.service import Accounts
from portico.database.engine import Reader
from portico.factors.passkeys.factor import PasskeyFactor
from portico.factors.proof import ProofKind
from portico.factors.recovery_code import draw_code
from portico.factors.totp import draw_secret, key_of, uri_of
from portico.kernel.chance import Chance
from portico.kernel.errors import Conflict
from portico.kernel.sealing import SealingKeys
from portico.kernel.tokens import NOBODY
from portico.signin.attempt import Attempt, Purpose
from portico.signin.situation import Setup
from portico.signin.steps import Enrol, Identify, Prove, ProveReason, SaveRecoveryCode, Step, TrustDevice

_PURPOSE = "pending set-up"
_CHALLENGE = "passkey challenge"
_FORM_CHALLENGE = "passkey challenge of a form"
_HANDLE = "passkey holder"


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt holds in readiness; an empty secret was confirmed."""

    totp: bytes
    recovery_code: str


class Setups:
    """Draws what is to be set up, and shows it to whoever is asked to."""

    def __init__(
        self, *, keys: SealingKeys, chance: Chance, accounts: Accounts, passkeys: PasskeyFactor, brand: str
    ) -> None:
        """``brand`` is what an authenticator app calls the account by."""
        self._keys = keys
        self._chance = chance
        self._accounts = accounts
        self._passkeys = passkeys
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

    def without_code(self, attempt: Attempt) -> Attempt:
        """The attempt once the recovery code is kept; an authenticator app may still be set up in it."""
        return self._with(attempt, msgspec.structs.replace(self.get(attempt), recovery_code=""))

    def without_secret(self, attempt: Attempt) -> Attempt:
        """The attempt once the authenticator app is set up: the recovery code alone is left to show."""
        return self._with(attempt, msgspec.structs.replace(self.get(attempt), totp=b""))

    async def find(self, reader: Reader, attempt: Attempt, step: Step) -> Setup | None:
        """What a step shows to be set up; None where it is about something else."""
        match step:
            case Enrol(kinds=kinds):
                passkey = await self._offer(reader, attempt) if ProofKind.PASSKEY in kinds else None
                if ProofKind.TOTP not in kinds:
                    return Setup(passkey=passkey)
                account = await self._accounts.find_account(reader, attempt.account_id or NOBODY)
                secret = self.get(attempt).totp
                uri = uri_of(secret, address=account.address if account else "", brand=self._brand)
                return Setup(totp_uri=uri, totp_key=key_of(secret), passkey=passkey)
            case TrustDevice():
                return Setup(passkey=await self._offer(reader, attempt))
            case SaveRecoveryCode():
                return Setup(recovery_code=self.get(attempt).recovery_code)
            case _:
                return await self._find_to_prove(reader, attempt, step)

    async def _find_to_prove(self, reader: Reader, attempt: Attempt, step: Step) -> Setup | None:
        """What a passkey is asked for; by whoever has not shown who they are, any that names itself."""
        match step:
            case Identify() if attempt.demands.passkeys:
                return Setup(passkey=self._passkeys.ask(self.challenge(attempt)))
            case Prove(kinds=kinds, why=why) if ProofKind.PASSKEY in kinds:
                is_known = why is not ProveReason.FIRST
                own = await self._passkeys.list_passkeys(reader, attempt.account_id or NOBODY) if is_known else []
                return Setup(passkey=self._passkeys.ask(self.challenge(attempt), own))
            case _:
                return None

    def challenge(self, attempt: Attempt) -> bytes:
        """What a passkey has to answer in this attempt as it stands: 32 bytes, good for one answer."""
        return self._keys.mac(f"{attempt.id} {attempt.version}".encode(), purpose=_CHALLENGE)

    def form_challenge(self, form_hash: bytes) -> bytes:
        """The same for the form of the first page, which is burnt with its answer."""
        return self._keys.mac(form_hash, purpose=_FORM_CHALLENGE)

    def ask_by_form(self, form_hash: bytes) -> dict[str, Any]:
        """What a browser is asked to find a passkey by on the first page."""
        return self._passkeys.ask(self.form_challenge(form_hash))

    def handle(self, attempt: Attempt) -> bytes:
        """What authenticators are to know the account by, if none does yet: 64 bytes that tell nothing."""
        of_account = attempt.account_id or NOBODY  # so that two devices set up at once are told the same
        halves = [self._keys.mac(f"{of_account} {half}".encode(), purpose=_HANDLE) for half in range(2)]
        return b"".join(halves)

    async def _offer(self, reader: Reader, attempt: Attempt) -> dict[str, Any]:
        """What a browser is asked to make a passkey by."""
        account = await self._accounts.find_account(reader, attempt.account_id or NOBODY)
        return await self._passkeys.offer(
            reader,
            account_id=account.id if account else NOBODY,
            handle=self.handle(attempt),
            address=account.address if account else "",
            display_name=account.name if account else "",
            challenge=self.challenge(attempt),
        )

    def _with(self, attempt: Attempt, pending: Pending) -> Attempt:
        plain = msgspec.json.encode(pending)
        sealed = self._keys.seal(plain, purpose=_PURPOSE, context=attempt.id, chance=self._chance)
        return msgspec.structs.replace(attempt, pending=sealed)
