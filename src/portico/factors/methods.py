"""The ways in which an account can prove itself, as its owner sees them: one for each of its credentials."""

from portico.database.engine import Reader
from portico.factors import store
from portico.factors.history import store as history_store
from portico.factors.model import EnrolledCredential, SignInMethod


async def list_methods(reader: Reader, account_id: str) -> list[SignInMethod]:
    """An account's sign-in methods, oldest first, without anything secret."""
    return await store.list_methods(reader, account_id)


async def list_enrolled(reader: Reader, account_id: str) -> list[EnrolledCredential]:
    """Which kinds of credential an account has, oldest first."""
    return await store.list_enrolled(reader, account_id)


async def count_former_passwords(reader: Reader, account_id: str) -> int:
    """How many passwords are kept of those an account has had before."""
    return await history_store.count_former(reader, account_id)
