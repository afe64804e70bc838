"""Gathering the facts a decision needs: the only place where the decision core meets the database."""

from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec

from portico.accounts.model import Account
from portico.accounts.service import Accounts
from portico.database.engine import Reader
from portico.factors.email_code import EmailCodeFactor
from portico.factors.methods import list_enrolled
from portico.factors.model import RESEND_AFTER, PasswordCredential
from portico.factors.passkeys import devices
from portico.factors.passkeys.factor import PasskeyFactor
from portico.factors.password import PasswordFactor
from portico.factors.proof import ProofKind
from portico.kernel.masks import masked_address
from portico.kernel.tokens import NOBODY
from portico.organizations.folding import FoldedPolicy
from portico.organizations.policies.standing import Standing, Standings
from portico.organizations.policy import EnrolmentProof
from portico.reminders.service import Reminders
from portico.signin.attempt import Attempt, Mark, Purpose
from portico.signin.facts import ChangeReason, Demand, Facts, PasswordRule, Person, Policy, Terms
from portico.signin.joining import Joining, belonging_to
from portico.signin.rules import find_reminder
from portico.signin.second_factor.rules import FACTORS

_OFFERED = (ProofKind.TOTP, ProofKind.PASSKEY)
"""The second factors there can be, the one to offer first in front (S54)."""


class Gatherer:
    """Knows where each fact is found."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        password: PasswordFactor,
        email_code: EmailCodeFactor,
        standings: Standings,
        joining: Joining,
        passkeys: PasskeyFactor,
        enrollable: Collection[ProofKind],
        reminders: Reminders,
        terms: Terms | None = None,
    ) -> None:
        """``enrollable``: the kinds of factor that can be proven in this deployment, or set up in it."""
        self._accounts = accounts
        self._password = password
        self._email_code = email_code
        self._standings = standings
        self._joining = joining
        self._passkeys = passkeys
        self._enrollable = tuple(kind for kind in _OFFERED if kind in enrollable)
        self._reminders = reminders
        self._terms = terms

    async def gather(
        self, reader: Reader, attempt: Attempt, now: datetime, blocked_until: datetime | None = None
    ) -> Facts:
        """The facts about an attempt as they stand in ``reader``: a database, or the transaction that will decide.

        Asks the same questions whether anybody was named or not, so that the time it takes tells nothing. What
        organizations ask is looked up once something is proven: before that, the decision has no use for it.
        """
        account_id = attempt.account_id or NOBODY
        account = await self._accounts.find_account(reader, account_id)
        password = await self._password.find_credential(reader, account_id)
        invited = await self._joining.find(reader, attempt, account, now)
        policy = Policy()
        if account is not None and attempt.proofs:
            joining = belonging_to(invited)
            policy = policy_of(await self._standings.find(reader, account.memberships, now, joining=joining))
        facts = Facts(
            now=now,
            attempt=attempt,
            person=_person(account, password, now) if account else None,
            enrolled=await self._list_enrolled(reader, account_id, has_password=password is not None),
            enrollable=self._enrollable,
            policy=policy,
            blocked_until=blocked_until,
            resend_at=await self._find_resend_at(reader, attempt),
            terms=self._terms,
            invited=invited,
        )
        if account is not None and attempt.proofs and not FACTORS.isdisjoint(facts.enrolled):
            facts = await self._with_device(reader, facts, account, now)
        if find_reminder(facts) is None:
            return facts
        rests = await self._reminders.is_put_off(reader, account_id, now)
        return msgspec.structs.replace(facts, reminder_rests=rests)

    async def _with_device(self, reader: Reader, facts: Facts, account: Account, now: datetime) -> Facts:
        """The facts about the device of an attempt, for somebody who has a second factor."""
        attempt = facts.attempt
        device = await devices.find_device(reader, account.id, attempt.device_hash) if attempt.device_hash else None
        passkey_id = device.passkey_id if device else None
        has_made = Mark.DEVICE_REGISTERED in attempt.marks
        made = await self._passkeys.find_made(reader, account.id, attempt.device_hash) if has_made else None
        return msgspec.structs.replace(
            facts,
            preferred=await devices.find_preferred(reader, account.id),
            passkey_here=passkey_id is not None,
            trust_rests=attempt.device_hash is None or (device is not None and devices.is_resting(device, now)),
            registered_name=made.name if made else "",
        )

    async def _list_enrolled(self, reader: Reader, account_id: str, *, has_password: bool) -> tuple[ProofKind, ...]:
        """What the account can prove itself with; the decision says in which order it is asked for."""
        kinds = {credential.kind for credential in await list_enrolled(reader, account_id)}
        second = [kind for kind in (*_OFFERED, ProofKind.RECOVERY_CODE) if kind in kinds]
        return (*((ProofKind.PASSWORD,) if has_password else ()), *second)

    async def _find_resend_at(self, reader: Reader, attempt: Attempt) -> datetime | None:
        """When another code may be asked for, in an attempt that mails codes."""
        if attempt.purpose is not Purpose.SIGN_UP and not attempt.proofs:
            return None
        code = await self._email_code.find_code(reader, attempt.id)
        return code.requested_at + RESEND_AFTER if code else None


def policy_of(standing: Standing) -> Policy:
    """What somebody's organizations ask, in the words of the decision."""
    announced, rehearsed = standing.announced, standing.rehearsed
    return msgspec.structs.replace(
        _policy(standing.enforced),
        version=standing.stamp,
        announced=_policy(announced) if announced else None,
        announced_from=standing.announced_from,
        announced_by=standing.announced_by,
        rehearsed=_policy(rehearsed) if rehearsed else None,
        rehearsed_by=standing.rehearsed_by,
    )


