"""Asking the name system for TXT records (RFC 1035): a small port, and what asks for real.

Never inside a transaction, and never much longer than :data:`PATIENCE` in all.
"""

import ipaddress
import re
from datetime import timedelta
from typing import Protocol

import structlog

PATIENCE = timedelta(seconds=5)
_PORT = 53
_SERVER = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+))(?::(?P<port>\d{1,5}))?")
_log = structlog.get_logger("portico.domains")


class Records(Protocol):
    """Whatever knows the records of names."""

    async def list_txt(self, name: str) -> list[str] | None:
        """The texts of a name's TXT records, none if it has none; None if no server has answered in time."""
        ...


class DnsRecords:
    """Asks a name server, or those the system is set up with."""

    def __init__(self, server: str = "", patience: timedelta = PATIENCE) -> None:
        """``server`` as in the setting ``dns_server``; raises ValueError for what is none."""
        self._server = read_server(server) if server else None
        self._patience = patience

    async def list_txt(self, name: str) -> list[str] | None:
        """The texts of a name's TXT records; those of one record are one text (RFC 1464 section 2)."""
        # Brings in dnspython, and few deployments prove domains: docs/decisions/0004-lazy-imports.md.
        import dns.asyncresolver

        try:
            resolver = dns.asyncresolver.Resolver(configure=self._server is None)
            if self._server is not None:
                resolver.nameservers, resolver.port = [self._server[0]], self._server[1]
            resolver.lifetime = self._patience.total_seconds()
            answer = await resolver.resolve(f"{name}.", "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.name.LabelTooLong, dns.name.NameTooLong):
            return []
        except (dns.exception.DNSException, OSError, EOFError) as error:
            _log.warning("domains.lookup_failed", reason=type(error).__name__)
            return None
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def read_server(text: str) -> tuple[str, int]:
    """The IP address and the port of a name server; raises ValueError."""
    bare = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    found = _SERVER.fullmatch(bare.strip())
    if found is None:
        raise ValueError("write an IP address, with or without a port, such as 127.0.0.1:53")
    port = int(found["port"] or _PORT)
    if not 1 <= port <= 65_535:
        raise ValueError("a port is from 1 to 65535")
    return str(ipaddress.ip_address(found["six"] or found["four"])), port
