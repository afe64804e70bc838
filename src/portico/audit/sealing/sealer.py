"""Sealing: whatever happened is put into the chains it belongs to, a batch at a time.

Transactions may be committed out of the order of their events' ids. An event that turns up late is sealed late: it gets
the next number of its chains, and no link that stands is ever touched.
"""

from portico.audit.sealing import store
from portico.audit.sealing.chain import Head, beginning, canonical, link_hash
from portico.database.engine import Database, Transaction
from portico.kernel.errors import Conflict

BATCH = 128
"""Events in one transaction: a few milliseconds, and as much memory however many are waiting."""


async def seal_batch(database: Database) -> int:
    """Seal the oldest events that are not sealed; how many there were.

    ``database`` is one whose transactions fail once somebody else does the jobs of all (``database/lease``). Two that
    seal at once all the same do no harm: raises Conflict for the slower one, and nothing of its batch happened.
    """
    return await database.transact(_seal)


async def _seal(tx: Transaction) -> int:
    waiting = await store.list_unsealed(tx, BATCH)
    by_chain: dict[str, list[tuple[str, bytes]]] = {}
    for each in waiting:
        event = each.event.id, canonical(each.event)
        for chain in store.chains_of(each.organizations):
            by_chain.setdefault(chain, []).append(event)
    for chain in sorted(by_chain):
        await _extend(tx, chain, by_chain[chain])
    await store.mark_sealed(tx, [each.event.id for each in waiting])
    return len(waiting)


async def _extend(tx: Transaction, chain: str, events: list[tuple[str, bytes]]) -> None:
    """Add events to the end of a chain. One that stands in it (somebody took its mark away by hand) is left alone."""
    there = await store.list_linked(tx, chain, events[0][0], events[-1][0])
    head = await store.find_end(tx, chain) or beginning(chain)
    links: list[tuple[int, str, bytes]] = []
    number, last = head.number, head.hash
    for event_id, encoded in events:
        if event_id not in there:
            number, last = number + 1, link_hash(last, number + 1, encoded)
            links.append((number, event_id, last))
    if not links:
        return
    await store.add_links(tx, chain, links)
    if not await store.move_head(tx, Head(organization_id=chain, number=number, hash=last)):
        raise Conflict("somebody else has sealed meanwhile")
