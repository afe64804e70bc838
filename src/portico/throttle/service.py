"""Throttling: a try is taken before it is judged, and given back when it was good (D20, architecture rules 2 and 8).

Three counters guard a sign-in. The typed identifier, known or not; instead of it, on a device that has signed in to
the account before, the pair of account and device, so that strangers cannot lock anyone out; and the network, which
counts *distinct* failing identifiers only and slows only those that have not succeeded from it lately, so that a ward
behind one address is not locked out. Keys are keyed digests: neither addresses nor names can be read from the table.
"""

import ipaddress
from datetime import datetime, timedelta

from portico.database.engine import Transaction
from portico.kernel.normalise import throttle_form
from portico.kernel.sealing import SealingKeys
from portico.throttle import store
from portico.throttle.rates import Limits, Rate, Taken, TooMany

COUNTER_MEMORY = timedelta(days=90)
_SWEEP_BATCH = 5_000
_SWITCHED_OFF_RETRY = timedelta(hours=1)


class Throttle:
    """All counters of a deployment."""

    def __init__(self, keys: SealingKeys, limits: Limits) -> None:
        self._keys = keys
        self._limits = limits

    async def take_sign_in(
        self, tx: Transaction, now: datetime, *, identifier: str, network: str, known_device: str | None
    ) -> Taken | TooMany:
        """Take the tries one sign-in answer costs.

        ``known_device`` names account and device when the device has signed in to the account before.
        """
        limits = self._limits
        if limits.is_lifted:
            return Taken()
        if known_device is not None:
            return await self._take(tx, now, self._key("known device", known_device), limits.known_device)
        name = self._key("identifier", throttle_form(identifier))
        taken = await self._take(tx, now, name, limits.identifier)
        if isinstance(taken, TooMany):
            return taken
        net = self._key("network", network_of(network))
        if await store.has_succeeded_since(tx, net, name, now - limits.network_memory):
            return Taken(keys=taken.keys, network=net, identifier=name)
        noted = await self._take_network(tx, now, net, name)
        if isinstance(noted, TooMany):
            await store.untake(tx, name, limits.identifier)
            return noted
        return Taken(keys=taken.keys, network=net, identifier=name, is_noted=noted)

    async def untake(self, tx: Transaction, taken: Taken) -> None:
        """Nothing was judged: it is as if the tries had never been taken, neither failures nor successes."""
        for key, rate in taken.keys:
            await store.untake(tx, key, rate)
        if taken.is_noted:
            await store.remove_failing(tx, taken.network, taken.identifier)
            await store.untake(tx, taken.network, self._limits.network)

    async def give_back(self, tx: Transaction, now: datetime, taken: Taken) -> None:
        """The answer was good: the tries it took were none."""
        for key, rate in taken.keys:
            await store.give_back(tx, key, rate)
        if taken.network and await store.clear_failing(tx, taken.network, taken.identifier, now):
            await store.give_back(tx, taken.network, self._limits.network)

    async def forgive_identifiers(self, tx: Transaction, identifiers: tuple[str, ...]) -> None:
        """Something else was proven: the password may be tried again under each of these identifiers."""
        for identifier in identifiers:
            await store.forgive(tx, self._key("identifier", throttle_form(identifier)))

    async def take_mail_request(self, tx: Transaction, now: datetime, network: str) -> TooMany | None:
        """Take one of the requests for mail that a network may make."""
        if self._limits.is_lifted:
            return None
        key = self._key("reset network", network_of(network))
        taken = await self._take(tx, now, key, self._limits.reset_network)
        return taken if isinstance(taken, TooMany) else None

    async def take_mail(self, tx: Transaction, now: datetime, kind: str, address_key: str) -> bool:
        """Take one of the mails of a kind that an address may be sent."""
        taken = await self._take(tx, now, self._key("mail", f"{kind} {address_key}"), self._limits.mail)
        return isinstance(taken, Taken)

    async def take_code_mail(self, tx: Transaction, now: datetime, address_key: str) -> bool:
        """Take one of the mails with a code that an address may be sent."""
        taken = await self._take(tx, now, self._key("mail", f"code {address_key}"), self._limits.code_mail)
        return isinstance(taken, Taken)

    async def take_factor_mail(self, tx: Transaction, now: datetime, account_id: str) -> bool:
        """Take one of the mails with a code that whoever has proven something may have sent to their own address."""
        taken = await self._take(tx, now, self._key("mail", f"factor {account_id}"), self._limits.code_mail)
        return isinstance(taken, Taken)

    async def take_code_try(self, tx: Transaction, now: datetime, identifier: str) -> Taken | TooMany:
        """Take one of the codes that may be typed for an address, known or not."""
        if self._limits.is_lifted:
            return Taken()
        return await self._take(tx, now, self._key("code try", throttle_form(identifier)), self._limits.code_try)

    async def take_factor_try(self, tx: Transaction, now: datetime, factor: str) -> Taken | TooMany:
        """Take one of the answers by which a second factor may be tried; ``factor`` says whose, and on which device."""
        if self._limits.is_lifted:
            return Taken()
        return await self._take(tx, now, self._key("factor", factor), self._limits.factor)

    async def forgive_factors(self, tx: Transaction, *factors: str) -> None:
        """Something else was proven, or the factor is a new one: it may be tried again."""
        for factor in factors:
            await store.forgive(tx, self._key("factor", factor))

    async def take_code_request(self, tx: Transaction, now: datetime, attempt_id: str) -> TooMany | None:
        """Take one of the codes that may be asked for in one attempt."""
        taken = await self._take(tx, now, self._key("code request", attempt_id), self._limits.code_request)
        return taken if isinstance(taken, TooMany) else None

    async def take_new_password(self, tx: Transaction, now: datetime, account_id: str) -> TooMany | None:
        """Take one of the passwords that may be compared with an account's last ones."""
        if self._limits.is_lifted:
            return None
        taken = await self._take(tx, now, self._key("new password", account_id), self._limits.new_password)
        return taken if isinstance(taken, TooMany) else None

    async def forgive_new_passwords(self, tx: Transaction, account_id: str) -> None:
        """One was chosen: the next time begins anew."""
        await store.forgive(tx, self._key("new password", account_id))

    async def take_invitation(
        self, tx: Transaction, now: datetime, organization_id: str, address_key: str, *, counts_together: bool = True
    ) -> TooMany | None:
        """Take one of the mails by which an organization may invite an address, and one of those for anybody.

        ``counts_together``: whether the latter counts.
        """
        together = self._key("invitations", organization_id)
        if counts_together:
            taken = await self._take(tx, now, together, self._limits.invitation_organization)
            if isinstance(taken, TooMany):
                return taken
        one = self._key("invitation", f"{organization_id} {address_key}")
        taken = await self._take(tx, now, one, self._limits.invitation)
        if isinstance(taken, Taken):
            return None
        if counts_together:
            await store.untake(tx, together, self._limits.invitation_organization)
        return taken

    async def sweep(self, tx: Transaction, now: datetime) -> int:
        """Forget what no longer slows anyone."""
        return await store.sweep(tx, now - COUNTER_MEMORY, now - self._limits.network_memory, _SWEEP_BATCH)

    async def _take(self, tx: Transaction, now: datetime, key: bytes, rate: Rate) -> Taken | TooMany:
        if await store.take(tx, key, rate, now):
            return Taken(keys=((key, rate),))
        counter = await store.find_counter(tx, key)
        if counter is not None and rate.consecutive and counter.failures >= rate.consecutive:
            return TooMany(until=now + _SWITCHED_OFF_RETRY, is_switched_off=True)
        return TooMany(until=rate.free_at(counter.full_at) if counter else now + rate.every)

    async def _take_network(self, tx: Transaction, now: datetime, net: bytes, name: bytes) -> TooMany | bool:
        """Count a network's distinct failing identifiers, refuse when there are too many; whether this one was new."""
        rate = self._limits.network
        if await store.add_failing(tx, net, name, now):
            taken = await self._take(tx, now, net, rate)
            if isinstance(taken, Taken):
                return True
            await store.remove_failing(tx, net, name)
            return taken
        counter = await store.find_counter(tx, net)
        if counter is not None and counter.full_at > now + rate.tolerance:
            return TooMany(until=rate.free_at(counter.full_at))
        return False

    def _key(self, name: str, value: str) -> bytes:
        return self._keys.mac(value.encode("utf-8", "surrogatepass"), purpose=f"throttle {name}")


def network_of(address: str) -> str:
    """The network an address is counted under: the IPv4 address itself, the /64 of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Network((ip, 64), strict=False))
    return str(ip)
