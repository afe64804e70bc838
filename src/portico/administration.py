"""Wiring of the doors of organizations: what their admins and operators do there."""

from portico.admin.domains_api import DomainsApi
from portico.admin.invitations_api import InvitationsApi
from portico.admin.members_api import MembersApi
from portico.admin.organizations_api import OrganizationsApi
from portico.admin.people_api import PeopleApi
from portico.admin.policies_api import PoliciesApi
from portico.admin.reminders_api import RemindersApi
from portico.house import House
from portico.sessions.door import SessionGate
from portico.signin.door import Visitors
from portico.web.pages import Pages
from portico.web.routing import Endpoint


def administration(house: House, pages: Pages, gate: SessionGate, visitors: Visitors) -> tuple[Endpoint, ...]:
    """Organizations, their members, invitations, policies, reminders and domains, and the accounts they manage."""
    catalogues = house.ground.catalogues
    doors = (
        OrganizationsApi(
            gate=gate,
            database=house.database,
            accounts=house.accounts,
            changes=house.organization_changes,
            memberships=house.memberships,
        ),
        MembersApi(gate=gate, changes=house.organization_changes, memberships=house.memberships),
        InvitationsApi(gate=gate, invitations=house.invitations, clock=house.clock),
        RemindersApi(reminders=house.reminders),
        PoliciesApi(pages=pages, gate=gate, policies=house.policies, catalogues=catalogues),
        DomainsApi(
            pages=pages, gate=gate, changes=house.organization_changes, domains=house.domains, catalogues=catalogues
        ),
        PeopleApi(pages=pages, visitors=visitors, people=house.people_in_charge, catalogues=catalogues),
    )
    return tuple(endpoint for door in doors for endpoint in door.endpoints())
