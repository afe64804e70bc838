"""What is asked of a member, in sentences: a message for each field that asks for anything."""

from typing import Any

from portico.kernel.messages import Message
from portico.organizations.folding import Asked, FoldedPolicy
from portico.organizations.policy import NOTHING_ASKED, Mfa, PolicyFields, SecondFactor

_COUNTED = ("max_age_days", "history", "min_length", "trusted_device_days", "session_hours", "idle_hours")
_IN_ORDER = PolicyFields.__struct_fields__


def list_asks(fields: PolicyFields) -> list[Message]:
    """One sentence for each field that asks for anything, in the order of the fields."""
    return [
        sentence
        for name in _IN_ORDER
        if _counts(name, fields.mfa, trusts=fields.trusted_device)
        and (sentence := _sentence(name, getattr(fields, name))) is not None
    ]


def list_folded(folded: FoldedPolicy) -> list[tuple[Message, tuple[str, ...]]]:
    """What several organizations ask in the end, each sentence with the names of those whose word it is."""
    found = []
    for name in _IN_ORDER:
        asked = getattr(folded, name, None)
        if (
            not isinstance(asked, Asked)
            or not asked.organizations
            or not _counts(name, folded.mfa.value, trusts=folded.trusted_device.value)
        ):
            continue
        sentence = _sentence(name, asked.value)
        if sentence is not None:
            found.append((sentence, asked.organizations))
    return found


def _counts(name: str, mfa: Mfa, *, trusts: bool) -> bool:
    """Whether a field says anything: about second factors where one is wanted, about trust where there is any."""
    if name == "trusted_device_days" and not trusts:
        return False
    is_about_mfa = name in {"allowed_factors", "email_code", "trusted_device", "trusted_device_days", "enrolment_proof"}
    return not is_about_mfa or mfa is not Mfa.OFF


def _sentence(name: str, value: Any) -> Message | None:
    """What a field asks with this value; None if it asks nothing."""
    if name == "allowed_factors":
        return None if len(value) == len(SecondFactor) else Message(f"policy.asks.allowed_factors.{value[0].value}", {})
    if value == getattr(NOTHING_ASKED, name):
        return None
    if name == "reminder_days":
        return Message("policy.asks.reminder_days", {"days": ", ".join(str(day) for day in value)})
    if name in _COUNTED:
        return Message(f"policy.asks.{name}", {"count": value})
    if name in {"mfa", "enrolment_proof"}:
        return Message(f"policy.asks.{name}.{value.value}", {})
    return Message(f"policy.asks.{name}", {})
