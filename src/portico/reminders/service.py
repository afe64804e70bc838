"""What everybody may know and do about reminders: when a password expires, what was sent; cancel, put off, forget."""

from datetime import datetime, timedelta

from portico.accounts.model import Account
from portico.database.engine import Database, Reader, Transaction
from portico.factors.password import PasswordFactor
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput
from portico.mail.service import Mail
from portico.organizations.policies.standing import Standing, Standings
from portico.organizations.service import Organizations
from portico.reminders import store
from portico.reminders.model import Expiry, Reminder, ReminderState
from portico.reminders.rules import DAY, find_expiry

PAGE = 50
_FROM_THE_FIRST = ("", "")


class Reminders:
    """The ledger, and the ends it is about."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        mail: Mail,
        organizations: Organizations,
        password: PasswordFactor,
        standings: Standings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._mail = mail
        self._organizations = organizations
        self._password = password
        self._standings = standings

    async def find_expiry(self, reader: Reader, account: Account, now: datetime) -> Expiry | None:
        """When an account's password expires; None if it does not, or there is none (S101)."""
        credential = await self._password.find_credential(reader, account.id)
        standing = await self._standings.find(reader, account.memberships, now)
        return expiry_of(credential.changed_at if credential else None, standing)

    async def find_own_expiry(self, account: Account) -> Expiry | None:
        """The same, as things stand now."""
        return await self.find_expiry(self._database, account, self._clock.now())

    async def cancel(self, tx: Transaction, now: datetime, account_id: str) -> int:
        """Take back what waits to be sent, because the password was changed (S100); how many.

        To be called with the account's row taken: a job that is about to write a reminder comes before or after.
        """
        cancelled = 0
        for reminder in await store.list_open(tx, account_id, now):
            cancelled += await self.withdraw(tx, now, reminder, ReminderState.CANCELLED)
        return cancelled

    async def withdraw(self, tx: Transaction, now: datetime, reminder: Reminder, state: ReminderState) -> bool:
        """Drop a reminder's mail and say why; False if that is on its way or has gone."""
        if reminder.mail_id is None or not await self._mail.drop_mail(tx, now, reminder.mail_id):
            return False
        return await store.settle(tx, reminder, state, now)

    async def put_off(self, tx: Transaction, now: datetime, account_id: str) -> None:
        """Note that somebody was shown that their password expires soon, and said "later"."""
        await store.put_off(tx, account_id, now)

    async def is_put_off(self, reader: Reader, account_id: str, now: datetime) -> bool:
        """Whether somebody has said so within the last day."""
        at = await store.find_put_off(reader, account_id)
        return at is not None and now - at < DAY

    async def list_of_account(self, account_id: str, limit: int = PAGE) -> list[Reminder]:
        """The reminders about an account's passwords, those about the newest first."""
        return await store.list_of_account(self._database, account_id, limit)

    async def list_of_organization(
        self, organization_id: str, *, account_id: str = "", after: str = "", limit: int = PAGE
    ) -> list[Reminder]:
        """The reminders an organization has asked for, of its members; ``after`` goes on after the one with this id.

        Raises NotFound for an organization that is none, BadInput for a reminder that is none.
        """
        organization = await self._organizations.get_organization(self._database, organization_id)
        start = _FROM_THE_FIRST
        if after:
            last = await store.find_reminder(self._database, after)
            if last is None:
                raise BadInput("after: there is no such reminder", field="after")
            start = (last.account_id, last.id)
        return await store.list_of_organization(self._database, organization.id, account_id, start, limit)

    async def erase(self, tx: Transaction, account: Account) -> None:
        """Delete what is kept about an account that is being erased."""
        await store.erase(tx, account.id)

    async def sweep(self, tx: Transaction, before: datetime, limit: int = 500) -> int:
        """Forget reminders of passwords that were to expire long ago; how many."""
        return await store.sweep(tx, before, limit)


def expiry_of(set_at: datetime | None, standing: Standing) -> Expiry | None:
    """When a password set then expires, with the ids of those who ask for that."""
    expiry = find_expiry(set_at, standing.enforced)
    if expiry is None:
        return None
    asking = (one for one in standing.asks if one.enforced and one.enforced.fields.max_age_days == expiry.max_age_days)
    ids = tuple(sorted({one.belonging.organization_id for one in asking}))
    return Expiry(
        set_at=expiry.set_at,
        expires_at=expiry.expires_at,
        max_age_days=expiry.max_age_days,
        reminder_days=expiry.reminder_days,
        organizations=expiry.organizations,
        organization_ids=ids,
    )


REMINDER_MEMORY = timedelta(days=365)
"""How long the ledger remembers: no password can be asked to be younger than the oldest of these."""
