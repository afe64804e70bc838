"""The second step of one's own sign-in, in a browser: what there is, and the forms that begin a change."""

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import Failure
from portico.kernel.messages import Message
from portico.my_account.authenticator.service import ROOM, Authenticators
from portico.my_account.door import Room
from portico.signin.attempt import FactorChange
from portico.signin.door import Visitors
from portico.web.body import Form
from portico.web.routing import Access, Endpoint

PASSKEYS = ROOM + "/passkeys"
PLACES = {
    FactorChange.ADD_TOTP: ROOM + "/add",
    FactorChange.REMOVE_TOTP: ROOM + "/remove",
    FactorChange.NEW_RECOVERY_CODE: ROOM + "/recovery-code",
    FactorChange.ADD_PASSKEY: PASSKEYS + "/add",
    FactorChange.REMOVE_PASSKEY: PASSKEYS + "/{passkey_id}/remove",
}


class ChangeForm(Form, frozen=True, kw_only=True):
    """The present password; ``username`` is there for password managers."""

    username: str = ""
    current_password: str = ""


class AuthenticatorPages:
    """One's own second factors."""

    def __init__(self, *, room: Room, visitors: Visitors, authenticators: Authenticators) -> None:
        self._room = room
        self._visitors = visitors
        self._authenticators = authenticators

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        rows = [Endpoint("GET", ROOM, self.show, Access.SIGNED_IN)]
        for place in PLACES.values():
            rows += (
                Endpoint("GET", place, self.show_change, Access.SIGNED_IN),
                Endpoint("POST", place, self.begin, Access.SIGNED_IN),
            )
        return tuple(rows)

    async def show(self, request: Request) -> Response:
        """What there is."""
        signed_in = await self._room.gate.get_signed_in(request)
        notice = self._room.pages.find_notice(request)
        own = await self._authenticators.look(signed_in)
        return self._room.show(
            request,
            signed_in,
            "my_account/authenticator.html",
            own=own,
            refusal=Message(own.refusal.code, own.refusal.params) if own.refusal else None,
            notice=notice.said_message(),
            failure=notice.shown_failure(),
        )

    async def show_change(self, request: Request) -> Response:
        """The form that begins a change; back to what there is where it cannot be made."""
        signed_in = await self._room.gate.get_signed_in(request)
        change, passkey_id = _change(request), request.path_params.get("passkey_id")
        passkey = await self._authenticators.get_passkey(signed_in, passkey_id) if passkey_id else None
        refusal = await self._authenticators.find_refusal(signed_in, change)
        if refusal is not None:
            return self._room.refuse(request, ROOM, refusal)
        return self._room.show(
            request,
            signed_in,
            "my_account/authenticator_change.html",
            change=change.value,
            place=request.url.path,
            passkey=passkey.name if passkey else "",
            afterwards=await self._authenticators.foresee(signed_in, change),
            identifier=signed_in.account.address,
            failure=self._room.pages.find_notice(request).shown_failure(),
        )

    async def begin(self, request: Request) -> Response:
        """Prove the password, and lead to what comes next."""
        signed_in = await self._room.gate.get_signed_in(request)
        form = await self._room.read(request, signed_in, ChangeForm)
        change, passkey_id = _change(request), request.path_params.get("passkey_id")
        visitor = await self._visitors.browser(request)
        begun = await self._authenticators.begin(visitor, change, form.current_password, passkey_id=passkey_id)
        if isinstance(begun, Failure):
            return self._room.refuse(request, request.url.path if begun.field else ROOM, begun)
        return self._room.pages.go(request, f"/signin/{begun.attempt.id}")


def _change(request: Request) -> FactorChange:
    """Which change a place is for."""
    if "passkey_id" in request.path_params:
        return FactorChange.REMOVE_PASSKEY
    return next(change for change, known in PLACES.items() if known == request.scope["path"])
