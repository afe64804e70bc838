"""Deleting one's account in a browser, and keeping it after all."""

from starlette.requests import Request
from starlette.responses import Response

from portico.kernel.messages import Message, message
from portico.my_account.deletion.service import Deletions
from portico.sessions.door import SessionGate
from portico.signin.door import Visitors
from portico.web.body import Form
from portico.web.pages import Pages
from portico.web.routing import Access, Endpoint
from portico.web.templates import ShownPerson

OVERVIEW = "/account"
DELETE = "/account/delete"
KEEP = "/account/delete/keep"


class DeleteForm(Form, frozen=True, kw_only=True):
    """The present password; ``username`` is there for password managers."""

    username: str = ""
    current_password: str = ""


class DeletionPages:
    """The end of one's own account."""

    def __init__(self, *, pages: Pages, gate: SessionGate, visitors: Visitors, deletions: Deletions) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._deletions = deletions

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", DELETE, self.show, Access.SIGNED_IN),
            Endpoint("POST", DELETE, self.ask, Access.SIGNED_IN),
            Endpoint("POST", KEEP, self.keep, Access.SIGNED_IN),
        )

    async def show(self, request: Request) -> Response:
        """What is erased and what stays; or, where that was asked for, when, and how to take it back."""
        signed_in = await self._gate.get_signed_in(request)
        account, notice = signed_in.account, self._pages.find_notice(request)
        return self._pages.show(
            request,
            "my_account/delete.html",
            person=ShownPerson.named(account.name, account.handle, account.picture),
            bound_to=signed_in.session.id,
            identifier=account.address,
            delete_at=account.delete_at,
            notice=notice.said_message(),
            failure=notice.shown_failure(),
        )

    async def ask(self, request: Request) -> Response:
        """Have the account erased after two weeks."""
        signed_in = await self._gate.get_signed_in(request)
        form = await self._pages.read(request, DeleteForm, bound_to=signed_in.session.id)
        failure = await self._deletions.ask(await self._visitors.browser(request), form.current_password)
        response = self._pages.go(request, DELETE)
        if failure is None:
            return self._pages.leave_notice(request, response, DELETE, said=message("my_account.delete.asked"))
        said = Message(failure.code, failure.params)
        return self._pages.leave_notice(request, response, DELETE, failure=said, field=failure.field)

    async def keep(self, request: Request) -> Response:
        """Keep the account after all."""
        signed_in = await self._gate.get_signed_in(request)
        await self._pages.read(request, Form, bound_to=signed_in.session.id)
        await self._deletions.keep(await self._visitors.browser(request))
        response = self._pages.go(request, OVERVIEW)
        return self._pages.leave_notice(request, response, OVERVIEW, said=message("my_account.delete.kept"))
