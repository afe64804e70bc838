"""The passkey factor: something one has, unlocked by something one is or knows (D15, D16).

A passkey answers a challenge that is good for one answer of one attempt, so an answer is worth nothing anywhere else.
Only public keys are kept. Checking costs a signature check, so there is nothing to guess and no try is counted. It is
done in a thread: the first one loads the library, which takes a while.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from portico.database.deployment import PASSKEY_DOMAIN, keep_fact
from portico.database.engine import Reader, Transaction
from portico.factors.contract import Judgement, PasskeyAnswer, ProofAnswer, Subject
from portico.factors.passkeys import store
from portico.factors.passkeys.ceremony import (
    EXISTS,
    OTHER_ACCOUNT,
    UNKNOWN,
    UNREADABLE,
    check_assertion,
    creation_options,
    credential_id_of,
    read_registration,
    request_options,
)
from portico.factors.passkeys.model import Credential, FoundPasskey, NewPasskey, RelyingParty, StoredPasskey
from portico.factors.proof import Failure, Proof, ProofClass, ProofKind
from portico.kernel.chance import Chance
from portico.kernel.tokens import NOBODY, new_id

HANDLE_BYTES = 64


class PasskeyFactor:
    """Passkeys, proven and set up."""

    kind = ProofKind.PASSKEY

    def __init__(self, party: RelyingParty, chance: Chance) -> None:
        self.party = party
        self._chance = chance

    async def judge(
        self, reader: Reader, subject: Subject, answer: ProofAnswer, now: Callable[[], datetime]
    ) -> Judgement:
        """Whether a passkey of this account has answered the challenge, or of anybody's where it names itself."""
        if not isinstance(answer, PasskeyAnswer):
            raise TypeError(answer)
        credential_id = credential_id_of(answer.credential)
        if credential_id is None:
            return Judgement(failure=UNREADABLE, account_id=subject.account_id)
        found = await store.find_passkey(reader, credential_id)
        if found is None:
            return Judgement(failure=UNKNOWN, account_id=subject.account_id)
        stored = found.passkey
        if subject.names_itself and not names_its_holder(answer.credential):
            return Judgement(failure=UNREADABLE, account_id=subject.account_id)
        if not subject.names_itself and stored.account_id != (subject.account_id or NOBODY):
            return Judgement(failure=OTHER_ACCOUNT, account_id=subject.account_id)
        checked = await asyncio.to_thread(check_assertion, self.party, answer.credential, subject.challenge, stored)
        if isinstance(checked, Failure):
            return Judgement(failure=checked, account_id=subject.account_id)
        return Judgement(
            proof=passkey_proof(stored.id, now(), vouched_at=found.vouched_at, set_up_at=stored.created_at),
            account_id=stored.account_id,
            epoch=found.account_epoch,
            version=stored.sign_count,
            step=checked.sign_count,
            backed_up=checked.backed_up,
        )

    async def settle(self, tx: Transaction, judgement: Judgement, now: datetime) -> bool:
        """Note the use; False if the passkey is gone, or was used meanwhile."""
        if judgement.proof is None or judgement.proof.credential is None:
            return False
        return await store.use_passkey(
            tx,
            judgement.proof.credential,
            before=judgement.version,
            sign_count=judgement.step,
            backed_up=judgement.backed_up,
            now=now,
        )

    def ask(self, challenge: bytes, passkeys: Sequence[FoundPasskey] = ()) -> dict[str, Any]:
        """What a browser is asked to find a passkey by: one of these, or any it has where none are given."""
        return request_options(
            self.party, challenge=challenge, allow=[found.passkey.credential_id for found in passkeys]
        )

    async def offer(
        self, reader: Reader, *, account_id: str, handle: bytes, address: str, display_name: str, challenge: bytes
    ) -> dict[str, Any]:
        """What a browser is asked to make a passkey by; one of those the account has is not made twice.

        ``handle`` is drawn for the attempt and used if authenticators do not know the account yet.
        """
        known = await store.find_handle(reader, account_id)
        return creation_options(
            self.party,
            challenge=challenge,
            user_handle=known or handle,
            address=address,
            display_name=display_name,
            exclude=[found.passkey.credential_id for found in await store.list_passkeys(reader, account_id)],
        )

    async def read(self, credential: Credential, challenge: bytes) -> NewPasskey | Failure:
        """The passkey that a browser has made; or why it is not taken."""
        return await asyncio.to_thread(read_registration, self.party, credential, challenge)

    async def enrol(
        self, tx: Transaction, now: datetime, account_id: str, new: NewPasskey, *, handle: bytes, name: str
    ) -> str | Failure:
        """Make this one of the account's passkeys; gives its id. One that is anybody's already is not taken."""
        await store.keep_handle(tx, account_id, handle)
        await keep_fact(tx, PASSKEY_DOMAIN, self.party.id)
        passkey_id = new_id(self._chance, now)
        return passkey_id if await store.add_passkey(tx, passkey_id, account_id, new, name, now) else EXISTS

    async def list_passkeys(self, reader: Reader, account_id: str) -> list[FoundPasskey]:
        """An account's passkeys, oldest first."""
        return await store.list_passkeys(reader, account_id)

    async def find_made(self, reader: Reader, account_id: str, device_hash: bytes | None) -> StoredPasskey | None:
        """The passkey an account has made just now: the one of this device; the last, of a device nobody knows."""
        passkeys = [found.passkey for found in await store.list_passkeys(reader, account_id)]
        device = await store.find_device(reader, account_id, device_hash) if device_hash else None
        here = [passkey for passkey in passkeys if device is not None and passkey.id == device.passkey_id]
        return next(iter(here or reversed(passkeys)), None)

    async def vouch(self, tx: Transaction, passkey_id: str, now: datetime) -> None:
        """Another second factor was proven beside a passkey."""
        await store.vouch(tx, passkey_id, now)

    async def rename(self, tx: Transaction, account_id: str, passkey_id: str, name: str) -> bool:
        """Give one of an account's passkeys another name; False if there is none."""
        return await store.rename_passkey(tx, account_id, passkey_id, name)

    async def remove(self, tx: Transaction, account_id: str, passkey_id: str) -> bool:
        """Forget one of an account's passkeys; False if there is none."""
        return await store.remove_passkey(tx, account_id, passkey_id)

    async def remove_all(self, tx: Transaction, account_id: str) -> bool:
        """Forget them all, and what was answered on devices; False if there were none."""
        return await store.remove_all(tx, account_id) > 0


def names_its_holder(credential: Credential) -> bool:
    """Whether an answer says whose passkey it is, which it has to where nobody else does (section 7.2, step 6)."""
    response = credential.get("response")
    return isinstance(response, dict) and bool(response.get("userHandle"))


def passkey_proof(passkey_id: str, at: datetime, *, vouched_at: datetime, set_up_at: datetime) -> Proof:
    """That one holds the device, and that it has verified who holds it."""
    return Proof(
        kind=ProofKind.PASSKEY,
        classes=frozenset({ProofClass.HAVE, ProofClass.ARE}),
        at=at,
        credential=passkey_id,
        user_verified=True,
        vouched_at=vouched_at,
        set_up_at=set_up_at,
    )
