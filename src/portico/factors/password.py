"""The password factor: is this the account's password? And: set another one.

Passwords are compared in NFC, never trimmed, cut or folded. An unknown account, an empty or impossible password and an
account without one all cost one hash, like a wrong password. A password that is replaced is kept with those before it,
as long as somebody asks that it is not used again.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from portico.database.engine import Reader, Transaction
from portico.factors import store
from portico.factors.contract import Judgement, PasswordAnswer, ProofAnswer, Subject
from portico.factors.hashing import Hasher
from portico.factors.history import store as history_store
from portico.factors.model import (
    HISTORY_MAX,
    IMPORTED_HISTORY_KEPT,
    FormerPassword,
    KeptPasswords,
    PasswordCredential,
    PasswordProperties,
)
from portico.factors.password_rules import Traits, traits_of
from portico.factors.proof import Failure, Proof, ProofClass, ProofKind
from portico.kernel.chance import Chance
from portico.kernel.errors import Conflict
from portico.kernel.normalise import password_form
from portico.kernel.tokens import NOBODY, new_id

WRONG = Failure(code="signin.password.wrong", field="password")


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A chosen password, checked and hashed, ready to be stored; one from elsewhere has no traits we know.

    ``compared`` is with how many of the last ones it was compared, the present one among them, and ``version`` that of
    the present one then: 0 where there was none, None where nothing was compared.
    """

    secret: bytes
    traits: Traits | None = None
    set_at: datetime | None = None
    """When it was set, where that was before now and elsewhere; only of an account's first one."""
    compared: int = 0
    version: int | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a password is one of the last ones, and the version of the present one at that moment; 0 for none."""

    is_match: bool
    version: int


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

    async def compare_last(self, reader: Reader, account_id: str, typed: str, count: int) -> Comparison:
        """Whether a password that meets the criteria is one of an account's last ``count``, the present one the first.

        Costs ``count`` hashes, however many there are and whichever matches.
        """
        stored = await store.find_password(reader, account_id)
        former = await history_store.list_former(reader, account_id, count - 1)
        secrets = [stored.secret if stored else None, *(one.secret for one in former)]
        missing = [None] * (count - len(secrets))
        is_match = await self._hasher.is_any_match([*secrets, *missing], _form(typed))
        return Comparison(is_match=is_match, version=stored.version if stored else 0)

    async def prepare(self, typed: str) -> NewPassword:
        """Hash a password that meets the criteria, outside any transaction."""
        form = _form(typed)
        return NewPassword(secret=await self._hasher.make_hash(form), traits=traits_of(form))

    async def set_password(
        self,
        tx: Transaction,
        now: datetime,
        account_id: str,
        new: NewPassword,
        properties: PasswordProperties,
        *,
        history: int = HISTORY_MAX,
    ) -> None:
        """Make ``new`` the account's password, and keep the one it replaces if ``history`` asks for it.

        ``history`` is how many passwords, this one the first, are not to be used again. Raises Conflict when the
        password was changed at the same moment, or since ``new`` was compared with it.
        """
        before = await store.find_password(tx, account_id)
        if new.version is not None and new.version != (before.version if before else 0):
            raise Conflict("the password was changed since the new one was compared with it")
        if before is None:
            is_set = await store.add_password(
                tx, new_id(self._chance, now), account_id, new.secret, properties, new.set_at or now
            )
        else:
            is_set = await store.change_password(tx, before, new.secret, properties, now)
        if not is_set:
            raise Conflict("the account was given another password at the same moment")
        if before is not None:
            former = FormerPassword(secret=before.secret, set_at=before.changed_at)
            await history_store.add_former(tx, account_id, former)
            await history_store.prune(tx, account_id, _former_of(history), now)

    async def import_former(self, tx: Transaction, now: datetime, account_id: str, secrets: Sequence[bytes]) -> None:
        """Keep the former passwords, newest first, of somebody who has just moved in, until somebody asks for them."""
        await history_store.add_imported(tx, account_id, secrets, now, now + IMPORTED_HISTORY_KEPT)

    async def list_kept(self, reader: Reader, after: str, limit: int) -> list[KeptPasswords]:
        """Of whom how many former passwords are kept, by the ids of accounts from ``after`` on."""
        return await history_store.list_kept(reader, after, limit)

    async def prune(self, tx: Transaction, now: datetime, kept: KeptPasswords, history: int) -> int:
        """Forget the former passwords of an account that nobody asks for any more; gives how many."""
        if kept.count <= _former_of(history):
            return 0
        return await history_store.prune(tx, kept.account_id, _former_of(history), now)

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


def _former_of(history: int) -> int:
    """How many former passwords are needed where so many of the last ones are not to be used again."""
    return max(history - 1, 0)


def _form(typed: str) -> str:
    """The form of a password that is hashed; raises ValueError for one that was never checked."""
    form = password_form(typed)
    if form is None:
        raise ValueError("the criteria were not checked")
    return form


def _proof(stored: PasswordCredential, at: datetime) -> Proof:
    return Proof(
        kind=ProofKind.PASSWORD,
        classes=frozenset({ProofClass.KNOW}),
        at=at,
        credential=stored.id,
        through_mailbox=stored.properties.through_mailbox,
    )
