"""Second factors come and go: what is recorded of it, and who is told (D14, D19, D22)."""

from collections.abc import Iterable
from datetime import datetime

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Transaction
from portico.factors.methods import list_enrolled
from portico.factors.passkeys import devices
from portico.factors.passkeys.factor import PasskeyFactor
from portico.factors.passkeys.model import NewPasskey
from portico.factors.proof import Failure, Proof, ProofKind
from portico.factors.recovery_code import RecoveryCodeFactor
from portico.factors.totp import TotpFactor
from portico.kernel.tokens import NOBODY
from portico.mail.model import SecondFactorChanged
from portico.organizations.faults import NothingToDo
from portico.security.notices import SecurityNotices
from portico.sessions.devices import device_name
from portico.signin.attempt import Attempt
from portico.signin.second_factor.rules import FACTORS
from portico.signin.situation import Visitor
from portico.signin.tries import Tries


class SecondFactors:
    """Whatever happens to somebody's second factors beside the proving."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        audit: Audit,
        notices: SecurityNotices,
        totp: TotpFactor,
        passkeys: PasskeyFactor,
        recovery_code: RecoveryCodeFactor,
        tries: Tries,
    ) -> None:
        self._accounts = accounts
        self._audit = audit
        self._notices = notices
        self._totp = totp
        self._tries = tries
        self._passkeys = passkeys
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
        """Forget the authenticator app; and the recovery code, if it was the last factor the code went with."""
        if await self._totp.remove(tx, account.id):
            await self._forget_code_of_none(tx, account.id)
            await self._note(tx, now, account, EventKind.FACTOR_REMOVED, "totp_removed", visitor)

    async def add_passkey(
        self,
        tx: Transaction,
        now: datetime,
        account: Account,
        new: NewPasskey,
        visitor: Visitor,
        *,
        handle: bytes,
        name: str,
    ) -> str | Failure:
        """Set a passkey up; gives its id, or why it is not taken."""
        added = await self._passkeys.enrol(tx, now, account.id, new, handle=handle, name=name)
        if isinstance(added, str):
            await self._note(tx, now, account, EventKind.PASSKEY_ADDED, "passkey_added", visitor)
        return added

    async def remove_passkey(
        self, tx: Transaction, now: datetime, account: Account, passkey_id: str, visitor: Visitor
    ) -> None:
        """Forget a passkey; and the recovery code, if it was the last factor the code went with."""
        if await self._passkeys.remove(tx, account.id, passkey_id):
            await self._forget_code_of_none(tx, account.id)
            await self._note(tx, now, account, EventKind.PASSKEY_REMOVED, "passkey_removed", visitor)

    async def save_recovery_code(
        self, tx: Transaction, now: datetime, account: Account, code: str, visitor: Visitor, *, is_first: bool
    ) -> None:
        """Keep a recovery code. Of the first one only the trail tells, as of the factor it goes with a mail did."""
        was_another = await self._recovery_code.save(tx, now, account.id, code)
        mail = "" if is_first and not was_another else "recovery_code_new"
        await self._note(tx, now, account, EventKind.RECOVERY_CODE_SAVED, mail, visitor)

    async def note_proven(
        self, tx: Transaction, now: datetime, attempt: Attempt, proof: Proof, visitor: Visitor
    ) -> None:
        """What follows from a proof: the recovery code is told about, and a passkey is known to work on this device."""
        account = await self._accounts.find_account(tx, attempt.account_id or NOBODY)
        if account is None:
            return
        if proof.kind is ProofKind.RECOVERY_CODE:
            await self._note(tx, now, account, EventKind.RECOVERY_CODE_USED, "recovery_code_used", visitor)
        if proof.kind is ProofKind.PASSKEY and proof.credential and attempt.device_hash:
            await devices.trust(tx, now, account.id, attempt.device_hash, proof.credential)

    async def vouch(self, tx: Transaction, now: datetime, proofs: Iterable[Proof]) -> None:
        """A passkey that was proven together with another second factor counts from now on as if it were new."""
        proofs = tuple(proofs)
        if any(proof.kind in (ProofKind.TOTP, ProofKind.RECOVERY_CODE) for proof in proofs):
            for proof in proofs:
                if proof.kind is ProofKind.PASSKEY and proof.credential:
                    await self._passkeys.vouch(tx, proof.credential, now)

    async def reset(self, tx: Transaction, now: datetime, account: Account, *, recorded_as: Event) -> None:
        """Forget everything there is and end all that is open (D19); whoever calls tells the person.

        The next sign-in sets up anew where that is demanded. Raises NothingToDo where there is nothing.
        """
        removed = (
            await self._totp.remove(tx, account.id),
            await self._passkeys.remove_all(tx, account.id),
            await self._recovery_code.remove(tx, account.id),
        )
        if not any(removed):
            raise NothingToDo("there is no second factor")
        await self._tries.forgive_factors(tx, account.id)
        await self._accounts.end_everything(tx, now, account.id, epoch=account.epoch)
        await self._audit.append(tx, now, recorded_as)

    async def _forget_code_of_none(self, tx: Transaction, account_id: str) -> None:
        """A recovery code is nothing by itself: it goes with the last factor."""
        kinds = {credential.kind for credential in await list_enrolled(tx, account_id)}
        if FACTORS.isdisjoint(kinds):
            await self._recovery_code.remove(tx, account_id)

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
