"""The domain that passkeys are made for: it fits the deployment's address, and stays while there are any.

A browser offers a passkey to the domain it was made for and to no other (Web Authentication Level 3, section 4, *RP
ID*), so another domain would turn every passkey into one that never answers, and lock out whoever has nothing else.
"""

from portico.database.deployment import PASSKEY_DOMAIN, find_fact
from portico.database.engine import Database
from portico.factors.passkeys import store
from portico.factors.passkeys.model import can_have_passkeys
from portico.kernel.errors import Misconfigured

_HELP = "docs/operating/passkeys.md"


async def check_domain(database: Database, *, host: str, domain: str) -> None:
    """Raises Misconfigured where the domain does not fit the host, or there are passkeys that were made for another."""
    if not _fits(host, domain):
        raise Misconfigured(
            f"passkey_domain is {domain}, but base_url leads to {host}: set passkey_domain to {host} or to a domain "
            f"above it, or leave it out; see {_HELP}"
        )
    known = await find_fact(database, PASSKEY_DOMAIN)
    if known not in (None, domain) and await store.has_any(database):
        raise Misconfigured(
            f"there are passkeys for {known}, which do not work for {domain}: set passkey_domain to {known} again, or "
            f"remove them as {_HELP} says"
        )


def _fits(host: str, domain: str) -> bool:
    """Whether pages of a host may use passkeys of a domain; browsers refuse one that is a whole top level."""
    if host == domain:
        return True
    return can_have_passkeys(host) and "." in domain.strip(".") and host.endswith("." + domain)
