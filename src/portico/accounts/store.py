"""Accounts in the database. Imported by this feature and ``app`` only."""

from datetime import datetime

from portico.accounts.model import COLUMNS, Account, AccountState, Picture, Profile, account_of
from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
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


async def find_person(reader: Reader, account_id: str) -> Row | None:
    """What the audit trail has to know of an account."""
    return await reader.find_row(
        "SELECT first_name, last_name, handle, address, memberships, audit_salt, audit_digest FROM accounts "
        "WHERE id = $1",
        account_id,
    )


async def keep_digest(tx: Transaction, account_id: str, salt: bytes, digest: bytes, before: bytes | None) -> bool:
    """Note under what the audit trail knows an account; False if that has changed meanwhile, or the account is gone."""
    changed = await tx.execute(
        "UPDATE accounts SET audit_salt = $1, audit_digest = $2 WHERE id = $3 AND COALESCE(audit_digest, $4) = $4",
        salt,
        digest,
        account_id,
        before or b"",
    )
    return changed == 1


async def add_account(tx: Transaction, account: Account) -> bool:
    """Store a new account; False if its address or handle is taken."""
    values = [_stored(getattr(account, name)) for name in COLUMNS]
    sql = f"INSERT INTO accounts ({_COLUMNS}, normaliser) VALUES ({_PLACES}) ON CONFLICT DO NOTHING"
    return await tx.execute(sql, *values, NORMALISER_VERSION) == 1


async def change_profile(tx: Transaction, account_id: str, profile: Profile, version: int) -> bool:
    """Set what a person says about themselves; False if the profile has changed since ``version``."""
    changed = await tx.execute(
        "UPDATE accounts SET first_name = $1, last_name = $2, language = $3, time_zone = $4, version = version + 1 "
        "WHERE id = $5 AND version = $6",
        profile.first_name,
        profile.last_name,
        profile.language,
        profile.time_zone,
        account_id,
        version,
    )
    return changed == 1


async def change_handle(tx: Transaction, account: Account, handle_key: str, now: datetime) -> bool:
    """Give an account another handle; False if it had its change, is frozen, or is of another epoch by now.

    Raises Conflict if somebody has the handle.
    """
    changed = await tx.execute(
        "UPDATE accounts SET handle = $1, handle_key = $1, handle_changed_at = $2, version = version + 1 "
        "WHERE id = $3 AND handle_key = $4 AND epoch = $5 AND handle_changed_at IS NULL "
        "AND (frozen_until IS NULL OR frozen_until <= $2)",
        handle_key,
        to_micros(now),
        account.id,
        account.handle_key,
        account.epoch,
    )
    return changed == 1


async def retire_handle(tx: Transaction, handle_hash: bytes, now: datetime) -> None:
    """Note that a handle was given up."""
    sql = "INSERT INTO retired_handles (hash, retired_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    await tx.execute(sql, handle_hash, to_micros(now))


async def is_retired(reader: Reader, handle_hash: bytes) -> bool:
    """Whether a handle was given up."""
    return await reader.find_row("SELECT 1 AS is_there FROM retired_handles WHERE hash = $1", handle_hash) is not None


async def set_picture(tx: Transaction, account_id: str, picture: Picture) -> None:
    """Keep an account's picture in the place of the one before."""
    await tx.execute("UPDATE accounts SET picture = $1 WHERE id = $2", picture.digest, account_id)
    await tx.execute(
        "INSERT INTO pictures (account_id, digest, image, changed_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (account_id) DO UPDATE SET digest = $2, image = $3, changed_at = $4",
        account_id,
        picture.digest,
        picture.image,
        to_micros(picture.changed_at),
    )


async def remove_picture(tx: Transaction, account_id: str) -> bool:
    """Forget an account's picture; False if it has none."""
    await tx.execute("UPDATE accounts SET picture = '' WHERE id = $1", account_id)
    return await tx.execute("DELETE FROM pictures WHERE account_id = $1", account_id) == 1


async def find_picture(reader: Reader, account_id: str) -> Picture | None:
    """An account's picture."""
    row = await reader.find_row("SELECT digest, image, changed_at FROM pictures WHERE account_id = $1", account_id)
    if row is None:
        return None
    return Picture(digest=row["digest"], image=bytes(row["image"]), changed_at=from_micros(row["changed_at"]))


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


