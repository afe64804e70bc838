"""Attempts to sign in to an account, deleted with it."""

from portico.accounts.model import Account
from portico.database.engine import Transaction
from portico.signin import store
from portico.signin.waiting import store as hand_offs


async def erase_attempts(tx: Transaction, account: Account) -> None:
    """Delete the attempts that name an account that is being erased, and what handed them over."""
    await hand_offs.erase(tx, account.id)
    await store.erase(tx, account.id)
