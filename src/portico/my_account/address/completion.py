"""The end of a change of address: carried out at once, or after a week's wait, and told at both mailboxes (D22)."""

from datetime import datetime
from functools import partial

import msgspec

from portico.accounts.model import Account
from portico.accounts.protection import Protection
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.kernel.clock import Clock
from portico.kernel.errors import Conflict
from portico.mail.model import AddressChangeAsked, AddressChanged, AddressChangeWaiting, NewAddressCode
from portico.mail.service import Mail
from portico.my_account.address import store
from portico.my_account.address.model import REMIND_BEFORE, WAIT, WAITING, AddressChange, ChangeState
from portico.security.notices import SecurityNotices

_BATCH = 50


class Completion:
    """Carries changes of address out."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        protection: Protection,
        audit: Audit,
        mail: Mail,
        notices: SecurityNotices,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._protection = protection
        self._audit = audit
        self._mail = mail
        self._notices = notices

    async def complete(self, tx: Transaction, now: datetime, change: AddressChange) -> int | None:
        """Replace the address, end everything and tell both mailboxes; the new epoch.

        None if the address belongs to somebody else by now: then the change is settled and nothing else was done.
        Raises Conflict if everything of the account is ended at this very moment, or the address is taken.
        """
        before = await self._accounts.find_account(tx, change.account_id)
        taken = await self._accounts.find_by_key(tx, change.new_address_key)
        if before is None or (taken is not None and taken.id != change.account_id):
            await self._settle_taken(tx, now, change)
            return None
        if not await store.settle(tx, change, ChangeState.DONE, now):
            return None
        await self._mail.drop_mails(tx, now, before.id, [AddressChangeAsked, NewAddressCode])
        epoch = await self._accounts.end_everything(tx, now, before.id, epoch=change.epoch)
        if not await self._protection.replace_address(tx, now, before.id, change.new_address, change.new_address_key):
            raise Conflict("the address was taken at this very moment")
        details = {"without_mailbox": int(change.without_mailbox)}
        event = Event(kind=EventKind.ADDRESS_CHANGED, subject_id=before.id, actor_id=before.id, details=details)
        await self._audit.append(tx, now, event)
        await self._tell_changed(tx, now, before, change)
        return epoch

    async def begin_wait(self, tx: Transaction, now: datetime, change: AddressChange) -> bool:
        """Have a change wait that the old mailbox has not agreed to, and tell both; False if it is void by now."""
        effective_at = now + WAIT
        account = await self._accounts.find_account(tx, change.account_id)
        if account is None or not await store.begin_wait(tx, change, effective_at):
            return False
        event = Event(kind=EventKind.ADDRESS_CHANGE_WAITING, subject_id=account.id, actor_id=account.id)
        await self._audit.append(tx, now, event)
        notice = AddressChangeWaiting(
            handle=account.handle,
            at=now,
            device=change.device,
            new_address=change.new_address,
            effective_at=effective_at,
        )
        await self._tell_both(tx, now, account, change, notice)
        return True

    async def remind(self, database: Database | None = None) -> int:
        """Remind both mailboxes of the changes that are a day away; how many there were.

        ``database``: the one to work in, for a job whose transactions hold under its lease only.
        """
        now = self._clock.now()
        due = await store.list_waiting(self._database, (ChangeState.WAITING,), now + REMIND_BEFORE, _BATCH)
        for change in due:
            await (database or self._database).transact(partial(self._remind, now, change))
        return len(due)

    async def apply_due(self, database: Database | None = None) -> int:
        """Carry out the changes whose week is over; how many there were. ``database`` as for ``remind``."""
        now = self._clock.now()
        due = await store.list_waiting(self._database, WAITING, now, _BATCH)
        for change in due:
            await (database or self._database).transact(partial(self._apply, now, change))
        return len(due)

    async def _remind(self, now: datetime, change: AddressChange, tx: Transaction) -> None:
        account = await self._accounts.find_account(tx, change.account_id)
        if account is None or change.effective_at is None or not await store.mark_reminded(tx, change.id):
            await store.drop_void(tx, change.id, now)
            return
        notice = AddressChangeWaiting(
            handle=account.handle,
            at=change.requested_at,
            device=change.device,
            new_address=change.new_address,
            effective_at=change.effective_at,
            is_reminder=True,
        )
        await self._tell_both(tx, now, account, change, notice)

    async def _apply(self, now: datetime, change: AddressChange, tx: Transaction) -> None:
        if await store.find_change(tx, change.id) != change:  # taken back, or everything was ended meanwhile
            await store.drop_void(tx, change.id, now)
            return
        await self.complete(tx, now, change)

    async def _settle_taken(self, tx: Transaction, now: datetime, change: AddressChange) -> None:
        if await store.settle(tx, change, ChangeState.TAKEN, now):
            event = Event(kind=EventKind.ADDRESS_CHANGE_FAILED, subject_id=change.account_id)
            await self._audit.append(tx, now, event)

    async def _tell_both(
        self, tx: Transaction, now: datetime, account: Account, change: AddressChange, notice: AddressChangeWaiting
    ) -> None:
        await self._notices.send(tx, now, account, notice)
        await self._notices.send(tx, now, account, notice, recipient=change.new_address)

    async def _tell_changed(self, tx: Transaction, now: datetime, before: Account, change: AddressChange) -> None:
        """Tell both; only the old mailbox's link brings the old address back."""
        told = AddressChanged(
            handle=before.handle,
            at=now,
            device=change.device,
            old_address=before.address,
            new_address=change.new_address,
            to="old",
        )
        await self._notices.send(tx, now, before, told, recipient=before.address, restores=before.address)
        told = msgspec.structs.replace(told, to="new")
        await self._notices.send(tx, now, before, told, recipient=change.new_address)
