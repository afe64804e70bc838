"""The page for those who wait for a reset mail in vain."""

from starlette.requests import Request
from starlette.responses import Response

from portico.signin.reset_help import help_steps
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint

NO_MAIL = "/account/passwordreset/no-mail"


class ResetHelpPages:
    """Help with a reset, in a browser. Asking again is the request itself, with its row, its answer and its limits."""

    def __init__(self, *, pages: Pages, support_address: str, providers: tuple[str, ...] = ()) -> None:
        self._pages = pages
        self._steps = help_steps(support_address=support_address, providers=providers)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (Endpoint("GET", NO_MAIL, self.show, Access.ANYONE),)

    async def show(self, request: Request) -> Response:
        """What to do when no reset mail comes."""
        return self._pages.show(request, "reset/no_mail.html", steps=self._steps)
