"""Wiring of the services: each is built here, once, when it is first needed, and handed what it needs.

The properties of :class:`House` are the services; they stand on the :class:`~portico.ground.Ground`. The CLI works with
these; ``app`` puts the doors around them.
"""

from functools import cached_property

from portico.accounts.pictures import Pictures
from portico.accounts.profile import Profiles
from portico.accounts.service import Accounts
from portico.audit.service import Audit
from portico.development.people import DemoPeople
from portico.factors.breach_filter import BreachFilter
from portico.factors.common_passwords import CommonPasswords
from portico.factors.email_code import EmailCodeFactor
from portico.factors.hashing import Argon2Parameters, Hasher
from portico.factors.mailed_link import MailedLinkFactor
from portico.factors.password import PasswordFactor
from portico.factors.password_rules import PasswordPolicy
from portico.factors.proof import ProofKind
from portico.factors.screening import PasswordScreen, RangeService
from portico.ground import Ground, open_ground
from portico.jobs.runner import Runner
from portico.jobs.tasks import QUEUE_MAILS, Tasks
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.mail.maildir import MaildirTransport
from portico.mail.requests import MailRequests
from portico.mail.sender import Sender
from portico.mail.service import Mail
from portico.mail.smtp import SmtpSettings, SmtpTransport
from portico.mail.stationery import Stationery
from portico.mail.transports import Transport
from portico.my_account.export import OwnData
from portico.my_account.history import OwnHistory
from portico.my_account.profile import OwnProfile
from portico.my_account.service import MyAccount
from portico.operators.service import MailOverview
from portico.people_import.service import PeopleImport
from portico.sessions.model import SessionLengths
from portico.sessions.service import Sessions
from portico.settings import Settings
from portico.signin.account_creation import AccountCreation
from portico.signin.codes import SIGN_UP, Codes
from portico.signin.facts import Terms
from portico.signin.gather import Gatherer
from portico.signin.new_password import PasswordChange
from portico.signin.outcomes import Outcomes
from portico.signin.renewal import Renewal
from portico.signin.reset import RESET, PasswordReset
from portico.signin.service import SignIn
from portico.signin.sign_up import SignUp
from portico.signin.tries import Tries
from portico.throttle.rates import Limits
from portico.throttle.service import Throttle


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
    def breach_service(self) -> RangeService | None:
        """The breached-password service; None where none is configured."""
        return open_breach_service(self.settings)

    @cached_property
    def screen(self) -> PasswordScreen:
        """What new passwords are refused for; raises Misconfigured for a filter file that is none."""
        settings = self.settings
        path = settings.breached_password_filter
        return PasswordScreen(
            brand=self.ground.brand.name,
            common=CommonPasswords(),
            known=BreachFilter(path) if path else None,
            service=self.breach_service,
            refuses_when_down=settings.breached_password_service_down == "refuse",
        )

    @cached_property
    def links(self) -> MailedLinkFactor:
        """The mailed-link factor."""
        return MailedLinkFactor(self.chance)

    @cached_property
    def email_code(self) -> EmailCodeFactor:
        """The e-mail code factor."""
        return EmailCodeFactor(self.ground.keys, self.chance)

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
            mail=self.mail,
            password=self.password,
            screen=self.screen,
            throttle=self.throttle,
        )

    @cached_property
    def gatherer(self) -> Gatherer:
        """Where the facts of a decision are found."""
        return Gatherer(self.accounts, self.password, self.email_code, self.terms)

    @cached_property
    def terms(self) -> Terms | None:
        """The terms people accept when they sign up, if there are any."""
        settings = self.settings
        return Terms(url=settings.terms_url, version=settings.terms_version) if settings.terms_url else None

    @cached_property
    def codes(self) -> Codes:
        """The codes mailed within attempts."""
        return Codes(accounts=self.accounts, mail=self.mail, throttle=self.throttle, email_code=self.email_code)

    @cached_property
    def tries(self) -> Tries:
        """The counters an answer draws on."""
        return Tries(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            audit=self.audit,
            sessions=self.sessions,
            throttle=self.throttle,
            email_code=self.email_code,
        )

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
            tries=self.tries,
            factors={ProofKind.PASSWORD: self.password, ProofKind.EMAIL_CODE: self.email_code},
            codes=self.codes,
            account_creation=AccountCreation(
                accounts=self.accounts,
                password=self.password,
                password_change=self.password_change,
                terms=self.terms,
            ),
            gatherer=self.gatherer,
            outcomes=Outcomes(self.accounts, self.sessions),
            password_change=self.password_change,
            wake=self._wake_mail,
        )

    @cached_property
    def sign_up(self) -> SignUp:
        """Signing up."""
        return SignUp(
            database=self.database,
            clock=self.clock,
            throttle=self.throttle,
            codes=self.codes,
            email_code=self.email_code,
            sign_in=self.sign_in,
            wake=self._wake_mail,
            is_open=self.settings.sign_up == "open",
        )

    @cached_property
    def mail_requests(self) -> MailRequests:
        """Who works on requests for mail."""
        handlers = {RESET: self.reset.queue_mail, SIGN_UP: self.codes.queue_mail}
        return MailRequests(self.database, self.clock, handlers)

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
    def pictures(self) -> Pictures:
        """The profile pictures."""
        return Pictures(self.audit)

    @cached_property
    def own_profile(self) -> OwnProfile:
        """What signed-in people say about themselves."""
        return OwnProfile(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            profiles=Profiles(self.audit, self.ground.catalogues.languages()),
            pictures=self.pictures,
            sign_in=self.sign_in,
        )

    @cached_property
    def own_history(self) -> OwnHistory:
        """What happened to signed-in people's accounts."""
        return OwnHistory(database=self.database, audit=self.audit, sessions=self.sessions)

    @cached_property
    def own_data(self) -> OwnData:
        """What signed-in people take with them."""
        return OwnData(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            pictures=self.pictures,
            audit=self.audit,
            mail=self.mail,
            sessions=self.sessions,
            sign_in=self.sign_in,
        )

    @cached_property
    def runner(self) -> Runner:
        """The jobs."""
        tasks = Tasks(
            database=self.database,
            clock=self.clock,
            mail_requests=self.mail_requests,
            sender=self.sender,
            mail=self.mail,
            throttle=self.throttle,
            sessions=self.sessions,
            sign_in=self.sign_in,
            links=self.links,
            email_code=self.email_code,
            is_development=self.ground.is_development,
        )
        return Runner(tasks.jobs())

    @cached_property
    def mail_overview(self) -> MailOverview:
        """What operators see of the mail."""
        return MailOverview(database=self.database, clock=self.clock, mail=self.mail, audit=self.audit)

    @cached_property
    def people_import(self) -> PeopleImport:
        """The import of people from elsewhere."""
        return PeopleImport(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            password=self.password,
            audit=self.audit,
            languages=self.ground.catalogues.languages(),
        )

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
        if "breach_service" in built and self.breach_service is not None:
            await self.breach_service.close()
        await self.database.close()


async def open_house(
    settings: Settings,
    *,
    is_development: bool = False,
    clock: Clock | None = None,
    chance: Chance | None = None,
    limits: Limits | None = None,
) -> House:
    """Open what everything stands on, and a house on it. Raises Misconfigured with what to mend."""
    return House(await open_ground(settings, is_development=is_development, clock=clock, chance=chance, limits=limits))


def open_breach_service(settings: Settings) -> RangeService | None:
    """The breached-password service, if one is configured; whoever opens it closes it."""
    if not settings.breached_password_service:
        return None
    # Brings in httpx, and most deployments have no use for it: docs/decisions/0004-lazy-imports.md.
    from portico.factors.breach_service import BreachService

    return BreachService(settings.breached_password_service, settings.breached_password_service_timeout)
