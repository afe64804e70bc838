"""Accounts in the database. Imported by this feature and ``app`` only."""

from datetime import datetime

from portico.accounts.model import Account, AccountState
from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.kernel.normalise import NORMALISER_VERSION

_COLUMNS = (
    "id, address, address_key, handle, handle_key, first_name, last_name, language, state, is_operator, "
    "address_confirmed_at, epoch, version, created_at"
)


async def find_account(reader: Reader, account_id: str) -> Account | None:
    """The account with this id."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM accounts WHERE id = $1", account_id)
    return _account(row) if row else None


async def find_account_by_address(reader: Reader, address_key: str) -> Account | None:
    """The account with this address key."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM accounts WHERE address_key = $1", address_key)
    return _account(row) if row else None


async def find_account_by_handle(reader: Reader, handle_key: str) -> Account | None:
    """The account with this handle key."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM accounts WHERE handle_key = $1", handle_key)
    return _account(row) if row else None


async def add_account(tx: Transaction, account: Account) -> bool:
    """Store a new account; False if its address or handle is taken."""
    added = await tx.execute(
        f"INSERT INTO accounts ({_COLUMNS}, normaliser) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING",
        account.id,
        account.address,
        account.address_key,
        account.handle,
        account.handle_key,
        account.first_name,
        account.last_name,
        account.language,
        account.state.value,
        int(account.is_operator),
        None if account.address_confirmed_at is None else to_micros(account.address_confirmed_at),
        account.epoch,
        account.version,
        to_micros(account.created_at),
        NORMALISER_VERSION,
    )
    return added == 1


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


def _account(row: Row) -> Account:
    return Account(
        id=row["id"],
        address=row["address"],
        address_key=row["address_key"],
        handle=row["handle"],
        handle_key=row["handle_key"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        language=row["language"],
        state=AccountState(row["state"]),
        is_operator=bool(row["is_operator"]),
        address_confirmed_at=_instant(row["address_confirmed_at"]),
        epoch=row["epoch"],
        version=row["version"],
        created_at=from_micros(row["created_at"]),
    )


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
