"""The e-mail code factor: six digits and a link, mailed for one attempt (D18).

A code lives ten minutes and takes five tries, each claimed before it is compared; the link beside it lives as long as
the attempt. Only a keyed digest of the code and the hash of the link's token are kept, one row an attempt, so the
newest mail alone counts. Whether the address belongs to anybody changes nothing here: a row is made either way.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from portico.database.engine import Reader, Transaction
from portico.factors import store
from portico.factors.contract import EmailCodeAnswer, Judgement, ProofAnswer, Subject
from portico.factors.mailed_link import LinkState
from portico.factors.model import CODE_LIFETIME, CODE_TRIES, RESEND_AFTER, MailedCode
from portico.factors.proof import Failure, Proof, ProofClass, ProofKind
from portico.kernel.chance import Chance
from portico.kernel.sealing import SealingKeys
from portico.kernel.tokens import is_token, new_token, token_hash

LINK_LIFETIME = timedelta(hours=24)
_DIGITS = 6
_PURPOSE = "email code"
_LAST_SECOND = timedelta(seconds=1)
_SWEEP_BATCH = 5_000

WRONG = "email_code.wrong"
OVER = "email_code.over"
USED_UP = "email_code.used_up"


class IssuedCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code and a link to be mailed. Both open something."""

    code: str
    link_token: str
    code_expires_at: datetime
    link_expires_at: datetime


class EmailCodeFactor:
    """Codes, mailed and proven."""

    kind = ProofKind.EMAIL_CODE

    def __init__(self, keys: SealingKeys, chance: Chance) -> None:
        self._keys = keys
        self._chance = chance

    async def expect(self, tx: Transaction, now: datetime, attempt_id: str) -> None:
        """Note that a code was asked for; until one is issued, no answer is right."""
        expected = MailedCode(
            attempt_id=attempt_id,
            code_mac=None,
            tries_left=CODE_TRIES,
            requested_at=now,
            code_expires_at=now + CODE_LIFETIME + _LAST_SECOND,
            link_expires_at=now + LINK_LIFETIME + _LAST_SECOND,
            spent_at=None,
        )
        await store.expect_code(tx, expected)

    async def expect_again(self, tx: Transaction, now: datetime, attempt_id: str) -> bool:
        """Note that another code was asked for; False if the last was asked for just now, or one was used."""
        return await store.expect_code_again(tx, attempt_id, now, now - RESEND_AFTER)

    async def issue(self, tx: Transaction, now: datetime, attempt_id: str, ends_at: datetime) -> IssuedCode | None:
        """Make the code and the link of an attempt, in place of earlier ones; None if the mailbox is proven by now.

        Neither outlives the attempt, which ends at ``ends_at``.
        """
        code = f"{self._chance.draw_below(10**_DIGITS):0{_DIGITS}d}"
        issued = IssuedCode(
            code=code,
            link_token=new_token(self._chance),
            code_expires_at=min(now + CODE_LIFETIME + _LAST_SECOND, ends_at),
            link_expires_at=min(now + LINK_LIFETIME + _LAST_SECOND, ends_at),
        )
        is_made = await store.issue_code(
            tx,
            attempt_id,
            code_mac=self._mac(attempt_id, code),
            link_hash=token_hash(issued.link_token),
            tries=CODE_TRIES,
            code_expires_at=issued.code_expires_at,
            link_expires_at=issued.link_expires_at,
        )
        return issued if is_made else None

    async def find_code(self, reader: Reader, attempt_id: str) -> MailedCode | None:
        """What was mailed for an attempt."""
        return await store.find_code(reader, attempt_id)

    async def take_try(self, tx: Transaction, now: datetime, attempt_id: str) -> Failure | None:
        """Claim one of a code's tries before anything is compared; why there is none, or None."""
        if await store.take_code_try(tx, attempt_id, now):
            return None
        found = await store.find_code(tx, attempt_id)
        is_used_up = found is not None and found.tries_left <= 0 and now < found.code_expires_at
        return Failure(code=USED_UP if is_used_up else OVER, field="code")

    async def judge(
        self, reader: Reader, subject: Subject, answer: ProofAnswer, now: Callable[[], datetime]
    ) -> Judgement:
        """Whether a typed code is the newest one of the attempt."""
        if not isinstance(answer, EmailCodeAnswer):
            raise TypeError(answer)
        found = await store.find_code(reader, subject.attempt_id)
        typed = "".join(character for character in answer.code if not character.isspace() and character != "-")
        stored = found.code_mac if found and found.code_mac else b""
        is_right = self._keys.is_mac(stored, _coded(subject.attempt_id, typed), purpose=_PURPOSE)
        if found is None or not is_right:
            left = max(found.tries_left, 0) if found else 0
            failure = Failure(code=WRONG, params={"count": left}, field="code") if left else None
            return Judgement(failure=failure or Failure(code=USED_UP, field="code"))
        proof = mailbox_proof(ProofKind.EMAIL_CODE, now(), subject.attempt_id)
        return Judgement(proof=proof, account_id=subject.account_id, burns=stored)

    async def settle(self, tx: Transaction, judgement: Judgement, now: datetime) -> bool:
        """Burn the code, and the link with it; False if either was used or a newer one was mailed meanwhile."""
        if judgement.proof is None or judgement.burns is None:
            return False
        return await store.spend_code(tx, judgement.proof.credential or "", judgement.burns, now)

    async def find_link(self, reader: Reader, token: str, now: datetime) -> tuple[LinkState, str | None]:
        """What has become of the link with this token, and whose attempt it is; changes nothing."""
        found = await store.find_code_by_link(reader, token_hash(token)) if is_token(token) else None
        if found is None:
            return LinkState.INVALID, None
        if found.spent_at is not None:
            return LinkState.USED, found.attempt_id
        state = LinkState.LIVE if now < found.link_expires_at else LinkState.EXPIRED
        return state, found.attempt_id

    async def spend_link(self, tx: Transaction, token: str, now: datetime) -> str | None:
        """Burn a link, and the code with it; the attempt it was mailed for, or None if it is worth nothing."""
        return await store.spend_code_link(tx, token_hash(token), now) if is_token(token) else None

    async def sweep(self, tx: Transaction, now: datetime) -> int:
        """Delete what is over."""
        return await store.sweep_codes(tx, now, _SWEEP_BATCH)

    def _mac(self, attempt_id: str, code: str) -> bytes:
        return self._keys.mac(_coded(attempt_id, code), purpose=_PURPOSE)


def mailbox_proof(kind: ProofKind, at: datetime, attempt_id: str) -> Proof:
    """That the mailbox was opened, by a code or by a link."""
    return Proof(kind=kind, classes=frozenset({ProofClass.HAVE}), at=at, credential=attempt_id, through_mailbox=True)


def _coded(attempt_id: str, code: str) -> bytes:
    return f"{attempt_id} {code}".encode("utf-8", "surrogatepass")
