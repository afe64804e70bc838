"""Wiring of the services: each is built here, once, when it is first needed, and handed what it needs.

``open_house`` opens the database, the clock and the keys; the properties of :class:`House` are the services. The CLI
works with these; ``app`` puts the doors around them.
"""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from portico.accounts.protection import Protection
from portico.accounts.service import Accounts
from portico.audit.service import Audit
from portico.database.deployment import CLOCK_FLOOR, find_number
from portico.database.engine import Database, open_database
from portico.database.schema import check_schema, require_schema
from portico.development.clock_control import find_offset
from portico.development.people import DemoPeople
from portico.factors.erasure import erase_credentials
from portico.factors.hashing import Argon2Parameters, Hasher
from portico.factors.mailed_link import MailedLinkFactor
from portico.factors.password import PasswordFactor
from portico.factors.password_rules import PasswordPolicy
from portico.factors.proof import ProofKind
from portico.jobs.runner import Runner
from portico.jobs.tasks import QUEUE_MAILS, Tasks
from portico.kernel.brand import Brand
from portico.kernel.chance import Chance, SystemChance
from portico.kernel.clock import Clock, SystemClock, from_micros
from portico.kernel.messages import Catalogues
from portico.kernel.sealing import SealingKeys
from portico.keys import open_keys
from portico.mail.maildir import MaildirTransport
from portico.mail.requests import MailRequests
from portico.mail.sender import Sender
from portico.mail.service import Mail
from portico.mail.smtp import SmtpSettings, SmtpTransport
from portico.mail.stationery import Stationery
from portico.mail.transports import Transport
from portico.my_account.address.service import ADDRESS_CHANGE, AddressChanges
from portico.my_account.deletion.service import Deletions
from portico.my_account.service import MyAccount
from portico.security.notices import SecurityNotices
from portico.security.service import SecurityLinks
from portico.sessions.model import SessionLengths
from portico.sessions.service import Sessions
from portico.settings import Settings
from portico.signin.erasure import erase_attempts
from portico.signin.gather import Gatherer
from portico.signin.new_password import PasswordChange
from portico.signin.outcomes import Outcomes
from portico.signin.renewal import Renewal
from portico.signin.reset import RESET, PasswordReset
from portico.signin.service import SignIn
from portico.throttle.rates import Limits
from portico.throttle.service import Throttle

PACKAGE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Ground:
    """What everything stands on."""

    settings: Settings
    is_development: bool
    brand: Brand
    catalogues: Catalogues
    database: Database
    clock: Clock
    chance: Chance
    keys: SealingKeys
    limits: Limits