def _policy(folded: FoldedPolicy) -> Policy:
    days, since = folded.max_age_days, folded.changed_since
    return Policy(
        demands=(Demand(), *_demands(folded)),
        email_code=folded.email_code.value,
        trusted_device=folded.trusted_device.value,
        mailbox_first=folded.enrolment_proof.value is EnrolmentProof.MAILBOX,
        password=PasswordRule(
            max_age=timedelta(days=days.value) if days.value is not None else None,
            max_age_asked_by=days.organizations,
            remind_within=_earliest_reminder(folded),
            changed_since=since.value,
            changed_since_asked_by=since.organizations,
        ),
        session_span=_hours(folded.session_hours.value),
        idle_span=_hours(folded.idle_hours.value),
    )


def _earliest_reminder(folded: FoldedPolicy) -> timedelta | None:
    """How long before the end the first reminder comes, of those that come after the password was set."""
    age = folded.max_age_days.value
    possible = [days for days in folded.reminder_days.value if age is not None and days < age]
    return timedelta(days=max(possible)) if possible else None


def _demands(folded: FoldedPolicy) -> tuple[Demand, ...]:
    """The second factor each organization demands; a recovery code stands in for any, a mailed code where it may."""
    days = folded.trusted_device_days.value
    stand_ins = {ProofKind.RECOVERY_CODE, *((ProofKind.EMAIL_CODE,) if folded.email_code.value else ())}
    return tuple(
        Demand(
            classes=2,
            kinds=frozenset(ProofKind(factor.value) for factor in demand.allowed),
            stand_ins=frozenset(stand_ins),
            organization=demand.organization,
            passkey_within=timedelta(days=days) if days is not None else None,
        )
        for demand in folded.factor_demands
    )


def _hours(count: int | None) -> timedelta | None:
    return timedelta(hours=count) if count is not None else None


def _person(account: Account, password: PasswordCredential | None, now: datetime) -> Person:
    """What a decision needs of the account that was named."""
    must_change = password.properties.must_change if password else None
    return Person(
        state=account.state,
        epoch=account.epoch,
        must_change_password=ChangeReason(must_change) if must_change else None,
        password_set_at=password.changed_at if password else None,
        mailbox=masked_address(account.address),
        is_frozen=account.is_frozen(now),
    )
