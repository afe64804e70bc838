"""What is remembered of devices: whether to ask again to trust one, and the passkey that is used on it (D15, D17)."""

from datetime import datetime, timedelta

from portico.database.engine import Reader, Transaction
from portico.factors.passkeys import store
from portico.factors.passkeys.model import DeviceAnswer, Trust, TrustedDevice
from portico.factors.proof import ProofKind

REMIND_AFTER = timedelta(days=7)


async def find_device(reader: Reader, account_id: str, device_hash: bytes) -> TrustedDevice | None:
    """What an account answered on a device, if it was asked."""
    return await store.find_device(reader, account_id, device_hash)


def is_resting(device: TrustedDevice, now: datetime) -> bool:
    """Whether somebody is not to be asked again on this device, at least not yet."""
    match device.answer:
        case Trust.NEVER:
            return True
        case Trust.LATER:
            return device.ask_again_at is not None and now < device.ask_again_at
        case Trust.TRUSTED:
            return False


async def trust(tx: Transaction, now: datetime, account_id: str, device_hash: bytes, passkey_id: str) -> None:
    """A passkey was registered or used on a device."""
    device = TrustedDevice(answer=Trust.TRUSTED, passkey_id=passkey_id)
    await store.put_device(tx, account_id, device_hash, device, now)


async def put_off(tx: Transaction, now: datetime, account_id: str, device_hash: bytes, *, for_good: bool) -> None:
    """Somebody does not want to trust a device: not now, or not ever."""
    device = (
        TrustedDevice(answer=Trust.NEVER)
        if for_good
        else TrustedDevice(answer=Trust.LATER, ask_again_at=now + REMIND_AFTER)
    )
    await store.put_device(tx, account_id, device_hash, device, now)


async def list_devices(reader: Reader, account_id: str) -> list[DeviceAnswer]:
    """What an account answered on its devices, the last answer first."""
    return await store.list_devices(reader, account_id)


async def ask_again(tx: Transaction, account_id: str, device_hash: bytes) -> bool:
    """Forget that a device is not to be trusted; False if nobody has said so."""
    return await store.forget_answer(tx, account_id, device_hash)


async def find_preferred(reader: Reader, account_id: str) -> ProofKind | None:
    """The second factor somebody wants to be asked for first."""
    return await store.find_preferred(reader, account_id)


async def prefer(tx: Transaction, account_id: str, kind: ProofKind | None) -> None:
    """Ask for this one first from now on; None leaves it to the device (D17)."""
    await store.put_preferred(tx, account_id, kind)
