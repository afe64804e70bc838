"""Security notices: each mail that tells of a change carries a fresh link "This was not me" (D22)."""

from datetime import datetime, timedelta

import msgspec

from portico.accounts.model import Account
from portico.database.engine import Transaction
from portico.kernel.chance import Chance
from portico.kernel.normalise import address_key
from portico.kernel.tokens import new_token, token_hash
from portico.mail.model import SecurityNotice, kind_of
from portico.mail.service import Mail
from portico.security import store
from portico.security.model import LIFETIME, SecurityLink

_LAST_SECOND = timedelta(seconds=1)


class SecurityNotices:
    """Queues security mails, in the transaction of what they tell of."""

    def __init__(self, chance: Chance, mail: Mail) -> None:
        self._chance = chance
        self._mail = mail

    async def send(
        self,
        tx: Transaction,
        now: datetime,
        account: Account,
        notice: SecurityNotice,
        *,
        language: str = "",
        recipient: str | None = None,
        restores: str | None = None,
    ) -> None:
        """Queue a notice in the account's language, else in ``language``; to ``recipient``, else to its address.

        The link of a notice that goes to the account's address brings that address back, should it have changed;
        to another recipient it brings back ``restores`` or nothing. It lives seven days, the last second included.
        """
        is_to_account = recipient is None
        if recipient is None:
            recipient = restores = account.address
        token = new_token(self._chance)
        expires_at = now + LIFETIME + _LAST_SECOND
        link = SecurityLink(
            hash=token_hash(token),
            account_id=account.id,
            event=kind_of(notice),  # type: ignore[arg-type]  # every notice is a message
            restores=restores,
            restores_key=address_key(restores) if restores else None,
            created_at=now,
            expires_at=expires_at,
            spent_at=None,
        )
        await store.add_link(tx, link)
        if is_to_account:
            await store.drop_stale_restores(tx, link.hash)
        whole = msgspec.structs.replace(
            notice, not_me_token=token, not_me_until=expires_at, time_zone=account.time_zone
        )
        await self._mail.add_mail(
            tx,
            now,
            whole,  # type: ignore[arg-type]
            recipient=recipient,
            language=account.language or language,
            account_id=account.id,
        )
