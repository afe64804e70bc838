"""The report of an import: a file with one JSON object for each line, in the order of the lines.

An import that was killed and goes on keeps what the file says already: line for line it is as long as the import has
come, so that the two can be compared.
"""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from portico.kernel.errors import BadInput
from portico.people_import.model import LineReport


class ReportFile:
    """A report that is being written; without a path it goes nowhere."""

    def __init__(self, path: Path | None, lines_done: int) -> None:
        """Open the report and keep its first ``lines_done`` lines, of which the first ``kept`` were there."""
        self.kept = lines_done
        self._stream: BinaryIO | None = None
        if path is None:
            return
        try:
            path.touch(mode=0o600)
            self._stream = path.open("r+b")
        except OSError as error:
            raise BadInput(f"the report cannot be written to {path}: {error.strerror}") from error
        self.kept = self._keep(self._stream, lines_done)

    def write(self, reports: list[LineReport]) -> None:
        """Append what became of some lines."""
        if self._stream is not None:
            self._stream.write(b"".join(msgspec.json.encode(report) + b"\n" for report in reports))
            self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    @staticmethod
    def _keep(stream: BinaryIO, lines: int) -> int:
        """Cut everything after the first so many whole lines; how many there were."""
        kept, end = 0, 0
        while kept < lines and (line := stream.readline()).endswith(b"\n"):
            kept += 1
            end += len(line)
        stream.truncate(end)
        stream.seek(end)
        return kept


def require_other(report: Path | None, source: Path) -> None:
    """Raises BadInput for a report that would be written over the file it tells of."""
    if report is not None and report.exists() and source.exists() and report.samefile(source):
        raise BadInput("the report would be written over the file that is imported; name another file")
