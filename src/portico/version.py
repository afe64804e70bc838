"""Which Portico this is: the version people speak of, and the number of the build.

The build number counts the commits behind this copy. ``make`` and packaging write it to ``_build.txt`` beside this
module, so that a starting server reads one small file and never asks git. A copy nobody built says 0.
"""

from pathlib import Path

VERSION = "0.1.0"
"""The version people speak of, as PEP 440 has it; packaging reads it from here."""


def read_build(file: Path) -> int:
    """The build number written in ``file``; 0 when there is no such file or it holds something else."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdecimal() else 0


BUILD = read_build(Path(__file__).with_name("_build.txt"))
"""How many commits this copy was built from."""

SHOWN_VERSION = f"{VERSION.removesuffix('.0')} ({BUILD})"
"""Both, as footers show them: ``0.1 (412)``."""
