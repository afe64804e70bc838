"""The tree of faults.

Expected outcomes (a wrong code, an expired link) are values, not exceptions. What is raised stops the request; each
class has a stable ``code`` that the API sends and the catalogues translate as ``error.<code>``. Only ``web/errors``
knows which HTTP status belongs to which.

    PorticoError
    ├── BadInput            the request cannot be understood
    │   └── TooLarge        more bytes than anything of ours needs
    ├── TooSlow             the sender has kept back what it announced
    ├── NotSignedIn         no session, or it has ended
    ├── NotAllowed          known, but not permitted
    │   ├── ForeignRequest  sent by another site, or without proof that it was not
    │   └── InteractionRequired  the session goes on only after its owner has taken a step
    ├── NotFound            nothing here, or nothing for you
    ├── Conflict            somebody was faster
    ├── Throttled           too many tries; carries when to come back
    ├── Busy                more work than can be taken now; carries when to come back
    └── Misconfigured       the deployment cannot run as it is set up
"""

from datetime import timedelta
from typing import ClassVar


class PorticoError(Exception):
    """The root: a stable code and the values its sentence needs."""

    code: ClassVar[str] = "fault"

    def __init__(self, detail: str = "", **params: str | int) -> None:
        """``detail`` is for the log alone; ``params`` are shown to people and sent by the API."""
        super().__init__(detail or self.code)
        self.params = params


class BadInput(PorticoError):
    """The request cannot be understood; nothing was changed."""

    code = "bad_input"


class TooLarge(BadInput):
    """The request is larger than anything we ask for."""

    code = "too_large"


class TooSlow(PorticoError):
    """The request did not arrive whole in time; nothing was changed."""

    code = "too_slow"


class NotSignedIn(PorticoError):
    """No session came with the request, or it has ended."""

    code = "not_signed_in"


class NotAllowed(PorticoError):
    """The caller is known but may not do this."""

    code = "not_allowed"


class ForeignRequest(NotAllowed):
    """The request did not come from one of our own pages, or cannot prove it."""

    code = "foreign_request"


class InteractionRequired(NotAllowed):
    """The session goes on only after its owner has taken a step."""

    code = "interaction_required"


class NotFound(PorticoError):
    """There is nothing here, or nothing for this caller."""

    code = "not_found"


class Conflict(PorticoError):
    """The thing has changed since the caller looked at it."""

    code = "conflict"


class _ComeBack(PorticoError):
    """Refused for now."""

    def __init__(self, retry_after: timedelta, detail: str = "") -> None:
        self.retry_after = retry_after
        super().__init__(detail, seconds=max(1, -(-retry_after // timedelta(seconds=1))))


class Throttled(_ComeBack):
    """Too many tries; nothing was hashed or compared."""

    code = "throttled"


class Busy(_ComeBack):
    """More work is waiting than can be taken on."""

    code = "busy"


class Misconfigured(PorticoError):
    """The deployment cannot run as it is set up; the detail says what to mend."""

    code = "misconfigured"
