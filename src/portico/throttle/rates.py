"""Rates: how often something may be tried. Pure arithmetic on instants.

A rate lets ``burst`` tries through at once and gives one back ``every`` so often. What is kept for a key is a single
instant, ``full_at``: when all its tries will be back (the generic cell rate algorithm, ITU-T I.371 annex A).
Taking a try moves it later, a success gives the try back and moves it earlier.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` tries at once, one more ``every`` so often; off after ``consecutive`` failures, 0 for never."""

    burst: int
    every: timedelta
    consecutive: int = 0

    @property
    def tolerance(self) -> timedelta:
        """How far ``full_at`` may lie ahead with a try still free."""
        return self.every * (self.burst - 1)

    def free_at(self, full_at: datetime) -> datetime:
        """When the next try is free."""
        return full_at - self.tolerance


@dataclass(frozen=True, slots=True)
class Limits:
    """Every rate of a deployment. The numbers are explained in ``docs/threat-model.md``.

    An account has two identifiers, so half of the hundred consecutive failures that NIST SP 800-63B-4 section 3.2.2
    allows belong to each.
    """

    identifier: Rate = Rate(burst=10, every=timedelta(minutes=1), consecutive=50)
    known_device: Rate = Rate(burst=10, every=timedelta(seconds=30), consecutive=100)
    network: Rate = Rate(burst=50, every=timedelta(minutes=1))
    network_memory: timedelta = timedelta(days=30)
    reset_network: Rate = Rate(burst=30, every=timedelta(seconds=20))
    mail: Rate = Rate(burst=3, every=timedelta(minutes=30))
    code_mail: Rate = Rate(burst=6, every=timedelta(minutes=10))
    code_try: Rate = Rate(burst=20, every=timedelta(minutes=1), consecutive=100)
    """Codes typed for one address, in whatever attempts (NIST SP 800-63B-4 section 3.2.2)."""
    factor: Rate = Rate(burst=10, every=timedelta(seconds=30), consecutive=100)
    """Codes of one second factor typed for one account, on devices it does not know or on one that it does."""
    code_request: Rate = Rate(burst=5, every=timedelta(hours=1))
    """How often a code may be asked for in one attempt: never more than five times an hour (D18)."""
    new_password: Rate = Rate(burst=20, every=timedelta(minutes=1))
    """New passwords that are compared with an account's last ones: who may choose one could find out what those are."""
    invitation: Rate = Rate(burst=5, every=timedelta(days=1))
    """Mails by which one organization may invite one address."""
    invitation_organization: Rate = Rate(burst=1_000, every=timedelta(seconds=3.6))
    """Mails by which one organization may invite anybody: a thousand, and then a thousand an hour."""
    is_lifted: bool = False
    """For benchmarks only: nothing is counted."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The tries one answer has taken; a success gives them back."""

    keys: tuple[tuple[bytes, Rate], ...] = ()
    network: bytes = b""
    identifier: bytes = b""
    is_noted: bool = False
    """Whether the identifier counts as failing from the network since this try."""


@dataclass(frozen=True, slots=True)
class TooMany:
    """No try is free before ``until``; ``is_switched_off``: not until something else is proven."""

    until: datetime
    is_switched_off: bool = False
