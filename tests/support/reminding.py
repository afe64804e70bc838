"""Reminders in a test's world: a clinic that asks for them, the job at some time, the ledger and the mails."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from portico.accounts.model import Account, AccountState
from portico.database.engine import Database, Row, Transaction
from portico.database.port import Value
from portico.house import House
from portico.kernel.clock import to_micros
from portico.mail.maildir import StoredLetter
from portico.mail.model import MailRecord
from portico.organizations.model import Feature, MemberType, Role
from portico.organizations.policies.model import Draft
from portico.organizations.policy import PolicyFields
from portico.organizations.rules import AT_THE_MACHINE
from portico.reminders.model import Reminder, ReminderState
from tests.support.organizations import ask, found, join
from tests.support.world import ADDRESS, NEW_PASSWORD, START, World

T = TypeVar("T")
CLASSIC = PolicyFields(max_age_days=60, reminder_days=(10, 3, 1))
ENDS = START + timedelta(days=60)
MORNINGS = {days: datetime(2026, *day, 8, tzinfo=UTC) for days, day in {10: (6, 23), 3: (6, 30), 1: (7, 2)}.items()}
"""Nora's password, set on 4 May at 9:00, expires on 3 July at 9:00."""
SUBJECTS = {
    10: "Portico Password is Expiring in 10 days",
    3: "Portico Password is Expiring in 3 days",
    1: "Portico Password is Expiring in 1 day",
}


async def clinic_with(world: World, *people: Account, fields: PolicyFields = CLASSIC) -> str:
    """A clinic that asks for it, and its providers; its id."""
    clinic = await found(world)
    for person in people or (await world.get_account(),):
        await join(world, clinic, person)
    await ask(world, clinic, fields)
    return clinic.id


async def remind(world: World, at: datetime | None = None) -> int:
    """Run the job, at some time."""
    if at is not None:
        world.clock.at = at
    return await world.house.reminding.remind()


async def ledger(world: World, address: str = ADDRESS) -> dict[int, ReminderState]:
    """What became of each day count of somebody's newest password."""
    rows = await rows_of(world, address)
    return {row.days: row.state for row in rows if row.password_set_at == rows[0].password_set_at}


async def rows_of(world: World, address: str = ADDRESS) -> list[Reminder]:
    return await world.house.reminders.list_of_account((await world.get_account(address)).id)


async def mails(world: World, address: str = ADDRESS) -> list[MailRecord]:
    """The reminders mailed to somebody, the first first."""
    account = await world.get_account(address)
    found_mails = await world.house.mail.list_mails_of(world.house.database, account.id, 100)
    return [mail for mail in reversed(found_mails) if mail.kind == "password_expiring"]


async def reminders(world: World, address: str = ADDRESS) -> list[StoredLetter]:
    """The letters, once they were sent, newest first."""
    await world.house.sender.send_due(world.clock.now())
    letters = await world.house.mailbox.list_letters(address)
    return [letter for letter in letters if "Expiring" in letter.subject or "läuft" in letter.subject]


async def change_password(world: World, address: str = ADDRESS) -> None:
    """Somebody's password becomes another."""
    new = await world.house.password.prepare(NEW_PASSWORD)
    account = await world.get_account(address)

    async def body(tx: Transaction) -> None:
        await world.house.password_change.replace(tx, world.clock.now(), account, new, (), is_reset=False)

    await world.house.database.transact(body)


async def set_zone(world: World, account: Account, zone: str) -> None:
    async def body(tx: Transaction) -> None:
        await tx.execute("UPDATE accounts SET time_zone = $1 WHERE id = $2", zone, account.id)

    await world.house.database.transact(body)


async def disable(world: World, account: Account) -> None:
    async def body(tx: Transaction) -> None:
        await world.house.accounts.set_state(tx, world.clock.now(), account.id, AccountState.DISABLED)

    await world.house.database.transact(body)


async def wear_out(house: House, address: str) -> None:
    """Have somebody's password expire in three days, by the word of a clinic of their own if they have none."""
    now = house.clock.now()
    account = await house.accounts.find_by_identifier(house.database, address)
    assert account is not None
    if not account.memberships:
        clinic = await house.database.transact(
            lambda tx: house.organizations.add_organization(
                tx, now, name=f"Clinic of {account.handle}", features=frozenset({Feature.PASSWORD_ENFORCEMENT})
            )
        )
        await house.memberships.add(AT_THE_MACHINE, clinic.id, account, MemberType.PROVIDER, Role.MEMBER)
        draft = Draft(fields=CLASSIC, based_on=0, at_once=True)
        await house.policies.save(clinic.id, MemberType.PROVIDER, draft, AT_THE_MACHINE)
    set_at = to_micros(now - timedelta(days=57, hours=1))
    sql = "UPDATE credentials SET changed_at = $1 WHERE account_id = $2 AND kind = 'password'"
    await house.database.transact(lambda tx: tx.execute(sql, set_at, account.id))


class Killed(Exception):
    """The process is gone."""


class Mortal:
    """A database whose process dies at a statement of a transaction; everything else is the real one."""

    def __init__(self, database: Database, statements: int) -> None:
        self.kind: Literal["sqlite", "postgresql"] = database.kind
        self.left = statements
        self._database = database

    async def find_row(self, sql: str, *values: Value) -> Row | None:
        """The first row."""
        return await self._database.find_row(sql, *values)

    async def list_rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows."""
        return await self._database.list_rows(sql, *values)

    async def revision(self) -> int:
        """See the port."""
        return await self._database.revision()

    async def close(self) -> None:
        """See the port."""
        await self._database.close()

    async def transact(self, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a body whose statements are counted."""

        async def dying(tx: Transaction) -> T:
            return await body(_MortalTransaction(tx, self))

        return await self._database.transact(dying)


class _MortalTransaction:
    def __init__(self, tx: Transaction, mortal: Mortal) -> None:
        self._tx = tx
        self._mortal = mortal

    def _live(self) -> None:
        self._mortal.left -= 1
        if self._mortal.left < 0:
            raise Killed

    async def find_row(self, sql: str, *values: Value) -> Row | None:
        """The first row."""
        self._live()
        return await self._tx.find_row(sql, *values)

    async def list_rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows."""
        self._live()
        return await self._tx.list_rows(sql, *values)

    async def execute(self, sql: str, *values: Value) -> int:
        """Run a statement."""
        self._live()
        return await self._tx.execute(sql, *values)

    def after_commit(self, call: Callable[[], None]) -> None:
        """See the port."""
        self._tx.after_commit(call)
