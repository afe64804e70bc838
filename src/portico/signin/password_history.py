"""Forgetting the former passwords that nobody asks for any more, account after account.

What is needed of a person follows from what their organizations ask, and changes when a policy does, when its time
comes, or when somebody joins or leaves. Each change of a password prunes at once; this walks through all the others.
"""

from portico.database.engine import Transaction
from portico.factors.password import PasswordFactor
from portico.kernel.clock import Clock
from portico.signin.password_criteria import PasswordCriteria

BATCH = 500
"""Accounts of one transaction."""


class PasswordHistory:
    """Prunes what is kept."""

    def __init__(self, *, clock: Clock, password: PasswordFactor, criteria: PasswordCriteria) -> None:
        self._clock = clock
        self._password = password
        self._criteria = criteria

    async def prune_batch(self, tx: Transaction, after: str) -> str | None:
        """Prune the accounts whose ids come next; the last one's id, or None if there were none."""
        now = self._clock.now()
        found = await self._password.list_kept(tx, after, BATCH)
        needed: dict[str, int] = {}
        for one in found:
            if one.memberships not in needed:
                needed[one.memberships] = await self._criteria.find_history_kept(tx, one.memberships, now)
            await self._password.prune(tx, now, one, needed[one.memberships])
        return found[-1].account_id if found else None
