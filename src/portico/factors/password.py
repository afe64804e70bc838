"""The password factor: is this the account's password? And: set another one.

Passwords are compared in NFC, never trimmed, cut or folded. An unknown account, an empty or impossible password and an
account without one all cost one hash, like a wrong password.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from portico.database.engine import Reader, Transaction
from portico.factors import store
from portico.factors.contract import Judgement, PasswordAnswer, ProofAnswer, Subject
from portico.factors.hashing import Hasher
from portico.factors.model import PasswordCredential, PasswordProperties
from portico.factors.password_rules import Traits, traits_of
from portico.factors.proof import Failure, Proof, ProofClass, ProofKind
from portico.kernel.chance import Chance
from portico.kernel.errors import Conflict
from portico.kernel.normalise import password_form
from portico.kernel.tokens import NOBODY, new_id

WRONG = Failure(code="signin.password.wrong", field="password")


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A chosen password, checked and hashed, ready to be stored; one from elsewhere has no traits we know."""

    secret: bytes
    traits: Traits | None = None


class PasswordFactor:
    """Passwords, proven and set."""

    kind = ProofKind.PASSWORD

    def __init__(self, hasher: Hasher, chance: Chance) -> None:
        self._hasher = hasher
        self._chance = chance

    async def judge(
        self, reader: Reader, subject: Subject, answer: ProofAnswer, now: Callable[[], datetime]
    ) -> Judgement:
        """Compare a typed password with the stored one; one hash in every case."""
        if not isinstance(answer, PasswordAnswer):
            raise TypeError(answer)
        account_id = subject.account_id
        stored = await store.find_password(reader, account_id or NOBODY)
        typed = password_form(answer.password)
        if not await self._hasher.is_match(stored.secret if stored else None, typed) or stored is None or typed is None:
            return Judgement(failure=WRONG, account_id=account_id)
        upgrade = await self._hasher.make_hash(typed) if self._hasher.is_outdated(stored.secret) else None
        return Judgement(
            proof=_proof(stored, now()),
            account_id=account_id,
            epoch=stored.account_epoch,
            version=stored.version,
            upgrade=upgrade,
        )

    async def settle(self, tx: Transaction, judgement: Judgement, now: datetime) -> bool:
        """Note the use; False if the password was changed while it was being compared."""
        credential_id = judgement.proof.credential if judgement.proof else None
        if credential_id is None:
            return False
        if judgement.upgrade is not None:
            return await store.rehash_password(tx, credential_id, judgement.version, judgement.upgrade, now)
        return await store.touch_password(tx, credential_id, judgement.version, now)

    async def is_current(self, reader: Reader, account_id: str, typed: str) -> bool:
        """Whether a typed password is the one the account has now. Costs one hash."""
        stored = await store.find_password(reader, account_id)
        return await self._hasher.is_match(stored.secret if stored else None, password_form(typed))

    async def prepare(self, typed: str) -> NewPassword:
        """Hash a password that meets the criteria, outside any transaction."""
        form = password_form(typed)
        if form is None:
            raise ValueError("the criteria were not checked")
        return NewPassword(secret=await self._hasher.make_hash(form), traits=traits_of(form))

    async def set_password(
        self, tx: Transaction, now: datetime, account_id: str, new: NewPassword, properties: PasswordProperties
    ) -> None:
        """Make ``new`` the account's password; raises Conflict when its first one is set twice at once."""
        if await store.change_password(tx, account_id, new.secret, properties, now):
            return
        if not await store.add_password(tx, new_id(self._chance, now), account_id, new.secret, properties, now):
            raise Conflict("the account was given another password at the same moment")

    async def prove_chosen(self, reader: Reader, account_id: str, now: datetime) -> Proof:
        """That the password was chosen just now, by whoever will use it."""
        stored = await store.find_password(reader, account_id)
        if stored is None:
            raise LookupError(account_id)
        return _proof(stored, now)

    async def find_credential(self, reader: Reader, account_id: str) -> PasswordCredential | None:
        """An account's password as it is stored; None if it has none."""
        return await store.find_password(reader, account_id)

    async def vouch(self, tx: Transaction, account_id: str, proofs: Iterable[Proof]) -> None:
        """The password was proven together with what the mailbox alone cannot give: D7's mark goes."""
        stored = await store.find_password(tx, account_id)
        used = {proof.credential for proof in proofs if proof.kind is ProofKind.PASSWORD}
        if stored is not None and stored.properties.through_mailbox and stored.id in used:
            properties = msgspec.structs.replace(stored.properties, through_mailbox=False)
            await store.set_password_properties(tx, account_id, properties, stored.version)

    async def force_change(self, tx: Transaction, account_id: str, reason: str) -> bool:
        """Let the account's password be good for one more sign-in only, which asks for a new one.

        False if there is none, or it is being changed at this very moment.
        """
        stored = await store.find_password(tx, account_id)
        if stored is None:
            return False
        properties = msgspec.structs.replace(stored.properties, must_change=reason)
        return await store.set_password_properties(tx, account_id, properties, stored.version)


def _proof(stored: PasswordCredential, at: datetime) -> Proof:
    return Proof(
        kind=ProofKind.PASSWORD,
        classes=frozenset({ProofClass.KNOW}),
        at=at,
        credential=stored.id,
        through_mailbox=stored.properties.through_mailbox,
    )
