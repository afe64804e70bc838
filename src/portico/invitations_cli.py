"""``portico invitations``: inviting people to an organization from the command line, one or a file of them."""

import csv
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from portico.house import House
from portico.kernel.errors import Misconfigured, NotFound
from portico.kernel.tokens import is_id
from portico.logs import configure_logs
from portico.organizations.invitations.model import Invitation, InvitationStatus, InviteOutcome, Offer
from portico.organizations.invitations.service import Line
from portico.organizations.model import MemberType, Role
from portico.organizations.rules import AT_THE_MACHINE
from portico.people_import.lines import Line as FileLine
from portico.people_import.lines import open_file, read_lines
from portico.terminal import Config, columns, open_settings, with_house

_BATCH = 100
_HEADING = "address"
_UNBACKED = "unbacked"
"""What an invitation is called in the list that nobody stands for any more."""

invitations = typer.Typer(no_args_is_help=True, help="Invitations to an organization: send, list, take back.")
Named = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization, by its name or its id.")]


@invitations.command("send")
def send(
    organization: Named,
    address: Annotated[str, typer.Argument(help="The mail address; leave it out with --file.")] = "",
    config: Config = None,
    file: Annotated[
        Path | None,
        typer.Option(help="One person a line: the address, and behind commas member type, role and language, if any."),
    ] = None,
    member_type: Annotated[MemberType, typer.Option("--type", help="What they will be there.")] = MemberType.STAFF,
    role: Annotated[Role, typer.Option(help="What they will be allowed to do there.")] = Role.MEMBER,
    language: Annotated[str, typer.Option(help="The language of the mail, where they have chosen none.")] = "",
) -> None:
    """Invite an address, or everybody in a file; says of each line what became of it."""
    if bool(address) == (file is not None):
        raise Misconfigured("name either an address or a file")
    offer = Offer(member_type=member_type, role=role, language=language)
    settings = open_settings(config)

    async def work(house: House) -> Counter[InviteOutcome]:
        house.invitations.require_language(offer.language)
        if file is None:
            await house.invitations.invite(AT_THE_MACHINE, await _find_id(house, organization), address, offer)
            return Counter({InviteOutcome.INVITED: 1})
        configure_logs(settings.log_format, "warning")  # an event for each of many people tells nobody anything
        return await _invite_file(house, await _find_id(house, organization), file, offer)

    counts = with_house(settings, work)
    told = ", ".join(f"{count} {outcome.value}" for outcome, count in sorted(counts.items())) or "nobody"
    typer.echo(f"All together: {told}.")


@invitations.command("list")
def list_command(
    organization: Named,
    config: Config = None,
    status: Annotated[InvitationStatus | None, typer.Option(help="Only those that have come to this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
) -> None:
    """List an organization's invitations, newest first."""

    async def work(house: House) -> list[tuple[str, ...]]:
        now = house.clock.now()
        found = await house.invitations.list_invitations(
            await _find_id(house, organization), status=status, limit=limit
        )
        unbacked = await house.invitations.find_unbacked(found)
        return [_row(one, _UNBACKED if one.id in unbacked else one.status(now).value) for one in found]

    rows = with_house(open_settings(config), work)
    for line in columns([("id", "sent", "status", "type", "role", "mails", "to"), *rows]):
        typer.echo(line)


@invitations.command("revoke")
def revoke(
    organization: Named,
    invitation_id: Annotated[str, typer.Argument(help="The id of the invitation.")],
    config: Config = None,
) -> None:
    """Take an invitation back; its link is dead from then on."""

    async def work(house: House) -> Invitation:
        organization_id = await _find_id(house, organization)
        return await house.invitations.revoke(AT_THE_MACHINE, organization_id, invitation_id)

    revoked = with_house(open_settings(config), work)
    typer.echo(f"The invitation of {revoked.address} is taken back.")


async def _find_id(house: House, named: str) -> str:
    """The id of an organization by its id or its name; raises NotFound."""
    if is_id(named):
        return named
    found = await house.organization_changes.find_by_name(named)
    if found is None:
        raise NotFound(f"there is no organization called {named}")
    return found.id


async def _invite_file(house: House, organization_id: str, file: Path, offer: Offer) -> Counter[InviteOutcome]:
    """Invite everybody in a file, a batch at a time, and say of each line what became of it."""
    counts: Counter[InviteOutcome] = Counter()
    async for lines in _batches(file, offer):
        reports = await house.invitations.invite_all(AT_THE_MACHINE, organization_id, lines, counts_together=False)
        for report in reports:
            typer.echo(f"{report.line}  {report.outcome.value}  {report.address}")
            counts[report.outcome] += 1
    return counts


async def _batches(file: Path, offer: Offer) -> AsyncIterator[list[Line]]:
    with open_file(file) as stream:
        lines = _read(read_lines(stream), offer)
        while batch := list(islice(lines, _BATCH)):
            yield batch


def _read(found: Iterator[FileLine], offer: Offer) -> Iterator[Line]:
    """The people in a file; empty lines, notes that begin with ``#`` and a heading are passed over."""
    for line in found:
        try:
            text = None if line.data is None else line.data.decode().removeprefix("\ufeff").strip()
        except UnicodeDecodeError:
            text = None
        if text is None:
            yield Line(number=line.number, address="", offer=None)
        elif text and not text.startswith("#") and not (line.number == 1 and text.lower().startswith(_HEADING)):
            yield _person(line.number, text, offer)


def _person(number: int, text: str, offer: Offer) -> Line:
    """One person; what is not said of them is as it is for all."""
    try:
        address, *said = [cell.strip() for cell in next(csv.reader([text], strict=True))]
        member_type, role, language, *more = [*said, *("" for _ in range(3 - len(said)))]
        theirs = Offer(
            member_type=MemberType(member_type) if member_type else offer.member_type,
            role=Role(role) if role else offer.role,
            language=language or offer.language,
        )
    except (ValueError, csv.Error):
        return Line(number=number, address=text, offer=None)
    return Line(number=number, address=address, offer=None if any(more) else theirs)


def _row(invitation: Invitation, status: str) -> tuple[str, ...]:
    return (
        invitation.id,
        f"{invitation.created_at:%Y-%m-%d %H:%M}",
        status,
        invitation.member_type.value,
        invitation.role.value,
        str(invitation.mails),
        invitation.address,
    )
