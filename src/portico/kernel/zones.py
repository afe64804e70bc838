"""Time zones by their names in the IANA database.

The names come from the machine's copy of it, or from the package ``tzdata`` where there is none.
"""

from datetime import UTC, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
"""What the names of places begin with; the database has older names besides, which nobody need choose."""


@cache
def list_zones() -> tuple[str, ...]:
    """Every zone a person can choose, in alphabetical order: those named after a place."""
    return tuple(
        sorted(name for name in available_timezones() if name.startswith(tuple(f"{each}/" for each in REGIONS)))
    )


def is_zone(name: str) -> bool:
    """Whether a person can choose this zone."""
    return name in _zones()


@lru_cache(1_000)
def zone_of(name: str) -> tzinfo:
    """The zone of this name; UTC for an empty name, or one that is no longer known."""
    if not is_zone(name):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        return UTC


@cache
def _zones() -> frozenset[str]:
    return frozenset(list_zones())
