"""Style sheets, scripts and pictures: read once, served under an address that names their content.

``/static/<first 16 digits of the SHA-256>/<name>`` may be cached forever, because another content has another address.
The colours derived from the brand are part of the style sheet, so that a page needs one request for both.
"""

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

from portico.kernel.brand import Brand
from portico.kernel.shades import Shades, dark_shades, light_shades

STATIC_PREFIX = "/static/"
_TILE, _MARK = b"#0f766e", b"#fff"
"""The two colours of the built-in pictures; the brand's accent and what can be seen on it take their places."""

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    address: str
    content: bytes
    content_type: str


class Assets:
    """Every static file of one deployment, in memory."""

    def __init__(self, directory: Path, brand: Brand) -> None:
        """Read the folder; what the brand changes is changed here."""
        self._by_name = {
            path.name: _asset(path.name, _branded(path.name, path.read_bytes(), brand))
            for path in sorted(directory.iterdir())
            if path.suffix in _CONTENT_TYPES
        }
        self._by_address = {asset.address: asset for asset in self._by_name.values()}

    def address(self, name: str) -> str:
        """Where a file is served; raises KeyError for a name that does not exist."""
        return self._by_name[name].address

    def find(self, path: str) -> Asset | None:
        """The file served at a path; None for an unknown or outdated one."""
        return self._by_address.get(path)

    def names(self) -> tuple[str, ...]:
        """Every file there is."""
        return tuple(self._by_name)


def _asset(name: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(f"{STATIC_PREFIX}{digest}/{name}", content, _CONTENT_TYPES[Path(name).suffix])


def _branded(name: str, content: bytes, brand: Brand) -> bytes:
    """A file with the brand's colours and logo in it."""
    if name == "portico.css":
        return brand_css(brand) + content
    if name == "logo.svg" and brand.logo_svg:
        return brand.logo_svg
    if name.endswith(".svg"):
        shades = light_shades(brand.accent)
        return content.replace(_MARK, shades.on_accent.encode()).replace(_TILE, shades.accent.encode())
    return content


def brand_css(brand: Brand) -> bytes:
    """The custom properties of both schemes, for the style sheet."""
    light, dark = light_shades(brand.accent), dark_shades(brand.accent)
    return f":root{{{_rules(light)}}}@media(prefers-color-scheme:dark){{:root{{{_rules(dark)}}}}}\n".encode("ascii")


def _rules(shades: Shades) -> str:
    return ";".join(f"--{field.name.replace('_', '-')}:{getattr(shades, field.name)}" for field in fields(shades))
