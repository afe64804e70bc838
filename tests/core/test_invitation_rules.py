"""The decision about invitations: who may join, and what those learn who may not (D27)."""

from datetime import timedelta

import msgspec

from portico.accounts.model import AccountState
from portico.factors.proof import ProofKind
from portico.kernel.masks import masked_address
from portico.organizations.invitations.model import InvitationStatus
from portico.organizations.model import Role
from portico.organizations.rules import may_grant
from portico.signin.attempt import Mark
from portico.signin.decide import next_step
from portico.signin.facts import Facts
from portico.signin.steps import CreateAccount, Finished, Outcome, Refused, RefusedReason
from tests.support.drawing import ACCEPTED, INVITATION
from tests.support.fact_corpus import Draw, Family
from tests.support.generated_facts import NOW
from tests.support.properties import over


@over(Family.ACCEPTING)
def test_only_the_person_invited_joins_and_only_while_it_is_open(facts: Facts) -> None:  # D27
    step = next_step(facts)
    if not isinstance(step, Finished):
        return
    assert facts.invited is not None
    assert facts.invited.is_theirs
    assert not facts.invited.is_member
    assert facts.invited.is_open or facts.invited.invitation.accepted_at is None
    assert facts.person is not None
    assert facts.person.state is AccountState.ACTIVE
    kept = facts.attempt.session_id is not None
    assert step.outcome is (Outcome.STAMP_POLICY if kept else Outcome.OPEN_SESSION)


@over(Family.ACCEPTING)
def test_an_invitation_that_is_over_finishes_nothing(facts: Facts) -> None:  # D27
    closed = msgspec.structs.replace(facts.invited, is_open=False) if facts.invited else None
    step = next_step(msgspec.structs.replace(facts, invited=closed))
    assert not isinstance(step, Finished | CreateAccount)


@over(Family.ACCEPTING)
def test_the_mailed_link_alone_lets_no_account_in_that_was_there_before(facts: Facts) -> None:  # D27
    attempt = facts.attempt
    links = tuple(proof for proof in attempt.proofs if proof.kind is ProofKind.MAILED_LINK)
    marks = attempt.marks - {Mark.ACCOUNT_CREATED}
    alone = msgspec.structs.replace(attempt, proofs=links, marks=marks, account_id="account")
    assert not isinstance(next_step(msgspec.structs.replace(facts, attempt=alone)), Finished)


@over(Family.ACCEPTING)
def test_before_a_first_proof_nobodys_name_makes_a_difference(facts: Facts, draw: Draw) -> None:  # D27, D20
    if facts.invited is None:
        return
    theirs, member = draw.chance(50), draw.chance(50)
    unproven = msgspec.structs.replace(facts.attempt, proofs=(), epoch=None, identifier="somebody")
    one = msgspec.structs.replace(facts, attempt=unproven, person=None)
    other = msgspec.structs.replace(facts.invited, is_theirs=theirs, is_member=member)
    assert next_step(one) == next_step(msgspec.structs.replace(one, invited=other, person=facts.person))


@over(Family.ACCEPTING)
def test_an_account_is_made_for_an_open_invitation_alone(facts: Facts) -> None:  # D27
    step = next_step(facts)
    if isinstance(step, CreateAccount):
        assert facts.invited is not None
        assert facts.invited.is_open
        assert facts.attempt.account_id is None
        assert facts.attempt.proofs


@over(Family.ACCEPTING)
def test_who_is_refused_for_being_a_member_is_one(facts: Facts) -> None:  # D27
    step = next_step(facts)
    if isinstance(step, Refused) and step.reason is RefusedReason.ALREADY_MEMBER:
        assert facts.invited is not None
        assert facts.invited.is_member
        assert facts.invited.is_theirs
        assert facts.attempt.proofs


def test_roles_that_may_be_offered() -> None:  # D27
    offered = {granter: [role for role in Role if may_grant(granter, role)] for granter in Role}
    assert offered == {
        Role.MEMBER: [],
        Role.SUPPORT: [],
        Role.ADMIN: [Role.MEMBER, Role.SUPPORT],
        Role.OWNER: list(Role),
    }


def test_what_has_become_of_an_invitation() -> None:  # D27
    last = INVITATION.expires_at
    assert INVITATION.status(last - timedelta(microseconds=1)) is InvitationStatus.OPEN
    assert INVITATION.status(last) is InvitationStatus.EXPIRED
    assert ACCEPTED.status(last) is InvitationStatus.ACCEPTED
    assert msgspec.structs.replace(INVITATION, revoked_at=NOW).status(last) is InvitationStatus.REVOKED


def test_addresses_are_masked_as_in_the_article() -> None:  # D18
    assert masked_address("charlotte@emailhost.example") == "char*****@email****"
    assert masked_address("nora@vs.example") == "n*****@vs****"
    assert masked_address("nora.north@north-clinic.example") == "nora*****@north****"
    assert masked_address("a@b.example") == "a*****@b.****"
    for short, long in (("idas@x.example", "ida@x.example"), ("abcdef@clinic.example", "abcdefghijk@clinics.example")):
        assert masked_address(short) == masked_address(long)
