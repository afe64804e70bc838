"""Wiring of the services: each is built here, once, when it is first needed, and handed what it needs.

The properties of :class:`House` are the services; they stand on the :class:`~portico.ground.Ground`. The CLI works with
these; ``app`` puts the doors around them.
"""

from functools import cached_property

from portico.accounts.profile import Profiles
from portico.admin.audit import TrailReading
from portico.admin.people import PeopleInCharge
from portico.database.lease import Fenced, Lease
from portico.development.clinics import DemoClinics
from portico.development.people import DemoPeople
from portico.factors.erasure import erase_credentials
from portico.factors.resealing import Resealing
from portico.flow import Flow
from portico.ground import open_ground
from portico.jobs.runner import JOBS, Runner
from portico.jobs.tasks import QUEUE_MAILS, SEAL_EVERY, Tasks
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.tokens import new_id
from portico.mail.requests import MailRequests
from portico.my_account.address.service import ADDRESS_CHANGE, AddressChanges
from portico.my_account.authenticator.service import Authenticators
from portico.my_account.deletion.service import Deletions
from portico.my_account.export import OwnData
from portico.my_account.history import OwnHistory
from portico.my_account.organizations import Belongings
from portico.my_account.passkeys.service import OwnPasskeys
from portico.my_account.profile import OwnProfile
from portico.my_account.service import MyAccount
from portico.organizations.invitations.service import INVITATION, Invitations
from portico.settings import Settings
from portico.signin.codes import ENROLMENT, SIGN_IN_CODE, SIGN_UP
from portico.signin.erasure import erase_attempts
from portico.signin.reset import RESET
from portico.throttle.rates import Limits


class House(Flow):
    """Every service of a deployment, without doors."""

    @cached_property
    def mail_requests(self) -> MailRequests:
        """Who works on requests for mail."""
        handlers = {
            RESET: self.reset.queue_mail,
            SIGN_UP: self.codes.queue_mail,
            ENROLMENT: self.codes.queue_enrolment_mail,
            SIGN_IN_CODE: self.codes.queue_sign_in_mail,
            ADDRESS_CHANGE: self.address_changes.queue_mail,
            INVITATION: self.invitation_mail.queue_mail,
        }
        return MailRequests(self.database, self.clock, handlers)

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
            criteria=self.password_criteria,
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
            wake=self.wake_mail,
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
                self.invitations.erase,
                self.reminders.erase,
                lambda tx, account: self.mail.erase(
                    tx, account.id, account.address, (account.address_key, account.handle_key)
                ),
                erase_credentials,
                erase_attempts,
                lambda tx, account: self.audit.erase_reasons(tx, account.id),
                lambda tx, account: self.memberships.erase(tx, self.clock.now(), account),
                lambda tx, account: self.audit.erase(tx, account.id),  # the last: the others may record events
            ),
        )

    @cached_property
    def own_profile(self) -> OwnProfile:
        """What signed-in people say about themselves."""
        return OwnProfile(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            profiles=Profiles(self.audit, self.ground.catalogues.languages()),
            pictures=self.pictures,
            reminders=self.reminders,
            sign_in=self.sign_in,
        )

    @cached_property
    def own_history(self) -> OwnHistory:
        """What happened to signed-in people's accounts."""
        return OwnHistory(database=self.database, audit=self.audit, sessions=self.sessions)

    @cached_property
    def belongings(self) -> Belongings:
        """What signed-in people see of their organizations."""
        return Belongings(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            organizations=self.organizations,
            memberships=self.memberships,
            reminders=self.reminders,
            standings=self.standings,
        )

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
            reminders=self.reminders,
            sessions=self.sessions,
            sign_in=self.sign_in,
        )

    @cached_property
    def runner(self) -> Runner:
        """The jobs."""
        lease = Lease(
            self.database,
            self.clock,
            name=JOBS,
            holder=new_id(self.chance, self.clock.now()),
            span=self.settings.job_lease,
        )
        tasks = Tasks(
            database=self.database,
            own=Fenced(self.database, lease),
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
            invitations=self.invitations,
            reminding=self.reminding,
            reminders=self.reminders,
            password_history=self.password_history,
            resealing=self.resealing,
            is_development=self.ground.is_development,
            seal_every=min(SEAL_EVERY, self.settings.job_lease / 2),
        )
        return Runner(tasks.jobs(), lease)

    @cached_property
    def resealing(self) -> Resealing:
        """What lets sealed values follow the newest key."""
        return Resealing(self.ground.keys, self.totp)

    @cached_property
    def trail_reading(self) -> TrailReading:
        """The audit trail, for those who may read it."""
        return TrailReading(
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            organizations=self.organizations,
            authority=self.authority,
        )

    @cached_property
    def invitations(self) -> Invitations:
        """The invitations of organizations."""
        return Invitations(
            database=self.database,
            clock=self.clock,
            chance=self.chance,
            audit=self.audit,
            mail=self.mail,
            throttle=self.throttle,
            organizations=self.organizations,
            authority=self.authority,
            acceptance=self.acceptance,
            languages=self.ground.catalogues.languages(),
            wake=self.wake_mail,
        )

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
            second_factors=self.second_factors,
            wake=self.wake_mail,
        )

    @cached_property
    def authenticators(self) -> Authenticators:
        """The second factors of signed-in people, in their own hands."""
        return Authenticators(
            database=self.database,
            clock=self.clock,
            sign_in=self.sign_in,
            sessions=self.sessions,
            passkeys=self.passkeys,
            standings=self.standings,
            enrollable=self.factors,
            is_offered=self.settings.own_mfa == "on",
        )

    @cached_property
    def own_passkeys(self) -> OwnPasskeys:
        """What signed-in people say about their passkeys."""
        return OwnPasskeys(
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            sign_in=self.sign_in,
            sessions=self.sessions,
            passkeys=self.passkeys,
            authenticators=self.authenticators,
        )

    @cached_property
    def demo_clinics(self) -> DemoClinics:
        """The clinics of the demo."""
        return DemoClinics(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            organizations=self.organizations,
            domains=self.domains,
            policies=self.policies,
        )

    @cached_property
    def demo_people(self) -> DemoPeople:
        """The people of the demo."""
        return DemoPeople(
            database=self.database,
            clock=self.clock,
            chance=self.chance,
            accounts=self.accounts,
            password=self.password,
            totp=self.totp,
            recovery_code=self.recovery_code,
        )

    def wake_mail(self) -> None:
        """Tell the job that works on requests for mail that there is one."""
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
