"""Wiring of the services: each is built here, once, when it is first needed, and handed what it needs.

The properties of :class:`House` are the services; they stand on the :class:`~portico.ground.Ground`. The CLI works with
these; ``app`` puts the doors around them.
"""

from functools import cached_property

from portico.accounts.pictures import Pictures
from portico.accounts.profile import Profiles
from portico.admin.people import PeopleInCharge
from portico.development.people import DemoPeople
from portico.factors.erasure import erase_credentials
from portico.foundations import Foundations
from portico.ground import open_ground
from portico.jobs.runner import Runner
from portico.jobs.tasks import QUEUE_MAILS, Tasks
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.mail.requests import MailRequests
from portico.my_account.address.service import ADDRESS_CHANGE, AddressChanges
from portico.my_account.deletion.service import Deletions
from portico.my_account.export import OwnData
from portico.my_account.history import OwnHistory
from portico.my_account.profile import OwnProfile
from portico.my_account.service import MyAccount
from portico.operators.service import MailOverview
from portico.people_import.service import PeopleImport
from portico.settings import Settings
from portico.signin.account_creation import AccountCreation
from portico.signin.codes import SIGN_UP, Codes
from portico.signin.erasure import erase_attempts
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


class House(Foundations):
    """Every service of a deployment, without doors."""

    @cached_property
    def password_change(self) -> PasswordChange:
        """The one way in which a password is replaced."""
        return PasswordChange(
            accounts=self.accounts,
            audit=self.audit,
            notices=self.notices,
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
            factors=self.factors,
            codes=self.codes,
            account_creation=AccountCreation(
                accounts=self.accounts,
                mail=self.mail,
                password=self.password,
                password_change=self.password_change,
                terms=self.terms,
            ),
            gatherer=self.gatherer,
            outcomes=Outcomes(self.accounts, self.sessions, self.protection, self.notices),
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
        handlers = {
            RESET: self.reset.queue_mail,
            SIGN_UP: self.codes.queue_mail,
            ADDRESS_CHANGE: self.address_changes.queue_mail,
        }
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
            reset_links=self.reset_links,
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
            memberships=self.memberships,
            erasers=(
                self.sessions.erase,
                self.security.erase,
                self.address_changes.erase,
                lambda tx, account: self.mail.erase(
                    tx, account.id, account.address, (account.address_key, account.handle_key)
                ),
                erase_credentials,
                erase_attempts,
                lambda tx, account: self.audit.erase_reasons(tx, account.id),
                lambda tx, account: self.memberships.erase(tx, self.clock.now(), account),
            ),
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
            address_changes=self.address_changes,
            deletions=self.deletions,
            security=self.security,
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
    def people_in_charge(self) -> PeopleInCharge:
        """What admins do to people's accounts."""
        return PeopleInCharge(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            protection=self.protection,
            audit=self.audit,
            mail=self.mail,
            throttle=self.throttle,
            password=self.password,
            reset_links=self.reset_links,
            authority=self.authority,
            sign_in=self.sign_in,
            wake=self._wake_mail,
        )

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
