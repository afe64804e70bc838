"""Wiring of the lower services: mail, accounts, factors, sessions, security.

Those of the :class:`~portico.house.House` stand on them. Each is built once, when it is first needed.
"""

from functools import cached_property

from portico.accounts.model import Account
from portico.accounts.people import KnownPeople
from portico.accounts.pictures import Pictures
from portico.accounts.protection import Protection
from portico.accounts.service import Accounts
from portico.audit.service import Audit
from portico.database.engine import Reader
from portico.factors.breach_filter import BreachFilter
from portico.factors.common_passwords import CommonPasswords
from portico.factors.contract import Factor
from portico.factors.email_code import EmailCodeFactor
from portico.factors.hashing import Argon2Parameters, Hasher
from portico.factors.mailed_link import MailedLinkFactor
from portico.factors.passkeys.factor import PasskeyFactor
from portico.factors.passkeys.model import RelyingParty, can_have_passkeys
from portico.factors.password import PasswordFactor
from portico.factors.proof import ProofKind
from portico.factors.recovery_code import RecoveryCodeFactor
from portico.factors.screening import PasswordScreen, RangeService
from portico.factors.totp import TotpFactor
from portico.ground import Ground
from portico.mail.maildir import MaildirTransport
from portico.mail.sender import Sender
from portico.mail.service import Mail
from portico.mail.smtp import SmtpSettings, SmtpTransport
from portico.mail.stationery import Stationery
from portico.mail.transports import Transport
from portico.operators.service import MailOverview
from portico.organizations.authority import Authority
from portico.organizations.changes import OrganizationChanges
from portico.organizations.domains.lookup import DnsRecords
from portico.organizations.domains.service import Domains
from portico.organizations.invitations.acceptance import Acceptance
from portico.organizations.invitations.mailing import InvitationMail
from portico.organizations.members.service import Memberships
from portico.organizations.policies.service import Policies
from portico.organizations.policies.standing import PolicyStamps, Standings
from portico.organizations.policy import PolicyFields
from portico.organizations.service import Organizations
from portico.people_import.service import PeopleImport
from portico.reminders.reminding import Reminding
from portico.reminders.service import Reminders
from portico.security.notices import SecurityNotices
from portico.security.reset_links import ResetLinks
from portico.security.service import SecurityLinks
from portico.sessions.model import SessionLengths
from portico.sessions.service import Sessions
from portico.settings import Settings
from portico.signin.joining import Joining
from portico.throttle.service import Throttle


