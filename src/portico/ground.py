"""What every service stands on: settings, database, clock, chance and keys, opened once.

``open_ground`` makes the database of an embedded deployment at its first start, and refuses one of another release.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from portico.database.deployment import CLOCK_FLOOR, find_number
from portico.database.engine import Database, open_database
from portico.database.schema import check_schema, require_schema
from portico.development.clock_control import find_offset
from portico.factors.passkeys.domain import check_domain
from portico.kernel.brand import Brand
from portico.kernel.chance import Chance, SystemChance
from portico.kernel.clock import Clock, SystemClock, from_micros
from portico.kernel.messages import Catalogues
from portico.kernel.sealing import SealingKeys
from portico.keys import open_keys
from portico.settings import Settings
from portico.throttle.rates import Limits

PACKAGE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Ground:
    """What everything stands on."""

    settings: Settings
    is_development: bool
    brand: Brand
    catalogues: Catalogues
    database: Database
    clock: Clock
    chance: Chance
    keys: SealingKeys
    limits: Limits


async def open_ground(
    settings: Settings,
    *,
    is_development: bool = False,
    clock: Clock | None = None,
    chance: Chance | None = None,
    limits: Limits | None = None,
) -> Ground:
    """Open what everything stands on. Raises Misconfigured with what to mend."""
    brand = settings.brand()
    chance = chance or SystemChance()
    database = await _open_database(settings)
    try:
        await check_domain(database, host=settings.base_url.hostname, domain=settings.passkey_host)
        return Ground(
            settings=settings,
            is_development=is_development,
            brand=brand,
            catalogues=Catalogues(PACKAGE / "locale"),
            database=database,
            clock=clock or await _open_clock(database),
            chance=chance,
            keys=await open_keys(settings.sealing_keys_file, database, chance),
            limits=limits or Limits(),
        )
    except BaseException:
        await database.close()
        raise


async def _open_database(settings: Settings) -> Database:
    """The database with the schema this code works with; an embedded one is made at its first start."""
    if settings.is_embedded:
        settings.make_data_folder()
    database = await open_database(settings.database_url)
    try:
        if settings.is_embedded and (await check_schema(database)).state == "empty":
            # Needed once in a database's life and slow to import: docs/decisions/0004-lazy-imports.md.
            from portico.database.migrate import upgrade

            await asyncio.to_thread(upgrade, settings.database_url)
        await require_schema(database)
    except BaseException:
        await database.close()
        raise
    return database


async def _open_clock(database: Database) -> SystemClock:
    """The clock, never earlier than what an earlier process has told. The offset is 0 outside development."""
    floor = from_micros(await find_number(database, CLOCK_FLOOR))
    return SystemClock(floor=floor, offset=await find_offset(database))
