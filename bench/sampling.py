"""Where the time of a server goes: looks at its stack every few milliseconds of CPU time, and counts what it sees.

Cheaper and less distorting than tracing every call. ``python -m bench --profile W2`` uses it.
"""

import signal
from collections import Counter
from pathlib import Path
from types import FrameType

_EVERY = 0.001
_ROOTS = ("/site-packages/", "/src/", "/lib/")


class Sampler:
    """Counts functions, by themselves and with what they call."""

    def __init__(self) -> None:
        self._alone: Counter[str] = Counter()
        self._with_callees: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to look, from the main thread."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)

    def report(self, top: int = 40) -> str:
        """Two lists, each with the share of all samples."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        total = max(1, sum(self._alone.values()))
        lists = {"by itself": self._alone, "with what it calls": self._with_callees}
        lines = [f"{total} samples"]
        for title, counted in lists.items():
            lines += ["", title, *(f"{count / total:6.1%}  {name}" for name, count in counted.most_common(top))]
        return "\n".join(lines)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        names = []
        while frame is not None:
            names.append(_name(frame))
            frame = frame.f_back
        if names:
            self._alone[names[0]] += 1
            self._with_callees.update(set(names))


def _name(frame: FrameType) -> str:
    code = frame.f_code
    path = Path(code.co_filename).as_posix()
    short = next((path.rpartition(root)[2] for root in _ROOTS if root in path), path)
    return f"{short}:{code.co_firstlineno} {code.co_qualname}"
