"""Accounts: found by what people type, created, disabled; the security epoch raised."""

import hashlib
import re
from datetime import datetime

from msgspec import structs

from portico.accounts import store
from portico.accounts.model import Account, AccountState
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Reader, Transaction
from portico.kernel.chance import Chance
from portico.kernel.errors import BadInput, Conflict
from portico.kernel.normalise import address_key, handle_key, identifier_key, one_line
from portico.kernel.tokens import new_id
from portico.mail.model import PasswordResetLink
from portico.mail.service import Mail

NAME_MAX = 100
TYPED_NAME_MAX = 4 * NAME_MAX
"""Characters before white space is folded."""
RESERVED_HANDLES = frozenset(
    "account accounts admin administrator api help info mail portico postmaster root security signin signup support "
    "system webmaster www".split()
)
_HANDLE_ATTEMPTS = 20
_NOT_IN_HANDLE = re.compile(r"[^a-z0-9._-]+")


class Accounts:
    """What may be done to accounts."""

    def __init__(self, chance: Chance, audit: Audit, mail: Mail) -> None:
        self._chance = chance
        self._audit = audit
        self._mail = mail

    async def find_account(self, reader: Reader, account_id: str) -> Account | None:
        """The account with this id."""
        return await store.find_account(reader, account_id)

    async def find_by_identifier(self, reader: Reader, typed: str) -> Account | None:
        """Whoever is meant by what was typed where a username is asked (D1).

        A string with ``@`` is only ever an address, any other only ever a Portico ID.
        """
        return await self.find_by_key(reader, identifier_key(typed) or "")

    async def find_by_key(self, reader: Reader, key: str) -> Account | None:
        """Whoever has this comparison key, of an address or of a Portico ID."""
        if "@" in key:
            return await store.find_account_by_address(reader, key)
        return await store.find_account_by_handle(reader, key)

    async def add_account(
        self,
        tx: Transaction,
        now: datetime,
        *,
        address: str,
        handle: str | None = None,
        first_name: str = "",
        last_name: str = "",
        language: str = "",
        time_zone: str = "",
        terms: str = "",
        is_operator: bool = False,
        state: AccountState = AccountState.ACTIVE,
        created_at: datetime | None = None,
        created_by: str | None = None,
        recorded_as: Event | None = None,
    ) -> Account:
        """Create an account whose mailbox somebody vouches for; the handle is derived where none is given.

        ``created_at`` is when it came into being elsewhere, ``created_by`` the organization that makes it (D19), and
        ``recorded_as`` the event that tells how it came here.
        Raises BadInput for an impossible address or handle, Conflict for a taken one.
        """
        address_form, handle_form = await self._find_forms(tx, address, handle)
        account = Account(
            id=new_id(self._chance, now),
            address=one_line(address),
            address_key=address_form,
            handle=handle_form,
            handle_key=handle_form,
            first_name=one_line(first_name)[:NAME_MAX],
            last_name=one_line(last_name)[:NAME_MAX],
            language=language,
            state=state,
            is_operator=is_operator,
            address_confirmed_at=now,
            epoch=1,
            version=1,
            created_at=created_at or now,
            time_zone=time_zone,
            terms=terms,
            terms_accepted_at=now if terms else None,
            created_by=created_by,
        )
        await _insert(tx, account)
        event = recorded_as or Event(kind=EventKind.ACCOUNT_CREATED)
        await self._audit.append(tx, now, structs.replace(event, subject_id=account.id))
        return account

    async def set_state(
        self, tx: Transaction, now: datetime, account_id: str, state: AccountState, *, recorded_as: Event | None = None
    ) -> bool:
        """Disable or enable an account; disabling ends everything (D22). False if it already was so.

        ``recorded_as`` says who did it and why.
        """
        if not await store.set_state(tx, account_id, state):
            return False
        if state is not AccountState.ACTIVE:
            await self.end_everything(tx, now, account_id)
        kind = EventKind.ACCOUNT_ENABLED if state is AccountState.ACTIVE else EventKind.ACCOUNT_DISABLED
        event = structs.replace(recorded_as or Event(kind=kind), kind=kind, subject_id=account_id)
        await self._audit.append(tx, now, event)
        return True

    async def hold(self, tx: Transaction, account_id: str) -> bool:
        """Have changes of an account follow one another to the end of ``tx``; False if there is no such account.

        Whoever reads several rows of an account to write down what they come to takes this turn first.
        """
        return await store.hold_account(tx, account_id)

    async def set_memberships(self, tx: Transaction, account_id: str, memberships: str) -> None:
        """Keep an account's active memberships in short, in the transaction that changes them."""
        await store.set_memberships(tx, account_id, memberships)

    async def end_everything(self, tx: Transaction, now: datetime, account_id: str, *, epoch: int | None = None) -> int:
        """End all the account has open: sessions, tokens, attempts, links, known devices (D22). The new epoch.

        Mails on their way whose links are dead now are dropped. ``epoch`` is the one under which this was decided:
        raises Conflict if it has been raised since, so that of two who change a password at once one succeeds.
        """
        await self._mail.drop_mails(tx, now, account_id, [PasswordResetLink])
        if epoch is None:
            return await store.raise_epoch(tx, account_id)
        raised = await store.raise_epoch_from(tx, account_id, epoch)
        if raised is None:
            raise Conflict("everything of this account was ended meanwhile")
        return raised

    async def _find_forms(self, tx: Transaction, address: str, handle: str | None) -> tuple[str, str]:
        """The comparison keys of a new account; raises BadInput."""
        address_form = address_key(address)
        handle_form = handle_key(handle) if handle else await self._derive_handle(tx, address)
        if address_form is None:
            raise BadInput("not an address", field="address")
        if handle_form is None or handle_form in RESERVED_HANDLES:
            raise BadInput("not a Portico ID", field="handle")
        return address_form, handle_form

    async def _derive_handle(self, tx: Transaction, address: str) -> str | None:
        """A free Portico ID made from the local part of an address, with a number where it is taken."""
        local = one_line(address).partition("@")[0].lower()
        stem = _NOT_IN_HANDLE.sub("", local).lstrip("0123456789._-")[:24] or "member"
        stem = stem if len(stem) >= 3 else f"{stem}.member"
        for attempt in range(_HANDLE_ATTEMPTS):
            digits = 2 + attempt // 4
            handle = stem if attempt == 0 else f"{stem}{self._chance.draw_below(10**digits):0{digits}d}"
            if handle not in RESERVED_HANDLES and await is_free(tx, handle):
                return handle
        return None


