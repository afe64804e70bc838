"""Passkeys, and what is remembered of devices, in the database. Imported by this feature only."""

from datetime import datetime

import msgspec

from portico.database.engine import Reader, Row, Transaction
from portico.factors.passkeys.model import DeviceAnswer, FoundPasskey, NewPasskey, StoredPasskey, Trust, TrustedDevice
from portico.factors.proof import ProofKind
from portico.kernel.clock import from_micros, to_micros

_SELECT = (
    "SELECT p.id, p.account_id, p.credential_id, p.public_key, p.sign_count, p.backup_eligible, p.backed_up, p.name, "
    "p.created_at, p.vouched_at, p.used_at, h.handle, a.epoch FROM passkeys p "
    "JOIN passkey_holders h ON h.account_id = p.account_id JOIN accounts a ON a.id = p.account_id "
)


async def find_passkey(reader: Reader, credential_id: bytes) -> FoundPasskey | None:
    """The passkey with this credential id, whosever it is."""
    row = await reader.find_row(_SELECT + "WHERE p.credential_id = $1", credential_id)
    return _found(row) if row else None


async def list_passkeys(reader: Reader, account_id: str) -> list[FoundPasskey]:
    """An account's passkeys, oldest first."""
    rows = await reader.list_rows(_SELECT + "WHERE p.account_id = $1 ORDER BY p.created_at, p.id", account_id)
    return [_found(row) for row in rows]


async def has_any(reader: Reader) -> bool:
    """Whether anybody has a passkey."""
    return await reader.find_row("SELECT id FROM passkeys LIMIT 1") is not None


async def list_devices(reader: Reader, account_id: str) -> list[DeviceAnswer]:
    """What an account answered on its devices, the last answer first; a passkey that is gone has no name."""
    rows = await reader.list_rows(
        "SELECT d.device_hash, d.answer, d.ask_again_at, d.answered_at, p.name FROM trusted_devices d "
        "LEFT JOIN passkeys p ON p.id = d.passkey_id AND p.account_id = d.account_id "
        "WHERE d.account_id = $1 ORDER BY d.answered_at DESC, d.device_hash",
        account_id,
    )
    return [
        DeviceAnswer(
            device_hash=bytes(row["device_hash"]),
            answer=Trust(row["answer"]),
            answered_at=from_micros(row["answered_at"]),
            ask_again_at=None if row["ask_again_at"] is None else from_micros(row["ask_again_at"]),
            passkey=row["name"],
        )
        for row in rows
    ]


async def forget_answer(tx: Transaction, account_id: str, device_hash: bytes) -> bool:
    """Forget that a device is not to be trusted; False if nobody has said so."""
    sql = "DELETE FROM trusted_devices WHERE account_id = $1 AND device_hash = $2 AND answer <> 'trusted'"
    return await tx.execute(sql, account_id, device_hash) == 1


async def find_handle(reader: Reader, account_id: str) -> bytes | None:
    """What authenticators know an account by, once it has been told to any."""
    row = await reader.find_row("SELECT handle FROM passkey_holders WHERE account_id = $1", account_id)
    return bytes(row["handle"]) if row else None


async def keep_handle(tx: Transaction, account_id: str, handle: bytes) -> None:
    """Store what authenticators know an account by; one that it has already stays."""
    sql = "INSERT INTO passkey_holders (account_id, handle) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    await tx.execute(sql, account_id, handle)


async def add_passkey(
    tx: Transaction, passkey_id: str, account_id: str, new: NewPasskey, name: str, now: datetime
) -> bool:
    """Store a passkey; False if its credential id is anybody's already."""
    added = await tx.execute(
        "INSERT INTO passkeys (id, account_id, credential_id, public_key, sign_count, backup_eligible, backed_up, "
        "aaguid, transports, name, created_at, vouched_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) "
        "ON CONFLICT DO NOTHING",
        passkey_id,
        account_id,
        new.credential_id,
        new.public_key,
        new.sign_count,
        int(new.backup_eligible),
        int(new.backed_up),
        new.aaguid,
        msgspec.json.encode(new.transports).decode(),
        name,
        to_micros(now),
    )
    return added == 1


async def use_passkey(
    tx: Transaction, passkey_id: str, *, before: int, sign_count: int, backed_up: bool, now: datetime
) -> bool:
    """Note that a passkey was used; False if it is gone or was used since its counter stood at ``before``."""
    used = await tx.execute(
        "UPDATE passkeys SET sign_count = $1, backed_up = $2, used_at = $3 WHERE id = $4 AND sign_count = $5",
        sign_count,
        int(backed_up),
        to_micros(now),
        passkey_id,
        before,
    )
    return used == 1


