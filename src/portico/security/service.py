"""Security links: what one is worth, and what "This was not me" does when its button is pressed (D22).

Looking changes nothing. Pressing burns the link by one statement and, in the same transaction, ends everything, bars
changes for 72 hours, takes a deletion back, brings an address back where the link is for that, and mails a reset link.
"""

from datetime import datetime, timedelta

import msgspec

from portico.accounts.model import Account, AccountState
from portico.accounts.protection import Protection
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.factors.mailed_link import LinkState
from portico.kernel.clock import Clock
from portico.kernel.tokens import is_token, token_hash
from portico.mail.model import NotMeDone
from portico.mail.service import Mail
from portico.security import store
from portico.security.model import Restored, Secured, SecurityLink
from portico.security.reset_links import ResetLinks

_SWEEP_AFTER = timedelta(days=30)
_SWEEP_BATCH = 5_000


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a link is worth now; what it is about only while it lives. ``restores``: the address it would bring back."""

    state: LinkState
    event: str = ""
    restores: str | None = None


class SecurityLinks:
    """The way back for people whose account somebody else got into."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: Audit,
        accounts: Accounts,
        protection: Protection,
        mail: Mail,
        reset_links: ResetLinks,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._accounts = accounts
        self._protection = protection
        self._mail = mail
        self._reset_links = reset_links

    async def look(self, token: str) -> Look:
        """What a link is worth, without using it: mail scanners open links too."""
        link = await store.find_link(self._database, token_hash(token)) if is_token(token) else None
        state = _state(link, self._clock.now())
        if link is None or state is not LinkState.LIVE:
            return Look(state=state)
        account = await self._accounts.find_account(self._database, link.account_id)
        would_restore = account is not None and link.restores_key not in (None, account.address_key)
        return Look(state=state, event=link.event, restores=link.restores if would_restore else None)

    async def say_not_me(self, token: str, language: str) -> Secured | LinkState:
        """Use a link up; what that did, or why it is dead. Of many at once exactly one succeeds."""
        if not is_token(token):
            return LinkState.INVALID
        now = self._clock.now()

        async def body(tx: Transaction) -> Secured | LinkState:
            link = await store.spend_link(tx, token_hash(token), now)
            if link is None:
                return _state(await store.find_link(tx, token_hash(token)), now)
            return await self._secure(tx, now, link, language)

        return await self._database.transact(body)

    async def sweep(self, tx: Transaction, now: datetime) -> int:
        """Delete what expired a month ago."""
        return await store.sweep(tx, now - _SWEEP_AFTER, _SWEEP_BATCH)

    async def erase(self, tx: Transaction, account: Account) -> None:
        """Delete all links of an account that is being erased."""
        await store.delete_links(tx, account.id, account.address_key)

    async def _secure(self, tx: Transaction, now: datetime, link: SecurityLink, language: str) -> Secured:
        await self._accounts.end_everything(tx, now, link.account_id)
        restored = await self._restore(tx, now, link)
        frozen_until = await self._protection.freeze(tx, now, link.account_id, since=link.created_at)
        await self._protection.cancel_deletion(tx, now, link.account_id, None)
        details = {"mail": link.event, "restored": restored.value}
        await self._audit.append(
            tx, now, Event(kind=EventKind.NOT_ME_SAID, subject_id=link.account_id, details=details)
        )
        account = await self._accounts.find_account(tx, link.account_id)
        if account is not None:
            await self._tell(tx, now, account, Secured(frozen_until=frozen_until, restored=restored), language)
        return Secured(frozen_until=frozen_until, restored=restored)

    async def _restore(self, tx: Transaction, now: datetime, link: SecurityLink) -> Restored:
        """Bring an address back. Links made since go with it: one of them may lie in the mailbox it was moved to."""
        account = await self._accounts.find_account(tx, link.account_id)
        if link.restores is None or link.restores_key is None or account is None:
            return Restored.NO
        if account.address_key == link.restores_key:
            return Restored.NO
        if not await self._protection.replace_address(tx, now, account.id, link.restores, link.restores_key):
            return Restored.TAKEN
        await store.retire_newer(tx, link, now)
        event = Event(kind=EventKind.ADDRESS_RESTORED, subject_id=account.id)
        await self._audit.append(tx, now, event)
        return Restored.YES

    async def _tell(self, tx: Transaction, now: datetime, account: Account, done: Secured, language: str) -> None:
        """Say what was done, and mail a link for choosing a new password, where the account may be used."""
        notice = NotMeDone(
            handle=account.handle,
            at=now,
            frozen_until=done.frozen_until,
            restored=done.restored.value,
            time_zone=account.time_zone,
        )
        language = account.language or language
        await self._mail.add_mail(tx, now, notice, recipient=account.address, language=language, account_id=account.id)
        if account.state is not AccountState.ACTIVE:
            return
        await self._reset_links.send(tx, now, account, language=language)


def _state(link: SecurityLink | None, now: datetime) -> LinkState:
    if link is None:
        return LinkState.INVALID
    if link.spent_at is not None:
        return LinkState.USED
    return LinkState.LIVE if now < link.expires_at else LinkState.EXPIRED
