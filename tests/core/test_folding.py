"""What several organizations ask together: order never matters, adding one never loosens, reasons name who won (D9)."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.organizations.folding import Asked, AskedBy, FoldedPolicy, fold
from portico.organizations.model import Feature
from portico.organizations.policy import (
    MFA_FIELDS,
    NOTHING_ASKED,
    PASSWORD_FIELDS,
    EnrolmentProof,
    Mfa,
    PolicyFields,
    Preset,
    SecondFactor,
    allowed_by,
    preset_fields,
)
from tests.support.amounts import FEWER
from tests.support.generated_policies import NOW, askings, features, own_fields, policy_fields

RANKS = list(Mfa)
NEVER = 10**9


def least(value: int | None) -> int:
    """A limit as a number; the less the stricter."""
    return NEVER if value is None else value


STRICTNESS: dict[str, Callable[[Any], Any]] = {
    "max_age_days": lambda value: -least(value),
    "history": int,
    "min_length": int,
    "composition": bool,
    "breach_check": bool,
    "changed_since": lambda value: value.timestamp() if value else float("-inf"),
    "mfa": RANKS.index,
    "email_code": lambda value: not value,
    "trusted_device": lambda value: not value,
    "trusted_device_days": lambda value: -least(value),
    "session_hours": lambda value: -least(value),
    "idle_hours": lambda value: -least(value),
}
"""How strict a value is, for each field where one value can be stricter than another: the greater the stricter."""
SETS = ("reminder_days", "factor_demands")
APART = ("enrolment_proof",)
WITH_MFA = frozenset({"email_code", "trusted_device", "trusted_device_days", "enrolment_proof"})
"""Fields that say nothing while an organization has MFA off."""


def test_every_field_is_looked_at() -> None:
    assert {*STRICTNESS, *SETS, *APART} == set(FoldedPolicy.__struct_fields__)


@FEWER
@given(askings(), own_fields, st.data())
def test_the_order_of_organizations_never_matters(  # D9
    asked: list[AskedBy], own: PolicyFields, data: st.DataObject
) -> None:
    assert fold(data.draw(st.permutations(asked)), own) == fold(asked, own)


@FEWER
@given(askings(), own_fields, policy_fields)
def test_adding_an_organization_never_loosens_anything(  # D9
    asked: list[AskedBy], own: PolicyFields, added: PolicyFields
) -> None:
    """``enrolment_proof`` asks something only where somebody wants a second factor: from there on it never loosens."""
    newcomer = AskedBy(organization="Another", fields=added, since=NOW, asked_at=NOW)
    before, after = fold(asked, own), fold([*asked, newcomer], own)
    for name, strictness in STRICTNESS.items():
        assert strictness(getattr(after, name).value) >= strictness(getattr(before, name).value), name
    assert set(before.reminder_days.value) <= set(after.reminder_days.value)
    assert set(before.factor_demands) <= set(after.factor_demands)
    if before.mfa.value is not Mfa.OFF and before.enrolment_proof.value is EnrolmentProof.MAILBOX:
        assert after.enrolment_proof.value is EnrolmentProof.MAILBOX


@FEWER
@given(askings(), own_fields)
def test_nobody_is_asked_less_than_the_deployment_asks(asked: list[AskedBy], own: PolicyFields) -> None:  # D9
    alone, together = fold([], own), fold(asked, own)
    for name, strictness in STRICTNESS.items():
        assert strictness(getattr(together, name).value) >= strictness(getattr(alone, name).value), name
        assert getattr(alone, name).organizations == ()


@FEWER
@given(askings(), own_fields)
def test_reasons_name_exactly_those_whose_value_won(asked: list[AskedBy], own: PolicyFields) -> None:  # D9
    folded = fold(asked, own)
    for name in STRICTNESS.keys() - {"changed_since"}:
        won: Asked[Any] = getattr(folded, name)
        counted = [one for one in asked if name not in WITH_MFA or one.fields.mfa is not Mfa.OFF]
        wanting = sorted(one.organization for one in counted if getattr(one.fields, name) == won.value)
        surpassed = won.value != getattr(own, name)
        assert list(won.organizations) == (wanting if surpassed else []), name
        assert not surpassed or wanting, name
    forcing = [one for one in asked if one.fields.force_change]
    latest = max((one.asked_at for one in forcing), default=None)
    assert folded.changed_since.value == latest
    assert set(folded.changed_since.organizations) == {one.organization for one in forcing if one.asked_at == latest}
    reminding = [one for one in asked if one.fields.max_age_days and one.fields.reminder_days]
    assert set(folded.reminder_days.organizations) == {one.organization for one in reminding}
    assert set(folded.reminder_days.value) == {day for one in reminding for day in one.fields.reminder_days}
    assert list(folded.reminder_days.value) == sorted(folded.reminder_days.value, reverse=True)


@FEWER
@given(askings(), own_fields)
def test_the_mailbox_wins_among_those_who_want_a_second_factor(asked: list[AskedBy], own: PolicyFields) -> None:  # D9
    folded = fold(asked, own).enrolment_proof
    wanting = [one for one in asked if one.fields.mfa is not Mfa.OFF]
    mailbox = [one for one in wanting if one.fields.enrolment_proof is EnrolmentProof.MAILBOX]
    if not wanting:
        assert folded == Asked(own.enrolment_proof)
    elif mailbox:
        assert folded.value is EnrolmentProof.MAILBOX
        assert set(folded.organizations) == {one.organization for one in mailbox}
    else:
        assert folded.value is EnrolmentProof.PASSWORD
        assert set(folded.organizations) == {one.organization for one in wanting}


@FEWER
@given(askings(), own_fields)
def test_each_organization_keeps_its_own_set_of_factors(asked: list[AskedBy], own: PolicyFields) -> None:  # D9
    demands = {demand.organization: demand.allowed for demand in fold(asked, own).factor_demands}
    requiring = {one.organization: one.fields.allowed_factors for one in asked if one.fields.mfa is Mfa.REQUIRED}
    assert demands == requiring
    assert all(demands.values())


@FEWER
@given(askings(), own_fields, features)
def test_a_feature_that_is_switched_off_asks_nothing(  # D27
    asked: list[AskedBy], own: PolicyFields, switched: frozenset[Feature]
) -> None:
    filtered = [
        AskedBy(
            organization=one.organization,
            fields=allowed_by(one.fields, switched),
            since=one.since,
            asked_at=one.asked_at,
        )
        for one in asked
    ]
    folded, everything, nothing = fold(filtered, own), fold(asked, own), fold([], own)
    kept = {"session_hours", "idle_hours"}
    kept |= set(PASSWORD_FIELDS) if Feature.PASSWORD_ENFORCEMENT in switched else set()
    kept |= set(MFA_FIELDS) if Feature.MFA in switched else set()
    of_field = {"changed_since": "force_change", "factor_demands": "allowed_factors"}
    for name in FoldedPolicy.__struct_fields__:
        expected = everything if of_field.get(name, name) in kept else nothing
        assert getattr(folded, name) == getattr(expected, name), name


@FEWER
@given(policy_fields)
def test_with_both_features_everything_counts(fields: PolicyFields) -> None:  # D27
    assert allowed_by(fields, frozenset(Feature)) == fields


def test_the_least_length_asks_nothing_even_where_the_deployment_asks_less() -> None:
    own = PolicyFields(min_length=4)
    asked = AskedBy(organization="North Clinic", fields=NOTHING_ASKED, since=NOW, asked_at=NOW)
    assert fold([asked], own).min_length == Asked(4)


@pytest.mark.parametrize(("mfa", "length"), [(Mfa.OFF, 15), (Mfa.OPTIONAL, 15), (Mfa.REQUIRED, 8)])
def test_the_standard_asks_for_fifteen_or_eight_beside_a_second_factor(mfa: Mfa, length: int) -> None:  # D2
    fields = preset_fields(Preset.NIST, mfa=mfa)
    assert (fields.min_length, fields.composition, fields.max_age_days) == (length, False, None)
    assert fields.breach_check
    assert not fields.email_code


def test_the_presets_ask_what_their_names_promise() -> None:  # D2, D9
    classic, strict = preset_fields(Preset.CLASSIC), preset_fields(Preset.STRICT)
    assert (classic.max_age_days, classic.history, classic.reminder_days) == (60, 6, (10, 3, 1))
    assert (classic.min_length, classic.composition, classic.email_code) == (8, True, True)
    assert (strict.mfa, strict.allowed_factors, strict.email_code) == (Mfa.REQUIRED, (SecondFactor.PASSKEY,), False)
    nist = preset_fields(Preset.NIST, mfa=Mfa.REQUIRED)
    together = fold(
        [AskedBy(organization=str(one), fields=one, since=NOW, asked_at=NOW) for one in (classic, nist, strict)],
        NOTHING_ASKED,
    )
    assert together.min_length.value == 15
    assert together.max_age_days.value == 60
