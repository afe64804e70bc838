"""What every page of My Account does alike: find out who is signed in, show a page of theirs, say how it went."""

from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import Failure
from portico.kernel.messages import Message
from portico.sessions.door import SessionGate
from portico.sessions.model import SignedIn
from portico.web.body import Form
from portico.web.pages import Pages
from portico.web.templates import ShownPerson

OVERVIEW = "/account"
F = TypeVar("F", bound=Form)


class Room:
    """The page doors of My Account share this one."""

    def __init__(self, pages: Pages, gate: SessionGate) -> None:
        self.pages = pages
        self.gate = gate

    def show(self, request: Request, signed_in: SignedIn, template: str, /, **values: Any) -> Response:
        """A page of whoever is signed in; its forms are bound to the session."""
        account = signed_in.account
        person = ShownPerson.named(account.name, account.handle, account.picture)
        return self.pages.show(request, template, person=person, bound_to=signed_in.session.id, **values)

    async def read(self, request: Request, signed_in: SignedIn, shape: type[F]) -> F:
        """A form from one of these pages."""
        return await self.pages.read(request, shape, bound_to=signed_in.session.id)

    def say(self, request: Request, path: str, said: Message) -> Response:
        """Lead to a page that says what was done."""
        return self.pages.leave_notice(request, self.pages.go(request, path), path, said=said)

    def refuse(self, request: Request, path: str, failure: Failure, values: dict[str, str] | None = None) -> Response:
        """Lead back to a form that says why it was not taken; ``values`` gives back what was typed."""
        said = Message(failure.code, failure.params)
        response = self.pages.go(request, path)
        return self.pages.leave_notice(request, response, path, failure=said, field=failure.field, values=values)
