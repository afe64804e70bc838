"""How long the databases wait, and what must not be interrupted. Shared by both; no business of anyone else."""

import asyncio
from datetime import timedelta
from typing import TypeVar

from portico.kernel.errors import Busy

T = TypeVar("T")

PATIENCE = timedelta(seconds=5)
"""How long anything waits for a lock or a free connection before it is answered with Busy."""

REVISION_AGE = timedelta(milliseconds=500)
"""How old a looked-up revision may be. A cache adds as much again, so that together they are a second late at most."""


def busy(detail: str) -> Busy:
    """The fault for work the database cannot take now; ``detail`` is for the log."""
    return Busy(timedelta(seconds=1), detail)


async def to_the_end(work: asyncio.Future[T]) -> T:
    """What comes of some work that must not be left half done; a cancellation is kept until it has ended."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not work.cancelled():
            work.exception()  # looked at, so that asyncio does not complain; whoever wanted it is gone
        raise cancelled
    return work.result()
