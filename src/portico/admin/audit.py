"""The audit trail as operators and the administrators of an organization read it. Taking it out is itself recorded."""

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum

from msgspec import structs

from portico.audit.model import Event, EventKind
from portico.audit.search.model import Filter, FoundEvent
from portico.audit.search.service import PAGE, TrailSearch, check, narrowed
from portico.audit.service import Audit
from portico.database.engine import Database, Transaction
from portico.kernel.clock import Clock
from portico.organizations.authority import Authority
from portico.organizations.model import Role
from portico.organizations.rules import AT_THE_MACHINE, Actor
from portico.organizations.service import Organizations
from portico.sessions.model import SignedIn


class ExportFormat(StrEnum):
    """In which form the trail is taken out."""

    CSV = "csv"
    JSONL = "jsonl"


class TrailReading:
    """Who may read what of the trail."""

    def __init__(
        self, *, database: Database, clock: Clock, audit: Audit, organizations: Organizations, authority: Authority
    ) -> None:
        self._database = database
        self._authority = authority
        self._organizations = organizations
        self._clock = clock
        self._audit = audit
        self._search = TrailSearch(database)

    async def search(self, sought: Filter, before_id: str = "", limit: int = PAGE) -> list[FoundEvent]:
        """A page of events of the whole deployment, newest first. Raises BadInput."""
        return await self._search.list_page(sought, before_id, limit)

    async def search_for(
        self, organization_id: str, sought: Filter, before_id: str = "", limit: int = PAGE
    ) -> list[FoundEvent]:
        """A page of what concerns an organization, for its administrators. Raises NotFound where there is none."""
        sought = await self._within(organization_id, sought)
        return [narrowed(event, organization_id) for event in await self.search(sought, before_id, limit)]

    async def export(self, signed_in: SignedIn | None, form: ExportFormat, sought: Filter) -> AsyncIterator[bytes]:
        """The events as a file, in pieces; recorded before the first. ``signed_in`` is None at the command line.

        Raises NotSignedIn, and NotAllowed for who is no operator by then.
        """
        actor = _actor(signed_in)

        async def require(tx: Transaction) -> None:
            await self._authority.require_operator(tx, actor)

        return await self._export(actor, form, sought, require)

    async def export_for(
        self, signed_in: SignedIn, organization_id: str, form: ExportFormat, sought: Filter
    ) -> AsyncIterator[bytes]:
        """As above, of what concerns an organization, for its administrators. Raises NotFound where there is none."""
        actor = _actor(signed_in)

        async def require(tx: Transaction) -> None:
            await self._authority.hold_to_read(tx, actor, organization_id, Role.ADMIN)

        return await self._export(actor, form, await self._within(organization_id, sought), require)

    async def _export(
        self, actor: Actor, form: ExportFormat, sought: Filter, require: Callable[[Transaction], Awaitable[None]]
    ) -> AsyncIterator[bytes]:
        """Look once more whether they may, and record it, in one transaction."""
        check(sought)
        now = self._clock.now()
        event = Event(
            kind=EventKind.TRAIL_EXPORTED,
            actor_id=actor.account_id,
            session_id=actor.session_id,
            details={"format": form.value},
            organizations=(sought.organization_id,) if sought.organization_id else (),
        )

        async def body(tx: Transaction) -> None:
            await require(tx)
            await self._audit.append(tx, now, event)

        await self._database.transact(body)
        if form is ExportFormat.CSV:
            return self._search.write_table(sought)
        return self._search.write_lines(sought, now)

    async def _within(self, organization_id: str, sought: Filter) -> Filter:
        organization = await self._organizations.get_organization(self._database, organization_id)
        return structs.replace(sought, organization_id=organization.id)


def _actor(signed_in: SignedIn | None) -> Actor:
    if signed_in is None:
        return AT_THE_MACHINE
    return Actor(account_id=signed_in.account.id, session_id=signed_in.session.id)
