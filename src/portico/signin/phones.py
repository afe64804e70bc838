"""What a phone would find on the pages of somebody's open attempts: for the demo, which needs no phone."""

from portico.database.engine import Database
from portico.kernel.clock import Clock
from portico.signin import store
from portico.signin.turns import Turns

_LOOKED_AT = 5


class Phones:
    """Reads what is set up within attempts. Nobody but the development page asks."""

    def __init__(self, *, database: Database, clock: Clock, turns: Turns) -> None:
        self._database = database
        self._clock = clock
        self._turns = turns

    async def find_key(self, account_id: str) -> str:
        """The key that the newest attempt of an account shows to an authenticator app; "" where none does."""
        now = self._clock.now()
        for attempt in await store.list_open(self._database, account_id, now, _LOOKED_AT):
            situation = await self._turns.situation(self._database, attempt, now)
            if situation.setup is not None and situation.setup.totp_key:
                return situation.setup.totp_key
        return ""