class House:
    """Every service of a deployment, without doors."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.settings = ground.settings
        self.database = ground.database
        self.clock = ground.clock
        self.chance = ground.chance

    @cached_property
    def audit(self) -> Audit:
        """The audit trail."""
        return Audit(self.chance)

    @cached_property
    def throttle(self) -> Throttle:
        """The counters of tries."""
        return Throttle(self.ground.keys, self.ground.limits)

    @cached_property
    def mail(self) -> Mail:
        """The outbox."""
        return Mail(self.ground.keys, self.chance)

    @cached_property
    def stationery(self) -> Stationery:
        """How letters look; raises Misconfigured for a sender's address that is none."""
        return Stationery(
            brand=self.ground.brand,
            base_url=self.settings.base_url.origin,
            from_address=self.settings.mail_from,
            catalogues=self.ground.catalogues,
        )

    @cached_property
    def mailbox(self) -> MaildirTransport:
        """The development mailbox."""
        return MaildirTransport(self.settings.data / "mailbox")

    @cached_property
    def transport(self) -> Transport:
        """How mails leave; raises Misconfigured for a way that is not safe."""
        settings = self.settings
        if settings.mail_transport == "maildir":
            return self.mailbox
        smtp = SmtpSettings(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            username=settings.smtp_username,
            password=settings.smtp_password,
            client_name=settings.base_url.hostname,
        )
        return SmtpTransport(smtp, from_address=self.stationery.from_address)

    @cached_property
    def sender(self) -> Sender:
        """Who empties the outbox."""
        return Sender(
            database=self.database,
            mail=self.mail,
            stationery=self.stationery,
            transport=self.transport,
            clock=self.clock,
            chance=self.chance,
        )

    @cached_property
    def accounts(self) -> Accounts:
        """The accounts."""
        return Accounts(self.chance, self.audit, self.mail)

    @cached_property
    def protection(self) -> Protection:
        """What protects accounts from those who got into them."""
        return Protection(self.audit)

    @cached_property
    def notices(self) -> SecurityNotices:
        """The security mails."""
        return SecurityNotices(self.chance, self.mail)

    @cached_property
    def security(self) -> SecurityLinks:
        """What "This was not me" does."""
        return SecurityLinks(
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            accounts=self.accounts,
            protection=self.protection,
            mail=self.mail,
            links=self.links,
            reset_lifetime=self.settings.reset_link_lifetime,
        )

    @cached_property
    def hasher(self) -> Hasher:
        """The pool that hashes passwords."""
        settings = self.settings
        parameters = Argon2Parameters(memory_kib=settings.argon2_memory_kib, passes=settings.argon2_passes)
        return Hasher(parameters, threads=settings.hash_threads or None, queue=settings.hash_queue)

    @cached_property
    def password(self) -> PasswordFactor:
        """The password factor."""
        settings = self.settings
        policy = PasswordPolicy(min_length=settings.password_min_length, composition=settings.password_composition)
        return PasswordFactor(self.hasher, policy, self.chance)

    @cached_property
    def links(self) -> MailedLinkFactor:
        """The mailed-link factor."""
        return MailedLinkFactor(self.chance)

    @cached_property
    def sessions(self) -> Sessions:
        """The sessions."""
        settings = self.settings
        lengths = SessionLengths(
            persistent=settings.session_lifetime,
            persistent_idle=settings.session_idle,
            brief=settings.brief_session_lifetime,
            brief_idle=settings.brief_session_idle,
            access_token=settings.access_token_lifetime,
        )
        return Sessions(self.chance, self.audit, lengths)

    @cached_property
    def password_change(self) -> PasswordChange:
        """The one way in which a password is replaced."""
        return PasswordChange(
            accounts=self.accounts,
            audit=self.audit,
            notices=self.notices,
            password=self.password,
            throttle=self.throttle,
        )

    @cached_property
    def gatherer(self) -> Gatherer:
        """Where the facts of a decision are found."""
        return Gatherer(self.accounts, self.password)

    @cached_property
    def sign_in(self) -> SignIn:
        """The flow around the decision."""
        return SignIn(
            database=self.database,
            clock=self.clock,
            chance=self.chance,
            accounts=self.accounts,
            audit=self.audit,
            sessions=self.sessions,
            throttle=self.throttle,
            factors={ProofKind.PASSWORD: self.password},
            gatherer=self.gatherer,
            outcomes=Outcomes(self.accounts, self.sessions, self.protection, self.notices),
            password_change=self.password_change,
        )

    @cached_property
    def renewal(self) -> Renewal:
        """The renewal of sessions."""
        return Renewal(
            database=self.database,
            clock=self.clock,
            chance=self.chance,
            sessions=self.sessions,
            gatherer=self.gatherer,
        )

    @cached_property
    def reset(self) -> PasswordReset:
        """The password reset."""
        return PasswordReset(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            audit=self.audit,
            mail=self.mail,
            throttle=self.throttle,
            links=self.links,
            password_change=self.password_change,
            sign_in=self.sign_in,
            wake=self._wake_mail,
            lifetime=self.settings.reset_link_lifetime,
        )

    @cached_property
    def my_account(self) -> MyAccount:
        """What signed-in people do."""
        return MyAccount(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            sessions=self.sessions,
            sign_in=self.sign_in,
            password_change=self.password_change,
        )

    @cached_property
    def address_changes(self) -> AddressChanges:
        """Changes of address."""
        return AddressChanges(
            database=self.database,
            clock=self.clock,
            chance=self.chance,
            keys=self.ground.keys,
            accounts=self.accounts,
            protection=self.protection,
            audit=self.audit,
            mail=self.mail,
            notices=self.notices,
            throttle=self.throttle,
            sessions=self.sessions,
            sign_in=self.sign_in,
            wake=self._wake_mail,
        )

    @cached_property
    def deletions(self) -> Deletions:
        """Deletions of accounts."""
        return Deletions(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            protection=self.protection,
            notices=self.notices,
            sessions=self.sessions,
            sign_in=self.sign_in,
            erasers=(
                self.sessions.erase,
                self.security.erase,
                self.address_changes.erase,
                lambda tx, account: self.mail.erase(
                    tx, account.id, account.address, (account.address_key, account.handle_key)
                ),
                erase_credentials,
                erase_attempts,
            ),
        )

    @cached_property
    def mail_requests(self) -> MailRequests:
        """Who works on requests for mail."""
        handlers = {RESET: self.reset.queue_mail, ADDRESS_CHANGE: self.address_changes.queue_mail}
        return MailRequests(self.database, self.clock, handlers)

    @cached_property
    def runner(self) -> Runner:
        """The jobs."""
        tasks = Tasks(
            database=self.database,
            clock=self.clock,
            mail_requests=self.mail_requests,
            address_changes=self.address_changes,
            deletions=self.deletions,
            security=self.security,
            sender=self.sender,
            mail=self.mail,
            throttle=self.throttle,
            sessions=self.sessions,
            sign_in=self.sign_in,
            links=self.links,
            is_development=self.ground.is_development,
        )
        return Runner(tasks.jobs())

    @cached_property
    def demo_people(self) -> DemoPeople:
        """The people of the demo."""
        return DemoPeople(database=self.database, clock=self.clock, accounts=self.accounts, password=self.password)

    def _wake_mail(self) -> None:
        self.runner.wake(QUEUE_MAILS)

    async def close(self) -> None:
        """Give everything back that was opened."""
        built = self.__dict__
        if "runner" in built:
            await self.runner.stop()
        if "transport" in built:
            await self.transport.rest()
        if "hasher" in built:
            self.hasher.close()
        await self.database.close()