async def set_address(tx: Transaction, account_id: str, address: str, address_key: str, now: datetime) -> bool:
    """Give an account another address whose mailbox was confirmed; False if it belongs to somebody else."""
    changed = await tx.execute(
        "UPDATE accounts SET address = $1, address_key = $2, normaliser = $3, address_confirmed_at = $4, "
        "version = version + 1 WHERE id = $5 "
        "AND NOT EXISTS (SELECT 1 FROM accounts other WHERE other.address_key = $2 AND other.id <> $5)",
        address,
        address_key,
        NORMALISER_VERSION,
        to_micros(now),
        account_id,
    )
    return changed == 1


async def hold_account(tx: Transaction, account_id: str) -> bool:
    """Take the turn of an account's row until the transaction ends; False if there is no such account."""
    return await tx.execute("UPDATE accounts SET memberships = memberships WHERE id = $1", account_id) == 1


async def set_memberships(tx: Transaction, account_id: str, memberships: str) -> None:
    """Keep an account's active memberships in short."""
    await tx.execute("UPDATE accounts SET memberships = $1 WHERE id = $2", memberships, account_id)


async def set_frozen(tx: Transaction, account_id: str, since: datetime, until: datetime) -> None:
    """Bar changes of address, factors and handle until an instant, and doubt what was set up since another.

    What an earlier freeze put in doubt stays in doubt.
    """
    await tx.execute(
        "UPDATE accounts SET frozen_until = $1, "
        "frozen_since = CASE WHEN frozen_since < $2 THEN frozen_since ELSE $2 END WHERE id = $3",
        to_micros(until),
        to_micros(since),
        account_id,
    )


async def lift_freeze(tx: Transaction, account_id: str, now: datetime) -> bool:
    """Allow those changes again; False if nothing barred them. Of a freeze that is over the doubt goes."""
    sql = "UPDATE accounts SET frozen_until = NULL, frozen_since = NULL WHERE id = $1 AND frozen_until "
    if await tx.execute(sql + "> $2", account_id, to_micros(now)) == 1:
        return True
    await tx.execute(sql + "<= $2", account_id, to_micros(now))
    return False


async def plan_deletion(tx: Transaction, account_id: str, epoch: int, delete_at: datetime) -> bool:
    """Set when an account is to be erased; False if that is set already, or the epoch is another one by now."""
    sql = "UPDATE accounts SET delete_at = $1 WHERE id = $2 AND epoch = $3 AND delete_at IS NULL"
    return await tx.execute(sql, to_micros(delete_at), account_id, epoch) == 1


async def cancel_deletion(tx: Transaction, account_id: str) -> bool:
    """Let an account stay; False if it was not to be erased, or is gone. Waits for a job that is erasing it."""
    sql = "UPDATE accounts SET delete_at = NULL WHERE id = $1 AND delete_at IS NOT NULL"
    return await tx.execute(sql, account_id) == 1


async def list_to_erase(reader: Reader, now: datetime, limit: int) -> list[str]:
    """The ids of accounts whose time is over, the longest first."""
    sql = "SELECT id FROM accounts WHERE delete_at IS NOT NULL AND delete_at <= $1 ORDER BY delete_at LIMIT $2"
    return [row["id"] for row in await reader.list_rows(sql, to_micros(now), limit)]


async def claim_erasure(tx: Transaction, account: Account, now: datetime) -> bool:
    """Take the turn of erasing an account whose time is over; False if it was kept, or another job was faster.

    The keys give way to the id, which nobody can type. That also makes PostgreSQL take the row wholly, so that nothing
    can be added to the account any more.
    """
    claimed = await tx.execute(
        "UPDATE accounts SET state = $1, address_key = id, handle_key = id, epoch = epoch + 1 "
        "WHERE id = $2 AND address_key = $3 AND handle_key = $4 AND delete_at IS NOT NULL AND delete_at <= $5",
        AccountState.CLOSED.value,
        account.id,
        account.address_key,
        account.handle_key,
        to_micros(now),
    )
    return claimed == 1


async def delete_account(tx: Transaction, account_id: str) -> None:
    """Delete an account and its picture, after all that refers to it."""
    await tx.execute("DELETE FROM pictures WHERE account_id = $1", account_id)
    await tx.execute("DELETE FROM accounts WHERE id = $1", account_id)


def _stored(value: str | int | datetime | None) -> str | int | None:
    """A field as its column holds it."""
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, AccountState):
        return value.value
    return int(value) if isinstance(value, bool) else value
