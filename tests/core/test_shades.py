"""Whatever accent a brand has, every text on every page can be read, in light and in dark (WCAG 2.2, 1.4.3, 1.4.11)."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portico.kernel.brand import Brand
from portico.kernel.shades import Shades, contrast, dark_shades, light_shades
from portico.web.assets import brand_css
from tests.support.page_samples import STATIC

accents = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
SHEET = (STATIC / "portico.css").read_text(encoding="utf-8")


def ratio(one: str, other: str) -> float:
    """The contrast of two colours as they are written."""
    first, second = ([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in (one, other))
    return contrast((first[0], first[1], first[2]), (second[0], second[1], second[2]))


def check(shades: Shades) -> None:
    """Every pair that meets on a page."""
    for ground in (shades.bg, shades.card, shades.soft):
        assert ratio(shades.ink, ground) >= 7
        assert ratio(shades.quiet, ground) >= 4.5
        assert ratio(shades.link, ground) >= 4.5
    assert ratio(shades.on_accent, shades.accent) >= 4.5
    assert ratio(shades.on_accent, shades.accent_hover) >= 4.5
    assert ratio(shades.edge, shades.card) >= 3


@given(accents)
@example("#000000")
@example("#ffffff")
@example("#ffff00")
@example("#0f766e")
def test_both_schemes_can_be_read(accent: str) -> None:
    check(light_shades(accent))
    check(dark_shades(accent))


@given(accents)
def test_fixed_colours_can_be_read_on_them_too(accent: str) -> None:
    light, dark = re.findall(r"--good:(#\w{6});--bad:(#\w{6});--bad-soft:(#\w{6});--focus:(#\w{6})", SHEET)
    for shades, (good, bad, bad_soft, focus) in ((light_shades(accent), light), (dark_shades(accent), dark)):
        assert min(ratio(good, shades.card), ratio(bad, shades.card)) >= 4.5
        assert ratio(shades.ink, bad_soft) >= 7
        assert min(ratio(focus, ground) for ground in (shades.card, shades.bg, shades.soft)) >= 3


def test_contrast_is_the_standards() -> None:
    assert ratio("#000000", "#ffffff") == pytest.approx(21)
    assert ratio("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
    assert ratio("#abcdef", "#abcdef") == 1


def test_the_sheet_uses_what_is_made_here_and_nothing_else() -> None:
    made = set(re.findall(r"--[\w-]+(?=:)", brand_css(Brand()).decode()))
    own = set(re.findall(r"(--[\w-]+):", SHEET))
    sheets = "".join((STATIC / name).read_text(encoding="utf-8") for name in ("portico.css", "rooms.css"))
    assert set(re.findall(r"var\((--[\w-]+)\)", sheets)) == made | own


@pytest.mark.parametrize("written", ["", "teal", "#fff", "#12345g", "0f766e0"])
def test_only_six_digits_are_a_colour(written: str) -> None:
    with pytest.raises(ValueError, match=r"#rrggbb|invalid literal"):
        brand_css(Brand(accent=written))
