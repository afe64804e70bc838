"""The guide to policies names every field and every preset as the code has them."""

from collections.abc import Iterator
from typing import Any

from portico.ground import PACKAGE
from portico.kernel.messages import DEFAULT_LANGUAGE, Catalogues, message
from portico.organizations.policies.reference import FIELDS, FieldInfo, FieldKind
from portico.organizations.policies.rules import list_changes
from portico.organizations.policy import NOTHING_ASKED, Preset, preset_fields
from tests.architecture.source import ROOT

GUIDE = ROOT / "docs" / "operating" / "policies.md"
CATALOGUES = Catalogues(PACKAGE / "locale")


def said(code: str) -> str:
    """The English sentence of a code."""
    return CATALOGUES.text(message(code), DEFAULT_LANGUAGE)


def written(value: Any) -> str:
    """A value as it is typed."""
    if value is None or value is False or value == ():
        return "off"
    if value is True:
        return "on"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def takes(info: FieldInfo) -> str:
    """What a field takes."""
    if info.kind is FieldKind.FLAG:
        return "on, off"
    what = ", ".join(info.choices) or f"{info.minimum} to {info.maximum}"
    many = f"up to {info.items} of: " if info.items else ""
    return f"{many}{what}{', off' if info.may_be_off else ''}"


def field_rows() -> Iterator[str]:
    """The rows of the table of fields."""
    for info in FIELDS:
        costs = " ".join(f"{f'*{value}*: ' if value else ''}{said(code)}" for value, code in info.costs.items())
        feature = f"`{info.feature.value}`" if info.feature else ""
        cells = (f"`{info.name}`", takes(info), written(info.default), feature, said(info.asks), costs)
        yield f"| {' | '.join(cells)} |"


def preset_rows() -> Iterator[str]:
    """The rows of the table of presets."""
    for preset in Preset:
        changes = list_changes(NOTHING_ASKED, preset_fields(preset))
        fields = " ".join(f"`{change.field}={written(change.after)}`" for change in changes)
        yield f"| `{preset.value}` | {said(f'policy.preset.{preset.value}')} | {fields} |"


def test_the_guide_has_every_field_and_preset_as_it_is() -> None:  # D9
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert rows == [*field_rows(), *preset_rows()]
