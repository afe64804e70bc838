"""Changes of address in the database. Imported by this feature and ``app`` only.

Every step forward is one conditional statement, and each asks for the account's present epoch: a reset, or any other
ending, has made the change void.
"""

from datetime import datetime

from portico.database.engine import Reader, Row, Transaction
from portico.kernel.clock import from_micros, to_micros
from portico.my_account.address.model import AddressChange, ChangeState, Side

_COLUMNS = (
    "id, account_id, epoch, state, old_address, new_address, new_address_key, old_code_mac, new_code_mac, "
    "old_confirmed_at, new_confirmed_at, tries_left, without_mailbox, device, effective_at, requested_at, expires_at"
)
_CURRENT = "epoch = (SELECT a.epoch FROM accounts a WHERE a.id = address_changes.account_id)"
_WAITING = "state IN ('waiting', 'reminded')"


async def add_change(tx: Transaction, change: AddressChange) -> None:
    """Store a change that begins."""
    await tx.execute(
        f"INSERT INTO address_changes ({_COLUMNS}) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL, NULL, NULL, $8, $9, $10, NULL, $11, $12)",
        change.id,
        change.account_id,
        change.epoch,
        change.state.value,
        change.old_address,
        change.new_address,
        change.new_address_key,
        change.tries_left,
        int(change.without_mailbox),
        change.device,
        to_micros(change.requested_at),
        to_micros(change.expires_at),
    )


async def find_change(reader: Reader, change_id: str) -> AddressChange | None:
    """The change with this id, of the account's present epoch."""
    row = await reader.find_row(f"SELECT {_COLUMNS} FROM address_changes WHERE id = $1 AND {_CURRENT}", change_id)
    return _change(row) if row else None


async def find_open(reader: Reader, account_id: str, codes_since: datetime) -> AddressChange | None:
    """An account's newest change that waits, or whose codes were asked for since an instant."""
    row = await reader.find_row(
        f"SELECT {_COLUMNS} FROM address_changes WHERE account_id = $1 AND {_CURRENT} "
        f"AND ({_WAITING} OR (state = 'codes' AND requested_at > $2)) ORDER BY id DESC LIMIT 1",
        account_id,
        to_micros(codes_since),
    )
    return _change(row) if row else None


async def cancel_open(tx: Transaction, account_id: str, now: datetime) -> int:
    """Take back whatever change of an account is open; how many there were."""
    return await tx.execute(
        "UPDATE address_changes SET state = $1, settled_at = $2 "
        f"WHERE account_id = $3 AND (state = 'codes' OR {_WAITING})",
        ChangeState.CANCELLED.value,
        to_micros(now),
        account_id,
    )


async def list_changes(reader: Reader, account_id: str) -> list[AddressChange]:
    """Every change of an account that is still kept, newest first."""
    sql = f"SELECT {_COLUMNS} FROM address_changes WHERE account_id = $1 ORDER BY requested_at DESC, id DESC"
    return [_change(row) for row in await reader.list_rows(sql, account_id)]


async def set_codes(tx: Transaction, change: AddressChange, old_mac: bytes, new_mac: bytes) -> bool:
    """Keep the codes about to be mailed; False if the change has moved on since it was read."""
    kept = await tx.execute(
        "UPDATE address_changes SET old_code_mac = $1, new_code_mac = $2 "
        f"WHERE id = $3 AND requested_at = $4 AND state = 'codes' AND {_CURRENT}",
        old_mac,
        new_mac,
        change.id,
        to_micros(change.requested_at),
    )
    return kept == 1


async def renew_codes(tx: Transaction, change: AddressChange, now: datetime, expires_at: datetime) -> bool:
    """Make the codes that were mailed worthless, for new ones; False if somebody was faster."""
    renewed = await tx.execute(
        "UPDATE address_changes SET old_code_mac = NULL, new_code_mac = NULL, requested_at = $1, expires_at = $2 "
        f"WHERE id = $3 AND requested_at = $4 AND state = 'codes' AND tries_left > 0 AND {_CURRENT}",
        to_micros(now),
        to_micros(expires_at),
        change.id,
        to_micros(change.requested_at),
    )
    return renewed == 1


async def take_try(tx: Transaction, change_id: str, now: datetime) -> AddressChange | None:
    """Claim one of the tries before anything is compared; None if there is none, or the codes have ended."""
    row = await tx.find_row(
        "UPDATE address_changes SET tries_left = tries_left - 1 "
        f"WHERE id = $1 AND state = 'codes' AND tries_left > 0 AND expires_at > $2 AND {_CURRENT} "
        f"RETURNING {_COLUMNS}",
        change_id,
        to_micros(now),
    )
    return _change(row) if row else None


