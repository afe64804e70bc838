"""What the policies of a person's organizations come to, now and next; and whether a session has met them.

:class:`Standing` is read in the transaction that decides. Its ``stamp`` names the versions it was made from: a session
that carries the same stamp has nothing new to meet. The stamp alone is asked for on every request, so
:class:`PolicyStamps` keeps it in memory, checked against the database at most a second late, and asks once for all who
belong to the same organizations in the same way.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from portico.database.cache import Cached
from portico.database.deployment import POLICY_REVISION, find_number, raise_number
from portico.database.engine import Database, Reader, Transaction
from portico.organizations.folding import AskedBy, FoldedPolicy, fold
from portico.organizations.model import Belonging, belongings_of
from portico.organizations.policies import store
from portico.organizations.policies.store import StandingVersion
from portico.organizations.policy import (
    NOTHING_ASKED,
    PolicyFields,
    PolicyVersion,
    allowed_by,
    find_announced,
    find_enforced,
    find_rehearsed,
    list_announced,
)

NOTHING_TO_MEET = "0"
"""The stamp of whoever is asked nothing, now or soon."""
_KEPT_STAMPS = 10_000


class OrganizationAsks(msgspec.Struct, frozen=True, kw_only=True):
    """What one of a person's organizations asks of them: now, one after the other from then on, and in rehearsal."""

    belonging: Belonging
    enforced: AskedBy | None
    coming: tuple[AskedBy, ...]
    rehearsed: AskedBy | None

    @property
    def announced(self) -> AskedBy | None:
        """What is asked next."""
        return self.coming[0] if self.coming else None


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """An organization that asks for something: from when on, or, without an instant, already."""

    organization: str
    since: datetime | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a person: in force, and from ``announced_from`` on, where something new is to come.

    ``rehearsed`` is what would be asked if what is rehearsed were in force; None where nothing is.
    """

    stamp: str
    enforced: FoldedPolicy
    announced: FoldedPolicy | None = None
    announced_from: datetime | None = None
    rehearsed: FoldedPolicy | None = None
    asks: tuple[OrganizationAsks, ...] = ()

    @property
    def announced_by(self) -> tuple[str, ...]:
        """The ids of the organizations whose announced change comes next."""
        return tuple(
            one.belonging.organization_id
            for one in self.asks
            if one.announced and one.announced.since == self.announced_from
        )

    @property
    def rehearsed_by(self) -> tuple[str, ...]:
        """The ids of the organizations that rehearse something."""
        return tuple(one.belonging.organization_id for one in self.asks if one.rehearsed)


def fold_all(asks: Sequence[OrganizationAsks], own: PolicyFields) -> FoldedPolicy:
    """All that is asked and all that is announced, as if it were in force together: for what is chosen to last."""
    return fold([one for ask in asks for one in (ask.enforced, *ask.coming) if one], own)


def list_askers(asks: Sequence[OrganizationAsks], field: str, value: object) -> tuple[Asker, ...]:
    """Who asks for a value of a field, now or later; each once, with the first instant at which they do."""
    found = []
    for ask in sorted(asks, key=_name_of):
        for one in (ask.enforced, *ask.coming):
            if one is not None and getattr(one.fields, field) == value:
                found.append(Asker(organization=one.organization, since=None if one is ask.enforced else one.since))
                break
    return tuple(found)


class Standings:
    """Works out what is asked of people."""

    def __init__(self, own: PolicyFields = NOTHING_ASKED) -> None:
        """``own`` is what the deployment asks of everybody."""
        self.own = own

    async def find(
        self, reader: Reader, memberships: str, now: datetime, *, joining: Belonging | None = None
    ) -> Standing:
        """What is asked of somebody with these ``memberships``; and of somebody who is about to join besides."""
        belongings = [*belongings_of(memberships), *((joining,) if joining else ())]
        ids = sorted({belonging.organization_id for belonging in belongings})
        found = await store.list_standing(reader, ids, now)
        return self.stand(found, belongings, now)

    def stand(self, found: Sequence[StandingVersion], belongings: Iterable[Belonging], now: datetime) -> Standing:
        """The same, of versions that were read."""
        parts = [(belonging, _of(found, belonging)) for belonging in belongings]
        asks = tuple(_asks(belonging, versions, now) for belonging, versions in parts)
        announced_from = min((one.announced.since for one in asks if one.announced), default=None)
        return Standing(
            stamp=_stamp(parts, now),
            enforced=fold([one.enforced for one in asks if one.enforced], self.own),
            announced=self._announced(asks, announced_from) if announced_from else None,
            announced_from=announced_from,
            rehearsed=self._rehearsed(asks),
            asks=asks,
        )

    def _announced(self, asks: Sequence[OrganizationAsks], since: datetime) -> FoldedPolicy:
        """What everybody asks once the announced change of this instant is in force."""
        then = [one.announced if one.announced and one.announced.since == since else one.enforced for one in asks]
        return fold([one for one in then if one], self.own)

    def _rehearsed(self, asks: Sequence[OrganizationAsks]) -> FoldedPolicy | None:
        if not any(one.rehearsed for one in asks):
            return None
        return fold([one for ask in asks if (one := ask.rehearsed or ask.enforced)], self.own)


class PolicyStamps:
    """The stamps of the policies as they stand, for those who ask on every request."""

    def __init__(self, database: Database, standings: Standings) -> None:
        self._database = database
        self._standings = standings
        self._revision = Cached(database, lambda reader: find_number(reader, POLICY_REVISION))
        self._held_at = -1
        self._held: dict[str, tuple[str, datetime | None]] = {}

    async def find(self, memberships: str, now: datetime) -> str:
        """The stamp for somebody with these ``memberships``; costs no query once it is known."""
        if not memberships:
            return NOTHING_TO_MEET
        revision = await self._revision.get()
        if revision != self._held_at or len(self._held) > _KEPT_STAMPS:
            self._held, self._held_at = {}, revision
        kept = self._held  # what is read below is kept under this revision, or not at all if another comes meanwhile
        held = kept.get(memberships)
        if held is None or (held[1] is not None and now >= held[1]):
            standing = await self._standings.find(self._database, memberships, now)
            held = kept[memberships] = (standing.stamp, standing.announced_from)
        return held[0]

    def forget(self) -> None:
        """Look again at once: for whoever has just changed what is asked."""
        self._revision.forget()


async def note_change(tx: Transaction) -> None:
    """Tell all servers that what some organization asks has changed; part of the change's own transaction."""
    await raise_number(tx, POLICY_REVISION)


