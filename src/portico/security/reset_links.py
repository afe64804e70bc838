"""Mailing a link for choosing a new password, wherever one is due: asked for, or after "This was not me"."""

from datetime import datetime, timedelta

from portico.accounts.model import Account
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Transaction
from portico.factors.mailed_link import LIFETIME, MailedLinkFactor
from portico.mail.model import PasswordResetLink
from portico.mail.service import Mail


class ResetLinks:
    """Makes reset links and queues their mails."""

    def __init__(self, *, audit: Audit, mail: Mail, links: MailedLinkFactor, lifetime: timedelta = LIFETIME) -> None:
        self._audit = audit
        self._mail = mail
        self._links = links
        self._lifetime = lifetime

    async def send(
        self,
        tx: Transaction,
        now: datetime,
        account: Account,
        *,
        language: str,
        recorded_as: Event | None = None,
    ) -> None:
        """Mail a fresh link to the account's address, in its language, else in ``language``.

        ``recorded_as`` tells who sent it, where nobody asked for it.
        """
        token, expires_at = await self._links.add_link(tx, now, account.id, account.epoch, self._lifetime)
        message = PasswordResetLink(
            handle=account.handle,
            link_token=token,
            expires_at=expires_at,
            active_hours=self._lifetime // timedelta(hours=1),
            time_zone=account.time_zone,
        )
        await self._mail.add_mail(
            tx,
            now,
            message,
            recipient=account.address,
            language=account.language or language,
            account_id=account.id,
        )
        event = recorded_as or Event(kind=EventKind.RESET_REQUESTED, subject_id=account.id)
        await self._audit.append(tx, now, event)
