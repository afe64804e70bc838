"""The command line without a process of its own for each command: what is typed, what is said, how it ends.

A process takes a second to start, and the commands of a test would take nearly all of its time so. That the program
also starts as a process is proven once, in ``tests/core/test_cli.py``.
"""

import io
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import structlog

from portico.cli import main


@dataclass(frozen=True)
class Done:
    """How a command has ended."""

    returncode: int
    stdout: str
    stderr: str


def type_here(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Done:
    """Run a command in a folder, with these settings of ``PORTICO_`` and no others, and put all back that it changed.

    To be called where no event loop runs: commands have loops of their own.
    """
    said, complained = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    with ExitStack() as stack:
        stack.enter_context(_as_it_was())
        stack.enter_context(chdir(folder))
        stack.enter_context(redirect_stdout(said))
        stack.enter_context(redirect_stderr(complained))
        for name in [name for name in os.environ if name.startswith("PORTICO_")]:
            del os.environ[name]
        os.environ.update(environment)
        sys.argv = ["portico", *words]
        status = _run()
    return Done(status, _text(said), _text(complained))


def _run() -> int:
    """The exit status, and on standard error whatever Python itself would write there."""
    try:
        main()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except BaseException:  # noqa: BLE001 - as at the end of a process: told, and the status is 1
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _as_it_was() -> Iterator[None]:
    """What a command changes for its whole process is put back."""
    environment, words = dict(os.environ), sys.argv
    logs = structlog.get_config() if structlog.is_configured() else None
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = words
        if logs is None:
            structlog.reset_defaults()
        else:
            structlog.configure(**logs)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
