"""Choosing a new password, wherever it is asked for: in a reset, a forced change, My Account.

Checked and hashed outside the transaction, stored inside; then everything the account has open ends (D22).
"""

from datetime import datetime

import msgspec

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.factors.model import OwnData, PasswordProperties
from portico.factors.password import Comparison, NewPassword, PasswordFactor
from portico.factors.password_rules import PasswordPolicy, lacking, unmet_criteria
from portico.factors.proof import Failure, Proof
from portico.factors.screening import PasswordScreen
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput, Conflict, NotFound, Throttled
from portico.kernel.tokens import NOBODY
from portico.mail.model import PasswordChanged
from portico.reminders.service import Reminders
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

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"more is asked by now: {failure.code}", field="new_password")
        self.failure = failure


class ChangedMeanwhile(Conflict):
    """The password it was to replace was replaced by another: of two at once, one is taken."""

    code = "password_changed_meanwhile"

    def __init__(self) -> None:
        super().__init__("another password was faster")
        self.failure = Failure(code="password.changed_meanwhile", field="new_password")


def require_met(asked: AskedCriteria, new: NewPassword) -> None:
    """Compare a hashed password once more, where it is stored; raises AskedMoreMeanwhile."""
    failure = _find_more_asked(asked, new)
    if failure is not None:
        raise AskedMoreMeanwhile(failure)


class PasswordChange:
    """The one way in which a password is replaced."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        audit: Audit,
        notices: SecurityNotices,
        password: PasswordFactor,
        reminders: Reminders,
        criteria: PasswordCriteria,
        screen: PasswordScreen,
        throttle: Throttle,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._audit = audit
        self._notices = notices
        self._password = password
        self._reminders = reminders
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

    async def choose_first(
        self, answer: NewPasswordAnswer, about: OwnData, policy: PasswordPolicy
    ) -> NewPassword | Failure:
        """A new password for whoever has none yet, hashed; or why it cannot be taken."""
        failure = await self._find_own_failure(answer, about, policy)
        failure = failure or await self._screen.ask_service(answer.new_password)
        return failure or await self._password.prepare(answer.new_password)

    async def choose(
        self,
        account_id: str,
        answer: NewPasswordAnswer,
        about: OwnData,
        asked: AskedCriteria,
        *,
        knows_present: bool = True,
    ) -> NewPassword | Failure:
        """A new password for an account, hashed; or why it cannot be taken. Never inside a transaction.

        ``about`` is what its owner is called, ``asked`` what :class:`PasswordCriteria` finds for them. Whoever has not
        shown that they know the present password learns about it only what an organization wants to be told.
        What is cheap comes first: hashes, and then a question to a service, are spent only when all else is met. Raises
        Throttled after too many that were compared with the last ones and not taken.
        """
        failure = await self._find_own_failure(answer, about, asked.policy)
        if failure is not None:
            return failure
        compared = max(asked.history, 1 if knows_present else 0)
        version = None
        if compared:
            comparison = await self._compare(account_id, answer.new_password, compared)
            if comparison.is_match:
                return _reused(asked)
            version = comparison.version
        failure = await self._screen.ask_service(answer.new_password)
        if failure is not None:
            return failure
        new = await self._password.prepare(answer.new_password)
        return msgspec.structs.replace(new, compared=compared, version=version)

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
        come to ask for more than the password has, ChangedMeanwhile if it was compared with another than the present.
        """
        asked = await self._criteria.find(tx, account.id, now)
        require_met(asked, new)
        before = await self._password.find_credential(tx, account.id)
        was_mailed = before is not None and before.properties.through_mailbox
        is_strong = has_second_factor(proofs, account)
        properties = PasswordProperties(through_mailbox=is_reset or (was_mailed and not is_strong))
        await self._store(tx, now, account.id, new, properties, history=max(asked.history_kept, new.compared))
        epoch = await self._accounts.end_everything(tx, now, account.id, epoch=account.epoch)
        await self._reminders.cancel(tx, now, account.id)
        await self._throttle.forgive_identifiers(tx, (account.address, account.handle))
        await self._throttle.forgive_new_passwords(tx, account.id)
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

    async def _find_own_failure(
        self, answer: NewPasswordAnswer, about: OwnData, policy: PasswordPolicy
    ) -> Failure | None:
        """Why a new password cannot be taken whosever it is to be, as far as we know ourselves."""
        failure = self.find_plain_failure(answer, about, policy)
        return failure or await self._screen.find_in_filter(answer.new_password)

    async def _compare(self, account_id: str, typed: str, count: int) -> Comparison:
        """Compare with the last passwords; the try is taken before (architecture rule 2)."""
        now = self._clock.now()
        refused = await self._database.transact(lambda tx: self._throttle.take_new_password(tx, now, account_id))
        if refused is not None:
            raise Throttled(refused.until - now)
        return await self._password.compare_last(self._database, account_id, typed, count)

    async def _store(
        self,
        tx: Transaction,
        now: datetime,
        account_id: str,
        new: NewPassword,
        properties: PasswordProperties,
        *,
        history: int,
    ) -> None:
        try:
            await self._password.set_password(tx, now, account_id, new, properties, history=history)
        except Conflict as error:
            raise ChangedMeanwhile from error


def _reused(asked: AskedCriteria) -> Failure:
    """That a password is one of the last ones, and who wants none of these; never which one it is."""
    if not asked.history:
        return Failure(code="password.same_as_before", field="new_password")
    names = asked.history_asked_by
    by = {0: "", 1: ".by_one"}.get(len(names), ".by_several")
    params: dict[str, str | int] = {"count": asked.history, "organizations": ", ".join(names)}
    return Failure(code=f"password.reused{by}", params=params, field="new_password")


def _find_more_asked(asked: AskedCriteria, new: NewPassword) -> Failure | None:
    """What has come to be asked of a new password since it was checked; None if nothing has."""
    unmet = lacking(asked.policy, new.traits) if new.traits is not None else ()
    if unmet:
        return Failure(code="password.unmet_now", params={"criteria": " ".join(unmet)}, field="new_password")
    if asked.history > new.compared:
        names = ", ".join(asked.history_asked_by)
        code = "password.history_now.by" if names else "password.history_now"
        return Failure(code=code, params={"count": asked.history, "organizations": names}, field="new_password")
    return None
