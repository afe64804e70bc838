"""Somebody who knows some of a person's secrets and tries everything, and what the specification lets them do with it.

The oracle, ``Secrets``, is written from the specification alone: D7, D9, D12, D14, D16. It knows no step and no rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portico.accounts.model import Account
from portico.factors.proof import Failure
from portico.organizations.policy import PolicyFields
from portico.signin.facts import ChangeReason
from tests.support.authenticator import Authenticator
from tests.support.authenticators import Phone, give_totp
from tests.support.world import BASE, World

TOTP, PASSKEY = "totp", "passkey"
RECOVERY_CODE = "A" * 24
APPS = "SELECT id FROM credentials WHERE account_id = $1 AND kind = 'totp'"
PASSKEYS = "SELECT id FROM passkeys WHERE account_id = $1"
CODES = "SELECT id FROM credentials WHERE account_id = $1 AND kind = 'recovery_code'"


@dataclass
class Secrets:
    """What somebody has set up, what is demanded of them, and what of theirs is known to a thief."""

    factors: frozenset[str]
    knows: frozenset[str]
    demands: list[PolicyFields] = field(default_factory=list)

    def may_open_session(self) -> bool:
        """Something to begin with, and for each organization one factor of its set, or what stands in for one."""
        begins = bool(self.knows & {"password", "mailbox"}) or self._holds(frozenset({PASSKEY}))
        sets = [frozenset(factor.value for factor in demand.allowed_factors) for demand in self.demands]
        own = [frozenset({TOTP, PASSKEY})] if self.factors else []
        return begins and all(self._meets(one) for one in (*sets, *own))

    def may_change_factors(self) -> bool:
        """Takes a factor, not the mailbox; but the first one takes the mailbox."""
        beyond = self._holds(frozenset({TOTP, PASSKEY})) or "recovery" in self.knows
        return self.may_open_session() and (beyond if self.factors else "mailbox" in self.knows)

    def learn(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """What a thief has set up is theirs; what they have removed is nobody's any more. Only if they might."""
        if after["factors"] != before["factors"]:
            self.factors = frozenset(kind for kind, _ in after["factors"])
            self.knows |= {kind for kind, _ in after["factors"] - before["factors"]}
        if after["recovery codes"] - before["recovery codes"]:
            self.knows |= {"recovery"}

    def may_change_password(self) -> bool:
        """A mailed link is enough; or the present one, from within."""
        return "mailbox" in self.knows or ("password" in self.knows and self.may_open_session())

    def _holds(self, kinds: frozenset[str]) -> bool:
        return bool(self.factors & self.knows & kinds)

    def _meets(self, kinds: frozenset[str]) -> bool:
        if not self.factors & kinds:  # a first one is set up, which the mailbox has to agree to (D12)
            return "mailbox" in self.knows
        by_mail = all(demand.email_code for demand in self.demands) and {"password", "mailbox"} <= self.knows
        return self._holds(kinds) or "recovery" in self.knows or by_mail


@dataclass
class Victim:
    """A person with whatever they have set up."""

    account: Account
    password: str
    phone: Phone | None = None
    authenticator: Authenticator = field(default_factory=Authenticator)

    @property
    def address(self) -> str:
        """Where their mail goes."""
        return self.account.address

    async def look(self, world: World) -> dict[str, Any]:
        """All that somebody could have changed, as it is now."""
        house = world.house
        credential = await house.password.find_credential(house.database, self.account.id)
        return {
            "sessions": await self._ids(world, "SELECT id FROM sessions WHERE account_id = $1"),
            "password": credential.changed_at if credential else None,
            "factors": {(TOTP, each) for each in await self._ids(world, APPS)}
            | {(PASSKEY, each) for each in await self._ids(world, PASSKEYS)},
            "recovery codes": await self._ids(world, CODES),
            "address": (await world.get_account(self.address)).address,
        }

    async def let_expire(self, world: World) -> None:
        """Have the next sign-in ask for a new password."""
        house, reason = world.house, ChangeReason.FORCED.value
        await house.database.transact(lambda tx: house.password.force_change(tx, self.account.id, reason))

    async def _ids(self, world: World, sql: str) -> set[str]:
        return {row["id"] for row in await world.house.database.list_rows(sql, self.account.id)}


async def set_up(world: World, address: str, password: str, factors: frozenset[str]) -> Victim:
    """Somebody who has these factors, and a recovery code with them."""
    victim = Victim(await world.add_person(address, password), password)
    if TOTP in factors:
        victim.phone = await give_totp(world, victim.account)
    if PASSKEY in factors:
        await give_passkey(world, victim)
    return victim


async def give_passkey(world: World, victim: Victim) -> None:
    """Set a passkey up for somebody, without any page."""
    house, now, account = world.house, world.clock.now(), victim.account
    challenge, handle = house.chance.draw_bytes(32), house.chance.draw_bytes(64)
    options = await house.passkeys.offer(
        house.database,
        account_id=account.id,
        handle=handle,
        address=account.address,
        display_name=account.first_name,
        challenge=challenge,
    )
    new = await house.passkeys.read(victim.authenticator.create(options, origin=BASE), challenge)
    assert not isinstance(new, Failure), new
    added = await house.database.transact(
        lambda tx: house.passkeys.enrol(tx, now, account.id, new, handle=handle, name="Nora's phone")
    )
    assert isinstance(added, str), added
    await house.database.transact(lambda tx: house.recovery_code.save(tx, now, account.id, RECOVERY_CODE))
