"""Ways to hand a finished mail over: the contract; SMTP and Maildir stand beside it."""

from email.message import EmailMessage
from typing import ClassVar, Protocol

from portico.kernel.errors import PorticoError
from portico.kernel.normalise import one_line

_DETAIL_MAX = 300


class DeliveryFailed(PorticoError):
    """A mail was not taken. The detail is one line for the log and the operator, and tells no secret of ours."""

    code: ClassVar[str] = "delivery_failed"

    def __init__(self, detail: str, *, permanent: bool = False, concerns_all: bool = False) -> None:
        """``permanent``: trying again is useless. ``concerns_all``: no other mail would be taken now either."""
        self.detail = one_line(detail)[:_DETAIL_MAX]
        self.permanent = permanent
        self.concerns_all = concerns_all
        super().__init__(self.detail)


class Transport(Protocol):
    """Something that takes mails. It may be called by several tasks at once."""

    async def deliver(self, mail: EmailMessage, recipient: str) -> None:
        """Hand one mail over to one wire address; raises DeliveryFailed. Once it returns, the mail is not ours."""
        ...

    async def check(self) -> None:
        """Raise DeliveryFailed if no mail would be taken now; sends nothing."""
        ...

    async def rest(self) -> None:
        """Give back what was kept open between mails: there are no more for now."""
        ...