async def give_try_back(tx: Transaction, change_id: str) -> None:
    """What was typed was right: the try was none."""
    await tx.execute("UPDATE address_changes SET tries_left = tries_left + 1 WHERE id = $1", change_id)


async def confirm(tx: Transaction, change_id: str, side: Side, mac: bytes, now: datetime) -> bool:
    """Note that the code of one mailbox was typed; False if it is not the newest, or was typed before."""
    sql = (
        f"UPDATE address_changes SET {side}_confirmed_at = $1 WHERE id = $2 AND {side}_code_mac = $3 "
        f"AND {side}_confirmed_at IS NULL AND state = 'codes' AND {_CURRENT}"
    )
    return await tx.execute(sql, to_micros(now), change_id, mac) == 1


async def settle(tx: Transaction, change: AddressChange, state: ChangeState, now: datetime) -> bool:
    """End a change that stands as it was read; False if it was taken back, carried out or made void meanwhile."""
    settled = await tx.execute(
        "UPDATE address_changes SET state = $1, settled_at = $2, old_code_mac = NULL, new_code_mac = NULL "
        f"WHERE id = $3 AND state = $4 AND {_CURRENT}",
        state.value,
        to_micros(now),
        change.id,
        change.state.value,
    )
    return settled == 1


async def begin_wait(tx: Transaction, change: AddressChange, effective_at: datetime) -> bool:
    """Have an agreed change wait; False if it was taken back or made void meanwhile."""
    begun = await tx.execute(
        "UPDATE address_changes SET state = $1, effective_at = $2, old_code_mac = NULL, new_code_mac = NULL "
        f"WHERE id = $3 AND state = 'codes' AND without_mailbox = 1 AND new_confirmed_at IS NOT NULL AND {_CURRENT}",
        ChangeState.WAITING.value,
        to_micros(effective_at),
        change.id,
    )
    return begun == 1


async def mark_reminded(tx: Transaction, change_id: str) -> bool:
    """Take the turn of reminding of a change that waits; False if another job was faster, or it no longer waits."""
    sql = f"UPDATE address_changes SET state = 'reminded' WHERE id = $1 AND state = 'waiting' AND {_CURRENT}"
    return await tx.execute(sql, change_id) == 1


async def list_waiting(
    reader: Reader, states: tuple[ChangeState, ...], until: datetime, limit: int
) -> list[AddressChange]:
    """Changes in these states that are due by an instant, the longest first; void ones too."""
    places = ", ".join(f"'{state.value}'" for state in states)
    rows = await reader.list_rows(
        f"SELECT {_COLUMNS} FROM address_changes WHERE state IN ({places}) AND effective_at <= $1 "
        "ORDER BY effective_at LIMIT $2",
        to_micros(until),
        limit,
    )
    return [_change(row) for row in rows]


async def drop_void(tx: Transaction, change_id: str, now: datetime) -> None:
    """Settle a change that waits and was made void by an ending; one that still stands is left alone."""
    sql = (
        f"UPDATE address_changes SET state = 'cancelled', settled_at = $1 WHERE id = $2 AND {_WAITING} "
        "AND epoch <> (SELECT a.epoch FROM accounts a WHERE a.id = address_changes.account_id)"
    )
    await tx.execute(sql, to_micros(now), change_id)


async def erase(tx: Transaction, account_id: str, address_key: str) -> None:
    """Delete the changes of an account, and those of others towards its address."""
    await tx.execute(
        "DELETE FROM address_changes WHERE account_id = $1 OR new_address_key = $2", account_id, address_key
    )


async def sweep(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete changes that were settled, or whose codes ended, before an instant."""
    return await tx.execute(
        "DELETE FROM address_changes WHERE id IN (SELECT id FROM address_changes "
        "WHERE settled_at < $1 OR (expires_at < $1 AND state = 'codes') LIMIT $2)",
        to_micros(before),
        limit,
    )


def _change(row: Row) -> AddressChange:
    return AddressChange(
        id=row["id"],
        account_id=row["account_id"],
        epoch=row["epoch"],
        state=ChangeState(row["state"]),
        old_address=row["old_address"],
        new_address=row["new_address"],
        new_address_key=row["new_address_key"],
        old_code_mac=None if row["old_code_mac"] is None else bytes(row["old_code_mac"]),
        new_code_mac=None if row["new_code_mac"] is None else bytes(row["new_code_mac"]),
        old_confirmed_at=_instant(row["old_confirmed_at"]),
        new_confirmed_at=_instant(row["new_confirmed_at"]),
        tries_left=row["tries_left"],
        without_mailbox=bool(row["without_mailbox"]),
        device=row["device"],
        effective_at=_instant(row["effective_at"]),
        requested_at=from_micros(row["requested_at"]),
        expires_at=from_micros(row["expires_at"]),
    )


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
