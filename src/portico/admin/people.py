"""What admins do to people's accounts: those of the organization that manages the account, and operators (D19).

Each action needs the admin's own password, proven at that moment, and a reason; the trail keeps who and why, and the
person is told by mail. Any other organization's admin is refused: all they have is the membership.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

import msgspec

from portico.accounts.model import Account, AccountState
from portico.accounts.protection import Protection
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind, Reason, RecordedEvent
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.factors.password import PasswordFactor
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput, NotAllowed, NotFound, NotSignedIn, Throttled
from portico.kernel.normalise import one_line
from portico.kernel.tokens import is_id
from portico.mail.model import AdminActed
from portico.mail.service import Mail
from portico.my_account.step_up import get_signed_in, prove_password
from portico.organizations.authority import Authority
from portico.organizations.faults import NothingToDo, NotManaged, NotOnOneself, OwnersOnly
from portico.organizations.managing import find_managing
from portico.organizations.members.service import get_member
from portico.organizations.model import Organization, Role
from portico.organizations.rules import Actor, may_change
from portico.security.reset_links import ResetLinks
from portico.sessions.model import SignedIn
from portico.signin.facts import ChangeReason
from portico.signin.second_factors import SecondFactors
from portico.signin.service import SignIn
from portico.signin.situation import Visitor
from portico.throttle.service import Throttle

REASON_MAX = 500
_RESET_MAIL = "admin reset"
_RESET_AGAIN = timedelta(minutes=30)


class Action(StrEnum):
    """Everything that can be done to somebody's account."""

    SEND_RESET_LINK = "send-reset-link"
    FORCE_CHANGE = "force-password-change"
    END_SESSIONS = "end-sessions"
    SUSPEND = "suspend-account"
    RESUME = "resume-account"
    LIFT_FREEZE = "lift-freeze"
    RESET_MFA = "reset-mfa"


_KINDS = {
    Action.SEND_RESET_LINK: EventKind.RESET_SENT,
    Action.FORCE_CHANGE: EventKind.CHANGE_FORCED,
    Action.END_SESSIONS: EventKind.ENDED_BY_ADMIN,
    Action.SUSPEND: EventKind.ACCOUNT_DISABLED,
    Action.RESUME: EventKind.ACCOUNT_ENABLED,
    Action.LIFT_FREEZE: EventKind.FREEZE_LIFTED,
    Action.RESET_MFA: EventKind.MFA_RESET,
}
_Told = Literal["reset_link", "force_change", "end_sessions", "suspend", "resume", "lift_freeze", "reset_mfa"]
_TOLD: dict[Action, _Told] = {
    Action.SEND_RESET_LINK: "reset_link",
    Action.FORCE_CHANGE: "force_change",
    Action.END_SESSIONS: "end_sessions",
    Action.SUSPEND: "suspend",
    Action.RESUME: "resume",
    Action.LIFT_FREEZE: "lift_freeze",
    Action.RESET_MFA: "reset_mfa",
}


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """An account in somebody's charge for one action, and in whose name they act: None means the operators'."""

    account: Account
    organization: Organization | None
    is_operator: bool
    managing: Organization | None