class Foundations:
    """The services that every way in needs."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.settings = ground.settings
        self.database = ground.database
        self.clock = ground.clock
        self.chance = ground.chance

    @cached_property
    def audit(self) -> Audit:
        """The audit trail."""
        return Audit(self.chance, KnownPeople())

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
    def pictures(self) -> Pictures:
        """The profile pictures."""
        return Pictures(self.audit)

    @cached_property
    def organizations(self) -> Organizations:
        """The organizations and who belongs to them."""
        return Organizations(chance=self.chance, accounts=self.accounts, audit=self.audit)

    @cached_property
    def acceptance(self) -> Acceptance:
        """What invitations are worth, and their acceptance."""
        return Acceptance(accounts=self.accounts, audit=self.audit, organizations=self.organizations)

    @cached_property
    def joining(self) -> Joining:
        """What decides about invitations."""
        return Joining(accounts=self.accounts, acceptance=self.acceptance)

    @cached_property
    def invitation_mail(self) -> InvitationMail:
        """The mails of invitations."""
        return InvitationMail(chance=self.chance, accounts=self.accounts, mail=self.mail, acceptance=self.acceptance)

    @cached_property
    def authority(self) -> Authority:
        """Who may change something in an organization."""

        async def find_signed_in(reader: Reader, session_id: str) -> Account | None:
            found = await self.sessions.find_session(reader, session_id, self.clock.now())
            return found.account if found else None

        return Authority(find_signed_in)

    @cached_property
    def organization_changes(self) -> OrganizationChanges:
        """What operators and owners do to organizations."""
        return OrganizationChanges(
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            organizations=self.organizations,
            authority=self.authority,
        )

    @cached_property
    def memberships(self) -> Memberships:
        """Who belongs to organizations."""
        return Memberships(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            audit=self.audit,
            organizations=self.organizations,
            authority=self.authority,
        )

    @cached_property
    def domains(self) -> Domains:
        """The organizations' domains."""
        return Domains(
            database=self.database,
            clock=self.clock,
            chance=self.chance,
            audit=self.audit,
            authority=self.authority,
            records=DnsRecords(self.settings.dns_server),
        )

    @cached_property
    def standings(self) -> Standings:
        """What is asked of people; of everybody what the settings say."""
        settings = self.settings
        own = PolicyFields(min_length=settings.password_min_length, composition=settings.password_composition)
        return Standings(own)

    @cached_property
    def reminders(self) -> Reminders:
        """When passwords expire, and who was reminded of that."""
        return Reminders(
            database=self.database,
            clock=self.clock,
            mail=self.mail,
            organizations=self.organizations,
            password=self.password,
            standings=self.standings,
        )

    @cached_property
    def reminding(self) -> Reminding:
        """Who reminds them."""
        return Reminding(
            database=self.database,
            clock=self.clock,
            chance=self.chance,
            accounts=self.accounts,
            audit=self.audit,
            mail=self.mail,
            password=self.password,
            standings=self.standings,
            reminders=self.reminders,
            time_zone=self.settings.default_time_zone,
        )

    @cached_property
    def policies(self) -> Policies:
        """What organizations ask, as their admins know it."""
        settings = self.settings
        return Policies(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            organizations=self.organizations,
            authority=self.authority,
            audit=self.audit,
            has_breach_source=bool(settings.breached_password_service or settings.breached_password_filter),
        )

    @cached_property
    def policy_stamps(self) -> PolicyStamps:
        """What sessions have to have met."""
        return PolicyStamps(self.database, self.standings)

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
            reset_links=self.reset_links,
        )

    @cached_property
    def reset_links(self) -> ResetLinks:
        """The mails with a link for choosing a new password."""
        return ResetLinks(
            audit=self.audit, mail=self.mail, links=self.links, lifetime=self.settings.reset_link_lifetime
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
        return PasswordFactor(self.hasher, self.chance)

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
    def totp(self) -> TotpFactor:
        """The authenticator app factor."""
        return TotpFactor(self.ground.keys, self.chance)

    @cached_property
    def recovery_code(self) -> RecoveryCodeFactor:
        """The recovery code factor."""
        return RecoveryCodeFactor(self.chance)

    @cached_property
    def factors(self) -> dict[ProofKind, Factor]:
        """What judges answers, by the kind of proof it gives."""
        factors: dict[ProofKind, Factor] = {
            ProofKind.PASSWORD: self.password,
            ProofKind.EMAIL_CODE: self.email_code,
            ProofKind.TOTP: self.totp,
            ProofKind.RECOVERY_CODE: self.recovery_code,
        }
        if can_have_passkeys(self.settings.passkey_host):
            factors[ProofKind.PASSKEY] = self.passkeys
        return factors

    @cached_property
    def passkeys(self) -> PasskeyFactor:
        """The passkey factor."""
        settings = self.settings
        party = RelyingParty(id=settings.passkey_host, name=self.ground.brand.name, origin=settings.base_url.origin)
        return PasskeyFactor(party, self.chance)

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
    def mail_overview(self) -> MailOverview:
        """What operators see of the mail."""
        return MailOverview(
            database=self.database, clock=self.clock, mail=self.mail, audit=self.audit, authority=self.authority
        )

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


def open_breach_service(settings: Settings) -> RangeService | None:
    """The breached-password service, if one is configured; whoever opens it closes it."""
    if not settings.breached_password_service:
        return None
    # Brings in httpx, and most deployments have no use for it: docs/decisions/0004-lazy-imports.md.
    from portico.factors.breach_service import BreachService

    return BreachService(settings.breached_password_service, settings.breached_password_service_timeout)
