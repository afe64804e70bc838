"""Which language a page is in: the person's explicit choice, else what the browser asks for, else English.

A choice made in the browser comes before the one kept with an account, which comes before the browser's own.

``Accept-Language`` is read by RFC 9110 section 12.5.4 and matched by the Lookup scheme of RFC 4647 section 3.4: each
range, best first, is shortened from its end until a language we have fits. The pseudo-language is offered only where
the caller allows it (development). Whatever cannot be read is ignored; a header never makes a request fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from portico.kernel.messages import DEFAULT_LANGUAGE, PSEUDO


@dataclass(frozen=True, slots=True)
class Preferences:
    """How whoever is signed in wants to be shown pages: a language and a time zone, each empty if they named none."""

    language: str = ""
    time_zone: str = ""


NO_PREFERENCES = Preferences()

MAX_HEADER = 1000
"""Characters of the header that are read; no browser sends as many."""

MAX_RANGES = 30

MAX_TAG = 100
"""Characters of one language tag; real ones have a tenth of that (RFC 5646 section 4.4.1)."""


def offered_languages(available: Sequence[str], *, allows_pseudo: bool) -> tuple[str, ...]:
    """The languages a person may choose from."""
    return (*available, PSEUDO) if allows_pseudo else tuple(available)


def negotiate_language(
    available: Sequence[str], *, chosen: str = "", accept_language: str = "", allows_pseudo: bool = False
) -> str:
    """The language for one page. ``chosen`` is what the person picked (a BCP 47 tag), empty if nothing.

    The pseudo-language must be picked: no browser is led into it by its header.
    """
    explicit = find_language(offered_languages(available, allows_pseudo=allows_pseudo), chosen)
    if explicit is not None:
        return explicit
    ranges, unwanted = _read_ranges(accept_language)
    for wanted in ranges:
        found = _any_language(available, unwanted) if wanted == "*" else find_language(available, wanted)
        if found is not None:
            return found
    return DEFAULT_LANGUAGE


def find_language(available: Sequence[str], wanted: str) -> str | None:
    """The available language that serves a language range, by Lookup; None if none does."""
    if len(wanted) > MAX_TAG:
        return None
    by_lowered = {tag.lower(): tag for tag in available}
    subtags = wanted.strip().lower().split("-")
    while subtags and subtags[0]:
        found = by_lowered.get("-".join(subtags))
        if found is not None:
            return found
        subtags.pop()
        if subtags and len(subtags[-1]) == 1:
            subtags.pop()
    return None


def _any_language(available: Sequence[str], unwanted: frozenset[str]) -> str | None:
    """The first language that was not refused; what ``*`` stands for."""
    return next((tag for tag in available if tag.lower() not in unwanted), None)


def _read_ranges(header: str) -> tuple[list[str], frozenset[str]]:
    """The ranges of an ``Accept-Language`` header, best first, and those it refuses (weight 0)."""
    weighted = []
    for item in header[:MAX_HEADER].split(",")[:MAX_RANGES]:
        wanted, _, parameter = item.partition(";")
        weight = _read_weight(parameter)
        if wanted.strip() and weight is not None:
            weighted.append((weight, wanted.strip().lower()))
    ranges = [wanted for weight, wanted in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0]
    return ranges, frozenset(wanted for weight, wanted in weighted if weight == 0)


def _read_weight(parameter: str) -> float | None:
    """The quality in ``q=0.8``: 1 when left out, None when it cannot be read."""
    if not parameter.strip():
        return 1.0
    name, _, digits = parameter.partition("=")
    digits = digits.strip()
    if name.strip().lower() != "q" or not digits.isascii() or not digits.replace(".", "", 1).isdigit():
        return None
    weight = float(digits)
    return weight if weight <= 1 else None
