"""Gathering the facts a decision needs: the only place where the decision core meets the database."""

from datetime import datetime

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.database.engine import Reader
from portico.factors.email_code import EmailCodeFactor
from portico.factors.model import RESEND_AFTER, PasswordProperties
from portico.factors.password import PasswordFactor
from portico.factors.proof import ProofKind
from portico.kernel.tokens import NOBODY
from portico.signin.attempt import Attempt, Purpose
from portico.signin.facts import ChangeReason, Facts, Person, Policy, Terms


class Gatherer:
    """Knows where each fact is found."""

    def __init__(
        self, accounts: Accounts, password: PasswordFactor, email_code: EmailCodeFactor, terms: Terms | None = None
    ) -> None:
        self._accounts = accounts
        self._password = password
        self._email_code = email_code
        self._terms = terms

    async def gather(
        self, reader: Reader, attempt: Attempt, now: datetime, blocked_until: datetime | None = None
    ) -> Facts:
        """The facts about an attempt as they stand in ``reader``: a database, or the transaction that will decide.

        Asks the same questions whether anybody was named or not, so that the time it takes tells nothing.
        """
        account_id = attempt.account_id or NOBODY
        account = await self._accounts.find_account(reader, account_id)
        password = await self._password.find_properties(reader, account_id)
        return Facts(
            now=now,
            attempt=attempt,
            person=_person(account, password) if account else None,
            enrolled=(ProofKind.PASSWORD,) if password else (),
            policy=Policy(),
            blocked_until=blocked_until,
            resend_at=await self._find_resend_at(reader, attempt),
            terms=self._terms,
        )

    async def _find_resend_at(self, reader: Reader, attempt: Attempt) -> datetime | None:
        """When another code may be asked for, in an attempt that mails codes."""
        if attempt.purpose is not Purpose.SIGN_UP:
            return None
        code = await self._email_code.find_code(reader, attempt.id)
        return code.requested_at + RESEND_AFTER if code else None


def _person(account: Account, password: PasswordProperties | None) -> Person:
    """What a decision needs of the account that was named."""
    must_change = password.must_change if password else None
    return Person(
        state=account.state,
        epoch=account.epoch,
        must_change_password=ChangeReason(must_change) if must_change else None,
    )
