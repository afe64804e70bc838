"""Codes that are mailed within an attempt: asked for here, made and queued by a job (D6, D18).

Asking writes the same rows whether the address belongs to anybody or not. The job looks that up: a free address is sent
a code and a link, a taken one a mail that says so, and its code is made all the same and thrown away, so that guessing
meets the same answers.
"""

from datetime import datetime

from portico.accounts.service import Accounts
from portico.database.engine import Transaction
from portico.factors.email_code import EmailCodeFactor
from portico.factors.model import CODE_LIFETIME
from portico.factors.proof import Failure, ProofKind
from portico.kernel.normalise import address_key
from portico.kernel.tokens import NOBODY
from portico.mail.model import AccountExists, EnrolmentCode, MailRequest, SignInCode, SignUpCode
from portico.mail.service import Mail
from portico.security.notices import SecurityNotices
from portico.signin import store
from portico.signin.attempt import Attempt, AttemptState
from portico.signin.steps import Prove, Step, VerifyEmail, VerifyReason
from portico.throttle.service import Throttle

SIGN_UP = "sign_up"
ENROLMENT = "enrolment"
SIGN_IN_CODE = "sign_in_code"


def kind_of(step: Step) -> str | None:
    """What a code is mailed for where a step asks for one; None where it does not."""
    match step:
        case VerifyEmail(why=why):
            return SIGN_UP if why is VerifyReason.SIGN_UP else ENROLMENT
        case Prove(kinds=kinds) if ProofKind.EMAIL_CODE in kinds:
            return SIGN_IN_CODE
        case _:
            return None


def begins_with_mail(step: Step) -> str | None:
    """The same where the code is mailed without being asked for: it is all there is to enter, or the default."""
    match step:
        case VerifyEmail(why=VerifyReason.ENROL):
            return ENROLMENT
        case Prove(kinds=kinds) if kinds[0] is ProofKind.EMAIL_CODE:
            return SIGN_IN_CODE
        case _:
            return None


class Codes:
    """Everything between asking for a code and its mail."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        mail: Mail,
        notices: SecurityNotices,
        throttle: Throttle,
        email_code: EmailCodeFactor,
    ) -> None:
        self._accounts = accounts
        self._notices = notices
        self._mail = mail
        self._throttle = throttle
        self._email_code = email_code

    async def request(self, tx: Transaction, now: datetime, attempt: Attempt, kind: str) -> None:
        """Ask for the first code of an attempt; ``kind`` is what for, one of those above."""
        await self._throttle.take_code_request(tx, now, attempt.id)
        await self._email_code.expect(tx, now, attempt.id)
        await self._add_request(tx, now, attempt, kind)

    async def request_first(self, tx: Transaction, now: datetime, attempt: Attempt, kind: str) -> None:
        """Ask for the first code of an attempt, unless one was asked for already."""
        if await self._email_code.find_code(tx, attempt.id) is None:
            await self.request(tx, now, attempt, kind)

    async def request_again(
        self, tx: Transaction, now: datetime, attempt: Attempt, network: str, kind: str
    ) -> Failure | None:
        """Ask for another code; why there is none now, or None."""
        if await self._email_code.find_code(tx, attempt.id) is None:
            await self.request(tx, now, attempt, kind)
            return None
        if not await self._email_code.expect_again(tx, now, attempt.id):
            return Failure(code="email_code.resend_too_soon")
        refused = await self._throttle.take_code_request(tx, now, attempt.id)
        refused = refused or await self._throttle.take_mail_request(tx, now, network)
        if refused is not None:
            minutes = -(-int((refused.until - now).total_seconds()) // 60)
            return Failure(code="email_code.resend_later", params={"count": max(1, minutes)})
        await self._add_request(tx, now, attempt, kind)
        return None

    async def queue_mail(self, tx: Transaction, request: MailRequest, now: datetime) -> None:
        """Make the code of a sign-up and queue its mail, or the mail that tells the owner of a taken address."""
        attempt = await store.find_attempt(tx, request.subject_id or "")
        if attempt is None or attempt.state is not AttemptState.OPEN or now >= attempt.expires_at:
            return
        if not await self._throttle.take_code_mail(tx, now, request.identifier_key):
            return
        issued = await self._email_code.issue(tx, now, attempt.id, attempt.expires_at)
        if issued is None:
            return
        account = await self._accounts.find_by_key(tx, request.identifier_key)
        if account is not None:
            message: AccountExists | SignUpCode = AccountExists(handle=account.handle)
            recipient, language = account.address, account.language or request.language
        else:
            message = SignUpCode(
                code=issued.code,
                link_token=issued.link_token,
                code_minutes=int(CODE_LIFETIME.total_seconds()) // 60,
                expires_at=issued.link_expires_at,
            )
            recipient, language = attempt.identifier, request.language
        await self._mail.add_mail(
            tx, now, message, recipient=recipient, language=language, account_id=account.id if account else None
        )

    async def queue_enrolment_mail(self, tx: Transaction, request: MailRequest, now: datetime) -> None:
        """Make the code that goes before a second factor is set up, and queue its mail to the account's own address."""
        await self._queue_for_account(tx, request, now, EnrolmentCode)

    async def queue_sign_in_mail(self, tx: Transaction, request: MailRequest, now: datetime) -> None:
        """Make the code that stands in for a second factor, and queue its mail to the account's own address."""
        await self._queue_for_account(tx, request, now, SignInCode)

    async def _queue_for_account(
        self, tx: Transaction, request: MailRequest, now: datetime, shape: type[EnrolmentCode | SignInCode]
    ) -> None:
        attempt = await store.find_attempt(tx, request.subject_id or "")
        if attempt is None or attempt.state is not AttemptState.OPEN or now >= attempt.expires_at:
            return
        account = await self._accounts.find_account(tx, attempt.account_id or NOBODY)
        if account is None or account.epoch != attempt.epoch:
            return
        if not await self._throttle.take_factor_mail(tx, now, account.id):
            return
        issued = await self._email_code.issue(tx, now, attempt.id, attempt.expires_at)
        if issued is not None:
            notice = shape(
                handle=account.handle, at=request.requested_at, code=issued.code, code_until=issued.code_expires_at
            )
            await self._notices.send(tx, now, account, notice, language=request.language)

    async def _add_request(self, tx: Transaction, now: datetime, attempt: Attempt, kind: str) -> None:
        await self._mail.add_request(
            tx,
            now,
            kind,
            identifier_key=address_key(attempt.identifier) or "",
            language=attempt.language,
            subject_id=attempt.id,
        )
