"""What a new password must be, for whom, and who asks for that (D2, D9).

The floor is what the deployment asks of everybody; of a person it is the fold of all that their organizations
ask, and have announced.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import structs

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.database.engine import Database, Reader
from portico.factors.password_rules import Criterion, PasswordPolicy, criteria
from portico.kernel.clock import Clock
from portico.kernel.messages import Message, message
from portico.organizations.folding import FoldedPolicy
from portico.organizations.model import Belonging
from portico.organizations.policies.standing import (
    Asker,
    OrganizationAsks,
    Standing,
    Standings,
    fold_all,
    list_askers,
)
from portico.organizations.policy import PolicyFields
from portico.signin.attempt import Attempt
from portico.signin.joining import Joining, belonging_to

HISTORY = "history"
"""The code of the criterion that a new password is none of the last ones."""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for something, in a sentence; where it is announced only, it wants ``since`` as its ``day``."""

    said: Message
    since: datetime | None = None


class AskedCriteria(msgspec.Struct, frozen=True, kw_only=True):
    """The criteria for one person's new password, and the organizations that ask for what won.

    ``history`` is how many of the last passwords, the present one the first, it must not be (S87); none where there is
    no password yet. ``history_kept`` is how many are needed for that now, or once what is announced is in force.
    """

    policy: PasswordPolicy
    length_asked_by: tuple[Asker, ...] = ()
    composition_asked_by: tuple[Asker, ...] = ()
    history: int = 0
    history_asked_by: tuple[str, ...] = ()
    history_kept: int = 0

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What is asked, in the order in which it is shown; the last can be judged by the server alone (S93)."""
        return (*criteria(self.policy), *((Criterion(HISTORY, self.history),) if self.history else ()))

    def _length(self, asker: Asker) -> Asking:
        code = "password.asked.length_from" if asker.since else "password.asked.length"
        count = self.policy.min_length
        return Asking(said=message(code, organization=asker.organization, count=count), since=asker.since)

    @property
    def asked(self) -> tuple[Asking, ...]:
        """Who asks for what, a sentence each; none where it is the deployment's own."""
        return (
            *(self._length(one) for one in self.length_asked_by),
            *(_composition(one) for one in self.composition_asked_by),
            *(
                Asking(said=message("password.asked.history", organization=name, count=self.history))
                for name in self.history_asked_by
            ),
        )


def _composition(asker: Asker) -> Asking:
    code = "password.asked.composition_from" if asker.since else "password.asked.composition"
    return Asking(said=message(code, organization=asker.organization), since=asker.since)


class PasswordCriteria:
    """Finds the criteria for people."""

    def __init__(
        self, *, database: Database, clock: Clock, accounts: Accounts, standings: Standings, joining: Joining
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._standings = standings
        self._joining = joining

    async def get(self, account_id: str | None) -> AskedCriteria:
        """The criteria as they are now."""
        return await self.find(self._database, account_id, self._clock.now())

    async def find_for(self, reader: Reader, attempt: Attempt, now: datetime) -> AskedCriteria:
        """The criteria for the new password of an attempt; where it accepts an invitation, those of who invites too."""
        account = await self._accounts.find_account(reader, attempt.account_id) if attempt.account_id else None
        invited = await self._joining.find(reader, attempt, account, now)
        return await self._find(reader, account, now, joining=belonging_to(invited))

    async def find(self, reader: Reader, account_id: str | None, now: datetime) -> AskedCriteria:
        """The criteria for an account's new password; for nobody's, the deployment's.

        What is announced counts as well: whoever has chosen a password is not asked again on the day.
        """
        account = await self._accounts.find_account(reader, account_id) if account_id else None
        return await self._find(reader, account, now)

    async def _find(
        self, reader: Reader, account: Account | None, now: datetime, *, joining: Belonging | None = None
    ) -> AskedCriteria:
        """The same for an account that was read; ``joining`` is an organization they are about to belong to."""
        memberships = account.memberships if account else ""
        standing = await self._standings.find(reader, memberships, now, joining=joining)
        asked = _asked(standing.asks, self._standings.own)
        return _with_history(asked, standing.enforced, _history_kept(standing)) if account is not None else asked

    async def find_history_kept(self, reader: Reader, memberships: str, now: datetime) -> int:
        """How many of the last passwords are needed of somebody with these ``memberships``."""
        return _history_kept(await self._standings.find(reader, memberships, now))


def _asked(asks: Sequence[OrganizationAsks], own: PolicyFields) -> AskedCriteria:
    folded = fold_all(asks, own)
    length, composition = folded.min_length, folded.composition
    return AskedCriteria(
        policy=PasswordPolicy(min_length=length.value, composition=composition.value),
        length_asked_by=list_askers(asks, "min_length", length.value) if length.organizations else (),
        composition_asked_by=list_askers(asks, "composition", value=True) if composition.organizations else (),
    )


def _with_history(asked: AskedCriteria, folded: FoldedPolicy, kept: int) -> AskedCriteria:
    history = folded.history
    return structs.replace(asked, history=history.value, history_asked_by=history.organizations, history_kept=kept)


def _history_kept(standing: Standing) -> int:
    """What is announced counts already: who keeps nothing until then has nothing to compare with."""
    return max(folded.history.value for folded in (standing.enforced, standing.announced) if folded is not None)
