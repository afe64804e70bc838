"""Common passwords: the list that comes with Portico, and whether a new password is on it, disguised or not (D2).

The list stays in its file (``common_passwords.txt``, made by ``tools/common_passwords.py``): sorted lines below a head
of comments, mapped at the first question and searched by halves. Nothing of it is read at the start, and what is read
lies in the system's cache, once for all processes.

A password is common when, folded (``spelling``),

* it is on the list, as it stands or with look-alike characters read as letters;
* or what remains of it without a *decoration* is on the list, once or repeated, has four characters or more, and the
  decoration is nothing to guess: what stands before the first and after the last letter, in six runs or fewer
  (``2024!`` has five, ``123456789!!!`` two);
* or all of it is three runs or fewer, such as ``Abcdefgh1234!``.

Several words, however common each, are no entry of the list: the longest has 20 characters and no spaces.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from portico.factors.spelling import count_runs, fold, readings, run_counts, shortest_period, squeeze

LIST = Path(__file__).with_name("common_passwords.txt")
STEM_MIN = 4
STEM_MAX = 24
"""More than the longest entry has: separators within a stem do not count."""
DECORATION_MAX = 6
TRIVIAL_RUNS = 3


class CommonPasswords:
    """The list, opened at the first question."""

    def __init__(self, path: Path = LIST) -> None:
        self._path = path
        self._lines: mmap.mmap | None = None
        self._start = 0

    def is_common(self, typed: str) -> bool:
        """Whether a password is common, or a common one disguised."""
        folded = fold(typed)
        if not folded:
            return False
        if count_runs(folded) <= TRIVIAL_RUNS or any(self.is_listed(reading) for reading in readings(folded)):
            return True
        return any(self.is_listed(stem) for stem in _stems(folded))

    def is_listed(self, folded: str) -> bool:
        """Whether exactly this stands on the list."""
        lines, wanted = self._open(), folded.encode()
        low, high = self._start, len(lines)
        while low < high:  # both are where a line begins
            start = lines.rfind(b"\n", low, (low + high) // 2)
            start = low if start < 0 else start + 1
            end = lines.find(b"\n", start)
            found = lines[start:end]
            if found == wanted:
                return True
            low, high = (end + 1, high) if found < wanted else (low, start)
        return False

    def _open(self) -> mmap.mmap:
        if self._lines is None:
            with self._path.open("rb") as file:
                self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._start = self._lines.find(b"\n\n") + 2
        return self._lines


def _stems(folded: str) -> Iterator[str]:
    """What may be left of a password when its decoration is taken away, in every reading.

    A look-alike at either end may belong to the word (``h3ll0``) or to the decoration (``hello0``), so each cut counts.
    """
    letters = [index for index, each in enumerate(folded) if each.isalpha()]
    if not letters:
        yield squeeze(folded)
        return
    first, last = letters[0], letters[-1] + 1
    before, after = run_counts(folded), run_counts(folded[::-1])[::-1]
    cuts = {(first, last)}
    for start in range(max(0, last - STEM_MAX), first + 1):
        cuts.update((start, end) for end in range(last, min(len(folded), start + STEM_MAX) + 1))
    seen: set[str] = set()
    for start, end in cuts:
        if before[start] + after[end] <= DECORATION_MAX:
            seen.update(_readings(folded[start:end]))
    yield from seen


def _readings(stem: str) -> Iterator[str]:
    """The stem and its readings, without separators and repetition; what is too short to mean anything is left out."""
    for reading in readings(stem):
        for text in {reading, squeeze(reading)}:
            once = shortest_period(text)
            if len(text) >= STEM_MIN and len(once) <= STEM_MAX:
                yield text
            if len(once) >= STEM_MIN and once != text:
                yield once
