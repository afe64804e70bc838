"""Choosing a new password, wherever it is asked for: in a reset, a forced change, My Account.

Checked and hashed outside the transaction, stored inside; then everything the account has open ends (D22).
"""

from datetime import datetime

import msgspec

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Reader, Transaction
from portico.factors.model import OwnData, PasswordProperties
from portico.factors.password import NewPassword, PasswordFactor
from portico.factors.password_rules import PasswordPolicy, lacking, unmet_criteria
from portico.factors.proof import Failure, Proof
from portico.factors.screening import PasswordScreen
from portico.kernel.errors import BadInput, Conflict, NotFound
from portico.kernel.tokens import NOBODY
from portico.mail.model import PasswordChanged
from portico.security.notices import SecurityNotices
from portico.security.rules import has_second_factor
from portico.sessions.devices import device_name
from portico.signin.answers import NewPasswordAnswer
from portico.signin.attempt import Attempt, Mark, Purpose
from portico.signin.password_criteria import AskedCriteria, PasswordCriteria
from portico.signin.situation import Visitor
from portico.throttle.service import Throttle


class AskedMoreMeanwhile(BadInput):
    """While a new password was being hashed its owner's organizations came to ask for more; nothing was changed."""

    code = "password_asked_more"

    def __init__(self, unmet: tuple[str, ...]) -> None:
        super().__init__(f"the criteria have changed: {unmet}", field="new_password")
        self.failure = Failure(code="password.unmet_now", params={"criteria": " ".join(unmet)}, field="new_password")


def require_met(asked: AskedCriteria, new: NewPassword) -> None:
    """Compare a hashed password once more, where it is stored; raises AskedMoreMeanwhile."""
    unmet = lacking(asked.policy, new.traits) if new.traits is not None else ()
    if unmet:
        raise AskedMoreMeanwhile(unmet)


class PasswordChange:
    """The one way in which a password is replaced."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        audit: Audit,
        notices: SecurityNotices,
        password: PasswordFactor,
        criteria: PasswordCriteria,
        screen: PasswordScreen,
        throttle: Throttle,
    ) -> None:
        self._accounts = accounts
        self._audit = audit
        self._notices = notices
        self._password = password
        self._criteria = criteria
        self._screen = screen
        self._throttle = throttle

    def find_plain_failure(self, answer: NewPasswordAnswer, about: OwnData, policy: PasswordPolicy) -> Failure | None:
        """Why a new password cannot be taken, as far as that can be told from what was typed; costs nothing."""
        unmet = unmet_criteria(policy, answer.new_password)
        if unmet:
            return Failure(code="password.unmet", params={"criteria": " ".join(unmet)}, field="new_password")
        if answer.repeat_password is not None and answer.repeat_password != answer.new_password:
            return Failure(code="password.repeat_differs", field="repeat_password")
        return self._screen.find_plain_failure(answer.new_password, about)

    async def find_failure(
        self,
        reader: Reader,
        account_id: str | None,
        answer: NewPasswordAnswer,
        about: OwnData,
        policy: PasswordPolicy,
    ) -> Failure | None:
        """Why a new password cannot be taken; None if it can. Never inside a transaction: it may ask a service.

        ``about`` is what its owner is called; ``account_id`` whose present password it must not be, None for nobody's.
        ``policy`` is what :class:`PasswordCriteria` finds for its owner.
        What is cheap comes first: a hash, and then a question to a service, is spent only when all else is met.
        """
        failure = self.find_plain_failure(answer, about, policy)
        failure = failure or await self._screen.find_in_filter(answer.new_password)
        if failure is not None:
            return failure
        if account_id and await self._password.is_current(reader, account_id, answer.new_password):
            return Failure(code="password.same_as_before", field="new_password")
        return await self._screen.ask_service(answer.new_password)

    async def prepare(self, answer: NewPasswordAnswer) -> NewPassword:
        """Hash a password for which :meth:`find_failure` found nothing."""
        return await self._password.prepare(answer.new_password)

    async def apply(
        self, tx: Transaction, now: datetime, attempt: Attempt, new: NewPassword, visitor: Visitor | None = None
    ) -> Attempt:
        """Store the password an attempt has led to; the attempt goes on under the new epoch."""
        account = await self._accounts.find_account(tx, attempt.account_id or NOBODY)
        if account is None:
            raise NotFound("the account is gone")
        if account.epoch != attempt.epoch:
            raise Conflict("everything of this account was ended meanwhile")
        require_met(await self._criteria.find_for(tx, attempt, now), new)
        is_reset = attempt.purpose is Purpose.RESET_PASSWORD
        epoch = await self.replace(tx, now, account, new, attempt.proofs, is_reset=is_reset, visitor=visitor)
        return msgspec.structs.replace(attempt.with_mark(Mark.PASSWORD_CHANGED), epoch=epoch)

    async def replace(
        self,
        tx: Transaction,
        now: datetime,
        account: Account,
        new: NewPassword,
        proofs: tuple[Proof, ...],
        *,
        is_reset: bool,
        visitor: Visitor | None = None,
    ) -> int:
        """Make ``new`` the account's password, end everything, record it and tell the person. The new epoch.

        ``visitor`` is who did it: the mail names their device, and speaks their language where the account has none.
        Raises Conflict if everything was ended since ``account`` was read, AskedMoreMeanwhile if an organization has
        come to ask for more than the password has.
        """
        require_met(await self._criteria.find(tx, account.id, now), new)
        before = await self._password.find_credential(tx, account.id)
        was_mailed = before is not None and before.properties.through_mailbox
        is_strong = has_second_factor(proofs)
        properties = PasswordProperties(through_mailbox=is_reset or (was_mailed and not is_strong))
        await self._password.set_password(tx, now, account.id, new, properties)
        epoch = await self._accounts.end_everything(tx, now, account.id, epoch=account.epoch)
        await self._throttle.forgive_identifiers(tx, (account.address, account.handle))
        kind = EventKind.PASSWORD_RESET if is_reset else EventKind.PASSWORD_CHANGED
        await self._audit.append(tx, now, Event(kind=kind, subject_id=account.id, actor_id=account.id))
        notice = PasswordChanged(
            handle=account.handle,
            at=now,
            how="reset" if is_reset else "change",
            device=device_name(visitor.user_agent) if visitor else "",
        )
        await self._notices.send(tx, now, account, notice, language=visitor.language if visitor else "")
        return epoch
