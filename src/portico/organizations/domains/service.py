"""Domains: claimed by an organization's admins, proven by a record only the domain's holder can set, released.

Two may claim one domain; the unique key lets one of them have it, and the other is told. The name system is asked
between two transactions, never inside one; the second goes on only if the claim is still the one that was looked up.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from portico.audit.model import EventKind
from portico.audit.service import Audit
from portico.database.engine import Database, Reader, Transaction
from portico.factors.proof import Failure
from portico.kernel.chance import Chance
from portico.kernel.clock import Clock
from portico.kernel.errors import BadInput, Conflict, NotFound
from portico.kernel.normalise import domain_key
from portico.kernel.tokens import new_token
from portico.organizations.authority import Authority
from portico.organizations.domains import store
from portico.organizations.domains.lookup import Records
from portico.organizations.domains.model import Domain, is_public
from portico.organizations.faults import DomainTaken, PublicDomain, TooManyDomains
from portico.organizations.model import Role
from portico.organizations.rules import Actor, Held

DOMAINS_MAX = 100
"""How many domains one organization may claim."""
_DOMAIN_MAX = 253


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """How a try to prove a domain went: proven, or why not."""

    domain: Domain
    failure: Failure | None = None


class Domains:
    """The domains of organizations, in whole transactions."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        chance: Chance,
        audit: Audit,
        authority: Authority,
        records: Records,
    ) -> None:
        self._database = database
        self._clock = clock
        self._chance = chance
        self._audit = audit
        self._authority = authority
        self._records = records

    async def list_claimed(self, organization_id: str) -> list[Domain]:
        """What an organization claims, proven or not, in alphabetical order."""
        return await store.list_domains(self._database, organization_id)

    async def claim(self, actor: Actor, organization_id: str, typed: str) -> Domain:
        """Say that a domain is one's own, and get what its record has to say. Claiming again changes nothing.

        Raises BadInput for what is no domain, PublicDomain, DomainTaken, TooManyDomains.
        """
        domain, now = _read(typed), self._clock.now()
        if is_public(domain):
            raise PublicDomain("a domain of everybody", field="domain")
        claim = Domain(
            organization_id=organization_id, domain=domain, challenge=new_token(self._chance), claimed_at=now
        )

        async def body(tx: Transaction) -> Domain:
            held = await self._authority.hold(tx, actor, organization_id, Role.ADMIN)
            claimed = await store.find_domain(tx, organization_id, domain)
            if claimed is not None:
                return claimed
            if await store.find_holder(tx, domain) is not None:
                raise DomainTaken("another organization has proven it")
            if len(await store.list_domains(tx, organization_id)) >= DOMAINS_MAX:
                raise TooManyDomains(f"at most {DOMAINS_MAX} domains")
            await store.add_domain(tx, claim)
            await self._audit.append(tx, now, held.event(EventKind.DOMAIN_CLAIMED, details={"domain": domain}))
            return claim

        return await self._database.transact(body)

    async def verify(self, actor: Actor, organization_id: str, typed: str) -> Verification:
        """Look for the record, and have the domain proven if it says what it has to.

        Raises NotFound for a domain that was not claimed, DomainTaken where another organization was faster.
        """
        domain = _read(typed)
        claim = await self._database.transact(lambda tx: self._get_claim(tx, actor, organization_id, domain))
        if claim.verified_at is not None:
            return Verification(domain=claim)
        failure = _judge(claim, await self._records.list_txt(claim.record_name))
        if failure is not None:
            return Verification(domain=claim, failure=failure)

        async def body(tx: Transaction) -> Domain:
            held = await self._authority.hold(tx, actor, organization_id, Role.ADMIN)
            return await self._verify(tx, held, claim, "dns")

        return Verification(domain=await self._transact(body))

    async def verify_by_word(self, actor: Actor, organization_id: str, typed: str) -> Domain:
        """Take a claimed domain for proven without asking anybody; for operators, who answer for it."""
        domain = _read(typed)

        async def body(tx: Transaction) -> Domain:
            held = await self._authority.hold_as_operator(tx, actor, organization_id)
            claim = await _get_domain(tx, organization_id, domain)
            return claim if claim.verified_at is not None else await self._verify(tx, held, claim, "word")

        return await self._transact(body)

    async def release(self, actor: Actor, organization_id: str, typed: str) -> None:
        """Give a domain up, proven or not: whoever it made one manage is managed by it no more. Raises NotFound."""
        domain, now = _read(typed), self._clock.now()

        async def body(tx: Transaction) -> None:
            held = await self._authority.hold(tx, actor, organization_id, Role.ADMIN)
            if not await store.release_domain(tx, organization_id, domain):
                raise NotFound("no such domain")
            await self._audit.append(tx, now, held.event(EventKind.DOMAIN_RELEASED, details={"domain": domain}))

        await self._database.transact(body)

    async def _get_claim(self, tx: Transaction, actor: Actor, organization_id: str, domain: str) -> Domain:
        await self._authority.hold(tx, actor, organization_id, Role.ADMIN)
        return await _get_domain(tx, organization_id, domain)

    async def _verify(self, tx: Transaction, held: Held, claim: Domain, how: str) -> Domain:
        now: datetime = self._clock.now()
        if not await store.verify_domain(tx, claim, now):
            present = await _get_domain(tx, claim.organization_id, claim.domain)
            if present.verified_at is not None:
                return present
            if await store.find_holder(tx, claim.domain) is None:
                raise NotFound("the claim is another one by now")
            raise DomainTaken("another organization was faster")
        details = {"domain": claim.domain, "how": how}
        await self._audit.append(tx, now, held.event(EventKind.DOMAIN_VERIFIED, details=details))
        return msgspec.structs.replace(claim, verified_at=now)

    async def _transact(self, body: "Body") -> Domain:
        """A transaction in which the unique key may decide against us at the last moment."""
        try:
            return await self._database.transact(body)
        except Conflict as conflict:
            if type(conflict) is not Conflict:
                raise
            raise DomainTaken("another organization was faster") from conflict


Body = Callable[[Transaction], Awaitable[Domain]]


async def _get_domain(reader: Reader, organization_id: str, domain: str) -> Domain:
    found = await store.find_domain(reader, organization_id, domain)
    if found is None:
        raise NotFound("no such domain")
    return found


def _read(typed: str) -> str:
    """A typed domain as A-labels; raises BadInput for what is none. An IP address is none."""
    domain = domain_key(typed) if len(typed) <= _DOMAIN_MAX else None
    if domain is None or len(domain) > _DOMAIN_MAX or domain.rpartition(".")[2].isdigit():
        raise BadInput("not a domain", field="domain")
    return domain


def _judge(claim: Domain, found: list[str] | None) -> Failure | None:
    """Why what was found proves nothing; None if it proves the domain."""
    params = {"name": claim.record_name, "value": claim.record_value}
    if found is None:
        return Failure(code="organizations.domain.server_away", params=params, field="domain")
    if claim.record_value in (text.strip() for text in found):
        return None
    code = "organizations.domain.wrong_record" if found else "organizations.domain.no_record"
    return Failure(code=code, params=params, field="domain")
