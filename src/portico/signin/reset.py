"""Password reset: asked for by anyone, mailed to the owner, finished by a link (D5, D6, D7).

Asking writes one row, the same for known and unknown names; a job looks the account up and queues the mail, so the
answer cannot tell who exists. Opening a link changes nothing; sending the new password burns it. A reset is an
attempt of its own purpose: it runs through the same decision, opens no session, and ends everything.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.factors.contract import MailedLinkAnswer, Subject
from portico.factors.mailed_link import LinkState, MailedLinkFactor
from portico.factors.model import own_data_of
from portico.factors.proof import Failure
from portico.kernel.clock import Clock
from portico.kernel.errors import Conflict, Throttled
from portico.kernel.normalise import identifier_key, one_line
from portico.mail.model import MailRequest
from portico.mail.service import Mail
from portico.security.reset_links import ResetLinks
from portico.signin import store
from portico.signin.answers import NewPasswordAnswer
from portico.signin.attempt import ClientKind, Purpose
from portico.signin.new_password import AskedMoreMeanwhile, PasswordChange
from portico.signin.password_criteria import PasswordCriteria
from portico.signin.service import SignIn
from portico.signin.situation import Beginning, Situation, Visitor
from portico.signin.steps import ChangePassword, Finished, Refused, RefusedReason
from portico.signin.turns import with_proof
from portico.throttle.service import Throttle

RESET = "password_reset"
_log = structlog.get_logger("portico.reset")


class OpenLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a link is worth now; the account only while it lives."""

    state: LinkState
    account: Account | None = None


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """How sending a new password went: done, or the link is gone, or the password cannot be taken."""

    link: LinkState = LinkState.LIVE
    failure: Failure | None = None
    account: Account | None = None
    is_done: bool = False
    refused: Refused | None = None


class PasswordReset:
    """Everything between "Forgot password?" and the success page."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        accounts: Accounts,
        audit: Audit,
        mail: Mail,
        throttle: Throttle,
        links: MailedLinkFactor,
        password_change: PasswordChange,
        criteria: PasswordCriteria,
        sign_in: SignIn,
        reset_links: ResetLinks,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the job that works on requests that there is one."""
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._audit = audit
        self._mail = mail
        self._throttle = throttle
        self._links = links
        self._password_change = password_change
        self._criteria = criteria
        self._sign_in = sign_in
        self._wake = wake
        self._reset_links = reset_links

    async def request(self, typed: str, visitor: Visitor) -> None:
        """Ask for a link. Writes the same row whoever is meant; raises Throttled when a network asks too often."""
        now = self._clock.now()
        key = identifier_key(one_line(typed)) or ""

        async def body(tx: Transaction) -> None:
            refused = await self._throttle.take_mail_request(tx, now, visitor.network)
            if refused is not None:
                raise Throttled(refused.until - now)
            await self._mail.add_request(tx, now, RESET, identifier_key=key, language=visitor.language)

        await self._database.transact(body)
        self._wake()

    async def queue_mail(self, tx: Transaction, request: MailRequest, now: datetime) -> None:
        """Look the account up and queue its mail: what becomes of a request (:mod:`portico.mail.requests`)."""
        account = await self._accounts.find_by_key(tx, request.identifier_key)
        if account is None or not await self._throttle.take_mail(tx, now, RESET, account.address_key):
            return
        await self._reset_links.send(tx, now, account, language=request.language)

    async def open_link(self, token: str) -> OpenLink:
        """What a link is worth, without using it: mail scanners open links too."""
        state, link = await self._links.find_link(self._database, token, self._clock.now())
        if link is None or state is not LinkState.LIVE:
            return OpenLink(state=state)
        account = await self._accounts.find_account(self._database, link.account_id)
        return OpenLink(state=state, account=account)

    async def finish(self, token: str, answer: NewPasswordAnswer, visitor: Visitor) -> Reset:
        """Burn the link and set the password, both or neither. Of many at once exactly one succeeds."""
        now = self._clock.now()
        mailed = MailedLinkAnswer(token=token)
        judgement = await self._links.judge(self._database, Subject(None), mailed, self._clock.now)
        if judgement.proof is None or judgement.account_id is None:
            return Reset(link=await self._refuse_link(token))
        account_id = judgement.account_id
        account = await self._accounts.find_account(self._database, account_id)
        asked = await self._criteria.get(account_id)
        # Compared with the present password only where an organization asks: a link tells, try by try, what that is.
        new = await self._password_change.choose(account_id, answer, own_data_of(account), asked, knows_present=False)
        if isinstance(new, Failure):
            return Reset(failure=new, account=account)
        beginning = Beginning(purpose=Purpose.RESET_PASSWORD, client_kind=ClientKind.BROWSER)
        attempt = self._sign_in.new_attempt(beginning, visitor, now)
        proven = with_proof(attempt, judgement.proof, judgement)

        async def body(tx: Transaction) -> Situation | None:
            if not await self._links.settle(tx, judgement, now):
                return None
            await store.add_attempt(tx, proven)
            situation = await self._sign_in.conclude(tx, proven, visitor, now)
            if not isinstance(situation.step, ChangePassword):
                return situation
            changed = await self._password_change.apply(tx, now, proven, new, visitor)
            return await self._sign_in.conclude(tx, changed, visitor, now)

        try:
            situation = await self._database.transact(body)
        except AskedMoreMeanwhile as more:  # the link was not used up: everything was rolled back
            return Reset(failure=more.failure, account=account)
        except Conflict:  # everything of the account was ended between two of our statements, the link with it
            situation = None
        refused = situation.step if situation is not None and isinstance(situation.step, Refused) else None
        if situation is None or (refused is not None and refused.reason is RefusedReason.ATTEMPT_OVER):
            return Reset(link=await self._refuse_link(token))  # somebody was faster: the link is worth nothing any more
        account = await self._accounts.find_account(self._database, account_id)
        return Reset(account=account, is_done=isinstance(situation.step, Finished), refused=refused)

    async def _refuse_link(self, token: str) -> LinkState:
        """Record that a dead link was used; gives why it is dead."""
        now = self._clock.now()
        state, link = await self._links.find_link(self._database, token, now)
        if link is None:  # anybody can make one up, so it is logged and not kept
            _log.warning("a made-up reset link")
            return LinkState.INVALID
        details = {"state": state.value}
        event = Event(kind=EventKind.RESET_LINK_REFUSED, subject_id=link.account_id, details=details)
        await self._database.transact(lambda tx: self._audit.append(tx, now, event))
        return LinkState.INVALID if state is LinkState.LIVE else state
