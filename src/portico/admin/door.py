"""What the doors of administration do alike."""

from starlette.requests import Request

from portico.kernel.errors import BadInput
from portico.kernel.tokens import is_id
from portico.organizations.rules import Actor
from portico.sessions.door import SessionGate

ORGANIZATION = "/api/v1/organizations/{organization_id}"


async def get_actor(gate: SessionGate, request: Request) -> Actor:
    """Who is at it."""
    signed_in = await gate.get_signed_in(request)
    return Actor(account_id=signed_in.account.id, session_id=signed_in.session.id)


def check_after(after: str) -> str:
    """What a list goes on behind; raises BadInput for what is no id."""
    if after and not is_id(after):
        raise BadInput("not an id", field="after")
    return after
