"""The mailed-link factor: does this token come from a link we mailed, still unused? And: make one.

A token has 256 bits; only its SHA-256 is stored. A link lives 24 hours (the last second included), dies with the
account's security epoch, and any use kills all the account has (D5).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from portico.database.engine import Reader, Transaction
from portico.factors import store
from portico.factors.contract import Judgement, MailedLinkAnswer, ProofAnswer, Subject
from portico.factors.model import MailedLink
from portico.factors.proof import Failure, Proof, ProofClass, ProofKind
from portico.kernel.chance import Chance
from portico.kernel.tokens import from_base64url, is_token, new_token, to_base64url, token_hash

LIFETIME = timedelta(hours=24)
LIVE_AT_ONCE = 3
_LAST_SECOND = timedelta(seconds=1)
_SWEEP_AFTER = timedelta(days=30)
_SWEEP_BATCH = 5_000


class LinkState(StrEnum):
    """What has become of a link."""

    LIVE = "live"
    USED = "used"
    EXPIRED = "expired"
    INVALID = "invalid"


class MailedLinkFactor:
    """Links, made and proven."""

    kind = ProofKind.MAILED_LINK

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    async def judge(
        self, reader: Reader, subject: Subject, answer: ProofAnswer, now: Callable[[], datetime]
    ) -> Judgement:
        """Whether the token belongs to a live link; the proof says whose."""
        if not isinstance(answer, MailedLinkAnswer):
            raise TypeError(answer)
        at = now()
        state, link = await self.find_link(reader, answer.token, at)
        if link is None or state is not LinkState.LIVE or subject.account_id not in (None, link.account_id):
            shown = LinkState.INVALID if state is LinkState.LIVE else state
            return Judgement(failure=Failure(code=f"reset.link.{shown.value}"))
        proof = Proof(
            kind=ProofKind.MAILED_LINK,
            classes=frozenset({ProofClass.HAVE}),
            at=at,
            credential=to_base64url(link.hash),
            through_mailbox=True,
        )
        return Judgement(proof=proof, account_id=link.account_id, epoch=link.epoch)

    async def settle(self, tx: Transaction, judgement: Judgement, now: datetime) -> bool:
        """Burn the link, and with it all others of the account; False if it was burnt before."""
        burnt = from_base64url(judgement.proof.credential or "") if judgement.proof else None
        if not burnt or judgement.account_id is None:
            return False
        await store.hold_links(tx, judgement.account_id)
        if not await store.spend_link(tx, burnt, now):
            return False
        await store.retire_links(tx, judgement.account_id, now, keep=0)
        return True

    async def find_link(self, reader: Reader, token: str, now: datetime) -> tuple[LinkState, MailedLink | None]:
        """What has become of the link with this token, without changing it."""
        link = await store.find_link(reader, token_hash(token)) if is_token(token) else None
        if link is None:
            return LinkState.INVALID, None
        if link.spent_at is not None:
            return LinkState.USED, link
        if now >= link.expires_at or not link.is_current:
            return LinkState.EXPIRED, link
        return LinkState.LIVE, link

    async def add_link(
        self, tx: Transaction, now: datetime, account_id: str, epoch: int, lifetime: timedelta = LIFETIME
    ) -> tuple[str, datetime]:
        """Make a link; gives its token and when it dies. The oldest goes when more than three would live."""
        token = new_token(self._chance)
        expires_at = now + lifetime + _LAST_SECOND
        link = MailedLink(
            hash=token_hash(token),
            account_id=account_id,
            epoch=epoch,
            created_at=now,
            expires_at=expires_at,
            spent_at=None,
            is_current=True,
        )
        await store.add_link(tx, link)
        await store.retire_links(tx, account_id, now, keep=LIVE_AT_ONCE)
        return token, expires_at

    async def sweep(self, tx: Transaction, now: datetime) -> int:
        """Delete what expired a month ago."""
        return await store.sweep_links(tx, now - _SWEEP_AFTER, _SWEEP_BATCH)
