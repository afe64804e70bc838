"""``portico policies``: what organizations ask of their members, looked at and changed at the machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from portico.ground import PACKAGE
from portico.house import House
from portico.kernel.errors import NotFound
from portico.kernel.messages import DEFAULT_LANGUAGE, Catalogues, message
from portico.kernel.tokens import is_id
from portico.organizations.model import MemberType, Organization
from portico.organizations.policies.model import (
    Draft,
    FieldChange,
    HistoryEntry,
    Preview,
    TypePolicies,
    UnfitPolicyValue,
)
from portico.organizations.policies.reference import FIELDS, FieldInfo, FieldKind
from portico.organizations.policies.rules import list_changes, read_fields
from portico.organizations.policy import NOTHING_ASKED, Mfa, PolicyFields, PolicyVersion, Preset, preset_fields
from portico.organizations.rules import AT_THE_MACHINE
from portico.terminal import Config, columns, open_settings, with_house

_OFF = frozenset({"off", "no", "false"})
_ON = frozenset({"on", "yes", "true"})
_BY_NAME = {info.name: info for info in FIELDS}

policies = typer.Typer(no_args_is_help=True, help="Policies: what organizations ask of each type of member.")
Named = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization, by its name or its id.")]
Type = Annotated[MemberType, typer.Argument(metavar="TYPE", help="provider, staff, patient or guest.")]
PresetOption = Annotated[
    Preset | None, typer.Option("--preset", help="Start from this; otherwise from the newest version.")
]
SetOption = Annotated[
    list[str], typer.Option("--set", metavar="FIELD=VALUE", help="Set a field; may be given several times.")
]
FromOption = Annotated[
    datetime | None, typer.Option("--from", help="From when on, in UTC; otherwise in two weeks, a rehearsal at once.")
]
AtOnceOption = Annotated[bool, typer.Option("--at-once", help="From now on.")]
RehearsalOption = Annotated[bool, typer.Option("--rehearsal", help="Only note what would be asked of whom.")]
BasedOnOption = Annotated[
    int | None, typer.Option("--based-on", min=0, help="The newest version you saw; otherwise the newest there is.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for those who look at the history.")]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed about a new version."""

    preset: Preset | None
    settings: Sequence[str]
    since: datetime | None
    at_once: bool
    rehearsal: bool
    based_on: int | None = None
    reason: str = ""

    def draft(self, current: TypePolicies, newest: PolicyFields) -> Draft:
        """The version this comes to. Raises UnknownPolicyField, UnfitPolicyValue."""
        values = dict(map(_read_setting, self.settings))
        mfa = read_fields({"mfa": values["mfa"]}).mfa if "mfa" in values else Mfa.OFF
        start = preset_fields(self.preset, mfa=mfa) if self.preset else newest
        return Draft(
            fields=read_fields(values, start),
            based_on=current.newest if self.based_on is None else self.based_on,
            enforced_from=self.since.replace(tzinfo=UTC) if self.since else None,
            at_once=self.at_once,
            rehearsal=self.rehearsal,
            reason=self.reason,
        )


@policies.command("show")
def show(
    organization: Named,
    member_type: Annotated[
        MemberType | None, typer.Argument(metavar="[TYPE]", help="Only this type, with its history.")
    ] = None,
    config: Config = None,
) -> None:
    """Show what an organization asks, now, next and in rehearsal."""

    async def work(house: House) -> tuple[list[TypePolicies], list[HistoryEntry]]:
        found = await find_organization(house, organization)
        current = await house.policies.list_current(found.id)
        history = await house.policies.list_history(found.id, member_type) if member_type else []
        return current, history

    current, history = with_house(open_settings(config), work)
    if member_type is None:
        _tell_overview(current)
    else:
        _tell_type(next(one for one in current if one.member_type is member_type), history)


@policies.command("fields")
def show_fields() -> None:
    """List every field: what it takes, what it asks, what it costs; and the presets."""
    for info in FIELDS:
        feature = f", needs the feature {info.feature.value}" if info.feature else ""
        typer.echo(f"{info.name}: {_takes(info)}; {_written(info.default)} unless it is set{feature}")
        typer.echo(f"  {_said(info.asks)}")
        for value, code in info.costs.items():
            typer.echo(f"  {value + ': ' if value else ''}{_said(code)}")
    typer.echo("\nPresets:")
    for preset in Preset:
        typer.echo(f"{preset.value}: {_said(f'policy.preset.{preset.value}')}")
        typer.echo(f"  {_listed(preset_fields(preset))}")


