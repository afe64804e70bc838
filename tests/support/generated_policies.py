"""Hypothesis strategies for policies: whatever may be asked, by whom and since when; versions as they may follow."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from portico.organizations.folding import AskedBy
from portico.organizations.model import Belonging, Feature, MemberType
from portico.organizations.policies.store import StandingVersion
from portico.organizations.policy import EnrolmentProof, Mfa, PolicyFields, PolicyVersion, SecondFactor

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
NAMES = tuple(f"Clinic {letter}" for letter in "ABCDEFGHIJ")

instants = st.integers(-30, 30).map(lambda days: NOW + timedelta(days=days))
hours = st.none() | st.integers(1, 8_760)
policy_fields = st.builds(
    PolicyFields,
    max_age_days=st.none() | st.integers(1, 365),
    history=st.integers(0, 24),
    reminder_days=st.lists(st.integers(1, 90), max_size=5).map(tuple),
    min_length=st.integers(8, 64),
    composition=st.booleans(),
    breach_check=st.booleans(),
    force_change=st.booleans(),
    mfa=st.sampled_from(Mfa),
    allowed_factors=st.lists(st.sampled_from(SecondFactor), min_size=1, max_size=2).map(tuple),
    email_code=st.booleans(),
    trusted_device=st.booleans(),
    trusted_device_days=st.none() | st.integers(1, 365),
    enrolment_proof=st.sampled_from(EnrolmentProof),
    session_hours=hours,
    idle_hours=hours,
)
features = st.frozensets(st.sampled_from(Feature))
own_fields = st.builds(PolicyFields, min_length=st.integers(1, 20), composition=st.booleans())
"""What a deployment asks of everybody, as its settings say it."""


@st.composite
def askings(draw: st.DrawFn, max_size: int = 6) -> list[AskedBy]:
    """What several organizations ask, each by a name of its own."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=max_size))
    return [
        AskedBy(organization=name, fields=draw(policy_fields), since=draw(instants), asked_at=draw(instants))
        for name in names
    ]


@st.composite
def version_rows(
    draw: st.DrawFn, organization_id: str = "clinic", member_type: MemberType = MemberType.STAFF, max_size: int = 6
) -> list[PolicyVersion]:
    """Versions numbered from 1 on, for any instants, in any order."""
    count = draw(st.integers(0, max_size))
    made = [
        PolicyVersion(
            organization_id=organization_id,
            member_type=member_type,
            number=number,
            fields=PolicyFields(min_length=8 + number),
            rehearsal=draw(st.sampled_from([False, False, True])),
            enforced_from=draw(instants),
            created_at=NOW,
        )
        for number in range(1, count + 1)
    ]
    return draw(st.permutations(made))


@st.composite
def standings(draw: st.DrawFn) -> tuple[list[StandingVersion], list[Belonging]]:
    """Versions of up to three organizations, and how somebody belongs to them."""
    found: list[StandingVersion] = []
    belongings: list[Belonging] = []
    for name in draw(st.lists(st.sampled_from(NAMES[:3]), unique=True)):
        switched = draw(features)
        for member_type in (MemberType.STAFF, MemberType.PATIENT):
            rows = draw(version_rows(name, member_type, max_size=3))
            found += [StandingVersion(row, name, switched) for row in rows]
        belongings.append(Belonging(name, draw(st.sampled_from([MemberType.STAFF, MemberType.PATIENT]))))
    return found, belongings
