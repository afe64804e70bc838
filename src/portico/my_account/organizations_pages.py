"""One's organizations in a browser."""

from starlette.requests import Request
from starlette.responses import Response

from portico.factors.proof import Failure
from portico.kernel.messages import message
from portico.my_account.door import Room
from portico.my_account.organizations import Belongings, member_words
from portico.organizations.faults import LastOwner
from portico.web.body import Form
from portico.web.routing import Access, Endpoint

ORGANIZATIONS = "/account/organizations"


class OwnOrganizationsPages:
    """What one's organizations ask."""

    def __init__(self, *, room: Room, belongings: Belongings) -> None:
        self._room = room
        self._belongings = belongings

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        leave = ORGANIZATIONS + "/{organization_id}/leave"
        return (
            Endpoint("GET", ORGANIZATIONS, self.show, Access.SIGNED_IN, opens_when_due=True),
            Endpoint("GET", leave, self.show_leave, Access.SIGNED_IN, opens_when_due=True),
            Endpoint("POST", leave, self.leave, Access.SIGNED_IN, opens_when_due=True),
        )

    async def show(self, request: Request) -> Response:
        """Each organization, what one is there, what it asks and since when."""
        signed_in = await self._room.gate.get_signed_in(request)
        own = await self._belongings.look(signed_in)
        notice = self._room.pages.find_notice(request)
        return self._room.show(
            request,
            signed_in,
            "my_account/organizations.html",
            organizations=[(one, member_words(one.membership)) for one in own.organizations],
            in_the_end=own.in_the_end,
            expiry=own.expiry,
            notice=notice.said_message(),
            failure=notice.shown_failure(),
        )

    async def show_leave(self, request: Request) -> Response:
        """What leaving an organization means, and the button for it."""
        signed_in = await self._room.gate.get_signed_in(request)
        own = await self._belongings.get(signed_in, request.path_params["organization_id"])
        return self._room.show(
            request, signed_in, "my_account/leave_organization.html", organization=own.organization, path=ORGANIZATIONS
        )

    async def leave(self, request: Request) -> Response:
        """Leave an organization; its last owner cannot."""
        signed_in = await self._room.gate.get_signed_in(request)
        await self._room.read(request, signed_in, Form)
        own = await self._belongings.get(signed_in, request.path_params["organization_id"])
        name = own.organization.name
        try:
            await self._belongings.leave(signed_in, own.organization.id)
        except LastOwner:
            failure = Failure(code="my_account.organizations.last_owner", params={"organization": name})
            return self._room.refuse(request, ORGANIZATIONS, failure)
        return self._room.say(request, ORGANIZATIONS, message("my_account.organizations.left", organization=name))
