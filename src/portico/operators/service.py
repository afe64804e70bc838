"""What operators see of the mail, and what their mail system tells us of it."""

from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.kernel.clock import Clock
from portico.kernel.errors import Conflict, NotFound
from portico.kernel.normalise import one_line
from portico.kernel.tokens import is_id
from portico.mail.model import MailFate, MailRecord
from portico.mail.service import Mail
from portico.organizations.authority import Authority
from portico.organizations.rules import Actor
from portico.sessions.model import SignedIn

PAGE = 50
REASON_MAX = 500


class MailOverview:
    """The outbox as operators know it. Secrets are not read here, not even sealed ones."""

    def __init__(self, *, database: Database, clock: Clock, mail: Mail, audit: Audit, authority: Authority) -> None:
        self._database = database
        self._clock = clock
        self._mail = mail
        self._audit = audit
        self._authority = authority

    async def list_mails(
        self,
        *,
        fate: MailFate | None = None,
        recipient: str = "",
        before_id: str | None = None,
        limit: int = PAGE,
    ) -> list[MailRecord]:
        """Mails, newest first; ``before_id`` goes on where the last page ended."""
        return await self._mail.list_mails(
            self._database, fate=fate, recipient=one_line(recipient), before_id=before_id, limit=limit
        )

    async def get_mail(self, mail_id: str) -> MailRecord:
        """One mail; raises NotFound."""
        found = await self._mail.find_mail(self._database, mail_id) if is_id(mail_id) else None
        if found is None:
            raise NotFound("no such mail")
        return found

    async def count_by_fate(self) -> dict[MailFate, int]:
        """How many mails have come to what."""
        return await self._mail.count_by_fate(self._database)

    async def report_bounce(self, operator: SignedIn, mail_id: str, reason: str) -> MailRecord:
        """Note that an accepted mail came back. The first report stands; a second one changes nothing.

        Raises NotFound for a mail that is not there, Conflict for one that no mail server has accepted, NotSignedIn
        and NotAllowed for who is no signed-in operator by then.
        """
        mail = await self.get_mail(mail_id)
        now, actor = self._clock.now(), Actor(account_id=operator.account.id, session_id=operator.session.id)
        event = Event(
            kind=EventKind.MAIL_BOUNCED,
            subject_id=mail.account_id,
            actor_id=actor.account_id,
            session_id=actor.session_id,
            details={"mail": mail.id, "kind": mail.kind},
        )

        async def body(tx: Transaction) -> None:
            await self._authority.require_operator(tx, actor)
            if await self._mail.mark_bounced(tx, now, mail.id, one_line(reason)[:REASON_MAX]):
                await self._audit.append(tx, now, event)

        await self._database.transact(body)
        after = await self.get_mail(mail_id)
        if after.bounced_at is None:
            raise Conflict("no mail server has accepted it, so it cannot have come back")
        return after
