"""Changing one's address: asked for by somebody proven, confirmed at both mailboxes, void with any ending (D22).

Asking writes one row and one request for mail, the same whoever has the new address; a job looks that up. Codes are six
digits, ten minutes, five tries in all, newest only (D18).
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial

import msgspec

from portico.accounts.model import Account
from portico.accounts.protection import Protection
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.factors.model import CODE_LIFETIME, CODE_TRIES, RESEND_AFTER
from portico.factors.proof import Failure
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.errors import Conflict, NotFound, NotSignedIn, Throttled
from portico.kernel.normalise import address_key, one_line
from portico.kernel.sealing import SealingKeys
from portico.kernel.tokens import new_id
from portico.mail.model import AddressChangeAsked, AddressTaken, MailRequest, NewAddressCode
from portico.mail.service import Mail
from portico.my_account.address import store
from portico.my_account.address.completion import Completion
from portico.my_account.address.model import (
    LIFETIME,
    WAITING,
    AddressChange,
    ChangeState,
    Side,
)
from portico.my_account.step_up import get_signed_in, prove_password
from portico.security.notices import SecurityNotices
from portico.security.rules import may_change_without_mailbox
from portico.sessions.devices import device_name
from portico.sessions.model import BrowserToken, SignedIn
from portico.sessions.service import Sessions
from portico.signin.service import SignIn
from portico.signin.situation import Visitor
from portico.throttle.service import Throttle

ADDRESS_CHANGE = "address_change"
_PURPOSE = "address change code"
_NOT_DIGITS = re.compile(r"[^0-9]+")
_SWEEP_AFTER = LIFETIME * 24
_SWEEP_BATCH = 5_000


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """How typing codes went. ``failures`` says what was wrong, field by field; what was right is kept all the same.

    ``is_done``: the address is replaced, and a browser's session goes on under another secret.
    """

    failures: tuple[Failure, ...] = ()
    is_done: bool = False
    browser: BrowserToken | None = None


class AddressChanges:
    """One's own address, changed."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        chance: Chance,
        keys: SealingKeys,
        accounts: Accounts,
        protection: Protection,
        audit: Audit,
        mail: Mail,
        notices: SecurityNotices,
        throttle: Throttle,
        sessions: Sessions,
        sign_in: SignIn,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the job that works on requests for mail that there is one."""
        self._database = database
        self._clock = clock
        self._chance = chance
        self._keys = keys
        self._accounts = accounts
        self._audit = audit
        self._mail = mail
        self._notices = notices
        self._throttle = throttle
        self._sessions = sessions
        self._sign_in = sign_in
        self._wake = wake
        self._completion = Completion(
            database=database,
            clock=clock,
            accounts=accounts,
            protection=protection,
            audit=audit,
            mail=mail,
            notices=notices,
        )
        self.remind = self._completion.remind
        self.apply_due = self._completion.apply_due

    async def find_open(self, signed_in: SignedIn) -> AddressChange | None:
        """The change on its way, if there is one."""
        since = self._clock.now() - LIFETIME
        return await store.find_open(self._database, signed_in.account.id, since)

    def find_freeze(self, signed_in: SignedIn) -> datetime | None:
        """Until when no change can be asked for, where "This was not me" bars it now (D22)."""
        account = signed_in.account
        return account.frozen_until if account.is_frozen(self._clock.now()) else None

    async def begin(
        self, visitor: Visitor, current_password: str, typed: str, *, without_mailbox: bool = False
    ) -> Failure | None:
        """Ask for a change of address; why it cannot be, or None. Whoever has the new address, the answer is the same.

        ``without_mailbox``: the old mailbox is lost; the session's proofs must make up for it. Raises Throttled.
        """
        signed_in = get_signed_in(visitor)
        failure = await self._find_failure(signed_in, typed, without_mailbox=without_mailbox)
        if failure is None:
            failure = await prove_password(self._sign_in, self._clock, visitor, current_password)
        if failure is not None:
            return failure
        now = self._clock.now()
        change = self._new_change(visitor, typed, now, without_mailbox=without_mailbox)

        async def body(tx: Transaction) -> None:
            account = await self._accounts.find_account(tx, change.account_id)
            if account is None or account.epoch != change.epoch or account.is_frozen(now):
                raise NotSignedIn("everything of this account was ended meanwhile")
            await self._ask(tx, now, account)
            await store.cancel_open(tx, account.id, now)
            await store.add_change(tx, change)
            await self._request_mail(tx, now, account, change, visitor.language)
            event = Event(kind=EventKind.ADDRESS_CHANGE_ASKED, subject_id=account.id, actor_id=account.id)
            await self._audit.append(tx, now, event)

        await self._database.transact(body)
        self._wake()
        return None

    async def send_again(self, visitor: Visitor) -> Failure | None:
        """Mail new codes in place of the old ones; why not, or None. Raises NotFound, or Throttled."""
        signed_in, now = get_signed_in(visitor), self._clock.now()
        change = await self.find_open(signed_in)
        if change is None or change.state is not ChangeState.CODES or change.tries_left <= 0:
            raise NotFound("no codes to send again")
        if now - change.requested_at < RESEND_AFTER:
            return Failure(code="my_account.address.too_soon")

        async def body(tx: Transaction) -> bool:
            await self._ask(tx, now, signed_in.account)
            if not await store.renew_codes(tx, change, now, now + CODE_LIFETIME):
                return False
            await self._mail.drop_mails(tx, now, change.account_id, [AddressChangeAsked, NewAddressCode])
            await self._request_mail(tx, now, signed_in.account, change, visitor.language)
            return True

        if await self._database.transact(body):
            self._wake()
        return None

    async def confirm(self, visitor: Visitor, old_code: str, new_code: str) -> Confirmed:
        """Give the codes one has, one or both. A try is taken before anything is compared, given back if all is right.

        With the last code that is needed the address is replaced, or the wait begins.
        """
        signed_in, now = get_signed_in(visitor), self._clock.now()
        found = await self.find_open(signed_in)
        if found is None or found.state is not ChangeState.CODES or found.epoch != signed_in.session.epoch:
            return Confirmed(failures=(Failure(code="my_account.address.over"),))
        typed: dict[Side, str] = {"old": _digits(old_code), "new": _digits(new_code)}
        given = [side for side in typed if typed[side] and found.is_asked(side)]
        if not given:
            field = "old_code" if found.is_asked("old") else "new_code"
            return Confirmed(failures=(Failure(code="my_account.address.code.missing", field=field),))
        change = await self._database.transact(lambda tx: store.take_try(tx, found.id, now))
        if change is None:
            return Confirmed(failures=(Failure(code=_why_no_try(found, now)),))
        right = [side for side in given if self._is_code(change, side, typed[side])]
        body = partial(self._keep, now, change, given, right, signed_in)
        try:
            return await self._database.transact(body)
        except Conflict:  # the address was taken, or everything ended, between two of our statements: look again
            return await self._database.transact(body)

    async def cancel(self, signed_in: SignedIn) -> bool:
        """Take the change back that is on its way; False if there was none."""
        now, account_id = self._clock.now(), signed_in.account.id

        async def body(tx: Transaction) -> bool:
            if not await store.cancel_open(tx, account_id, now):
                return False
            await self._mail.drop_mails(tx, now, account_id, [AddressChangeAsked, NewAddressCode])
            event = Event(kind=EventKind.ADDRESS_CHANGE_CANCELLED, subject_id=account_id, actor_id=account_id)
            await self._audit.append(tx, now, event)
            return True

        return await self._database.transact(body)

    async def queue_mail(self, tx: Transaction, request: MailRequest, now: datetime) -> None:
        """Draw the codes and mail them: what becomes of a request (:mod:`portico.mail.requests`).

        A new address that belongs to somebody gets a notice instead of a code; a code that nobody knows is kept for it,
        so that the change looks the same.
        """
        change = await store.find_change(tx, request.subject_id or "")
        account = await self._accounts.find_account(tx, change.account_id) if change else None
        if change is None or account is None or now >= change.expires_at:
            return
        codes: dict[Side, str] = {"old": self._draw_code(), "new": self._draw_code()}
        macs = {side: self._keys.mac(_data(change, side, code), purpose=_PURPOSE) for side, code in codes.items()}
        if not await store.set_codes(tx, change, macs["old"], macs["new"]):
            return
        if change.is_asked("old"):
            notice = AddressChangeAsked(
                handle=account.handle,
                at=change.requested_at,
                device=change.device,
                new_address=change.new_address,
                code=codes["old"],
                code_until=change.expires_at,
            )
            await self._notices.send(tx, now, account, notice, language=request.language)
        if change.is_asked("new") and await self._throttle.take_code_mail(tx, now, change.new_address_key):
            await self._mail_new(tx, now, account, change, codes["new"], request.language)

    async def erase(self, tx: Transaction, account: Account) -> None:
        """Delete the changes of an account that is being erased."""
        await store.erase(tx, account.id, account.address_key)

    async def sweep(self, tx: Transaction, now: datetime) -> int:
        """Delete changes that were over a day ago."""
        return await store.sweep(tx, now - _SWEEP_AFTER, _SWEEP_BATCH)

    async def _find_failure(self, signed_in: SignedIn, typed: str, *, without_mailbox: bool) -> Failure | None:
        """Why a change cannot even be asked for. Looks at nobody else's account."""
        account, key = signed_in.account, address_key(typed)
        if account.is_frozen(self._clock.now()):
            return Failure(code="my_account.address.frozen")
        if without_mailbox and not may_change_without_mailbox(signed_in.session.proofs, account):
            return Failure(code="my_account.address.needs_administrator")
        if key is None:
            return Failure(code="my_account.address.impossible", field="new_address")
        if key == account.address_key:
            return Failure(code="my_account.address.same", field="new_address")
        found = await self.find_open(signed_in)
        return Failure(code="my_account.address.waits_already") if found and found.state in WAITING else None

    def _new_change(self, visitor: Visitor, typed: str, now: datetime, *, without_mailbox: bool) -> AddressChange:
        signed_in = get_signed_in(visitor)
        return AddressChange(
            id=new_id(self._chance, now),
            account_id=signed_in.account.id,
            epoch=signed_in.session.epoch,
            state=ChangeState.CODES,
            old_address=signed_in.account.address,
            new_address=one_line(typed),
            new_address_key=address_key(typed) or "",
            old_code_mac=None,
            new_code_mac=None,
            old_confirmed_at=None,
            new_confirmed_at=None,
            tries_left=CODE_TRIES,
            without_mailbox=without_mailbox,
            device=device_name(visitor.user_agent),
            effective_at=None,
            requested_at=now,
            expires_at=now + CODE_LIFETIME,
        )

    async def _ask(self, tx: Transaction, now: datetime, account: Account) -> None:
        """Take one of the codes an account may ask for; raises Throttled."""
        refused = await self._throttle.take_code_request(tx, now, f"{ADDRESS_CHANGE} {account.id}")
        if refused is not None:
            raise Throttled(refused.until - now)

    async def _request_mail(
        self, tx: Transaction, now: datetime, account: Account, change: AddressChange, language: str
    ) -> None:
        await self._mail.add_request(
            tx, now, ADDRESS_CHANGE, identifier_key=account.address_key, language=language, subject_id=change.id
        )

    async def _keep(
        self,
        now: datetime,
        change: AddressChange,
        given: list[Side],
        right: list[Side],
        signed_in: SignedIn,
        tx: Transaction,
    ) -> Confirmed:
        """Keep what was right; with the last code that is needed, go on."""
        for side in right:
            if not await store.confirm(tx, change.id, side, change.code_mac(side) or b"", now):
                return Confirmed(failures=(Failure(code="my_account.address.over"),))
        failures = tuple(_wrong(side, change.tries_left) for side in given if side not in right)
        if not failures:
            await store.give_try_back(tx, change.id)
        agreed = await store.find_change(tx, change.id)
        if agreed is None or not agreed.is_agreed:
            return Confirmed(failures=failures)
        if change.without_mailbox:
            begun = await self._completion.begin_wait(tx, now, agreed)
            return Confirmed(failures=() if begun else (Failure(code="my_account.address.over"),))
        epoch = await self._completion.complete(tx, now, agreed)
        if epoch is None:
            return Confirmed(failures=(Failure(code="my_account.address.taken"),))
        return Confirmed(is_done=True, browser=await self._sessions.carry_over(tx, signed_in.session, epoch))

    async def _mail_new(
        self, tx: Transaction, now: datetime, account: Account, change: AddressChange, code: str, language: str
    ) -> None:
        owner = await self._accounts.find_by_key(tx, change.new_address_key)
        if owner is None:
            await self._mail.add_mail(
                tx,
                now,
                NewAddressCode(code=code, code_until=change.expires_at, time_zone=account.time_zone),
                recipient=change.new_address,
                language=account.language or language,
                account_id=account.id,
            )
            return
        notice = AddressTaken(handle=owner.handle, at=change.requested_at, time_zone=owner.time_zone)
        language = owner.language or language
        await self._mail.add_mail(tx, now, notice, recipient=owner.address, language=language, account_id=owner.id)

    def _draw_code(self) -> str:
        return f"{self._chance.draw_below(10**6):06d}"

    def _is_code(self, change: AddressChange, side: Side, typed: str) -> bool:
        mac = change.code_mac(side)
        return mac is not None and self._keys.is_mac(mac, _data(change, side, typed), purpose=_PURPOSE)


def _data(change: AddressChange, side: Side, code: str) -> bytes:
    """What a code's digest is made of: a code is good for one change and one mailbox."""
    return f"{change.id} {side} {code}".encode()


def _digits(typed: str) -> str:
    """A code as it is compared; spaces and dashes do not matter."""
    return _NOT_DIGITS.sub("", typed)[:12]


def _why_no_try(change: AddressChange, now: datetime) -> str:
    if change.tries_left <= 0:
        return "my_account.address.too_many_tries"
    return "my_account.address.codes_expired" if now >= change.expires_at else "my_account.address.over"


def _wrong(side: Side, tries_left: int) -> Failure:
    code = f"my_account.address.code.{side}_wrong" if tries_left > 0 else "my_account.address.too_many_tries"
    return Failure(code=code, field=f"{side}_code")
