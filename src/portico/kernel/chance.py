"""Randomness: the one place that asks the system for it.

Everything else receives a :class:`Chance` as an argument, so that a test can repeat what it drew.
"""

import secrets
from typing import Protocol


class Chance(Protocol):
    """A source of unpredictable bytes and numbers."""

    def draw_bytes(self, count: int) -> bytes:
        """``count`` random bytes."""
        ...

    def draw_below(self, limit: int) -> int:
        """A whole number drawn uniformly from ``0 <= n < limit``."""
        ...


class SystemChance:
    """The operating system's cryptographic generator."""

    def draw_bytes(self, count: int) -> bytes:
        """``count`` random bytes."""
        return secrets.token_bytes(count)

    def draw_below(self, limit: int) -> int:
        """A whole number drawn uniformly from ``0 <= n < limit``."""
        return secrets.randbelow(limit)