@policies.command("preview")
def preview(
    organization: Named,
    member_type: Type,
    *,
    config: Config = None,
    preset: PresetOption = None,
    settings: SetOption = [],  # noqa: B006 - typer copies it
    since: FromOption = None,
    at_once: AtOnceOption = False,
    rehearsal: RehearsalOption = False,
) -> None:
    """Show whom a version would concern, and what it costs; change nothing."""
    wish = Wish(preset, settings, since, at_once, rehearsal)

    async def work(house: House) -> tuple[tuple[FieldChange, ...], Preview]:
        found, newest, draft = await _prepare(house, organization, member_type, wish)
        return list_changes(newest, draft.fields), await house.policies.preview(found.id, member_type, draft)

    changes, seen = with_house(open_settings(config), work)
    for change in changes:
        typer.echo(f"{change.field}: {_written(change.before)} -> {_written(change.after)}")
        typer.echo(f"  {_cost(change)}")
    _tell_preview(seen)
    for line in columns([("account", "name", "Portico ID", "why"), *_people(seen)]) if seen.people else ():
        typer.echo(line)
    if seen.after:
        typer.echo("... and more")


@policies.command("save")
def save(
    organization: Named,
    member_type: Type,
    *,
    config: Config = None,
    preset: PresetOption = None,
    settings: SetOption = [],  # noqa: B006 - typer copies it
    since: FromOption = None,
    at_once: AtOnceOption = False,
    rehearsal: RehearsalOption = False,
    based_on: BasedOnOption = None,
    reason: ReasonOption = "",
) -> None:
    """Save a new version, and say whom it concerns."""
    wish = Wish(preset, settings, since, at_once, rehearsal, based_on, reason)

    async def work(house: House) -> tuple[Organization, PolicyVersion, Preview]:
        found, _newest, draft = await _prepare(house, organization, member_type, wish)
        seen = await house.policies.preview(found.id, member_type, draft)
        return found, await house.policies.save(found.id, member_type, draft, AT_THE_MACHINE), seen

    found, saved, seen = with_house(open_settings(config), work)
    _tell_preview(seen)
    what = "rehearsed" if saved.rehearsal else "enforced"
    typer.echo(
        f"Version {saved.number} for {saved.member_type.value} of {found.name} is {what} from "
        f"{_day(saved.enforced_from)} on: {_listed(saved.fields)}."
    )


@policies.command("withdraw")
def withdraw(
    organization: Named,
    member_type: Type,
    *,
    config: Config = None,
    based_on: BasedOnOption = None,
    reason: ReasonOption = "",
) -> None:
    """Take back what is announced or rehearsed; what is in force stays."""

    async def work(house: House) -> PolicyVersion:
        found = await find_organization(house, organization)
        current = await house.policies.get_current(found.id, member_type)
        number = current.newest if based_on is None else based_on
        return await house.policies.withdraw(
            found.id, member_type, based_on=number, reason=reason, actor=AT_THE_MACHINE
        )

    saved = with_house(open_settings(config), work)
    typer.echo(f"Withdrawn. Version {saved.number} is in force: {_listed(saved.fields)}.")


async def find_organization(house: House, named: str) -> Organization:
    """An organization by its id or its name; raises NotFound."""
    if is_id(named):
        return await house.organizations.get_organization(house.database, named)
    found = await house.organizations.find_by_name(house.database, named)
    if found is None:
        raise NotFound(f"there is no organization called {named}")
    return found


async def _prepare(
    house: House, named: str, member_type: MemberType, wish: Wish
) -> tuple[Organization, PolicyFields, Draft]:
    """The organization, the fields of its newest version and the draft."""
    found = await find_organization(house, named)
    current = await house.policies.get_current(found.id, member_type)
    entries = await house.policies.list_history(found.id, member_type, limit=1)
    newest = entries[0].version.fields if entries else NOTHING_ASKED
    return found, newest, wish.draft(current, newest)


