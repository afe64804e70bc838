"""Walking along a chain, link by link, and saying what does not fit. Pure, and as small for a long chain as for any.

Each link is compared with the one that lies before it, so one altered row is one finding and what follows is checked
all the same. Whether the event was altered or the link itself is told by the next link, which was made of the true one.
"""

from collections import deque
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from portico.audit.sealing.chain import Head, Link, canonical, link_hash, origin

_REMEMBERED = 16
"""How many altered links are compared with each other, to tell whether two were exchanged."""


class Flaw(StrEnum):
    """What can be wrong."""

    ALTERED = "altered"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    CUT_OFF = "cut_off"
    UNREADABLE = "unreadable"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: with which event or link, and what, in a sentence."""

    flaw: Flaw
    sentence: str
    organization_id: str | None = None
    event_id: str | None = None
    number: int | None = None


class _Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A link that does not fit, until the next one tells why."""

    link: Link
    follows: bytes
    """The hash before it."""
    made: bytes
    """What its hash would have to be."""


class ChainWalk:
    """One walk along one chain, from its beginning to its end."""

    def __init__(self, organization_id: str, *, is_whole: bool = True) -> None:
        """``is_whole``: every link is to be there; otherwise only those there are can be checked."""
        self.organization_id = organization_id
        self.number = 0
        self._is_whole = is_whole
        self._last: bytes | None = origin(organization_id)
        self._suspect: _Suspect | None = None
        self._altered: deque[_Suspect] = deque(maxlen=_REMEMBERED)

    def take(self, link: Link) -> Iterator[Finding]:
        """The next link; what is wrong up to here."""
        if link.number <= self.number:
            yield from self._misplaced(link)
            return
        previous = self._last
        if link.number > self.number + 1:
            yield from self._settle()
            if self._is_whole:
                yield self._missing(self.number + 1, link.number - 1)
            previous = link.previous
        elif link.previous is not None and link.previous != previous:
            yield self._finding(Flaw.ALTERED, link, "names another link before it than the one that is there")
        yield from self._compare(link, previous)
        self.number, self._last = link.number, link.hash

    def finish(self, head: Head) -> Iterator[Finding]:
        """The end of the chain, as it is known elsewhere; what is wrong with it."""
        if self._suspect is not None and head.number == self.number and head.hash == self._suspect.made:
            yield self._link_altered(self._suspect.link)
            self._suspect, self._last = None, head.hash
        yield from self._settle()
        if self.number < head.number and self._is_whole:
            lost = _span(self.number + 1, head.number)
            sentence = f"{self.name} is cut off at the end: its head says {head.number}, and {lost} missing"
            yield Finding(flaw=Flaw.CUT_OFF, sentence=sentence, organization_id=self.organization_id)
        elif self.number > head.number:
            sentence = f"{self.name} goes on to link {self.number}, though its head says {head.number}: inserted"
            yield Finding(flaw=Flaw.INSERTED, sentence=sentence, organization_id=self.organization_id)
        elif self.number == head.number and self._last is not None and self._last != head.hash:
            sentence = f"{self.name} ends with another link {self.number} than its head says"
            yield Finding(
                flaw=Flaw.ALTERED, sentence=sentence, organization_id=self.organization_id, number=self.number
            )

    @property
    def name(self) -> str:
        """What the chain is called in sentences."""
        return f"the chain of {self.organization_id}" if self.organization_id else "the deployment's chain"

    def _compare(self, link: Link, previous: bytes | None) -> Iterator[Finding]:
        """Whether a link follows the one before, or the one that should have been before."""
        if link.event is None:
            yield from self._settle()
            yield self._finding(Flaw.MISSING, link, "is missing, though a link names it: deleted")
            return
        if previous is None:  # links are missing before this one, so nothing can be said of it
            return
        encoded = canonical(link.event)
        made = link_hash(previous, link.number, encoded)
        if made == link.hash:
            yield from self._settle()
            return
        if self._suspect is not None and link_hash(self._suspect.made, link.number, encoded) == link.hash:
            yield self._link_altered(self._suspect.link)
            self._suspect = None
            return
        yield from self._settle()
        self._suspect = _Suspect(link=link, follows=previous, made=made)

    def _settle(self) -> Iterator[Finding]:
        """What was suspect, and has not been explained by the next link: its event was altered, or exchanged."""
        suspect, self._suspect = self._suspect, None
        if suspect is None:
            return
        for other in self._altered:
            if _belongs(other, suspect) or _belongs(suspect, other):
                sentence = f"stands in the place of event {other.link.event_id}: the two were exchanged"
                yield self._finding(Flaw.REORDERED, suspect.link, sentence)
                return
        self._altered.append(suspect)
        yield self._finding(Flaw.ALTERED, suspect.link, "is not what was sealed: altered")

    def _misplaced(self, link: Link) -> Iterator[Finding]:
        if self._is_whole and link.number == self.number:
            yield self._finding(Flaw.INSERTED, link, "has the same number as the one before it: inserted")
        else:
            yield self._finding(Flaw.REORDERED, link, f"comes after link {self.number}: not in its order")

    def _missing(self, first: int, last: int) -> Finding:
        sentence = f"{_span(first, last)} missing in {self.name}"
        return Finding(flaw=Flaw.MISSING, sentence=sentence, organization_id=self.organization_id, number=first)

    def _link_altered(self, link: Link) -> Finding:
        return self._finding(Flaw.ALTERED, link, "is as it was sealed, but its link was altered")

    def _finding(self, flaw: Flaw, link: Link, what: str) -> Finding:
        return Finding(
            flaw=flaw,
            sentence=f"event {link.event_id}, link {link.number} of {self.name}, {what}",
            organization_id=self.organization_id,
            event_id=link.event_id,
            number=link.number,
        )


def _belongs(place: _Suspect, event: _Suspect) -> bool:
    """Whether the event of one link is what was sealed at another's place."""
    if event.link.event is None:
        return False
    return link_hash(place.follows, place.link.number, canonical(event.link.event)) == place.link.hash


def _span(first: int, last: int) -> str:
    return f"link {first} is" if first == last else f"links {first} to {last} are"
