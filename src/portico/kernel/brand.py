"""The brand a deployment shows: every page and mail takes its name, colours and contacts from here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brand:
    """What the deployment calls itself and where it sends people for help."""

    name: str = "Portico"
    accent: str = "#0f766e"
    """The accent colour as ``#rrggbb``; pages derive readable shades from it."""
    support_address: str = "help@example.org"
    help_url: str = ""
    """Where the Help link leads; empty means the built-in help page."""
    logo_svg: bytes = b""
    """The logo as an SVG document; empty means the built-in mark."""
