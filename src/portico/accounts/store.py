"""Accounts in the database. Imported by this feature and ``app`` only."""

from datetime import datetime

from portico.accounts.model import COLUMNS, Account, AccountState, account_of
from portico.database.engine import Reader, Transaction
from portico.kernel.clock import to_micros
from portico.kernel.normalise import NORMALISER_VERSION

_COLUMNS = ", ".join(COLUMNS)
_PLACES = ", ".join(f"${place}" for place in range(1, len(COLUMNS) + 2))


async def find_account(reader: Reader, account_id: str) -> Account | None:
    """The account with this id."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM accounts WHERE id = $1", account_id)
    return account_of(row) if row else None


async def find_account_by_address(reader: Reader, address_key: str) -> Account | None:
    """The account with this address key."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM accounts WHERE address_key = $1", address_key)
    return account_of(row) if row else None


async def find_account_by_handle(reader: Reader, handle_key: str) -> Account | None:
    """The account with this handle key."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM accounts WHERE handle_key = $1", handle_key)
    return account_of(row) if row else None


async def add_account(tx: Transaction, account: Account) -> bool:
    """Store a new account; False if its address or handle is taken."""
    values = [_stored(getattr(account, name)) for name in COLUMNS]
    sql = f"INSERT INTO accounts ({_COLUMNS}, normaliser) VALUES ({_PLACES}) ON CONFLICT DO NOTHING"
    return await tx.execute(sql, *values, NORMALISER_VERSION) == 1


async def rename_account(tx: Transaction, account_id: str, first_name: str, last_name: str, version: int) -> bool:
    """Set a person's names; False if the profile has changed since ``version``."""
    changed = await tx.execute(
        "UPDATE accounts SET first_name = $1, last_name = $2, version = version + 1 WHERE id = $3 AND version = $4",
        first_name,
        last_name,
        account_id,
        version,
    )
    return changed == 1


async def set_language(tx: Transaction, account_id: str, language: str) -> None:
    """Keep the language a person reads."""
    await tx.execute("UPDATE accounts SET language = $1 WHERE id = $2", language, account_id)


async def set_state(tx: Transaction, account_id: str, state: AccountState) -> bool:
    """Change whether an account may be used; False if it already was so."""
    sql = "UPDATE accounts SET state = $1 WHERE id = $2 AND state <> $1"
    return await tx.execute(sql, state.value, account_id) == 1


async def raise_epoch(tx: Transaction, account_id: str) -> int:
    """Raise the security epoch in one statement and give the new one."""
    sql = "UPDATE accounts SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch"
    row = await tx.find_row(sql, account_id)
    if row is None:
        raise LookupError(account_id)
    return int(row["epoch"])


async def raise_epoch_from(tx: Transaction, account_id: str, epoch: int) -> int | None:
    """Raise the security epoch if it is still this one; None if somebody was faster."""
    sql = "UPDATE accounts SET epoch = epoch + 1 WHERE id = $1 AND epoch = $2 RETURNING epoch"
    row = await tx.find_row(sql, account_id, epoch)
    return int(row["epoch"]) if row else None


def _stored(value: str | int | datetime | None) -> str | int | None:
    """A field as its column holds it."""
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, AccountState):
        return value.value
    return int(value) if isinstance(value, bool) else value
