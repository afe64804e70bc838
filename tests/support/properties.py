"""Holding a property against every member of the corpus, and saying plainly which one it does not hold for.

A property takes facts, and a ``Draw`` (``tests/support/fact_corpus``) if it needs something beside them: another
person, another demand. It raises AssertionError where it does not hold. What failed is then made small, by putting the
default in place of each field and leaving out parts as long as it still fails; the seed and the place in the corpus
tell it again: with ``FACTS_SEED=<seed>`` every run draws the same facts.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from portico.signin.facts import Facts
from tests.support.fact_corpus import SEED, SEED_VARIABLE, Case, Family, corpus

Property: TypeAlias = Callable[..., None]
_MOST_TRIES = 5_000
_AS_IT_IS = frozenset({"classes", "kinds"})
"""What is never left out: a proof without a class is none, and a demand that takes anything is another."""


def over(*families: Family) -> Callable[[Property], Callable[[], None]]:
    """A test that a property holds for all facts of these families; of all there are, if none is named."""

    def decorate(holds: Property) -> Callable[[], None]:
        wants_draw = len(inspect.signature(holds).parameters) > 1

        def try_one(case: Case, facts: Facts) -> None:
            holds(facts, case.beside()) if wants_draw else holds(facts)

        def test() -> None:
            for family in families or tuple(Family):
                for case in corpus(family):
                    try:
                        try_one(case, case.facts)
                    except Exception as failure:  # noqa: BLE001 - whatever is wrong is the finding
                        raise AssertionError(_told(case, try_one, failure)) from None

        for name in functools.WRAPPER_ASSIGNMENTS:
            if name not in ("__annotations__", "__type_params__"):  # pytest would take parameters for fixtures
                setattr(test, name, getattr(holds, name))
        return test

    return decorate


def with_attempt(facts: Facts, **changes: object) -> Facts:
    """The same facts with a changed attempt."""
    return replace(facts, attempt=replace(facts.attempt, **changes))


def _told(case: Case, try_one: Callable[[Case, Facts], None], failure: Exception) -> str:
    """Which facts a property does not hold for, made small, and why."""

    def find_failure(facts: Facts) -> Exception | None:
        try:
            try_one(case, facts)
        except Exception as found:  # noqa: BLE001 - whatever is wrong is the finding
            return found
        return None

    small = minimised(case.facts, lambda facts: type(find_failure(facts)) is type(failure))
    found = find_failure(small) or failure
    where = f"{SEED_VARIABLE}={SEED}, {case.family} {case.number}"
    return f"{where}: {type(found).__name__}: {found}\nfor {written(small)}"


def minimised(facts: Facts, fails: Callable[[Facts], bool]) -> Facts:
    """The same facts with as much left out as can be while they still fail."""
    tries, is_smaller = 0, True
    while is_smaller and tries < _MOST_TRIES:
        is_smaller = False
        for candidate in _simpler(facts):
            tries += 1
            if fails(candidate):
                facts, is_smaller = candidate, True
                break
    return facts


def written(value: object) -> str:
    """A value, without what is as it is by default."""
    if isinstance(value, msgspec.Struct):
        told = [
            f"{field.name}={written(getattr(value, field.name))}"
            for field in msgspec.structs.fields(value)
            if getattr(value, field.name) != _default(field)
        ]
        return f"{type(value).__name__}({', '.join(told)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(written, value))})"
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(written, value))) + "}"
    return str(value)


def _simpler(value: Any) -> Iterator[Any]:
    """Values that are a little simpler than this one."""
    if isinstance(value, msgspec.Struct):
        yield from _simpler_structs(value)
    elif isinstance(value, tuple):
        for place, part in enumerate(value):
            yield (*value[:place], *value[place + 1 :])
            for smaller in _simpler(part):
                yield (*value[:place], smaller, *value[place + 1 :])
    elif isinstance(value, frozenset):
        for part in value:
            yield value - {part}


def _simpler_structs(value: msgspec.Struct) -> Iterator[msgspec.Struct]:
    for field in msgspec.structs.fields(value):
        present, default = getattr(value, field.name), _default(field)
        if field.name in _AS_IT_IS:
            continue
        if default is not msgspec.NODEFAULT and present != default:
            yield replace(value, **{field.name: default})
        for smaller in _simpler(present):
            yield replace(value, **{field.name: smaller})


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
