"""The recovery code factor: one code for whoever is without their device, good once (D14).

24 characters, each drawn uniformly from A-Z and 0-9: 124 bits, so a plain SHA-256 is kept of it, and no slow hash is
needed. Dashes, spaces and case do not count when it is typed.
"""

import hashlib
import hmac
import string
from collections.abc import Callable
from datetime import datetime

from portico.database.engine import Reader, Transaction
from portico.factors.contract import Judgement, ProofAnswer, RecoveryCodeAnswer, Subject
from portico.factors.proof import Failure, Proof, ProofClass, ProofKind
from portico.factors.second import store
from portico.kernel.chance import Chance
from portico.kernel.tokens import NOBODY, new_id

LENGTH = 24
ALPHABET = string.ascii_uppercase + string.digits

WRONG = Failure(code="recovery_code.wrong", field="code")


def draw_code(chance: Chance) -> str:
    """A new recovery code."""
    return "".join(ALPHABET[chance.draw_below(len(ALPHABET))] for _ in range(LENGTH))


class RecoveryCodeFactor:
    """Recovery codes, proven and kept."""

    kind = ProofKind.RECOVERY_CODE

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    async def judge(
        self, reader: Reader, subject: Subject, answer: ProofAnswer, now: Callable[[], datetime]
    ) -> Judgement:
        """Whether a typed code is the account's."""
        if not isinstance(answer, RecoveryCodeAnswer):
            raise TypeError(answer)
        stored = await store.find_recovery_code(reader, subject.account_id or NOBODY)
        typed = _hash(answer.code)
        if stored is None or not hmac.compare_digest(typed, stored.hash):
            return Judgement(failure=WRONG, account_id=subject.account_id)
        proof = Proof(
            kind=ProofKind.RECOVERY_CODE,
            classes=frozenset({ProofClass.HAVE}),
            at=now(),
            credential=stored.id,
            set_up_at=stored.created_at,
        )
        return Judgement(proof=proof, account_id=subject.account_id, burns=stored.hash)

    async def settle(self, tx: Transaction, judgement: Judgement, now: datetime) -> bool:  # noqa: ARG002 - the contract
        """Burn the code; False if it was used meanwhile, or another one put in its place."""
        credential_id = judgement.proof.credential if judgement.proof else None
        if credential_id is None or judgement.burns is None:
            return False
        return await store.spend_recovery_code(tx, credential_id, judgement.burns)

    async def save(self, tx: Transaction, now: datetime, account_id: str, code: str) -> bool:
        """Make this the account's recovery code, of which only the hash is kept; whether it took another's place."""
        replaced = await store.find_recovery_code(tx, account_id) is not None
        await store.put_recovery_code(tx, new_id(self._chance, now), account_id, _hash(code), now)
        return replaced

    async def remove(self, tx: Transaction, account_id: str) -> bool:
        """Forget the account's recovery code; False if it has none."""
        return await store.remove(tx, account_id, ProofKind.RECOVERY_CODE)


def _hash(typed: str) -> bytes:
    """The hash of a code, however it is spelt."""
    code = "".join(character for character in typed if not character.isspace() and character != "-").upper()
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
