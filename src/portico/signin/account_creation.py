"""Creating the account a sign-up has led to: names, password and terms, once the mailbox is confirmed.

Checked and hashed outside the transaction, stored inside. Until then there is no account row and no password anywhere.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import msgspec

from portico.accounts.service import Accounts, clean_names
from portico.database.engine import Database, Reader, Transaction
from portico.factors.model import OwnData, PasswordProperties
from portico.factors.password import NewPassword, PasswordFactor
from portico.factors.proof import Failure
from portico.kernel.errors import BadInput, Conflict
from portico.kernel.normalise import address_key
from portico.kernel.zones import is_zone
from portico.mail.service import Mail
from portico.signin.answers import CreateAccountAnswer, NewPasswordAnswer
from portico.signin.attempt import Attempt, Mark
from portico.signin.facts import Terms
from portico.signin.joining import Joining
from portico.signin.new_password import AskedMoreMeanwhile, PasswordChange, require_met
from portico.signin.password_criteria import PasswordCriteria

TAKEN = Failure(code="signup.address_taken")
_CREATIONS = 5
T = TypeVar("T")


class AccountCreation:
    """The one way in which people make accounts for themselves."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        mail: Mail,
        password: PasswordFactor,
        password_change: PasswordChange,
        joining: Joining,
        criteria: PasswordCriteria,
        terms: Terms | None,
    ) -> None:
        self._accounts = accounts
        self._mail = mail
        self._password = password
        self._password_change = password_change
        self._joining = joining
        self._criteria = criteria
        self._terms = terms

    async def prepare(
        self, reader: Reader, attempt: Attempt, answer: CreateAccountAnswer, now: datetime
    ) -> NewPassword | Failure:
        """The password of an answer, hashed; or why no account can be made of it."""
        if await self._accounts.find_by_key(reader, address_key(attempt.identifier) or "") is not None:
            return TAKEN
        try:
            clean_names(answer.first_name, answer.last_name)
        except BadInput as error:
            return Failure(code=f"my_account.name.{error.params['reason']}", field=str(error.params["field"]))
        if self._terms is not None and not answer.accepts_terms:
            return Failure(code="signup.terms_missing", field="accepts_terms")
        chosen = NewPasswordAnswer(new_password=answer.new_password, repeat_password=answer.repeat_password)
        about = OwnData(address=attempt.identifier, first_name=answer.first_name, last_name=answer.last_name)
        policy = (await self._criteria.find_for(reader, attempt, now)).policy
        return await self._password_change.choose_first(chosen, about, policy)

    async def apply(
        self, tx: Transaction, now: datetime, attempt: Attempt, answer: CreateAccountAnswer, new: NewPassword
    ) -> Attempt:
        """Create the account; the attempt goes on as its owner's.

        Raises Conflict if the address is taken by now, AskedMoreMeanwhile if whoever invites has come to ask for more
        than the password has.
        """
        require_met(await self._criteria.find_for(tx, attempt, now), new)
        account = await self._accounts.add_account(
            tx,
            now,
            address=attempt.identifier,
            first_name=answer.first_name,
            last_name=answer.last_name,
            language=attempt.language,
            time_zone=answer.time_zone if is_zone(answer.time_zone) else "",
            terms=self._terms.version if self._terms else "",
            created_by=await self._joining.find_organization(tx, attempt, now),
        )
        await self._mail.adopt_mails(tx, account.id, attempt.identifier)
        await self._password.set_password(tx, now, account.id, new, PasswordProperties())
        proof = await self._password.prove_chosen(tx, account.id, now)
        created = msgspec.structs.replace(
            attempt, account_id=account.id, epoch=account.epoch, persistent=answer.stay_signed_in
        )
        return created.with_proof(proof).with_mark(Mark.ACCOUNT_CREATED)

    async def try_creating(
        self, database: Database, attempt: Attempt, body: Callable[[Transaction], Awaitable[T]]
    ) -> T | Failure:
        """Run the transaction that creates an attempt's account; or why nothing came of it, and nothing was changed."""
        for _ in range(_CREATIONS):
            try:
                return await database.transact(body)
            except AskedMoreMeanwhile as more:
                return more.failure
            except Conflict:  # somebody was faster: with the address, or with the Portico ID made from it
                if await self._accounts.find_by_identifier(database, attempt.identifier) is not None:
                    break
        return TAKEN