def _read_setting(typed: str) -> tuple[str, Any]:
    """A field and its value as they are typed: ``max_age_days=off``, ``reminder_days=10,3,1``, ``composition=on``."""
    name, separator, value = (part.strip() for part in typed.partition("="))
    if not separator:
        raise UnfitPolicyValue(f"write FIELD=VALUE, not {typed}", field=name[:64])
    info = _BY_NAME.get(name)
    if info is None:
        return name, value
    if info.kind is FieldKind.NUMBER and value.lower() in _OFF:
        return name, info.default
    if info.kind in {FieldKind.NUMBERS, FieldKind.CHOICES}:
        return name, [] if value.lower() in _OFF else [part.strip() for part in value.split(",") if part.strip()]
    if info.kind is FieldKind.FLAG:
        return name, value.lower() in _ON if value.lower() in _ON | _OFF else value
    return name, value


def _tell_overview(current: Sequence[TypePolicies]) -> None:
    rows: list[tuple[str, ...]] = [("type", "newest", "in force", "announced", "rehearsed")]
    rows += [
        (one.member_type.value, str(one.newest), *map(_short, (one.enforced, one.announced, one.rehearsed)))
        for one in current
    ]
    for line in columns(rows):
        typer.echo(line)


def _tell_type(current: TypePolicies, history: Sequence[HistoryEntry]) -> None:
    for what, version in (
        ("In force", current.enforced),
        ("Announced", current.announced),
        ("Rehearsed", current.rehearsed),
    ):
        typer.echo(f"{what}: {_short(version)}{': ' + _listed(version.fields) if version else ''}")
    rows: list[tuple[str, ...]] = [("version", "state", "saved", "from", "by", "changes", "reason")]
    rows += [
        (
            str(entry.version.number),
            entry.state.value,
            _day(entry.version.created_at),
            _day(entry.version.enforced_from),
            entry.by or "-",
            ", ".join(f"{each.field} {_written(each.before)} -> {_written(each.after)}" for each in entry.changes)
            or "nothing",
            entry.version.reason,
        )
        for entry in history
    ]
    for line in columns(rows) if history else ():
        typer.echo(line)


def _tell_preview(seen: Preview) -> None:
    counts = seen.counts
    typer.echo(
        f"{counts.to_act} of {counts.members} members would have to act by {_day(seen.at)}: password too old "
        f"{counts.too_old}, to be changed {counts.to_change}, no password {counts.no_password}, no second factor "
        f"{counts.no_second_factor}. They have {seen.open_sessions} open sessions."
    )


def _people(seen: Preview) -> Iterator[tuple[str, ...]]:
    for one in seen.people:
        yield one.account_id, one.name, one.handle, " ".join(why.value for why in one.why)


def _short(version: PolicyVersion | None) -> str:
    return f"{version.number} from {_day(version.enforced_from)}" if version else "-"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _listed(fields: PolicyFields) -> str:
    """What fields ask, in short."""
    changes = list_changes(NOTHING_ASKED, fields)
    return ", ".join(f"{change.field}={_written(change.after)}" for change in changes) or "nothing"


def _written(value: Any) -> str:
    """A value as it can be typed."""
    if value is None or value is False or value == ():
        return "off"
    if value is True:
        return "on"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _takes(info: FieldInfo) -> str:
    """What a field takes, in short."""
    match info.kind:
        case FieldKind.FLAG:
            return "on or off"
        case FieldKind.NUMBER:
            return f"{info.minimum} to {info.maximum}{', or off' if info.may_be_off else ''}"
        case FieldKind.NUMBERS:
            return f"up to {info.items} of {info.minimum} to {info.maximum}, with commas"
        case FieldKind.CHOICE:
            return " or ".join(info.choices)
        case FieldKind.CHOICES:
            return f"one or more of {', '.join(info.choices)}, with commas"


def _cost(change: FieldChange) -> str:
    costs = _BY_NAME[change.field].costs
    code = costs.get("") or costs.get(str(change.after))
    return _said(code) if code else "It costs nothing."


def _said(code: str) -> str:
    return Catalogues(PACKAGE / "locale").text(message(code), DEFAULT_LANGUAGE)
