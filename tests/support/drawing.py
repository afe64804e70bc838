"""Draws the parts of facts from a seed: proofs, attempts, people, policies, invitations."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random  # noqa: TID251 - it is to be repeated, fast, and guards no secret
from typing import TypeVar

from msgspec.structs import replace

from portico.accounts.model import AccountState
from portico.factors.proof import Proof, ProofKind
from portico.organizations.invitations.model import Invitation
from portico.organizations.model import MemberType, Role
from portico.signin.attempt import Attempt, AttemptState, ClientKind, Demands, FactorChange, Mark, Purpose
from portico.signin.facts import ChangeReason, Demand, Invited, PasswordRule, Person, Policy
from tests.support.generated_facts import CLASSES, MAILED, NOW

T = TypeVar("T")

ENROLLABLE = (ProofKind.TOTP, ProofKind.PASSKEY)
KINDS, PURPOSES, MARKS = tuple(ProofKind), tuple(Purpose), tuple(Mark)
CHANGES, CLIENTS = tuple(FactorChange), tuple(ClientKind)
CAN_BE_ENROLLED = tuple(kind for kind in ProofKind if kind not in MAILED)
SECOND = (*ENROLLABLE, ProofKind.RECOVERY_CODE)
AGES = (timedelta(0), timedelta(minutes=1), timedelta(minutes=10), timedelta(days=2))
_VOUCHED = (timedelta(0), timedelta(days=1), timedelta(days=40))
_WITHIN = (None, timedelta(days=1), timedelta(days=30))
_CLINICS = (None, "North Clinic", "South Clinic")
SIGNING_IN = (*(Purpose.SIGN_IN,) * 4, Purpose.RENEW, *(Purpose.STEP_UP,) * 3)

INVITATION = Invitation(
    id="invitation",
    organization_id="clinic",
    address="ida@south-clinic.example",
    address_key="ida@south-clinic.example",
    member_type=MemberType.PROVIDER,
    role=Role.MEMBER,
    language="",
    token_hash=b"hash",
    invited_by=None,
    mails=1,
    mailed_at=NOW,
    created_at=NOW,
    expires_at=NOW + timedelta(days=14),
)
ACCEPTED = replace(INVITATION, accepted_at=NOW, accepted_by="account")


class Parts:
    """Draws parts of facts."""

    def __init__(self, seed: str) -> None:
        self.dice = Random(seed)  # noqa: S311

    def one(self, values: Sequence[T]) -> T:
        """One of these."""
        return values[int(self.dice.random() * len(values))]

    def chance(self, percent: float) -> bool:
        """Whether something comes to pass, so many times in a hundred."""
        return self.dice.random() * 100 < percent

    def some(self, values: Sequence[T], most: int, least: int = 0) -> tuple[T, ...]:
        """Some of these, none twice, in any order."""
        count = min(least + int(self.dice.random() * (most - least + 1)), len(values))
        return tuple(self.dice.sample(values, count))

    def proof(self, kind: ProofKind | None = None) -> Proof:
        """One proof, of any age; a password may have been set through the mailbox, a passkey vouched for long ago."""
        kind = kind or self.one(KINDS)
        at = NOW - self.one(AGES)
        is_passkey = kind is ProofKind.PASSKEY
        return Proof(
            kind=kind,
            classes=CLASSES[kind],
            at=at,
            credential=self.one((None, "one", "other")),
            user_verified=is_passkey,
            through_mailbox=kind in MAILED or (kind is ProofKind.PASSWORD and self.chance(30)),
            vouched_at=at - self.one(_VOUCHED) if is_passkey and self.chance(90) else None,
            set_up_at=at - self.one(_VOUCHED) if kind in SECOND and self.chance(90) else None,
        )

    def proofs(self) -> tuple[Proof, ...]:
        """Up to four."""
        return tuple(self.proof() for _ in range(int(self.dice.random() * 5)))

    def attempt(self) -> Attempt:
        """Any attempt."""
        return Attempt(
            id="attempt",
            purpose=self.one(PURPOSES),
            client_kind=self.one(CLIENTS),
            holder_hash=b"holder",
            created_at=NOW - timedelta(minutes=5),
            expires_at=NOW + self.one((timedelta(seconds=-1), timedelta(0), *(timedelta(minutes=25),) * 4)),
            identifier=self.one(("", "nora@north-clinic.example")),
            account_id=self.one((None, "account")),
            epoch=self.one((None, 1, 1, 2)),
            proofs=self.proofs(),
            marks=frozenset(self.some(MARKS, 3)),
            demands=self.client_demands(),
            state=self.one((AttemptState.OPEN, AttemptState.OPEN, AttemptState.FINISHED)),
            session_id=self.one((None, "session")),
        )

    def client_demands(self) -> Demands:
        """What any client may want."""
        return Demands(
            fresh_within=self.one((None, timedelta(0), timedelta(minutes=5))),
            interaction=self.chance(70),
            change=self.one((None, *CHANGES)),
            passkeys=self.chance(70),
        )

    def person(self) -> Person:
        """Anybody."""
        return Person(
            state=self.one((*AccountState, AccountState.ACTIVE, AccountState.ACTIVE)),
            epoch=self.one((1, 2)),
            must_change_password=ChangeReason.FORCED if self.chance(30) else None,
            password_set_at=NOW - self.one(AGES) if self.chance(70) else None,
            mailbox="nora*****@north****",
            is_frozen=self.chance(15),
        )

    def demand(self, *, email_code: bool) -> Demand:
        """What an organization may demand."""
        if self.chance(25):
            return Demand(organization=self.one(_CLINICS))
        stand_ins = {ProofKind.RECOVERY_CODE} if self.chance(80) else set()
        return Demand(
            classes=2,
            kinds=frozenset(self.some((*ENROLLABLE, *ENROLLABLE, ProofKind.GOOGLE), 3, least=1)),
            stand_ins=frozenset(stand_ins | ({ProofKind.EMAIL_CODE} if email_code else set())),
            organization=self.one(_CLINICS[1:]),
            passkey_within=self.one(_WITHIN),
        )

    def password_rule(self) -> PasswordRule:
        """What may be asked of passwords."""
        return PasswordRule(
            max_age=self.one((None, timedelta(days=1), timedelta(days=1), timedelta(days=60))),
            max_age_asked_by=("North Clinic",),
            remind_within=self.one((None, timedelta(days=1), timedelta(days=59))),
            changed_since=self.one((None, None, NOW - timedelta(minutes=5), NOW - timedelta(days=10))),
            changed_since_asked_by=("South Clinic",),
        )

    def policy(self, *, most: int = 3) -> Policy:
        """Any policy, with nothing announced."""
        email_code = self.chance(60)
        count = 1 + int(self.dice.random() * most)
        return Policy(
            demands=tuple(self.demand(email_code=email_code) for _ in range(count)),
            mailbox_first=self.chance(50),
            email_code=email_code,
            trusted_device=self.chance(75),
            password=self.password_rule() if self.chance(40) else PasswordRule(),
        )

    def someone(self) -> Person:
        """Somebody who nearly always may sign in."""
        state = AccountState.ACTIVE if self.chance(90) else self.one(tuple(AccountState))
        return Person(state=state, epoch=1, mailbox="nora*****@north****", is_frozen=self.chance(10))

    def enrolled(self) -> tuple[ProofKind, ...]:
        """A password, some second factors, and perhaps the code that goes with them."""
        factors = self.one(((), ENROLLABLE[:1], ENROLLABLE[1:], ENROLLABLE))
        code = (ProofKind.RECOVERY_CODE,) if factors and self.chance(70) else ()
        return (*((ProofKind.PASSWORD,) if self.chance(92) else ()), *factors, *code)

    def invited(self) -> Invited:
        """Any invitation."""
        return Invited(
            invitation=self.one((INVITATION, ACCEPTED)),
            organization="North Clinic",
            is_open=self.chance(65),
            is_theirs=self.chance(75),
            is_member=self.chance(45),
        )

    def joining(self) -> Invited:
        """An invitation that nothing stands against."""
        return Invited(
            invitation=INVITATION, organization="North Clinic", is_open=True, is_theirs=True, is_member=False
        )
