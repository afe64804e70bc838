"""One's passkeys by their names, one's default method, and being asked again to trust a browser: the pages."""

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.passkeys.model import NAME_MAX
from portico.factors.proof import Failure, ProofKind
from portico.kernel.messages import message
from portico.my_account.authenticator.pages import PASSKEYS
from portico.my_account.authenticator.service import ROOM, Authenticators
from portico.my_account.door import Room
from portico.my_account.passkeys.service import NOT_USABLE, OwnPasskeys
from portico.signin.door import Visitors
from portico.web.body import Form
from portico.web.routing import Access, Endpoint

PASSKEY = PASSKEYS + "/{passkey_id}"
DEFAULT = ROOM + "/default"
AUTOMATIC = "automatic"


class NameForm(Form, frozen=True, kw_only=True):
    """What a passkey is to be called, and the present password; ``username`` is there for password managers."""

    username: str = ""
    name: str = ""
    current_password: str = ""


class DefaultForm(Form, frozen=True, kw_only=True):
    """The method to be asked for first, and the present password; ``username`` is there for password managers."""

    username: str = ""
    method: str = ""
    current_password: str = ""


class PasskeyPages:
    """One's passkeys, and how one wants to be asked."""

    def __init__(
        self, *, room: Room, visitors: Visitors, authenticators: Authenticators, passkeys: OwnPasskeys
    ) -> None:
        self._room = room
        self._visitors = visitors
        self._authenticators = authenticators
        self._passkeys = passkeys

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (
            Endpoint("GET", PASSKEY, self.show_passkey, Access.SIGNED_IN),
            Endpoint("POST", PASSKEY, self.rename, Access.SIGNED_IN),
            Endpoint("GET", DEFAULT, self.show_default, Access.SIGNED_IN),
            Endpoint("POST", DEFAULT, self.prefer, Access.SIGNED_IN),
            Endpoint("POST", ROOM + "/ask-again", self.ask_again, Access.SIGNED_IN),
        )

    async def show_passkey(self, request: Request) -> Response:
        """Where a passkey is renamed."""
        signed_in = await self._room.gate.get_signed_in(request)
        passkey = await self._authenticators.get_passkey(signed_in, request.path_params["passkey_id"])
        own = await self._authenticators.look(signed_in)
        if own.refusal is not None:
            return self._room.refuse(request, ROOM, own.refusal)
        notice = self._room.pages.find_notice(request)
        return self._room.show(
            request,
            signed_in,
            "my_account/passkey.html",
            place=request.url.path,
            passkey=passkey,
            values={"name": passkey.name, **notice.values},
            name_max=NAME_MAX,
            identifier=signed_in.account.address,
            failure=notice.shown_failure(),
        )

    async def rename(self, request: Request) -> Response:
        """Give a passkey another name."""
        signed_in = await self._room.gate.get_signed_in(request)
        form = await self._room.read(request, signed_in, NameForm)
        visitor = await self._visitors.browser(request)
        passkey_id = request.path_params["passkey_id"]
        failure = await self._passkeys.rename(visitor, passkey_id, form.name, form.current_password)
        if failure is not None:
            return self._refuse(request, failure, {"name": form.name[:NAME_MAX]})
        return self._room.say(request, ROOM, message("my_account.authenticator.passkeys.renamed"))

    async def show_default(self, request: Request) -> Response:
        """Where the default method is chosen."""
        signed_in = await self._room.gate.get_signed_in(request)
        own = await self._authenticators.look(signed_in)
        if own.refusal is not None or not own.usable:
            return self._room.refuse(request, ROOM, own.refusal or NOT_USABLE)
        notice = self._room.pages.find_notice(request)
        chosen = notice.values.get("method") or (own.preferred.value if own.preferred else AUTOMATIC)
        return self._room.show(
            request,
            signed_in,
            "my_account/authenticator_default.html",
            place=DEFAULT,
            methods=[AUTOMATIC, *(kind.value for kind in own.usable)],
            chosen=chosen,
            identifier=signed_in.account.address,
            failure=notice.shown_failure(),
        )

    async def prefer(self, request: Request) -> Response:
        """Choose the default method."""
        signed_in = await self._room.gate.get_signed_in(request)
        form = await self._room.read(request, signed_in, DefaultForm)
        visitor = await self._visitors.browser(request)
        kind: ProofKind | None = None
        failure: Failure | None = NOT_USABLE
        with suppress(ValueError):
            kind = None if form.method == AUTOMATIC else ProofKind(form.method)
            failure = await self._passkeys.prefer(visitor, kind, form.current_password)
        if failure is not None:
            return self._refuse(request, failure, {"method": kind.value if kind else AUTOMATIC})
        return self._room.say(request, ROOM, message("my_account.authenticator.default.done"))

    async def ask_again(self, request: Request) -> Response:
        """Forget that this browser is not to be trusted."""
        signed_in = await self._room.gate.get_signed_in(request)
        await self._room.read(request, signed_in, Form)
        failure = await self._passkeys.ask_again(signed_in)
        if failure is not None:
            return self._room.refuse(request, ROOM, failure)
        return self._room.say(request, ROOM, message("my_account.authenticator.ask_again.done"))

    def _refuse(self, request: Request, failure: Failure, values: dict[str, str]) -> Response:
        """Back to the form where a field was not good, else to the room."""
        return self._room.refuse(request, request.url.path if failure.field else ROOM, failure, values)
