"""A corpus of facts for the decision core: as they may come, however unlikely, drawn once in each test process.

Every property is held against the whole of it (``tests/support/properties`` says how). The facts are drawn by weights
from one seed, family by family, so that every step, reason and rule is reached often:

* ``ANY``: nothing fits together, attempts are over, blocked, of another epoch.
* ``LIVE``: the same, in an open attempt of the person's epoch that nobody blocks.
* ``PROVING``: people with passwords, apps, passkeys and codes, whose organizations demand something of them.
* ``TRUSTING``: a second factor was given, and the device may become one.
* ``CHANGING``: a reset, or a password that may not be kept.
* ``ANNOUNCING``, ``REMINDING``: something is asked from some day on; the password expires soon.
* ``ACCEPTING``: an invitation.

Four things are so in all of them, because whoever gathers facts sees to it: what is mailed is no factor anybody has
enrolled, no organization takes it for one, whether a mailed code may stand in is the same everywhere in a policy, and
what is remembered of a device or preferred concerns second factors.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from functools import cache

import msgspec
from msgspec.structs import replace

from portico.accounts.model import AccountState
from portico.factors.proof import Proof, ProofKind
from portico.kernel.chance import SystemChance
from portico.signin.attempt import AttemptState, Demands, FactorChange, Mark, Purpose
from portico.signin.facts import ChangeReason, Demand, Facts, PasswordRule, Person, Policy, Terms
from tests.conftest import VERIFY
from tests.support.drawing import (
    AGES,
    CAN_BE_ENROLLED,
    CHANGES,
    ENROLLABLE,
    INVITATION,
    MARKS,
    PURPOSES,
    SECOND,
    SIGNING_IN,
    Parts,
)
from tests.support.generated_facts import CLASSES, NOW

SEED_VARIABLE = "FACTS_SEED"
SEED = int(os.environ.get(SEED_VARIABLE) or int.from_bytes(SystemChance().draw_bytes(4)))
"""What all facts of this process are drawn from."""
IN_EACH_FAMILY = 12_000 if VERIFY else 1_200


class Family(StrEnum):
    """What a part of the corpus is about."""

    ANY = "any"
    LIVE = "live"
    PROVING = "proving"
    TRUSTING = "trusting"
    CHANGING = "changing"
    ANNOUNCING = "announcing"
    REMINDING = "reminding"
    ACCEPTING = "accepting"


class Draw(Parts):
    """Draws whole facts, and whatever is to be beside some."""

    def any(self) -> Facts:
        """Facts of which hardly two fit together."""
        return Facts(
            now=NOW,
            attempt=self.attempt(),
            person=self.person() if self.chance(70) else None,
            enrolled=self.some(CAN_BE_ENROLLED, 5),
            enrollable=self.one(((), (ProofKind.TOTP,), (ProofKind.PASSKEY,), ENROLLABLE)),
            policy=self.policy(),
            blocked_until=NOW + timedelta(minutes=1) if self.chance(40) else None,
            resend_at=self.one((None, NOW, NOW + timedelta(seconds=30))),
            terms=Terms(url="https://clinic.example/terms", version="1") if self.chance(20) else None,
            invited=self.invited() if self.chance(20) else None,
            reminder_rests=self.chance(50),
            preferred=self.one((None, None, *SECOND)),
            passkey_here=self.chance(50),
            trust_rests=self.chance(50),
            registered_name=self.one(("", "Nora's phone")),
        )

    def live(self) -> Facts:
        """Facts about an attempt that goes on, or has just begun."""
        given = self.alive(self.any())
        if self.chance(88):
            return given
        return replace(given, attempt=replace(given.attempt, proofs=(), identifier="", account_id=None))

    def alive(self, given: Facts) -> Facts:
        """The same facts with an attempt that is open, unblocked, of the person's epoch, and that can ask."""
        attempt = replace(
            given.attempt,
            state=AttemptState.OPEN,
            expires_at=NOW + timedelta(minutes=25),
            epoch=given.person.epoch if given.person else None,
            demands=replace(given.attempt.demands, interaction=True),
        )
        return replace(given, attempt=attempt, blocked_until=None)

    def proving(self) -> Facts:
        """Facts in which a second factor is demanded or wished for, at some point of the way there."""
        given = self.live()
        purpose, enrolled = self.one(SIGNING_IN), self.enrolled()
        firsts = [ProofKind.PASSWORD, *([ProofKind.PASSKEY] if ProofKind.PASSKEY in enrolled else [])]
        possible = (*(kind for kind in enrolled if kind is not ProofKind.PASSWORD), ProofKind.EMAIL_CODE)
        others = self.some(possible, 2)
        change = (
            self.one((None, *CHANGES, FactorChange.NEW_RECOVERY_CODE, FactorChange.NEW_RECOVERY_CODE))
            if purpose is Purpose.STEP_UP
            else None
        )
        fresh_within = self.one((timedelta(0), timedelta(minutes=5))) if self.chance(20) else None
        policy = self.policy() if self.chance(70) else Policy(email_code=self.chance(70))
        attempt = replace(
            given.attempt,
            purpose=purpose,
            proofs=tuple(self.proof(kind) for kind in (self.one(firsts), *others)),
            marks=frozenset(
                self.some((Mark.FACTOR_ENROLLED, Mark.RECOVERY_CODE_SAVED, Mark.DEVICE_REGISTERED), 1)
                if self.chance(70)
                else ()
            ),
            epoch=1,
            account_id="account",
            demands=Demands(change=change, fresh_within=fresh_within, passkeys=self.chance(80)),
        )
        return replace(
            given,
            attempt=attempt,
            person=self.someone(),
            enrolled=enrolled,
            enrollable=self.one((ENROLLABLE, ENROLLABLE, ENROLLABLE[:1], ())),
            policy=replace(policy, password=PasswordRule()),
            invited=None,
        )

    def trusting(self) -> Facts:
        """Facts in which all is proven, and this device may be the second factor from now on: nearly always."""
        given = self.proving()
        password = self.proof(ProofKind.PASSWORD)
        second = self.one((ProofKind.TOTP, ProofKind.RECOVERY_CODE, ProofKind.RECOVERY_CODE, ProofKind.EMAIL_CODE))
        email_code = self.chance(70)
        stand_ins = frozenset({ProofKind.RECOVERY_CODE, *((ProofKind.EMAIL_CODE,) if email_code else ())})
        kinds = frozenset(ENROLLABLE if self.chance(85) else ENROLLABLE[:1])
        demand = Demand(classes=2, kinds=kinds, stand_ins=stand_ins, organization="North Clinic")
        marks = self.some((Mark.TRUST_PUT_OFF, Mark.DEVICE_REGISTERED, Mark.DEVICE_NAMED), 2) if self.chance(40) else ()
        purposes = (Purpose.SIGN_IN, Purpose.SIGN_UP, Purpose.ACCEPT_INVITATION, *PURPOSES)
        attempt = replace(
            given.attempt,
            purpose=self.one(purposes) if self.chance(25) else Purpose.SIGN_IN,
            proofs=(password, self.proof(second)),
            marks=frozenset({*marks, *((Mark.RECOVERY_CODE_SAVED,) if self.chance(75) else ())}),
            demands=Demands(passkeys=self.chance(90), interaction=self.chance(85)),
        )
        policy = Policy(
            demands=(Demand(), *((demand,) if self.chance(60) else ())),
            email_code=email_code,
            trusted_device=self.chance(85),
        )
        return replace(
            given,
            attempt=attempt,
            enrolled=(ProofKind.PASSWORD, ProofKind.TOTP, *((ProofKind.PASSKEY,) if self.chance(20) else ())),
            enrollable=ENROLLABLE if self.chance(90) else ENROLLABLE[:1],
            policy=policy,
            passkey_here=self.chance(10),
            trust_rests=self.chance(10),
            invited=self.joining() if attempt.purpose is Purpose.ACCEPT_INVITATION else None,
        )

    def changing(self) -> Facts:
        """Facts about a reset by mail, or about somebody whose password may not be kept."""
        given = self.live()
        is_reset = self.chance(30)
        attempt_marks = (Mark.PASSWORD_CHANGED,) if is_reset else (Mark.REMINDER_TAKEN, Mark.PASSWORD_CHANGED)
        first = self.proof(ProofKind.MAILED_LINK if is_reset else ProofKind.PASSWORD)
        purpose = (
            Purpose.RESET_PASSWORD
            if is_reset
            else self.one((*(Purpose.SIGN_IN,) * 6, *(Purpose.UPDATE_PASSWORD,) * 3, Purpose.STEP_UP, Purpose.RENEW))
        )
        attempt = replace(
            given.attempt,
            purpose=purpose,
            proofs=(first,) if self.chance(85) else (*given.attempt.proofs, first),
            marks=frozenset({self.one(attempt_marks)} if self.chance(60) else ()),
            epoch=1,
            account_id="account",
            demands=Demands(passkeys=self.chance(80)),
        )
        person = replace(
            self.someone(),
            must_change_password=ChangeReason.FORCED if self.chance(15) else None,
            password_set_at=NOW - (timedelta(days=2) if self.chance(75) else self.one(AGES)),
        )
        demands = (Demand(),) if self.chance(80) else given.policy.demands
        expires_soon = PasswordRule(
            max_age=timedelta(days=60), max_age_asked_by=("North Clinic",), remind_within=timedelta(days=59)
        )
        rule = expires_soon if self.chance(40) else self.password_rule()
        policy = replace(given.policy, demands=demands, password=rule)
        enrolled = (ProofKind.PASSWORD,) if self.chance(80) else self.enrolled()
        return replace(given, attempt=attempt, person=person, policy=policy, enrolled=enrolled, invited=None)

    def announcing(self) -> Facts:
        """Facts in which an organization announces something that its member would have to do."""
        given = self.live()
        passkey = Proof(
            kind=ProofKind.PASSKEY, classes=CLASSES[ProofKind.PASSKEY], at=NOW, user_verified=True, vouched_at=NOW
        )
        announced = replace(self.policy(), password=self.password_rule())
        asked = self.policy()
        demands = (Demand(),) if self.chance(60) else asked.demands
        rule = PasswordRule() if self.chance(60) else self.password_rule()
        policy = replace(
            asked, demands=demands, password=rule, announced=announced, announced_from=NOW + self.one(AGES)
        )
        attempt = replace(
            given.attempt,
            purpose=self.one((Purpose.SIGN_IN, Purpose.SIGN_IN, Purpose.RENEW, Purpose.ACCEPT_INVITATION)),
            proofs=(*given.attempt.proofs, self.proof(ProofKind.PASSWORD), passkey),
            marks=frozenset(self.some(MARKS, 2)) if self.chance(40) else frozenset(),
            epoch=1,
            account_id="account",
            demands=Demands(),
        )
        person = Person(state=AccountState.ACTIVE, epoch=1, password_set_at=NOW - self.one(AGES))
        enrolled = self.enrolled() if self.chance(70) else given.enrolled
        if self.chance(60):  # they have done all that is asked by now
            policy = replace(policy, demands=(Demand(),), password=PasswordRule())
            attempt, enrolled = replace(attempt, proofs=attempt.proofs[-2:-1]), (ProofKind.PASSWORD,)
        return replace(
            given,
            attempt=attempt,
            person=person,
            policy=policy,
            enrolled=enrolled,
            enrollable=ENROLLABLE if self.chance(60) else given.enrollable,
            trust_rests=self.chance(80),
            invited=self.joining() if attempt.purpose is Purpose.ACCEPT_INVITATION else None,
        )

    def reminding(self) -> Facts:
        """Facts of a sign-in in which everything is proven and the password is about to expire."""
        given = self.live()
        days = 1 + int(self.dice.random() * 90)
        age = timedelta(days=days) * self.dice.random()
        if age >= timedelta(days=days) or self.chance(5):
            age = self.one((timedelta(0), timedelta(days=days) - timedelta(microseconds=1)))
        rule = PasswordRule(
            max_age=timedelta(days=days), max_age_asked_by=("North Clinic",), remind_within=timedelta(days=90)
        )
        attempt = replace(
            given.attempt,
            purpose=Purpose.SIGN_IN,
            proofs=(self.proof(ProofKind.PASSWORD),),
            marks=frozenset(),
            epoch=1,
            account_id="account",
            session_id=None,
            demands=Demands(),
        )
        return replace(
            given,
            attempt=attempt,
            person=Person(state=AccountState.ACTIVE, epoch=1, password_set_at=NOW - age),
            enrolled=(ProofKind.PASSWORD,),
            policy=Policy(password=rule),
            invited=None,
            reminder_rests=False,
        )

    def accepting(self) -> Facts:
        """Facts about an attempt that accepts an invitation: half of it proven by an account that is there."""
        given = self.proving() if self.chance(50) else self.live()
        attempt = replace(
            given.attempt,
            purpose=Purpose.ACCEPT_INVITATION,
            invitation_id=INVITATION.id,
            session_id=self.one((None, "session")),
        )
        if self.chance(25):
            links = tuple(self.proof(ProofKind.MAILED_LINK) for _ in range(1 + self.chance(30)))
            attempt = replace(attempt, proofs=links, account_id=self.one((None, "account")))
        return replace(given, attempt=attempt, invited=self.invited() if self.chance(90) else None)


class Case(msgspec.Struct, frozen=True):
    """One of the corpus, and where it stands in it."""

    family: Family
    number: int
    facts: Facts

    def beside(self) -> Draw:
        """Draws what else belongs to the case, each time alike."""
        return Draw(f"{SEED} {self.family} {self.number}")


@cache
def corpus(family: Family) -> tuple[Case, ...]:
    """All facts of a family, in the order in which they were drawn."""
    return tuple(Case(family, number, facts) for number, facts in enumerate(drawn(family)))


def drawn(family: Family) -> Iterator[Facts]:
    """Draws a family; the same again each time."""
    draw = Draw(f"{SEED} {family}")
    for _ in range(IN_EACH_FAMILY):
        yield getattr(draw, family.value)()
