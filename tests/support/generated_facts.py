"""Hypothesis strategies for the decision core: facts as they may come, however unlikely."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import strategies as st

from portico.accounts.model import AccountState
from portico.factors.proof import Proof, ProofClass, ProofKind
from portico.signin.attempt import Attempt, AttemptState, ClientKind, Demands, FactorChange, Mark, Purpose
from portico.signin.facts import ChangeReason, Demand, Facts, PasswordRule, Person, Policy

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CLASSES: dict[ProofKind, frozenset[ProofClass]] = {
    ProofKind.PASSWORD: frozenset({ProofClass.KNOW}),
    ProofKind.TOTP: frozenset({ProofClass.HAVE}),
    ProofKind.PASSKEY: frozenset({ProofClass.HAVE, ProofClass.ARE}),
    ProofKind.RECOVERY_CODE: frozenset({ProofClass.HAVE}),
    ProofKind.EMAIL_CODE: frozenset({ProofClass.HAVE}),
    ProofKind.MAILED_LINK: frozenset({ProofClass.HAVE}),
    ProofKind.GOOGLE: frozenset({ProofClass.KNOW}),
    ProofKind.APPLE: frozenset({ProofClass.KNOW}),
    ProofKind.OIDC: frozenset({ProofClass.KNOW}),
}
_PASSKEY = CLASSES[ProofKind.PASSKEY]
_MAILED = {ProofKind.EMAIL_CODE, ProofKind.MAILED_LINK}

kinds = st.sampled_from(ProofKind)
ages = st.sampled_from([timedelta(0), timedelta(minutes=1), timedelta(minutes=10), timedelta(days=2)])


@st.composite
def proofs(draw: st.DrawFn, kind: st.SearchStrategy[ProofKind] = kinds) -> Proof:
    """One proof of any kind and age."""
    chosen = draw(kind)
    marked = chosen is ProofKind.PASSWORD and draw(st.booleans())
    return Proof(kind=chosen, classes=CLASSES[chosen], at=NOW - draw(ages), through_mailbox=marked or chosen in _MAILED)


attempts = st.builds(
    Attempt,
    id=st.just("attempt"),
    purpose=st.sampled_from(Purpose),
    client_kind=st.sampled_from(ClientKind),
    holder_hash=st.just(b"holder"),
    created_at=st.just(NOW - timedelta(minutes=5)),
    expires_at=st.sampled_from([NOW - timedelta(seconds=1), NOW, NOW + timedelta(minutes=25)]),
    identifier=st.sampled_from(["", "nora@north-clinic.example"]),
    account_id=st.sampled_from([None, "account"]),
    epoch=st.sampled_from([None, 1, 2]),
    proofs=st.lists(proofs(), max_size=4).map(tuple),
    marks=st.frozensets(st.sampled_from(Mark), max_size=2),
    demands=st.builds(
        Demands,
        fresh_within=st.sampled_from([None, timedelta(0), timedelta(minutes=5)]),
        interaction=st.booleans(),
        change=st.none() | st.sampled_from(FactorChange),
    ),
    state=st.sampled_from(AttemptState),
)
people = st.builds(
    Person,
    state=st.sampled_from(AccountState),
    epoch=st.sampled_from([1, 2]),
    must_change_password=st.sampled_from([None, ChangeReason.FORCED]),
    password_set_at=st.none() | ages.map(lambda age: NOW - age),
)
demands = st.builds(
    Demand,
    classes=st.sampled_from([1, 2]),
    kinds=st.frozensets(kinds, min_size=1),
    stand_ins=st.frozensets(st.sampled_from([ProofKind.RECOVERY_CODE, ProofKind.EMAIL_CODE])),
    organization=st.sampled_from([None, "North Clinic", "South Clinic"]),
)
password_rules = st.builds(
    PasswordRule,
    max_age=st.sampled_from([None, timedelta(days=1), timedelta(days=60)]),
    max_age_asked_by=st.just(("North Clinic",)),
    changed_since=st.sampled_from([None, NOW - timedelta(minutes=5), NOW - timedelta(days=10)]),
    changed_since_asked_by=st.just(("South Clinic",)),
    remind_within=st.sampled_from([None, timedelta(days=1), timedelta(days=59)]),
)
demanded = st.lists(demands, min_size=1, max_size=3).map(tuple)
announced = st.builds(Policy, demands=demanded, password=password_rules, mailbox_first=st.booleans())
policies = st.builds(
    Policy,
    demands=demanded,
    mailbox_first=st.booleans(),
    password=st.just(PasswordRule()) | password_rules,
)
facts = st.builds(
    Facts,
    now=st.just(NOW),
    attempt=attempts,
    person=st.none() | people,
    enrolled=st.lists(kinds, unique=True, max_size=5).map(tuple),
    enrollable=st.sampled_from([(), (ProofKind.TOTP,), (ProofKind.PASSKEY, ProofKind.TOTP)]),
    policy=policies,
    blocked_until=st.sampled_from([None, NOW + timedelta(minutes=1)]),
    reminder_rests=st.booleans(),
)


def _brought_to_life(given: Facts) -> Facts:
    """The same facts with an attempt that is open, unblocked and of the person's epoch."""
    epoch = given.person.epoch if given.person else None
    attempt = msgspec.structs.replace(
        given.attempt,
        state=AttemptState.OPEN,
        expires_at=NOW + timedelta(minutes=25),
        epoch=epoch,
        demands=msgspec.structs.replace(given.attempt.demands, interaction=True),
    )
    return msgspec.structs.replace(given, attempt=attempt, blocked_until=None)


