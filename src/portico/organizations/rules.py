"""Who may change whom in an organization (D19, D27). Pure.

Only owners make and unmake owners and admins; admins make and unmake support and members; these change nobody. It is
the same whether somebody is invited, changed, suspended or removed. Operators stand where owners stand, in every
organization.
"""

from collections.abc import Mapping

import msgspec

from portico.audit.model import Event, EventKind
from portico.organizations.model import Organization, Role


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who changes something: somebody signed in, or, without an account, an operator at the machine."""

    account_id: str | None = None
    session_id: str | None = None


AT_THE_MACHINE = Actor()
"""An operator at the machine's own command line."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An organization whose changes follow one another from here to the end of a transaction, and who is at it.

    ``role`` is what the actor may do there; ``by`` says in which capacity, where it is not as one of its members:
    "operator", or "machine".
    """

    organization: Organization
    actor: Actor
    role: Role
    by: str = ""

    def event(
        self, kind: EventKind, subject_id: str | None = None, details: Mapping[str, str | int] | None = None
    ) -> Event:
        """What is recorded of a change in this organization."""
        return Event(
            kind=kind,
            subject_id=subject_id,
            actor_id=self.actor.account_id,
            session_id=self.actor.session_id,
            organizations=(self.organization.id,),
            details={**(details or {}), **({"by": self.by} if self.by else {})},
        )


def may_grant(actor: Role, role: Role) -> bool:
    """Whether somebody of the role ``actor`` may make others what ``role`` says, and unmake them."""
    return actor is Role.OWNER if role.reaches(Role.ADMIN) else actor.reaches(Role.ADMIN)


def may_change(actor: Role, before: Role, after: Role) -> bool:
    """Whether somebody of the role ``actor`` may change somebody from the role ``before`` to the role ``after``.

    Suspending and removing leave the role as it is; who joins had the least.
    """
    return may_grant(actor, before) and may_grant(actor, after)


def may_send_again(actor: Role, offered: Role) -> bool:
    """Whether somebody of the role ``actor`` may repeat an offer as their own. Support may help members in."""
    return may_grant(actor, offered) or (offered is Role.MEMBER and actor.reaches(Role.SUPPORT))
