"""Second factors come and go: what is recorded of it, and who is told (D14, D19, D22)."""

from datetime import datetime

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Transaction
from portico.factors.recovery_code import RecoveryCodeFactor
from portico.factors.totp import TotpFactor
from portico.mail.model import SecondFactorChanged
from portico.organizations.faults import NothingToDo
from portico.security.notices import SecurityNotices
from portico.sessions.devices import device_name
from portico.signin.situation import Visitor


class SecondFactors:
    """Whatever happens to somebody's second factors beside the proving."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        audit: Audit,
        notices: SecurityNotices,
        totp: TotpFactor,
        recovery_code: RecoveryCodeFactor,
    ) -> None:
        self._accounts = accounts
        self._audit = audit
        self._notices = notices
        self._totp = totp
        self._recovery_code = recovery_code

    async def add_totp(
        self, tx: Transaction, now: datetime, account: Account, secret: bytes, step: int, visitor: Visitor
    ) -> str | None:
        """Set an authenticator app up, a code of which was good for ``step``; None if there is one.

        Gives the id of the credential.
        """
        credential_id = await self._totp.enrol(tx, now, account.id, secret, step)
        if credential_id is not None:
            await self._note(tx, now, account, EventKind.FACTOR_ENROLLED, "totp_added", visitor)
        return credential_id

    async def remove_totp(self, tx: Transaction, now: datetime, account: Account, visitor: Visitor) -> None:
        """Forget the authenticator app, and the recovery code that went with it."""
        if await self._totp.remove(tx, account.id):
            await self._recovery_code.remove(tx, account.id)
            await self._note(tx, now, account, EventKind.FACTOR_REMOVED, "totp_removed", visitor)

    async def save_recovery_code(
        self, tx: Transaction, now: datetime, account: Account, code: str, visitor: Visitor, *, is_first: bool
    ) -> None:
        """Keep a recovery code. Of the first one only the trail tells, as of the factor it goes with a mail did."""
        was_another = await self._recovery_code.save(tx, now, account.id, code)
        mail = "" if is_first and not was_another else "recovery_code_new"
        await self._note(tx, now, account, EventKind.RECOVERY_CODE_SAVED, mail, visitor)

    async def note_recovery_code_used(self, tx: Transaction, now: datetime, account_id: str, visitor: Visitor) -> None:
        """Somebody came in by the recovery code."""
        account = await self._accounts.find_account(tx, account_id)
        if account is not None:
            await self._note(tx, now, account, EventKind.RECOVERY_CODE_USED, "recovery_code_used", visitor)

    async def reset(self, tx: Transaction, now: datetime, account: Account, *, recorded_as: Event) -> None:
        """Forget everything there is and end all that is open (D19); whoever calls tells the person.

        The next sign-in sets up anew where that is demanded. Raises NothingToDo where there is nothing.
        """
        removed = (await self._totp.remove(tx, account.id), await self._recovery_code.remove(tx, account.id))
        if not any(removed):
            raise NothingToDo("there is no second factor")
        await self._accounts.end_everything(tx, now, account.id, epoch=account.epoch)
        await self._audit.append(tx, now, recorded_as)

    async def _note(
        self, tx: Transaction, now: datetime, account: Account, kind: EventKind, mail: str, visitor: Visitor
    ) -> None:
        """Record what happened, and mail it to the person where ``mail`` says how that is worded."""
        session = visitor.signed_in.session if visitor.signed_in else None
        is_theirs = session is not None and session.account_id == account.id
        session_id = session.id if session is not None and is_theirs else None
        await self._audit.append(
            tx, now, Event(kind=kind, subject_id=account.id, actor_id=account.id, session_id=session_id)
        )
        if mail:
            device = device_name(visitor.user_agent)
            notice = SecondFactorChanged(handle=account.handle, at=now, device=device, what=mail)  # type: ignore[arg-type]
            await self._notices.send(tx, now, account, notice, language=visitor.language)
