"""Verifying an export: the file and nothing else. docs/operating/audit.md says what is in it."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from portico.audit.sealing.chain import Head
from portico.audit.sealing.lines import FORMAT, LINE_MAX, VERSION, ExportedName, Line, Opening
from portico.audit.sealing.verifier import NotedHeads, Verified
from portico.audit.sealing.walk import ChainWalk, Finding, Flaw
from portico.kernel.errors import BadInput

_OPENING_MAX = 64 * LINE_MAX


def verify_file(file: BinaryIO, noted: Sequence[Head], told: Verified) -> Iterator[Finding]:
    """Everything that is wrong with an export, as it is found; raises BadInput for what is none."""
    first = _read_opening(file)
    told.heads = _heads(first)
    walker = _FileWalk(told.heads, noted, is_whole=first.is_whole)
    for at, text in enumerate(_lines(file), start=2):
        try:
            line = msgspec.json.decode(text, type=Line)
            link = line.link()
        except (msgspec.MsgspecError, ValueError):
            yield Finding(flaw=Flaw.UNREADABLE, sentence=f"line {at} of the file cannot be read")
            continue
        told.links += 1
        yield from walker.take(line.organization_id, at)
        if walker.walk is not None:
            yield from walker.walk.take(link)
            yield from walker.noted.pass_by(link.number, link.hash)
        yield from _verify_names(line, at)
    yield from walker.finish()


class _FileWalk:
    """The chains of a file, one after the other."""

    def __init__(self, heads: list[Head], noted: Sequence[Head], *, is_whole: bool) -> None:
        self.walk: ChainWalk | None = None
        self.noted = NotedHeads(())
        self._noted = noted
        self._heads = {head.organization_id: head for head in heads}
        self._waiting = dict.fromkeys(self._heads)
        self._is_whole = is_whole

    def take(self, chain: str, at: int) -> Iterator[Finding]:
        """A line of some chain: go on with it, or end the one before and begin it."""
        if self.walk is not None and self.walk.organization_id == chain:
            return
        if chain in self._waiting:
            yield from self._end()
            self._begin(chain)
            return
        known = "a chain that had ended before" if chain in self._heads else "a chain the first line does not name"
        flaw = Flaw.REORDERED if chain in self._heads else Flaw.INSERTED
        yield Finding(flaw=flaw, sentence=f"line {at} of the file belongs to {known}", organization_id=chain)
        if chain not in self._heads:
            yield from self._end()
            self.walk = None

    def finish(self) -> Iterator[Finding]:
        """The end of the file; what has not come."""
        yield from self._end()
        for chain in list(self._waiting):
            self._begin(chain)
            yield from self._end()
        for head in self._noted:
            if head.organization_id not in self._heads and head.number:
                yield from NotedHeads([head]).finish()

    def _begin(self, chain: str) -> None:
        self._waiting.pop(chain)
        self.walk = ChainWalk(chain, is_whole=self._is_whole)
        self.noted = NotedHeads([head for head in self._noted if head.organization_id == chain])

    def _end(self) -> Iterator[Finding]:
        if self.walk is not None:
            yield from self.walk.finish(self._heads[self.walk.organization_id])
            if self._is_whole:
                yield from self.noted.finish()
        self.walk = None


def _read_opening(file: BinaryIO) -> Opening:
    text = file.readline(_OPENING_MAX)
    try:
        first = msgspec.json.decode(text, type=Opening)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BadInput("this is no export of the trail: its first line cannot be read") from error
    if first.format != FORMAT or first.version != VERSION:
        raise BadInput(f"this is no export of the trail that we know: {first.format} {first.version}")
    return first


def _heads(first: Opening) -> list[Head]:
    try:
        return [each.head() for each in first.chains]
    except ValueError as error:
        raise BadInput("this is no export of the trail: its first line names a head that is none") from error


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines that follow; one without an end comes in pieces, which nobody can read."""
    while text := file.readline(LINE_MAX):
        if text.strip():
            yield text


def _verify_names(line: Line, at: int) -> Iterator[Finding]:
    for name, digest in ((line.subject, line.subject_digest), (line.actor, line.actor_digest)):
        if name is not None and _digest(name) != digest:
            sentence = f"line {at} of the file: what somebody in event {line.id} was called was altered"
            yield Finding(flaw=Flaw.ALTERED, sentence=sentence, organization_id=line.organization_id, event_id=line.id)


def _digest(name: ExportedName) -> str | None:
    try:
        return name.digest()
    except ValueError:
        return None