async def _insert(tx: Transaction, account: Account) -> None:
    """Store a new account, or nothing; raises Conflict if its address or handle is taken, or the handle given up."""
    if not await store.add_account(tx, account):
        raise Conflict("the address or the Portico ID is taken")
    # Looked at after the insert: whoever gives this handle up at the same moment has been waited for by then.
    if await store.is_retired(tx, handle_hash(account.handle_key)):
        await store.delete_account(tx, account.id)  # whoever catches the error goes on without a half account
        raise Conflict("the Portico ID was given up, and is nobody's now")


def clean_names(first_name: str, last_name: str) -> tuple[str, str]:
    """Typed names on one line; raises BadInput where there is none, or one is too long."""
    first, last = one_line(first_name), one_line(last_name)
    if not first and not last:
        raise BadInput("a name is needed", field="first_name", reason="missing")
    if max(len(first), len(last)) > NAME_MAX:
        field = "first_name" if len(first) > NAME_MAX else "last_name"
        raise BadInput("the name is too long", field=field, reason="too_long")
    return first, last


async def is_free(reader: Reader, handle_key: str) -> bool:
    """Whether nobody has this handle and nobody ever gave it up (D1)."""
    if await store.is_retired(reader, handle_hash(handle_key)):
        return False
    return await store.find_account_by_handle(reader, handle_key) is None


def handle_hash(handle_key: str) -> bytes:
    """The SHA-256 by which a handle that was given up is remembered."""
    return hashlib.sha256(handle_key.encode()).digest()
