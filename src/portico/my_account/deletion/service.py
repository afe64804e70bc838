"""Deleting one's account: two weeks in which it can be taken back, and then nothing of the person stays.

Asking, taking back and erasing are each decided by one conditional statement on the account's row, so that of a person
who keeps the account on the last day and the job that erases it exactly one wins.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TypeAlias

import structlog

from portico.accounts.model import Account
from portico.accounts.protection import Protection
from portico.accounts.service import Accounts
from portico.database.engine import Database, Transaction
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import NotSignedIn
from portico.mail.model import DeletionAsked, DeletionTakenBack
from portico.my_account.step_up import get_signed_in, prove_password
from portico.organizations.members.service import Memberships
from portico.security.notices import SecurityNotices
from portico.sessions.devices import device_name
from portico.sessions.service import Sessions
from portico.signin.service import SignIn
from portico.signin.situation import Visitor

Eraser: TypeAlias = Callable[[Transaction, Account], Awaitable[None]]
"""Deletes what one feature keeps of an account."""

_BATCH = 20
_log = structlog.get_logger("portico.deletion")


class Deletions:
    """The end of accounts."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        protection: Protection,
        notices: SecurityNotices,
        sessions: Sessions,
        sign_in: SignIn,
        memberships: Memberships,
        erasers: tuple[Eraser, ...],
    ) -> None:
        """``erasers``: one for each feature that keeps something of a person, in an order the database allows."""
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._protection = protection
        self._notices = notices
        self._sessions = sessions
        self._sign_in = sign_in
        self._memberships = memberships
        self._erasers = erasers

    async def ask(self, visitor: Visitor, current_password: str) -> Failure | None:
        """Have one's account erased after two weeks; why not, or None. All other sessions end. Raises Throttled.

        Not while an organization has no other owner. Asking again changes nothing.
        """
        signed_in = get_signed_in(visitor)
        failure = await prove_password(self._sign_in, self._clock, visitor, current_password)
        if failure is not None:
            return failure
        now = self._clock.now()

        async def body(tx: Transaction) -> Failure | None:
            left_alone = await self._memberships.find_left_alone(tx, signed_in.account.id)
            account = await self._accounts.find_account(tx, signed_in.account.id)
            if account is None or account.epoch != signed_in.session.epoch:
                raise NotSignedIn("everything of this account was ended meanwhile")
            if left_alone is not None and account.delete_at is None:
                return Failure(code="my_account.delete.last_owner", params={"organization": left_alone.name})
            delete_at = await self._protection.plan_deletion(tx, now, account)
            if delete_at is None:
                return None
            await self._sessions.end_others(tx, now, signed_in.session)
            notice = DeletionAsked(
                handle=account.handle, at=now, device=device_name(visitor.user_agent), delete_at=delete_at
            )
            await self._notices.send(tx, now, account, notice, language=visitor.language)
            return None

        return await self._database.transact(body)

    async def keep(self, visitor: Visitor) -> bool:
        """Keep one's account after all; False if it was not to be erased. Good as long as the account is there."""
        signed_in, now = get_signed_in(visitor), self._clock.now()

        async def body(tx: Transaction) -> bool:
            account_id = signed_in.account.id
            if not await self._protection.cancel_deletion(tx, now, account_id, account_id):
                return False
            account = await self._accounts.find_account(tx, account_id)
            if account is not None:
                notice = DeletionTakenBack(handle=account.handle, at=now, device=device_name(visitor.user_agent))
                await self._notices.send(tx, now, account, notice, language=visitor.language)
            return True

        return await self._database.transact(body)

    async def erase_due(self, database: Database | None = None) -> int:
        """Erase the accounts whose time is over, each in a transaction of its own; how many there were.

        ``database``: the one to work in, for a job whose transactions hold under its lease only.
        """
        now = self._clock.now()
        due = await self._protection.list_to_erase(self._database, now, _BATCH)
        for account_id in due:
            if await (database or self._database).transact(partial(self._erase, now, account_id)):
                _log.info("account.erased", account=account_id)
        return len(due)

    async def _erase(self, now: datetime, account_id: str, tx: Transaction) -> bool:
        account = await self._protection.claim_erasure(tx, now, account_id)
        if account is None:
            return False
        for erase in self._erasers:
            await erase(tx, account)
        await self._protection.erase(tx, now, account)
        return True
