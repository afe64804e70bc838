"""What a new password must be: criteria that are shown above the fields and tick off as one types (D2, D3, S33).

Pure. Each criterion has a stable code; the browser ticks off the same ones by the same rules (``portico.js``), the
server decides. The maximum of 256 characters is refused before anything is hashed (D1).
"""

import re
from dataclasses import dataclass

from portico.factors.model import OwnData
from portico.factors.spelling import fold, german_fold, readings, squeeze, words
from portico.kernel.normalise import PASSWORD_MAX, password_form

PART_MIN = 4

_KINDS = {
    "upper": re.compile(r"[A-Z]"),
    "lower": re.compile(r"[a-z]"),
    "digit": re.compile(r"[0-9]"),
    "symbol": re.compile(r"[^A-Za-z0-9]"),
}


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What is asked of new passwords; the defaults are the preset ``classic`` (D2)."""

    min_length: int = 8
    composition: bool = True


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing asked: its code, and the number in its sentence."""

    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Traits:
    """What criteria ask about a password: how long it is, and the codes of the kinds of characters in it.

    They can be kept while the password itself is being hashed, to be compared with criteria that have changed by then.
    """

    length: int
    kinds: frozenset[str]


def criteria(policy: PasswordPolicy) -> tuple[Criterion, ...]:
    """What a policy asks, in the order in which it is shown."""
    kinds = _KINDS if policy.composition else ()
    return (Criterion("length", policy.min_length), *(Criterion(kind, 1) for kind in kinds))


def traits_of(form: str) -> Traits:
    """The traits of a password in the form that is hashed."""
    return Traits(len(form), frozenset(kind for kind, pattern in _KINDS.items() if pattern.search(form)))


def lacking(policy: PasswordPolicy, traits: Traits) -> tuple[str, ...]:
    """The codes of the criteria that a password of these traits does not meet."""
    return tuple(
        criterion.code
        for criterion in criteria(policy)
        if (traits.length < criterion.count if criterion.code == "length" else criterion.code not in traits.kinds)
    )


REFUSED = ("common", "own_data")
"""What every policy refuses besides, and only the server can judge; told beside the criteria, and never ticked off."""


def unmet_criteria(policy: PasswordPolicy, typed: str) -> tuple[str, ...]:
    """The codes of what a typed password does not meet; ``too_long`` and ``unwritable`` among them."""
    form = password_form(typed)
    if form is None:
        return ("too_long",) if len(typed) > PASSWORD_MAX else ("unwritable",)
    return lacking(policy, traits_of(form))


def holds_own_data(typed: str, about: OwnData, brand: str) -> bool:
    """Whether a password contains something its owner, or the deployment, is called (D2).

    Compared are the words of four letters and digits or more of names, Portico ID, brand, and of the address without
    its top-level domain; also the whole of each without separators. Capitals, accents, separators and look-alike
    characters make no difference, on either side.
    """
    passwords = [[squeeze(reading) for reading in readings(folded)] for folded in (fold(typed), german_fold(typed))]
    return any(
        part in password
        for word in _own_words(about, brand)
        for forms in passwords
        for part, password in zip(map(squeeze, readings(word)), forms, strict=True)
    )


def _own_words(about: OwnData, brand: str) -> set[str]:
    """What must not be in a password, folded in both ways."""
    local, _at, domain = about.address.rpartition("@")
    labels = domain.split(".")[:-1]
    found: set[str] = set()
    for text in (about.first_name, about.last_name, about.handle, brand, local, *labels):
        for folded in (fold(text), german_fold(text)):
            found.update((squeeze(folded), *words(folded)))
    return {word for word in found if len(word) >= PART_MIN}
