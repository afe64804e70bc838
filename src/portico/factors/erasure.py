"""What a person proves and proved with, deleted with their account."""

from portico.accounts.model import Account
from portico.database.engine import Transaction
from portico.factors import store
from portico.factors.history import store as history_store
from portico.factors.passkeys import store as passkey_store


async def erase_credentials(tx: Transaction, account: Account) -> None:
    """Delete the credentials, passkeys, former passwords and mailed links of an account that is being erased."""
    await passkey_store.erase(tx, account.id)
    await history_store.erase(tx, account.id)
    await store.erase(tx, account.id)
