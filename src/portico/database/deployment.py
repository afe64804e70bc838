"""Facts about the deployment as a whole: its sealing keys, its passkeys' domain, its time. Names and short texts."""

from portico.database.port import Reader, Transaction

SEALING_KEY = "sealing_key"
"""The fingerprint of the key that sealed last; without that key nothing sealed can be opened."""
SERVED_KEY = "served_key"
"""The fingerprint of the newest key of the server that did the jobs last: running servers can open what it seals."""
PASSKEY_DOMAIN = "passkey_domain"
"""The domain that passkeys are made for; they work for no other."""
CLOCK_FLOOR = "clock_floor"
"""The latest instant the clock has told, in microseconds since 1970."""
CLOCK_OFFSET = "clock_offset"
"""How far the development clock runs ahead, in microseconds; it only grows."""
POLICY_REVISION = "policy_revision"
"""A number that every change of what organizations ask raises."""


async def find_fact(reader: Reader, name: str) -> str | None:
    """What is known under a name."""
    row = await reader.find_row("SELECT value FROM deployment WHERE name = $1", name)
    return str(row["value"]) if row else None


async def keep_fact(tx: Transaction, name: str, value: str) -> None:
    """Know something under a name from now on."""
    sql = "INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2"
    await tx.execute(sql, name, value)


async def find_number(reader: Reader, name: str) -> int:
    """A fact that is a whole number; 0 where nothing is known."""
    return int(await find_fact(reader, name) or 0)


async def raise_number(tx: Transaction, name: str) -> None:
    """Raise a fact that is a whole number by one, in one statement, so that of two at once both count."""
    await tx.execute(
        "INSERT INTO deployment (name, value) VALUES ($1, '1') "
        "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(deployment.value AS BIGINT) + 1 AS TEXT)",
        name,
    )
