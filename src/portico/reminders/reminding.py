"""The job: finds whose passwords are about to expire, and reminds each of them once (S88, D11).

Candidates come from the index over when passwords were set, a page at a time, so what is held in memory does not grow
with the number of accounts. Who is due is asked again of everybody in the transaction that writes the row of the ledger
and queues the mail, with the account's row taken: a change of the password comes before it or after it, never between.
Killed anywhere, or run by two servers at once, it sends nothing twice, because the row can be written once only.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from portico.accounts.model import Account, AccountState
from portico.accounts.service import Accounts
from portico.audit.model import Event, EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Reader, Transaction
from portico.factors.password import PasswordFactor
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock, from_micros
from portico.kernel.messages import DEFAULT_LANGUAGE
from portico.kernel.tokens import new_id
from portico.kernel.zones import zone_of
from portico.mail.model import PasswordExpiring
from portico.mail.service import Mail
from portico.organizations.policies.ages import find_asked_ages
from portico.organizations.policies.standing import Standing, Standings
from portico.reminders import store
from portico.reminders.model import Candidate, Expiry, Reminder, ReminderState
from portico.reminders.rules import find_due, find_expiry, may_be_told, window_of
from portico.reminders.service import Reminders, expiry_of

PAGE = 500
"""Candidates looked at together."""
BATCH = 25
"""People reminded in one transaction, so that nobody waits long for the database."""
_KEPT_STANDINGS = 10_000
_KIND = str(PasswordExpiring.__struct_config__.tag)


class Reminding:
    """Sends reminders."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        chance: Chance,
        accounts: Accounts,
        audit: Audit,
        mail: Mail,
        password: PasswordFactor,
        standings: Standings,
        reminders: Reminders,
        time_zone: str,
    ) -> None:
        """``time_zone`` is that of people who have not said theirs."""
        self._database = database
        self._clock = clock
        self._chance = chance
        self._accounts = accounts
        self._audit = audit
        self._mail = mail
        self._password = password
        self._standings = standings
        self._reminders = reminders
        self._time_zone = time_zone

    async def remind(self, own: Database | None = None) -> int:
        """Remind everybody who is due, and take back what is no longer so; how many were reminded.

        ``own``: the same database, for what only one server does.
        """
        database = own or self._database
        now = self._clock.now()
        known = _KnownStandings(self._standings, now)
        await self._cancel_void(database, known, now)
        asked = await find_asked_ages(database, self._standings.own, now)
        reminded = 0
        for max_age in sorted(asked.max_ages):
            reminded += await self._remind_of_age(database, known, max_age, asked.reminder_days, now)
        return reminded

    async def _remind_of_age(
        self, database: Database, known: "_KnownStandings", max_age: int, days: frozenset[int], now: datetime
    ) -> int:
        """Remind those whose password comes near the end that one age limit sets."""
        window = window_of(max_age, days, now)
        after, reminded = (window.set_after, ""), 0
        while window.limits:
            page = await store.list_candidates(database, window, after, PAGE)
            due = [one.account_id for one in page if await self._is_due(database, known, one, max_age, now)]
            for batch in _batches(due):
                reminded += await self._remind_batch(database, batch, now)
            if len(page) < PAGE:
                break
            after = (page[-1].set_at, page[-1].account_id)
        return reminded

    async def _is_due(
        self, reader: Reader, known: "_KnownStandings", one: Candidate, max_age: int, now: datetime
    ) -> bool:
        """Whether a candidate seems due, by what was read; it is asked again when the reminder is written."""
        expiry = find_expiry(one.set_at, (await known.find(reader, one.memberships)).enforced)
        if expiry is None or expiry.max_age_days != max_age:
            return False  # nobody asks, or a stricter limit counts, under which they are a candidate of their own
        return self._find_due(expiry, one.time_zone, one.reminded, now) is not None

    async def _remind_batch(self, database: Database, account_ids: Sequence[str], now: datetime) -> int:
        async def body(tx: Transaction) -> int:
            known = _KnownStandings(self._standings, now)
            return sum([await self._remind_one(tx, known, account_id, now) for account_id in sorted(account_ids)])

        return await database.transact(body)

    async def _remind_one(self, tx: Transaction, known: "_KnownStandings", account_id: str, now: datetime) -> bool:
        """Write the row and queue the mail, if this person is due; whether that was done."""
        if not await self._accounts.hold(tx, account_id):
            return False
        account = await self._accounts.find_account(tx, account_id)
        expiry = await self._find_expiry(tx, known, account)
        if account is None or expiry is None:
            return False
        earlier = await store.list_reminders(tx, account.id, expiry.set_at)
        told = [one.days for one in earlier if _is_told(one, expiry)]
        days = self._find_due(expiry, account.time_zone, min(told, default=None), now)
        if days is None:
            return False
        reminder = self._row(account.id, expiry, days, now)
        if not await store.claim(tx, reminder):
            return False
        await self._skip_others(tx, expiry, reminder, earlier, now)
        mail_id = await self._queue_mail(tx, account, expiry, days, now)
        await store.note_mail(tx, reminder, mail_id)
        event = Event(
            kind=EventKind.PASSWORD_REMINDED,
            subject_id=account.id,
            details={"days": days},
            organizations=expiry.organization_ids,
        )
        await self._audit.append(tx, now, event)
        return True

    async def _skip_others(
        self, tx: Transaction, expiry: Expiry, nearest: Reminder, earlier: Sequence[Reminder], now: datetime
    ) -> None:
        """Of several that are due only the nearest is sent: neither those never written, nor those that still wait."""
        for one in earlier:
            if one.days != nearest.days and one.state is ReminderState.SENT:
                await self._reminders.withdraw(tx, now, one, ReminderState.SKIPPED)
            elif one.mail_id is not None:
                await self._mail.drop_mail(tx, now, one.mail_id)  # told of an end that has moved; its row is taken anew
        for days in expiry.reminder_days:
            if days > nearest.days:
                row = self._row(nearest.account_id, expiry, days, now)
                await store.claim(tx, msgspec.structs.replace(row, state=ReminderState.SKIPPED))

    async def _queue_mail(self, tx: Transaction, account: Account, expiry: Expiry, days: int, now: datetime) -> str:
        message = PasswordExpiring(
            handle=account.handle,
            days=days,
            expires_at=expiry.expires_at,
            max_age_days=expiry.max_age_days,
            organizations=expiry.organizations,
            time_zone=account.time_zone or self._time_zone,
        )
        return await self._mail.add_mail(
            tx,
            now,
            message,
            recipient=account.address,
            language=account.language or DEFAULT_LANGUAGE,
            account_id=account.id,
        )

    async def _cancel_void(self, database: Database, known: "_KnownStandings", now: datetime) -> None:
        """Take back mails that still wait, of people nobody asks any more."""
        after = (from_micros(0), "")
        while page := await store.list_waiting(database, _KIND, after, PAGE):
            after = page[-1][0]
            for _, one in page:
                if not await self._is_asked(database, known, one):
                    await self._cancel_one(database, one, now)

    async def _cancel_one(self, database: Database, reminder: Reminder, now: datetime) -> None:
        async def body(tx: Transaction) -> None:
            is_there = await self._accounts.hold(tx, reminder.account_id)
            if is_there and not await self._is_asked(tx, _KnownStandings(self._standings, now), reminder):
                await self._reminders.withdraw(tx, now, reminder, ReminderState.CANCELLED)

        await database.transact(body)

    async def _is_asked(self, reader: Reader, known: "_KnownStandings", reminder: Reminder) -> bool:
        """Whether a reminder still tells the truth: the same password, the same end, the same day count."""
        account = await self._accounts.find_account(reader, reminder.account_id)
        expiry = await self._find_expiry(reader, known, account)
        return (
            expiry is not None
            and expiry.set_at == reminder.password_set_at
            and expiry.expires_at == reminder.expires_at
            and reminder.days in expiry.reminder_days
        )

    async def _find_expiry(self, reader: Reader, known: "_KnownStandings", account: Account | None) -> Expiry | None:
        """When the password of an account expires that is in use."""
        if account is None or account.state is not AccountState.ACTIVE:
            return None
        credential = await self._password.find_credential(reader, account.id)
        return expiry_of(credential.changed_at if credential else None, await known.find(reader, account.memberships))

    def _find_due(self, expiry: Expiry, time_zone: str, told: int | None, now: datetime) -> int | None:
        """Which reminder is to be sent now, if ``told`` is the nearest that was."""
        zone = zone_of(time_zone or self._time_zone)
        days = find_due(expiry, zone, now)
        if days is None or (told is not None and told <= days):
            return None
        return days if may_be_told(expiry.expires_at, zone, now) else None

    def _row(self, account_id: str, expiry: Expiry, days: int, now: datetime) -> Reminder:
        return Reminder(
            id=new_id(self._chance, now),
            account_id=account_id,
            password_set_at=expiry.set_at,
            days=days,
            state=ReminderState.SENT,
            expires_at=expiry.expires_at,
            organizations=expiry.organization_ids,
            created_at=now,
            changed_at=now,
        )


class _KnownStandings:
    """What is asked of people, read once for all who belong to the same organizations in the same way."""

    def __init__(self, standings: Standings, now: datetime) -> None:
        self._standings = standings
        self._now = now
        self._known: dict[str, Standing] = {}

    async def find(self, reader: Reader, memberships: str) -> Standing:
        """What is asked of somebody with these memberships."""
        found = self._known.get(memberships)
        if found is None:
            if len(self._known) >= _KEPT_STANDINGS:
                self._known.clear()
            found = self._known[memberships] = await self._standings.find(reader, memberships, self._now)
        return found


def _is_told(reminder: Reminder, expiry: Expiry) -> bool:
    """Whether a row of the ledger is about this end, and was not taken back."""
    return reminder.expires_at == expiry.expires_at and reminder.state is not ReminderState.CANCELLED


def _batches(account_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(account_ids), BATCH):
        yield account_ids[start : start + BATCH]
