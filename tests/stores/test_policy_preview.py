"""Whom a version would concern, before it is saved: counted and listed by what is stored, nothing changed (D10)."""

import pytest

from portico.database.engine import Database, Transaction
from portico.factors.passkeys.factor import PasskeyFactor
from portico.factors.passkeys.model import NewPasskey, RelyingParty
from portico.kernel.chance import SystemChance
from portico.organizations.model import MemberType
from portico.organizations.policies.model import (
    Draft,
    FeatureSwitchedOff,
    MemberCounts,
    Preview,
    UnfitInstant,
    WhyAffected,
)
from portico.organizations.policies.service import PAGE
from portico.organizations.policy import Mfa, PolicyFields, SecondFactor
from portico.sessions import store as sessions
from tests.support.asking import Clinic, open_clinic
from tests.support.dump import dump
from tests.support.rows import DAY, MICROSECOND, NOW, add_device, add_session

STAFF = MemberType.STAFF
NOBODY_ACTS = MemberCounts(members=0, to_act=0, too_old=0, to_change=0, no_password=0, no_second_factor=0)


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """Nora with a password of today, Tom with one of 60 days ago, Mia without one; Olga is a patient."""
    opened = await open_clinic(database)
    await opened.join("nora", password_at=NOW)
    await opened.join("tom", password_at=NOW - 60 * DAY)
    await opened.join("mia")
    await opened.join("olga", MemberType.PATIENT, password_at=NOW - 300 * DAY)
    return opened


async def look(clinic: Clinic, fields: PolicyFields, *, in_days: int | None = None, after: str = "") -> Preview:
    """A preview for the staff: as of now, or of some day."""
    draft = Draft(
        fields=fields,
        based_on=0,
        at_once=in_days is None,
        enforced_from=None if in_days is None else NOW + in_days * DAY,
    )
    return await clinic.policies.preview(clinic.organization.id, STAFF, draft, after=after)


async def enrol(clinic: Clinic, name: str, kind: str) -> None:
    """Give somebody another credential."""

    async def body(tx: Transaction) -> None:
        await tx.execute(
            "INSERT INTO credentials (id, account_id, kind, secret, properties, version, failures, created_at, "
            "changed_at) VALUES ($1, $2, $3, $4, '{}', 1, 0, 0, 0)",
            f"{kind}-{name}",
            f"account-{name}",
            kind,
            b"secret",
        )

    await clinic.database.transact(body)


async def make_passkey(clinic: Clinic, name: str) -> None:
    """Give somebody a passkey."""
    party = RelyingParty(id="portico.example", name="Portico", origin="https://portico.example")
    factor = PasskeyFactor(party, SystemChance())
    new = NewPasskey(
        credential_id=name.encode(),
        public_key=b"",
        sign_count=0,
        backup_eligible=False,
        backed_up=False,
        aaguid="",
        transports=(),
    )

    async def body(tx: Transaction) -> None:
        made = await factor.enrol(tx, NOW, f"account-{name}", new, handle=name.encode(), name="Laptop")
        assert isinstance(made, str)

    await clinic.database.transact(body)


async def test_old_and_missing_passwords_are_counted(clinic: Clinic) -> None:  # D10
    seen = await look(clinic, PolicyFields(max_age_days=60))
    counts = MemberCounts(members=3, to_act=2, too_old=1, to_change=0, no_password=1, no_second_factor=0)
    assert (seen.at, seen.counts, seen.after) == (NOW, counts, None)
    assert [(one.account_id, one.name, one.handle, one.why) for one in seen.people] == [
        ("account-mia", "Mia Lindqvist", "mia", (WhyAffected.NO_PASSWORD,)),
        ("account-tom", "Tom Lindqvist", "tom", (WhyAffected.TOO_OLD,)),
    ]


async def test_a_password_is_too_old_on_the_very_day(clinic: Clinic) -> None:  # D10
    assert (await look(clinic, PolicyFields(max_age_days=61))).counts.too_old == 0
    assert (await look(clinic, PolicyFields(max_age_days=61), in_days=1)).counts.too_old == 1
    assert (await look(clinic, PolicyFields(max_age_days=61), in_days=61)).counts.too_old == 2


async def test_a_forced_change_concerns_everybody_with_an_older_password(clinic: Clinic) -> None:  # D10
    clinic.clock.at += MICROSECOND
    seen = await look(clinic, PolicyFields(force_change=True))
    assert (seen.counts.to_change, seen.counts.no_password, seen.counts.to_act) == (2, 1, 3)


