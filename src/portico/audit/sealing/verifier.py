"""Verifying the trail where it lies: every chain, every event's place in one, every name. Reads, and changes nothing.

It may run while the server works: chains are checked up to where they ended when their turn came.
"""

from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec

from portico.audit.sealing import store
from portico.audit.sealing.chain import Head, Link, beginning, name_digest
from portico.audit.sealing.store import Mark, StoredLink
from portico.audit.sealing.walk import ChainWalk, Finding, Flaw
from portico.database.engine import Reader

_PAGE = 500
_BEFORE_ALL = -(1 << 62)
"""Smaller than any number, also than one written by hand."""


class Verified(msgspec.Struct):
    """How far a verification has come, and the heads it has seen."""

    events: int = 0
    links: int = 0
    unsealed: int = 0
    heads: list[Head] = msgspec.field(default_factory=list)


async def verify_database(reader: Reader, noted: Sequence[Head], told: Verified) -> AsyncIterator[Finding]:
    """Everything that is wrong, as it is found; ``told`` counts what was looked at."""
    for chain in dict.fromkeys([*await store.list_chains(reader), *(head.organization_id for head in noted)]):
        there = [head for head in noted if head.organization_id == chain]
        async for finding in _verify_chain(reader, chain, there, told):
            yield finding
    async for finding in _verify_marks(reader, told):
        yield finding
    async for finding in _verify_names(reader):
        yield finding


class NotedHeads:
    """Heads noted down earlier, looked for along the way of one chain."""

    def __init__(self, noted: Sequence[Head]) -> None:
        self._waiting = {head.number: head for head in noted}

    def pass_by(self, number: int, found: bytes) -> Iterator[Finding]:
        """A link; whether it is the one that was noted."""
        head = self._waiting.pop(number, None)
        if head is not None and head.hash != found:
            yield _noted(head, Flaw.ALTERED, "is another one than was noted: the chain was written anew")

    def finish(self) -> Iterator[Finding]:
        """The end of the chain; what was noted and has not come."""
        for head in self._waiting.values():
            if head.number:
                yield _noted(head, Flaw.CUT_OFF, "was noted and is not there: the chain was cut off")


def _noted(head: Head, flaw: Flaw, what: str) -> Finding:
    name = ChainWalk(head.organization_id).name
    sentence = f"link {head.number} of {name} {what}"
    return Finding(flaw=flaw, sentence=sentence, organization_id=head.organization_id, number=head.number)


async def _verify_chain(reader: Reader, chain: str, there: Sequence[Head], told: Verified) -> AsyncIterator[Finding]:
    known = await store.list_heads(reader, chain)
    walk, noted = ChainWalk(chain), NotedHeads(there)
    last = beginning(chain)
    after = _BEFORE_ALL
    while page := await store.list_links(reader, chain, after, _PAGE):
        after = page[-1].number
        for stored in page:
            if known and stored.number > known[0].number and await _has_grown(reader, known):
                break
            for finding in (*walk.take(_link(stored)), *noted.pass_by(stored.number, stored.hash)):
                yield finding
            for finding in _foreign(chain, walk, stored):
                yield finding
            last = Head(organization_id=chain, number=stored.number, hash=stored.hash)
            told.links += 1
        else:
            continue
        break
    for finding in (*walk.finish(known[0] if known else last), *noted.finish()):
        yield finding
    if not known and last.number:
        yield Finding(flaw=Flaw.MISSING, sentence=f"the head of {walk.name} is missing", organization_id=chain)
    told.heads.append(known[0] if known else last)


async def _has_grown(reader: Reader, known: list[Head]) -> bool:
    """Whether links beyond a head are there because the server has sealed meanwhile."""
    now = await store.list_heads(reader, known[0].organization_id)
    return bool(now) and now[0].number > known[0].number


def _link(stored: StoredLink) -> Link:
    return Link(number=stored.number, event_id=stored.event_id, hash=stored.hash, event=stored.event)


def _foreign(chain: str, walk: ChainWalk, stored: StoredLink) -> Iterator[Finding]:
    """An event that stands in a chain of an organization it does not name."""
    if stored.event is not None and chain not in store.chains_of(stored.organizations):
        yield Finding(
            flaw=Flaw.ALTERED,
            sentence=f"event {stored.event_id} does not name {walk.name} it stands in: its organizations were altered",
            organization_id=chain,
            event_id=stored.event_id,
            number=stored.number,
        )


async def _verify_marks(reader: Reader, told: Verified) -> AsyncIterator[Finding]:
    """Whether every event that says so stands in its chains."""
    last = ""
    while page := await store.list_marks(reader, last, _PAGE):
        last = page[-1].id
        linked = {
            chain: await store.list_linked(reader, chain, page[0].id, last)
            for chain in {chain for mark in page for chain in store.chains_of(mark.organizations)}
        }
        for mark in page:
            told.events += 1
            told.unsealed += not mark.is_sealed
            chains = [chain for chain in linked if mark.id in linked[chain]]
            if chains and not mark.is_sealed and await store.is_sealed(reader, mark.id):
                continue  # between our two looks
            for finding in _judge_mark(mark, chains):
                yield finding


def _judge_mark(mark: Mark, linked: list[str]) -> Iterator[Finding]:
    missing = [chain for chain in store.chains_of(mark.organizations) if chain not in linked]
    if mark.is_sealed and missing:
        where = " and ".join(ChainWalk(chain).name for chain in sorted(missing))
        sentence = f"event {mark.id} is marked as sealed and does not stand in {where}: inserted, or its link removed"
        yield Finding(flaw=Flaw.INSERTED, sentence=sentence, event_id=mark.id, organization_id=missing[0])
    elif not mark.is_sealed and not missing:
        sentence = f"event {mark.id} is sealed, but its mark says otherwise: the mark was altered"
        yield Finding(flaw=Flaw.ALTERED, sentence=sentence, event_id=mark.id)


async def _verify_names(reader: Reader) -> AsyncIterator[Finding]:
    """Whether people were called what stands beside the trail, and whether it stands there still."""
    last = b""
    while page := await store.list_names(reader, last, _PAGE):
        last = page[-1].digest
        for name in page:
            if name_digest(name.salt, name.name, name.address) != name.digest:
                sentence = f"what account {name.subject_id} was called (digest {name.digest.hex()}) was altered"
                yield Finding(flaw=Flaw.ALTERED, sentence=sentence)
    last = b""
    while lost := await store.list_lost_names(reader, last, _PAGE):
        last = lost[-1].digest
        for gone in lost:
            sentence = (
                f"what account {gone.subject_id} was called (digest {gone.digest.hex()}) was deleted, and the account "
                "was not erased"
            )
            yield Finding(flaw=Flaw.MISSING, sentence=sentence)
