"""Passkeys within an attempt: made, named, or not wanted on this device (D15).

An answer that makes a passkey needs no try: there is nothing to guess in it. It goes by the same moves as every other:
checked outside the transaction, claimed and looked at again inside it.
"""

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.database.engine import Database, Reader, Transaction
from portico.factors.passkeys import devices
from portico.factors.passkeys.factor import PasskeyFactor, passkey_proof
from portico.factors.passkeys.model import NAME_MAX
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import NotFound
from portico.kernel.messages import Catalogues, message
from portico.kernel.normalise import one_line
from portico.kernel.tokens import NOBODY
from portico.sessions.devices import device_name, device_words
from portico.signin.answers import DeviceNameAnswer, PasskeyEnrolmentAnswer, TrustAnswer, is_fitting
from portico.signin.attempt import Attempt, Mark
from portico.signin.second_factors import SecondFactors
from portico.signin.setups import Setups
from portico.signin.situation import Situation, Visitor
from portico.signin.steps import Enrol
from portico.signin.turns import Turns, claim


class Trusting:
    """Takes the answers about passkeys that are not proofs."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        turns: Turns,
        setups: Setups,
        second_factors: SecondFactors,
        passkeys: PasskeyFactor,
        catalogues: Catalogues,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._turns = turns
        self._setups = setups
        self._second_factors = second_factors
        self._passkeys = passkeys
        self._catalogues = catalogues

    async def enrol(self, attempt: Attempt, answer: PasskeyEnrolmentAnswer, visitor: Visitor) -> Situation:
        """Check the passkey a browser has made; it counts from then on, and on this device before all else."""
        new = await self._passkeys.read(answer.credential, self._setups.challenge(attempt))
        if isinstance(new, Failure):
            return await self._turns.fail(attempt, new)
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if await claim(tx, attempt) is None:
                return await self._turns.present(tx, attempt, now)
            step = (await self._turns.situation(tx, attempt, now)).step
            if not is_fitting(answer, step):
                return await self._turns.conclude(tx, attempt, visitor, now)
            account = await self._get_account(tx, attempt)
            name, handle = self._propose_name(account, visitor), self._setups.handle(attempt)
            added = await self._second_factors.add_passkey(tx, now, account, new, visitor, handle=handle, name=name)
            if isinstance(added, Failure):
                return await self._turns.conclude(tx, attempt.with_failure(added.code), visitor, now)
            if attempt.device_hash is not None:
                await devices.trust(tx, now, account.id, attempt.device_hash, added)
            made = attempt.with_mark(Mark.DEVICE_REGISTERED)
            if isinstance(step, Enrol):  # it is the second factor; else another one was proven already
                proof = passkey_proof(added, now, vouched_at=now, set_up_at=now)
                made = made.with_proof(proof).with_mark(Mark.FACTOR_ENROLLED)
            return await self._turns.conclude(tx, made, visitor, now)

        return await self._database.transact(body)

    async def put_off(self, attempt: Attempt, answer: TrustAnswer, visitor: Visitor) -> Situation:
        """Remember that this device is not to be trusted: for a week, or ever."""
        now = self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if await claim(tx, attempt) is None:
                return await self._turns.present(tx, attempt, now)
            if is_fitting(answer, (await self._turns.situation(tx, attempt, now)).step) and attempt.device_hash:
                account_id = attempt.account_id or NOBODY
                await devices.put_off(tx, now, account_id, attempt.device_hash, for_good=answer.never)
            return await self._turns.conclude(tx, attempt.with_mark(Mark.TRUST_PUT_OFF), visitor, now)

        return await self._database.transact(body)

    async def name(self, attempt: Attempt, answer: DeviceNameAnswer, visitor: Visitor) -> Situation:
        """Call the passkey that was made what its owner calls it; by the proposed name if they say nothing."""
        name, now = one_line(answer.name)[:NAME_MAX], self._clock.now()

        async def body(tx: Transaction) -> Situation:
            if await claim(tx, attempt) is None:
                return await self._turns.present(tx, attempt, now)
            if not is_fitting(answer, (await self._turns.situation(tx, attempt, now)).step):
                return await self._turns.conclude(tx, attempt, visitor, now)
            account_id = attempt.account_id or NOBODY
            made = await self._passkeys.find_made(tx, account_id, attempt.device_hash)
            if name and made is not None:
                await self._passkeys.rename(tx, account_id, made.id, name)
            return await self._turns.conclude(tx, attempt.with_mark(Mark.DEVICE_NAMED), visitor, now)

        return await self._database.transact(body)

    def _propose_name(self, account: Account, visitor: Visitor) -> str:
        """For example "Charlotte's device (Safari on iPhone)", in the words of whoever is asked (S68)."""
        device = self._catalogues.text(device_words(device_name(visitor.user_agent)), visitor.language)
        proposed = message("passkey.proposed_name", name=account.first_name, device=device)
        return one_line(self._catalogues.text(proposed, visitor.language))[:NAME_MAX]

    async def _get_account(self, reader: Reader, attempt: Attempt) -> Account:
        account = await self._accounts.find_account(reader, attempt.account_id or NOBODY)
        if account is None:
            raise NotFound("the account is gone")
        return account