live_facts = facts.map(_brought_to_life)


@st.composite
def _announcing(draw: st.DrawFn) -> Facts:
    """Facts in which an organization announces something that its member would have to do."""
    given = draw(live_facts)
    password = draw(proofs(st.just(ProofKind.PASSWORD)))
    purpose = draw(st.sampled_from([Purpose.SIGN_IN, Purpose.RENEW, Purpose.ACCEPT_INVITATION]))
    given_proofs = (*given.attempt.proofs, password, Proof(kind=ProofKind.PASSKEY, classes=_PASSKEY, at=NOW))
    person = Person(state=AccountState.ACTIVE, epoch=1, password_set_at=NOW - draw(ages))
    policy = Policy(
        demands=draw(st.just((Demand(),)) | demanded),
        password=draw(st.just(PasswordRule()) | password_rules),
        announced=draw(announced),
        announced_from=NOW + draw(ages),
    )
    attempt = msgspec.structs.replace(
        given.attempt, purpose=purpose, proofs=given_proofs, epoch=1, account_id="account", demands=Demands()
    )
    return msgspec.structs.replace(given, attempt=attempt, person=person, policy=policy)


announcing_facts = _announcing()


@st.composite
def _demanding(draw: st.DrawFn) -> Facts:
    """Facts in which a second factor is demanded or wished for, most often by somebody who has none or an app."""
    given = draw(live_facts)
    purpose = draw(st.sampled_from([Purpose.SIGN_IN, Purpose.SIGN_IN, Purpose.RENEW, Purpose.STEP_UP]))
    password = draw(proofs(st.just(ProofKind.PASSWORD)))
    others = draw(
        st.lists(proofs(st.sampled_from([ProofKind.EMAIL_CODE, ProofKind.TOTP, ProofKind.RECOVERY_CODE])), max_size=2)
    )
    has_app, has_code = draw(st.booleans()), draw(st.booleans())
    app = (ProofKind.TOTP, *((ProofKind.RECOVERY_CODE,) if has_code else ())) if has_app else ()
    demand = Demand(
        classes=2,
        kinds=draw(st.sampled_from([frozenset({ProofKind.TOTP}), frozenset({ProofKind.TOTP, ProofKind.PASSKEY})])),
        stand_ins=draw(
            st.sampled_from(
                [frozenset({ProofKind.RECOVERY_CODE}), frozenset({ProofKind.RECOVERY_CODE, ProofKind.EMAIL_CODE})]
            )
        ),
        organization="North Clinic",
    )
    policy = Policy(demands=draw(st.sampled_from([(Demand(),), (Demand(), demand)])), mailbox_first=draw(st.booleans()))
    change = draw(st.sampled_from([None, *FactorChange])) if purpose is Purpose.STEP_UP else None
    attempt = msgspec.structs.replace(
        given.attempt,
        purpose=purpose,
        proofs=(password, *others),
        marks=draw(st.frozensets(st.sampled_from([Mark.FACTOR_ENROLLED, Mark.RECOVERY_CODE_SAVED]), max_size=1)),
        epoch=1,
        account_id="account",
        demands=Demands(change=change),
    )
    return msgspec.structs.replace(
        given,
        attempt=attempt,
        person=Person(state=AccountState.ACTIVE, epoch=1, mailbox="nora*****@north****"),
        enrolled=(ProofKind.PASSWORD, *app),
        enrollable=(ProofKind.TOTP,),
        policy=policy,
    )


demanding_facts = _demanding()


@st.composite
def _reminding(draw: st.DrawFn) -> Facts:
    """Facts of a sign-in in which everything is proven and the password is about to expire."""
    given = draw(live_facts)
    days = draw(st.integers(1, 90))
    age = draw(st.timedeltas(timedelta(0), timedelta(days=days) - timedelta(microseconds=1)))
    rule = PasswordRule(
        max_age=timedelta(days=days), max_age_asked_by=("North Clinic",), remind_within=timedelta(days=90)
    )
    proof = Proof(kind=ProofKind.PASSWORD, classes=CLASSES[ProofKind.PASSWORD], at=NOW)
    attempt = msgspec.structs.replace(
        given.attempt,
        purpose=Purpose.SIGN_IN,
        proofs=(proof,),
        marks=frozenset(),
        epoch=1,
        account_id="account",
        demands=Demands(),
    )
    person = Person(state=AccountState.ACTIVE, epoch=1, password_set_at=NOW - age)
    return msgspec.structs.replace(
        given, attempt=attempt, person=person, policy=Policy(password=rule), reminder_rests=False
    )


reminding_facts = _reminding()
