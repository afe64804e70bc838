"""Those who change something in organizations, each in a session of their own, on a database without doors."""

from portico.accounts.model import Account
from portico.database.engine import Reader
from portico.kernel.clock import Clock
from portico.organizations.authority import Authority
from portico.organizations.rules import Actor
from portico.sessions import store


def actor(account_id: str) -> Actor:
    """Somebody in the session that ``rows.let_act`` has given them."""
    return Actor(account_id=account_id, session_id=f"session-{account_id}")


def authority(clock: Clock) -> Authority:
    """Who may change something, by the sessions of a database."""

    async def find_signed_in(reader: Reader, session_id: str) -> Account | None:
        found = await store.find_session(reader, session_id, clock.now())
        return found.account if found else None

    return Authority(find_signed_in)
