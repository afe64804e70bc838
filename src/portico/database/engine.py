"""The door to the database: the port's names, and opening a database by its address.

Everything outside this folder imports from here. The protocols are described in :mod:`portico.database.port`.
"""

from portico.database.port import (
    Database,
    Reader,
    Row,
    Transaction,
    TransactionSuspended,
    Value,
)
from portico.database.sqlite import SQLITE_PREFIX, open_sqlite, sqlite_path
from portico.kernel.errors import Misconfigured

__all__ = [
    "POSTGRESQL_PREFIX",
    "SQLITE_PREFIX",
    "UNKNOWN_ADDRESS",
    "Database",
    "Reader",
    "Row",
    "Transaction",
    "TransactionSuspended",
    "Value",
    "open_database",
]

POSTGRESQL_PREFIX = "postgresql://"
UNKNOWN_ADDRESS = f"the database address must begin with {SQLITE_PREFIX} or {POSTGRESQL_PREFIX}"


async def open_database(url: str) -> Database:
    """Open the database at an address.

    ``sqlite:///portico.db`` is a path from the working folder, ``sqlite:////var/lib/portico/portico.db`` one from the
    root; the file is made if it is missing. ``postgresql://user:password@host:port/name`` may also name the folder of
    a socket: ``postgresql:///name?host=/run/postgresql``. Raises Misconfigured for an address that cannot work and
    Busy for a server that does not answer now.
    """
    if url.startswith(SQLITE_PREFIX):
        return await open_sqlite(sqlite_path(url))
    if url.startswith(POSTGRESQL_PREFIX):
        # Not everyone has PostgreSQL and its driver is slow to import: docs/decisions/0004-lazy-imports.md.
        from portico.database.postgres import open_postgres

        return await open_postgres(url)
    raise Misconfigured(UNKNOWN_ADDRESS)
