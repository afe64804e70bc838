"""What a person proved with, deleted with their account."""

from portico.accounts.model import Account
from portico.database.engine import Transaction
from portico.factors import store


async def erase_credentials(tx: Transaction, account: Account) -> None:
    """Delete the credentials and mailed links of an account that is being erased."""
    await store.erase(tx, account.id)