async def vouch(tx: Transaction, passkey_id: str, now: datetime) -> None:
    """Note that another second factor was proven beside a passkey."""
    await tx.execute("UPDATE passkeys SET vouched_at = $1 WHERE id = $2", to_micros(now), passkey_id)


async def rename_passkey(tx: Transaction, account_id: str, passkey_id: str, name: str) -> bool:
    """Give an account's passkey another name; False if there is none."""
    sql = "UPDATE passkeys SET name = $1 WHERE id = $2 AND account_id = $3"
    return await tx.execute(sql, name, passkey_id, account_id) == 1


async def remove_passkey(tx: Transaction, account_id: str, passkey_id: str) -> bool:
    """Delete an account's passkey, and that devices use it; False if there is none."""
    await tx.execute(
        "DELETE FROM trusted_devices WHERE account_id = $1 AND passkey_id = $2 AND answer = 'trusted'",
        account_id,
        passkey_id,
    )
    return await tx.execute("DELETE FROM passkeys WHERE id = $1 AND account_id = $2", passkey_id, account_id) == 1


async def remove_all(tx: Transaction, account_id: str) -> int:
    """Delete an account's passkeys and what is remembered of its devices; gives how many passkeys there were."""
    await tx.execute("DELETE FROM trusted_devices WHERE account_id = $1", account_id)
    await tx.execute("DELETE FROM preferred_factors WHERE account_id = $1", account_id)
    return await tx.execute("DELETE FROM passkeys WHERE account_id = $1", account_id)


async def erase(tx: Transaction, account_id: str) -> None:
    """Delete all there is of an account."""
    await remove_all(tx, account_id)
    await tx.execute("DELETE FROM passkey_holders WHERE account_id = $1", account_id)


async def find_device(reader: Reader, account_id: str, device_hash: bytes) -> TrustedDevice | None:
    """What an account answered on a device; a passkey that is gone is not named."""
    row = await reader.find_row(
        "SELECT d.answer, d.ask_again_at, p.id AS passkey_id FROM trusted_devices d "
        "LEFT JOIN passkeys p ON p.id = d.passkey_id AND p.account_id = d.account_id "
        "WHERE d.account_id = $1 AND d.device_hash = $2",
        account_id,
        device_hash,
    )
    if row is None:
        return None
    return TrustedDevice(
        answer=Trust(row["answer"]),
        passkey_id=row["passkey_id"],
        ask_again_at=None if row["ask_again_at"] is None else from_micros(row["ask_again_at"]),
    )


async def put_device(
    tx: Transaction, account_id: str, device_hash: bytes, device: TrustedDevice, now: datetime
) -> None:
    """Remember an answer, in place of an earlier one."""
    await tx.execute(
        "INSERT INTO trusted_devices (account_id, device_hash, answer, passkey_id, ask_again_at, answered_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, device_hash) DO UPDATE SET "
        "answer = excluded.answer, passkey_id = excluded.passkey_id, ask_again_at = excluded.ask_again_at, "
        "answered_at = excluded.answered_at",
        account_id,
        device_hash,
        device.answer.value,
        device.passkey_id,
        to_micros(device.ask_again_at) if device.ask_again_at else None,
        to_micros(now),
    )


async def find_preferred(reader: Reader, account_id: str) -> ProofKind | None:
    """The second factor somebody wants to be asked for first."""
    row = await reader.find_row("SELECT kind FROM preferred_factors WHERE account_id = $1", account_id)
    return ProofKind(row["kind"]) if row else None


async def put_preferred(tx: Transaction, account_id: str, kind: ProofKind | None) -> None:
    """Remember it; None forgets it."""
    if kind is None:
        await tx.execute("DELETE FROM preferred_factors WHERE account_id = $1", account_id)
        return
    await tx.execute(
        "INSERT INTO preferred_factors (account_id, kind) VALUES ($1, $2) "
        "ON CONFLICT (account_id) DO UPDATE SET kind = excluded.kind",
        account_id,
        kind.value,
    )


def _found(row: Row) -> FoundPasskey:
    passkey = StoredPasskey(
        id=row["id"],
        account_id=row["account_id"],
        credential_id=bytes(row["credential_id"]),
        public_key=bytes(row["public_key"]),
        sign_count=row["sign_count"],
        backup_eligible=bool(row["backup_eligible"]),
        backed_up=bool(row["backed_up"]),
        user_handle=bytes(row["handle"]),
        name=row["name"],
        created_at=from_micros(row["created_at"]),
        used_at=None if row["used_at"] is None else from_micros(row["used_at"]),
    )
    return FoundPasskey(passkey=passkey, account_epoch=row["epoch"], vouched_at=from_micros(row["vouched_at"]))
