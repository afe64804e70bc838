"""QR codes as SVG: drawn black on white with their quiet zone, whatever the page around looks like."""

import segno
from markupsafe import Markup


def draw_qr(text: str) -> Markup:
    """A QR code (ISO/IEC 18004), without a size of its own. Takes milliseconds: never draw it on the event loop."""
    made = segno.make(text, error="m", micro=False)
    return Markup(made.svg_inline(border=4, dark="#000", light="#fff", omitsize=True))  # noqa: S704 - made of squares
