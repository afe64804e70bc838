"""What protects an account from those who got into it: the freeze, the way back to an address, and slow deletion (D22).

Each move is one conditional statement; whoever calls it decides what else belongs into the same transaction.
"""

from datetime import datetime, timedelta

from msgspec import structs

from portico.accounts import store
from portico.accounts.model import Account
from portico.accounts.people import organizations_of
from portico.accounts.service import handle_hash
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Reader, Transaction

FREEZE = timedelta(hours=72)
"""How long "This was not me" bars changes of address, factors and handle."""
DELETION_WAIT = timedelta(days=14)
"""How long a deletion can be taken back."""


class Protection:
    """The brakes of an account."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def freeze(
        self, tx: Transaction, now: datetime, account_id: str, *, since: datetime | None = None
    ) -> datetime:
        """Bar changes of address, factors and handle; gives until when.

        Second factors that were set up ``since`` then, or are during the freeze, may be a thief's.
        """
        until = now + FREEZE
        await store.set_frozen(tx, account_id, since or now, until)
        await self._audit.append(tx, now, Event(kind=EventKind.ACCOUNT_FROZEN, subject_id=account_id))
        return until

    async def lift_freeze(
        self, tx: Transaction, now: datetime, account_id: str, *, recorded_as: Event | None = None
    ) -> bool:
        """Allow those changes again; False if nothing barred them. Nothing is in doubt any more.

        ``recorded_as`` says who did it, if not they.
        """
        if not await store.lift_freeze(tx, account_id, now):
            return False
        own = Event(kind=EventKind.FREEZE_LIFTED, actor_id=account_id)
        event = structs.replace(recorded_as or own, kind=EventKind.FREEZE_LIFTED, subject_id=account_id)
        await self._audit.append(tx, now, event)
        return True

    async def replace_address(
        self, tx: Transaction, now: datetime, account_id: str, address: str, address_key: str
    ) -> bool:
        """Give an account another address; False, and nothing changed, if it belongs to somebody else.

        To be called after the account's epoch was raised. Raises Conflict if somebody takes it at this very moment.
        """
        return await store.set_address(tx, account_id, address, address_key, now)

    async def plan_deletion(self, tx: Transaction, now: datetime, account: Account) -> datetime | None:
        """Have the account erased after two weeks; gives when. None if that was asked for, or all was ended, before."""
        delete_at = now + DELETION_WAIT
        if not await store.plan_deletion(tx, account.id, account.epoch, delete_at):
            return None
        event = Event(kind=EventKind.DELETION_ASKED, subject_id=account.id, actor_id=account.id)
        await self._audit.append(tx, now, event)
        return delete_at

    async def cancel_deletion(self, tx: Transaction, now: datetime, account_id: str, actor_id: str | None) -> bool:
        """Let the account stay; False if it was not to be erased, or is gone by now."""
        if not await store.cancel_deletion(tx, account_id):
            return False
        event = Event(kind=EventKind.DELETION_TAKEN_BACK, subject_id=account_id, actor_id=actor_id)
        await self._audit.append(tx, now, event)
        return True

    async def list_to_erase(self, reader: Reader, now: datetime, limit: int) -> list[str]:
        """The ids of accounts that are due to be erased."""
        return await store.list_to_erase(reader, now, limit)

    async def claim_erasure(self, tx: Transaction, now: datetime, account_id: str) -> Account | None:
        """Take a due account to erase it; None if it was kept at the last moment. Everything else is deleted next."""
        account = await store.find_account(tx, account_id)
        if account is None or not await store.claim_erasure(tx, account, now):
            return None
        return account

    async def erase(self, tx: Transaction, now: datetime, account: Account) -> None:
        """Delete a claimed account, once nothing refers to it. Its handle is nobody's for ever; its address is free."""
        await store.retire_handle(tx, handle_hash(account.handle_key), now)
        await store.delete_account(tx, account.id)
        organizations = organizations_of(account.memberships)
        event = Event(kind=EventKind.ACCOUNT_ERASED, subject_id=account.id, organizations=organizations)
        await self._audit.append(tx, now, event)
