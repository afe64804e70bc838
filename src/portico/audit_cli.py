"""``portico audit``: searching the trail, taking it out, and verifying it, with the database or without."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from portico.admin.audit import ExportFormat
from portico.audit.sealing.chain import Head
from portico.audit.sealing.file_verifier import verify_file
from portico.audit.sealing.heads import DEPLOYMENT_WORD, read_head, write_head
from portico.audit.sealing.verifier import Verified, verify_database
from portico.audit.sealing.walk import Finding
from portico.audit.search.model import Filter, FoundEvent, Named
from portico.house import House
from portico.kernel.errors import Misconfigured
from portico.terminal import Config, open_settings, with_house

T = TypeVar("T")
SHOWN = 100
"""How many findings are written out; of more their number is told."""

audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The audit trail: search, export, verify.")
Organization = Annotated[
    str, typer.Option(help=f"Only what concerns this organization; {DEPLOYMENT_WORD}: what concerns none.")
]
Kind = Annotated[str, typer.Option(help="Only events of this kind, or of all that begin so, as session.")]
Subject = Annotated[str, typer.Option(help="Only events about the account with this id.")]
Actor = Annotated[str, typer.Option(help="Only events caused by the account with this id.")]
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
From = Annotated[datetime | None, typer.Option("--from", formats=_FORMATS, help="Only from this instant on, in UTC.")]
Until = Annotated[datetime | None, typer.Option("--to", formats=_FORMATS, help="Only before this instant, in UTC.")]


@audit.command()
def search(
    *,
    config: Config = None,
    organization: Organization = "",
    kind: Kind = "",
    subject: Subject = "",
    actor: Actor = "",
    since: From = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
) -> None:
    """List what happened, newest first."""
    sought = _filter(organization, kind, subject, actor, since, until)
    for event in _with_house(config, lambda house: house.trail_reading.search(sought, limit=limit)):
        typer.echo(_told(event))


@audit.command()
def export(
    *,
    file: Annotated[Path, typer.Argument(help="Where to write it; - for standard output.")],
    config: Config = None,
    form: Annotated[
        ExportFormat, typer.Option("--format", help="jsonl can be verified, csv read.")
    ] = ExportFormat.JSONL,
    organization: Organization = "",
    kind: Kind = "",
    subject: Subject = "",
    actor: Actor = "",
    since: From = None,
    until: Until = None,
) -> None:
    """Write what happened to a file; that this was done is recorded."""
    sought = _filter(organization, kind, subject, actor, since, until)

    async def work(house: House) -> None:
        await _write(file, await house.trail_reading.export(None, form, sought))

    _with_house(config, work)
    if str(file) != "-":
        typer.echo(f"{file} is written.", err=True)


@audit.command()
def verify(
    config: Config = None,
    file: Annotated[Path | None, typer.Option(help="An export in JSON lines; no database is needed.")] = None,
    head: Annotated[
        list[str] | None, typer.Option(help="A head noted down earlier; may be given several times.")
    ] = None,
) -> None:
    """Prove that nothing recorded was altered, removed or added; say what was, and where the chains end."""
    noted = [read_head(text) for text in head or ()]
    told = Verified()
    found = _tell(verify_file_at(file, noted, told)) if file else _with_house(config, _verifier(noted, told))
    for each in told.heads:
        typer.echo(f"head  {write_head(each)}")
    waiting = f"; events not sealed yet: {told.unsealed:,}" if told.unsealed else ""
    typer.echo(f"Links verified: {told.links:,}; chains: {len(told.heads):,}{waiting}.")
    if found:
        typer.echo(f"The trail is not as it was sealed; findings: {found:,}.", err=True)
        sys.exit(1)
    typer.echo("Nothing was altered.")


def verify_file_at(path: Path, noted: Sequence[Head], told: Verified) -> Iterator[Finding]:
    """What is wrong with an export."""
    try:
        with path.open("rb") as file:
            yield from verify_file(file, noted, told)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from error


def _verifier(noted: Sequence[Head], told: Verified) -> Callable[[House], Awaitable[int]]:
    async def work(house: House) -> int:
        found = 0
        async for finding in verify_database(house.database, noted, told):
            found += 1
            _show(finding, found)
        return found

    return work


def _tell(findings: Iterator[Finding]) -> int:
    found = 0
    for finding in findings:
        found += 1
        _show(finding, found)
    return found


def _show(finding: Finding, number: int) -> None:
    if number <= SHOWN:
        typer.echo(f"{finding.flaw.value:<10}  {finding.sentence}", err=True)
    elif number == SHOWN + 1:
        typer.echo("and more, which are only counted", err=True)


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> None:
    try:
        with nullcontext(sys.stdout.buffer) if str(path) == "-" else path.open("wb") as out:
            async for piece in pieces:
                out.write(piece)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}") from error


def _filter(
    organization: str, kind: str, subject: str, actor: str, since: datetime | None, until: datetime | None
) -> Filter:
    return Filter(
        organization_id="" if organization == DEPLOYMENT_WORD else organization or None,
        kind=kind,
        subject_id=subject,
        actor_id=actor,
        since=since.replace(tzinfo=UTC) if since else None,
        until=until.replace(tzinfo=UTC) if until else None,
    )


def _told(event: FoundEvent) -> str:
    """An event on one line."""
    details = " ".join(f"{name}={value}" for name, value in event.details.items())
    parts = (f"{event.at:%Y-%m-%d %H:%M:%S}", event.id, event.kind, _who("", event.subject), _who("by ", event.actor))
    return "  ".join(part for part in (*parts, details) if part)


def _who(word: str, person: Named | None) -> str:
    if person is None:
        return ""
    return f"{word}{person.id}" + (f" ({person.name}, {person.address})" if person.name is not None else "")


def _with_house(config: Path | None, work: Callable[[House], Awaitable[T]]) -> T:
    """Open the house, do one thing, close it."""
    return with_house(open_settings(config, log_level="warning"), work)
