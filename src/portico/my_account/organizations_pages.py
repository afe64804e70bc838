"""One's organizations in a browser."""

from starlette.requests import Request
from starlette.responses import Response

from portico.my_account.door import Room
from portico.my_account.organizations import Belongings, member_words
from portico.web.routing import Access, Endpoint

ORGANIZATIONS = "/account/organizations"


class OwnOrganizationsPages:
    """What one's organizations ask."""

    def __init__(self, *, room: Room, belongings: Belongings) -> None:
        self._room = room
        self._belongings = belongings

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The rows of these doors."""
        return (Endpoint("GET", ORGANIZATIONS, self.show, Access.SIGNED_IN, opens_when_due=True),)

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
            notice=notice.said_message(),
            failure=notice.shown_failure(),
        )
