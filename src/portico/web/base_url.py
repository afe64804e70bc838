"""The deployment's public address. It comes from the settings; nothing a request says ever changes it (rule 5)."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOST = re.compile(r"[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """``https://login.example.org``: scheme and host, no path."""

    scheme: str
    host: str
    """The host with its port as a browser writes it in ``Host`` and ``Origin``: a standard port is left out."""

    @property
    def origin(self) -> str:
        """The origin (RFC 6454 section 6.2)."""
        return f"{self.scheme}://{self.host}"

    @property
    def hostname(self) -> str:
        """The host without its port."""
        return self.host.rsplit(":", 1)[0] if re.search(r":\d+$", self.host) else self.host

    @property
    def is_secure(self) -> bool:
        """Whether pages are reached over TLS."""
        return self.scheme == "https"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can mean it: ``localhost`` or a name below it."""
        return self.hostname == "localhost" or self.hostname.endswith(".localhost")

    def to(self, path: str) -> str:
        """The full address of a path of ours."""
        return self.origin + path


def parse_base_url(text: str) -> BaseUrl:
    """Read a base URL; raises ValueError with what to mend."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _HOST.fullmatch(parts.netloc.split(":")[0]):
        raise ValueError("write it as https://login.example.org")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError("it has a host and perhaps a port, and nothing else")
    standard = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, standard) else f":{parts.port}"
    base = BaseUrl(scheme=parts.scheme, host=parts.hostname.lower() + port)
    if not base.is_secure and not base.is_local:
        raise ValueError("plain http is for localhost only; everywhere else it must begin with https://")
    return base


def is_loopback(address: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
