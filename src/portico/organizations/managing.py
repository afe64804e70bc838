"""The one organization that manages an account (D19), if there is one: docs/decisions/0018."""

from portico.accounts.model import Account
from portico.database.engine import Reader
from portico.organizations import store
from portico.organizations.domains import store as domains
from portico.organizations.model import Organization, role_in


async def find_managing(reader: Reader, account: Account) -> Organization | None:
    """Whoever has proven the domain of the account's address, else whoever created the account; None if neither.

    Either counts only while the account is its active member. To be asked with the account as ``reader`` has it.
    """
    by_domain = await domains.find_holder(reader, account.address_key.rpartition("@")[2])
    for organization_id in (by_domain, account.created_by):
        if organization_id is not None and role_in(account.memberships, organization_id) is not None:
            return await store.find_organization(reader, organization_id)
    return None
