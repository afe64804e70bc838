"""How many examples of a property are enough, where the full number of the tier would be more than it is worth."""

from hypothesis import settings

FEWER = settings(max_examples=max(100, settings.default.max_examples // 8 if settings.default else 100))
"""For properties of which each example costs a while, or which are simple."""
FEW = settings(max_examples=max(30, settings.default.max_examples // 50 if settings.default else 30))
"""For properties of which each example takes statements of a database."""


def walks(count: int) -> range:
    """The seeds of a random walk that is taken ``count`` times, and fifty times as often in the upper tier."""
    return range(count * 50 if settings.default and settings.default.max_examples > 2_000 else count)
