"""How people disguise a word in a password, undone: capitals, accents, look-alike characters, separators, decoration.

Pure. Used to compare a new password with common ones and with what is known about its owner; never to compare one
with a stored password.
"""

import unicodedata
from collections.abc import Iterator

# One figure stands for two letters, so each text has two readings.
_COMMON_LOOKALIKES = {"0": "o", "3": "e", "4": "a", "@": "a", "5": "s", "$": "s", "7": "t", "!": "i"}
_LOOKALIKES = (
    str.maketrans({**_COMMON_LOOKALIKES, "1": "l"}),
    str.maketrans({**_COMMON_LOOKALIKES, "1": "i"}),
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def fold(text: str) -> str:
    """Without capitals, accents, wide forms and outer spaces: ``CAFÉ `` is ``cafe``."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(each for each in apart if unicodedata.category(each) != "Mn").strip()


def german_fold(text: str) -> str:
    """The same, with umlauts written out as Germans do where there are none: ``Müller`` is ``mueller``."""
    return fold(unicodedata.normalize("NFKC", text).casefold().translate(_UMLAUTS))


def readings(folded: str) -> tuple[str, ...]:
    """A folded text as it stands, and with look-alike characters read as letters: ``p4ss`` is ``pass`` too."""
    return (folded, *(folded.translate(table) for table in _LOOKALIKES))


def squeeze(text: str) -> str:
    """Letters and digits alone."""
    return "".join(filter(str.isalnum, text))


def words(text: str) -> Iterator[str]:
    """The runs of letters and digits in a text."""
    yield from "".join(each if each.isalnum() else " " for each in text).split()


def count_runs(text: str) -> int:
    """How many pieces a text has for somebody who types along: ``aaaa``, ``1234`` and ``cba`` are one piece each."""
    return run_counts(text)[-1]


def run_counts(text: str) -> list[int]:
    """The same for the text's beginnings, from the empty one to the whole."""
    counts, step = [0], None
    for index, each in enumerate(text):
        moved = ord(each) - ord(text[index - 1]) if index else None
        goes_on = moved in {-1, 0, 1} and step in {None, moved}
        step = moved if goes_on else None
        counts.append(counts[-1] + (not goes_on))
    return counts


def shortest_period(text: str) -> str:
    """What a text is a repetition of; the text itself if of nothing shorter."""
    return text[: (text + text).find(text, 1)] if text else text
