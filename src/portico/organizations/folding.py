"""Folding: what several organizations ask together of one person, and who asks for what (D9). Pure.

Adding an organization may only tighten. Of each field the stricter wins; who asks for the value that won is kept
beside it, so that every page that demands something can say which organization asks. What may serve as a second factor
is never intersected: each organization's own set has to be met (:class:`FactorDemand`), so no two of them can leave
somebody without any.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from portico.organizations.policy import NOTHING_ASKED, EnrolmentProof, Mfa, PolicyFields, SecondFactor

T = TypeVar("T")


class Asked(msgspec.Struct, Generic[T], frozen=True):
    """A value, and the names of the organizations that ask for it; none where it is the deployment's own."""

    value: T
    organizations: tuple[str, ...] = ()


class AskedBy(msgspec.Struct, frozen=True, kw_only=True):
    """What one organization asks, by its name.

    ``since`` is from when on it is enforced, ``asked_at`` when it was made known: whoever changes a password in between
    need not do so again (``force_change``).
    """

    organization: str
    fields: PolicyFields
    since: datetime
    asked_at: datetime


class FactorDemand(msgspec.Struct, frozen=True, kw_only=True):
    """That an organization demands a second factor, and which ones it takes."""

    organization: str
    allowed: tuple[SecondFactor, ...]


class FoldedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a person in the end. ``changed_since``: a password from before has to be changed."""

    max_age_days: Asked[int | None] = Asked(None)
    history: Asked[int] = Asked(0)
    reminder_days: Asked[tuple[int, ...]] = Asked(())
    min_length: Asked[int] = Asked(8)
    composition: Asked[bool] = Asked(value=False)
    breach_check: Asked[bool] = Asked(value=False)
    changed_since: Asked[datetime | None] = Asked(None)
    mfa: Asked[Mfa] = Asked(Mfa.OFF)
    factor_demands: tuple[FactorDemand, ...] = ()
    email_code: Asked[bool] = Asked(value=True)
    trusted_device: Asked[bool] = Asked(value=True)
    trusted_device_days: Asked[int | None] = Asked(None)
    enrolment_proof: Asked[EnrolmentProof] = Asked(EnrolmentProof.MAILBOX)
    session_hours: Asked[int | None] = Asked(None)
    idle_hours: Asked[int | None] = Asked(None)


_MFA_RANKS = {mfa: rank for rank, mfa in enumerate(Mfa)}


def fold(asked: Iterable[AskedBy], own: PolicyFields) -> FoldedPolicy:
    """Everything together. ``own`` is what the deployment asks of everybody; the order of ``asked`` does not matter."""
    all_asked = sorted(asked, key=lambda one: one.organization)
    with_mfa = [one for one in all_asked if one.fields.mfa is not Mfa.OFF]
    return FoldedPolicy(
        max_age_days=_least("max_age_days", own, all_asked),
        history=_greatest("history", own, all_asked),
        reminder_days=_union(all_asked),
        min_length=_greatest("min_length", own, all_asked),
        composition=_any("composition", own, all_asked),
        breach_check=_any("breach_check", own, all_asked),
        changed_since=_latest_change(all_asked),
        mfa=_mfa(own, with_mfa),
        factor_demands=tuple(
            FactorDemand(organization=one.organization, allowed=one.fields.allowed_factors)
            for one in with_mfa
            if one.fields.mfa is Mfa.REQUIRED
        ),
        email_code=_all("email_code", own, with_mfa),
        trusted_device=_all("trusted_device", own, with_mfa),
        trusted_device_days=_least("trusted_device_days", own, with_mfa),
        enrolment_proof=_enrolment_proof(own, with_mfa),
        session_hours=_least("session_hours", own, all_asked),
        idle_hours=_least("idle_hours", own, all_asked),
    )


def _won(values: Sequence[tuple[Any, str]], own: Any, choose: Callable[[Iterable[Any]], Any]) -> Asked[Any]:
    """The value that wins, and who asks for it; where nobody asks for more than the deployment, it is its own."""
    best = choose([own, *(value for value, _ in values)])
    if best == own:
        return Asked(own)
    return Asked(best, tuple(name for value, name in values if value == best))


def _least(name: str, own: PolicyFields, asked: Sequence[AskedBy]) -> Asked[int | None]:
    """The least number; None means no limit."""
    limit = getattr(own, name)
    values = [(value, one.organization) for one in asked if (value := getattr(one.fields, name)) is not None]
    if limit is None:
        if not values:
            return Asked(None)
        least = min(value for value, _ in values)
        return Asked(least, tuple(organization for value, organization in values if value == least))
    return _won(values, limit, min)


def _greatest(name: str, own: PolicyFields, asked: Sequence[AskedBy]) -> Asked[int]:
    """The greatest number; the least there is asks nothing, even where the deployment's own is less."""
    nothing = getattr(NOTHING_ASKED, name)
    values = [(value, one.organization) for one in asked if (value := getattr(one.fields, name)) > nothing]
    return _won(values, getattr(own, name), max)


def _any(name: str, own: PolicyFields, asked: Sequence[AskedBy]) -> Asked[bool]:
    """On where anybody wants it on."""
    return _won([(getattr(one.fields, name), one.organization) for one in asked], getattr(own, name), any)


def _all(name: str, own: PolicyFields, asked: Sequence[AskedBy]) -> Asked[bool]:
    """Off where anybody wants it off."""
    return _won([(getattr(one.fields, name), one.organization) for one in asked], getattr(own, name), all)


def _union(asked: Sequence[AskedBy]) -> Asked[tuple[int, ...]]:
    """The days of everybody whose passwords expire, the earliest reminder first."""
    reminding = [one for one in asked if one.fields.max_age_days is not None and one.fields.reminder_days]
    days = {day for one in reminding for day in one.fields.reminder_days}
    return Asked(tuple(sorted(days, reverse=True)), tuple(one.organization for one in reminding))


def _latest_change(asked: Sequence[AskedBy]) -> Asked[datetime | None]:
    """The latest instant at which somebody asked for all passwords to be changed."""
    values = [(one.asked_at, one.organization) for one in asked if one.fields.force_change]
    if not values:
        return Asked(None)
    latest = max(since for since, _ in values)
    return Asked(latest, tuple(organization for since, organization in values if since == latest))


def _mfa(own: PolicyFields, asked: Sequence[AskedBy]) -> Asked[Mfa]:
    values = [(one.fields.mfa, one.organization) for one in asked]
    return _won(values, own.mfa, lambda found: max(found, key=_MFA_RANKS.__getitem__))


def _enrolment_proof(own: PolicyFields, asked: Sequence[AskedBy]) -> Asked[EnrolmentProof]:
    """The mailbox where anybody wants it. Where nobody wants a second factor, what the deployment says."""
    if not asked:
        return Asked(own.enrolment_proof)
    wanting = tuple(one.organization for one in asked if one.fields.enrolment_proof is EnrolmentProof.MAILBOX)
    if wanting:
        return Asked(EnrolmentProof.MAILBOX, wanting)
    return Asked(EnrolmentProof.PASSWORD, tuple(one.organization for one in asked))