class PeopleInCharge:
    """The accounts of an organization's people, in the hands of its admins."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        protection: Protection,
        audit: Audit,
        mail: Mail,
        throttle: Throttle,
        password: PasswordFactor,
        reset_links: ResetLinks,
        authority: Authority,
        sign_in: SignIn,
        second_factors: SecondFactors,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the job that sends mail that there is some."""
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._protection = protection
        self._audit = audit
        self._mail = mail
        self._throttle = throttle
        self._password = password
        self._reset_links = reset_links
        self._authority = authority
        self._sign_in = sign_in
        self._second_factors = second_factors
        self._wake = wake

    async def act(
        self,
        visitor: Visitor,
        action: Action,
        account_id: str,
        *,
        organization_id: str | None,
        current_password: str,
        reason: str,
    ) -> Failure | None:
        """Do something to somebody's account in an organization's name, or, without one, in the operators'.

        Gives why one's password was not taken, or None. Raises NotManaged, OwnersOnly, NotAllowed, NotFound,
        NotOnOneself, NothingToDo, OrganizationSuspended, Throttled, BadInput for a reason that is none.
        """
        signed_in, why = get_signed_in(visitor), one_line(reason)
        if not 1 <= len(why) <= REASON_MAX:
            raise BadInput(f"a reason of at most {REASON_MAX} characters is needed", field="reason")
        if account_id == signed_in.account.id:
            raise NotOnOneself("for others' accounts only")
        await self._database.transact(lambda tx: self._charge(tx, signed_in, organization_id, account_id))
        failure = await prove_password(self._sign_in, self._clock, visitor, current_password)
        if failure is not None:
            return failure
        now = self._clock.now()

        async def body(tx: Transaction) -> None:
            charge = await self._charge(tx, signed_in, organization_id, account_id)
            event = _event(action, charge, signed_in, why)
            language = charge.account.language or visitor.language
            await self._carry_out(tx, now, action, charge, event, language)
            await self._tell(tx, now, action, charge, language)

        await self._database.transact(body)
        self._wake()
        return None

    async def is_managed_by(self, account_id: str, organization_id: str) -> bool:
        """Whether an organization manages an account, so that its admins may act on it."""
        account = await self._accounts.find_account(self._database, account_id)
        managing = await find_managing(self._database, account) if account else None
        return managing is not None and managing.id == organization_id

    async def list_actions(self, organization_id: str, account_id: str) -> list[RecordedEvent]:
        """What was done to a member in the organization's name, and why, newest first; raises NotFound."""
        member = await get_member(self._database, organization_id, account_id)
        return await self._audit.list_reasoned(self._database, member.membership.account_id, organization_id)

    async def _charge(
        self, tx: Transaction, signed_in: SignedIn, organization_id: str | None, account_id: str
    ) -> Charge:
        """The account, if it is in the charge of whoever is signed in; looked at before and again while acting."""
        actor = Actor(account_id=signed_in.account.id, session_id=signed_in.session.id)
        themself = await self._accounts.find_account(tx, signed_in.account.id)
        if themself is None or themself.epoch != signed_in.session.epoch:
            raise NotSignedIn("everything of this account was ended meanwhile")
        if organization_id is None:
            await self._authority.require_operator(tx, actor)
            account = await self._get_account(tx, account_id)
            managing = await find_managing(tx, account)
            return Charge(account=account, organization=None, is_operator=True, managing=managing)
        held = await self._authority.hold(tx, actor, organization_id, Role.ADMIN)
        role = (await get_member(tx, organization_id, account_id)).membership.role
        account = await self._get_account(tx, account_id)
        managing = await find_managing(tx, account)
        if not held.by:
            _require_managing(held.organization, managing, account)
            if not may_change(held.role, role, role):
                raise OwnersOnly("for owners only")
        own = None if held.by else held.organization
        return Charge(account=account, organization=own, is_operator=bool(held.by), managing=managing)

    async def _get_account(self, tx: Transaction, account_id: str) -> Account:
        account = await self._accounts.find_account(tx, account_id) if is_id(account_id) else None
        if account is None:
            raise NotFound("no such account")
        return account

    async def _carry_out(  # noqa: C901 - one for each action
        self, tx: Transaction, now: datetime, action: Action, charge: Charge, event: Event, language: str
    ) -> None:
        """Change the account; each is one conditional statement, so that of two at once the second is told."""
        account = charge.account
        match action:
            case Action.SEND_RESET_LINK:
                await self._send_reset_link(tx, now, account, language, event)
            case Action.FORCE_CHANGE:
                if not await self._password.force_change(tx, account.id, ChangeReason.FORCED.value):
                    raise NothingToDo("no password that could be changed")
                await self._audit.append(tx, now, event)
            case Action.END_SESSIONS:
                await self._accounts.end_everything(tx, now, account.id, epoch=account.epoch)
                await self._audit.append(tx, now, event)
            case Action.SUSPEND:
                if not await self._accounts.set_state(tx, now, account.id, AccountState.DISABLED, recorded_as=event):
                    raise NothingToDo("it is suspended already")
            case Action.RESUME:
                await self._resume(tx, now, charge, event)
            case Action.LIFT_FREEZE:
                if not await self._protection.lift_freeze(tx, now, account.id, recorded_as=event):
                    raise NothingToDo("it is not frozen")
            case Action.RESET_MFA:
                await self._second_factors.reset(tx, now, account, recorded_as=event)

    async def _send_reset_link(
        self, tx: Transaction, now: datetime, account: Account, language: str, event: Event
    ) -> None:
        """Mail the person a link; nobody else ever sees it. Nobody's mailbox is filled."""
        if account.state is not AccountState.ACTIVE:
            raise NothingToDo("it is not active, so a password would open nothing")
        if not await self._throttle.take_mail(tx, now, _RESET_MAIL, account.address_key):
            raise Throttled(_RESET_AGAIN, "too many links to one address")
        await self._reset_links.send(tx, now, account, language=language, recorded_as=event)

    async def _resume(self, tx: Transaction, now: datetime, charge: Charge, event: Event) -> None:
        """Let a suspended account be used again. What operators have suspended, only they resume."""
        account = charge.account
        if not charge.is_operator and account.state is AccountState.DISABLED:
            kinds = (EventKind.ACCOUNT_DISABLED,)
            newest = await self._audit.list_history(tx, account.id, kinds, limit=1)
            if not newest or newest[0].event.details.get("by") != "admin":
                raise NotAllowed("suspended by operators")
        if not await self._accounts.set_state(tx, now, account.id, AccountState.ACTIVE, recorded_as=event):
            raise NothingToDo("it is not suspended")

    async def _tell(self, tx: Transaction, now: datetime, action: Action, charge: Charge, language: str) -> None:
        account, organization = charge.account, charge.organization
        notice = AdminActed(
            handle=account.handle,
            at=now,
            action=_TOLD[action],
            organization=organization.name if organization else None,
            time_zone=account.time_zone,
        )
        await self._mail.add_mail(tx, now, notice, recipient=account.address, language=language, account_id=account.id)


def _require_managing(organization: Organization, managing: Organization | None, account: Account) -> None:
    """Raises NotManaged where an account is another organization's, nobody's, or an operator's."""
    if managing is None or managing.id != organization.id:
        raise NotManaged("another organization manages the account, or none")
    if account.is_operator:
        raise NotManaged("operators manage operators")


def _event(action: Action, charge: Charge, signed_in: SignedIn, why: str) -> Event:
    """What the trail keeps: who did it to whom, in which capacity, in which organization's name, and why."""
    concerned = charge.organization or charge.managing
    return Event(
        kind=_KINDS[action],
        subject_id=charge.account.id,
        actor_id=signed_in.account.id,
        session_id=signed_in.session.id,
        details={"by": "operator" if charge.is_operator else "admin"},
        organizations=(concerned.id,) if concerned else (),
        reason=Reason(why, charge.organization.id if charge.organization else None),
    )
