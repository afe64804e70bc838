"""The tree of faults: stable codes, a status, and sentences in every language for each, wherever it is defined."""

import importlib
import pkgutil
from datetime import timedelta

import pytest

import portico
from portico.ground import PACKAGE
from portico.kernel import errors
from portico.kernel.errors import Busy, Misconfigured, PorticoError, Throttled
from portico.kernel.messages import PSEUDO, Catalogues, Message
from portico.mail.transports import DeliveryFailed
from portico.web.errors import STATUSES, error_texts, status_of

CODES = {
    "PorticoError": "fault",
    "BadInput": "bad_input",
    "TooLarge": "too_large",
    "TooSlow": "too_slow",
    "NotSignedIn": "not_signed_in",
    "NotAllowed": "not_allowed",
    "ForeignRequest": "foreign_request",
    "NotFound": "not_found",
    "Conflict": "conflict",
    "NothingToHandOff": "nothing_to_hand_off",
    "Throttled": "throttled",
    "Busy": "busy",
    "Misconfigured": "misconfigured",
    "InteractionRequired": "interaction_required",
    "LinkGone": "link_gone",
    "SecurityLinkGone": "security_link_gone",
    "SignUpClosed": "sign_up_closed",
    "AccountUnusable": "account_unusable",
    "NameTaken": "organization_name_taken",
    "OrganizationSuspended": "organization_suspended",
    "LastOwner": "last_owner",
    "OwnersOnly": "owners_only",
    "NotManaged": "not_managed",
    "NotOnOneself": "not_on_oneself",
    "NothingToDo": "nothing_to_do",
    "PublicDomain": "public_domain",
    "DomainTaken": "domain_taken",
    "TooManyDomains": "too_many_domains",
    "UnknownPolicyField": "policy_field_unknown",
    "UnfitPolicyValue": "policy_value_unfit",
    "FeatureSwitchedOff": "policy_feature_off",
    "NoBreachSource": "policy_no_breach_source",
    "PolicyFieldsClash": "policy_fields_clash",
    "UnfitInstant": "policy_instant_unfit",
    "PolicyChanged": "policy_changed",
    "NothingToWithdraw": "policy_nothing_to_withdraw",
    "AskedMoreMeanwhile": "password_asked_more",
    "ChangedMeanwhile": "password_changed_meanwhile",
    "AlreadyMember": "already_member",
    "MemberSuspended": "member_suspended",
    "InvitationOver": "invitation_over",
    "InvitationGone": "invitation_gone",
    "InvitedAnother": "invited_another",
    "TransactionSuspended": "fault",
    "LeaseLost": "fault",
    "DeliveryFailed": "delivery_failed",
}
"""Programs read these: a code that is changed or taken away breaks them."""
CATALOGUES = Catalogues(PACKAGE / "locale")


def every_fault() -> list[type[PorticoError]]:
    """Every class of the tree, wherever in the package it is defined."""
    for module in pkgutil.walk_packages(portico.__path__, "portico."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, left = [], [PorticoError]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    return sorted({kind for kind in found if kind.__module__.startswith("portico.")}, key=lambda kind: kind.__name__)


FAULTS = [kind for kind in every_fault() if not kind.__name__.startswith("_")]
SPOKEN = [kind for kind in FAULTS if kind.code != "fault" or kind is PorticoError]


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_every_fault_keeps_its_code(kind: type[PorticoError]) -> None:
    assert CODES.get(kind.__name__) == kind.code, f"{kind.__name__} is new or renamed: {kind.code}"


def test_no_code_has_gone() -> None:
    assert set(CODES) == {kind.__name__ for kind in FAULTS}
    assert len({kind.code for kind in SPOKEN}) == len(SPOKEN)


@pytest.mark.parametrize("language", [*CATALOGUES.languages(), PSEUDO])
@pytest.mark.parametrize("kind", SPOKEN, ids=lambda kind: kind.__name__)
def test_every_fault_says_what_happened_and_what_to_do_next(kind: type[PorticoError], language: str) -> None:
    given: dict[str, str | int] = {"seconds": 30, "brand": "Portico", "field": "x"}
    given |= {"other": "y", "feature": "mfa", "days": 365, "number": 3, "by": "Nora", "at": "2026-05-04 09:00 UTC"}
    for code in (f"error.{kind.code}", f"error.{kind.code}.next"):
        text = CATALOGUES.text(Message(code, given), language)
        assert text != code, f"{code} has no words in {language}"
        assert code not in text
        assert "{" not in text


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_every_fault_has_a_status_of_its_own_or_of_the_class_above(kind: type[PorticoError]) -> None:
    assert status_of(kind.__new__(kind)) in set(STATUSES.values())


def test_new_faults_of_a_feature_are_four_hundreds() -> None:
    """A fault that a caller can bring about is never our fault; a mail that is not taken never reaches a caller."""
    ours = {PorticoError, Misconfigured, Busy, DeliveryFailed}
    for kind in SPOKEN:
        if kind not in ours:
            assert 400 <= status_of(kind.__new__(kind)) < 500, kind


@pytest.mark.parametrize("kind", [Throttled, Busy])
@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        (timedelta(0), 1),
        (timedelta(seconds=-5), 1),
        (timedelta(microseconds=1), 1),
        (timedelta(seconds=1), 1),
        (timedelta(seconds=1, microseconds=1), 2),
        (timedelta(minutes=10), 600),
    ],
)
def test_come_back_is_told_in_whole_seconds_never_too_early(
    kind: type[Throttled | Busy], span: timedelta, seconds: int
) -> None:
    fault = kind(span)
    assert fault.params == {"seconds": seconds}
    assert fault.retry_after == span


def test_the_detail_is_for_the_log_and_not_among_what_people_see() -> None:
    fault = errors.BadInput("the secret reason", field="address")
    assert str(fault) == "the secret reason"
    assert fault.params == {"field": "address"}
    what, then = error_texts(fault)
    assert (what.code, then.code) == ("error.bad_input", "error.bad_input.next")
    assert "secret" not in CATALOGUES.text(what, "en") + CATALOGUES.text(then, "en")
    assert str(errors.NotFound()) == "not_found"
