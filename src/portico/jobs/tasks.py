"""What the jobs do: tell the clock's floor, queue mails that were asked for and send them, seal, sweep, prune.

In every server run the clock and the mail: an instant told only grows, and a mail is taken by one conditional
statement, so several servers send several times as many. In one server run appointments, reminders, sealing (of the
trail, and anew what lies sealed for long), sweeping and pruning, in transactions that fail as soon as another server
has taken over.
"""

from datetime import timedelta
from functools import partial

from portico.audit.sealing.sealer import seal_batch
from portico.database.deployment import CLOCK_FLOOR, CLOCK_OFFSET, find_number, keep_fact
from portico.database.engine import Database, Transaction
from portico.factors.email_code import EmailCodeFactor
from portico.factors.mailed_link import MailedLinkFactor
from portico.factors.resealing import Resealing
from portico.jobs.runner import Job
from portico.kernel.clock import Clock, SystemClock, from_micros, to_micros
from portico.mail.requests import MailRequests
from portico.mail.sender import Sender
from portico.mail.service import Mail
from portico.my_account.address.service import AddressChanges
from portico.my_account.deletion.service import Deletions
from portico.organizations.invitations.service import Invitations
from portico.reminders.reminding import Reminding
from portico.reminders.service import REMINDER_MEMORY, Reminders
from portico.security.service import SecurityLinks
from portico.sessions.service import Sessions
from portico.signin.password_history import PasswordHistory
from portico.signin.service import SignIn
from portico.throttle.service import Throttle

KEEP_CLOCK_EVERY = timedelta(seconds=10)
QUEUE_EVERY = timedelta(seconds=5)
ACCOUNTS_EVERY = timedelta(minutes=1)
REMIND_EVERY = timedelta(minutes=10)
SEND_EVERY = timedelta(seconds=5)
SEAL_EVERY = timedelta(seconds=15)
"""So that an event is sealed within a minute, even if the server that seals has just died."""
SWEEP_EVERY = timedelta(minutes=15)
RESEAL_EVERY = timedelta(hours=1)
PRUNE_EVERY = timedelta(days=1)
MAIL_MEMORY = timedelta(days=90)
INVITATION_MEMORY = timedelta(days=90)
QUEUE_MAILS = "queue mails"


class Tasks:
    """The work of the jobs."""

    def __init__(
        self,
        *,
        database: Database,
        own: Database,
        clock: Clock,
        mail_requests: MailRequests,
        address_changes: AddressChanges,
        deletions: Deletions,
        security: SecurityLinks,
        sender: Sender,
        mail: Mail,
        throttle: Throttle,
        sessions: Sessions,
        sign_in: SignIn,
        links: MailedLinkFactor,
        email_code: EmailCodeFactor,
        invitations: Invitations,
        reminding: Reminding,
        reminders: Reminders,
        password_history: PasswordHistory,
        resealing: Resealing,
        is_development: bool,
        seal_every: timedelta,
    ) -> None:
        """``own``: the same database, for what only one server does (:class:`portico.database.lease.Fenced`)."""
        self._database = database
        self._own = own
        self._clock = clock
        self._mail_requests = mail_requests
        self._address_changes = address_changes
        self._deletions = deletions
        self._security = security
        self._sender = sender
        self._mail = mail
        self._throttle = throttle
        self._sessions = sessions
        self._sign_in = sign_in
        self._links = links
        self._email_code = email_code
        self._invitations = invitations
        self._reminding = reminding
        self._reminders = reminders
        self._password_history = password_history
        self._resealing = resealing
        self._is_development = is_development
        self._seal_every = seal_every

    def jobs(self) -> tuple[Job, ...]:
        """The jobs, in the order in which they feed each other."""
        return (
            Job("clock", self.keep_clock, timedelta(seconds=1) if self._is_development else KEEP_CLOCK_EVERY),
            Job(QUEUE_MAILS, self.queue_mails, QUEUE_EVERY),
            Job("accounts", self.keep_appointments, ACCOUNTS_EVERY, in_one_server=True),
            Job("remind", self.remind, REMIND_EVERY, in_one_server=True),
            Job("send mails", self.send_mails, SEND_EVERY),
            Job("seal", self.seal, self._seal_every, in_one_server=True),
            Job("sweep", self.sweep, SWEEP_EVERY, in_one_server=True),
            Job("seal anew", self.seal_anew, RESEAL_EVERY, in_one_server=True),
            Job("prune passwords", self.prune_passwords, PRUNE_EVERY, in_one_server=True),
        )

    async def keep_clock(self) -> None:
        """Remember the latest instant told, and take over one that another process has told."""
        if not isinstance(self._clock, SystemClock):
            return
        floor = await find_number(self._database, CLOCK_FLOOR)
        self._clock.raise_floor(from_micros(floor))
        if self._is_development:
            self._clock.offset = timedelta(microseconds=await find_number(self._database, CLOCK_OFFSET))
        told = to_micros(self._clock.now())
        if told - floor >= KEEP_CLOCK_EVERY // timedelta(microseconds=1):
            await self._database.transact(lambda tx: keep_fact(tx, CLOCK_FLOOR, str(told)))

    async def queue_mails(self) -> None:
        """Look up who asked for a mail, and queue it."""
        while await self._mail_requests.queue_mails():
            pass

    async def keep_appointments(self) -> None:
        """Remind of changes of address that wait, carry out those that are due, erase accounts whose time is over."""
        for work in (self._address_changes.remind, self._address_changes.apply_due, self._deletions.erase_due):
            while await work(self._own):
                pass

    async def remind(self) -> None:
        """Remind people that their password expires soon."""
        await self._reminding.remind(self._own)

    async def seal(self) -> None:
        """Put what happened into the chains that prove it."""
        while await seal_batch(self._own):
            pass

    async def send_mails(self) -> None:
        """Send what is due."""
        await self._sender.send_due(self._clock.now())

    async def sweep(self) -> None:
        """Forget what is over, a batch at a time, so that nobody waits long for the database."""
        now = self._clock.now()

        async def sweep_mail(tx: Transaction) -> int:
            return await self._mail.sweep(tx, now - MAIL_MEMORY)

        for sweep in (
            lambda tx: self._throttle.sweep(tx, now),
            lambda tx: self._sign_in.sweep(tx, now),
            lambda tx: self._sessions.sweep(tx, now),
            lambda tx: self._links.sweep(tx, now),
            lambda tx: self._security.sweep(tx, now),
            lambda tx: self._address_changes.sweep(tx, now),
            lambda tx: self._email_code.sweep(tx, now),
            lambda tx: self._invitations.sweep(tx, now - INVITATION_MEMORY),
            lambda tx: self._reminders.sweep(tx, now - REMINDER_MEMORY),
            sweep_mail,
        ):
            while await self._own.transact(sweep):
                pass

    async def seal_anew(self) -> None:
        """Let what lies sealed for long follow the newest key."""
        await self._resealing.keep_up(self._own)

    async def prune_passwords(self) -> None:
        """Forget the former passwords that nobody asks for any more, some accounts at a time."""
        after: str | None = ""
        while after is not None:
            after = await self._own.transact(partial(self._password_history.prune_batch, after=after))
