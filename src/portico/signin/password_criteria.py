"""What a new password must be, for whom, and who asks for that (D2, D9).

The floor is what the deployment asks of everybody; of a person it is the fold of all that their organizations ask.
"""

from datetime import datetime

import msgspec

from portico.accounts.service import Accounts
from portico.database.engine import Database, Reader
from portico.factors.password_rules import Criterion, PasswordPolicy, criteria
from portico.kernel.clock import Clock
from portico.kernel.messages import Message, message
from portico.organizations.folding import FoldedPolicy
from portico.organizations.model import Belonging
from portico.organizations.policies.standing import Standings
from portico.signin.attempt import Attempt, Mark
from portico.signin.joining import Joining, belonging_to


class AskedCriteria(msgspec.Struct, frozen=True, kw_only=True):
    """The criteria for one person's new password, and the names of the organizations that ask for what won."""

    policy: PasswordPolicy
    length_asked_by: tuple[str, ...] = ()
    composition_asked_by: tuple[str, ...] = ()

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What is asked, in the order in which it is shown."""
        return criteria(self.policy)

    @property
    def asked(self) -> tuple[Message, ...]:
        """Who asks for what, a sentence each; none where it is the deployment's own."""
        return (
            *(
                message("password.asked.length", organization=name, count=self.policy.min_length)
                for name in self.length_asked_by
            ),
            *(message("password.asked.composition", organization=name) for name in self.composition_asked_by),
        )


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
        """The criteria for the new password of an attempt; where it accepts an invitation, those of who invites too.

        Whoever does now what is announced does it as it will be asked.
        """
        account = await self._accounts.find_account(reader, attempt.account_id) if attempt.account_id else None
        invited = await self._joining.find(reader, attempt, account, now)
        return await self.find(
            reader,
            attempt.account_id,
            now,
            joining=belonging_to(invited),
            as_announced=Mark.ANNOUNCED_TAKEN in attempt.marks,
        )

    async def find(
        self,
        reader: Reader,
        account_id: str | None,
        now: datetime,
        *,
        joining: Belonging | None = None,
        as_announced: bool = False,
    ) -> AskedCriteria:
        """The criteria for an account's new password; for nobody's, the deployment's.

        ``joining`` is an organization they are about to belong to; ``as_announced``: as they will be next.
        """
        account = await self._accounts.find_account(reader, account_id) if account_id else None
        memberships = account.memberships if account else ""
        standing = await self._standings.find(reader, memberships, now, joining=joining)
        return _asked((standing.announced if as_announced else None) or standing.enforced)


def _asked(folded: FoldedPolicy) -> AskedCriteria:
    length, composition = folded.min_length, folded.composition
    return AskedCriteria(
        policy=PasswordPolicy(min_length=length.value, composition=composition.value),
        length_asked_by=length.organizations,
        composition_asked_by=composition.organizations,
    )