async def test_a_change_that_was_forced_before_concerns_nobody_who_has_changed(clinic: Clinic) -> None:  # D10
    clinic.clock.at = NOW - 30 * DAY
    await clinic.save(PolicyFields(force_change=True))
    clinic.clock.at = NOW + MICROSECOND
    seen = await look(clinic, PolicyFields(force_change=True, history=6))
    assert (seen.counts.to_change, [one.handle for one in seen.people]) == (1, ["mia", "tom"])


async def test_who_has_no_fitting_second_factor_is_counted(clinic: Clinic) -> None:  # D10
    await enrol(clinic, "nora", "totp")
    await make_passkey(clinic, "mia")
    any_factor = PolicyFields(mfa=Mfa.REQUIRED)
    passkeys = PolicyFields(mfa=Mfa.REQUIRED, allowed_factors=(SecondFactor.PASSKEY,))
    assert [one.handle for one in (await look(clinic, any_factor)).people] == ["tom"]
    assert [one.handle for one in (await look(clinic, passkeys)).people] == ["nora", "tom"]
    assert (await look(clinic, PolicyFields(mfa=Mfa.OPTIONAL))).counts.to_act == 0
    both = await look(clinic, PolicyFields(mfa=Mfa.REQUIRED, max_age_days=60))
    assert [one.why for one in both.people] == [
        (WhyAffected.NO_PASSWORD,),
        (WhyAffected.TOO_OLD, WhyAffected.NO_SECOND_FACTOR),
    ]
    assert both.counts.to_act == 2


async def test_what_asks_nothing_of_anybody_concerns_nobody(clinic: Clinic) -> None:  # D10
    seen = await look(clinic, PolicyFields(session_hours=8))
    assert (seen.counts.members, seen.counts.to_act, seen.people, seen.open_sessions) == (3, 0, (), 0)


async def test_suspended_members_and_other_organizations_are_left_out(clinic: Clinic) -> None:  # D10
    other = await open_clinic(clinic.database, "South Practice")
    await other.join("priya", password_at=NOW - 300 * DAY)
    await clinic.database.transact(
        lambda tx: tx.execute("UPDATE memberships SET state = 'suspended' WHERE account_id = $1", "account-tom")
    )
    seen = await look(clinic, PolicyFields(max_age_days=60))
    assert [one.handle for one in seen.people] == ["mia"]
    assert seen.counts.members == 2
    empty = await other.policies.preview(
        other.organization.id, MemberType.GUEST, Draft(fields=PolicyFields(max_age_days=1), based_on=0, at_once=True)
    )
    assert empty.counts == NOBODY_ACTS


async def test_open_sessions_are_those_their_owners_see(clinic: Clinic) -> None:  # D10
    """One is open, one has ended, one rests too long, one is over, one is of an earlier epoch; Nora need not act."""
    database = clinic.database
    await add_device(database)
    tom = {"account_id": "account-tom"}
    await add_session(database, "open", **tom)
    await add_session(database, "resting", last_seen_at=NOW - 20 * DAY, **tom)
    await add_session(database, "over", ends_at=NOW, **tom)
    await add_session(database, "earlier", epoch=0, **tom)
    await add_session(database, "ended", **tom)
    await add_session(database, "noras")
    await database.transact(lambda tx: sessions.end_session(tx, "session-ended", "account-tom", NOW))
    seen = await look(clinic, PolicyFields(max_age_days=60))
    theirs = [await sessions.list_open(database, one.account_id, NOW) for one in seen.people]
    assert seen.open_sessions == sum(map(len, theirs)) == 1


async def test_people_come_in_pages(clinic: Clinic) -> None:  # D10
    names = [f"member-{number:03}" for number in range(PAGE + 5)]
    for name in names:
        await clinic.join(name, password_at=NOW - 100 * DAY)
    fields = PolicyFields(max_age_days=90)
    first = await look(clinic, fields)
    assert first.counts.to_act == PAGE + 6
    assert first.after == first.people[-1].account_id
    second = await look(clinic, fields, after=first.after)
    assert second.after is None
    assert [one.handle for one in (*first.people, *second.people)] == [*names, "mia"]
    assert second.counts == first.counts


async def test_a_draft_that_could_not_be_saved_is_refused_here_too(database: Database) -> None:  # D10
    clinic = await open_clinic(database, features=frozenset())
    with pytest.raises(FeatureSwitchedOff):
        await look(clinic, PolicyFields(max_age_days=60))
    with pytest.raises(UnfitInstant):
        await look(clinic, PolicyFields(session_hours=8), in_days=400)


async def test_looking_changes_nothing(clinic: Clinic) -> None:  # D10
    before = await dump(clinic.database)
    await look(clinic, PolicyFields(max_age_days=60, mfa=Mfa.REQUIRED, force_change=True))
    assert await dump(clinic.database) == before
