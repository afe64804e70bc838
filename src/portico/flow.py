"""Wiring of the flow: signing in and up, resets, invitations, renewals, all around the one decision.

The services of the :class:`~portico.house.House` stand on these.
"""

from abc import ABC, abstractmethod
from functools import cached_property

from portico.foundations import Foundations
from portico.signin.accepting import Accepting
from portico.signin.account_creation import AccountCreation
from portico.signin.codes import Codes
from portico.signin.enrolling import Enrolling
from portico.signin.facts import Terms
from portico.signin.gather import Gatherer
from portico.signin.hand_off.service import HandOffs
from portico.signin.new_password import PasswordChange
from portico.signin.outcomes import Outcomes
from portico.signin.password_criteria import PasswordCriteria
from portico.signin.password_history import PasswordHistory
from portico.signin.phones import Phones
from portico.signin.renewal import Renewal
from portico.signin.reset import PasswordReset
from portico.signin.second_factors import SecondFactors
from portico.signin.service import SignIn
from portico.signin.setups import Setups
from portico.signin.sign_up import SignUp
from portico.signin.tries import Tries
from portico.signin.trusting import Trusting
from portico.signin.turns import Turns


class Flow(Foundations, ABC):
    """The services of the sign-in flow."""

    @abstractmethod
    def wake_mail(self) -> None:
        """Tell the job that works on requests for mail that there is one."""

    @cached_property
    def password_change(self) -> PasswordChange:
        """The one way in which a password is replaced."""
        return PasswordChange(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            audit=self.audit,
            notices=self.notices,
            password=self.password,
            reminders=self.reminders,
            criteria=self.password_criteria,
            screen=self.screen,
            throttle=self.throttle,
        )

    @cached_property
    def password_criteria(self) -> PasswordCriteria:
        """What a new password must be, for whom."""
        return PasswordCriteria(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            standings=self.standings,
            joining=self.joining,
        )

    @cached_property
    def password_history(self) -> PasswordHistory:
        """What forgets former passwords."""
        return PasswordHistory(clock=self.clock, password=self.password, criteria=self.password_criteria)

    @cached_property
    def gatherer(self) -> Gatherer:
        """Where the facts of a decision are found."""
        return Gatherer(
            accounts=self.accounts,
            password=self.password,
            email_code=self.email_code,
            standings=self.standings,
            joining=self.joining,
            passkeys=self.passkeys,
            enrollable=self.factors,
            reminders=self.reminders,
            terms=self.terms,
        )

    @cached_property
    def terms(self) -> Terms | None:
        """The terms people accept when they sign up, if there are any."""
        settings = self.settings
        return Terms(url=settings.terms_url, version=settings.terms_version) if settings.terms_url else None

    @cached_property
    def codes(self) -> Codes:
        """The codes mailed within attempts."""
        return Codes(
            accounts=self.accounts,
            mail=self.mail,
            notices=self.notices,
            throttle=self.throttle,
            email_code=self.email_code,
        )

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
            sessions=self.sessions,
            turns=self.turns,
            tries=self.tries,
            factors=self.factors,
            codes=self.codes,
            account_creation=AccountCreation(
                accounts=self.accounts,
                mail=self.mail,
                password=self.password,
                password_change=self.password_change,
                criteria=self.password_criteria,
                joining=self.joining,
                terms=self.terms,
            ),
            enrolling=self.enrolling,
            trusting=self.trusting,
            second_factors=self.second_factors,
            setups=self.setups,
            criteria=self.password_criteria,
            password_change=self.password_change,
            wake=self.wake_mail,
        )

    @cached_property
    def outcomes(self) -> Outcomes:
        """What finished attempts bring about."""
        return Outcomes(
            accounts=self.accounts,
            audit=self.audit,
            sessions=self.sessions,
            protection=self.protection,
            notices=self.notices,
            password=self.password,
            second_factors=self.second_factors,
            reminders=self.reminders,
        )

    @cached_property
    def second_factors(self) -> SecondFactors:
        """What happens to second factors beside the proving."""
        return SecondFactors(
            accounts=self.accounts,
            audit=self.audit,
            notices=self.notices,
            totp=self.totp,
            passkeys=self.passkeys,
            recovery_code=self.recovery_code,
            tries=self.tries,
        )

    @cached_property
    def setups(self) -> Setups:
        """What people are shown to set up."""
        ground = self.ground
        return Setups(
            keys=ground.keys,
            chance=self.chance,
            accounts=self.accounts,
            passkeys=self.passkeys,
            brand=ground.brand.name,
        )

    @cached_property
    def phones(self) -> Phones:
        """What phones would find on the pages of the demo."""
        return Phones(database=self.database, clock=self.clock, turns=self.turns)

    @cached_property
    def enrolling(self) -> Enrolling:
        """The answers by which second factors are set up."""
        return Enrolling(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            gatherer=self.gatherer,
            turns=self.turns,
            tries=self.tries,
            setups=self.setups,
            second_factors=self.second_factors,
        )

    @cached_property
    def trusting(self) -> Trusting:
        """The answers by which passkeys are made."""
        return Trusting(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            turns=self.turns,
            setups=self.setups,
            second_factors=self.second_factors,
            passkeys=self.passkeys,
            catalogues=self.ground.catalogues,
        )

    @cached_property
    def turns(self) -> Turns:
        """What every answer has in common."""
        return Turns(
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            gatherer=self.gatherer,
            joining=self.joining,
            criteria=self.password_criteria,
            outcomes=self.outcomes,
            setups=self.setups,
            codes=self.codes,
        )

    @cached_property
    def accepting(self) -> Accepting:
        """Accepting invitations."""
        return Accepting(
            database=self.database,
            clock=self.clock,
            accounts=self.accounts,
            acceptance=self.acceptance,
            sign_in=self.sign_in,
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
            wake=self.wake_mail,
            is_open=self.settings.sign_up == "open",
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
            sign_in=self.sign_in,
            grace=self.settings.expired_password_grace,
        )

    @cached_property
    def hand_offs(self) -> HandOffs:
        """The ways from an app to a page."""
        return HandOffs(
            database=self.database,
            clock=self.clock,
            chance=self.chance,
            accounts=self.accounts,
            audit=self.audit,
            turns=self.turns,
            sign_in=self.sign_in,
            criteria=self.password_criteria,
            password_change=self.password_change,
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
            criteria=self.password_criteria,
            sign_in=self.sign_in,
            wake=self.wake_mail,
            reset_links=self.reset_links,
        )