def _name_of(ask: OrganizationAsks) -> str:
    return next((one.organization for one in (ask.enforced, *ask.coming) if one), "")


def _of(found: Sequence[StandingVersion], belonging: Belonging) -> list[StandingVersion]:
    return [
        one
        for one in found
        if one.version.organization_id == belonging.organization_id and one.version.member_type is belonging.member_type
    ]


def _asks(belonging: Belonging, found: Sequence[StandingVersion], now: datetime) -> OrganizationAsks:
    versions = [one.version for one in found]

    def asked_by(version: PolicyVersion | None) -> AskedBy | None:
        if version is None:
            return None
        fields = allowed_by(version.fields, found[0].features)
        return AskedBy(
            organization=found[0].organization,
            fields=fields,
            since=version.enforced_from,
            asked_at=version.asked_at,
        )

    return OrganizationAsks(
        belonging=belonging,
        enforced=asked_by(find_enforced(versions, now)),
        coming=tuple(asked for one in list_announced(versions, now) if (asked := asked_by(one))),
        rehearsed=asked_by(find_rehearsed(versions, now)),
    )


def _stamp(parts: Sequence[tuple[Belonging, Sequence[StandingVersion]]], now: datetime) -> str:
    """A short name for exactly these versions, in force and announced, and the features they count under."""
    lines = []
    for belonging, found in parts:
        versions = [one.version for one in found]
        numbers = [
            version.number if version else 0 for version in (find_enforced(versions, now), _announced(found, now))
        ]
        if any(numbers):
            features = ",".join(sorted(found[0].features))
            lines.append(f"{belonging.organization_id} {belonging.member_type} {numbers[0]} {numbers[1]} {features}")
    if not lines:
        return NOTHING_TO_MEET
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:24]


def _announced(found: Sequence[StandingVersion], now: datetime) -> PolicyVersion | None:
    return find_announced([one.version for one in found], now)