async def open_house(
    settings: Settings,
    *,
    is_development: bool = False,
    clock: Clock | None = None,
    chance: Chance | None = None,
    limits: Limits | None = None,
) -> House:
    """Open what everything stands on. Raises Misconfigured with what to mend."""
    brand = settings.brand()
    chance = chance or SystemChance()
    database = await _open_database(settings)
    try:
        ground = Ground(
            settings=settings,
            is_development=is_development,
            brand=brand,
            catalogues=Catalogues(PACKAGE / "locale"),
            database=database,
            clock=clock or await _open_clock(database),
            chance=chance,
            keys=await open_keys(settings.sealing_keys_file, database, chance),
            limits=limits or Limits(),
        )
        return House(ground)
    except BaseException:
        await database.close()
        raise


async def _open_database(settings: Settings) -> Database:
    """The database with the schema this code works with; an embedded one is made at its first start."""
    if settings.is_embedded:
        settings.make_data_folder()
    database = await open_database(settings.database_url)
    try:
        if settings.is_embedded and (await check_schema(database)).state == "empty":
            # Needed once in a database's life and slow to import: docs/decisions/0004-lazy-imports.md.
            from portico.database.migrate import upgrade

            await asyncio.to_thread(upgrade, settings.database_url)
        await require_schema(database)
    except BaseException:
        await database.close()
        raise
    return database


async def _open_clock(database: Database) -> SystemClock:
    """The clock, never earlier than what an earlier process has told. The offset is 0 outside development."""
    floor = from_micros(await find_number(database, CLOCK_FLOOR))
    return SystemClock(floor=floor, offset=await find_offset(database))
