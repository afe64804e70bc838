"""Searching by the beginning of a name, alike on both databases."""

from portico.kernel.normalise import name_key, one_line

_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_ESCAPED = str.maketrans({"!": "!!", "%": "!%", "_": "!_"})


def starting_with(typed: str) -> tuple[str, str, str]:
    """Patterns for LIKE .. ESCAPE '!' that find what begins as typed, whatever the capitals.

    Databases lower A-Z everywhere and other letters here and there. So a name in lower letters is compared with what
    was typed three times: with A-Z lowered, as a comparison key, and with its first letter a capital.
    """
    line = one_line(typed)
    forms = line.translate(_LOWER), name_key(line), line.capitalize().translate(_LOWER)
    first, second, third = (f"{form.translate(_ESCAPED)}%" for form in forms)
    return first, second, third
