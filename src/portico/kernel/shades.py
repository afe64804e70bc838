"""The colours of every page and mail, derived from the brand's one accent so that each pair of them can be read.

Lightness is searched in OKLCH (Björn Ottosson's Oklab in polar form), which keeps the hue while it gets lighter or
darker, until the contrast of WCAG 2.2 (success criteria 1.4.3 and 1.4.11) is reached with some room to spare.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

Colour = tuple[float, float, float]
"""Red, green and blue, gamma-encoded, each from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Shades:
    """One scheme, each field an ``#rrggbb``. The names are the custom properties in the style sheet."""

    bg: str
    """The page behind everything."""
    card: str
    """Cards, fields and menus."""
    soft: str
    """A tint of the accent: hovered rows, initials, the light behind the card."""
    ink: str
    """Text."""
    quiet: str
    """Text that stands back."""
    line: str
    """Lines that only divide."""
    edge: str
    """Borders of fields, which must be seen: at least 3:1 on the card."""
    accent: str
    """The primary button."""
    accent_hover: str
    """The primary button under the pointer."""
    on_accent: str
    """Text on the primary button."""
    link: str
    """Links and small things in the accent colour."""


def light_shades(accent: str) -> Shades:
    """The light scheme."""
    lightness, chroma, hue = _to_oklch(_parse(accent))
    white = (1.0, 1.0, 1.0)
    tint = min(chroma, 0.012)
    page = _oklch(0.974, tint * 0.7, hue)
    soft = _oklch(0.951, min(chroma, 0.022), hue)
    ink = _oklch(0.24, tint * 1.6, hue)
    is_pale = lightness > 0.82
    button = _parse(accent) if is_pale else _darker(chroma, hue, lambda c: contrast(c, white) >= 4.7, lightness)
    step = -0.04 if is_pale or _to_oklch(button)[0] > 0.3 else 0.06
    return Shades(
        bg=_write(page),
        card="#ffffff",
        soft=_write(soft),
        ink=_write(ink),
        quiet=_write(_darker(tint * 1.6, hue, lambda c: contrast(c, soft) >= 5.2, 0.6)),
        line=_write(_oklch(0.915, tint * 0.8, hue)),
        edge=_write(_darker(tint, hue, lambda c: contrast(c, white) >= 3.2, 0.75)),
        accent=_write(button),
        accent_hover=_write(_shifted(button, step)),
        on_accent=_write(ink) if is_pale else "#ffffff",
        link=_write(_darker(chroma, hue, lambda c: contrast(c, soft) >= 5, lightness)),
    )


def dark_shades(accent: str) -> Shades:
    """The dark scheme."""
    lightness, chroma, hue = _to_oklch(_parse(accent))
    tint = min(chroma, 0.014)
    card = _oklch(0.232, tint, hue)
    soft = _oklch(0.29, min(chroma, 0.03), hue)
    night = _oklch(0.17, tint, hue)
    button = _lighter(chroma, hue, lambda c: contrast(c, night) >= 7.5, max(lightness, 0.6))
    return Shades(
        bg=_write(_oklch(0.182, tint, hue)),
        card=_write(card),
        soft=_write(soft),
        ink=_write(_oklch(0.955, tint * 0.4, hue)),
        quiet=_write(_lighter(tint, hue, lambda c: contrast(c, soft) >= 5.2, 0.6)),
        line=_write(_oklch(0.325, tint, hue)),
        edge=_write(_lighter(tint, hue, lambda c: contrast(c, card) >= 3.2, 0.4)),
        accent=_write(button),
        accent_hover=_write(_shifted(button, 0.05)),
        on_accent=_write(night),
        link=_write(_lighter(min(chroma, 0.13), hue, lambda c: contrast(c, soft) >= 6, 0.7)),
    )


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _darker(chroma: float, hue: float, is_enough: Callable[[Colour], bool], start: float) -> Colour:
    """The lightest colour of a hue, from ``start`` downwards, that is dark enough."""
    return _search(chroma, hue, is_enough, start, -0.005)


def _lighter(chroma: float, hue: float, is_enough: Callable[[Colour], bool], start: float) -> Colour:
    """The darkest colour of a hue, from ``start`` upwards, that is light enough."""
    return _search(chroma, hue, is_enough, start, 0.005)


def _search(chroma: float, hue: float, is_enough: Callable[[Colour], bool], start: float, step: float) -> Colour:
    lightness = start
    while 0 < lightness < 1:
        colour = _rounded(_oklch(lightness, chroma, hue))
        if is_enough(colour):
            return colour
        lightness += step
    return (0.0, 0.0, 0.0) if step < 0 else (1.0, 1.0, 1.0)


def _shifted(colour: Colour, by: float) -> Colour:
    """The same colour, lighter or darker."""
    lightness, chroma, hue = _to_oklch(colour)
    return _oklch(min(1.0, max(0.0, lightness + by)), chroma, hue)


def _oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """The nearest colour a screen can show: chroma is given up before lightness or hue."""
    colour = _from_oklab(lightness, chroma * math.cos(hue), chroma * math.sin(hue))
    while chroma > 0 and not all(-0.0005 <= part <= 1.0005 for part in colour):
        chroma = max(0.0, chroma - 0.004)
        colour = _from_oklab(lightness, chroma * math.cos(hue), chroma * math.sin(hue))
    red, green, blue = (_encode(min(1.0, max(0.0, part))) for part in colour)
    return red, green, blue


def _to_oklch(colour: Colour) -> tuple[float, float, float]:
    red, green, blue = (_decode(part) for part in colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _from_oklab(lightness: float, a: float, b: float) -> Colour:
    """Linear red, green and blue; outside 0 to 1 where no screen can follow."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _luminance(colour: Colour) -> float:
    red, green, blue = (_decode(part) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _decode(part: float) -> float:
    """From gamma-encoded to linear light (IEC 61966-2-1)."""
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _encode(part: float) -> float:
    """From linear light to gamma-encoded."""
    return part * 12.92 if part <= 0.0031308 else float(1.055 * part ** (1 / 2.4) - 0.055)


def _parse(written: str) -> Colour:
    """The colour in ``#rrggbb``; raises ValueError for anything else."""
    if len(written) != 7 or written[0] != "#":
        raise ValueError(f"not a colour in the form #rrggbb: {written!r}")
    red, green, blue = (int(written[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _write(colour: Colour) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


def _rounded(colour: Colour) -> Colour:
    """The colour as it will be written, so that a ratio holds for what is shown."""
    return _parse(_write(colour))
