"""Every field of a policy, for people who choose: what it takes, which feature it needs, what it asks and costs.

The types and bounds are read from :class:`~portico.organizations.policy.PolicyFields` itself, so they cannot drift. The
sentences are message codes: ``policy.field.<field>``, and ``policy.cost.<field>`` or ``policy.cost.<field>.<value>``.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import inspect

from portico.organizations.model import Feature
from portico.organizations.policy import (
    MFA_FIELDS,
    NOTHING_ASKED,
    PASSWORD_FIELDS,
    PolicyFields,
)


class FieldKind(StrEnum):
    """What kind of value a field takes."""

    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    NUMBERS = "numbers"
    CHOICES = "choices"


class FieldInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One field. ``may_be_off``: it also takes null, which asks nothing. ``items``: how many a list may have."""

    name: str
    kind: FieldKind
    default: Any
    may_be_off: bool
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    items: int | None = None
    feature: Feature | None = None
    costs: Mapping[str, str] = {}
    """What it costs: message codes by value, one under the empty value where it is the same for all."""

    @property
    def asks(self) -> str:
        """The message code of what it asks."""
        return f"policy.field.{self.name}"


_COSTS_BY_VALUE = {"mfa": ("optional", "required"), "enrolment_proof": ("mailbox", "password")}


def _info(field: inspect.Field) -> FieldInfo:
    shape = field.type
    may_be_off = isinstance(shape, inspect.UnionType)
    if isinstance(shape, inspect.UnionType):
        shape = next(one for one in shape.types if not isinstance(one, inspect.NoneType))
    values = _COSTS_BY_VALUE.get(field.name)
    costs = {value: f"policy.cost.{field.name}.{value}" for value in values} if values else None
    return FieldInfo(
        name=field.name,
        default=getattr(NOTHING_ASKED, field.name),
        may_be_off=may_be_off,
        feature=_feature(field.name),
        costs=costs or {"": f"policy.cost.{field.name}"},
        **_shape(shape),
    )


def _shape(shape: inspect.Type) -> dict[str, Any]:
    match shape:
        case inspect.BoolType():
            return {"kind": FieldKind.FLAG}
        case inspect.IntType(ge=minimum, le=maximum):
            return {"kind": FieldKind.NUMBER, "minimum": minimum, "maximum": maximum}
        case inspect.EnumType(cls=choices):
            return {"kind": FieldKind.CHOICE, "choices": tuple(choice.value for choice in choices)}
        case inspect.VarTupleType(item_type=inspect.IntType(ge=minimum, le=maximum), max_length=items):
            return {"kind": FieldKind.NUMBERS, "minimum": minimum, "maximum": maximum, "items": items}
        case inspect.VarTupleType(item_type=inspect.EnumType(cls=choices), max_length=items):
            return {"kind": FieldKind.CHOICES, "choices": tuple(choice.value for choice in choices), "items": items}
        case _:
            raise TypeError(shape)


def _feature(name: str) -> Feature | None:
    if name in PASSWORD_FIELDS:
        return Feature.PASSWORD_ENFORCEMENT
    return Feature.MFA if name in MFA_FIELDS else None


def _list_fields() -> tuple[FieldInfo, ...]:
    shape = inspect.type_info(PolicyFields)
    if not isinstance(shape, inspect.StructType):
        raise TypeError(shape)
    return tuple(_info(field) for field in shape.fields)


FIELDS = _list_fields()
"""All fields, in their order."""
