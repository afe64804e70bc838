"""When a mail that could not be handed over is tried again, and until when. Pure but for the chance it is given."""

from datetime import datetime, timedelta

from portico.kernel.chance import Chance
from portico.mail.model import ClaimedMail

GIVE_UP_AFTER = timedelta(days=3)
"""How old a mail may be when it is tried for the last time (RFC 5321 section 4.5.4.1 asks for four or five days)."""

_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)
_DOUBLINGS_MAX = 16
_JITTER = 4
"""A pause is lengthened by up to one part in so many, so that a thousand mails do not all come back at once."""


def next_try_at(mail: ClaimedMail, failed_at: datetime, chance: Chance) -> datetime | None:
    """When to try again after a failure that may pass: after 1 minute, doubling to 1 hour; None to give up.

    A mail that will be useless by then comes up at that instant, to be dropped and lose its secrets without delay.
    """
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(mail.tries - 1, _DOUBLINGS_MAX))
    again_at = failed_at + lengthen(pause, chance)
    if mail.useless_at is not None and mail.useless_at <= again_at:
        return mail.useless_at
    return again_at if again_at - mail.created_at <= GIVE_UP_AFTER else None


def lengthen(pause: timedelta, chance: Chance) -> timedelta:
    """A pause with its jitter."""
    most = pause // _JITTER // timedelta(milliseconds=1)
    return pause + timedelta(milliseconds=chance.draw_below(most + 1))
