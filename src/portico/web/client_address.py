"""Where a request comes from. Forwarding headers count only from peers the settings list (rule 5)."""

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request


class ClientAddresses:
    """Knows which proxies are ours."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        """``trusted_proxies``: addresses or networks, such as ``10.0.0.0/8``."""
        self._trusted = read_networks(trusted_proxies)

    def find(self, request: Request) -> str:
        """The address of the client: the last one in ``X-Forwarded-For`` that is not a proxy of ours."""
        peer = request.client.host if request.client else ""
        if not self._trusted or not self._is_trusted(peer):
            return peer
        hops = [hop.strip() for hop in ",".join(request.headers.getlist("x-forwarded-for")).split(",")]
        for hop in reversed(hops):
            if not _is_address(hop):
                return peer
            if not self._is_trusted(hop):
                return hop
        return peer

    def _is_trusted(self, address: str) -> bool:
        return _is_address(address) and any(ipaddress.ip_address(address) in network for network in self._trusted)


def read_networks(texts: Sequence[str]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Addresses and networks as objects; raises ValueError for what is neither."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
