"""What becomes of each line of an import, and how far an import has come."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What became of a line."""

    ADDED = "added"
    PRESENT = "present"
    """An account with this address was there before; it was left as it is."""
    REFUSED = "refused"


class LineReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the report. It names no person: whoever has the file can look at its line.

    ``code`` is stable and says why a line was refused; ``detail`` says where in the line, where that can be told.
    """

    line: int
    verdict: Verdict
    code: str = ""
    detail: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the import of a file has come; the file is known by the SHA-256 of its content."""

    digest: str
    bytes_done: int = 0
    lines_done: int = 0
    added: int = 0
    present: int = 0
    refused: int = 0
    finished_at: datetime | None = None

    def after(self, reports: list[LineReport], bytes_done: int) -> "Progress":
        """The progress when these lines are done too."""
        counts = {verdict: sum(report.verdict is verdict for report in reports) for verdict in Verdict}
        return Progress(
            digest=self.digest,
            bytes_done=bytes_done,
            lines_done=self.lines_done + len(reports),
            added=self.added + counts[Verdict.ADDED],
            present=self.present + counts[Verdict.PRESENT],
            refused=self.refused + counts[Verdict.REFUSED],
        )
