"""Changing one's address in a browser: asking, both codes on one page, the wait, and the lost mailbox."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import Failure
from portico.kernel.errors import NotFound
from portico.kernel.messages import Message, message
from portico.kernel.normalise import IDENTIFIER_MAX
from portico.my_account.address.model import WAITING, AddressChange
from portico.my_account.address.service import AddressChanges
from portico.security.rules import may_change_without_mailbox
from portico.sessions.door import SessionGate
from portico.sessions.model import SignedIn
from portico.signin.door import Visitors
from portico.web.body import Form
from portico.web.pages import Notice, Pages
from portico.web.routing import Access, Endpoint
from portico.web.templates import Failure as ShownFailure
from portico.web.templates import ShownPerson

OVERVIEW = "/account"
ADDRESS = "/account/address"
CODES = "/account/address/codes"
RESEND = "/account/address/resend"
CANCEL = "/account/address/cancel"
LOST = "/account/address/lost"


class AddressForm(Form, frozen=True, kw_only=True):
    """The address to be, and the present password; ``username`` is there for password managers."""

    new_address: str = ""
    username: str = ""
    current_password: str = ""


class CodesForm(Form, frozen=True, kw_only=True):
    """The codes from both mailboxes, one or both."""

    old_code: str = ""
    new_code: str = ""


class AddressPages:
    """One's own address."""

    def __init__(self, *, pages: Pages, gate: SessionGate, visitors: Visitors, changes: AddressChanges) -> None:
        self._pages = pages
        self._gate = gate
        self._visitors = visitors
        self._changes = changes

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", ADDRESS, self.show, Access.SIGNED_IN),
            Endpoint("POST", ADDRESS, self.begin, Access.SIGNED_IN),
            Endpoint("GET", CODES, self.show_codes, Access.SIGNED_IN),
            Endpoint("POST", CODES, self.confirm, Access.SIGNED_IN),
            Endpoint("POST", RESEND, self.send_again, Access.SIGNED_IN),
            Endpoint("POST", CANCEL, self.cancel, Access.SIGNED_IN),
            Endpoint("GET", LOST, self.show_lost, Access.SIGNED_IN),
            Endpoint("POST", LOST, self.begin_lost, Access.SIGNED_IN),
        )

    async def show(self, request: Request) -> Response:
        """Where a change is asked for; while one waits, until when, and how to stop it."""
        signed_in = await self._gate.get_signed_in(request)
        change = await self._changes.find_open(signed_in)
        if change is not None and change.state in WAITING:
            return self._show_waiting(request, signed_in, change)
        return self._show_form(request, signed_in, "my_account/address.html")

    async def begin(self, request: Request) -> Response:
        """Ask for a change; the answer is the same whoever has the new address."""
        return await self._begin(request, ADDRESS, without_mailbox=False)

    async def show_codes(self, request: Request) -> Response:
        """Where the codes are typed."""
        signed_in = await self._gate.get_signed_in(request)
        change = await self._changes.find_open(signed_in)
        if change is None or change.state in WAITING:
            return self._pages.go(request, ADDRESS)
        notice = self._pages.find_notice(request)
        return self._show(
            request,
            signed_in,
            "my_account/address_codes.html",
            notice,
            old_address=change.old_address,
            new_address=change.new_address,
            asks_old=change.is_asked("old"),
            asks_new=change.is_asked("new"),
            failure=_shown_failure(notice),
        )

    async def confirm(self, request: Request) -> Response:
        """Take one code or both; with the last one the address changes, and this session gets a new secret."""
        signed_in = await self._gate.get_signed_in(request)
        form = await self._pages.read(request, CodesForm, bound_to=signed_in.session.id)
        confirmed = await self._changes.confirm(await self._visitors.browser(request), form.old_code, form.new_code)
        if confirmed.is_done:
            response = self._say(request, OVERVIEW, message("my_account.address.changed"))
            if confirmed.browser is not None:
                self._gate.keep(response, confirmed.browser)
            return response
        if confirmed.failures:
            return self._fail(request, CODES, confirmed.failures)
        return self._say(request, CODES, message("my_account.address.code.right"))

    async def send_again(self, request: Request) -> Response:
        """Have new codes mailed."""
        signed_in = await self._gate.get_signed_in(request)
        await self._pages.read(request, Form, bound_to=signed_in.session.id)
        try:
            failure = await self._changes.send_again(await self._visitors.browser(request))
        except NotFound:
            return self._pages.go(request, ADDRESS)
        if failure is not None:
            return self._fail(request, CODES, (failure,))
        return self._say(request, CODES, message("my_account.address.sent_again"))

    async def cancel(self, request: Request) -> Response:
        """Take the change back."""
        signed_in = await self._gate.get_signed_in(request)
        await self._pages.read(request, Form, bound_to=signed_in.session.id)
        await self._changes.cancel(signed_in)
        return self._say(request, OVERVIEW, message("my_account.address.cancelled"))

    async def show_lost(self, request: Request) -> Response:
        """For people who lost their mailbox: with a second factor the form, without one who can help."""
        signed_in = await self._gate.get_signed_in(request)
        if not may_change_without_mailbox(signed_in.session.proofs, signed_in.account):
            notice = self._pages.find_notice(request)
            return self._show(request, signed_in, "my_account/address_lost_help.html", notice)
        return self._show_form(request, signed_in, "my_account/address_lost.html")

    async def begin_lost(self, request: Request) -> Response:
        """Ask for a change that the old mailbox need not agree to."""
        return await self._begin(request, LOST, without_mailbox=True)

    async def _begin(self, request: Request, path: str, *, without_mailbox: bool) -> Response:
        signed_in = await self._gate.get_signed_in(request)
        form = await self._pages.read(request, AddressForm, bound_to=signed_in.session.id)
        visitor = await self._visitors.browser(request)
        failure = await self._changes.begin(
            visitor, form.current_password, form.new_address, without_mailbox=without_mailbox
        )
        if failure is None:
            return self._pages.go(request, CODES)
        return self._fail(request, path, (failure,), {"new_address": form.new_address[:IDENTIFIER_MAX]})

    def _show_form(self, request: Request, signed_in: SignedIn, template: str) -> Response:
        notice, account = self._pages.find_notice(request), signed_in.account
        return self._show(
            request,
            signed_in,
            template,
            notice,
            address=account.address,
            new_address=notice.values.get("new_address", ""),
            frozen_until=self._changes.find_freeze(signed_in),
            failure=notice.shown_failure(),
        )

    def _show_waiting(self, request: Request, signed_in: SignedIn, change: AddressChange) -> Response:
        return self._show(
            request,
            signed_in,
            "my_account/address_waiting.html",
            self._pages.find_notice(request),
            new_address=change.new_address,
            effective_at=change.effective_at,
        )

    def _show(self, request: Request, signed_in: SignedIn, template: str, notice: Notice, /, **values: Any) -> Response:
        person = ShownPerson.named(signed_in.account.name, signed_in.account.handle, signed_in.account.picture)
        said = notice.said_message()
        return self._pages.show(request, template, person=person, bound_to=signed_in.session.id, notice=said, **values)

    def _fail(
        self, request: Request, path: str, failures: tuple[Failure, ...], values: dict[str, str] | None = None
    ) -> Response:
        """Back to the form. A notice has room for one failure and its field; a second field goes with the values."""
        first = failures[0]
        given = {**(values or {}), **{f"wrong_{each.field}": each.code for each in failures[1:] if each.field}}
        said = Message(first.code, first.params)
        response = self._pages.go(request, path)
        return self._pages.leave_notice(request, response, path, failure=said, field=first.field, values=given)

    def _say(self, request: Request, path: str, said: Message) -> Response:
        return self._pages.leave_notice(request, self._pages.go(request, path), path, said=said)


def _shown_failure(notice: Notice) -> ShownFailure | None:
    """What was wrong with either code."""
    failure = notice.shown_failure()
    if failure is None:
        return None
    others = {
        name.removeprefix("wrong_"): message(code) for name, code in notice.values.items() if name.startswith("wrong_")
    }
    return ShownFailure(failure.summary, {**failure.fields, **others})
