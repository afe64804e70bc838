"""Which floor a module stands on, by its name. docs/architecture.md explains the floors to people."""

from enum import IntEnum

FEATURES = (
    "audit",
    "throttle",
    "mail",
    "accounts",
    "factors",
    "organizations",
    "reminders",
    "people_import",
    "sessions",
    "security",
    "signin",
    "my_account",
    "admin",
    "operators",
    "about",
    "jobs",
    "development",
)
"""From left to right; a feature may use those to its left. pyproject.toml has the same order for import-linter."""

CORE_NAMES = frozenset(
    {
        "attempt",
        "chain",
        "claims",
        "decide",
        "facts",
        "folding",
        "linking",
        "model",
        "policy",
        "proof",
        "rates",
        "rules",
        "samples",
        "steps",
    }
)
STORE_NAMES = frozenset({"outbox", "store"})
DOOR_NAMES = frozenset({"api", "door", "pages"})
DOOR_FEATURES = frozenset({"development", "jobs"})


class Floor(IntEnum):
    """From the ground up: a module imports from its own floor and from those below."""

    KERNEL = 0
    CORE = 1
    DATABASE = 2
    STORE = 3
    SERVICE = 4
    DOOR = 5
    TOP = 6


def floor_of(module: str) -> Floor | None:
    """The floor of a module; None for ``web``, which stands beside the house, and for ``portico`` itself."""
    _, *inside = module.split(".")
    if not inside or inside[0] == "web":
        return None
    if inside[0] in {"kernel", "version"}:
        return Floor.KERNEL
    if inside[0] == "database":
        return Floor.DATABASE
    if inside[0] not in FEATURES:
        return Floor.TOP
    if inside[0] in DOOR_FEATURES:
        return Floor.DOOR
    return _floor_in_feature(inside[1:])


def feature_of(module: str) -> str | None:
    """The feature a module belongs to; None for those that serve them all."""
    _, *inside = module.split(".")
    return inside[0] if inside and inside[0] in FEATURES else None


def _floor_in_feature(names: list[str]) -> Floor:
    if not names:
        return Floor.CORE  # a package's own file imports nothing, so anybody may import it
    if not DOOR_NAMES.isdisjoint(names) or any(name.endswith(("_pages", "_api")) for name in names):
        return Floor.DOOR
    for floor, known in ((Floor.CORE, CORE_NAMES), (Floor.STORE, STORE_NAMES)):
        if not known.isdisjoint(names):
            return floor
    return Floor.SERVICE
