"""The demo's people: one in each interesting state, at three imaginary clinics."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from portico.accounts.model import AccountState
from portico.accounts.service import Accounts
from portico.database.engine import Database, Transaction
from portico.factors.model import PasswordProperties
from portico.factors.password import PasswordFactor
from portico.factors.recovery_code import RecoveryCodeFactor
from portico.factors.totp import TotpFactor, draw_secret, step_at
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.signin.facts import ChangeReason


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody to sign in as. ``about`` is a message code.

    Whoever has a ``recovery_code`` has set an authenticator app up; ``phone_off`` is how far the clock of the phone is
    off.
    """

    first_name: str
    last_name: str
    address: str
    handle: str
    password: str
    about: str
    language: str = "en"
    state: AccountState = AccountState.ACTIVE
    must_change: ChangeReason | None = None
    is_operator: bool = False
    recovery_code: str = ""
    phone_off: timedelta = timedelta(0)

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


PEOPLE: tuple[DemoPerson, ...] = (
    DemoPerson(
        "Nora", "Lindqvist", "nora@north-clinic.example", "nora", "Harbour-Lamp-27", "development.about.plain",
    ),
    DemoPerson(
        "Jürgen", "Weiß", "juergen.weiss@north-clinic.example", "juergen", "Hafen-Lampe-27",
        "development.about.german", language="de",
    ),
    DemoPerson(
        "Priya", "Raman", "priya@north-clinic.example", "priya.raman", "Maple-Window-84",
        "development.about.must_change", must_change=ChangeReason.FORCED,
    ),
    DemoPerson(
        "Tom", "Okafor", "tom@north-clinic.example", "tom.okafor", "Copper-Bridge-19", "development.about.disabled",
        state=AccountState.DISABLED,
    ),
    DemoPerson("Mia", "Santos", "mia@north-clinic.example", "mia.santos", "", "development.about.no_password"),
    DemoPerson(
        "Olga", "Peters", "olga@north-clinic.example", "olga", "Silver-Orchard-63", "development.about.operator",
        is_operator=True,
    ),
    DemoPerson(
        "Sven", "Holm", "sven@north-clinic.example", "sven.holm", "Granite-Ferry-52", "development.about.both",
    ),
    DemoPerson(
        "Helen", "Park", "helen@harbour-practice.example", "helen.park", "Velvet-Anchor-38", "development.about.owner",
    ),
    DemoPerson(
        "Elif", "Demir", "elif@lakeside-clinic.example", "elif.demir", "Amber-Lantern-71", "development.about.mfa_new",
    ),
    DemoPerson(
        "Ravi", "Menon", "ravi@lakeside-clinic.example", "ravi.menon", "Quiet-Meadow-46", "development.about.mfa",
        recovery_code="R4V1W3QUIETM3AD0WB7KX2PZ",
    ),
    DemoPerson(
        "Greta", "Vogel", "greta@lakeside-clinic.example", "greta.vogel", "Winter-Saddle-95",
        "development.about.clock_off", recovery_code="GR3TAW1NTERSADD1E9QH5CTY", phone_off=-timedelta(minutes=4),
    ),
)  # fmt: skip


class DemoPeople:
    """Moves the people in."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        chance: Chance,
        accounts: Accounts,
        password: PasswordFactor,
        totp: TotpFactor,
        recovery_code: RecoveryCodeFactor,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._password = password
        self._chance = chance
        self._totp = totp
        self._recovery_code = recovery_code

    async def seed(self) -> int:
        """Add everybody who is not there yet; gives how many were added."""
        added = 0
        for person in PEOPLE:
            added += await self._add(person)
        return added

    async def _add(self, person: DemoPerson) -> bool:
        if await self._accounts.find_by_identifier(self._database, person.address) is not None:
            return False
        new = await self._password.prepare(person.password) if person.password else None
        now: datetime = self._clock.now()

        async def body(tx: Transaction) -> None:
            account = await self._accounts.add_account(
                tx,
                now,
                address=person.address,
                handle=person.handle,
                first_name=person.first_name,
                last_name=person.last_name,
                language=person.language,
                is_operator=person.is_operator,
            )
            if new is not None:
                properties = PasswordProperties(must_change=person.must_change.value if person.must_change else None)
                await self._password.set_password(tx, now, account.id, new, properties)
            if person.recovery_code:
                secret = draw_secret(self._chance)
                await self._totp.enrol(tx, now, account.id, secret, step_at(now + person.phone_off) - 1)
                await self._recovery_code.save(tx, now, account.id, person.recovery_code)
            if person.state is not AccountState.ACTIVE:
                await self._accounts.set_state(tx, now, account.id, person.state)

        await self._database.transact(body)
        return True
